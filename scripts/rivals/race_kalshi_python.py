"""Race kalshi-python 2.1, the exchange's own client of the classic contract."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import kalshi_python as sdk
from rival_harness import KEY_ID, RAIN, Race

CANNOT = {"create_on_a_loop": "it is for threads only"}
TICKET = {"ticker": RAIN, "side": "yes", "action": "buy", "count": 1, "yes_price": 1}


def api_of(url: str, key_file: str) -> Any:
    """Open a client."""
    client = sdk.ApiClient(sdk.Configuration(host=url))
    client.set_kalshi_auth(KEY_ID, key_file)
    return sdk.PortfolioApi(client)


@contextmanager
def create(url: str, key_file: str) -> Iterator[Callable[[], str]]:
    """Give the function that places an order, on the classic path."""
    api = api_of(url, key_file)
    more = {"type": "limit"}
    yield (
        lambda: api.create_order(**TICKET, **more, client_order_id=str(uuid.uuid4())).order.order_id
    )


def drain(url: str, key_file: str) -> int:
    """Read every fill: it has no pages of its own, so they are asked for one by one."""
    api, rows, cursor = api_of(url, key_file), list[Any](), None
    while cursor != "":
        page = api.get_fills(limit=1000, cursor=cursor)
        rows += page.fills
        cursor = page.cursor or ""
    return len(rows)


if __name__ == "__main__":
    Race(globals()).run()
