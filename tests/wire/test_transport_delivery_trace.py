from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import Any

import httpcore
import httpx
import pytest
from scripted_server import (
    OK,
    TRANSPORT_CLIENTS,
    AsyncTransportClient,
    Connection,
    Server,
    SyncTransportClient,
    TransportClient,
    open_client,
)

from kalshi_ext.transport import DeliveryTrace, failures, trace_delivery
from kalshi_ext.transport.deadline import current_trace


@pytest.fixture(params=TRANSPORT_CLIENTS)
def client(request: pytest.FixtureRequest) -> Iterator[TransportClient]:
    with open_client(request.param) as opened:
        yield opened


class AnsweringScript:
    """Answer every request; remember the sizes of the requests."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def __call__(self, connection: Connection) -> None:
        while True:
            self.sizes.append(len(connection.request()))
            connection.send(OK)


@pytest.mark.parametrize("size", [0, 1, 20_000, 900_000])
def test_the_bytes_written_are_the_bytes_received(client: TransportClient, size: int) -> None:
    script = AnsweringScript()
    with Server(script) as server:
        round_trip = client.post(server.url(), b"x" * size)
    assert (round_trip.status, round_trip.body) == (200, b"{}")
    assert round_trip.trace.observed
    assert script.sizes == [round_trip.trace.bytes_written]


def test_two_requests_on_one_connection_have_their_own_evidence(client: TransportClient) -> None:
    script = AnsweringScript()
    with Server(script) as server:
        round_trips = [client.post(server.url(), b"x" * size) for size in (10, 2000)]
        assert len(server.connections) == 1
    assert script.sizes == [round_trip.trace.bytes_written for round_trip in round_trips]


def test_many_requests_at_once_do_not_mix_their_evidence() -> None:
    script, sizes, written = AnsweringScript(), [1000 * n for n in range(24)], []
    with Server(script) as server:
        for client_kind in TRANSPORT_CLIENTS:
            with open_client(client_kind) as client:
                written += post_concurrently(client, server.url(), sizes)
    head_sizes = [count - size for count, size in zip(written, sizes * 2, strict=True)]
    assert max(head_sizes) < 1000
    assert sorted(script.sizes) == sorted(written)


def post_concurrently(
    client: SyncTransportClient | AsyncTransportClient, url: str, sizes: list[int]
) -> list[int]:
    requests = [httpx.Request("POST", url, content=b"x" * size) for size in sizes]
    if isinstance(client, AsyncTransportClient):

        async def post_all() -> list[int]:
            round_trips = await asyncio.gather(*(client.send_async(r, 10) for r in requests))
            return [round_trip.trace.bytes_written for round_trip in round_trips]

        return client.runner.run(post_all())
    with ThreadPoolExecutor(len(sizes)) as pool:
        return [round_trip.trace.bytes_written for round_trip in pool.map(client.send, requests)]


def test_a_refused_connection_never_left(client: TransportClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]  # nobody listens on it once the block is left
    round_trip = client.post(f"http://127.0.0.1:{port}/x", b"{}")
    assert isinstance(round_trip.error, httpx.ConnectError)
    assert round_trip.trace.nothing_sent


def test_an_unknown_name_never_left(
    client: TransportClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look_up(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    round_trip = client.post("http://nowhere.example/x", b"{}")
    assert isinstance(round_trip.error, httpx.ConnectError)
    assert round_trip.trace.nothing_sent


def test_a_name_without_addresses_never_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [])
    with open_client("sync") as client:
        round_trip = client.post("http://nowhere.example/x", b"{}")
    assert isinstance(round_trip.error, httpx.ConnectError)
    assert round_trip.trace.nothing_sent


def test_a_second_address_is_tried_when_the_first_refuses(
    client: TransportClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    script, real = AnsweringScript(), socket.getaddrinfo

    def look_up(host: str, port: int, *rest: object, **more: object) -> list[object]:
        if host not in ("two.example", b"two.example"):
            return real(host, port, *rest, **more)
        stream = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        return [(*stream, (address, port)) for address in ("127.0.0.2", "127.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with Server(script) as server:
        round_trip = client.get(server.url(host="two.example"))
    assert round_trip.status == 200
    assert script.sizes == [round_trip.trace.bytes_written]


def close_after_request(connection: Connection) -> None:
    connection.request()


def reset_after_request(connection: Connection) -> None:
    connection.request()
    connection.reset()


def half_an_answer(connection: Connection) -> None:
    connection.request()
    connection.send(OK[:-1])


def reset_at_once(connection: Connection) -> None:
    connection.reset()


def nonsense(connection: Connection) -> None:
    connection.request()
    connection.send(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")


@pytest.mark.parametrize(
    "script", [close_after_request, reset_after_request, half_an_answer, nonsense]
)
def test_a_request_without_a_whole_answer_left(client: TransportClient, script: object) -> None:
    with Server(script) as server:
        round_trip = client.post(server.url(), b"{}")
    assert isinstance(round_trip.error, httpx.ReadError | httpx.RemoteProtocolError)
    assert round_trip.trace.bytes_written > 0
    assert not round_trip.trace.nothing_sent


def test_a_connection_reset_at_once_counts_as_left_when_a_byte_was_handed_over(
    client: TransportClient,
) -> None:
    with Server(reset_at_once) as server:
        round_trip = client.post(server.url(), b"{}")
    assert isinstance(round_trip.error, httpx.NetworkError | httpx.RemoteProtocolError)
    assert round_trip.trace.nothing_sent is (round_trip.trace.bytes_written == 0)


def test_a_connection_the_server_closed_while_idle_is_not_used_again(
    client: TransportClient,
) -> None:
    sizes: list[int] = []

    def answer_once(connection: Connection) -> None:
        sizes.append(len(connection.request()))
        connection.send(OK)

    with Server(answer_once) as server:
        for n in range(3):
            round_trip = client.post(server.url(), b"x" * n)
            assert round_trip.status == 200
            assert sizes[n] == round_trip.trace.bytes_written
            assert server.closed_connections.acquire(timeout=10)  # the server's FIN is on its way
        assert len(server.connections) == 3


def test_a_connection_closed_under_the_second_request_counts_as_left(
    client: TransportClient,
) -> None:
    def answer_once_then_close(connection: Connection) -> None:
        connection.request()
        connection.send(OK)
        connection.request()

    with Server(answer_once_then_close) as server:
        assert client.post(server.url(), b"{}").status == 200
        round_trip = client.post(server.url(), b"{}")
    assert isinstance(round_trip.error, httpx.RemoteProtocolError)
    assert not round_trip.trace.nothing_sent


def test_a_connection_closed_unseen_counts_as_left(
    client: TransportClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A race: the server's FIN arrives after the pool has looked and before the bytes go out."""
    hide_closed_connections(monkeypatch)
    with Server(lambda connection: (connection.request(), connection.send(OK))) as server:
        assert client.post(server.url(), b"{}").status == 200
        assert server.closed_connections.acquire(timeout=10)
        round_trip = client.post(server.url(), b"{}")
        assert len(server.connections) == 1
    assert isinstance(round_trip.error, httpx.NetworkError | httpx.RemoteProtocolError)
    assert round_trip.trace.bytes_written > 0


