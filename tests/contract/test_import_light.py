"""What an import brings: the client does not pay for the tools beside it."""

from __future__ import annotations

import subprocess
import sys

import pytest

TOOLS = {"kalshi_ext.sandbox", "kalshi_ext.drift", "kalshi_ext.cli"}
THEIRS = {"ruamel", "ruamel.yaml", "starlette", "uvicorn", "trustme", "psycopg", "pytest"}
CLIENT = {"httpx", "kalshi_ext.session", "kalshi_ext.contracts", "kalshi_ext.models"}
GENERATED = {"kalshi_portfolio", "kalshi_classic"}


def brought(statement: str) -> set[str]:
    """Return the modules a new interpreter holds after a statement."""
    code = f"{statement}\nimport sys\nprint(*sys.modules, sep='\\n')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_errors_come_without_the_client() -> None:
    modules = brought("from kalshi_ext import KalshiError, OutcomeUnknown")
    assert not modules & (TOOLS | THEIRS | CLIENT | GENERATED)


@pytest.mark.parametrize("name", ["Kalshi", "AsyncKalshi"])
def test_the_client_comes_without_the_tools(name: str) -> None:
    modules = brought(f"from kalshi_ext import {name}")
    assert "httpx" in modules
    assert not modules & (TOOLS | THEIRS | GENERATED)


@pytest.mark.parametrize(
    ("contract", "package"), [("current", "kalshi_portfolio"), ("classic", "kalshi_classic")]
)
def test_a_client_brings_the_generated_package_of_its_contract_only(
    contract: str, package: str
) -> None:
    modules = brought(f"from kalshi_ext import Kalshi\nKalshi(contract={contract!r}).close()")
    assert modules & GENERATED == {package}
    assert not modules & (TOOLS | THEIRS)


def test_the_command_lists_its_subcommands_without_importing_them() -> None:
    modules = brought(
        "from kalshi_ext.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass"
    )
    assert not modules & (THEIRS | CLIENT | (TOOLS - {"kalshi_ext.cli"}))
