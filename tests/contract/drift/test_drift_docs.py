"""docs/drift.md: its python runs, its commands end as it says, its words exist."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest
from click import Option
from click.testing import CliRunner

from kalshi_ext.cli import main
from kalshi_ext.drift import limits
from kalshi_ext.drift.commands import drift
from kalshi_ext.drift.render import FORMATS
from kalshi_ext.drift.rules import RULES, Severity

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "docs" / "drift.md").read_text("utf-8")
SHELL = "\n".join(re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty directory after the page's python ran in it."""
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        from pages import blocks, run_block
    finally:
        sys.path.remove(str(ROOT / "scripts"))
    place, before = tmp_path_factory.mktemp("page"), Path.cwd()
    os.chdir(place)
    try:
        space: dict[str, object] = {"__name__": "page"}
        for block in blocks(TEXT):
            if block.runs:
                run_block(ROOT / "docs" / "drift.md", block, space)
    finally:
        os.chdir(before)
    return place


def test_commands_end_with_the_status_the_page_says(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    commands = re.findall(r"^kalshi-ext (drift tomorrow.*?)\s+# exits (\d)$", SHELL, re.MULTILINE)
    assert len(commands) >= 4
    for words, status in commands:
        assert CliRunner().invoke(main, words.split()).exit_code == int(status), words
    assert (folder / "drift.sarif").is_file()


def test_every_option_and_target_of_the_page_exists() -> None:
    known = {name for each in drift.params if isinstance(each, Option) for name in each.opts}
    assert set(re.findall(r"(?<![\w-])(--[a-z][a-z-]+)", TEXT)) <= known
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in set(re.findall(r"`make ([a-z-]+)", TEXT)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_every_format_severity_and_rule_of_the_page_exists() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", TEXT, re.MULTILINE)) == set(FORMATS)
    for severity in Severity:
        assert f"\n| {severity.value} |" in TEXT
    assert set(re.findall(r"rule: ([a-z-]+)", TEXT)) <= set(RULES)


def test_the_limits_of_the_page_are_those_of_the_reader() -> None:
    assert (limits.MAX_BYTES, limits.MAX_NODES, limits.MAX_DEPTH) == (4 * 2**20, 200_000, 100)
    assert "up to 4 MB, 200,000 values and 100 levels" in TEXT
