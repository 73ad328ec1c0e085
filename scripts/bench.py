"""Measure what this library costs, as ratios of one run on one machine.

Each row times two ways of doing the same work, turn by turn, and gives the median of the turns'
ratios; the figures beside it are medians too. CPU time is this process's only: the sandbox is
another process. `--write` puts the table into docs/architecture.md. Ratios travel to other machines
better than microseconds do; neither is a promise.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

sys.path.insert(0, str(Path(__file__).resolve().parent))

import bench_answers as answers
import bench_events
import bench_lists
import figures
import httpx
from attrs import evolve, frozen
from bench_turns import TURNS, CpuClock, Row, Work, compare, repeat
from kalshi_portfolio import AuthenticatedClient  # noqa: TID251 - what is measured beside
from kalshi_portfolio import models as generated  # noqa: TID251 - what is measured beside
from kalshi_portfolio.api.orders import create_order_v2, get_orders  # noqa: TID251 - what is measured beside

from kalshi_ext import AsyncKalshi, Kalshi, KalshiAuth, contracts
from kalshi_ext.protocol.deviations import DeviationCounter
from kalshi_ext.protocol.messages import Reply
from kalshi_ext.protocol.responses import decode, parse_json
from kalshi_ext.requests.filters import list_query
from kalshi_ext.sandbox import Sandbox
from kalshi_ext.transport.signing import signer

RAIN = "KXRAIN-26DEC31-NYC"
FILLS = 100_000
UNREACHABLE = "http://127.0.0.1:9/trade-api/v2"


def place(client: Kalshi) -> Work:
    """Place one resting order with this library."""
    return lambda: client.orders.place(RAIN, side="bid", count=1, price="0.01")


def place_with_generated(client: AuthenticatedClient) -> Work:
    """Place one resting order with the generated client alone, without journal or retries."""
    body = generated.CreateOrderV2Request(
        ticker=RAIN,
        side=generated.BookSide.BID,
        count="1.00",
        price="0.01",
        time_in_force=generated.TimeInForce.GOOD_TILL_CANCELED,
        self_trade_prevention_type=generated.SelfTradePreventionType.TAKER_AT_CROSS,
    )
    return lambda: create_order_v2.sync_detailed(client=client, body=body)


def generated_client(url: str, auth: httpx.Auth | None = None, **more: Any) -> AuthenticatedClient:
    """Build the generated client as its own documentation shows."""
    return AuthenticatedClient(base_url=url, token="t", httpx_args={"auth": auth, **more})  # noqa: S106 - no token


def in_memory() -> Iterator[Row]:
    """Compare without a network: what is left is this library, and httpx."""
    transport = httpx.MockTransport(answers.answer)
    options: dict[str, Any] = {"environment": UNREACHABLE, "transport": transport, "pace": None}
    with Kalshi(bearer_token="t", **options) as client:  # noqa: S106
        bare_client = generated_client(UNREACHABLE, transport=transport)
        yield compare(
            "place, no network, no signature",
            ("place()", repeat(200, place(client))),
            ("generated + httpx", repeat(200, place_with_generated(bare_client))),
            units=200,
        )
        page = list_query(limit=1000)
        yield compare(
            "list 1000 orders, no network",
            ("list().all()", lambda: client.orders.list(limit=page.size).all()),
            ("generated + httpx", lambda: get_orders.sync_detailed(client=bare_client, limit=1000)),
        )


def decoding() -> Iterator[Row]:
    """Compare reading a page of 1000 orders that is JSON already."""
    call = contracts.contract("current").orders.list(list_query(limit=1000))
    document = parse_json(answers.PAGE)
    yield compare(
        "read 1000 rows of parsed JSON",
        ("models", lambda: call.decode(document)),
        ("generated from_dict", lambda: generated.GetOrdersResponse.from_dict(document)),
    )
    reply, deviations = Reply(200, {}, answers.PAGE), DeviationCounter()
    yield compare(
        "read 1000 rows of JSON",
        ("typed, strict pass", lambda: decode(call, reply, deviations)),
        ("json.loads", lambda: json.loads(answers.PAGE)),
    )
    yield compare(
        "read 1000 rows of JSON",
        ("typed, tolerant", lambda: decode(evolve(call, decode_fast=None), reply, deviations)),
        ("json.loads", lambda: json.loads(answers.PAGE)),
    )


def drain_plainly(url: str) -> int:
    """Read every fill with httpx and json alone, page by page."""
    rows: list[Any] = []
    query: dict[str, Any] = {"limit": 1000}
    with httpx.Client() as client:
        while query.get("cursor", "first"):
            page = json.loads(client.get(f"{url}/portfolio/fills", params=query).content)
            rows += page["fills"]
            query["cursor"] = page["cursor"]
    return len(rows)


def drain(url: str, **bounds: Any) -> int:
    """Read every fill, typed; in windows where `since` is among the bounds."""
    with Kalshi(bearer_token="t", environment=url, pace=None) as client:  # noqa: S106
        return len(client.portfolio.fills(page_size=1000, **bounds).all())


async def drain_on_a_loop(url: str, **bounds: Any) -> int:
    """Read every fill, typed, with the async client."""
    async with AsyncKalshi(bearer_token="t", environment=url, pace=None) as client:  # noqa: S106
        return len(await client.portfolio.fills(page_size=1000, **bounds).all())


def lists() -> Iterator[Row]:
    """Compare reading 100,000 fills: the CPU of it, and the time where answers take 20 ms."""
    since = {"since": bench_lists.START}
    with fills_exchange(0.0) as url:
        ways = {"page by page": partial(drain, url), "in windows": partial(drain, url, **since)}
        for name, way in ways.items():
            plain = ("httpx + json", partial(drain_plainly, url))
            yield compare(f"drain {FILLS:,} fills", (name, way), plain, units=FILLS)
    with fills_exchange(0.02) as url:
        ways = {
            "sync": partial(drain, url, **since),
            "async": lambda: asyncio.run(drain_on_a_loop(url, **since)),
        }
        for name, way in ways.items():
            yield compare(
                f"drain {FILLS:,} fills, 20 ms a response, wall clock",
                (f"{name}, in windows", way),
                ("httpx + json", partial(drain_plainly, url)),
                units=FILLS,
                clock=time.perf_counter,
            )


@contextmanager
def fills_exchange(delay: float) -> Iterator[str]:
    """Run the exchange of many fills in a process of its own."""
    command = [sys.executable, bench_lists.__file__, str(FILLS), "--delay", str(delay)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/trade-api/v2"
        finally:
            process.kill()


KINDS = (("rsa", "RSA"), ("ed25519", "Ed25519"))


def credentials_of(box: Sandbox, kind: str) -> dict[str, Any]:
    """Return the credentials of an account whose key is of this kind."""
    key = box.account("trader", kind=kind)
    return {"key_id": key.key_id, "private_key": key.private_key}


@frozen
class ByHand:
    """A create as it is written by hand: httpx, a signature, json; no journal and no check."""

    url: str
    credentials: dict[str, Any]

    def options(self) -> dict[str, Any]:
        """Return what a client of httpx is made with."""
        return {"base_url": self.url, "auth": KalshiAuth(signer(**self.credentials))}

    def order(self) -> dict[str, Any]:
        """Return the arguments of the post."""
        order = {
            "ticker": RAIN,
            "side": "bid",
            "count": "1.00",
            "price": "0.01",
            "client_order_id": str(uuid4()),
            "time_in_force": "good_till_canceled",
            "self_trade_prevention_type": "taker_at_cross",
        }
        return {"url": "/portfolio/events/orders", "json": order}

    def place(self, client: httpx.Client) -> Work:
        """Place one order."""
        return lambda: client.post(**self.order()).raise_for_status().json()

    async def place_in_turn(self, client: httpx.AsyncClient, count: int) -> None:
        """Place so many orders, one after the other."""
        for _ in range(count):
            (await client.post(**self.order())).raise_for_status().json()

    @contextmanager
    def loop(self) -> Iterator[Callable[[int], None]]:
        """Keep an event loop with a client of httpx; the function places so many orders."""
        with asyncio.Runner() as runner:
            client = httpx.AsyncClient(**self.options())
            yield lambda count: runner.run(self.place_in_turn(client, count))
            runner.run(client.aclose())


def on_tcp(box: Sandbox) -> Iterator[Row]:
    """Compare against the sandbox, over TCP, signed with either kind of key."""
    for kind, name in KINDS:
        credentials = credentials_of(box, kind)
        by_hand = ByHand(box.url, credentials)
        with (
            Kalshi(environment=box.url, pace=None, **credentials) as client,
            httpx.Client(**by_hand.options()) as plain,
        ):
            yield compare(
                f"place on the sandbox, {name}",
                ("place()", repeat(60, place(client))),
                ("httpx, signed by hand", repeat(60, by_hand.place(plain))),
                units=60,
            )
    credentials = {"key_id": box.key_id, "private_key": box.private_key}
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "orders.db"
        plain = Kalshi(environment=box.url, pace=None, **credentials)
        journaled = Kalshi(environment=box.url, pace=None, journal=path, **credentials)
        with plain, journaled:
            yield compare(
                "place on the sandbox, wall clock",
                ("SQLite journal", repeat(60, place(journaled))),
                ("journal in memory", repeat(60, place(plain))),
                units=60,
                clock=time.perf_counter,
            )


def on_a_loop(box: Sandbox) -> Iterator[Row]:
    """Compare asyncio with httpx on asyncio in turn, and fifty orders at a time with that."""
    for kind, name in KINDS:
        credentials = credentials_of(box, kind)
        by_hand = ByHand(box.url, credentials)
        with loop({"environment": box.url, **credentials}) as place_orders, by_hand.loop() as plain:
            for way, size in (("one by one", 1), ("50 at a time", 50)):
                yield compare(
                    f"place on the sandbox, asyncio, {name}",
                    (way, partial(place_orders, 100, size)),
                    ("httpx, signed by hand, one by one", partial(plain, 100)),
                    units=100,
                )


@contextmanager
def loop(credentials: dict[str, Any]) -> Iterator[Callable[[int, int], None]]:
    """Keep an event loop with a client; the function places so many orders, so many at once."""

    async def place_in_groups(client: AsyncKalshi, count: int, size: int) -> None:
        for _ in range(0, count, size):
            await asyncio.gather(
                *(client.orders.place(RAIN, side="bid", count=1, price="0.01") for _ in range(size))
            )

    async def made() -> AsyncKalshi:
        return AsyncKalshi(**credentials, pace=None)

    with asyncio.Runner() as runner:
        client = runner.run(made())
        yield lambda count, size: runner.run(place_in_groups(client, count, size))
        runner.run(client.aclose())


def signing(box: Sandbox) -> Iterator[Row]:
    """Compare the two kinds of keys."""
    kinds = {
        kind: signer(key_id=key.key_id, private_key=key.private_key)
        for kind in ("rsa", "ed25519")
        for key in [box.account("trader", kind=kind)]
    }
    path = b"/trade-api/v2/portfolio/events/orders"
    work = {
        kind: repeat(100, partial(made.headers, "POST", path, 1_700_000_000_000))
        for kind, made in kinds.items()
    }
    yield compare(
        "sign one request", ("Ed25519", work["ed25519"]), ("RSA-2048", work["rsa"]), units=100
    )


def importing(box: Sandbox) -> Iterator[Row]:
    """Compare imports and clients, each in a process of its own, which prints its CPU time."""
    ways = [("import kalshi_ext", "import kalshi_ext", "import httpx", "import httpx")]
    for name, credentials in [
        ("a token", {"bearer_token": "t"}),
        *((f"a key, {name}", credentials_of(box, kind)) for kind, name in KINDS),
    ]:
        ours = f"from kalshi_ext import Kalshi; Kalshi(**{credentials})"
        theirs = "import httpx; httpx.Client()"
        ways.append((f"import, construct with {name}", ours, "the same of httpx", theirs))
    for what, ours, beside, theirs in ways:
        clock = CpuClock()
        measured = (what, clock.run_statement(ours)), (beside, clock.run_statement(theirs))
        yield compare("import", *measured, clock=clock)


def measure() -> Iterator[Row]:
    """Measure everything."""
    yield from in_memory()
    yield from bench_events.nobody_listens()
    yield from decoding()
    yield from lists()
    with ExitStack() as stack:
        box = stack.enter_context(Sandbox(settings={"rate_limits": False}))
        yield from on_tcp(box)
        yield from on_a_loop(box)
        yield from signing(box)
        yield from importing(box)


def table(rows: Iterable[Row]) -> str:
    """Render the rows as Markdown."""
    head = "| what | this | beside | µs | µs beside | ratio |\n|---|---|---|---:|---:|---:|"
    busy = f"{os.cpu_count()} cores under a load of {os.getloadavg()[2]:.0f}"
    environment = f"Python {platform.python_version()}, {platform.machine()}, {busy}"
    note = (
        f"One run of `make bench`, {environment}; CPU time of this process unless it says"
        f" wall clock, median of {TURNS} turns. Below 1 the left one is faster."
    )
    return "\n".join([note, "", head, *(row.line() for row in rows)])


def main() -> int:
    """Measure and print; with --write also into the docs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="write docs/architecture.md's block")
    options = parser.parse_args()
    text = table(list(measure()))
    print(f"\n{text}")
    if options.write:
        figures.write_block("architecture.md", "bench", text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
