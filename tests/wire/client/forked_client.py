"""Fork a process that has a client, use the client on both sides, and say what each side saw.

forked_client.py URL KEY_ID KEY_FILE TRANSPORT JOURNAL

Prints one JSON object a side: how many reads held the order asked for, how many another one, which
errors there were, and what became of a place. The parent asks for one order, the child for another,
both through connections that were open before the fork. The child ends in an orderly way, with its
destructors, and only then the parent goes on.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from kalshi_ext import AsyncKalshi, Kalshi, KalshiError

READS = 120
TICKER = "KXRAIN-26DEC31-NYC"
ORDER: dict[str, Any] = {"side": "bid", "count": 1}


def transport(name: str) -> Any:
    """Make the transport of a client; None for its own."""
    if name == "custom":
        return httpx.HTTPTransport()
    if name == "async-custom":
        return httpx.AsyncHTTPTransport()
    return None


async def use(
    get: Callable[[str], Awaitable[Any]], place: Callable[[], Awaitable[Any]], order_id: str
) -> dict[str, Any]:
    """Read an order many times and place one; count what was answered."""
    seen: Counter[str] = Counter()
    for _ in range(READS):
        try:
            order = await get(order_id)
            seen["own" if order.order_id == order_id else "foreign"] += 1
        except KalshiError as error:
            seen[f"{type(error).__name__} forked={'forked' in str(error)}"] += 1
    try:
        placed: object = bool((await place()).order_id)
    except KalshiError as error:
        placed = f"{type(error).__name__} forked={'forked' in str(error)}"
    return {"reads": dict(seen), "place": placed}


def report(side: str, seen: dict[str, Any]) -> None:
    """Print what a side saw as one line."""
    os.write(1, (json.dumps({"side": side, **seen}) + "\n").encode())


def fork_and_use(client: Kalshi) -> None:
    """Use one sync client on both sides of a fork."""
    ids = [client.orders.place(TICKER, price="0.01", **ORDER).order_id for _ in range(2)]
    threads = [threading.Thread(target=client.orders.get, args=(ids[0],)) for _ in range(4)]
    for thread in threads:  # more connections, kept alive, made by threads that are gone
        thread.start()
    for thread in threads:
        thread.join()

    async def get(order_id: str) -> Any:
        return client.orders.get(order_id)

    async def place() -> Any:
        return client.orders.place(TICKER, price="0.02", **ORDER)

    child = os.fork()
    report("parent" if child else "child", asyncio.run(use(get, place, ids[0 if child else 1])))
    if child == 0:
        client.close()
        gc.collect()
        return
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    report(
        "after", {"status": status, "reads": sum(bool(client.orders.get(ids[0])) for _ in "x" * 20)}
    )


async def async_fork_and_use(client: AsyncKalshi) -> None:
    """Use one async client on both sides of a fork; the child on a loop of its own."""
    ids = [(await client.orders.place(TICKER, price="0.01", **ORDER)).order_id for _ in range(2)]
    await asyncio.gather(*(client.orders.get(ids[0]) for _ in range(4)))
    child = os.fork()
    if child == 0:
        asyncio.run(use_async(client, "child", ids[1]))
        gc.collect()
        os._exit(7)  # the parent's loop must not go on here
    await use_async(client, "parent", ids[0])
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])  # noqa: ASYNC222 - nothing else runs
    reads = [await client.orders.get(ids[0]) for _ in range(20)]
    report("after", {"status": status, "reads": len(reads)})


async def use_async(client: AsyncKalshi, side: str, order_id: str) -> None:
    """Use an async client on one side; the child closes it."""

    async def place() -> Any:
        return await client.orders.place(TICKER, price="0.02", **ORDER)

    report(side, await use(client.orders.get, place, order_id))
    if side == "child":
        await client.aclose()


async def run_async(options: dict[str, Any]) -> None:
    """Run a case of an async client."""
    async with AsyncKalshi(**options) as client:
        await async_fork_and_use(client)


def main() -> None:
    """Run the case that the arguments name."""
    url, key_id, key_file, name, journal = sys.argv[1:]
    options: dict[str, Any] = {"environment": url, "key_id": key_id, "private_key": key_file}
    options |= {"transport": transport(name), "journal": journal or None}
    if name.startswith("async"):
        asyncio.run(run_async(options))
        return
    parent = os.getpid()
    with Kalshi(**options) as client:
        fork_and_use(client)
    if os.getpid() != parent:
        sys.exit(7)  # an orderly end: destructors and exit handlers run


main()
