"""Race the exchange's own client for asyncio, kalshi_python_async."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import kalshi_python_async as sdk
from rival_harness import KEY_ID, Race, order

CANNOT = {"create": "it is for asyncio only; its sister for threads has its own column"}


def client_of(url: str, key_file: str) -> Any:
    """Open a client."""
    configuration = sdk.Configuration(host=url)
    configuration.api_key_id = KEY_ID
    configuration.private_key_pem = Path(key_file).read_text(encoding="utf-8")
    return sdk.KalshiClient(configuration)


@asynccontextmanager
async def create_on_a_loop(url: str, key_file: str) -> AsyncIterator[Any]:
    """Give the coroutine function that places an order."""
    client = client_of(url, key_file)

    async def place() -> str:
        return (await client.create_order_v2(**order())).order_id

    yield place
    await client.close()


async def pages(url: str, key_file: str) -> int:
    """Read every fill: it has no pages of its own, so they are asked for one by one."""
    client, rows, cursor = client_of(url, key_file), list[Any](), None
    while cursor != "":
        page = await client.get_fills(limit=1000, cursor=cursor)
        rows += page.fills
        cursor = page.cursor or ""
    await client.close()
    return len(rows)


def drain(url: str, key_file: str) -> int:
    """Read every fill."""
    return asyncio.run(pages(url, key_file))


if __name__ == "__main__":
    Race(globals()).run()
