from __future__ import annotations

import select
import socket
import ssl
import threading
from contextlib import suppress

import httpx
import pytest
import trustme
from scripted_server import (
    OK,
    PATHS,
    TRANSPORT_CLIENTS,
    Connection,
    Server,
    open_client,
    open_path,
)

from kalshi_ext.config import Timeout

CA = trustme.CA()
SHORT = 0.3
LONG_TIMEOUT = Timeout(total=10_000, connect=10_000)


def server_context(*names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    CA.issue_cert(*names).configure_cert(context)
    return context


@pytest.fixture
def trusting_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    CA.configure_trust(context)
    return context


class AnsweringScript:
    def __init__(self) -> None:
        self.sizes: list[int] = []

    def __call__(self, connection: Connection) -> None:
        while True:
            self.sizes.append(len(connection.request()))
            connection.send(OK)


@pytest.mark.parametrize("client_kind", TRANSPORT_CLIENTS)
def test_bytes_of_the_handshake_do_not_count(
    client_kind: str, trusting_context: ssl.SSLContext
) -> None:
    script = AnsweringScript()
    with (
        Server(script, server_context("127.0.0.1")) as server,
        open_client(client_kind, verify=trusting_context) as client,
    ):
        round_trips = [client.post(server.url(), b"x" * size) for size in (0, 100_000)]
        assert len(server.connections) == 1
    assert [round_trip.status for round_trip in round_trips] == [200, 200]
    assert script.sizes == [round_trip.trace.bytes_written for round_trip in round_trips]


@pytest.mark.parametrize("client_kind", TRANSPORT_CLIENTS)
@pytest.mark.parametrize("verify", [None, "other name"])
def test_a_server_that_is_not_trusted_never_gets_a_byte(
    client_kind: str, verify: str | None, trusting_context: ssl.SSLContext
) -> None:
    script = AnsweringScript()
    names = ["127.0.0.1"] if verify is None else ["other.example"]
    with (
        Server(script, server_context(*names)) as server,
        open_client(client_kind, verify=trusting_context if verify else None) as client,
    ):
        round_trip = client.post(server.url(), b"{}")
    assert isinstance(round_trip.error, httpx.ConnectError)
    assert "certificate verify failed" in str(round_trip.error)
    assert round_trip.trace.nothing_sent
    assert script.sizes == []


@pytest.mark.parametrize("client_kind", TRANSPORT_CLIENTS)
def test_a_handshake_that_is_never_answered_is_left_at_the_deadline(
    client_kind: str, trusting_context: ssl.SSLContext
) -> None:
    silent = Server(lambda connection: connection.silence())
    with (
        silent as server,
        open_client(client_kind, verify=trusting_context, timeout=LONG_TIMEOUT) as client,
    ):
        round_trip = client.post(server.url().replace("http:", "https:"), b"{}", SHORT)
    assert isinstance(round_trip.error, httpx.ConnectTimeout)
    assert round_trip.trace.nothing_sent


@pytest.mark.parametrize("client_kind", TRANSPORT_CLIENTS)
def test_a_handshake_that_drips_is_left_at_the_deadline(
    client_kind: str, trusting_context: ssl.SSLContext
) -> None:
    # A handshake record of 16 kB that holds one ServerHello: the client waits for all of it.
    record = b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc" + bytes(16_000)
    with (
        Server(lambda connection: connection.drip(record)) as server,
        open_client(client_kind, verify=trusting_context, timeout=LONG_TIMEOUT) as client,
    ):
        round_trip = client.post(server.url().replace("http:", "https:"), b"{}", SHORT)
        assert 0 < server.connections[0].sent < len(record)
    assert isinstance(round_trip.error, httpx.ConnectTimeout)
    assert round_trip.trace.nothing_sent


@pytest.mark.parametrize("client_kind", TRANSPORT_CLIENTS)
def test_a_server_without_tls_never_gets_a_byte(
    client_kind: str, trusting_context: ssl.SSLContext
) -> None:
    plain = Server(lambda connection: connection.send(b"HTTP/1.1 400 Bad\r\n\r\n"))
    with plain as server, open_client(client_kind, verify=trusting_context) as client:
        round_trip = client.post(server.url().replace("http:", "https:"), b"{}")
    assert isinstance(round_trip.error, httpx.ConnectError)
    assert round_trip.trace.nothing_sent
    assert len(server.connections) == 1


class TunnelProxy:
    """A proxy that opens tunnels, or refuses them with a status."""

    def __init__(self, status: bytes = b"200 OK") -> None:
        self.requests: list[bytes] = []
        self._status = status

    def __call__(self, connection: Connection) -> None:
        request = connection.request()
        self.requests.append(request)
        connection.send(b"HTTP/1.1 %b\r\n\r\n" % self._status)
        if self._status.startswith(b"2"):
            target = request.split(b" ")[1].decode().rpartition(":")
            with socket.create_connection((target[0], int(target[2])), 10) as upstream:
                upstream.settimeout(10)
                with suppress(OSError):
                    relay(connection.socket, upstream)


def relay(*ends: socket.socket) -> None:
    """Carry bytes between two sockets until one ends.

    In one thread, because a TLS socket must not be read and written at the same time.
    """
    other = dict(zip(ends, reversed(ends), strict=True))
    while True:
        held = [end for end in ends if isinstance(end, ssl.SSLSocket) and end.pending()]
        ready = held or select.select(ends, [], [], 10)[0]
        if not ready:
            return
        for source in ready:
            if not (data := source.recv(65536)):
                return
            other[source].sendall(data)


@pytest.mark.parametrize("client_kind", TRANSPORT_CLIENTS)
def test_through_a_proxy_only_the_request_counts(
    client_kind: str, trusting_context: ssl.SSLContext
) -> None:
    script, proxy = AnsweringScript(), TunnelProxy()
    with (
        Server(proxy) as proxy_server,
        Server(script, server_context("127.0.0.1")) as server,
        open_client(client_kind, verify=trusting_context, proxy=proxy_server.url("")) as client,
    ):
        round_trip = client.post(server.url(), b'{"a":1}')
    assert round_trip.status == 200
    assert proxy.requests[0].startswith(b"CONNECT 127.0.0.1:")
    assert script.sizes == [round_trip.trace.bytes_written]


@pytest.mark.parametrize("client_kind", TRANSPORT_CLIENTS)
def test_a_proxy_that_refuses_the_tunnel_never_gets_the_request(
    client_kind: str, trusting_context: ssl.SSLContext
) -> None:
    proxy = TunnelProxy(b"403 Forbidden")
    with (
        Server(proxy) as proxy_server,
        open_client(client_kind, verify=trusting_context, proxy=proxy_server.url("")) as client,
    ):
        round_trip = client.post("https://api.example/x", b"{}")
    assert isinstance(round_trip.error, httpx.ProxyError)
    assert len(proxy.requests) == 1
    assert round_trip.trace.nothing_sent


@pytest.mark.parametrize("client_kind", TRANSPORT_CLIENTS)
def test_a_proxy_in_front_of_plain_http_gets_the_request_itself(client_kind: str) -> None:
    script = AnsweringScript()
    with (
        Server(script) as proxy_server,
        open_client(client_kind, proxy=httpx.Proxy(proxy_server.url(""))) as client,
    ):
        round_trip = client.post("http://127.0.0.1:9/x", b"{}")
    assert round_trip.status == 200
    assert script.sizes == [round_trip.trace.bytes_written]


@pytest.mark.parametrize("client_kind", TRANSPORT_CLIENTS)
def test_the_environments_proxies_and_roots_are_not_used(
    client_kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    script = AnsweringScript()
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path))
    with Server(script) as server, open_client(client_kind) as client:
        assert client.get(server.url()).status == 200


