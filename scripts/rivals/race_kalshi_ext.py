"""Race this library, as it is imported by a user."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from rival_harness import KEY_ID, RAIN, Race

from kalshi_ext import AsyncKalshi, Kalshi

TICKET: dict[str, Any] = {"ticker": RAIN, "side": "bid", "count": 1, "price": "0.01"}


def options(url: str, key_file: str) -> dict[str, Any]:
    """Return what a client is made with; `pace=None`, for the canned exchange has no limits."""
    key = Path(key_file).read_text(encoding="utf-8")
    return {"environment": url, "key_id": KEY_ID, "private_key": key, "pace": None}


@contextmanager
def create(url: str, key_file: str) -> Iterator[Callable[[], str]]:
    """Give the function that places an order."""
    with Kalshi(**options(url, key_file)) as client:
        yield lambda: client.orders.place(**TICKET).order_id


@asynccontextmanager
async def create_on_a_loop(url: str, key_file: str) -> AsyncIterator[Any]:
    """Give the coroutine function that places an order."""
    async with AsyncKalshi(**options(url, key_file)) as client:

        async def place() -> str:
            return (await client.orders.place(**TICKET)).order_id

        yield place


def drain(url: str, key_file: str) -> int:
    """Read every fill."""
    with Kalshi(**options(url, key_file)) as client:
        return len(client.portfolio.fills(page_size=1000).all())


if __name__ == "__main__":
    Race(globals()).run()
