"""Read orders, fills, acknowledgements, queue positions and order groups, of both contracts.

One reader for both, because what the wire carries is not told by the contract that asked: a classic
read is answered in today's fields (recorded in June 2026), and the 2.x wire had fields that its
documents did not name. Each field is read in every spelling recorded, the exact one first:

    model            current            2.x wire                  2.x documents
    Order.price      yes_price_dollars  yes_price_dollars         yes_price, in cents
    Order.updated    last_update_time   last_update_time          updated_time
    Fill.price       yes_price_dollars  yes_price_fixed; `price`  `price`
                                        in YES dollars

The direction is what the contracts differ in: `side_and_action` says whether the older words count.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from kalshi_ext import values
from kalshi_ext.contract import types as shapes
from kalshi_ext.contract.types import BookSide, OutcomeSide
from kalshi_ext.contracts.decoding import enum_member, required
from kalshi_ext.contracts.rows import Row
from kalshi_ext.models import Fill, Order, OrderAck, OrderGroup, QueuePosition
from kalshi_ext.redact import redacted_repr
from kalshi_ext.requests import BOOK_SIDE

OUTCOME_OF_BOOK = {"bid": "yes", "ask": "no"}
BOOK_OF_OUTCOME = {"yes": "bid", "no": "ask"}
AGREED: Mapping[tuple[str | None, str | None], tuple[BookSide, OutcomeSide]] = {
    ("bid", "yes"): (BookSide.BID, OutcomeSide.YES),
    ("ask", "no"): (BookSide.ASK, OutcomeSide.NO),
}


def direction(row: Row, *, side_and_action: bool) -> tuple[BookSide, OutcomeSide]:
    """Read the direction from `book_side` and `outcome_side`.

    One of the two gives the other; two that disagree are an unreadable row. The older `side` and
    `action` contradict each other on real fills (observed): they are looked at only where
    `side_and_action` allows it and neither of the two is there, as on the 2.x wire.
    """
    raw = row.raw
    book, outcome = raw.get("book_side"), raw.get("outcome_side")
    if (agreed := AGREED.get((book, outcome))) is not None:
        return agreed
    if side_and_action and not book and not outcome:
        return _of_words(raw["side"], raw["action"])
    book = book or BOOK_OF_OUTCOME.get(outcome or "")
    outcome = outcome or OUTCOME_OF_BOOK.get(book or "")
    if book in OUTCOME_OF_BOOK and OUTCOME_OF_BOOK[book] != outcome:
        raise ValueError(f"book_side {redacted_repr(book)} contradicts {redacted_repr(outcome)}")
    return (
        enum_member(BookSide, required(book, "book_side")),
        enum_member(OutcomeSide, required(outcome, "outcome_side")),
    )


def _of_words(side: Any, action: Any) -> tuple[BookSide, OutcomeSide]:
    book = BOOK_SIDE.get((side, action))
    if book is None:
        raise ValueError(
            f"side {redacted_repr(side)} with action {redacted_repr(action)} has no direction"
        )
    return book, OutcomeSide.YES if book is BookSide.BID else OutcomeSide.NO


def yes_price(row: Row) -> Any:
    """Read the YES price in dollars; from the NO price where only that is there."""
    price = row.price("yes")
    if price is not None:
        return price
    no_price = row.price("no")
    return None if no_price is None else values.complement(no_price)


def decode_order(raw: Any, *, side_and_action: bool = False) -> Order:
    """Read an order; a filled or remaining count that is missing costs the row."""
    row = Row(raw, shapes.Order)
    book, outcome = direction(row, side_and_action=side_and_action)
    return Order(
        order_id=row.required_text("order_id"),
        client_order_id=row.text("client_order_id") or "",
        ticker=row.required_text("ticker"),
        book_side=book,
        outcome_side=outcome,
        status=row.required_member(shapes.OrderStatus, "status"),
        type=row.member(shapes.OrderType, "type"),
        price=yes_price(row),
        count=row.count("initial_count_fp", "initial_count", "count"),
        fill_count=_filled(row, may_be_absent=side_and_action),
        remaining_count=row.required_count("remaining_count_fp", "remaining_count"),
        taker_fees=row.money("taker_fees"),
        maker_fees=row.money("maker_fees"),
        taker_fill_cost=row.money("taker_fill_cost"),
        maker_fill_cost=row.money("maker_fill_cost"),
        expiration_time=row.expiry("expiration_time"),
        created_time=row.time("created_time"),
        updated_time=row.time("last_update_time", "updated_time"),
        self_trade_prevention_type=row.member(
            shapes.SelfTradePreventionType, "self_trade_prevention_type"
        ),
        order_group_id=row.text("order_group_id"),
        cancel_order_on_pause=row.flag("cancel_order_on_pause"),
        subaccount=row.whole("subaccount_number"),
        exchange_index=row.whole("exchange_index"),
        raw=raw,
    )


def _filled(row: Row, *, may_be_absent: bool) -> Decimal:
    names = ("fill_count_fp", "fill_count")
    # The 2.x documents require no field; only a remaining count must be told there.
    if may_be_absent and row.is_absent(*names):
        return Decimal(0)
    return row.required_count(*names)


def decode_fill(raw: Any, *, side_and_action: bool = False) -> Fill:
    """Read a fill; older rows name the market `market_ticker` and the time `ts` (recorded)."""
    row = Row(raw, shapes.Fill)
    book, outcome = direction(row, side_and_action=side_and_action)
    return Fill(
        fill_id=row.required_text("fill_id"),
        order_id=row.required_text("order_id"),
        ticker=row.text("ticker") or row.required_text("market_ticker"),
        book_side=book,
        outcome_side=outcome,
        count=row.required_count("count_fp", "count"),
        price=_fill_price(row, named_side=raw.get("side") if side_and_action else None),
        is_taker=row.flag("is_taker"),
        fee=row.dollars("fee_cost"),
        created_time=row.time("created_time", "ts"),
        trade_id=row.text("trade_id"),
        subaccount=row.whole("subaccount_number"),
        exchange_index=row.whole("exchange_index"),
        raw=raw,
    )


def _fill_price(row: Row, *, named_side: Any) -> Any:
    price = yes_price(row)
    if price is not None or named_side is None:
        return price
    return row.read("price", lambda value: _plain_price(value, named_side))


def _plain_price(value: object, named_side: Any) -> Decimal | None:
    """Read a fill's `price`: YES dollars whatever the side (recorded), or cents of its side.

    A price lies between 0 and 1 dollar and is at least 1 cent, so the number itself says which of
    the two it is. The cents are how the 2.x documents' "number" is understood (assumed).
    """
    number = values.read_dollars(value)
    if number is None or number < 1:
        return values.read_price(value)
    price = values.read_price(values.read_cents(value))
    return values.complement(required(price, "price")) if named_side == "no" else price


def decode_ack(raw: Any, ticker: str | None, shape: type) -> OrderAck:
    """Read the acknowledgement of a create, amend, decrease or cancel of the current contract.

    Counts are what an acknowledgement proves something by: one that cannot be read costs it.
    """
    row = Row(raw, shape)
    return OrderAck(
        order_id=row.required_text("order_id"),
        client_order_id=row.text("client_order_id"),
        ticker=ticker,
        fill_count=values.read_count(raw.get("fill_count")),
        remaining_count=values.read_count(raw.get("remaining_count")),
        reduced_by=values.read_count(raw.get("reduced_by")),
        average_fill_price=row.dollars("average_fill_price"),
        average_fee=row.dollars("average_fee_paid"),
        time=row.time("ts_ms"),
        raw=raw,
    )


def order_ack(raw: Any, reduced_by: object = None) -> OrderAck:
    """Read the acknowledgement of a classic write, which is the whole order."""
    order = decode_order(raw, side_and_action=True)
    return OrderAck(
        order_id=order.order_id,
        client_order_id=order.client_order_id or None,
        ticker=order.ticker,
        fill_count=order.fill_count,
        remaining_count=order.remaining_count,
        reduced_by=values.read_count(reduced_by),
        time=order.updated_time or order.created_time,
        order=order,
        raw=order.raw,
    )


def decode_queue_position(raw: Any) -> QueuePosition:
    """Read a queue position, in contracts ahead of the order."""
    row = Row(raw, shapes.OrderQueuePosition)
    return QueuePosition(
        order_id=row.required_text("order_id"),
        ticker=row.text("market_ticker", "ticker"),
        position=row.required_count("queue_position_fp", "queue_position"),
    )


def decode_single_queue_position(order_id: str, raw: Any) -> QueuePosition:
    """Read the answer that tells the queue position of one order and nothing else."""
    row = Row(raw, shapes.GetOrderQueuePositionResponse)
    return QueuePosition(
        order_id=order_id, position=row.required_count("queue_position_fp", "queue_position")
    )


def decode_group(raw: Any) -> OrderGroup:
    """Read one row of the order groups."""
    row = Row(raw, shapes.OrderGroup)
    return OrderGroup(
        id=row.required_text("id", "order_group_id"),
        is_auto_cancel_enabled=row.flag("is_auto_cancel_enabled"),
        contracts_limit=row.count("contracts_limit_fp", "contracts_limit"),
        exchange_index=row.whole("exchange_index"),
        raw=raw,
    )


def decode_single_group(group_id: str, raw: Any) -> OrderGroup:
    """Read the answer that tells one group, without its id."""
    row = Row(raw, shapes.GetOrderGroupResponse)
    return OrderGroup(
        id=group_id,
        is_auto_cancel_enabled=row.flag("is_auto_cancel_enabled"),
        contracts_limit=row.count("contracts_limit_fp", "contracts_limit"),
        orders=row.texts("orders"),
        exchange_index=row.whole("exchange_index"),
        raw=raw,
    )


def decode_created_group(raw: Any, limit: Decimal) -> OrderGroup:
    """Read the answer to the creation of a group, which tells its id and where it is."""
    row = Row(raw, shapes.CreateOrderGroupResponse)
    return OrderGroup(
        id=row.required_text("order_group_id"),
        contracts_limit=limit,
        subaccount=row.whole("subaccount"),
        exchange_index=row.whole("exchange_index"),
        raw=raw,
    )
