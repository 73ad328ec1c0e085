"""What is read of markets, order books and trades, and what is refused before it is asked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import core_clients as clients
import pytest

from kalshi_ext import Band, Market, MarketStatus, Misuse, OrderBook, PriceGrid, Unintelligible
from kalshi_ext.contract.types import BookSide, MarketResult, OutcomeSide

MARKET: dict[str, Any] = {
    "ticker": "KXHIGH-26DEC31-B50",
    "event_ticker": "KXHIGH-26DEC31",
    "status": "active",
    "market_type": "binary",
    "price_ranges": [
        {"start": "0.0000", "end": "0.1000", "step": "0.0010"},
        {"start": "0.1000", "end": "1.0000", "step": "0.0100"},
    ],
    "yes_bid_dollars": "0.0550",
    "yes_bid_size_fp": "12.50",
    "yes_ask_dollars": "0.0560",
    "yes_ask_size_fp": "3.00",
    "volume_fp": "1000000.00",
    "close_time": "2026-12-31T23:59:59Z",
    "result": "",
    "floor_strike": 49.5,
    "strike_type": "greater",
    "settlement_timer_seconds": 3600,
    "mve_selected_legs": [{"market_ticker": "M", "event_ticker": "E", "side": "yes"}],
}


def both(work: Callable[[Any], Any], body: Any) -> list[Any]:
    return clients.sync_and_async(work, clients.answering(200, body))


def one(work: Callable[[Any], Any], body: Any) -> Any:
    first, second = both(work, body)
    assert type(first) is type(second)
    return first


def read_market(**changes: Any) -> Any:
    body = {"market": {key: v for key, v in {**MARKET, **changes}.items() if v != "absent"}}
    return one(lambda c: c.markets.get("KXHIGH-26DEC31-B50"), body)


def test_a_market_has_its_grid_and_its_numbers_in_dollars_contracts_and_utc() -> None:
    market = read_market()
    assert isinstance(market, Market)
    assert market.price_grid is not None
    assert market.price_grid.bands[0] == Band(Decimal(0), Decimal("0.1"), Decimal("0.001"))
    assert market.price_grid.has(Decimal("0.055"))
    with pytest.raises(Misuse, match=r"not on this market's grid; beside it: '0.55' and '0.56'"):
        market.price_grid.check("0.555")
    assert (market.yes_bid, market.yes_bid_size) == (Decimal("0.0550"), Decimal("12.50"))
    assert market.close_time == datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert (market.floor_strike, market.settlement_timer_seconds) == (Decimal("49.5"), 3600)
    assert (market.result, market.last_price, market.legs[0].ticker) == (None, None, "M")
    assert market.raw["ticker"] == market.ticker


def test_an_ended_market_says_how_and_an_unknown_word_stays_open() -> None:
    ended = read_market(status="finalized", result="yes", settlement_value_dollars="1.0000")
    assert (ended.status, ended.result) == (MarketStatus.FINALIZED, MarketResult.YES)
    assert ended.settlement_value == Decimal("1.0000")
    strange = read_market(status="halted", result="void")
    assert (strange.status.value, strange.status.known) == ("halted", False)
    assert strange.result.value == "void"


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"price_ranges": "none"}, "price_grid"),
        ({"price_ranges": [{"start": "0", "end": "1", "step": "0"}]}, "price_grid"),
        ({"price_ranges": [{"start": "0", "end": "1"}]}, "price_grid"),
        ({"price_ranges": "absent"}, "price_grid"),
        ({"yes_bid_dollars": "n/a"}, "yes_bid"),
        ({"close_time": "soon"}, "close_time"),
        ({"floor_strike": {}}, "floor_strike"),
        ({"settlement_timer_seconds": 0.5}, "settlement_timer_seconds"),
        ({"market_type": 5}, "market_type"),
    ],
)
def test_what_cannot_be_read_of_a_market_is_none_and_the_market_stays(
    change: dict[str, Any], name: str
) -> None:
    market = read_market(**change)
    assert isinstance(market, Market)
    assert getattr(market, name) is None


def test_no_bands_are_the_grid_of_whole_cents() -> None:
    assert read_market(price_ranges=[]).price_grid == PriceGrid()


@pytest.mark.parametrize("change", [{"ticker": ""}, {"ticker": "absent"}, {"status": None}])
def test_without_ticker_or_status_it_is_no_market(change: dict[str, Any]) -> None:
    assert type(read_market(**change)) is Unintelligible
    body = {"markets": [{**MARKET, **change, "ticker": ""}, MARKET], "cursor": ""}
    with clients.client(clients.answering(200, body)) as client:
        rows = client.markets.list()
        assert [row.ticker for row in rows.all()] == [MARKET["ticker"]]
        assert len(rows.invalid_rows) == 1


def read_book(yes: Any, no: Any) -> Any:
    book = {"yes_dollars": yes, "no_dollars": no}
    body = {"orderbook_fp": {key: value for key, value in book.items() if value != "absent"}}
    return one(lambda c: c.markets.orderbook("T"), body)


def test_a_book_is_in_yes_prices_best_first_however_it_comes() -> None:
    book = read_book(
        [["0.5400", "3.00"], ["0.5300", "5.00"], ["0.5410", "0.50"]],
        [["0.4400", "2.00"], ["0.4550", "1.00"], ["0.4000", "9.00"]],
    )
    assert isinstance(book, OrderBook)
    told = [(str(level.price), str(level.count)) for level in book.bids]
    assert told == [("0.5410", "0.50"), ("0.5400", "3.00"), ("0.5300", "5.00")]
    told = [(str(level.price), str(level.count)) for level in book.asks]
    assert told == [("0.5450", "1.00"), ("0.5600", "2.00"), ("0.6000", "9.00")]
    assert book.best_bid == book.bids[0]
    assert book.best_ask == book.asks[0]


def test_an_empty_side_is_empty_and_a_missing_one_is_no_book() -> None:
    book = read_book(None, [])
    assert (book.bids, book.asks, book.best_bid, book.best_ask) == ((), (), None, None)
    assert type(read_book("absent", [])) is Unintelligible
    assert type(one(lambda c: c.markets.orderbook("T"), {"orderbook": {}})) is Unintelligible


@pytest.mark.parametrize(
    "level",
    [
        ["0.5400"],
        ["0.5400", "x"],
        ["n/a", "1.00"],
        ["54", "1.00"],
        ["1.0000", "1.00"],
        ["0", "1.00"],
        ["0.5400", "-1.00"],
        ["0.5400", None],
        "0.54",
        None,
        {},
    ],
)
def test_a_level_that_cannot_be_costs_the_whole_book(level: Any) -> None:
    assert type(read_book([["0.5300", "5.00"], level], [])) is Unintelligible
    assert type(read_book([], [level])) is Unintelligible


TRADE = {
    "trade_id": "t1",
    "ticker": "T",
    "count_fp": "2.50",
    "yes_price_dollars": "0.0400",
    "no_price_dollars": "0.9600",
    "taker_book_side": "ask",
    "taker_outcome_side": "no",
    "is_block_trade": False,
    "created_time": "2026-11-22T12:00:00.5Z",
}


def test_trades_page_like_every_list_and_a_bad_row_costs_only_itself() -> None:
    pages = [
        {"trades": [TRADE, {**TRADE, "count_fp": None}], "cursor": "2"},
        {"trades": [{**TRADE, "trade_id": "t2", "yes_price_dollars": ""}], "cursor": ""},
    ]
    transport = clients.RecordingTransport(
        lambda request: clients.httpx.Response(200, json=pages["cursor" in request.url.params])
    )
    with clients.client(transport) as client:
        rows = client.markets.trades(ticker="T")
        first, second = rows.all()
        assert len(rows.invalid_rows) == 1
    assert (first.count, first.price, first.no_price) == tuple(
        map(Decimal, ("2.5", "0.04", "0.96"))
    )
    assert (first.taker_book_side, first.taker_outcome_side) == (BookSide.ASK, OutcomeSide.NO)
    assert first.created_time == datetime(2026, 11, 22, 12, 0, 0, 500000, tzinfo=UTC)
    assert (second.trade_id, second.price, second.no_price) == ("t2", None, None)


def test_a_field_that_is_new_is_counted_and_kept_in_raw() -> None:
    body = {"market": {**MARKET, "brand_new": 1, "price_ranges": [{"start": "0", "middle": "x"}]}}
    with clients.client(clients.answering(200, body)) as client:
        assert client.markets.get("T").raw["brand_new"] == 1
        counted = client.drift()
    assert counted["GetMarket", "unknown_field", "Market.brand_new"] == 1
    assert counted["GetMarket", "unknown_field", "PriceRange.middle"] == 1


PUBLIC: list[Callable[[Any], Any]] = [
    lambda c: c.markets.list(),
    lambda c: c.markets.get("T"),
    lambda c: c.markets.orderbook("T"),
    lambda c: c.markets.trades(),
]


@pytest.mark.parametrize("work", PUBLIC)
def test_no_credentials_are_needed_and_none_are_sent(work: Callable[[Any], Any]) -> None:
    for options in ({"bearer_token": None}, {}):
        transport = clients.answering(500, {})
        clients.sync_and_async(work, transport, **options)
        assert transport.requests
        assert all("authorization" not in request.headers for request in transport.requests)


REFUSED: list[tuple[str, Callable[[Any], Any]]] = [
    ("ticker=", lambda c: c.markets.get("..")),
    ("ticker=", lambda c: c.markets.orderbook("")),
    ("ticker=", lambda c: c.markets.trades(ticker="a\tb")),
    ("depth must be a whole number from 1 to 100", lambda c: c.markets.orderbook("T", depth=0)),
    ("depth must be", lambda c: c.markets.orderbook("T", depth=101)),
    ("depth must be", lambda c: c.markets.orderbook("T", depth=True)),
    ("depth must be", lambda c: c.markets.orderbook("T", depth="5")),
    ("status must be one of", lambda c: c.markets.list(status="active")),
    ("mve_filter must be one of", lambda c: c.markets.list(mve_filter="all")),
    ("event_ticker=", lambda c: c.markets.list(event_ticker="a\nb")),
    ("series_ticker=", lambda c: c.markets.list(series_ticker="")),
    ("tickers must be a list", lambda c: c.markets.list(tickers="T")),
    ("tickers must be a list", lambda c: c.markets.list(tickers=5)),
    ("tickers must hold at least one", lambda c: c.markets.list(tickers=[])),
    ("tickers must not hold commas", lambda c: c.markets.list(tickers=["T", "U,V"])),
    ("tickers=", lambda c: c.markets.list(tickers=[None])),
    ("limit must be", lambda c: c.markets.list(limit=0)),
    ("page_size must be", lambda c: c.markets.trades(page_size=1001)),
    ("is_block_trade must be", lambda c: c.markets.trades(is_block_trade="false")),
    ("since must not lie after until", lambda c: c.markets.trades(since=2, until=1)),
    (
        "close_since must not lie after close_until",
        lambda c: c.markets.list(close_since="2026-02-01", close_until="2026-01-01"),
    ),
]


@pytest.mark.parametrize(("words", "work"), REFUSED)
def test_a_bad_argument_is_refused_by_name_before_anything_is_sent(
    words: str, work: Callable[[Any], Any]
) -> None:
    transport = clients.RecordingTransport()
    for error in clients.sync_and_async(work, transport):
        assert type(error) is Misuse
        assert words in str(error)
    assert transport.requests == []


def test_the_classic_contract_has_no_markets_and_says_so() -> None:
    transport = clients.RecordingTransport()
    for error in clients.sync_and_async(
        lambda c: c.markets.get("T"), transport, contract="classic"
    ):
        assert type(error) is Misuse
        assert "the classic contract has no markets.get" in str(error)
    assert transport.requests == []
