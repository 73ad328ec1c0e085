"""Public reads of markets, order books and trades: what the books hold, told to everybody."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from engine_harness import TICKER, Harness, error_code

from kalshi_ext.sandbox.engine import admin

OTHER = "KXOTHER-26NOV24-B"
FINE = [
    {"start": "0", "end": "0.10", "step": "0.001"},
    {"start": "0.10", "end": "1", "step": ".01"},
]


def book(harness: Harness, **query: object) -> tuple[list[Any], list[Any]]:
    answer = harness.call("GetMarketOrderbook", path={"ticker": TICKER}, **query)
    levels = answer.body["orderbook_fp"]
    return levels["yes_dollars"], levels["no_dollars"]


def market(harness: Harness, ticker: str = TICKER) -> Any:
    return harness.call("GetMarket", path={"ticker": ticker}).body["market"]


def tickers(harness: Harness, **query: object) -> list[str]:
    return [row["ticker"] for row in harness.get("GetMarkets", **query)["markets"]]


def test_a_book_is_told_as_bids_of_both_sides_best_last() -> None:
    harness = Harness()
    for side, price, count in (
        ("bid", "0.40", "3"),
        ("bid", "0.41", "2"),
        ("bid", "0.41", "1.50"),
        ("ask", "0.60", "7"),
        ("ask", "0.58", "4"),
    ):
        harness.place(side, price, count)
    assert book(harness) == (
        [["0.4000", "3.00"], ["0.4100", "3.50"]],
        [["0.4000", "7.00"], ["0.4200", "4.00"]],
    )
    assert book(harness, depth=1) == ([["0.4100", "3.50"]], [["0.4200", "4.00"]])
    assert book(harness, depth=0) == book(harness)
    harness.call("CancelAllOrders")
    assert book(harness) == ([], [])


def test_a_market_tells_its_grid_its_best_prices_and_how_it_ended() -> None:
    harness = Harness()
    harness.admin(admin.add_market(OTHER, price_ranges=FINE, exchange_index=2))
    empty = market(harness, OTHER)
    assert [row["step"] for row in empty["price_ranges"]] == ["0.0010", "0.0100"]
    assert (empty["yes_bid_dollars"], empty["yes_ask_dollars"]) == ("0.0000", "1.0000")
    assert (empty["exchange_index"], empty["status"], empty["result"]) == (2, "active", "")

    harness.place("ask", "0.60", "7", by="bob")
    harness.place("bid", "0.60", "2")
    harness.place("bid", "0.41", "2")
    traded = market(harness)
    assert traded["price_ranges"] == [{"start": "0.0000", "end": "1.0000", "step": "0.0100"}]
    best = ("yes_bid_dollars", "yes_bid_size_fp", "yes_ask_dollars", "yes_ask_size_fp")
    assert [traded[name] for name in best] == ["0.4100", "2.00", "0.6000", "5.00"]
    assert (traded["no_bid_dollars"], traded["no_ask_dollars"]) == ("0.4000", "0.5900")
    assert (traded["last_price_dollars"], traded["volume_24h_fp"]) == ("0.6000", "2.00")
    harness.wait(25 * 3600)
    assert market(harness)["volume_24h_fp"] == "0.00"
    assert market(harness)["previous_price_dollars"] == "0.6000"

    harness.admin(admin.settle(TICKER, "scalar", value="0.37"))
    ended = market(harness)
    assert (ended["status"], ended["result"]) == ("finalized", "scalar")
    assert ended["settlement_value_dollars"] == "0.3700"


def test_every_trade_is_listed_once_for_everybody() -> None:
    harness = Harness()
    harness.place("ask", "0.60", "7", by="bob")
    harness.wait(1)
    harness.place("bid", "0.60", "2")
    harness.wait(1)
    harness.place("bid", "0.20", "4", by="bob")
    harness.place("ask", "0.20", "4")
    trades = harness.get("GetTrades")["trades"]
    told = [(row["count_fp"], row["yes_price_dollars"], row["taker_book_side"]) for row in trades]
    assert told == [("4.00", "0.2000", "ask"), ("2.00", "0.6000", "bid")]
    fills = {fill["trade_id"] for fill in harness.get("GetFills")["fills"]}
    assert {row["trade_id"] for row in trades} == fills
    first = harness.get("GetTrades", limit=1)
    rest = harness.get("GetTrades", limit=1, cursor=first["cursor"])
    assert [*first["trades"], *rest["trades"]] == trades
    assert harness.get("GetTrades", ticker="KXNONE")["trades"] == []
    assert harness.get("GetTrades", ticker=TICKER)["trades"] == trades
    assert harness.get("GetTrades", is_block_trade="true")["trades"] == []
    second = int((harness.now - timedelta(seconds=1)).timestamp())
    assert harness.get("GetTrades", max_ts=second)["trades"] == trades[1:]
    assert harness.get("GetTrades", min_ts=second + 1)["trades"] == trades[:1]


def test_markets_are_listed_newest_first_as_every_filter_wants_them() -> None:
    harness = Harness()
    harness.wait(10)
    harness.admin(admin.add_market(OTHER))
    assert tickers(harness) == [OTHER, TICKER]
    harness.wait(10)
    harness.admin(admin.close_market(TICKER))
    now = int(harness.now.timestamp())
    for query, wanted in (
        ({"status": "open"}, [OTHER]),
        ({"status": "closed"}, [TICKER]),
        ({"status": "settled"}, []),
        ({"status": "paused"}, []),
        ({"tickers": f"{TICKER},KXNONE"}, [TICKER]),
        ({"event_ticker": "KXOTHER-26NOV24"}, [OTHER]),
        ({"series_ticker": "KXTEST"}, [TICKER]),
        ({"mve_filter": "only"}, []),
        ({"mve_filter": "exclude"}, [OTHER, TICKER]),
        ({"min_created_ts": now - 15}, [OTHER]),
        ({"max_created_ts": now - 15}, [TICKER]),
        ({"min_updated_ts": now}, [TICKER]),
        ({"max_close_ts": now}, [TICKER]),
        ({"min_close_ts": now + 1}, [OTHER]),
        ({"min_settled_ts": 0}, []),
        ({"limit": 1}, [OTHER]),
    ):
        assert tickers(harness, **query) == wanted, query
    harness.admin(admin.settle(OTHER, "yes"))
    assert tickers(harness, min_settled_ts=now) == [OTHER]


def test_what_is_behind_the_cutoff_is_only_historical() -> None:
    harness = Harness()
    harness.place("ask", "0.60", "7", by="bob")
    harness.place("bid", "0.60", "2")
    harness.admin(admin.settle(TICKER, "yes"))
    harness.wait(10)
    harness.admin(admin.cutoff(markets=harness.now, trades=harness.now))
    assert harness.get("GetTrades")["trades"] == []
    assert tickers(harness) == []
    for operation in ("GetMarket", "GetMarketOrderbook"):
        answer = harness.call(operation, path={"ticker": TICKER})
        assert error_code(answer) == (404, "not_found")


@pytest.mark.parametrize(
    ("operation", "query"),
    [
        ("GetMarkets", {"status": "brand_new"}),
        ("GetMarkets", {"mve_filter": "all"}),
        ("GetMarkets", {"limit": 1001}),
        ("GetMarkets", {"min_close_ts": "soon"}),
        ("GetTrades", {"is_block_trade": "maybe"}),
        ("GetTrades", {"limit": 0}),
        ("GetMarketOrderbook", {"depth": 101}),
        ("GetMarketOrderbook", {"depth": -1}),
    ],
)
def test_a_filter_that_breaks_its_rule_is_a_400(operation: str, query: dict[str, object]) -> None:
    answer = Harness().call(operation, path={"ticker": TICKER}, **query)
    assert answer.status == 400
    assert "invalid parameter" in answer.body["msg"]


def test_a_market_that_is_not_there_is_a_404() -> None:
    for operation in ("GetMarket", "GetMarketOrderbook"):
        answer = Harness().call(operation, path={"ticker": "KXNONE"})
        assert error_code(answer) == (404, "not_found")
