"""Orders in the current contract: one book of YES prices, writes under /portfolio/events/orders.

Requests are built with the generated models, so that a renamed field fails in the type checker.
Answers are read from the JSON itself, fixed-point dollars and contracts, into `models`.
"""

# pyright: reportPrivateUsage=false, reportTypedDictNotRequiredAccess=false
# The generated `_get_kwargs` builds a request without sending it; there is no public way to it. A
# field that is missing raises KeyError, which names it: that row becomes an InvalidRow.

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from kalshi_portfolio import models as m
from kalshi_portfolio.api.orders import (
    amend_order_v2,
    batch_cancel_orders_v2,
    batch_create_orders_v2,
    cancel_all_orders,
    cancel_order_v2,
    create_order_v2,
    decrease_order_v2,
    get_order,
    get_order_queue_position,
    get_order_queue_positions,
    get_orders,
)
from kalshi_portfolio.types import UNSET, Unset

from kalshi_ext import values
from kalshi_ext.contract import types as shapes
from kalshi_ext.contract.types import BookSide, OutcomeSide
from kalshi_ext.contracts.decoding import (
    as_list,
    build_request,
    decode_nothing,
    decode_page,
    enum_member,
    optional_enum_member,
    optional_text,
    required,
    required_text,
)
from kalshi_ext.contracts.interface import Interface
from kalshi_ext.contracts.operations import CURRENT as OPERATIONS
from kalshi_ext.errors import Misuse, Refused
from kalshi_ext.models import Fill, Order, OrderAck, QueuePosition
from kalshi_ext.protocol.messages import Call, Document, Page
from kalshi_ext.protocol.responses import entry_refusal
from kalshi_ext.redact import redacted_repr
from kalshi_ext.requests import AmendTicket, DecreaseTicket, OrderTicket, Target
from kalshi_ext.requests.filters import ListQuery
from kalshi_ext.values import count_text, dollars_text, read_count

T = TypeVar("T")


_FILTERS = (
    *("ticker", "event_ticker", "since", "until", "status"),
    *("subaccount", "exchange_index"),
)


def or_unset(value: T | None) -> T | Unset:
    """Turn None into the generated client's way to leave a field out."""
    return UNSET if value is None else value


def create_body(ticket: OrderTicket) -> m.CreateOrderV2Request:
    """Build the body of a create. Raises Misuse for what only the classic contract has."""
    if ticket.price is None or ticket.max_cost is not None:
        raise Misuse("the current contract has no market orders: say price, and not max_cost")
    if ticket.sell_position_floor is not None:
        raise Misuse("sell_position_floor exists in the classic contract only; see reduce_only")
    return m.CreateOrderV2Request(
        ticker=ticket.ticker,
        client_order_id=ticket.client_order_id,
        side=m.BookSide(ticket.book_side.value),
        count=count_text(ticket.count),
        price=dollars_text(ticket.price),
        time_in_force=m.TimeInForce(ticket.time_in_force.value),
        self_trade_prevention_type=m.SelfTradePreventionType(ticket.self_trade_prevention.value),
        expiration_time=or_unset(ticket.expires),
        post_only=or_unset(ticket.post_only),
        reduce_only=or_unset(ticket.reduce_only),
        cancel_order_on_pause=or_unset(ticket.cancel_order_on_pause),
        subaccount=or_unset(ticket.subaccount),
        order_group_id=or_unset(ticket.order_group_id),
        exchange_index=or_unset(ticket.exchange_index),
    )


def _ack(ticker: str | None) -> Callable[[Document], OrderAck]:
    return lambda document: decode_ack(document, ticker)


def _entries(document: Document, operation: str) -> list[OrderAck | Refused]:
    """Read a batch's entries in the order they came: matching them up is the caller's work."""
    entries = as_list(document["orders"], "orders")
    return [_entry(row, operation) for row in entries]


def _entry(row: Any, operation: str) -> OrderAck | Refused:
    if row.get("error"):
        refused = entry_refusal(OPERATIONS[operation], row["error"])
        refused.client_order_id = optional_text(row, "client_order_id")
        refused.order_id = optional_text(row, "order_id")
        return refused
    return decode_ack(row, None)


