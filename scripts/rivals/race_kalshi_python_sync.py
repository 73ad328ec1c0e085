"""Race the exchange's own client for threads, kalshi_python_sync."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import kalshi_python_sync as sdk
from rival_harness import KEY_ID, Race, order

CANNOT = {"create_on_a_loop": "it is for threads only; its asyncio sister has its own column"}


def client_of(url: str, key_file: str) -> Any:
    """Open a client."""
    configuration = sdk.Configuration(host=url)
    configuration.api_key_id = KEY_ID
    configuration.private_key_pem = Path(key_file).read_text(encoding="utf-8")
    return sdk.KalshiClient(configuration)


@contextmanager
def create(url: str, key_file: str) -> Iterator[Callable[[], str]]:
    """Give the function that places an order."""
    client = client_of(url, key_file)
    yield lambda: client.create_order_v2(**order()).order_id


def drain(url: str, key_file: str) -> int:
    """Read every fill: it has no pages of its own, so they are asked for one by one."""
    client, rows, cursor = client_of(url, key_file), list[Any](), None
    while cursor != "":
        page = client.get_fills(limit=1000, cursor=cursor)
        rows += page.fills
        cursor = page.cursor or ""
    return len(rows)


if __name__ == "__main__":
    Race(globals()).run()
