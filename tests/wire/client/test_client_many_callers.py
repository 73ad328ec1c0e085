"""A thousand callers at once on one client, and packed pages."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from kalshi_ext import AsyncKalshi, Kalshi, NotSent, Policy
from kalshi_ext.protocol.flow import Send
from kalshi_ext.protocol.messages import Lost, Request
from kalshi_ext.sandbox import Sandbox
from kalshi_ext.transport import AsyncDeadlineTransport, DeadlineTransport
from kalshi_ext.transport.places import MAX_CONNECTIONS

TICKER = "KXRAIN-26DEC31-NYC"
ORDER: dict[str, Any] = {"side": "bid", "count": 1, "price": "0.01"}
CALLERS = 1000


def options(box: Sandbox) -> dict[str, Any]:
    box.configure(rate_limits=False)
    key = box.account("many", kind="ed25519")
    credentials = {"key_id": key.key_id, "private_key": key.private_key}
    return {"environment": box.url, "pace": None, **credentials}


def test_a_thousand_tasks_that_place_at_once_are_all_placed(current_box: Sandbox) -> None:
    async def place_all() -> tuple[set[str], int]:
        async with AsyncKalshi(**options(current_box)) as client:
            acks = await asyncio.gather(
                *(client.orders.place(TICKER, **ORDER) for _ in range(CALLERS))
            )
            return {ack.order_id for ack in acks}, sum(ack.replayed for ack in acks)

    ids, replayed = asyncio.run(place_all())
    assert (len(ids), replayed) == (CALLERS, 0)


def test_a_thousand_tasks_that_read_at_once_are_all_answered(current_box: Sandbox) -> None:
    async def read_all() -> int:
        async with AsyncKalshi(**options(current_box)) as client:
            return len(await asyncio.gather(*(client.portfolio.balance() for _ in range(CALLERS))))

    assert asyncio.run(read_all()) == CALLERS


def test_the_event_loop_takes_turns_with_what_a_thousand_tasks_do(current_box: Sandbox) -> None:
    """Between two rounds of the loop only a few of them begin or send; no time is measured."""

    async def run() -> int:
        most, done, begun = 0, False, 0

        async with AsyncKalshi(**options(current_box)) as client:
            prepare = client.session.endpoint.signer.headers

            class Counting:
                authenticated = True

                def headers(self, *arguments: Any) -> dict[str, str]:
                    nonlocal begun
                    begun += 1
                    return prepare(*arguments)

            object.__setattr__(client.driver.endpoint, "signer", Counting())

            async def watch() -> None:
                nonlocal most, begun
                while not done:
                    begun = 0
                    await asyncio.sleep(0)
                    most = max(most, begun)

            watching = asyncio.create_task(watch())
            await asyncio.gather(*(client.portfolio.balance() for _ in range(300)))
            done = True
            await watching
            return most

    assert 0 < asyncio.run(run()) <= 2 * 8


class Blocked:
    """An exchange that answers nothing but requests to end orders, until it is released."""

    def __init__(self) -> None:
        blocked = self
        self.release = threading.Event()
        self.arrived = threading.Semaphore(0)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                blocked.arrived.release()
                blocked.release.wait(30)
                self.answer(b'{"balance": 1, "portfolio_value": 1, "updated_ts": 1}')

            def do_PUT(self) -> None:
                self.answer(b"{}")

            def answer(self, body: bytes) -> None:
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None: ...

        class Server(ThreadingHTTPServer):
            # A hundred connect at once: what does not fit in here connects again a second later.
            request_queue_size = 256

        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever)

    def __enter__(self) -> Blocked:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.release.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/trade-api/v2"


def test_a_stopping_call_goes_past_all_that_wait_for_a_connection() -> None:
    with (
        Blocked() as exchange,
        Kalshi(environment=exchange.url, bearer_token="t") as client,
        ThreadPoolExecutor(MAX_CONNECTIONS + 20) as pool,
    ):
        reading = [pool.submit(client.portfolio.balance) for _ in range(MAX_CONNECTIONS + 10)]
        for _ in range(96):
            assert exchange.arrived.acquire(timeout=30)
        client.order_groups.trigger("g")
        assert not exchange.arrived.acquire(timeout=0.05), "the reserved ones are not for reads"
        exchange.release.set()
        assert len([future.result(30) for future in reading]) == MAX_CONNECTIONS + 10


def test_an_async_stopping_call_goes_past_all_that_wait_for_a_connection() -> None:
    async def run(url: str, exchange: Blocked) -> int:
        async with AsyncKalshi(environment=url, bearer_token="t") as client:
            reading = [
                asyncio.create_task(client.portfolio.balance()) for _ in range(MAX_CONNECTIONS + 10)
            ]
            for _ in range(96):
                assert await asyncio.to_thread(exchange.arrived.acquire, timeout=30)
            await client.order_groups.trigger("g")
            exchange.release.set()
            return len(await asyncio.gather(*reading))

    with Blocked() as exchange:
        assert asyncio.run(run(exchange.url, exchange)) == MAX_CONNECTIONS + 10


def test_a_call_that_got_no_connection_in_its_time_was_not_sent() -> None:
    send = Send(Request("GET", "/x"), True, 5.0, wait=0.05)
    with Kalshi(bearer_token="t", transport=DeadlineTransport(connections=1)) as client:
        place = client.driver.transport.places.wait(time.monotonic())
        lost = client.driver._send(send)
        place.release()
    assert isinstance(lost, Lost)
    assert (lost.bytes_sent, lost.reason.partition(":")[0]) == (False, "PoolTimeout")

    async def run() -> Any:
        transport = AsyncDeadlineTransport(connections=1)
        async with AsyncKalshi(bearer_token="t", transport=transport) as client:
            with await transport.places.wait(time.monotonic()):
                return await client.driver._send(send)

    lost = asyncio.run(run())
    assert isinstance(lost, Lost)
    assert (lost.bytes_sent, lost.reason.partition(":")[0]) == (False, "PoolTimeout")


def test_the_wait_for_a_connection_is_no_part_of_the_attempts_time() -> None:
    """The second request waits longer than an attempt may take, and is then answered."""
    with Blocked() as exchange:
        transport = DeadlineTransport(connections=1)
        client = Kalshi(
            environment=exchange.url,
            bearer_token="t",
            transport=transport,
            policy=Policy(timeout=1.0),
        )
        place = transport.places.wait(time.monotonic())
        exchange.release.set()
        with client, ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(client.portfolio.balance)
            threading.Event().wait(1.3)
            assert not waiting.done()
            place.release()
            assert waiting.result(30)


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_page_comes_packed_and_a_bomb_is_no_answer(kind: str) -> None:
    page = json.dumps({"orders": [], "cursor": ""}).encode()
    bodies = iter([gzip.compress(page), *[gzip.compress(bytes(70 * 1024 * 1024))] * 4])
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.headers["accept-encoding"])
            body = next(bodies)
            self.send_response(200)
            self.send_header("content-encoding", "gzip")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}/trade-api/v2"
        try:
            rows, error = read_twice(kind, url)
        finally:
            server.shutdown()
            thread.join()
    assert rows == []
    assert "larger than" in str(error)
    assert set(asked) == {"gzip"}


def read_twice(kind: str, url: str) -> tuple[list[Any], Exception]:
    made: dict[str, Any] = {"environment": url, "bearer_token": "t", "policy": Policy(attempts=1)}
    if kind == "sync":
        with Kalshi(**made) as client:
            rows = client.orders.list().all()
            with pytest.raises(Exception) as caught:
                client.orders.list().all()
            return list(rows), caught.value

    async def run() -> tuple[list[Any], Exception]:
        async with AsyncKalshi(**made) as client:
            rows = await client.orders.list().all()
            with pytest.raises(Exception) as caught:
                await client.orders.list().all()
            return list(rows), caught.value

    return asyncio.run(run())


def test_a_reset_while_connecting_to_a_closed_port_is_not_sent() -> None:
    with Kalshi(environment="http://127.0.0.1:9", bearer_token="t") as client:
        object.__setattr__(client.session.context.policy, "attempts", 1)
        with pytest.raises(NotSent):
            client.orders.place(TICKER, **ORDER)
