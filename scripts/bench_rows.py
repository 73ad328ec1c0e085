"""The rows of docs/performance.md that something is demanded of, each with what is demanded.

A row is made by a generator of `ROWS`; a new one is a generator more.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from bench_events import nobody_listens
from bench_exchange import START, canned_exchange
from bench_turns import CpuClock, Must, Plan, Row, compare, repeat, row_of, run_python
from bench_work import (
    KINDS,
    RAIN,
    ByHand,
    client_of,
    credentials_of,
    drain,
    drain_on_a_loop,
    drain_plainly,
    loop,
    place,
)
from journal_bench import entry
from journal_orders import AT_ONCE, creates_at_once, creates_in_turn

from kalshi_ext import AsyncKalshi
from kalshi_ext.journal import open_journal

CALLERS = 1000
BY_HAND = "httpx, signed by hand"
AROUND = (
    "the library's own work around the request (checks, the record before it, the verdict after"
    " it), by room in the profile below"
)
SIGNED = f"the signature (see the parts below), which is this machine's; and {AROUND}"
SYNC = {"RSA": Must(0.93, why=AROUND), "Ed25519": Must(0.58, why=AROUND)}
IN_TURN = {"RSA": Must(0.72, why=AROUND), "Ed25519": Must(0.45, why=AROUND)}
AT_A_TIME = {
    "RSA": Must(1800, "rate", at_least=True, why=SIGNED),
    "Ed25519": Must(2800, "rate", at_least=True, why=SIGNED),
}
FIRST_STEPS = (
    "a loop runs the first steps of all tasks that were made together, up to where each waits for a"
    " connection, before anything else"
)
COMMITTED = (
    "beside the commit itself: two hand-overs between the caller and the thread that writes, whose"
    " limit a caller that committed for himself could not keep while the disk stands still; and"
    " the write of the outcome, which follows behind but takes this thread's interpreter"
)
WAITED = (
    "windows read side by side have 20 ms a response, and the rows of all are decoded on one core:"
    " what a row costs, in the row above, times 100,000"
)
IMPORTED = "the modules that an import brings, in the profile below"


def creates(plan: Plan) -> Iterator[Row]:
    """Compare one order after the other, in a thread."""
    with canned_exchange() as url:
        for kind in KINDS:
            by_hand = ByHand(url, credentials_of(kind))
            with (
                client_of(url, by_hand.credentials) as client,
                httpx.Client(**by_hand.options()) as plain,
            ):
                yield compare(
                    f"create, sync, {kind}",
                    ("place()", repeat(plan.orders, place(client))),
                    (BY_HAND, repeat(plan.orders, by_hand.place(plain))),
                    units=plan.orders,
                    turns=plan.turns,
                    must=SYNC[kind],
                )


def creates_on_a_loop(plan: Plan) -> Iterator[Row]:
    """Compare asyncio with httpx on asyncio in turn, and fifty orders at a time with that."""
    with canned_exchange() as url:
        for kind in KINDS:
            by_hand = ByHand(url, credentials_of(kind))
            ways = (("in turn", 1, IN_TURN[kind]), (f"{AT_ONCE} at a time", 50, AT_A_TIME[kind]))
            with loop(url, by_hand.credentials) as place_orders, by_hand.loop() as plain:
                for way, size, must in ways:
                    yield compare(
                        f"create, async, {way}, {kind}",
                        ("place()", partial(place_orders, plan.orders, size)),
                        (f"{BY_HAND}, in turn", partial(plain, plan.orders)),
                        units=plan.orders,
                        turns=plan.turns,
                        must=must,
                    )


async def longest_block(place: Callable[[], Any], tasks: int) -> float:
    """Return the longest time, in ms, that a loop was kept while so many tasks placed an order."""
    longest, last = 0.0, time.perf_counter()

    async def watch() -> None:
        nonlocal longest, last
        while True:
            await asyncio.sleep(0.001)
            now = time.perf_counter()
            longest, last = max(longest, now - last), now

    watcher = asyncio.create_task(watch())
    await asyncio.gather(*(place() for _ in range(tasks)))  # raises where one is not placed
    watcher.cancel()
    return longest * 1e3


def many_callers(plan: Plan) -> Iterator[Row]:
    """Compare how long an event loop is kept while 1,000 tasks place an order at once."""

    async def ours(url: str, credentials: dict[str, Any]) -> float:
        async with AsyncKalshi(environment=url, pace=None, **credentials) as client:
            ticket = {"side": "bid", "count": 1, "price": "0.01"}
            return await longest_block(partial(client.orders.place, RAIN, **ticket), CALLERS)

    async def plain(by_hand: ByHand) -> float:
        gate = asyncio.Semaphore(AT_ONCE)  # httpx's pool does not get through 1,000 that wait

        async def place() -> None:
            async with gate:
                await by_hand.place_in_turn(client, 1)

        async with httpx.AsyncClient(**by_hand.options()) as client:
            return await longest_block(place, CALLERS)

    with canned_exchange() as url:
        by_hand = ByHand(url, credentials_of("Ed25519"))
        pairs = [
            (asyncio.run(ours(url, by_hand.credentials)), asyncio.run(plain(by_hand)))
            for _ in range(plan.turns)
        ]
    yield row_of(
        f"the longest block of the loop, {CALLERS:,} tasks place at once, wall clock",
        f"AsyncKalshi, {CALLERS:,} placed",
        f"{BY_HAND}, {AT_ONCE} of them at a time",
        pairs,
        unit="ms",
        must=Must(50, "value", why=FIRST_STEPS),
    )


def journaled(plan: Plan) -> Iterator[Row]:
    """Compare creates that a file remembers: with none, by hand, and with a bare commit."""
    with tempfile.TemporaryDirectory() as name, canned_exchange() as url:
        directory = Path(name)
        for kind in KINDS:
            by_hand = ByHand(url, credentials_of(kind))
            path = directory / f"{kind}.db"
            with (
                client_of(url, by_hand.credentials, journal=path) as client,
                httpx.Client(**by_hand.options()) as plain,
            ):
                yield compare(
                    f"create with the SQLite journal, sync, {kind}, wall clock",
                    ("place()", repeat(plan.orders, place(client))),
                    (f"{BY_HAND}, no journal", repeat(plan.orders, by_hand.place(plain))),
                    units=plan.orders,
                    turns=plan.turns,
                    must=Must(1.8, why=COMMITTED) if kind == "RSA" else None,
                    clock=time.perf_counter,
                )
        yield from beside_a_bare_commit(plan, directory, url)


def beside_a_bare_commit(plan: Plan, directory: Path, url: str) -> Iterator[Row]:
    """Compare what the journal adds with a commit, and its rate with the rate without it."""
    journals = {"memory": open_journal(None), "file": open_journal(directory / "creates.db")}
    turns = creates_in_turn(url, journals, directory / "bare.db", entry("bare"), plan.orders * 2)
    rates = creates_at_once(url, journals, plan.turns)
    for journal in journals.values():
        journal.close()
    part = partial(turns.parts, count=plan.turns)
    added = [a - b for a, b in zip(part("file"), part("memory"), strict=True)]
    bare = [a - b for a, b in zip(part("with a bare commit"), part("round trip"), strict=True)]
    yield row_of(
        "what the SQLite journal adds to a create, wall clock",
        "added by the journal",
        "one bare synchronous commit",
        list(zip(added, bare, strict=True)),
        must=Must(1.7, why=COMMITTED),
    )
    yield row_of(
        f"creates a second of wall clock, Ed25519, {AT_ONCE} at a time",
        "SQLite journal",
        "journal in memory",
        list(zip(rates["file"], rates["memory"], strict=True)),
        unit="/s",
        must=Must(0.7, at_least=True, why=COMMITTED),
    )


def drains(plan: Plan) -> Iterator[Row]:
    """Compare reading many fills: the CPU of it, plain and packed."""
    what, plainly = f"drain {plan.fills:,} fills, typed", "httpx + json, untyped"
    for packed, must in ((False, Must(1.15)), (True, None)):
        with canned_exchange(plan.fills, packed=packed) as url:
            yield compare(
                f"{what}, gzip" if packed else what,
                ("fills().all()", partial(drain, url)),
                (plainly, partial(drain_plainly, url)),
                units=plan.fills,
                turns=plan.turns,
                must=must,
            )
            if not packed:
                yield compare(
                    f"{what}, in windows",
                    ("fills(since=…).all()", partial(drain, url, since=START)),
                    (plainly, partial(drain_plainly, url)),
                    units=plan.fills,
                    turns=plan.turns,
                )


def slow_drains(plan: Plan) -> Iterator[Row]:
    """Compare the time of reading many fills where each answer takes 20 ms."""
    with canned_exchange(plan.fills, 0.02) as url:
        ways: dict[str, Callable[[], object]] = {
            "sync": partial(drain, url, since=START),
            "async": lambda: asyncio.run(drain_on_a_loop(url, since=START)),
        }
        for name, way in ways.items():
            yield compare(
                f"the same at 20 ms a response, {name}, wall clock",
                ("fills(since=…).all()", way),
                ("httpx + json, page by page", partial(drain_plainly, url)),
                turns=plan.turns,
                unit="s",
                must=Must(0.6, "value", why=WAITED),
                clock=time.perf_counter,
            )


def bytes_of(url: str, encoding: str) -> float:
    """Return the megabytes of an answer as they come over the wire."""
    with httpx.stream("GET", url, headers={"accept-encoding": encoding}) as response:
        return sum(map(len, response.iter_raw())) / 1e6


def packed_pages(plan: Plan) -> Iterator[Row]:
    """Compare the bytes of a page of fills, packed as this library asks for it, and plain."""
    with canned_exchange(min(plan.fills, 1000), packed=True) as url:
        page = f"{url}/portfolio/fills?limit=1000"
        sizes = bytes_of(page, "gzip"), bytes_of(page, "identity")
    yield row_of(
        "a page of 1,000 fills on the wire", "gzip, as asked for", "plain", [sizes] * 2, unit="MB"
    )


STREAM = """
def memory(word):  # a child's ru_maxrss begins with its parent's
    return int(open("/proc/self/status").read().split(word + ":")[1].split()[0]) / 1024
{construct}
before = memory("VmRSS")
count = 0
{stream}
assert count == {count}, count
print(memory("VmHWM") - before)
"""
OURS = """
from kalshi_ext import Kalshi
client = Kalshi(bearer_token="t", environment={url!r}, pace=None)
|for row in client.portfolio.fills(page_size=1000): count += 1
"""
PLAIN = """
import httpx, json
client = httpx.Client()
|query = {{"limit": 1000}}
while query.get("cursor", "first"):
    page = json.loads(client.get({url!r} + "/portfolio/fills", params=query).content)
    count += len(page["fills"])
    query["cursor"] = page["cursor"]
