"""Time whole orders with and without a journal, against canned answers on loopback.

What a journal adds to a create is compared with the least that a durable record can cost: one bare
synchronous commit of the same row into the same schema, between the same round trips. All of it
takes turns, so that a busy machine slows each alike.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import multiprocessing
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from attrs import define, evolve, frozen
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from kalshi_ext import AsyncKalshi, Kalshi, Policy
from kalshi_ext.journal import Entry, Journal, sqlite_file
from kalshi_ext.journal.store import COLUMNS, to_row

TICKER = "KXRAIN-26DEC31-NYC"
BODY = b'{"ticker": "KXRAIN-26DEC31-NYC", "side": "bid", "count": "1.00", "price": "0.0100"}'
AT_ONCE = 50


class CannedExchange(asyncio.Protocol):
    """Answers every order as one that rests."""

    def connection_made(self, transport: Any) -> None:
        self.transport, self.buffer = transport, b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            head, _, rest = self.buffer.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
            if len(rest) < length:
                return
            body, self.buffer = rest[:length], rest[length:]
            self.transport.write(_answer(json.loads(body or b"{}")))


def _answer(order: dict[str, Any]) -> bytes:
    ack = {
        "order_id": "ee0e1a5c-0000-4000-8000-000000000001",
        "client_order_id": order.get("client_order_id", ""),
        "fill_count": "0.00",
        "remaining_count": order.get("count", "0.00"),
        "ts_ms": 1_764_000_000_000,
    }
    body = json.dumps(ack).encode()
    head = f"HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


def _serve(pipe: Connection) -> None:
    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(CannedExchange, "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


@contextmanager
def canned_exchange() -> Iterator[int]:
    """Run it in a process of its own; give its port."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


@frozen
class BareCommit:
    """One row a commit, with the schema and the settings of a journal in a file."""

    connection: sqlite3.Connection
    entry: Entry

    def __call__(self, number: int) -> None:
        row = to_row(evolve(self.entry, key=f"bare-{number}"))
        marks = ", ".join(f":{column}" for column in COLUMNS)
        statement = f"INSERT INTO entry ({', '.join(COLUMNS)}) VALUES ({marks})"  # noqa: S608 - column names
        self.connection.execute("BEGIN IMMEDIATE")
        self.connection.execute(statement, row)
        self.connection.execute("COMMIT")


def client_options(port: int, journal: Journal) -> dict[str, Any]:
    """Return the arguments of a client of the canned exchange."""
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    place = f"http://127.0.0.1:{port}/trade-api/v2"
    options = {"key_id": "bench", "private_key": pem, "environment": place}
    return options | {"journal": journal, "policy": Policy(timeout=30.0)}


@define
class Turns:
    """Adds up seconds of things done in turns."""

    seconds: dict[str, list[float]]

    def time(self, name: str, work: Callable[[], object]) -> None:
        """Do some work and note how long it took."""
        began = time.perf_counter()
        work()
        self.seconds.setdefault(name, []).append(time.perf_counter() - began)

    def micro(self, name: str) -> float:
        """Return the median in microseconds."""
        return statistics.median(self.seconds[name]) * 1e6


def creates_in_turn(
    port: int, journals: dict[str, Journal], file: Path, sample: Entry, rounds: int
) -> dict[str, float]:
    """Return microseconds: a round trip, one with a bare commit, a create with each journal."""
    bare = BareCommit(sqlite_file.connect(file, readonly=False), sample)
    link = http.client.HTTPConnection("127.0.0.1", port)
    link.connect()
    turns = Turns({})

    def round_trip() -> None:
        link.request("POST", "/", BODY)
        link.getresponse().read()

    def committed(number: int) -> None:
        bare(number)
        round_trip()

    clients = {n: Kalshi(**client_options(port, journal)) for n, journal in journals.items()}
    for client in clients.values():
        client.orders.place(TICKER, side="bid", count=1, price="0.01")
    for number in range(rounds):
        turns.time("round trip", round_trip)
        turns.time("with a bare commit", partial(committed, number))
        for name, client in clients.items():
            place = partial(client.orders.place, TICKER, side="bid", count=1, price="0.01")
            turns.time(name, place)
    for client in clients.values():
        client.close()
    link.close()
    bare.connection.close()
    return {name: turns.micro(name) for name in turns.seconds}


async def _rate(client: AsyncKalshi, orders: int) -> float:
    gate = asyncio.Semaphore(AT_ONCE)

    async def place() -> None:
        async with gate:
            await client.orders.place(TICKER, side="bid", count=1, price="0.01")

    began = time.perf_counter()
    await asyncio.gather(*(place() for _ in range(orders)))
    return orders / (time.perf_counter() - began)


def creates_at_once(port: int, journals: dict[str, Journal], rounds: int) -> dict[str, float]:
    """Return orders a second, 50 at a time, with each journal."""

    async def main() -> dict[str, float]:
        clients = {n: AsyncKalshi(**client_options(port, j)) for n, j in journals.items()}
        rates: dict[str, list[float]] = {name: [] for name in clients}
        for number in range(rounds + 1):
            for name, client in clients.items():
                rate = await _rate(client, 4 * AT_ONCE)
                if number:  # the first round warms up
                    rates[name].append(rate)
        for client in clients.values():
            await client.aclose()
        return {name: statistics.median(each) for name, each in rates.items()}

    return asyncio.run(main())
