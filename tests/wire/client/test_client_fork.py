"""A client made before a fork belongs to the parent: the child is refused, and harmless."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from case_samples import only_in_sweeps

from kalshi_ext.sandbox import Sandbox

SCRIPT = Path(__file__).with_name("forked_client.py")
REFUSED = "Misuse forked=True"

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


@pytest.mark.parametrize(
    ("transport", "journal"),
    [
        *(("own", True), ("custom", False), ("async-own", True), ("async-custom", False)),
        *(pytest.param(name, False, marks=only_in_sweeps) for name in ("own", "async-own")),
    ],
)
def test_no_side_of_a_fork_gets_the_answers_of_the_other_and_the_parent_goes_on(
    transport: str, journal: bool, current_box: Sandbox, tmp_path: Path
) -> None:
    key_file = tmp_path / "key.pem"
    key_file.write_text(current_box.private_key)
    journal_file = str(tmp_path / "journal.db") if journal else ""
    arguments = [current_box.url, current_box.key_id, str(key_file), transport, journal_file]
    process = subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, timeout=120
    )
    assert process.returncode == 0, process.stderr
    sides = {row.pop("side"): row for row in map(json.loads, process.stdout.splitlines())}
    assert sides["parent"] == {"reads": {"own": 120}, "place": True}
    assert sides["child"] == {"reads": {REFUSED: 120}, "place": REFUSED}
    assert sides["after"] == {"status": 7, "reads": 20}


def test_the_child_makes_a_client_of_its_own(current_box: Sandbox, tmp_path: Path) -> None:
    key_file = tmp_path / "key.pem"
    key_file.write_text(current_box.private_key)
    script = """
        import os, sys
        from kalshi_ext import Kalshi
        url, key_id, key_file = sys.argv[1:]
        def client():
            return Kalshi(environment=url, key_id=key_id, private_key=key_file)
        with client() as parent:
            parent.portfolio.balance()
            child = os.fork()
            if child == 0:
                with client() as own:
                    own.portfolio.balance()
                os._exit(7)
            parent.portfolio.balance()
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    arguments: list[Any] = [current_box.url, current_box.key_id, key_file]
    lines = "\n".join(line[8:] for line in script.splitlines())
    process = subprocess.run(
        [sys.executable, "-c", lines, *map(str, arguments)],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert process.stdout == "7\n", process.stderr
