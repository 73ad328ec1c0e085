"""Costly libraries load only when used; a missing one is named with the extra that brings it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
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
    assert "pip install '.[sandbox]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_module_of_ours_that_is_missing_is_not_taken_for_an_extra() -> None:
    done = run_without(("kalshi_ext.drift.commands",), "drift", "x.yaml")
    assert done.returncode == 1
    assert "No module named 'kalshi_ext.drift.commands'" in done.stderr
    assert "pip install" not in done.stderr


def test_no_text_tells_a_user_to_install_a_name_that_is_not_ours() -> None:
    """The package is on no index: whoever registers its name there would be installed."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    wanted = re.compile(r"pip install[^\n]*kalshi[-_]ext|['\"]kalshi-ext\[\w+\]['\"]")
    texts = {
        name: (ROOT / name).read_text(encoding="utf-8", errors="replace")
        for name in listed.stdout.splitlines()
        if name.endswith((".py", ".md", ".yml", ".toml")) and not name.startswith("tests/")
    }
    assert len(texts) > 200
    assert [name for name, text in texts.items() if wanted.search(text)] == []


def test_telemetry_without_its_extra_says_what_to_install() -> None:
    code = RUN_WITHOUT.format(names=("opentelemetry",), words=[]).partition("from kalshi_ext")[0]
    code += "import kalshi_ext.otel"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "ImportError: kalshi_ext.otel needs opentelemetry-api" in done.stderr
    assert "pip install '.[otel]'" in done.stderr
