"""The error shapes that are recorded, each with the class it must become."""

from __future__ import annotations

from typing import Any

from kalshi_portfolio.api.orders import get_orders
from scenes import KEY, TICKER, Take, place

from kalshi_ext import (
    BadRequest,
    DuplicateIdConflict,
    FillOrKillUnfilled,
    NotFound,
    RateLimited,
    Retired,
    Unauthorized,
    Unavailable,
)

NOWHERE = "00000000-0000-4000-8000-000000000000"


async def _too_dear(client: Any) -> Any:
    return await client.orders.place(
        TICKER, side="bid", count=900000, price="0.50", client_order_id=KEY.format(20)
    )


async def _twice(client: Any) -> Any:
    await place(client, 21, "0.10")
    # A client without memory of the first order: its journal is a new one.
    client.driver.journal = type(client.driver.journal)()
    return await place(client, 21, "0.11")


async def _unfilled(client: Any) -> Any:
    return await client.orders.place(
        TICKER,
        side="bid",
        count=5,
        price="0.02",
        time_in_force="fill_or_kill",
        client_order_id=KEY.format(22),
    )


async def _absent(client: Any) -> Any:
    return await client.orders.get(NOWHERE)


async def _over_the_maximum(client: Any) -> Any:
    return await client.call(get_orders.sync_detailed, limit=5000)


async def _balance(client: Any) -> Any:
    return await client.portfolio.balance()


async def _retired(client: Any) -> Any:
    return await place(client, 23)


def _html(status: int) -> tuple[str, dict[str, Any]]:
    return ("html", {"status": status, "operation": "GetBalance", "times": 2})


EXPIRED = {
    "operation": "GetBalance",
    "status": 401,
    "code": "header_timestamp_expired",
    "times": 2,
}

ERRORS = [
    Take("current", "error-nested-400", _too_dear, fails=BadRequest),
    Take("current", "error-duplicate-409", _twice, fails=DuplicateIdConflict),
    Take("current", "error-fill-or-kill-409", _unfilled, fails=FillOrKillUnfilled),
    Take("current", "error-not-found-404", _absent, fails=NotFound),
    Take("current", "error-msg-400", _over_the_maximum, fails=BadRequest),
    Take("classic", "error-retired-410", _retired, served="both-today", fails=Retired),
    Take("current", "error-html-502", _balance, fault=_html(502), fails=Unavailable),
    Take("current", "error-html-520", _balance, fault=_html(520), fails=Unavailable),
    Take(
        "current",
        "error-text-429",
        _balance,
        fault=("throttle", {"operation": "GetBalance", "times": 2}),
        fails=RateLimited,
    ),
    Take(
        "current",
        "error-timestamp-401",
        _balance,
        fault=("status", EXPIRED),
        fails=Unauthorized,
    ),
]
