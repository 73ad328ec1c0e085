"""Orders in the current contract: one book of YES prices, writes under /portfolio/events/orders.

Requests are built with the generated models, and creates with the contract's types, so that a
renamed field fails in the type checker.
Answers are read by `contracts/decode_orders`.
"""

# pyright: reportPrivateUsage=false
# The generated `_get_kwargs` builds a request without sending it; there is no public way to it.

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from kalshi_portfolio import models as m
from kalshi_portfolio.api import orders as api
from kalshi_portfolio.types import UNSET, Unset

from kalshi_ext.contract import types as shapes
from kalshi_ext.contracts.decode_orders import (
    decode_ack,
    decode_order,
    decode_queue_position,
    decode_single_queue_position,
    fast_ack,
)
from kalshi_ext.contracts.decoding import (
    as_list,
    build_request,
    decode_nothing,
    decode_page,
    optional_text,
    to_json,
)
from kalshi_ext.contracts.fast_pages import fast_reader
from kalshi_ext.contracts.interface import Interface
from kalshi_ext.contracts.operations import CURRENT as OPERATIONS
from kalshi_ext.errors import Misuse, Refused
from kalshi_ext.models import Order, OrderAck, QueuePosition
from kalshi_ext.protocol.messages import Call, Document, Page, Request
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


def create_body(ticket: OrderTicket) -> shapes.CreateOrderV2Request:
    """Build the body of a create. Raises Misuse for what only the classic contract has."""
    if ticket.price is None or ticket.max_cost is not None:
        raise Misuse("the current contract has no market orders: say price, and not max_cost")
    if ticket.sell_position_floor is not None:
        raise Misuse("sell_position_floor exists in the classic contract only; see reduce_only")
    # To the byte what the generated model would write, at a quarter of its cost (tested): plain
    # texts; what is required first, then what is not, each in the order of the names.
    body: shapes.CreateOrderV2Request = {
        "count": count_text(ticket.count),
        "price": dollars_text(ticket.price),
        "self_trade_prevention_type": ticket.self_trade_prevention._value_,
        "side": ticket.book_side._value_,
        "ticker": ticket.ticker,
        "time_in_force": ticket.time_in_force._value_,
    }
    if ticket.cancel_order_on_pause is not None:
        body["cancel_order_on_pause"] = ticket.cancel_order_on_pause
    body["client_order_id"] = ticket.client_order_id
    if ticket.exchange_index is not None:
        body["exchange_index"] = ticket.exchange_index
    if ticket.expires is not None:
        body["expiration_time"] = ticket.expires
    if ticket.order_group_id is not None:
        body["order_group_id"] = ticket.order_group_id
    if ticket.post_only is not None:
        body["post_only"] = ticket.post_only
    if ticket.reduce_only is not None:
        body["reduce_only"] = ticket.reduce_only
    if ticket.subaccount is not None:
        body["subaccount"] = ticket.subaccount
    return body


def _ack(ticker: str | None, shape: type) -> Callable[[Document], OrderAck]:
    return lambda document: decode_ack(document, ticker, shape)


def _entries(document: Document, operation: str) -> list[OrderAck | Refused]:
    """Read a batch's entries in the order they came: matching them up is the caller's work."""
    entries = as_list(document["orders"], "orders")
    return [_entry(row, operation) for row in entries]


def _entry(row: Any, operation: str) -> OrderAck | Refused:
    # An error beside an order, or beside what was cancelled of one, refuses nothing: the entry is
    # judged as an acknowledgement that carries an error.
    creates = operation == "BatchCreateOrdersV2"
    done = row.get("order_id") or row.get("order") if creates else _took_off(row)
    if row.get("error") and not done:
        refused = entry_refusal(OPERATIONS[operation], row["error"])
        refused.client_order_id = optional_text(row, "client_order_id")
        refused.order_id = optional_text(row, "order_id")
        return refused
    return decode_ack(row, None, shapes.BatchCreateOrdersV2ResponseEntry)


def _took_off(row: Any) -> bool:
    return bool(read_count(row.get("reduced_by")))


