"""What an import brings: the client does not pay for the tools beside it."""

from __future__ import annotations

import re
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
    assert CLIENT - {"httpx"} <= modules
    assert not modules & (TOOLS | THEIRS | GENERATED)


CONSTRUCT = """
import httpx
from kalshi_ext import Kalshi
def answer(request): return httpx.Response(200, json=dict(orders=[], fills=[]))
client = Kalshi(contract=CONTRACT, bearer_token="t", transport=httpx.MockTransport(answer))
"""
PARTS = re.compile(r"(?:kalshi_portfolio|kalshi_classic)\.(?:models\.|api\.\w+\.)(\w+)")


def construct(contract: str) -> str:
    """Return the program that makes a client, for one contract."""
    return CONSTRUCT.replace("CONTRACT", repr(contract))


def generated_parts(statement: str) -> set[str]:
    """Return the generated models and operations that a statement brings."""
    return {found[1] for name in brought(statement) if (found := PARTS.fullmatch(name))}


@pytest.mark.parametrize(
    ("contract", "package"), [("current", "kalshi_portfolio"), ("classic", "kalshi_classic")]
)
def test_a_client_brings_the_generated_package_of_its_contract_only(
    contract: str, package: str
) -> None:
    modules = brought(construct(contract))
    assert modules & GENERATED == {package}
    assert not modules & (TOOLS | THEIRS)


def test_a_client_brings_neither_sqlite_nor_time_zones_before_a_journal_or_a_pause_needs_them() -> (
    None
):
    assert not brought(construct("current")) & {"sqlite3", "zoneinfo", "kalshi_ext.journal.sqlite"}


@pytest.mark.parametrize("contract", ["current", "classic"])
def test_a_client_that_made_no_call_brings_no_generated_model_and_no_operation(
    contract: str,
) -> None:
    assert generated_parts(construct(contract)) == set()


@pytest.mark.parametrize(
    ("contract", "call", "operation"),
    [
        ("current", "orders.list().all()", "get_orders"),
        ("current", "portfolio.fills().all()", "get_fills"),
        ("classic", "orders.list().all()", "get_orders"),
        ("classic", "portfolio.fills().all()", "get_fills"),
    ],
)
def test_a_call_brings_its_own_operation_and_what_that_one_imports(
    contract: str, call: str, operation: str
) -> None:
    package = {"current": "kalshi_portfolio", "classic": "kalshi_classic"}[contract]
    called = generated_parts(f"{construct(contract)}client.{call}")
    alone = generated_parts(f"import {package}.api.{call.partition('.')[0]}.{operation}\n")
    assert operation in called
    assert called == alone


def test_the_command_lists_its_subcommands_without_importing_them() -> None:
    modules = brought(
        "from kalshi_ext.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass"
    )
    assert not modules & (THEIRS | CLIENT | (TOOLS - {"kalshi_ext.cli"}))
