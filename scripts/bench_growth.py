"""Measure what one unit costs where there are 100, 1,000, ... of them: orders, rows, entries, keys.

No network and no signature: what is left is this library, where growth would be. All in CPU time,
but for journals in files, whose disk counts too.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from bench_exchange import Fills, order_answer, page
from bench_page import Curve
from bench_turns import Plan, Work, repeat
from bench_work import RAIN

from kalshi_ext import AsyncKalshi, Kalshi
from kalshi_ext.journal import Entry, State, Transition, account_label, open_journal
from kalshi_ext.journal.in_flight import LockOwner, LockRegistry, RecentWrites

OPTIONS: dict[str, Any] = {"environment": "http://127.0.0.1:9/trade-api/v2", "pace": None}
PAGE_SIZE = 100
PARTS = 9


class Answers(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Answers orders, each with an id of its own, and lists of fills, without a network."""

    def __init__(self, fills: int = 0) -> None:
        self.fills, self.numbers = Fills(fills), count(1)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer."""
        headers = {"content-type": "application/json"}
        if request.method == "GET":
            body = page(self.fills, str(request.url))
            return httpx.Response(200, headers=headers, content=body)
        body = order_answer(json.loads(request.content), next(self.numbers))
        return httpx.Response(201, headers=headers, content=body)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer, after the other tasks had their turn."""
        await asyncio.sleep(0)
        return self.handle_request(request)


def cost(work: Work, units: int = 1, clock: Callable[[], float] = time.process_time) -> float:
    """Return the microseconds of one unit."""
    began = clock()
    work()
    return (clock() - began) / units * 1e6


def lowest(works: Sequence[Work], units: int = 1, **clock: Any) -> float:
    """Return the microseconds of one unit in the cheaper half of the works.

    A busy machine only adds; and the collector's turns fall on some parts and not on others.
    """
    costs = sorted(cost(work, units, **clock) for work in works)
    kept = costs[: (len(costs) + 1) // 2]
    return sum(kept) / len(kept)


def sizes(plan: Plan, first: int = 2) -> list[int]:
    """List the decades."""
    return [10**power for power in range(first, plan.decades + 1)]


def orders(plan: Plan) -> Iterator[Curve]:
    """Place orders with one client: the cost of one, near the end of each decade."""
    with Kalshi(bearer_token="t", transport=Answers(), **OPTIONS) as client:  # noqa: S106

        def place() -> None:
            client.orders.place(RAIN, side="bid", count=1, price="0.01")

        micro, placed = dict[int, float](), 0
        for size in sizes(plan):
            part = max(10, size // 40)
            repeat(size - placed - PARTS * part, place)()
            micro[size] = lowest([repeat(part, place)] * PARTS, part)
            placed = size
    yield Curve("orders placed by one client", micro)


def rows(plan: Plan) -> Iterator[Curve]:
    """List rows, 100 a page: the cost of one."""
    micro = dict[int, float]()
    for size in sizes(plan):
        transport = Answers(size)
        with Kalshi(bearer_token="t", transport=transport, **OPTIONS) as client:  # noqa: S106
            fills = partial(client.portfolio.fills, page_size=PAGE_SIZE)
            works = max(2, min(PARTS, 20_000 // size))
            micro[size] = lowest([lambda: fills().all()] * works, size)  # noqa: B023 - called at once
    yield Curve(f"rows listed, {PAGE_SIZE} a page", micro)


def filled_journal(path: Path, size: int) -> None:
    """Make a journal of so many writes, each with its verdict."""
    with open_journal(path) as journal:
        journal.bind(account_label(OPTIONS["environment"], token="t"))  # noqa: S106
        for first in range(0, size, 1000):
            write_orders(journal, range(first, min(first + 1000, size)))


def write_orders(journal: Any, numbers: Sequence[int]) -> None:
    """Reserve orders, and conclude them."""
    made = [new_entry(f"grown-{number}") for number in numbers]
    journal.reserve_many(made)
    journal.conclude([Transition(each.key, State.ACKNOWLEDGED) for each in made])


def new_entry(key: str) -> Entry:
    """Make an order's intent."""
    return Entry(key=key, operation="CreateOrderV2", ticker=RAIN, fingerprint="0" * 64, ticket="{}")


def entries(plan: Plan) -> Iterator[Curve]:
    """Open a file of so many entries, recover where none is open, and write one more."""
    reopened, recovered, written = (dict[int, float]() for _ in range(3))
    wall = time.perf_counter
    with tempfile.TemporaryDirectory() as directory:
        for size in sizes(plan):
            path = Path(directory) / f"{size}.db"
            filled_journal(path, size)
            reopened[size] = lowest([lambda: open_journal(path).close()] * PARTS, clock=wall)  # noqa: B023
            with open_journal(path) as journal:
                fresh = [partial(write_orders, journal, [size + each]) for each in range(30)]
                written[size] = lowest(fresh, clock=wall)
            with Kalshi(bearer_token="t", transport=Answers(), journal=path, **OPTIONS) as client:  # noqa: S106
                recovered[size] = lowest([client.recover] * PARTS, clock=wall)
    yield Curve("journal file with so many entries: one write more, wall clock", written)
    yield Curve("the same: opened and closed, wall clock", reopened)
    yield Curve("the same: recover() with none open, wall clock", recovered)


def recent(plan: Plan) -> Iterator[Curve]:
    """Remember one recent write more where so many are remembered."""
    micro = dict[int, float]()
    for size in sizes(plan):
        writes = RecentWrites()
        for number in range(size):
            writes.add(f"order-{number}", 1.0)
        numbers = count()
        one = lambda: writes.add(f"more-{next(numbers)}", 1.0)  # noqa: B023, E731 - a work
        micro[size] = lowest([repeat(100, one)] * PARTS, 100)
    yield Curve("recent writes remembered", micro)


def in_flight(plan: Plan) -> Iterator[Curve]:
    """Take and free one key more where so many are in flight; and place so many at once."""
    micro = dict[int, float]()
    for size in sizes(plan):
        locks, owners = LockRegistry(), [LockOwner() for _ in range(size)]
        for owner in owners:
            locks.acquire([str(uuid4())], owner)

        def one() -> None:
            owner = LockOwner()
            locks.acquire(["more"], owner)  # noqa: B023 - called at once
            locks.release(owner)  # noqa: B023

        micro[size] = lowest([repeat(100, one)] * PARTS, 100)
    yield Curve("keys in flight: one more taken and freed", micro)
    at_once = {size: asyncio.run(placed_at_once(size)) for size in sizes(plan) if size <= 10_000}
    yield Curve("orders placed at the same time, asyncio", at_once)


async def placed_at_once(size: int) -> float:
    """Return the microseconds of an order where so many tasks place one each."""
    costs = []
    async with AsyncKalshi(bearer_token="t", transport=Answers(), **OPTIONS) as client:  # noqa: S106
        place = partial(client.orders.place, RAIN, side="bid", count=1, price="0.01")
        for _ in range(max(2, min(PARTS, 2_000 // size))):
            began = time.process_time()
            await asyncio.gather(*(place() for _ in range(size)))
            costs.append((time.process_time() - began) / size * 1e6)
    return min(costs)


CURVES: tuple[Callable[[Plan], Iterator[Curve]], ...] = (orders, rows, entries, recent, in_flight)


def grow(plan: Plan) -> list[Curve]:
    """Measure every curve."""
    found = []
    for measure in CURVES:
        for curve in measure(plan):
            print(curve, flush=True)
            found.append(curve)
    return found