class CurrentOrders(Interface):
    """Orders; a write that names no ticker and no shard goes to shard 0 (documented)."""

    def place(self, ticket: OrderTicket) -> Call[OrderAck]:
        operation, ticker = OPERATIONS["CreateOrderV2"], ticket.ticker
        request = Request(operation.method, operation.path, body=to_json(create_body(ticket)))
        decode = _ack(ticker, shapes.CreateOrderV2Response)
        fast = partial(fast_ack, operation.id, ticker)
        return Call(operation, request, decode, decode_fast=fast)

    def place_many(self, tickets: Sequence[OrderTicket]) -> Call[list[OrderAck | Refused]]:
        operation = OPERATIONS["BatchCreateOrdersV2"]
        body = to_json({"orders": [create_body(ticket) for ticket in tickets]})
        request = Request(operation.method, operation.path, body=body)
        return Call(operation, request, lambda document: _entries(document, operation.id))

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
        kwargs = api.amend_order_v2._get_kwargs(
            ticket.target.order_id, body=body, subaccount=or_unset(ticket.target.subaccount)
        )
        decode = _ack(ticket.ticker, shapes.AmendOrderV2Response)
        return Call(OPERATIONS["AmendOrderV2"], build_request(kwargs), decode)

    def decrease(self, ticket: DecreaseTicket) -> Call[OrderAck]:
        target = ticket.target
        body = m.DecreaseOrderV2Request(
            reduce_by=UNSET if ticket.by is None else count_text(ticket.by),
            reduce_to=UNSET if ticket.to is None else count_text(ticket.to),
            exchange_index=or_unset(target.exchange_index),
            market_ticker=or_unset(target.ticker),
        )
        kwargs = api.decrease_order_v2._get_kwargs(
            target.order_id, body=body, subaccount=or_unset(target.subaccount)
        )
        decode = _ack(target.ticker, shapes.DecreaseOrderV2Response)
        return Call(OPERATIONS["DecreaseOrderV2"], build_request(kwargs), decode)

    def cancel(self, target: Target) -> Call[OrderAck]:
        kwargs = api.cancel_order_v2._get_kwargs(
            target.order_id,
            subaccount=or_unset(target.subaccount),
            exchange_index=or_unset(target.exchange_index),
            market_ticker=or_unset(target.ticker),
        )
        decode = _ack(target.ticker, shapes.CancelOrderV2Response)
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
        kwargs = api.batch_cancel_orders_v2._get_kwargs(body=body)
        name = "BatchCancelOrdersV2"
        return Call(
            OPERATIONS[name],
            build_request(kwargs),
            lambda document: _entries(document, name),
        )

    def cancel_all(self, subaccount: int | None) -> Call[None]:
        kwargs = api.cancel_all_orders._get_kwargs(subaccount=or_unset(subaccount))
        return Call(OPERATIONS["CancelAllOrders"], build_request(kwargs), decode_nothing)

    def get(self, order_id: str) -> Call[Order]:
        def decode(document: Document) -> Order:
            return decode_order(document["order"])

        return Call(
            OPERATIONS["GetOrder"], build_request(api.get_order._get_kwargs(order_id)), decode
        )

    def list(self, query: ListQuery) -> Call[Page[Order]]:
        query.refuse_all_but("current", *_FILTERS)
        kwargs = api.get_orders._get_kwargs(
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
            decode_fast=fast_reader("GetOrders", "orders", Order),
        )

    def queue_position(self, order_id: str) -> Call[QueuePosition]:
        kwargs = api.get_order_queue_position._get_kwargs(order_id)
        return Call(
            OPERATIONS["GetOrderQueuePosition"],
            build_request(kwargs),
            lambda document: decode_single_queue_position(order_id, document),
        )

    def queue_positions(
        self,
        order_ids: Sequence[str] | None,
        tickers: Sequence[str] | None,
        event_ticker: str | None,
        subaccount: int | None,
    ) -> Call[Page[QueuePosition]]:
        if order_ids is not None or (tickers is None) == (event_ticker is None):
            raise Misuse("the current contract needs exactly one of tickers and event_ticker")
        for ticker in tickers or ():
            if "," in ticker:
                rule = "tickers must not hold commas, which begin the next ticker"
                raise Misuse(f"{rule}, not {redacted_repr(ticker)}")
        kwargs = api.get_order_queue_positions._get_kwargs(
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
