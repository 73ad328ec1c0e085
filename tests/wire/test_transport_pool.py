from __future__ import annotations

import ssl

import certifi
import httpcore
import httpx
import pytest
from scripted_server import OK, TRANSPORT_CLIENTS, Connection, Server, open_client

from kalshi_ext.errors import Misuse
from kalshi_ext.transport import KEEPALIVE_SECONDS, AsyncDeadlineTransport, DeadlineTransport


def test_httpx_still_keeps_its_pool_in_the_attribute_we_replace() -> None:
    """When this fails, httpx renamed `_pool`: find in httpx/_transports/default.py what
    `handle_request` sends through, and assign to that name in transports.py instead.
    """
    with httpx.HTTPTransport() as plain:
        assert isinstance(plain._pool, httpcore.ConnectionPool)
    assert isinstance(httpx.AsyncHTTPTransport()._pool, httpcore.AsyncConnectionPool)
    assert "self._pool.handle_request(" in source(httpx.HTTPTransport.handle_request)
    asynchronous = source(httpx.AsyncHTTPTransport.handle_async_request)
    assert "self._pool.handle_async_request(" in asynchronous


def source(function: object) -> str:
    import inspect

    return inspect.getsource(function)


def test_the_transports_are_httpx_transports() -> None:
    assert issubclass(DeadlineTransport, httpx.HTTPTransport)
    assert issubclass(AsyncDeadlineTransport, httpx.AsyncHTTPTransport)


@pytest.mark.parametrize("client_kind", TRANSPORT_CLIENTS)
def test_one_connection_is_kept_and_its_idle_time_is_shorter_than_a_servers(
    client_kind: str,
) -> None:
    def answer(connection: Connection) -> None:
        while True:
            connection.request()
            connection.send(OK)

    with Server(answer) as server, open_client(client_kind) as client:
        assert [client.get(server.url()).status for _ in range(3)] == [200] * 3
        assert len(server.connections) == 1
    assert KEEPALIVE_SECONDS < 60
    with Server(answer) as server, open_client(client_kind, keepalive=0.0) as client:
        assert [client.get(server.url()).status for _ in range(3)] == [200] * 3
        assert len(server.connections) == 3


@pytest.mark.parametrize("client_kind", TRANSPORT_CLIENTS)
def test_a_write_that_fails_is_not_repeated(client_kind: str) -> None:
    def refuse(connection: Connection) -> None:
        connection.request()
        connection.reset()

    with Server(refuse) as server, open_client(client_kind) as client:
        assert client.post(server.url(), b"{}").error is not None
    assert len(server.connections) == 1


@pytest.mark.parametrize("client_kind", TRANSPORT_CLIENTS)
@pytest.mark.parametrize(
    "proxy", ["socks5://127.0.0.1:9", "ftp://x", "nonsense", "", "http://[::1"]
)
def test_a_proxy_is_an_http_url(client_kind: str, proxy: str) -> None:
    with pytest.raises(Misuse, match=r"^proxy: must be"):
        TRANSPORT_CLIENTS[client_kind](proxy=proxy)


def test_a_proxys_password_is_not_shown() -> None:
    with pytest.raises(Misuse) as caught:
        DeadlineTransport(proxy="socks5://me:hunter2@127.0.0.1:9")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("client_kind", TRANSPORT_CLIENTS)
def test_root_certificates_load_once_with_the_first_tls_connection(
    client_kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    contexts: list[object] = []
    real = ssl.create_default_context

    def make(**options: object) -> ssl.SSLContext:
        contexts.append(options)
        return real(**options)

    monkeypatch.setattr(ssl, "create_default_context", make)
    with (
        Server(lambda connection: connection.send(OK)) as server,
        open_client(client_kind) as client,
    ):
        assert client.get(server.url()).status == 200
        assert contexts == []
        for _ in range(2):
            client.get(server.url().replace("http:", "https:"))
            assert contexts == [{"cafile": certifi.where()}]