def hide_closed_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    from kalshi_ext.transport.async_connection import AsyncConnection
    from kalshi_ext.transport.connection import Connection as SyncConnection

    for connection in (SyncConnection, AsyncConnection):
        monkeypatch.setattr(connection, "quiet", lambda _: True)
    monkeypatch.setattr(AsyncConnection, "_stands", lambda _: True)


def test_any_status_survives(client: TransportClient) -> None:
    def answer(connection: Connection) -> None:
        while True:
            status = connection.request().split(b"/")[1].split(b" ")[0]
            connection.send(b"HTTP/1.1 %b Odd\r\ncontent-length: 0\r\n\r\n" % status)

    with Server(answer) as server:
        for status in (204, 301, 429, 499, 520, 561, 999):
            assert client.get(server.url(f"/{status}")).status == status


def test_another_transport_proves_nothing_by_its_silence() -> None:
    with trace_delivery() as trace:
        transport = httpx.MockTransport(lambda request: httpx.Response(200))
        transport.handle_request(httpx.Request("GET", "https://api.example"))
    assert (trace.observed, trace.nothing_sent) == (False, False)
    assert not DeliveryTrace(bytes_written=1, observed=True).nothing_sent


def test_evidence_inside_evidence_is_its_own() -> None:
    with trace_delivery(1.0) as outer:
        with trace_delivery(2.0) as inner:
            assert current_trace() is inner
        assert current_trace() is outer
    assert current_trace() is None


