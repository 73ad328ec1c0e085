"""The README's table of what the exchange does: every row is executed, every switch is in it."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import attrs
import pytest

from kalshi_ext.sandbox.engine import Settings

TESTS = Path(__file__).resolve().parents[2]
README = TESTS.parent / "kalshi_ext" / "sandbox" / "engine" / "README.md"
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in README.read_text().partition("|---|")[2].splitlines()[1:]
    if line.startswith("|")
]
INTERNAL_SETTINGS = {"seed", "log_events"}
"""Settings that change no behaviour a client sees."""


@cache
def names_of_tests() -> set[str]:
    """Give the names, without test_, of every test of the engine and of the sandbox on the wire."""
    files = [*TESTS.glob("unit/sandbox_engine/test_*.py"), *TESTS.glob("wire/sandbox/test_*.py")]
    return {
        node.name.removeprefix("test_")
        for path in files
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:60])
def test_each_row_has_a_mark_and_tests_that_exist(row):
    behaviour, mark, tests = row
    assert behaviour
    assert set(re.findall(r"\b[DOA]\b", mark)), mark
    unknown = set(tests.split(", ")) - names_of_tests()
    assert tests
    assert unknown == set()


def test_every_switch_is_in_the_table_and_nothing_else_is_called_one():
    in_table = set(re.findall(r"`([a-z_]+)`", " ".join(row[0] for row in ROWS)))
    settings = {field.name for field in attrs.fields(Settings)} - INTERNAL_SETTINGS
    error_codes = {"invalid_order", "user_not_found", "invalid_price", "invalid_order_size"}
    assert settings - in_table == set()
    assert in_table - settings == error_codes | {"cancel_order_on_pause"}


def test_the_readme_stays_short():
    assert len(README.read_text().splitlines()) <= 40
