"""What a call leaves behind: nothing that only the collector of garbage could free."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from kalshi_ext import AsyncKalshi, Kalshi, OrderTicket
from kalshi_ext.sandbox import Sandbox

ORDERS = 20
TICKER = "KXRAIN-26DEC31-NYC"
ORDER: dict[str, Any] = {"side": "bid", "count": 1, "price": "0.01"}


def options(box: Sandbox) -> dict[str, Any]:
    key = box.account("garbage", kind="ed25519")
    credentials = {"key_id": key.key_id, "private_key": key.private_key}
    return {"environment": box.url, "pace": None, **credentials}


@contextmanager
def left_behind() -> Iterator[Counter[str]]:
    """Count the objects in cycles that the code inside leaves, by class."""
    found = Counter[str]()
    gc.collect()
    gc.disable()
    try:
        yield found
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        found.update(type(each).__name__ for each in gc.garbage)
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


def place_each(client: Kalshi) -> None:
    for _ in range(ORDERS):
        client.orders.place(TICKER, **ORDER)


def place_together(client: Kalshi) -> None:
    client.orders.place_many([OrderTicket.of(TICKER, **ORDER) for _ in range(ORDERS)])


@pytest.mark.parametrize("work", [place_each, place_together])
def test_placed_orders_leave_no_cycles(
    current_box: Sandbox, work: Callable[[Kalshi], None]
) -> None:
    with Kalshi(**options(current_box)) as client:
        work(client)
        with left_behind() as found:
            work(client)
    assert all(count < ORDERS for count in found.values()), found


def test_orders_placed_on_an_event_loop_leave_no_cycles(current_box: Sandbox) -> None:
    async def place() -> Counter[str]:
        async with AsyncKalshi(**options(current_box)) as client:
            await client.orders.place(TICKER, **ORDER)
            with left_behind() as found:
                for _ in range(ORDERS):
                    await client.orders.place(TICKER, **ORDER)
            return found

    found = asyncio.run(place())
    assert all(count < ORDERS for count in found.values()), found
