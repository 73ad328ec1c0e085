"""Measure the stop button: how soon its first byte is there, and what is placed after it.

Real clients against the sandbox with rate limits: a stop behind queued creates (threads, tasks),
and behind slow reads. `--write` keeps the figures in docs/unattended.md.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from figures import write_block

from kalshi_ext import AsyncKalshi, Kalshi, KalshiError
from kalshi_ext.sandbox import Sandbox

TICKER = "KXRAIN-26DEC31-NYC"
ORDER: dict[str, Any] = {"side": "bid", "count": 1, "price": "0.10"}
STOPPING = ("TriggerOrderGroup", "CancelAllOrders")


def options(box: Sandbox, name: str, place: Path, **more: Any) -> dict[str, Any]:
    """Return the arguments of a client with an account and a journal of its own."""
    account = box.account(name)
    keys = {"key_id": account.key_id, "private_key": account.private_key}
    given = {"environment": box.url, "order_group": "auto", "journal": place / f"{name}.db"}
    return keys | given | more


def judge(box: Sandbox, since: int, pressed: float) -> tuple[float, int]:
    """Return the milliseconds to the first stopping request, and how many creates came after it."""
    rows = box.truth.requests(since=since)
    first = next(n for n, row in enumerate(rows) if row.operation in STOPPING)
    late = sum(row.operation == "CreateOrderV2" and row.executed for row in rows[first:])
    return (rows[first].received.timestamp() - pressed) * 1000, late


def behind_threads(box: Sandbox, place: Path, count: int) -> tuple[float, int]:
    """Press it behind `count` creates of as many threads."""
    with Kalshi(**options(box, "threads", place)) as client, ThreadPoolExecutor(count) as pool:
        client.orders.place(TICKER, **ORDER)
        since = len(box.truth.requests())

        def create(_: int) -> None:
            with suppress(KalshiError):
                client.orders.place(TICKER, **ORDER)

        for number in range(count):
            pool.submit(create, number)
        time.sleep(1.0)
        pressed = time.time()
        client.stop(verify=False)
        return judge(box, since, pressed)


async def behind_tasks(box: Sandbox, place: Path, count: int) -> tuple[float, int]:
    """Press it behind `count` creates of as many tasks."""
    async with AsyncKalshi(**options(box, "tasks", place)) as client:
        await client.orders.place(TICKER, **ORDER)
        since = len(box.truth.requests())
        creates = [client.orders.place(TICKER, **ORDER) for _ in range(count)]
        tasks = [asyncio.ensure_future(each) for each in creates]
        await asyncio.sleep(1.0)
        pressed = time.time()
        await client.stop(verify=False)
        await asyncio.gather(*tasks, return_exceptions=True)
        return judge(box, since, pressed)


def behind_reads(box: Sandbox, place: Path, count: int) -> tuple[float, int]:
    """Press it behind `count` reads, each answered after two seconds."""
    given = options(box, "reads", place, pace=None)
    with Kalshi(**given) as client, ThreadPoolExecutor(count) as pool:
        client.orders.place(TICKER, **ORDER)
        slow = box.faults.add("delay", operation="GetBalance", seconds=2.0)
        started = threading.Event()

        def read(_: int) -> None:
            started.set()
            with suppress(KalshiError):
                client.portfolio.balance()

        since = len(box.truth.requests())
        for number in range(count):
            pool.submit(read, number)
        started.wait()
        time.sleep(0.5)
        pressed = time.time()
        client.stop(verify=False)
        result = judge(box, since, pressed)
        box.faults.remove(slow)
        return result


def measure(turns: int) -> dict[str, list[tuple[float, int]]]:
    """Measure each case some times."""
    found: dict[str, list[tuple[float, int]]] = {}
    for _ in range(turns):
        free = Sandbox(settings={"rate_limits": False})  # 300 reads at once are over the limit
        with Sandbox() as box, free, tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            cases = {
                "200 creates, threads": behind_threads(box, place, 200),
                "200 creates, tasks": asyncio.run(behind_tasks(box, place, 200)),
                "300 slow reads, threads": behind_reads(free, place, 300),
            }
            for name, figure in cases.items():
                found.setdefault(name, []).append(figure)
    return found


def table(found: dict[str, list[tuple[float, int]]]) -> str:
    """Write the figures as a table."""
    lines = [
        "From the call to the arrival of the first stopping request at the sandbox, a process of",
        f"its own on this machine, the latch synced before. Python {sys.version.split()[0]}; load",
        f"average {os.getloadavg()[0]:.0f} on {os.cpu_count()} cores.",
        "",
        "| behind | pressed | first request, ms: median (worst) | orders placed after it |",
        "|---|--:|--:|--:|",
    ]
    for name, figures in found.items():
        times = sorted(each[0] for each in figures)
        middle, worst = times[len(times) // 2], times[-1]
        late = max(each[1] for each in figures)
        lines.append(f"| {name} | {len(figures)} | {middle:.0f} ({worst:.0f}) | {late} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, print, and write where asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="keep the figures in the docs")
    arguments = parser.parse_args()
    text = table(measure(arguments.turns))
    print(text)
    if arguments.write:
        write_block("unattended.md", "stop", text)


if __name__ == "__main__":
    main()
