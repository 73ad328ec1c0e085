"""Places for requests, the stack of idle connections, and interrupts at any moment of a request."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise
from typing import Any

import httpx
import pytest
from scripted_server import (
    OK,
    PATHS,
    AsyncTransportClient,
    Connection,
    Server,
    SyncTransportClient,
    open_path,
)

from kalshi_ext.transport import (
    AsyncDeadlineTransport,
    DeadlineTransport,
    failures,
    trace_delivery,
)
from kalshi_ext.transport.async_opening import open_async
from kalshi_ext.transport.async_places import TURNS, AsyncPlaces, Turns
from kalshi_ext.transport.idle import IdleStack
from kalshi_ext.transport.places import Place, Places

SOON = 0.05


@pytest.fixture(params=PATHS)
def client(request: pytest.FixtureRequest) -> Iterator[SyncTransportClient | AsyncTransportClient]:
    with open_path(request.param) as opened:
        yield opened


def keep_answering(connection: Connection) -> None:
    while True:
        connection.request()
        connection.send(OK)


class FakeConnection:
    def __init__(self, idle_until: float, *, quiet: bool = True) -> None:
        self.idle_until, self._quiet, self.looks, self.closed = idle_until, quiet, 0, False

    def quiet(self) -> bool:
        self.looks += 1
        return self._quiet

    def close(self) -> None:
        self.closed = True


ORIGIN = ("https", "x", 443)


def test_the_connection_used_last_is_used_next() -> None:
    stack: IdleStack[Any] = IdleStack(10)
    connections = [FakeConnection(100.0) for _ in range(3)]
    for connection in connections:
        stack.put(ORIGIN, connection, 0.0)
    assert [stack.take(ORIGIN, 1.0) for _ in range(4)] == [*reversed(connections), None]


def test_a_request_looks_at_one_connection_however_many_are_idle() -> None:
    stack: IdleStack[Any] = IdleStack(1000)
    connections = [FakeConnection(100.0) for _ in range(1000)]
    for connection in connections:
        stack.put(ORIGIN, connection, 0.0)
    stack.take(ORIGIN, 1.0)
    assert sum(connection.looks for connection in connections) == 1


def test_a_connection_whose_time_is_over_or_that_spoke_is_closed_and_passed_over() -> None:
    stack: IdleStack[Any] = IdleStack(10)
    old, noisy, good = FakeConnection(5.0), FakeConnection(100.0, quiet=False), FakeConnection(9.0)
    for connection in (good, noisy, old):
        stack.put(ORIGIN, connection, 0.0)
    assert stack.take(ORIGIN, 6.0) is good
    assert (old.closed, noisy.closed, good.closed) == (True, True, False)


def test_what_a_burst_opened_is_closed_once_its_time_is_over() -> None:
    stack: IdleStack[Any] = IdleStack(10)
    burst = [FakeConnection(5.0) for _ in range(4)]
    for connection in burst:
        stack.put(ORIGIN, connection, 0.0)
    lasting = FakeConnection(100.0)
    for _ in range(2):
        stack.put(ORIGIN, lasting, 6.0)
        assert stack.take(ORIGIN, 6.0) is lasting
    assert [connection.closed for connection in burst] == [True] * 4


def test_idle_connections_are_bounded_over_all_origins() -> None:
    stack: IdleStack[Any] = IdleStack(2)
    connections = [FakeConnection(100.0) for _ in range(4)]
    for port, connection in enumerate(connections):
        stack.put(("https", "x", port), connection, 0.0)
    assert [connection.closed for connection in connections] == [True, True, False, False]


def test_a_place_is_handed_to_whoever_waited_longest_but_first_to_a_stopping_call() -> None:
    async def run() -> list[str]:
        places, order = AsyncPlaces(1), []
        held = await places.wait(time.monotonic() + 10)

        async def wait(name: str, *, stopping: bool) -> None:
            with await places.wait(time.monotonic() + 10, stopping=stopping):
                order.append(name)

        tasks = [asyncio.create_task(wait(name, stopping=name == "stop")) for name in names]
        await asyncio.sleep(0)
        held.release()
        await asyncio.gather(*tasks)
        return order

    names = ["a", "b", "stop", "c"]
    assert asyncio.run(run()) == ["stop", "a", "b", "c"]


def test_ordinary_calls_leave_places_to_stopping_ones() -> None:
    places = Places(100)
    held = []
    with suppress(failures.PoolTimeout):
        while True:
            held.append(places.wait(time.monotonic()))
    assert len(held) == 96
    held += [places.wait(time.monotonic(), stopping=True) for _ in range(4)]
    with pytest.raises(failures.PoolTimeout):
        places.wait(time.monotonic(), stopping=True)
    for place in held:
        place.release()
        place.release()  # a second time does nothing
    assert places._book.busy == 0


def test_a_place_that_nobody_holds_any_more_is_free_again() -> None:
    places = Places(1)
    for _ in range(3):
        assert isinstance(places.acquire(time.monotonic()), Place)  # dropped at once
        gc.collect()
    held = places.acquire(time.monotonic())
    assert places.acquire(time.monotonic() + SOON) is None
    assert held is not None


def test_a_lost_place_goes_to_whoever_comes_next_though_others_gave_up_waiting() -> None:
    places = Places(1)
    lost = places.acquire(time.monotonic())
    assert places.acquire(time.monotonic() + SOON) is None
    del lost
    gc.collect()
    assert places.acquire(time.monotonic() + 10) is not None


def test_threads_share_places_without_losing_one() -> None:
    places, most, now, lock = Places(3), 0, 0, threading.Lock()

    def work() -> None:
        nonlocal most, now
        for turn in range(200):
            place = places.acquire(time.monotonic() + (0.0 if turn % 7 == 0 else 10))
            if place is None:
                continue
            with lock:
                now += 1
                most = max(most, now)
            with lock:
                now -= 1
            place.release()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (places._book.busy, most <= 3) == (0, True)


@pytest.mark.parametrize("rounds", range(6))
def test_a_task_cancelled_while_it_waits_for_a_place_loses_none(rounds: int) -> None:
    async def run() -> int:
        places = AsyncPlaces(1)
        held = await places.wait(time.monotonic() + 10)
        task = asyncio.create_task(places.wait(time.monotonic() + 10))
        await asyncio.sleep(0)
        held.release()
        for _ in range(rounds):
            await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            (await task).release()
        return places._book.busy

    assert asyncio.run(run()) == 0


def test_the_event_loop_goes_on_between_a_few_turns() -> None:
    async def run() -> list[int]:
        turns, done, seen = Turns(), 0, []

        async def one() -> None:
            nonlocal done
            if not turns.take():
                await turns.wait()
            done += 1

        async def watch() -> None:
            while done < 100:
                seen.append(done)
                await asyncio.sleep(0)

        await asyncio.gather(*(one() for _ in range(100)), watch())
        return seen

    seen = asyncio.run(run())
    assert max(after - before for before, after in pairwise(seen)) <= TURNS


@pytest.mark.parametrize("count", [300])
def test_more_requests_than_connections_are_all_answered(count: int) -> None:
    async def run(transport: AsyncDeadlineTransport, url: str) -> list[int]:
        async def one() -> int:
            with trace_delivery(time.monotonic() + 60):
                request = httpx.Request("GET", url)
                return (await transport.handle_async_request(request)).status_code

        return await asyncio.gather(*(one() for _ in range(count)))

    with Server(keep_answering) as server:
        with open_path("async httptools", connections=20) as client:
            assert isinstance(client, AsyncTransportClient)
            statuses = client.runner.run(run(client.transport, server.url()))
        assert statuses == [200] * count
        assert len(server.connections) <= 20


def steps_of(path: str, act: Callable[[AsyncTransportClient, str, int], bool]) -> int:
    """Interrupt a request at its first, second, ... suspension until it ends; count them."""

    def slow(connection: Connection) -> None:
        while True:
            body = connection.request().partition(b"\r\n\r\n")[2]
            answer = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
            connection.send(answer[:20])
            connection.send(answer[20:50])
            connection.send(answer[50:])

    with Server(slow) as server, open_path(path) as client:
        assert isinstance(client, AsyncTransportClient)
        for number in range(1, 40):
            reached = act(client, server.url(), number)
            for n in range(2):  # what is in the stack now answers to its own request only
                body = b"after %d %d" % (number, n)
                assert client.post(server.url(), body).body == body
            assert client.transport.places._book.busy == 0
            if not reached:
                return number
    raise AssertionError("more suspensions than expected")


class Interrupted:
    """Await a coroutine, but cancel or abandon it at its n-th suspension."""

    def __init__(self, coroutine: Any, at: int, *, abandon: bool) -> None:
        self.coroutine, self.at, self.abandon, self.reached = coroutine, at, abandon, False

    def __await__(self) -> Any:
        inner, number = self.coroutine.__await__(), 0
        error: BaseException | None = None
        while True:
            try:
                future = inner.send(None) if error is None else inner.throw(error)
            except StopIteration as stop:
                return stop.value
            number, error = number + 1, None
            if number == self.at:
                self.reached = True
                if self.abandon:
                    inner.close()
                    return None
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
            try:
                yield future
            except BaseException as caught:
                error = caught


@pytest.mark.parametrize("abandon", [False, True], ids=["cancelled", "abandoned"])
@pytest.mark.parametrize("path", [path for path in PATHS if path.startswith("async")])
def test_a_task_interrupted_at_any_await_leaves_nothing_behind_in_the_stack(
    path: str, abandon: bool
) -> None:
    def act(client: AsyncTransportClient, url: str, number: int) -> bool:
        request = httpx.Request("POST", url, content=b"interrupted")
        interrupted = Interrupted(client.send_async(request, 10), number, abandon=abandon)

        async def run() -> None:
            with suppress(asyncio.CancelledError):
                await interrupted

        # Every other time without a kept connection, so that connecting is interrupted, too.
        if number % 2:
            for connection in client.transport._idle.clear():
                connection.close()
        client.runner.run(run())
        return interrupted.reached

    assert steps_of(path, act) > 2


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers here")
@pytest.mark.parametrize("path", [path for path in PATHS if path.startswith("sync")])
def test_a_keyboard_interrupt_leaves_nothing_behind_in_the_stack(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It may come before anybody has the socket, which the collector then closes with a complaint.
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)

    def answer(connection: Connection) -> None:
        while True:
            body = connection.request().partition(b"\r\n\r\n")[2]
            head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body)
            connection.send(head[:20])
            connection.closing.wait(0.001)
            connection.send(head[20:] + body)

    # The timer goes off once. The handler may run as late as in the inner `finally`, and must not
    # raise after it: pytest would take that for the user's own Ctrl-C.
    armed = False

    def interrupt(*_: object) -> None:
        if armed:
            raise KeyboardInterrupt

    previous = signal.signal(signal.SIGALRM, interrupt)
    interrupted = 0
    try:
        with Server(answer) as server, open_path(path) as client:
            for number in range(60):
                try:
                    try:
                        armed = True
                        signal.setitimer(signal.ITIMER_REAL, 0.0002 * (number % 20 + 1))
                        client.post(server.url(), b"interrupted %d" % number)
                    finally:
                        armed = False
                        signal.setitimer(signal.ITIMER_REAL, 0)
                except KeyboardInterrupt:
                    interrupted += 1
                armed = False
                body = b"after %d" % number
                assert client.post(server.url(), body).body == body
            assert client.transport.places._book.busy == len(client.transport.places._book.lost)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert interrupted


def test_a_body_that_is_left_closes_its_connection(
    client: SyncTransportClient | AsyncTransportClient,
) -> None:
    def half(connection: Connection) -> None:
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n{}")
        connection.silence()

    with Server(half) as server:
        if isinstance(client, SyncTransportClient):
            client.transport.handle_request(httpx.Request("GET", server.url())).close()
        else:

            async def leave() -> None:
                request = httpx.Request("GET", server.url())
                await (await client.transport.handle_async_request(request)).aclose()

            client.runner.run(leave())
        assert client.idle() == 0
        assert client.transport.places._book.busy == 0


@pytest.mark.parametrize("path", [path for path in PATHS if path.startswith("async")])
def test_a_connection_that_speaks_before_it_is_asked_gets_no_request(path: str) -> None:
    received: list[bytes] = []

    def speak_first(connection: Connection) -> None:
        connection.send(OK)
        received.append(connection.request())

    async def run(transport: AsyncDeadlineTransport, url: str) -> bool:
        with trace_delivery(time.monotonic() + 10) as trace:
            origin = ("http", "127.0.0.1", int(url.split(":")[2].split("/")[0]))
            opened = await open_async(transport._options.opening, origin, trace, {})
            for _ in range(10_000):
                await asyncio.sleep(0.001 if opened._stands() else 0)
                if not opened._stands():
                    break
            with pytest.raises(failures.ReadError, match="before the request"):
                await opened.ask((b"GET",), transport._options.opening.codec("GET"), trace, {})
            return trace.bytes_written == 0

    with Server(speak_first) as server, open_path(path) as client:
        assert isinstance(client, AsyncTransportClient)
        assert client.runner.run(run(client.transport, server.url()))
    assert received == []


def test_a_transport_used_on_a_second_event_loop_opens_connections_of_its_own() -> None:
    async def get(transport: AsyncDeadlineTransport, url: str) -> int:
        response = await transport.handle_async_request(httpx.Request("GET", url))
        return response.status_code

    with Server(keep_answering) as server:
        transport = AsyncDeadlineTransport()
        for number in range(1, 3):
            with asyncio.Runner() as runner:
                assert runner.run(get(transport, server.url())) == 200
                for connection in transport._idle._stacks[("http", "127.0.0.1", server.port)]:
                    connection.close()
                runner.run(asyncio.sleep(0))
            assert len(server.connections) == number


def test_a_connection_that_a_closed_transport_still_uses_is_not_kept() -> None:
    def half(connection: Connection) -> None:
        connection.request()
        connection.send(OK[:-1])
        connection.send(OK[-1:])

    with Server(half) as server:
        transport = DeadlineTransport()
        response = transport.handle_request(httpx.Request("GET", server.url()))
        transport.close()
        assert response.read() == b"{}"
        assert transport._idle._count == 0 or response.is_closed
