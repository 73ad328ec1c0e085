"""Which codec reads, which way is taken, and what is imported for it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import generate
import httpcore
import httpx
import pytest
from scripted_server import OK, TRANSPORT_CLIENTS, Connection, Server, open_client

import kalshi_ext.transport
from kalshi_ext import AsyncKalshi, Kalshi, KalshiAuth, Misuse, NotSent, Policy
from kalshi_ext.transport.async_pool import AsyncConnectionPool
from kalshi_ext.transport.codec import default_codec
from kalshi_ext.transport.codec_h11 import H11Reader
from kalshi_ext.transport.codec_httptools import HttptoolsReader
from kalshi_ext.transport.family import NAME, is_patched
from kalshi_ext.transport.pool import ConnectionPool
from kalshi_ext.transport.signing import signer

ROOM = Path(kalshi_ext.transport.__file__).parent


def test_httptools_reads_answers_and_h11_where_it_has_no_build(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert default_codec() is HttptoolsReader
    monkeypatch.setitem(sys.modules, "kalshi_ext.transport.codec_httptools", None)
    assert default_codec() is H11Reader


def test_one_module_names_the_http_library() -> None:
    naming = [
        path.name
        for path in ROOM.glob("*.py")
        if "import httpx\n"
        in path.read_text().replace("from kalshi_ext.transport.family import httpx\n", "")
    ]
    assert [name for name in naming if name != "family.py"] == []


@pytest.mark.parametrize("name", ["httpx", "httpx2"])
def test_the_variable_chooses_the_library_of_requests_and_transports(name: str) -> None:
    script = (
        "from kalshi_ext import Kalshi; from kalshi_ext.transport.family import httpx;"
        "from kalshi_ext.transport import DeadlineTransport;"
        "client = Kalshi(bearer_token='t'); print(httpx.__name__,"
        "issubclass(DeadlineTransport, httpx.HTTPTransport)); client.close()"
    )
    ran = python(script, KALSHI_EXT_HTTPX=name)
    assert (ran.stdout, ran.stderr) == (f"{name} True\n", "")


def test_another_name_in_the_variable_is_refused() -> None:
    ran = python("import kalshi_ext.transport.family", KALSHI_EXT_HTTPX="requests")
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1].endswith("KALSHI_EXT_HTTPX: must be one of httpx, httpx2")


def python(script: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, **variables}
    command = [sys.executable, "-c", script]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("family", ["httpx", "httpx2"])
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_transport_of_either_library_is_asked_in_its_own_language(family: str, kind: str) -> None:
    library = import_module(family)
    asked: list[Any] = []

    def answer(request: Any) -> Any:
        asked.append(request)
        return library.Response(200, json={"balance": 7, "portfolio_value": 1, "updated_ts": 1})

    transport = library.MockTransport(answer)
    if kind == "sync":
        with Kalshi(bearer_token="t", transport=transport) as client:
            assert client.portfolio.balance().balance == Decimal("0.07")
    else:
        assert asyncio.run(balance_of(transport)) == Decimal("0.07")
    assert {type(request) for request in asked} == {library.Request}
    assert {type(request.url) for request in asked} == {library.URL}


async def balance_of(transport: Any) -> Decimal:
    async with AsyncKalshi(bearer_token="t", transport=transport) as client:
        return (await client.portfolio.balance()).balance


@pytest.mark.parametrize("family", ["httpx", "httpx2"])
def test_a_transport_of_either_library_proves_that_it_sent_nothing(family: str) -> None:
    """Its own transports tell what they begin to do; a port where nobody listens."""
    library = import_module(family)
    options: dict[str, Any] = {"environment": "http://127.0.0.1:9", "bearer_token": "t"}
    policy = Policy(attempts=1)
    with (
        Kalshi(**options, transport=library.HTTPTransport(), policy=policy) as client,
        pytest.raises(NotSent),
    ):
        client.orders.place("KXRAIN-26DEC31-NYC", side="bid", count=1, price="0.10")


def test_what_is_no_transport_of_either_library_is_refused() -> None:
    with pytest.raises(Misuse, match=r"^transport must be an httpx.BaseTransport, not object$"):
        Kalshi(bearer_token="t", transport=object())  # type: ignore[arg-type]
    for library in (import_module("httpx"), import_module("httpx2")):
        with pytest.raises(Misuse, match="BaseTransport"):
            Kalshi(bearer_token="t", transport=library.AsyncHTTPTransport())


@pytest.mark.parametrize("family", ["httpx", "httpx2"])
def test_a_client_of_either_library_takes_the_signer(family: str) -> None:
    library = import_module(family)
    seen: list[Any] = []

    def answer(request: Any) -> Any:
        seen.append(request.headers["authorization"])
        return library.Response(200)

    auth = KalshiAuth(signer(bearer_token="t"))
    with library.Client(auth=auth, transport=library.MockTransport(answer)) as client:
        client.get("https://example.com/x")
    assert seen == ["Bearer t"]


@pytest.mark.parametrize(
    "written",
    ["import httpx", "import httpx2", "import httpx2 as httpx"],
)
def test_the_generated_code_imports_one_library_whichever_the_generator_writes(
    written: str,
) -> None:
    use = "httpx2.Response" if written == "import httpx2" else "httpx.Response"
    text = generate.import_http(f"{written}\n\nx: {use}\n")
    assert text == "import httpx\n\nx: httpx.Response\n"


def test_the_default_path_imports_neither_httpcore_nor_anyio() -> None:
    script = (
        "import sys; from kalshi_ext import Kalshi; Kalshi(bearer_token='t').close();"
        "print([m for m in ('httpcore', 'anyio', 'h11', 'trio') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


@pytest.mark.parametrize("client_kind", TRANSPORT_CLIENTS)
@pytest.mark.parametrize("target", ["transport", "pool"])
def test_a_tool_that_patches_httpx_or_httpcore_sees_our_requests(
    client_kind: str, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner: type
    if client_kind == "sync":
        owner = httpx.HTTPTransport if target == "transport" else httpcore.ConnectionPool
        name = "handle_request"
    else:
        owner = httpx.AsyncHTTPTransport if target == "transport" else httpcore.AsyncConnectionPool
        name = "handle_async_request"
    real, seen = getattr(owner, name), []

    def spy(self: object, request: object) -> object:
        seen.append(request)
        return real(self, request)

    def answer(connection: Connection) -> None:
        while True:
            connection.request()
            connection.send(OK)

    monkeypatch.setattr(owner, name, spy)
    assert is_patched(httpx.HTTPTransport.handle_request) or client_kind == "async"
    with Server(answer) as server, open_client(client_kind) as client:
        assert client.get(server.url()).status == 200
    assert len(seen) == 1


@pytest.mark.parametrize("client_kind", TRANSPORT_CLIENTS)
def test_httpx_extensions_go_through_httpcore(client_kind: str) -> None:
    def answer(connection: Connection) -> None:
        while True:
            connection.request()
            connection.send(OK)

    events: list[str] = []

    async def note_async(name: str, _: object) -> None:
        events.append(name)

    note = note_async if client_kind == "async" else lambda name, _: events.append(name)
    with Server(answer) as server, open_client(client_kind) as client:
        request = httpx.Request("GET", server.url(), extensions={"trace": note})
        assert client.send(request).status == 200
    assert "connection.connect_tcp.started" in events


@pytest.mark.parametrize("kind", [ConnectionPool, AsyncConnectionPool])
@pytest.mark.parametrize("name", [NAME, "httpcore"])
def test_a_library_that_another_thread_is_importing_stops_no_request(
    name: str, kind: type[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    half = ModuleType(name)
    half.__spec__ = SimpleNamespace(_initializing=True)  # type: ignore[assignment]
    pool = kind()
    monkeypatch.setitem(sys.modules, name, half)
    assert pool.takes_bytes()
