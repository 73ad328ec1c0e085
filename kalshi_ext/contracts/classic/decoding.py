"""Read the classic contract's objects: integer cents and whole contracts, side and action."""

# pyright: reportTypedDictNotRequiredAccess=false
# A field that is missing raises KeyError, which names it; what cannot be read is set aside.

from __future__ import annotations

from decimal import Decimal
from typing import Any, cast

from kalshi_ext import values
from kalshi_ext.contract import types as shapes
from kalshi_ext.contract.types import BookSide, OutcomeSide
from kalshi_ext.contracts.decoding import (
    enum_member,
    optional_enum_member,
    optional_text,
    required,
    required_text,
)
from kalshi_ext.models import (
    Balance,
    EventPosition,
    Fill,
    Order,
    OrderAck,
    OrderGroup,
    Position,
    Settlement,
)
from kalshi_ext.protocol.messages import Document
from kalshi_ext.redact import redacted_repr
from kalshi_ext.requests import BOOK_SIDE

cents = values.read_cents
count = values.read_count
moment = values.read_time


def direction(row: Any) -> tuple[BookSide, OutcomeSide]:
    """Read the direction from side and action, by the one table of words."""
    book = BOOK_SIDE.get((row["side"], row["action"]))
    if book is None:
        words = f"side {redacted_repr(row['side'])} with action {redacted_repr(row['action'])}"
        raise ValueError(f"{words} has no direction")
    return book, OutcomeSide.YES if book is BookSide.BID else OutcomeSide.NO


def yes_price(row: shapes.Order) -> Decimal | None:
    """Read the YES price in dollars; from the NO price where only that is there."""
    price = cents(row.get("yes_price"))
    if price is not None:
        return price
    no_price = cents(row.get("no_price"))
    return None if no_price is None else values.complement(no_price)


def decode_order(row: shapes.Order) -> Order:
    """Read an order; counts are whole, prices cents of YES or, where only that is there, of NO."""
    book, outcome = direction(row)
    asked = row.get("initial_count", row.get("count"))
    filled = required(count(row.get("fill_count", 0)), "fill_count")
    remaining = count(row.get("remaining_count"))
    return Order(
        order_id=required_text(row, "order_id"),
        client_order_id=optional_text(row, "client_order_id") or "",
        ticker=required_text(row, "ticker"),
        book_side=book,
        outcome_side=outcome,
        status=enum_member(shapes.OrderStatus, row["status"]),
        type=optional_enum_member(shapes.OrderType, row.get("type")),
        price=yes_price(row),
        count=count(asked),
        fill_count=filled,
        remaining_count=required(remaining, "remaining_count"),
        taker_fees=cents(row.get("taker_fees")),
        maker_fees=cents(row.get("maker_fees")),
        expiration_time=moment(row.get("expiration_time")),
        created_time=moment(row.get("created_time")),
        updated_time=moment(row.get("updated_time")),
        raw=row,
    )


def decode_ack(row: Any, reduced_by: object = None) -> OrderAck:
    """Read the acknowledgement of a write: classic answers with the whole order."""
    order = decode_order(row)
    return OrderAck(
        order_id=order.order_id,
        client_order_id=order.client_order_id or None,
        ticker=order.ticker,
        fill_count=order.fill_count,
        remaining_count=order.remaining_count,
        reduced_by=count(reduced_by),
        time=order.updated_time or order.created_time,
        order=order,
        raw=order.raw,
    )


def decode_fill(row: shapes.Fill) -> Fill:
    """Read one fill; `price` is cents of the named side."""
    book, outcome = direction(row)
    price = cents(row.get("price"))
    if price is not None and row["side"] == "no":
        price = values.complement(price)
    return Fill(
        fill_id=required_text(row, "fill_id"),
        order_id=required_text(row, "order_id"),
        ticker=required_text(row, "ticker"),
        book_side=book,
        outcome_side=outcome,
        count=required(count(row["count"]), "count"),
        price=price,
        is_taker=row.get("is_taker"),
        created_time=moment(row.get("created_time")),
        raw=row,
    )


def decode_position(row: shapes.Position) -> Position:
    """Read what is held in one market."""
    return Position(
        ticker=required_text(row, "ticker"),
        position=required(count(row["position"]), "position"),
        realized_pnl=cents(row.get("realized_pnl")),
        fees_paid=cents(row.get("fees_paid")),
        total_cost=cents(row.get("total_cost")),
        raw=row,
    )


def decode_event_position(row: shapes.EventPosition) -> EventPosition:
    """Read what is held over one event: exact dollars where sent, else cents."""
    amounts = cast("dict[str, Any]", row)

    def money(name: str) -> Decimal | None:
        exact = values.read_dollars(amounts.get(name + "_dollars"))
        return cents(amounts.get(name)) if exact is None else exact

    return EventPosition(
        event_ticker=required_text(row, "event_ticker"),
        total_cost=money("total_cost"),
        exposure=money("event_exposure"),
        realized_pnl=money("realized_pnl"),
        fees_paid=money("fees_paid"),
        raw=row,
    )


def decode_settlement(row: shapes.Settlement) -> Settlement:
    """Read one settlement; revenue is cents on the wire."""
    return Settlement(
        ticker=required_text(row, "ticker"),
        market_result=enum_member(shapes.MarketResult, row["result"]),
        revenue=cents(row.get("revenue")),
        yes_count=count(row.get("yes_count")),
        no_count=count(row.get("no_count")),
        settled_time=moment(row.get("settled_time")),
        raw=row,
    )


def decode_group(row: shapes.OrderGroup) -> OrderGroup:
    """Read an order group, which lists nothing but its id and its switch."""
    return OrderGroup(
        id=required_text(row, "id"),
        is_auto_cancel_enabled=row.get("is_auto_cancel_enabled"),
        raw=row,
    )


def decode_balance(document: Document) -> Balance:
    """Read the balance from its cents."""
    row: shapes.GetBalanceResponse = document
    return Balance(balance=required(cents(row["balance"]), "balance"), raw=row)
