"""Markets as a bot uses them: read on the sandbox's books, without a key, while it trades."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from core_clients import finish

from kalshi_ext import AsyncKalshi, Kalshi, NotFound
from kalshi_ext.sandbox import Sandbox

FED = "KXFED-26DEC-CUT"


def both(box: Sandbox, work: Callable[[Any], Any]) -> list[Any]:
    """Do the same with a sync and an async client that have no credentials."""

    async def ask() -> Any:
        async with AsyncKalshi(environment=box.url) as client:
            value = finish(work(client))
            return await value if inspect.isawaitable(value) else value

    with Kalshi(environment=box.url) as client:
        return [finish(work(client)), asyncio.run(ask())]


def test_an_order_is_quoted_by_the_grid_and_the_book_and_shows_in_both(
    current_box: Sandbox,
) -> None:
    box = current_box
    box.reset()
    market = both(box, lambda c: c.markets.get(FED))[1]
    best = market.price_grid.check(market.yes_bid + Decimal("0.001"))
    assert market.yes_bid < best < market.yes_ask
    with Kalshi(key_id=box.key_id, private_key=box.private_key, environment=box.url) as client:
        client.orders.place(FED, side="bid", count=3, price=best)
        taken = client.orders.place(FED, side="no", action="buy", count=3, price=1 - best)
        for book in both(box, lambda c: c.markets.orderbook(FED, depth=2)):
            assert (book.best_bid.price, book.best_bid.count) == (best, 3)
            assert len(book.bids) == len(book.asks) == 2
        client.orders.cancel_all()
        client.orders.place(FED, side="bid", count=2, price=market.yes_ask)
    assert taken.fill_count == 0  # its own bid: the incoming order was stopped
    first, second = both(box, lambda c: c.markets.trades(ticker=FED))
    assert first == second
    assert (first[0].price, first[0].count) == (market.yes_ask, 2)
    for moved in both(box, lambda c: c.markets.list(tickers=[FED])):
        assert moved[0].last_price == market.yes_ask


def test_every_market_is_listed_page_by_page_and_the_ended_ones_say_how(
    current_box: Sandbox,
) -> None:
    box = current_box
    box.reset()
    every = [row.ticker for row in both(box, lambda c: c.markets.list())[0]]
    for paged in both(box, lambda c: c.markets.list(page_size=2)):
        assert [row.ticker for row in paged] == every
    assert len(set(every)) == len(every) > 6
    for ended in both(box, lambda c: c.markets.list(status="settled")):
        assert {row.result.value for row in ended} <= {"yes", "no", "scalar"}
        assert all(row.settled_time is not None for row in ended)


def test_an_unknown_market_is_not_found(current_box: Sandbox) -> None:
    for ask in (lambda c: c.markets.get("KXNONE"), lambda c: c.markets.orderbook("KXNONE")):
        with Kalshi(environment=current_box.url) as client, pytest.raises(NotFound):
            ask(client)


def test_any_path_is_reached_as_by_its_call(current_box: Sandbox) -> None:
    box = current_box
    box.reset()
    account = {"key_id": box.key_id, "private_key": box.private_key, "environment": box.url}

    async def ask() -> tuple[Any, Any]:
        async with AsyncKalshi(**account) as client:
            group = await client.request(
                "POST", "/portfolio/order_groups/create", json={"contracts_limit": 5}
            )
            path = f"/portfolio/order_groups/{group['order_group_id']}"
            await client.request("PUT", f"{path}/reset", json={})
            return await client.request("GET", path), await client.request("DELETE", path)

    with Kalshi(**account) as client:
        balance = client.request("GET", "/portfolio/balance", params={"subaccount": 0})
        assert balance["balance_dollars"] == client.portfolio.balance().raw["balance_dollars"]
        with pytest.raises(NotFound):
            client.request("GET", "/series/KXFED")
        assert client.drift() == {}
    group, deleted = asyncio.run(ask())
    assert group["contracts_limit_fp"] == "5.00"
    assert deleted in (None, {})
