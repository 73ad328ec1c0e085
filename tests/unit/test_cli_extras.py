"""The command names the extra that brings what is missing."""

from __future__ import annotations

import subprocess
import sys

RUN_WITHOUT = """
import sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names!r} or name == {names!r}[0]:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Hidden())
from kalshi_ext.cli import main

main({words!r})
"""


def run_without(names: tuple[str, ...], *words: str) -> subprocess.CompletedProcess[str]:
    """Call the command in a process where some packages look as if they were not installed."""
    code = RUN_WITHOUT.format(names=names, words=list(words))
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_a_sandbox_without_its_extra_says_what_to_install() -> None:
    done = run_without(("uvicorn",), "sandbox", "--port", "0")
    assert done.returncode == 1
    assert "pip install 'kalshi-ext[sandbox]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_module_of_ours_that_is_missing_is_not_taken_for_an_extra() -> None:
    done = run_without(("kalshi_ext.drift.commands",), "drift", "x.yaml")
    assert done.returncode == 1
    assert "No module named 'kalshi_ext.drift.commands'" in done.stderr
    assert "pip install" not in done.stderr
