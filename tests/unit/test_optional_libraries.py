"""Costly libraries load only when used; a missing one is named with the extra that brings it."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROBE = "import sys; {code}; print({module!r} in sys.modules)"


@pytest.mark.parametrize(
    ("code", "module", "loaded"),
    [
        (
            "from kalshi_ext.transport.signing import signer; signer(bearer_token='abc')",
            "cryptography",
            False,
        ),
        ("import kalshi_ext.transport.keys", "cryptography", False),
        ("import kalshi_ext.values", "dateutil", False),
        ("from kalshi_ext.values import moment; moment('2026-01-01T00:00Z')", "dateutil", True),
        ("import kalshi_ext.config, kalshi_ext.values, kalshi_ext.redact", "httpx", False),
    ],
)
def test_costly_libraries_load_only_when_used(code: str, module: str, loaded: bool) -> None:
    probe = PROBE.format(code=code, module=module)
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == str(loaded)


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
