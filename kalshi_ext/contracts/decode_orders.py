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

Orders and fills come by the thousand, so each has two readers. The quick one takes a row of today's
shape without a surprise; at the first one, whatever it is, the row is read again by the other.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from kalshi_ext import values
from kalshi_ext.contract import types as shapes
from kalshi_ext.contract.fields import FIELDS
from kalshi_ext.contract.operations import OPERATIONS
from kalshi_ext.contract.types import BookSide, OutcomeSide
from kalshi_ext.contracts.decoding import (
    DECODE_ERRORS,
    enum_member,
    optional_enum_member,
    required,
)
from kalshi_ext.contracts.rows import Row, plain, plain_text
from kalshi_ext.models import Fill, Order, OrderAck, OrderGroup, QueuePosition
from kalshi_ext.redact import redacted_repr
from kalshi_ext.requests import BOOK_SIDE
from kalshi_ext.values.parsing import number_of_text, price_of_text

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
    is_known = book in OUTCOME_OF_BOOK or outcome in BOOK_OF_OUTCOME
    if is_known and OUTCOME_OF_BOOK.get(book or "") != outcome:
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
    try:
        return quick_order(raw)
    except DECODE_ERRORS:
        return any_order(raw, side_and_action=side_and_action)


def quick_order(raw: Any) -> Order:
    """Read an order of today's shape; anything unusual raises one of `DECODE_ERRORS`."""
    get = raw.get
    book, outcome = AGREED[get("book_side"), get("outcome_side")]
    return Order(
        order_id=plain_text(get("order_id")),
        client_order_id=values.read_text(get("client_order_id")) or "",
        ticker=plain_text(get("ticker")),
        book_side=book,
        outcome_side=outcome,
        status=enum_member(shapes.OrderStatus, get("status")),
        type=enum_member(shapes.OrderType, plain_text(get("type"))),
        price=price_of_text(get("yes_price_dollars")),
        count=number_of_text(get("initial_count_fp")),
        fill_count=number_of_text(get("fill_count_fp")),
        remaining_count=number_of_text(get("remaining_count_fp")),
        taker_fees=number_of_text(get("taker_fees_dollars")),
        maker_fees=number_of_text(get("maker_fees_dollars")),
        taker_fill_cost=number_of_text(get("taker_fill_cost_dollars")),
        maker_fill_cost=number_of_text(get("maker_fill_cost_dollars")),
        expiration_time=values.read_expiry(get("expiration_time")),
        created_time=values.read_time(get("created_time")),
        # Without it the other reader looks for the older name.
        updated_time=required(values.read_time(get("last_update_time")), "last_update_time"),
        self_trade_prevention_type=optional_enum_member(
            shapes.SelfTradePreventionType, values.read_text(get("self_trade_prevention_type"))
        ),
        order_group_id=values.read_text(get("order_group_id")),
        cancel_order_on_pause=plain(get("cancel_order_on_pause"), bool),
        subaccount=plain(get("subaccount_number"), int),
        exchange_index=plain(get("exchange_index"), int),
        raw=raw,
    )


def any_order(raw: Any, *, side_and_action: bool) -> Order:
    """Read an order in any spelling; what cannot be read is None, or costs the row."""
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
    try:
        return quick_fill(raw)
    except DECODE_ERRORS:
        return any_fill(raw, side_and_action=side_and_action)


def quick_fill(raw: Any) -> Fill:
    """Read a fill of today's shape; anything unusual raises one of `DECODE_ERRORS`."""
    get = raw.get
    book, outcome = AGREED[get("book_side"), get("outcome_side")]
    return Fill(
        fill_id=plain_text(get("fill_id")),
        order_id=plain_text(get("order_id")),
        ticker=plain_text(get("ticker")),
        book_side=book,
        outcome_side=outcome,
        count=number_of_text(get("count_fp")),
        price=price_of_text(get("yes_price_dollars")),
        is_taker=required(plain(get("is_taker"), bool), "is_taker"),
        fee=number_of_text(get("fee_cost")),
        created_time=required(values.read_time(get("created_time")), "created_time"),
        trade_id=plain_text(get("trade_id")),
        subaccount=plain(get("subaccount_number"), int),
        exchange_index=required(plain(get("exchange_index"), int), "exchange_index"),
        raw=raw,
    )


def any_fill(raw: Any, *, side_and_action: bool) -> Fill:
    """Read a fill in any spelling; what cannot be read is None, or costs the row."""
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
    try:
        return _plain_ack(raw, ticker)
    except DECODE_ERRORS:
        pass  # the reader below finds what can be read all the same, or says why not
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


def _plain_ack(raw: Any, ticker: str | None) -> OrderAck:
    """Read an acknowledgement without a surprise, as `decode_ack` does."""
    get = raw.get
    return OrderAck(
        order_id=plain_text(get("order_id")),
        client_order_id=plain(get("client_order_id"), str) or None,
        ticker=ticker,
        fill_count=values.read_dollars(get("fill_count")),
        remaining_count=values.read_dollars(get("remaining_count")),
        reduced_by=values.read_dollars(get("reduced_by")),
        average_fill_price=values.read_dollars(get("average_fill_price")),
        average_fee=values.read_dollars(get("average_fee_paid")),
        time=values.read_time(get("ts_ms")),
        raw=raw,
    )


def fast_ack(operation: str, ticker: str | None, body: bytes) -> OrderAck | None:
    """Read the bytes of an acknowledgement without any deviation; None where there may be one.

    As `protocol/responses` would read it: an object of the fields of its contract, all that are
    required and no other, whose values are texts and whole numbers.
    """
    try:
        required_names, known, decode = _ack_reader(operation)
        raw = decode(body)
        names = raw.keys()
        if required_names <= names <= known and _PLAIN.issuperset(map(type, raw.values())):
            return _plain_ack(raw, ticker)
    except (RecursionError, *DECODE_ERRORS):  # the errors of msgspec are ValueErrors
        pass
    except (ImportError, OSError):  # no file can be opened any more, and the order stands
        pass
    return None


_PLAIN: Final = frozenset({str, int})


@functools.cache
def _ack_reader(operation: str) -> tuple[frozenset[str], frozenset[str], Callable[[bytes], Any]]:
    import msgspec  # 10 ms, for those only who send something

    fields = FIELDS["current"][OPERATIONS[operation].answer]
    needed = frozenset(name for name, (is_required, _) in fields.items() if is_required)
    return needed, frozenset(fields), msgspec.json.Decoder().decode


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
