"""Race pykalshi, a client of other authors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pykalshi
from rival_harness import KEY_ID, RAIN, Race

TICKET = {"book_side": "bid", "count_fp": "1.00", "price_dollars": "0.01"}


@contextmanager
def create(url: str, key_file: str) -> Iterator[Callable[[], str]]:
    """Give the function that places an order."""
    with pykalshi.KalshiClient(KEY_ID, key_file, api_base=url) as client:
        yield lambda: client.portfolio.place_order(RAIN, **TICKET).order_id


@asynccontextmanager
async def create_on_a_loop(url: str, key_file: str) -> AsyncIterator[Any]:
    """Give the coroutine function that places an order."""
    async with pykalshi.AsyncKalshiClient(KEY_ID, key_file, api_base=url) as client:

        async def place() -> str:
            return (await client.portfolio.place_order(RAIN, **TICKET)).order_id

        yield place


def drain(url: str, key_file: str) -> int:
    """Read every fill."""
    with pykalshi.KalshiClient(KEY_ID, key_file, api_base=url) as client:
        return len(client.portfolio.get_fills(limit=1000, fetch_all=True))


if __name__ == "__main__":
    Race(globals()).run()
