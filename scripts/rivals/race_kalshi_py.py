"""Race kalshi-py, a client of other authors for the classic contract."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from kalshi_py import create_client
from kalshi_py.api.portfolio import create_order, get_fills
from kalshi_py.models import ModelCreateOrderRequest
from rival_harness import KEY_ID, RAIN, Race


def client_of(url: str, key_file: str) -> Any:
    """Open a client."""
    return create_client(access_key_id=KEY_ID, private_key_path=key_file, base_url=url)


def ticket() -> Any:
    """Describe a resting order as the classic contract does."""
    return ModelCreateOrderRequest.from_dict(
        {
            "ticker": RAIN,
            "side": "yes",
            "action": "buy",
            "count": 1,
            "type": "limit",
            "yes_price": 1,
            "client_order_id": str(uuid.uuid4()),
        }
    )


@contextmanager
def create(url: str, key_file: str) -> Iterator[Callable[[], Any]]:
    """Give the function that places an order, on the classic path."""
    with client_of(url, key_file) as client:
        yield lambda: create_order.sync(client=client, body=ticket()).order.order_id


@asynccontextmanager
async def create_on_a_loop(url: str, key_file: str) -> AsyncIterator[Any]:
    """Give the coroutine function that places an order, on the classic path."""
    async with client_of(url, key_file) as client:

        async def place() -> Any:
            return (await create_order.asyncio(client=client, body=ticket())).order.order_id

        yield place


def drain(url: str, key_file: str) -> int:
    """Read every fill: it has no pages of its own, so they are asked for one by one."""
    rows: list[Any] = []
    more: dict[str, Any] = {}
    with client_of(url, key_file) as client:
        while more.get("cursor", "first"):
            page = get_fills.sync(client=client, limit=1000, **more)
            rows += page.fills
            more["cursor"] = page.cursor or ""
    return len(rows)


if __name__ == "__main__":
    Race(globals()).run()
