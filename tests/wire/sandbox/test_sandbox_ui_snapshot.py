"""What the page shows of an exchange that is larger than a page."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from sandbox_client import TICKER, order_body

from kalshi_ext.sandbox.bootstrap import open_exchange
from kalshi_ext.sandbox.engine import ApiRequest, Caller, admin
from kalshi_ext.sandbox.exchange import SimulatedExchange
from kalshi_ext.sandbox.options import Options
from kalshi_ext.sandbox.ui.app import LEVELS, MARKETS, ROWS, PageQuery, snapshot


def _place(exchange: SimulatedExchange, name: str, **changes: Any) -> str:
    body = order_body(name, **changes)
    call = ApiRequest("CreateOrderV2", Caller("trader"), body=body, body_is="json")
    answer = exchange.execute(call)
    assert answer.status == 201, answer.body
    return answer.body["order_id"]


def _cancel(exchange: SimulatedExchange, order_id: str) -> None:
    exchange.administer("cancel", {"order_id": order_id})


def test_the_newest_orders_show_and_the_others_are_counted() -> None:
    exchange = open_exchange(Options(settings={"rate_limits": False}))
    before = snapshot(exchange, PageQuery())
    order_ids = [_place(exchange, f"many-{number}") for number in range(ROWS + 5)]
    now = snapshot(exchange, PageQuery())
    assert [row["order_id"] for row in now["open"]] == order_ids[: -ROWS - 1 : -1]
    assert now["open_count"] == before["open_count"] + ROWS + 5


def test_ended_orders_show_behind_thousands_of_open_ones() -> None:
    exchange = open_exchange(Options(seed_data=False, settings={"rate_limits": False}))
    exchange.execute(admin.add_market(TICKER))
    old = _place(exchange, "old")
    _cancel(exchange, old)
    for number in range(5):
        _place(exchange, f"open-{number}")
    assert [row["order_id"] for row in snapshot(exchange, PageQuery())["ended"]] == [old]
    exchange.execute(admin.configure(history_window_days=None))
    for number in range(1000):
        _place(exchange, f"more-{number}")
    assert snapshot(exchange, PageQuery())["ended"] == []


def test_a_deep_book_shows_its_best_levels_and_counts_those_behind() -> None:
    exchange = open_exchange(Options(settings={"rate_limits": False}))
    exchange.execute(admin.add_market("DEEP-A"))
    for cents in range(10, 40):
        exchange.execute(admin.liquidity("DEEP-A", "bid", f"0.{cents}", "1"))
    book = snapshot(exchange, PageQuery(ticker="DEEP-A"))["book"]
    assert [price for price, _ in book["bids"]] == [f"0.{39 - at}00" for at in range(LEVELS)]
    assert (book["asks"], book["deeper"]) == ([], {"bids": 30 - LEVELS, "asks": 0})


def test_many_markets_are_cut_and_filteredby_filter() -> None:
    exchange = open_exchange(Options(settings={"rate_limits": False}))
    for number in range(MARKETS + 20):
        exchange.execute(admin.add_market(f"KXMANY-{number:03}"))
    now = snapshot(exchange, PageQuery())
    assert (len(now["markets"]), now["listed"]) == (MARKETS, MARKETS + 29)
    filtered = snapshot(exchange, PageQuery(find="kxmany-119"))
    assert [row["ticker"] for row in filtered["markets"]] == ["KXMANY-119"]
    assert filtered["book"]["ticker"] == "KXMANY-119"


def test_looking_lets_due_orders_expire_and_moves_nothing_else() -> None:
    exchange = open_exchange(Options(settings={"rate_limits": False}))
    soon = int(exchange.clock.now().timestamp()) + 60
    brief = _place(exchange, "brief", expiration_time=soon)
    digest = exchange.engine.digest()
    assert brief in {row["order_id"] for row in snapshot(exchange, PageQuery())["open"]}
    assert exchange.engine.digest() == digest
    exchange.clock.advance(61)
    now = snapshot(exchange, evolve(PageQuery(), account="trader"))
    assert [row["reason"] for row in now["ended"] if row["order_id"] == brief] == ["expired"]