class CurrentOrders(Interface):
    """Orders; a write that names no ticker and no shard goes to shard 0 (documented)."""

    def place(self, ticket: OrderTicket) -> Call[OrderAck]:
        kwargs = create_order_v2._get_kwargs(body=create_body(ticket))
        decode = _ack(ticket.ticker)
        return Call(OPERATIONS["CreateOrderV2"], build_request(kwargs), decode)

    def place_many(self, tickets: Sequence[OrderTicket]) -> Call[list[OrderAck | Refused]]:
        body = m.BatchCreateOrdersV2Request(orders=[create_body(ticket) for ticket in tickets])
        kwargs = batch_create_orders_v2._get_kwargs(body=body)
        name = "BatchCreateOrdersV2"
        return Call(
            OPERATIONS[name],
            build_request(kwargs),
            lambda document: _entries(document, name),
        )

    def amend(self, ticket: AmendTicket) -> Call[OrderAck]:
        body = m.AmendOrderV2Request(
            ticker=ticket.ticker,
            side=m.BookSide(ticket.book_side.value),
            price=dollars_text(ticket.price),
            count=count_text(ticket.count),
            client_order_id=or_unset(ticket.target.client_order_id),
            updated_client_order_id=or_unset(ticket.updated_client_order_id),
            exchange_index=or_unset(ticket.target.exchange_index),
            expiration_time=or_unset(ticket.expires),
        )
        kwargs = amend_order_v2._get_kwargs(
            ticket.target.order_id, body=body, subaccount=or_unset(ticket.target.subaccount)
        )
        decode = _ack(ticket.ticker)
        return Call(OPERATIONS["AmendOrderV2"], build_request(kwargs), decode)

    def decrease(self, ticket: DecreaseTicket) -> Call[OrderAck]:
        target = ticket.target
        body = m.DecreaseOrderV2Request(
            reduce_by=UNSET if ticket.by is None else count_text(ticket.by),
            reduce_to=UNSET if ticket.to is None else count_text(ticket.to),
            exchange_index=or_unset(target.exchange_index),
            market_ticker=or_unset(target.ticker),
        )
        kwargs = decrease_order_v2._get_kwargs(
            target.order_id, body=body, subaccount=or_unset(target.subaccount)
        )
        decode = _ack(target.ticker)
        return Call(OPERATIONS["DecreaseOrderV2"], build_request(kwargs), decode)

    def cancel(self, target: Target) -> Call[OrderAck]:
        kwargs = cancel_order_v2._get_kwargs(
            target.order_id,
            subaccount=or_unset(target.subaccount),
            exchange_index=or_unset(target.exchange_index),
            market_ticker=or_unset(target.ticker),
        )
        decode = _ack(target.ticker)
        return Call(OPERATIONS["CancelOrderV2"], build_request(kwargs), decode)

    def cancel_many(self, targets: Sequence[Target]) -> Call[list[OrderAck | Refused]]:
        entries = [
            m.BatchCancelOrdersV2RequestEntry(
                order_id=target.order_id,
                subaccount=or_unset(target.subaccount),
                exchange_index=or_unset(target.exchange_index),
                market_ticker=or_unset(target.ticker),
            )
            for target in targets
        ]
        body = m.BatchCancelOrdersV2Request(orders=entries)
        kwargs = batch_cancel_orders_v2._get_kwargs(body=body)
        name = "BatchCancelOrdersV2"
        return Call(
            OPERATIONS[name],
            build_request(kwargs),
            lambda document: _entries(document, name),
        )

    def cancel_all(self, subaccount: int | None) -> Call[None]:
        kwargs = cancel_all_orders._get_kwargs(subaccount=or_unset(subaccount))
        return Call(OPERATIONS["CancelAllOrders"], build_request(kwargs), decode_nothing)

    def get(self, order_id: str) -> Call[Order]:
        def decode(document: Document) -> Order:
            return decode_order(document["order"])

        return Call(OPERATIONS["GetOrder"], build_request(get_order._get_kwargs(order_id)), decode)

    def list(self, query: ListQuery) -> Call[Page[Order]]:
        query.refuse_all_but("current", *_FILTERS)
        kwargs = get_orders._get_kwargs(
            ticker=or_unset(query.ticker),
            event_ticker=or_unset(query.event_ticker),
            min_ts=or_unset(query.since),
            max_ts=or_unset(query.until),
            status=or_unset(query.status),
            limit=or_unset(query.page_size("GetOrders")),
            subaccount=or_unset(query.subaccount),
            exchange_index=or_unset(query.exchange_index),
        )
        return Call(
            OPERATIONS["GetOrders"],
            build_request(kwargs),
            lambda document: decode_page(document, "orders", shapes.Order, decode_order),
        )

    def queue_position(self, order_id: str) -> Call[QueuePosition]:
        def decode(document: Document) -> QueuePosition:
            return QueuePosition(
                order_id=order_id,
                position=required(read_count(document["queue_position_fp"]), "queue_position_fp"),
            )

        kwargs = get_order_queue_position._get_kwargs(order_id)
        return Call(OPERATIONS["GetOrderQueuePosition"], build_request(kwargs), decode)

    def queue_positions(
        self,
        order_ids: Sequence[str] | None,
        tickers: Sequence[str] | None,
        event_ticker: str | None,
        subaccount: int | None,
    ) -> Call[Page[QueuePosition]]:
        if order_ids is not None or (tickers is None) == (event_ticker is None):
            raise Misuse("the current contract needs exactly one of tickers and event_ticker")
        if any("," in ticker for ticker in tickers or ()):
            raise Misuse("tickers must not hold commas: here one would begin the next ticker")
        kwargs = get_order_queue_positions._get_kwargs(
            market_tickers=UNSET if tickers is None else ",".join(tickers),
            event_ticker=or_unset(event_ticker),
            subaccount=or_unset(subaccount),
        )
        shape, read = shapes.OrderQueuePosition, decode_queue_position
        return Call(
            OPERATIONS["GetOrderQueuePositions"],
            build_request(kwargs),
            lambda document: decode_page(document, "queue_positions", shape, read),
        )