def interrupt_at(instruction: int, act: Callable[[], None]) -> bool:
    """Raise KeyboardInterrupt at the n-th instruction that `act` runs; whether it has so many."""
    left = instruction

    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal left
        frame.f_trace_opcodes = True
        if event == "opcode":
            left -= 1
            if left == 0:
                raise KeyboardInterrupt
        return trace

    previous = sys.gettrace()
    sys.settrace(trace)
    try:
        act()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(previous)
    return False


def test_an_interrupt_at_any_instruction_leaves_no_trace_to_later_requests() -> None:
    def act() -> None:
        with trace_delivery(1.0):
            pass

    struck = 0
    while interrupt_at(struck + 1, act):
        struck += 1
        assert current_trace() is None, struck
    assert struck > 50


def test_a_cancelled_task_knows_that_its_request_left() -> None:
    arrived = threading.Event()

    def accept(connection: Connection) -> None:
        connection.request()
        arrived.set()
        connection.silence()

    async def cancel(client: AsyncTransportClient, url: str) -> DeliveryTrace:
        with trace_delivery() as trace:
            request = httpx.Request("POST", url, content=b"{}")
            task = asyncio.create_task(client.transport.handle_async_request(request))
            await asyncio.to_thread(arrived.wait, 10)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        return trace

    with Server(accept) as server, open_client("async") as client:
        trace = client.runner.run(cancel(client, server.url()))
    assert trace.bytes_written > 0
    assert not trace.nothing_sent


class Broken:
    """A socket that takes bytes and then fails: nobody knows how many went out."""

    settimeout = close = lambda *_: None

    def sendall(self, data: bytes) -> None:
        raise ConnectionResetError("broken")

    def recv(self, size: int) -> bytes:
        raise ConnectionResetError("broken")


class BrokenStream(httpcore.NetworkStream, httpcore.AsyncNetworkStream):
    """The same for httpcore."""

    def write(self, buffer: bytes, timeout: float | None = None) -> object:
        raise httpcore.WriteError("broken")


def test_a_write_that_fails_counts_as_left() -> None:
    from kalshi_ext.transport.codec import default_codec
    from kalshi_ext.transport.connection import Connection as SyncConnection

    with trace_delivery() as trace, pytest.raises(failures.WriteError, match="broken"):
        SyncConnection(Broken()).ask((b"POST",), default_codec()("POST"), trace, {})
    assert trace.bytes_written == 4


def test_a_write_that_fails_under_httpcore_counts_as_left() -> None:
    from kalshi_ext.transport.httpcore_streams import AsyncDeadlineStream, DeadlineStream
    from kalshi_ext.transport.tls import TlsContext

    with trace_delivery() as trace, pytest.raises(httpcore.WriteError):
        DeadlineStream(BrokenStream(), TlsContext(None)).write(b"POST")
    assert trace.bytes_written == 4
    with trace_delivery() as trace, pytest.raises(httpcore.WriteError):
        asyncio.run(AsyncDeadlineStream(BrokenStream(), TlsContext(None)).write(b"POST"))
    assert trace.bytes_written == 4
