"""docs/sandbox.md lists the faults, their parameters and the fixtures that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kalshi_ext.sandbox.faults import CATALOGUE
from kalshi_ext.testing import plugin

PAGE = (Path(__file__).parents[3] / "docs" / "sandbox.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(\w+)` \| (.+?) \| (.*?) ?\|$", re.MULTILINE)
ROWS = {kind: (does, parameters) for kind, does, parameters in ROW.findall(PAGE)}


def test_the_page_lists_exactly_the_faults_there_are() -> None:
    assert set(ROWS) == set(CATALOGUE)


@pytest.mark.parametrize("kind", CATALOGUE)
def test_a_row_names_the_parameters_of_its_fault(kind: str) -> None:
    parameters = re.findall(r"`(\w+)`", ROWS[kind][1])
    assert set(parameters) == set(CATALOGUE[kind].parameters)


def test_the_page_names_every_fixture() -> None:
    fixtures = {name for name in vars(plugin) if name.startswith("kalshi_")}
    assert fixtures - {name for name in fixtures if f"`{name}`" in PAGE} == {
        "kalshi_exchange_process"
    }
