from __future__ import annotations

import socket
import ssl
import threading

import httpx
import pytest
import trustme
from scripted_server import COLOURS, OK, Connection, Server, open_wire

from kalshi_ext.config import Timeout

CA = trustme.CA()
SHORT = 0.3
PATIENT = Timeout(total=10_000, connect=10_000)


def server_context(*names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    CA.issue_cert(*names).configure_cert(context)
    return context


@pytest.fixture
def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    CA.configure_trust(context)
    return context


class Answering:
    def __init__(self) -> None:
        self.sizes: list[int] = []

    def __call__(self, connection: Connection) -> None:
        while True:
            self.sizes.append(len(connection.request()))
            connection.send(OK)


@pytest.mark.parametrize("colour", COLOURS)
def test_bytes_of_the_handshake_do_not_count(colour: str, trusting: ssl.SSLContext) -> None:
    script = Answering()
    with (
        Server(script, server_context("127.0.0.1")) as server,
        open_wire(colour, verify=trusting) as wire,
    ):
        outcomes = [wire.post(server.url(), b"x" * size) for size in (0, 100_000)]
        assert len(server.connections) == 1
    assert [outcome.status for outcome in outcomes] == [200, 200]
    assert script.sizes == [outcome.evidence.bytes_written for outcome in outcomes]


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("verify", [None, "other name"])
def test_a_server_that_is_not_trusted_never_gets_a_byte(
    colour: str, verify: str | None, trusting: ssl.SSLContext
) -> None:
    script = Answering()
    names = ["127.0.0.1"] if verify is None else ["other.example"]
    with (
        Server(script, server_context(*names)) as server,
        open_wire(colour, verify=trusting if verify else None) as wire,
    ):
        outcome = wire.post(server.url(), b"{}")
    assert isinstance(outcome.error, httpx.ConnectError)
    assert "certificate verify failed" in str(outcome.error)
    assert outcome.evidence.nothing_sent
    assert script.sizes == []


@pytest.mark.parametrize("colour", COLOURS)
def test_a_handshake_that_is_never_answered_is_left_at_the_deadline(
    colour: str, trusting: ssl.SSLContext
) -> None:
    silent = Server(lambda connection: connection.silence())
    with silent as server, open_wire(colour, verify=trusting, timeout=PATIENT) as wire:
        outcome = wire.post(server.url().replace("http:", "https:"), b"{}", SHORT)
    assert isinstance(outcome.error, httpx.ConnectTimeout)
    assert outcome.evidence.nothing_sent


@pytest.mark.parametrize("colour", COLOURS)
def test_a_handshake_that_drips_is_left_at_the_deadline(
    colour: str, trusting: ssl.SSLContext
) -> None:
    record = b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc" + bytes(16_000)
    with (
        Server(lambda connection: connection.drip(record)) as server,
        open_wire(colour, verify=trusting, timeout=PATIENT) as wire,
    ):
        outcome = wire.post(server.url().replace("http:", "https:"), b"{}", SHORT)
        assert 0 < server.connections[0].sent < len(record)
    assert isinstance(outcome.error, httpx.ConnectTimeout)
    assert outcome.evidence.nothing_sent


@pytest.mark.parametrize("colour", COLOURS)
def test_a_server_without_tls_never_gets_a_byte(colour: str, trusting: ssl.SSLContext) -> None:
    plain = Server(lambda connection: connection.send(b"HTTP/1.1 400 Bad\r\n\r\n"))
    with plain as server, open_wire(colour, verify=trusting) as wire:
        outcome = wire.post(server.url().replace("http:", "https:"), b"{}")
    assert isinstance(outcome.error, httpx.ConnectError)
    assert outcome.evidence.nothing_sent
    assert len(server.connections) == 1


class Proxy:
    """A proxy that opens tunnels, or refuses them with a status."""

    def __init__(self, status: bytes = b"200 OK") -> None:
        self.asked: list[bytes] = []
        self._status = status

    def __call__(self, connection: Connection) -> None:
        request = connection.request()
        self.asked.append(request)
        connection.send(b"HTTP/1.1 %b\r\n\r\n" % self._status)
        if self._status.startswith(b"2"):
            target = request.split(b" ")[1].decode().rpartition(":")
            with socket.create_connection((target[0], int(target[2])), 10) as upstream:
                upstream.settimeout(10)
                back = threading.Thread(target=pump, args=(upstream, connection.socket))
                back.start()
                pump(connection.socket, upstream)
                back.join()


def pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


@pytest.mark.parametrize("colour", COLOURS)
def test_through_a_proxy_only_the_request_counts(colour: str, trusting: ssl.SSLContext) -> None:
    script, proxy = Answering(), Proxy()
    with (
        Server(proxy) as gate,
        Server(script, server_context("127.0.0.1")) as server,
        open_wire(colour, verify=trusting, proxy=gate.url("")) as wire,
    ):
        outcome = wire.post(server.url(), b'{"a":1}')
    assert outcome.status == 200
    assert proxy.asked[0].startswith(b"CONNECT 127.0.0.1:")
    assert script.sizes == [outcome.evidence.bytes_written]


@pytest.mark.parametrize("colour", COLOURS)
def test_a_proxy_that_refuses_the_tunnel_never_gets_the_request(
    colour: str, trusting: ssl.SSLContext
) -> None:
    proxy = Proxy(b"403 Forbidden")
    with Server(proxy) as gate, open_wire(colour, verify=trusting, proxy=gate.url("")) as wire:
        outcome = wire.post("https://api.example/x", b"{}")
    assert isinstance(outcome.error, httpx.ProxyError)
    assert len(proxy.asked) == 1
    assert outcome.evidence.nothing_sent


@pytest.mark.parametrize("colour", COLOURS)
def test_a_proxy_in_front_of_plain_http_gets_the_request_itself(colour: str) -> None:
    script = Answering()
    with Server(script) as gate, open_wire(colour, proxy=httpx.Proxy(gate.url(""))) as wire:
        outcome = wire.post("http://127.0.0.1:9/x", b"{}")
    assert outcome.status == 200
    assert script.sizes == [outcome.evidence.bytes_written]


@pytest.mark.parametrize("colour", COLOURS)
def test_the_environments_proxies_and_roots_are_not_used(
    colour: str, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    script = Answering()
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path))
    with Server(script) as server, open_wire(colour) as wire:
        assert wire.get(server.url()).status == 200