dollars = values.read_dollars
count = values.read_count
moment = values.read_time

OUTCOME_OF_BOOK = {"bid": "yes", "ask": "no"}
BOOK_OF_OUTCOME = {"yes": "bid", "no": "ask"}
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
    book = book or BOOK_OF_OUTCOME.get(outcome or "")
    outcome = outcome or OUTCOME_OF_BOOK.get(book or "")
    if book in OUTCOME_OF_BOOK and OUTCOME_OF_BOOK[book] != outcome:
        words = f"book_side {redacted_repr(book)} contradicts outcome_side {redacted_repr(outcome)}"
        raise ValueError(words)
    return (
        enum_member(BookSide, required(book, "book_side")),
        enum_member(OutcomeSide, required(outcome, "outcome_side")),
    )


def decode_order(row: shapes.Order) -> Order:
    """Read an order; a filled or remaining count that is missing costs the row."""
    book, outcome = direction(row)
    return Order(
        order_id=required_text(row, "order_id"),
        client_order_id=optional_text(row, "client_order_id") or "",
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


def decode_fill(row: shapes.Fill) -> Fill:
    """Read a fill; older rows name the market `market_ticker` and the time `ts` (recorded)."""
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


def decode_ack(row: Any, ticker: str | None) -> OrderAck:
    """Read the acknowledgement of a create, amend, decrease or cancel."""
    return OrderAck(
        order_id=required_text(row, "order_id"),
        client_order_id=optional_text(row, "client_order_id"),
        ticker=ticker,
        fill_count=count(row.get("fill_count")),
        remaining_count=count(row.get("remaining_count")),
        reduced_by=count(row.get("reduced_by")),
        average_fill_price=dollars(row.get("average_fill_price")),
        average_fee=dollars(row.get("average_fee_paid")),
        time=moment(row.get("ts_ms")),
        raw=row,
    )


def decode_queue_position(row: shapes.OrderQueuePosition) -> QueuePosition:
    """Read a queue position, in contracts ahead of the order."""
    return QueuePosition(
        order_id=required_text(row, "order_id"),
        ticker=row.get("market_ticker"),
        position=required(count(row["queue_position_fp"]), "queue_position_fp"),
    )
