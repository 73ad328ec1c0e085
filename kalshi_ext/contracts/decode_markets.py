"""Read markets, order books and trades.

The exchange lists an order book as bids for YES and bids for NO, each a list of [price, count] in
rising order. A bid for NO at p offers YES at 1 - p:

    {"yes_dollars": [["0.53", "5.00"], ["0.54", "3.00"]], "no_dollars": [["0.44", "2.00"]]}

is bids of 3 at 0.54 and 5 at 0.53, and asks of 2 at 0.56.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from kalshi_ext import values
from kalshi_ext.contract import types as shapes
from kalshi_ext.contracts.decoding import as_list, required
from kalshi_ext.contracts.rows import Row
from kalshi_ext.models import Market, MarketLeg, OrderBook, PriceLevel, Trade
from kalshi_ext.protocol.messages import Document
from kalshi_ext.values import PriceGrid


def decode_single_market(document: Document) -> Market:
    """Read the answer that holds one market."""
    return decode_market(document["market"])


def decode_market(row: shapes.Market) -> Market:
    """Read one market; only its ticker and its status may cost the row."""
    fields = Row(row, shapes.Market)
    return Market(
        ticker=fields.required_text("ticker"),
        status=fields.required_member(shapes.MarketStatus, "status"),
        raw=row,
        **_prices(fields),
        **_times(fields),
        **_settlement(fields),
        **_description(fields),
    )


def _prices(row: Row) -> dict[str, Any]:
    return {
        "price_grid": row.read("price_ranges", _price_grid),
        "price_level_structure": row.text("price_level_structure"),
        "yes_bid": row.dollars("yes_bid_dollars"),
        "yes_bid_size": row.count("yes_bid_size_fp"),
        "yes_ask": row.dollars("yes_ask_dollars"),
        "yes_ask_size": row.count("yes_ask_size_fp"),
        "last_price": row.dollars("last_price_dollars"),
        "previous_yes_bid": row.dollars("previous_yes_bid_dollars"),
        "previous_yes_ask": row.dollars("previous_yes_ask_dollars"),
        "previous_price": row.dollars("previous_price_dollars"),
        "volume": row.count("volume_fp"),
        "volume_24h": row.count("volume_24h_fp"),
        "open_interest": row.count("open_interest_fp"),
        "notional_value": row.dollars("notional_value_dollars"),
    }


def _times(row: Row) -> dict[str, Any]:
    return {
        "created_time": row.time("created_time"),
        "updated_time": row.time("updated_time"),
        "open_time": row.time("open_time"),
        "close_time": row.time("close_time"),
        "occurrence_time": row.time("occurrence_datetime"),
        "expected_expiration_time": row.time("expected_expiration_time"),
        "latest_expiration_time": row.time("latest_expiration_time"),
        "fee_waiver_expiration_time": row.time("fee_waiver_expiration_time"),
        "settled_time": row.time("settlement_ts"),
    }


def _settlement(row: Row) -> dict[str, Any]:
    return {
        "result": row.member(shapes.MarketResult, "result"),
        "expiration_value": row.text("expiration_value"),
        "settlement_value": row.dollars("settlement_value_dollars"),
        "settlement_floor": row.dollars("settlement_floor_dollars"),
        "settlement_bounds_type": row.member(shapes.SettlementBoundsType, "settlement_bounds_type"),
        "settlement_timer_seconds": row.whole("settlement_timer_seconds"),
        "strike_type": row.member(shapes.StrikeType, "strike_type"),
        "floor_strike": row.dollars("floor_strike"),
        "cap_strike": row.dollars("cap_strike"),
        "functional_strike": row.text("functional_strike"),
        "custom_strike": row.read("custom_strike", dict[str, object]),
    }


def _description(row: Row) -> dict[str, Any]:
    return {
        "event_ticker": row.text("event_ticker"),
        "market_type": row.member(shapes.MarketType, "market_type"),
        "can_close_early": row.flag("can_close_early"),
        "early_close_condition": row.text("early_close_condition"),
        "yes_sub_title": row.text("yes_sub_title"),
        "no_sub_title": row.text("no_sub_title"),
        "rules_primary": row.text("rules_primary"),
        "rules_secondary": row.text("rules_secondary"),
        "primary_participant_key": row.text("primary_participant_key"),
        "is_provisional": row.flag("is_provisional"),
        "mve_collection_ticker": row.text("mve_collection_ticker"),
        "legs": row.rows("mve_selected_legs", shapes.MveSelectedLeg, _leg),
        "exchange_index": row.whole("exchange_index"),
    }


def _leg(row: Row) -> MarketLeg:
    return MarketLeg(
        ticker=row.text("market_ticker"),
        event_ticker=row.text("event_ticker"),
        side=row.text("side"),
        settlement_value=row.dollars("yes_settlement_value_dollars"),
    )


def _price_grid(value: object) -> PriceGrid:
    # A grid that is read in part would refuse prices that are valid: all of it, or None.
    return PriceGrid.read(as_list(value, "price_ranges"))


def decode_order_book(document: Document, ticker: str) -> OrderBook:
    """Read the book; a level that cannot be read costs all of it, as a book with holes misleads."""
    book: shapes.OrderbookCountFp = document["orderbook_fp"]
    asks = (
        PriceLevel(values.complement(level.price), level.count)
        for level in _levels(book, "no_dollars")
    )
    return OrderBook(
        ticker=ticker,
        bids=tuple(sorted(_levels(book, "yes_dollars"), key=_price, reverse=True)),
        asks=tuple(sorted(asks, key=_price)),
        raw=document,
    )


def _levels(book: Any, name: str) -> list[PriceLevel]:
    # An empty side may be null; a book without the side is another shape, not an empty one.
    return [_level(pair, name) for pair in as_list(book[name] or [], name)]


def _level(pair: Any, name: str) -> PriceLevel:
    listed = as_list(pair, name)
    if len(listed) != 2:
        raise ValueError(f"{name} holds a level that is no [price, count]")
    price, count = values.read_dollars(listed[0]), values.read_count(listed[1])
    level = PriceLevel(required(price, name), required(count, name))
    if not 0 < level.price < 1 or level.count < 0:
        raise ValueError(f"{name} holds a level that cannot be")
    return level


def _price(level: PriceLevel) -> Decimal:
    return level.price


def decode_trade(row: shapes.Trade) -> Trade:
    """Read one trade; only its ids and its count may cost the row."""
    fields = Row(row, shapes.Trade)
    return Trade(
        trade_id=fields.required_text("trade_id"),
        ticker=fields.required_text("ticker"),
        count=fields.required_count("count_fp"),
        price=fields.dollars("yes_price_dollars"),
        taker_book_side=fields.member(shapes.BookSide, "taker_book_side"),
        taker_outcome_side=fields.member(shapes.OutcomeSide, "taker_outcome_side"),
        is_block_trade=fields.flag("is_block_trade"),
        created_time=fields.time("created_time"),
        raw=row,
    )