"""


def grown(way: str, url: str, count: int) -> float:
    """Return by how many MB a new process grows while it reads every fill and keeps none."""
    construct, stream = way.format(url=url).split("|")
    code = STREAM.format(construct=construct, stream=stream, count=count)
    return float(run_python("-c", code).stdout)


def memory(plan: Plan) -> Iterator[Row]:
    """Compare the memory of processes that stream the fills, from the client's making on."""
    with canned_exchange(plan.fills) as url:
        ways = (OURS, PLAIN)
        turns = range(min(5, plan.turns) + 1)
        pairs = [tuple(grown(way, url, plan.fills) for way in ways) for _ in turns][1:]
    yield row_of(
        f"memory grown by streaming {plan.fills:,} fills",
        "fills(), typed",
        "httpx + json, page by page",
        [(ours, plain) for ours, plain in pairs],
        unit="MB",
        must=Must(10.0, "value"),
    )


def importing(plan: Plan) -> Iterator[Row]:
    """Compare imports and clients, each in a process of its own, which prints its CPU time."""
    client = {f"a key, {kind}": credentials_of(kind) for kind in KINDS}
    ways: list[tuple[str, str, str, Must | None]]
    ways = [("import", "import kalshi_ext", "import httpx", None)]
    for name, credentials in {"a token": {"bearer_token": "t"}, **client}.items():
        ours = f"from kalshi_ext import Kalshi; Kalshi(**{credentials})"
        what = f"import + construct with {name}"
        ways.append((what, ours, "import httpx; httpx.Client()", Must(200, "value", why=IMPORTED)))
    for what, ours, theirs, must in ways:
        clock = CpuClock()  # its own: each row's turns add up in one
        yield compare(
            f"{what}, a new process",
            ("kalshi_ext", clock.run_statement(ours)),
            ("httpx", clock.run_statement(theirs)),
            turns=plan.turns,
            unit="ms",
            must=must,
            clock=clock,
        )


ROWS: tuple[Callable[[Plan], Iterator[Row]], ...] = (
    creates,
    creates_on_a_loop,
    many_callers,
    journaled,
    drains,
    slow_drains,
    packed_pages,
    memory,
    importing,
    nobody_listens,
)
