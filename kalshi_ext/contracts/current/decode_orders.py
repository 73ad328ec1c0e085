"""Read the current contract's objects: fixed-point dollars and contracts, one YES-priced book."""

# pyright: reportTypedDictNotRequiredAccess=false
# A field that is missing raises KeyError, which names it; what cannot be read is set aside.

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kalshi_ext import values
from kalshi_ext.contract import types as shapes
from kalshi_ext.contract.types import BookSide, OutcomeSide
from kalshi_ext.contracts.decoding import (
    enum_member,
    optional_enum_member,
    required,
    required_text,
)
from kalshi_ext.models import Fill, Order, OrderAck, OrderGroup, QueuePosition

dollars = values.read_dollars
count = values.read_count
moment = values.read_time

OUTCOME = {"bid": "yes", "ask": "no"}
BOOK = {"yes": "bid", "no": "ask"}
AGREED: Mapping[tuple[str | None, str | None], tuple[BookSide, OutcomeSide]] = {
    ("bid", "yes"): (BookSide.BID, OutcomeSide.YES),
    ("ask", "no"): (BookSide.ASK, OutcomeSide.NO),
}


def direction(row: shapes.Order | shapes.Fill) -> tuple[BookSide, OutcomeSide]:
    """Read the direction from `book_side` and `outcome_side` alone.

    The legacy `side` and `action` contradict each other on real fills (observed), so they are
    never looked at. One of the two gives the other; two that disagree are an unreadable row.
    """
    book, outcome = row.get("book_side"), row.get("outcome_side")
    if (agreed := AGREED.get((book, outcome))) is not None:
        return agreed
    book = book or BOOK.get(outcome or "")
    outcome = outcome or OUTCOME.get(book or "")
    if book in OUTCOME and OUTCOME[book] != outcome:
        raise ValueError(f"book_side {book!r} contradicts outcome_side {outcome!r}")
    return (
        enum_member(BookSide, required(book, "book_side")),
        enum_member(OutcomeSide, required(outcome, "outcome_side")),
    )


def order(row: shapes.Order) -> Order:
    """Read one order."""
    book, outcome = direction(row)
    return Order(
        order_id=required_text(row, "order_id"),
        client_order_id=row.get("client_order_id") or "",
        ticker=required_text(row, "ticker"),
        book_side=book,
        outcome_side=outcome,
        status=enum_member(shapes.OrderStatus, row["status"]),
        type=optional_enum_member(shapes.OrderType, row.get("type")),
        price=dollars(row.get("yes_price_dollars")),
        count=count(row.get("initial_count_fp")),
        fill_count=required(count(row["fill_count_fp"]), "fill_count_fp"),
        remaining_count=required(count(row["remaining_count_fp"]), "remaining_count_fp"),
        taker_fees=dollars(row.get("taker_fees_dollars")),
        maker_fees=dollars(row.get("maker_fees_dollars")),
        taker_fill_cost=dollars(row.get("taker_fill_cost_dollars")),
        maker_fill_cost=dollars(row.get("maker_fill_cost_dollars")),
        expiration_time=moment(row.get("expiration_time")),
        created_time=moment(row.get("created_time")),
        updated_time=moment(row.get("last_update_time")),
        self_trade_prevention_type=optional_enum_member(
            shapes.SelfTradePreventionType, row.get("self_trade_prevention_type")
        ),
        order_group_id=row.get("order_group_id") or None,
        cancel_order_on_pause=row.get("cancel_order_on_pause"),
        subaccount=row.get("subaccount_number"),
        exchange_index=row.get("exchange_index"),
        raw=row,
    )


def fill(row: shapes.Fill) -> Fill:
    """Read one fill."""
    book, outcome = direction(row)
    return Fill(
        fill_id=required_text(row, "fill_id"),
        order_id=required_text(row, "order_id"),
        ticker=row.get("ticker") or required_text(row, "market_ticker"),
        book_side=book,
        outcome_side=outcome,
        count=required(count(row["count_fp"]), "count_fp"),
        price=dollars(row.get("yes_price_dollars")),
        is_taker=row.get("is_taker"),
        fee=dollars(row.get("fee_cost")),
        created_time=moment(row.get("created_time") or row.get("ts")),
        trade_id=row.get("trade_id"),
        subaccount=row.get("subaccount_number"),
        exchange_index=row.get("exchange_index"),
        raw=row,
    )


def ack(row: Any, ticker: str | None) -> OrderAck:
    """Read the acknowledgement of a create, amend, decrease or cancel."""
    return OrderAck(
        order_id=required_text(row, "order_id"),
        client_order_id=row.get("client_order_id") or None,
        ticker=ticker,
        fill_count=count(row.get("fill_count")),
        remaining_count=count(row.get("remaining_count")),
        reduced_by=count(row.get("reduced_by")),
        average_fill_price=dollars(row.get("average_fill_price")),
        average_fee=dollars(row.get("average_fee_paid")),
        time=moment(row.get("ts_ms")),
        raw=row,
    )


def group(row: shapes.OrderGroup) -> OrderGroup:
    """Read one row of the order groups."""
    return OrderGroup(
        id=required_text(row, "id"),
        is_auto_cancel_enabled=row.get("is_auto_cancel_enabled"),
        contracts_limit=count(row.get("contracts_limit_fp")),
        exchange_index=row.get("exchange_index"),
        raw=row,
    )


def queue_position(row: shapes.OrderQueuePosition) -> QueuePosition:
    """Read one queue position."""
    return QueuePosition(
        order_id=required_text(row, "order_id"),
        ticker=row.get("market_ticker"),
        position=required(count(row["queue_position_fp"]), "queue_position_fp"),
    )
