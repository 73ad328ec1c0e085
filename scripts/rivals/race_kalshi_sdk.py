"""Race kalshi-sdk, a client of other authors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import kalshi
from kalshi.models.orders import CreateOrderV2Request
from rival_harness import KEY_ID, Race, order


def options(url: str, key_file: str) -> dict[str, Any]:
    """Return what a client is made with."""
    return {"key_id": KEY_ID, "private_key_path": key_file, "base_url": url}


@contextmanager
def create(url: str, key_file: str) -> Iterator[Callable[[], str]]:
    """Give the function that places an order."""
    with kalshi.KalshiClient(**options(url, key_file)) as client:
        yield lambda: client.orders.create_v2(request=CreateOrderV2Request(**order())).order_id


@asynccontextmanager
async def create_on_a_loop(url: str, key_file: str) -> AsyncIterator[Any]:
    """Give the coroutine function that places an order."""
    async with kalshi.AsyncKalshiClient(**options(url, key_file)) as client:

        async def place() -> str:
            request = CreateOrderV2Request(**order())
            return (await client.orders.create_v2(request=request)).order_id

        yield place


def drain(url: str, key_file: str) -> int:
    """Read every fill."""
    with kalshi.KalshiClient(**options(url, key_file)) as client:
        return len(list(client.portfolio.fills_all(limit=1000)))


if __name__ == "__main__":
    Race(globals()).run()
