"""docs/api.txt holds every public name, so that its diff shows what a change breaks for users."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from typing import Any

import pytest
from documents_for_spec import ROOT

import kalshi_ext
from kalshi_ext.contract.operations import OPERATIONS
from kalshi_ext.drift.check import Exit

SCRIPT = ROOT / "scripts" / "api_text.py"
TEXT = (ROOT / "docs" / "api.txt").read_text(encoding="utf-8")


def module() -> Any:
    spec = importlib.util.spec_from_file_location("api_text", SCRIPT)
    assert spec
    assert spec.loader
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_the_file_is_what_the_code_says_in_every_run() -> None:
    for seed in ("1", "2"):
        command = [sys.executable, str(SCRIPT), "--check"]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env={"PYTHONHASHSEED": seed}
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stdout


def test_every_public_name_is_there() -> None:
    first = {re.split(r"[ .(:]", line.removeprefix("class "))[0] for line in TEXT.splitlines()}
    assert set(kalshi_ext.__all__) <= first


def test_every_call_of_both_clients_is_there_with_its_signature() -> None:
    for word in {row.facade for row in OPERATIONS.values() if row.facade}:
        assert f"\nclient.{word}(" in TEXT, word
        assert re.search(rf"^(await )?client\.{re.escape(word)}\(", TEXT, re.MULTILINE), word
    assert "\nawait client.orders.place(ticker: str, *, " in TEXT


def test_every_exit_code_and_option_of_the_drift_check_is_there() -> None:
    for each in Exit:
        assert f"kalshi-ext drift: {int(each)} {each.name}\n" in TEXT
    assert "kalshi-ext drift --fail-on breaking|risky|" in TEXT


def test_nothing_of_the_machine_is_in_it() -> None:
    assert str(ROOT) not in TEXT
    assert not re.search(r" at 0x[0-9a-f]+|<function|<object", TEXT)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("def f(a: int) -> str: ...", "def f(a: int, b: int) -> str: ..."),
        ("def f(a: int) -> str: ...", "def f(a: str) -> str: ..."),
        ("def f(a: int) -> str: ...", "def f(a: int) -> int: ..."),
        ("def f(a: int = 1) -> str: ...", "def f(a: int = 2) -> str: ..."),
        ("def f(a: int) -> str: ...", "def f(*, a: int) -> str: ..."),
        ("class f:\n  a: int", "class f:\n  b: int"),
        ("class f:\n  def m(self) -> int: ...", "class f:\n  async def m(self) -> int: ..."),
        ("class f(Exception): ...", "class f(ValueError): ..."),
    ],
)
def test_what_breaks_a_program_changes_a_line(before: str, after: str) -> None:
    lines = module()._lines
    texts: list[list[str]] = []
    for source in (before, after):
        space: dict[str, Any] = {"__name__": "kalshi_ext.made_up"}
        exec(f"from __future__ import annotations\n{source}", space)
        texts.append(list(lines("f", space["f"])))
    assert texts[0] != texts[1]