class AnsweringProxy(TunnelProxy):
    """A proxy that says more than it was asked for, when it opens a tunnel."""

    def __init__(self, answer: bytes) -> None:
        super().__init__()
        self.answer = answer

    def __call__(self, connection: Connection) -> None:
        self.requests.append(connection.request())
        connection.send(self.answer)
        connection.silence()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
        b"HTTP/1.1 407 Authentication Required\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 100,
        b"",
    ],
    ids=["with an answer behind it", "407", "101", "nonsense", "interim answers", "nothing"],
)
def test_a_proxy_that_opens_no_clean_tunnel_never_gets_the_request(
    path: str, answer: bytes, trusting_context: ssl.SSLContext
) -> None:
    proxy = AnsweringProxy(answer)
    with (
        Server(proxy) as proxy_server,
        open_path(path, verify=trusting_context, proxy=proxy_server.url("")) as client,
    ):
        round_trip = client.send(
            httpx.Request("POST", "https://api.example/x", content=b"{}"),
            SHORT if not answer else 10,
        )
    assert isinstance(round_trip.error, httpx.TransportError)
    assert len(proxy.requests) == 1
    assert round_trip.trace.nothing_sent


@pytest.mark.parametrize("path", PATHS)
def test_a_tunnel_is_kept_for_the_next_request_and_its_password_stays_with_the_proxy(
    path: str, trusting_context: ssl.SSLContext
) -> None:
    bodies: list[bytes] = []

    def answer(connection: Connection) -> None:
        while True:
            bodies.append(connection.request())
            connection.send(OK)

    proxy = TunnelProxy()
    with (
        Server(proxy) as proxy_server,
        Server(answer, server_context("127.0.0.1")) as server,
    ):
        url = proxy_server.url("").replace("http://", "http://me:hunter2@")
        with open_path(path, verify=trusting_context, proxy=url) as client:
            assert [client.post(server.url(), b"{}").status for _ in range(3)] == [200] * 3
    assert len(proxy.requests) == 1
    assert b"Proxy-Authorization: Basic bWU6aHVudGVyMg==" in proxy.requests[0]
    assert all(b"proxy-auth" not in body.lower() for body in bodies)


