"""Time whole orders with and without a journal, against canned answers on loopback.

What a journal adds to a create is compared with the least that a durable record can cost: one bare
synchronous commit of the same row into the same schema, between the same round trips. All of it
takes turns, so that a busy machine slows each alike.
"""

from __future__ import annotations

import asyncio
import http.client
import sqlite3
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from attrs import define, evolve, frozen
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from kalshi_ext import AsyncKalshi, Kalshi, Policy
from kalshi_ext.journal import Entry, Journal, sqlite_file
from kalshi_ext.journal.store import COLUMNS, to_row

TICKER = "KXRAIN-26DEC31-NYC"
BODY = b'{"ticker": "KXRAIN-26DEC31-NYC", "side": "bid", "count": "1.00", "price": "0.0100"}'
AT_ONCE = 50


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


def client_options(url: str, journal: Journal) -> dict[str, Any]:
    """Return the arguments of a client of the canned exchange."""
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    options = {"key_id": "bench", "private_key": pem, "environment": url}
    return options | {"journal": journal, "policy": Policy(timeout=30.0), "pace": None}


@define
class Turns:
    """The seconds of things done in turns."""

    seconds: dict[str, list[float]]

    def time(self, name: str, work: Callable[[], object]) -> None:
        """Do some work and note how long it took."""
        began = time.perf_counter()
        work()
        self.seconds.setdefault(name, []).append(time.perf_counter() - began)

    def micro(self, name: str) -> float:
        """Return the median in microseconds."""
        return statistics.median(self.seconds[name]) * 1e6

    def parts(self, name: str, count: int) -> list[float]:
        """Return the medians in microseconds of so many parts of the run."""
        each = self.seconds[name]
        return [statistics.median(each[first::count]) * 1e6 for first in range(count)]


def creates_in_turn(
    url: str, journals: dict[str, Journal], file: Path, sample: Entry, rounds: int
) -> Turns:
    """Time a round trip, one with a bare commit, and a create with each journal."""
    bare = BareCommit(sqlite_file.connect(file, readonly=False), sample)
    link = http.client.HTTPConnection(urlsplit(url).netloc)
    link.connect()
    turns = Turns({})

    def round_trip() -> None:
        link.request("POST", "/portfolio/events/orders", BODY)
        link.getresponse().read()

    def committed(number: int) -> None:
        bare(number)
        round_trip()

    clients = {n: Kalshi(**client_options(url, journal)) for n, journal in journals.items()}
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
    return turns


async def _rate(client: AsyncKalshi, orders: int) -> float:
    gate = asyncio.Semaphore(AT_ONCE)

    async def place() -> None:
        async with gate:
            await client.orders.place(TICKER, side="bid", count=1, price="0.01")

    began = time.perf_counter()
    await asyncio.gather(*(place() for _ in range(orders)))
    return orders / (time.perf_counter() - began)


def creates_at_once(url: str, journals: dict[str, Journal], rounds: int) -> dict[str, list[float]]:
    """Return the rounds' orders a second, 50 at a time, with each journal."""

    async def main() -> dict[str, list[float]]:
        clients = {n: AsyncKalshi(**client_options(url, j)) for n, j in journals.items()}
        rates: dict[str, list[float]] = {name: [] for name in clients}
        for number in range(rounds + 1):
            for name, client in clients.items():
                rate = await _rate(client, 4 * AT_ONCE)
                if number:  # the first round warms up
                    rates[name].append(rate)
        for client in clients.values():
            await client.aclose()
        return rates

    return asyncio.run(main())
