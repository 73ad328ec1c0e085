"""Public reads of markets, order books and trades (current contract), from the books themselves.

The exchange shows bids only: those for YES, and those for NO, which are asks at $1 less. Assumed:
a best price is 0 where nobody bids and 1 where nobody offers, a market closes a year after it was
added and is judged within a week of that, the words of a market are its ticker, and prices of a day
ago are those of the last trade before; bids and asks of a day ago are not kept.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from kalshi_ext.sandbox.engine.commands import Answer
from kalshi_ext.sandbox.engine.errors import invalid_query, not_found
from kalshi_ext.sandbox.engine.fixed_point import (
    DAY,
    ONE,
    format_count,
    format_price,
    format_time,
)
from kalshi_ext.sandbox.engine.operations import handles
from kalshi_ext.sandbox.engine.order_reads import created_range, time_range
from kalshi_ext.sandbox.engine.pagination import newest_first, page_answer, parse_page_request
from kalshi_ext.sandbox.engine.request_parsing import query_choice, query_integer, query_list
from kalshi_ext.sandbox.engine.state import sort_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kalshi_ext.sandbox.engine.book import Market, PriceLevels
    from kalshi_ext.sandbox.engine.commands import ApiRequest
    from kalshi_ext.sandbox.engine.pagination import PageRequest
    from kalshi_ext.sandbox.engine.records import Trade
    from kalshi_ext.sandbox.engine.state import EngineState

Json = dict[str, Any]
MAX_DEPTH = 100
STATUSES = {"active": "active", "closed": "closed", "settled": "finalized"}
FILTERS = {"open": "active", "closed": "closed", "settled": "settled", "unopened": "", "paused": ""}
TIMES = ("created", "updated", "close", "settled")
_WHOLE_CENTS = ((0, ONE, 100),)
_LIFE = 365 * DAY
_WEEK = 7 * DAY


def close_time(market: Market) -> int:
    """Give when trading ended, or will (assumed), in microseconds."""
    return market.created + _LIFE if market.closed is None else market.closed


def is_historical_market(state: EngineState, market: Market) -> bool:
    return market.settled is not None and market.settled < state.cutoff("markets")


def _find_market(state: EngineState, request: ApiRequest) -> Market:
    market = state.markets.get(request.path["ticker"])
    if market is None or is_historical_market(state, market):
        raise not_found()
    return market


@handles("GetMarkets")
def get_markets(state: EngineState, request: ApiRequest) -> Answer:
    page = parse_page_request(request.query, "markets")
    rows = _list_markets(state, request, page)
    return page_answer("markets", rows, page, state.settings, lambda row: market_row(state, row))


def _list_markets(state: EngineState, request: ApiRequest, page: PageRequest) -> Iterator[Market]:
    query = request.query
    status = query_choice(query, "status", tuple(FILTERS))
    tickers, event = query_list(query, "tickers"), query.get("event_ticker")
    series = query.get("series_ticker")
    combinations = query_choice(query, "mve_filter", ("only", "exclude"))
    ranges = {name: time_range(request, f"{name}_ts") for name in TIMES}
    for market in newest_first(sorted(state.markets.values(), key=sort_key), page):
        if (
            not is_historical_market(state, market)
            and (status is None or market.status == FILTERS[status])
            and (not tickers or market.ticker in tickers)
            and (not event or market.event == event)
            and (not series or market.event.partition("-")[0] == series)
            and combinations != "only"  # there are none here
            and all(_is_within(_time_of(market, name), *ranges[name]) for name in TIMES)
        ):
            yield market


def _time_of(market: Market, name: str) -> int | None:
    time: int | None = close_time(market) if name == "close" else getattr(market, name)
    return time


def _is_within(time: int | None, least: int | None, most: int | None) -> bool:
    if time is None:
        return least is None and most is None
    return (least is None or least <= time) and (most is None or time <= most)


@handles("GetMarket")
def get_market(state: EngineState, request: ApiRequest) -> Answer:
    return Answer(200, {"market": market_row(state, _find_market(state, request))})


def _status(market: Market) -> str:
    # assumed: a paused market is "inactive", which no other word of the contract could mean
    return "inactive" if market.paused and market.status == "active" else STATUSES[market.status]


def market_row(state: EngineState, market: Market) -> Json:
    return {
        "ticker": market.ticker,
        "event_ticker": market.event,
        "market_type": "scalar" if market.result == "scalar" else "binary",
        "exchange_index": market.shard,
        "status": _status(market),
        "result": market.result or "",
        "expiration_value": market.result or "",
        "price_level_structure": "custom" if market.price_ranges else "linear_cent",
        "price_ranges": [
            {"start": format_price(start), "end": format_price(end), "step": format_price(step)}
            for start, end, step in market.price_ranges or _WHOLE_CENTS
        ],
        "notional_value_dollars": format_price(ONE),
        "open_interest_fp": format_count(market.open_interest),
        **_best_prices(market),
        **_traded(state, market),
        **_times(market),
        **_words(market),
        **_settlement(market),
    }


def _best_prices(market: Market) -> Json:
    bid, bid_size = _best(market.bids)
    ask, ask_size = _best(market.asks)
    return {
        "yes_bid_dollars": format_price(bid),
        "yes_bid_size_fp": format_count(bid_size),
        "yes_ask_dollars": format_price(ask),
        "yes_ask_size_fp": format_count(ask_size),
        "no_bid_dollars": format_price(ONE - ask),
        "no_ask_dollars": format_price(ONE - bid),
    }


def _best(side: PriceLevels) -> tuple[int, int]:
    return next(iter(side.depth()), (0 if side.bid else ONE, 0))


def _traded(state: EngineState, market: Market) -> Json:
    volume, before = 0, 0
    for trade in reversed(market.trades):
        if trade.created < state.now - DAY:
            before = trade.price
            break
        volume += trade.count
    return {
        "last_price_dollars": format_price(market.last_price or 0),
        "previous_price_dollars": format_price(before),
        "previous_yes_bid_dollars": format_price(0),
        "previous_yes_ask_dollars": format_price(0),
        "volume_fp": format_count(market.volume),
        "volume_24h_fp": format_count(volume),
    }


def _times(market: Market) -> Json:
    judged = format_time(close_time(market) + _WEEK)
    return {
        "created_time": format_time(market.created),
        "open_time": format_time(market.created),
        "updated_time": format_time(market.updated),
        "close_time": format_time(close_time(market)),
        "can_close_early": True,
        "expected_expiration_time": judged,
        "latest_expiration_time": judged,
    }


def _words(market: Market) -> Json:
    return {
        "yes_sub_title": market.ticker,
        "no_sub_title": f"not {market.ticker}",
        "rules_primary": f"YES pays one dollar if the exchange's side settles {market.ticker} so.",
        "rules_secondary": "",
    }


def _settlement(market: Market) -> Json:
    row: Json = {"settlement_timer_seconds": 0, "settlement_bounds_type": "default"}
    if market.settled is not None:
        row["settlement_ts"] = format_time(market.settled)
        row["settlement_value_dollars"] = format_price(market.value)
    return row


@handles("GetMarketOrderbook")
def get_orderbook(state: EngineState, request: ApiRequest) -> Answer:
    depth = query_integer(request.query, "depth", least=0, most=MAX_DEPTH)
    market = _find_market(state, request)
    book = {
        "yes_dollars": _bids_of_yes(market.bids, depth or None),
        "no_dollars": _bids_of_no(market.asks, depth or None),
    }
    return Answer(200, {"orderbook_fp": book})


def _bids_of_yes(side: PriceLevels, depth: int | None) -> list[list[str]]:
    best_first = islice(side.depth(), depth)
    return [[format_price(price), format_count(count)] for price, count in best_first][::-1]


def _bids_of_no(side: PriceLevels, depth: int | None) -> list[list[str]]:
    best_first = islice(side.depth(), depth)
    return [[format_price(ONE - price), format_count(count)] for price, count in best_first][::-1]


@handles("GetTrades")
def get_trades(state: EngineState, request: ApiRequest) -> Answer:
    page = parse_page_request(request.query, "trades")
    trades = _list_trades(state, request, page)
    return page_answer("trades", trades, page, state.settings, trade_row)


def _list_trades(state: EngineState, request: ApiRequest, page: PageRequest) -> Iterator[Trade]:
    ticker, (least, most) = request.query.get("ticker"), created_range(request)
    blocks = _query_flag(request.query, "is_block_trade")
    market = state.markets.get(ticker) if ticker else None
    rows = market.trades if market else [] if ticker else state.trades
    for trade in newest_first(rows, page):
        if trade.created < state.cutoff("trades") or blocks:  # there are no block trades here
            return
        if least <= trade.created <= most:
            yield trade


def _query_flag(query: Mapping[str, str], name: str) -> bool | None:
    text = query.get(name) or None
    if text not in (None, "true", "false"):
        raise invalid_query(name, "must be true or false")
    return None if text is None else text == "true"


def trade_row(trade: Trade) -> Json:
    return {
        "trade_id": trade.id,
        "ticker": trade.market.ticker,
        "count_fp": format_count(trade.count),
        "yes_price_dollars": format_price(trade.price),
        "no_price_dollars": format_price(ONE - trade.price),
        "taker_book_side": "bid" if trade.taker_bid else "ask",
        "taker_outcome_side": "yes" if trade.taker_bid else "no",
        "taker_side": "yes" if trade.taker_bid else "no",
        "is_block_trade": False,
        "created_time": format_time(trade.created),
    }
