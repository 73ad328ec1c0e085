"""What a new client brings with it: no library, no contract and no model that it may never use."""

from __future__ import annotations

import subprocess
import sys

import pytest

# Beside them stand the modules that cost most where a machine has no use for them.
NEVER = (
    *("httpx", "httpx2", "httpcore", "anyio", "sniffio", "h11", "trio", "certifi", "msgspec"),
    *("cryptography", "sqlite3", "psycopg", "dateutil", "opentelemetry", "click"),
    *("tempfile", "shutil", "http.client", "urllib.request"),
    *("kalshi_classic", "kalshi_ext.contracts.classic", "kalshi_ext.sandbox", "kalshi_ext.drift"),
    *("kalshi_ext.cli", "kalshi_ext.otel", "kalshi_ext.probe", "kalshi_ext.testing"),
)
SYNC = "import kalshi_ext; kalshi_ext.Kalshi(bearer_token='t')"
ASYNC = "import kalshi_ext; kalshi_ext.AsyncKalshi(bearer_token='t')"


def modules_after(statement: str) -> set[str]:
    """Return the names of the modules that a new interpreter has after a statement."""
    script = f"{statement}\nimport sys; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    # What the environment's own start brings (a coverage hook, a path file) is nobody's choice.
    bare = subprocess.run(
        [sys.executable, "-c", "import sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(ran.stdout.split()) - set(bare.stdout.split())


@pytest.fixture(scope="module")
def sync_modules() -> set[str]:
    return modules_after(SYNC)


def test_a_sync_client_imports_neither_asyncio_nor_the_async_half(sync_modules: set[str]) -> None:
    asynchronous = {name for name in sync_modules if "async" in name}
    assert asynchronous == set()


def test_an_async_client_imports_no_sync_client() -> None:
    modules = modules_after(ASYNC)
    assert "asyncio" in modules
    assert {name for name in modules if name.startswith("kalshi_ext._sync")} == set()
    assert modules.isdisjoint(NEVER)


def test_a_client_imports_no_library_that_it_may_never_use(sync_modules: set[str]) -> None:
    assert "kalshi_ext._sync.client" in sync_modules
    assert sync_modules.isdisjoint(NEVER)


def test_a_client_imports_no_generated_model(sync_modules: set[str]) -> None:
    models = {name for name in sync_modules if name.startswith("kalshi_portfolio.models.")}
    assert models == set()


def test_the_package_alone_imports_little_more_than_its_errors() -> None:
    modules = {name for name in modules_after("import kalshi_ext") if name.startswith("kalshi_")}
    assert modules <= {f"kalshi_ext{name}" for name in ("", ".errors", ".redact", ".spellings")}


@pytest.mark.parametrize(
    "statement",
    [
        "client.request('GET', '/x')",
        "client.orders.place('T', side='bid', count=1, price='0.5')",
        "client.portfolio.fills().all()",
    ],
)
def test_a_connection_that_fails_imports_no_http_library(statement: str) -> None:
    """Its import takes longer than a round trip, and needs files where none may be left."""
    script = f"""
import kalshi_ext, sys
client = kalshi_ext.Kalshi(
    bearer_token='t', environment='http://127.0.0.1:9', policy=kalshi_ext.Policy(attempts=1)
)
try:
    {statement}
except kalshi_ext.NotSent as error:
    assert 'ConnectError' in str(error), error
"""
    modules = modules_after(script)
    assert modules.isdisjoint({"httpx", "httpcore", "certifi"})


def test_making_a_client_compiles_no_pattern_of_secrets() -> None:
    """There are many, and the first text from outside is soon enough."""
    count = "from kalshi_ext.redact import patterns; print(patterns.cache_info().currsize)"
    script = f"{SYNC}\n{count}"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "0"
