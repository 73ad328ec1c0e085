"""Measure the budget and the bulk calls against the sandbox's true buckets, in real time.

Each row is one run: what was asked, the time the buckets allow at best, the time it took, what was
refused with 429, and what ended otherwise than asked. `--write` keeps them in docs/bulk.md. Exits 1
where anything was refused or lost, or a long run took more than 2 % over the optimum.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen
from figures import write_block

from kalshi_ext import AsyncKalshi, Kalshi, KalshiError, OrderAck, OrderTicket
from kalshi_ext.sandbox import Sandbox
from kalshi_ext.sandbox.engine import admin

RAIN, BITCOIN = "KXRAIN-26DEC31-NYC", "KXBTC-26DEC31-B100"
PROCESS = Path(__file__).parents[1] / "tests" / "wire" / "client" / "budget_process.py"
TIERS = {"basic": (100, 100), "expert": (600, 1200), "premier": (1000, 2000)}  # writes: rate, size


@frozen
class Figure:
    """One run: `optimum` and `seconds` are from the first request to the last, as they arrived."""

    what: str
    count: int
    optimum: float
    seconds: float
    refused: int
    lost: int

    @property
    def over(self) -> float:
        """Return the share over the optimum."""
        return self.seconds / self.optimum - 1

    def row(self) -> str:
        """Return the row of the table."""
        return (
            f"| {self.what} | {self.count:,} | {self.optimum:.1f} | {self.seconds:.1f} "
            f"| {self.over:+.1%} | {self.refused} | {self.lost} |"
        )


def tickets(count: int, *tickers: str) -> list[OrderTicket]:
    """Make tickets of these markets in turn; those of the second name its shard."""
    shards = {RAIN: None, BITCOIN: 2}
    return [
        OrderTicket.of(ticker, side="bid", count=1, price="0.01", exchange_index=shards[ticker])
        for _, ticker in zip(range(count), tickers * count, strict=False)
    ]


class Run:
    """One account on a sandbox, and what was answered to it."""

    def __init__(self, box: Sandbox, name: str, tier: str) -> None:
        key = box.account(name, funds="1000000")
        box.do(admin.fund(name, "1000000", exchange_index=2))
        box.do(admin.set_account(name, tier=tier))
        self.box, self.name, (self.rate, self.capacity) = box, name, TIERS[tier]
        self.options: dict[str, Any] = {"key_id": key.key_id, "private_key": key.private_key}
        self.options["environment"] = box.url

    def figure(self, what: str, work: Callable[[], int], count: int, tokens: float) -> Figure:
        """Run `work`, which returns how many ended otherwise than asked, and count."""
        before = len(self.box.truth.requests())
        lost = work()
        asked = [r for r in self.box.truth.requests()[before:] if r.account == self.name]
        writes = [r for r in asked if r.method != "GET"]
        times = [r.received.timestamp() for r in writes]
        refused = sum(r.status == 429 for r in asked)
        optimum = max(tokens - self.capacity, 1.0) / self.rate
        return Figure(what, count, optimum, max(times) - min(times), refused, lost)


def lost_of(results: Sequence[object]) -> int:
    """Count what is no acknowledgement."""
    return sum(not isinstance(each, OrderAck) for each in results)


def bulk(box: Sandbox, count: int, tier: str) -> list[Figure]:
    """Place and cancel many orders, sync and async, on one shard and on two."""
    found: list[Figure] = []
    run, acks = Run(box, "sync", tier), list[Any]()

    def place() -> int:
        with Kalshi(**run.options) as client:
            acks.extend(client.orders.place_many(iter(tickets(count, RAIN))))
        return lost_of(acks)

    def cancel() -> int:
        with Kalshi(**run.options) as client:
            return lost_of(client.orders.cancel_many(acks))

    found.append(run.figure(f"place_many, {tier}", place, count, count * 10))
    time.sleep(3)  # until the bucket is full again
    found.append(run.figure(f"cancel_many, {tier}", cancel, count, count * 2))
    time.sleep(3)
    both = Run(box, "async", tier)

    def place_async() -> int:
        async def work() -> int:
            async with AsyncKalshi(**both.options) as client:
                listed = tickets(count // 4, RAIN, BITCOIN)
                return lost_of(await client.orders.place_many(listed))

        return asyncio.run(work())

    # Half of the tokens from the bucket of the second shard.
    what = f"place_many, asyncio, half of it on shard 2, {tier}"
    found.append(both.figure(what, place_async, count // 4, count // 4 * 5))
    return found


def shared(box: Sandbox, count: int, kill: bool) -> Figure:
    """Let three processes place orders on one budget; one may be killed."""
    run = Run(box, f"shared-{kill}", "basic")
    with tempfile.TemporaryDirectory() as place:
        options = run.options | {"budget": str(Path(place) / "budget.sqlite")}
        task = json.dumps({"options": options, "count": count})

        def work() -> int:
            command = [sys.executable, str(PROCESS), task]
            processes = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(3)]
            if kill:
                time.sleep(8)
                processes[0].kill()
            told = [process.communicate()[0] for process in processes]
            return sum(each != f"{count}\n".encode() for each in told) - kill

        figure = run.figure("", work, 3 * count, 3 * count * 10)
    sent = sum(r.account == run.name and r.method == "POST" for r in box.truth.requests())
    what = "3 processes, one budget" + (", one of them killed" if kill else "")
    optimum = (sent * 10 - run.capacity) / run.rate
    return Figure(what, sent, optimum, figure.seconds, figure.refused, figure.lost)


def stop(box: Sandbox) -> str:
    """Cancel everything behind 200 creates that wait; tell what was still placed, and when."""
    run = Run(box, "stopped", "basic")
    with Kalshi(**run.options, pace="basic") as client:
        threads = [
            threading.Thread(target=_place_quietly, args=(client,), daemon=True) for _ in range(200)
        ]
        for thread in threads:
            thread.start()
        time.sleep(2)
        asked = time.time()
        client.orders.cancel_all()
        for thread in threads:
            thread.join()
    mine = [r for r in box.truth.requests() if r.account == run.name]
    arrived = next(r.received.timestamp() for r in mine if r.operation == "CancelAllOrders")
    later = sum(r.operation == "CreateOrderV2" and r.received.timestamp() > arrived for r in mine)
    refused = sum(r.status == 429 for r in mine)
    return (
        f"`cancel_all()` behind 200 creates that wait: at the exchange after "
        f"{(arrived - asked) * 1000:.0f} ms, {later} orders placed after it, {refused} requests "
        "refused."
    )


def _place_quietly(client: Kalshi) -> None:
    with contextlib.suppress(KalshiError):  # what was stopped says so
        client.orders.place(RAIN, side="bid", count=1, price="0.01")


HEAD = """\
| run | orders | optimum, s | taken, s | over | refused (429) | lost |
|---|---:|---:|---:|---:|---:|---:|"""


def main() -> int:
    """Measure everything; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=10_000)
    parser.add_argument("--tier", choices=TIERS, default="expert")
    parser.add_argument("--write", action="store_true", help="keep the figures in docs/bulk.md")
    options = parser.parse_args()
    with Sandbox(proxy=False) as box:
        found = bulk(box, options.orders, options.tier)
        found += [shared(box, 60, kill) for kill in (False, True)]
        stopped = stop(box)
    text = "\n".join([HEAD, *(figure.row() for figure in found), "", stopped])
    print(text)
    if options.write:
        write_block("bulk.md", "bulk", text)
    slow = any(figure.over > 0.02 for figure in found[:1])
    return int(slow or any(figure.refused or figure.lost for figure in found))


if __name__ == "__main__":
    sys.exit(main())
