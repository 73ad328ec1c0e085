"""What a new client brings with it: no library, no contract and no model that it may never use."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

# Beside them stand the modules that cost most where a machine has no use for them.
NEVER = (
    *("httpx", "httpx2", "httpcore", "anyio", "sniffio", "h11", "trio", "certifi", "msgspec"),
    *("cryptography", "sqlite3", "psycopg", "dateutil", "opentelemetry", "click"),
    *("tempfile", "shutil", "http.client", "urllib.request"),
    *("kalshi_classic", "kalshi_ext.contracts.classic", "kalshi_ext.sandbox", "kalshi_ext.drift"),
    *("kalshi_ext.cli", "kalshi_ext.otel", "kalshi_ext.probe", "kalshi_ext.testing"),
    *("email", "kalshi_ext.risk", "kalshi_ext.budget", "kalshi_ext.transport.deadman"),
    *("kalshi_ext.protocol.windows", "kalshi_ext.protocol.tiers"),
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
    assert sync_modules.isdisjoint({"subprocess", "kalshi_ext.transport.side_by_side"})


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


WRITES_WITHOUT_IMPORTS = """
import sys, httpx, kalshi_ext
answers = iter([None, 429, 400, None])

def answer(request):
    if request.method == 'GET':
        return httpx.Response(200, json=dict(orders=[], fills=[]))
    status = next(answers, None)
    if status is None:
        raise httpx.ReadError('cut off')
    return httpx.Response(status, json=dict(code='order_already_exists', message='taken'))

client = kalshi_ext.Kalshi(
    bearer_token='t', transport=httpx.MockTransport(answer), {options}
    policy=kalshi_ext.Policy(attempts=2, signature_life=0, resolve_within=0.3, poll=0.1),
)

tried = []

class Shut:
    def find_spec(self, name, path=None, target=None):
        if name.startswith('kalshi_ext'):
            tried.append(name)
            raise OSError(24, 'Too many open files', name)

sys.meta_path.insert(0, Shut())
for call in (
    lambda: client.orders.place('T', side='bid', count=1, price='0.5'),
    lambda: client.orders.place('U', side='bid', count=1, price='0.5'),
    lambda: client.orders.cancel('o', ticker='T'),
    client.recover,
    lambda: client.stop(event_ticker='E', deadline=1.0),
    lambda: client.stop(deadline=1.0),
):
    try:
        call()
    except kalshi_ext.KalshiError as error:
        print(type(error).__name__)
assert not tried, tried
"""


@pytest.mark.parametrize(
    "options",
    ["", "limits=kalshi_ext.Limits(order_contracts=5),", "budget='budget.db',"],
    ids=["plain", "limits", "budget"],
)
def test_a_client_has_what_its_writes_need_before_the_first_of_them(
    options: str, tmp_path: Path
) -> None:
    """Whatever comes late may not come at all: where no file can be opened any more."""
    ran = subprocess.run(
        [sys.executable, "-c", WRITES_WITHOUT_IMPORTS.replace("{options}", options)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert ran.returncode == 0, ran.stderr


def test_making_a_client_compiles_no_pattern_of_secrets() -> None:
    """There are many, and the first text from outside is soon enough."""
    count = "from kalshi_ext.redact import patterns; print(patterns.cache_info().currsize)"
    script = f"{SYNC}\n{count}"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "0"


ORDERS_WITHOUT_MSGSPEC = """
import asyncio, sys, httpx, kalshi_ext

def answer(request):
    if request.method == 'GET':
        return httpx.Response(200, json=dict(orders=[], cursor=''))
    ack = dict(order_id='o', fill_count='0.00', remaining_count='1.00', ts_ms=1)
    return httpx.Response(201, json=ack)

class Shut:
    def find_spec(self, name, path=None, target=None):
        if name == 'msgspec':
            raise OSError(24, 'Too many open files', name)

sys.meta_path.insert(0, Shut())
options = dict(bearer_token='t', transport=httpx.MockTransport(answer))
order = dict(ticker='T', side='bid', count=1, price='0.5')
client = kalshi_ext.Kalshi(**options)
assert client.orders.place(**order).order_id == 'o'
assert list(client.orders.list()) == []

async def main():
    async with kalshi_ext.AsyncKalshi(**options) as client:
        assert (await client.orders.place(**order)).order_id == 'o'
        assert [row async for row in client.orders.list()] == []

asyncio.run(main())
"""


def test_an_order_is_answered_where_what_reads_it_fast_cannot_be_loaded() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", ORDERS_WITHOUT_MSGSPEC], capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