@pytest.mark.parametrize("path", PATHS)
def test_a_proxy_passes_plain_http_on_by_its_full_url(path: str) -> None:
    received: list[bytes] = []

    def answer(connection: Connection) -> None:
        while True:
            received.append(connection.request())
            connection.send(OK)

    with Server(answer) as proxy_server:
        url = proxy_server.url("").replace("http://", "http://me:hunter2@")
        with open_path(path, proxy=url) as client:
            for target in ("http://api.example/x?a=1", "http://[::1]:81/x"):
                assert client.get(target).status == 200
    assert received[0].startswith(b"GET http://api.example/x?a=1 HTTP/1.1\r\n")
    assert received[1].startswith(b"GET http://[::1]:81/x HTTP/1.1\r\n")
    assert all(b"Proxy-Authorization: Basic bWU6aHVudGVyMg==\r\n" in head for head in received)


@pytest.mark.parametrize("client_kind", TRANSPORT_CLIENTS)
def test_through_an_https_proxy_the_tunnel_is_tls_within_tls(
    client_kind: str, trusting_context: ssl.SSLContext
) -> None:
    """On httpcore's streams; the exchange's certificate is checked inside the proxy's TLS."""
    script, proxy = AnsweringScript(), TunnelProxy()
    with (
        Server(proxy, server_context("127.0.0.1")) as proxy_server,
        Server(script, server_context("127.0.0.1")) as server,
        open_client(client_kind, verify=trusting_context, proxy=proxy_server.url("")) as client,
    ):
        round_trips = [client.post(server.url(), b'{"a":1}') for _ in range(2)]
    assert [round_trip.status for round_trip in round_trips] == [200, 200]
    assert len(proxy.requests) == 2, "no connection under httpcore is used twice"
    assert script.sizes == [round_trip.trace.bytes_written for round_trip in round_trips]


@pytest.mark.parametrize("client_kind", TRANSPORT_CLIENTS)
def test_an_https_proxy_that_is_not_trusted_never_gets_a_byte(
    client_kind: str, trusting_context: ssl.SSLContext
) -> None:
    proxy = TunnelProxy()
    with (
        Server(proxy, server_context("other.example")) as proxy_server,
        open_client(client_kind, verify=trusting_context, proxy=proxy_server.url("")) as client,
    ):
        round_trip = client.post("https://api.example/x", b"{}")
    assert isinstance(round_trip.error, httpx.ConnectError | httpx.ProxyError)
    assert round_trip.trace.nothing_sent
    assert proxy.requests == []


@pytest.mark.parametrize("path", PATHS)
def test_what_follows_an_answer_under_tls_is_never_the_next_answer(
    path: str, trusting_context: ssl.SSLContext
) -> None:
    def answer(connection: Connection) -> None:
        while True:
            connection.request()
            # One record with both, and then one of its own: the second waits inside the TLS layer.
            connection.send(OK + OK)
            connection.send(OK)

    with (
        Server(answer, server_context("127.0.0.1")) as server,
        open_path(path, verify=trusting_context) as client,
    ):
        assert [client.post(server.url(), b"{}").status for _ in range(3)] == [200] * 3
        assert len(server.connections) == 3


@pytest.mark.parametrize("path", PATHS)
def test_a_tls_connection_that_spoke_while_idle_is_closed(
    path: str, trusting_context: ssl.SSLContext
) -> None:
    answered, spoke = threading.Event(), threading.Event()

    def speak_later(connection: Connection) -> None:
        connection.request()
        connection.send(OK)
        if connection.number == 0:
            answered.wait(10)
            connection.send(OK.replace(b"200", b"400"))
            spoke.set()
        connection.silence()

    with (
        Server(speak_later, server_context("127.0.0.1")) as server,
        open_path(path, verify=trusting_context) as client,
    ):
        assert client.post(server.url(), b"{}").status == 200
        answered.set()
        assert spoke.wait(10)
        assert client.post(server.url(), b"{}").status == 200
        assert len(server.connections) == 2
