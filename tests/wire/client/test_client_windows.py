"""Lists of the sandbox in windows: the rows of a page-by-page read, while rows move and arrive."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from kalshi_ext import AsyncKalshi, Kalshi
from kalshi_ext.sandbox import Sandbox
from kalshi_ext.sandbox.engine import admin

TICKER = "KXRAIN-26DEC31-NYC"
PAGE = 3


@pytest.fixture(scope="module")
def traded(current_box: Sandbox) -> Iterator[tuple[Sandbox, dict[str, Any]]]:
    """Trade forty times: at once, within a second, and after some."""
    account = {"key_id": current_box.key_id, "private_key": current_box.private_key}
    options = {"environment": current_box.url, "pace": None, **account}
    with Kalshi(**options) as client:
        for number in range(40):
            current_box.clock.advance((0, 0.3, 1, 4)[number % 4])
            trade(client)
        yield current_box, options


def trade(client: Kalshi) -> None:
    """Fill one order: of a market maker's book, or of nobody's, which rests and is cancelled."""
    ack = client.orders.place(TICKER, side="bid", count=1, price="0.99")
    if not ack.ended:
        client.orders.cancel(ack.order_id, ticker=TICKER)


@pytest.mark.parametrize("kind", ["fills", "orders"])
def test_windows_and_pages_of_a_moving_account_hold_the_same_rows(
    traded: tuple[Sandbox, dict[str, Any]], kind: str
) -> None:
    box, options = traded
    with Kalshi(**options) as client:
        live = client.portfolio.fills if kind == "fills" else client.orders.list
        before = live(limit=1000).all() + getattr(client.history, kind)(limit=1000).all()
        cutoffs = {"trades" if kind == "fills" else "orders": box.clock.now()}
        joined = getattr(client.history, f"all_{kind}")(page_size=PAGE)
        rows: list[Any] = []
        for number, page in enumerate(joined.pages()):
            rows += page.items
            if number in (1, 4):
                trade(client)
                moved = {
                    name: now - timedelta(seconds=30 / number) for name, now in cutoffs.items()
                }
                box.do(admin.cutoff(**moved))
    ids = [row.fill_id if kind == "fills" else row.order_id for row in rows]
    assert len(before) > 5 * PAGE
    assert len(set(ids)) == len(ids)
    assert {row.fill_id if kind == "fills" else row.order_id for row in before} <= set(ids)

    async def read() -> list[Any]:
        async with AsyncKalshi(**options) as client:
            return await getattr(client.history, f"all_{kind}")(page_size=PAGE).all()

    again = asyncio.run(read())
    assert {row.raw["order_id"] for row in rows} <= {row.raw["order_id"] for row in again}
