"""Which codec reads, which way is taken, and what is imported for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpcore
import httpx
import pytest
from scripted_server import OK, TRANSPORT_CLIENTS, Connection, Server, open_client

import kalshi_ext.transport
from kalshi_ext.transport.codec import default_codec
from kalshi_ext.transport.codec_h11 import H11Reader
from kalshi_ext.transport.codec_httptools import HttptoolsReader
from kalshi_ext.transport.family import is_patched

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
