from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
from scripted_server import OK, TRANSPORT_CLIENTS, Connection, Server, TransportClient, open_client

from kalshi_ext.config import Timeout
from kalshi_ext.transport import DeadlineTransport, trace_delivery

SHORT = 0.3
SLOW_HEAD = b"HTTP/1.1 200 OK\r\nx: " + b"x" * 50_000
SLOW_BODY = b"x" * 50_000


# So that nothing but the deadline of the round trip can end a wait.
LONG_TIMEOUT = Timeout(total=10_000, connect=10_000)


@pytest.fixture(params=TRANSPORT_CLIENTS)
def client(request: pytest.FixtureRequest) -> Iterator[TransportClient]:
    with open_client(request.param, timeout=LONG_TIMEOUT) as opened:
        yield opened


def silent(connection: Connection) -> None:
    connection.silence()


def drip_head(connection: Connection) -> None:
    connection.request()
    connection.drip(SLOW_HEAD)


def drip_body(connection: Connection) -> None:
    connection.request()
    connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(SLOW_BODY))
    connection.drip(SLOW_BODY)


def test_a_server_that_says_nothing_is_left_at_the_deadline(client: TransportClient) -> None:
    with Server(silent) as server:
        round_trip = client.post(server.url(), b'{"a":1}', SHORT)
    assert isinstance(round_trip.error, httpx.ReadTimeout)
    assert round_trip.trace.bytes_written > 0
    assert not round_trip.trace.nothing_sent


@pytest.mark.parametrize("earlier", [SHORT, 10.0])
def test_a_kept_connection_is_left_at_the_deadline_of_the_request_that_uses_it(
    client: TransportClient, earlier: float
) -> None:
    def answer_once(connection: Connection) -> None:
        connection.request()
        connection.send(OK)
        connection.silence()

    with Server(answer_once) as server:
        assert client.get(server.url(), earlier).status == 200
        began = time.monotonic()
        round_trip = client.get(server.url(), 2 * SHORT)
        assert time.monotonic() - began >= 2 * SHORT  # and not at that of the one before
        assert len(server.connections) == 1
    assert isinstance(round_trip.error, httpx.ReadTimeout)


@pytest.mark.parametrize(("script", "whole"), [(drip_head, SLOW_HEAD), (drip_body, SLOW_BODY)])
def test_a_slow_drip_cannot_outlast_the_deadline(
    client: TransportClient, script: object, whole: bytes
) -> None:
    with Server(script) as server:
        round_trip = client.get(server.url(), SHORT)
        sent = server.connections[0].sent
    assert isinstance(round_trip.error, httpx.ReadTimeout)
    assert 0 < sent < len(whole)
    assert not round_trip.trace.nothing_sent


def test_a_body_that_is_never_taken_is_left_at_the_deadline(client: TransportClient) -> None:
    with Server(lambda connection: connection.closing.wait() and None) as server:
        round_trip = client.post(server.url(), bytes(64_000_000), SHORT)
    assert isinstance(round_trip.error, httpx.WriteTimeout)
    assert round_trip.trace.bytes_written > 0


def test_a_body_taken_drop_by_drop_is_left_at_the_deadline(client: TransportClient) -> None:
    def sip(connection: Connection) -> None:
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        while connection.socket.recv(4096) and not connection.closing.wait(0.02):
            connection.sent += 4096

    size = 64_000_000
    with Server(sip) as server:
        round_trip = client.post(server.url(), bytes(size), SHORT)
        received = server.connections[0].sent
    assert isinstance(round_trip.error, httpx.WriteTimeout)
    assert 0 < received < size


def test_after_the_deadline_nothing_is_begun(client: TransportClient) -> None:
    with Server(silent) as server:
        round_trip = client.get(server.url(), 0)
        assert server.connections == []
    assert isinstance(round_trip.error, httpx.TimeoutException)
    assert round_trip.trace.nothing_sent


def test_a_connection_that_is_not_accepted_is_left_at_the_deadline(client: TransportClient) -> None:
    # With a full backlog the kernel answers no further SYN: connecting neither fails nor succeeds.
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        address = full.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for pending in waiting:
            pending.setblocking(False)
            pending.connect_ex(address)
        round_trip = client.get(f"http://127.0.0.1:{address[1]}/x", SHORT)
        for pending in waiting:
            pending.close()
    assert isinstance(round_trip.error, httpx.ConnectTimeout)
    assert round_trip.trace.nothing_sent


def test_a_name_that_is_never_found_is_left_at_the_deadline(
    client: TransportClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolved = threading.Event()

    def look_up(*_: object, **__: object) -> list[object]:
        resolved.wait()
        return []

    with monkeypatch.context() as patched:
        patched.setattr(socket, "getaddrinfo", look_up)
        round_trip = client.get("http://slow.example/x", SHORT)
        resolved.set()
    assert isinstance(round_trip.error, httpx.ConnectTimeout)
    assert round_trip.trace.nothing_sent


@pytest.mark.parametrize("client_kind", TRANSPORT_CLIENTS)
def test_waiting_for_a_free_connection_ends_at_the_deadline(client_kind: str) -> None:
    arrived, release = threading.Event(), threading.Event()

    def hold(connection: Connection) -> None:
        connection.request()
        arrived.set()
        release.wait(10)
        connection.send(OK)

    with Server(hold) as server, open_client(client_kind, connections=1) as client:
        holding, waiting = client.two_at_once(server.url(), arrived, release)
        assert len(server.connections) == 1
    assert holding.status == 200
    assert isinstance(waiting.error, httpx.PoolTimeout)
    assert waiting.trace.nothing_sent


@pytest.mark.parametrize("client_kind", TRANSPORT_CLIENTS)
def test_connecting_has_its_own_bound_within_the_deadline(client_kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        address = full.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for pending in waiting:
            pending.setblocking(False)
            pending.connect_ex(address)
        options = {"timeout": Timeout(total=10_000, connect=SHORT)}
        with open_client(client_kind, **options) as client:
            round_trip = client.get(f"http://127.0.0.1:{address[1]}/x", 10_000)
        for pending in waiting:
            pending.close()
    assert isinstance(round_trip.error, httpx.ConnectTimeout)


def test_a_body_read_after_the_evidence_was_left_is_bounded_too() -> None:
    transport = DeadlineTransport()
    with Server(drip_body) as server:
        with trace_delivery(time.monotonic() + SHORT):
            response = transport.handle_request(httpx.Request("GET", server.url()))
        with pytest.raises(httpx.ReadTimeout):
            response.read()
        transport.close()


@pytest.mark.parametrize("script", [silent, drip_head, drip_body])
def test_a_plain_httpx_client_on_the_transport_is_bounded_in_total(script: object) -> None:
    transport = DeadlineTransport(timeout=Timeout(total=SHORT))
    with (
        Server(script) as server,
        httpx.Client(transport=transport, timeout=None) as client,
        pytest.raises(httpx.ReadTimeout),
    ):
        client.get(server.url())


def test_two_requests_each_have_their_own_time(client: TransportClient) -> None:
    def answer(connection: Connection) -> None:
        while True:
            connection.request()
            connection.send(OK)

    with Server(answer) as server:
        assert client.get(server.url(), 5).status == 200
        assert client.get(server.url(), 0).error is not None
        assert client.get(server.url(), 5).status == 200
