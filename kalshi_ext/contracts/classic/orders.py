"""Orders in the classic contract: side and action, integer cents, whole contracts."""

# pyright: reportPrivateUsage=false
# The generated `_get_kwargs` builds a request without sending it; there is no public way to it.

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import evolve
from kalshi_classic import models as m
from kalshi_classic.api import orders as api
from kalshi_classic.types import UNSET, Unset

from kalshi_ext.contract import types as shapes
from kalshi_ext.contract.types import BookSide, SelfTradePreventionType, TimeInForce
from kalshi_ext.contracts.classic.filters import page_size_of
from kalshi_ext.contracts.decode_orders import (
    decode_order,
    decode_queue_position,
    decode_single_queue_position,
    order_ack,
)
from kalshi_ext.contracts.decoding import as_list, build_request, decode_page, optional_text
from kalshi_ext.contracts.interface import Interface
from kalshi_ext.contracts.operations import CLASSIC as OPERATIONS
from kalshi_ext.contracts.rows import Row
from kalshi_ext.errors import Misuse, Refused
from kalshi_ext.models import Order, OrderAck, QueuePosition
from kalshi_ext.protocol.messages import Call, Document, Page, Request
from kalshi_ext.protocol.responses import entry_refusal
from kalshi_ext.requests import AmendTicket, DecreaseTicket, OrderTicket, Target
from kalshi_ext.requests.filters import ListQuery
from kalshi_ext.values import complement, read_count
from kalshi_ext.values.money import EXACT

if TYPE_CHECKING:
    from kalshi_ext.contracts.current.orders import CurrentOrders as OrdersInterface
else:
    OrdersInterface = Interface

T = TypeVar("T")

read_order = partial(decode_order, side_and_action=True)


def or_unset(value: T | None) -> T | Unset:
    """Turn None into the generated client's way to leave a field out."""
    return UNSET if value is None else value


def whole_contracts(value: Decimal, name: str) -> int:
    """Return whole contracts; the classic contract has no parts of one. Raises Misuse."""
    if value != value.to_integral_value():
        raise Misuse(f"{name} must be whole contracts in the classic contract, not {value}")
    return int(value)


def in_cents(value: Decimal, name: str) -> int:
    """Return whole cents; the classic contract has no parts of one. Raises Misuse."""
    scaled = EXACT.multiply(value, 100)
    if scaled != scaled.to_integral_value():
        raise Misuse(f"{name} must be whole cents in the classic contract, not {value} dollars")
    return int(scaled)


def side_and_action(book: BookSide, side: str | None, action: str | None) -> tuple[str, str]:
    """Translate a book side into side and action.

    The words the order was placed in win: an exchange that compares them with the order must see
    the same. Without them a bid is buy yes and an ask buy no.
    """
    if side and action:
        return side, action
    return ("yes", "buy") if book is BookSide.BID else ("no", "buy")


def prices(side: str, yes: Decimal | None) -> dict[str, int]:
    """Translate a YES price into the price of the named side, in cents; a NO price is 1 - YES."""
    if yes is None:
        return {}
    if side == "no":
        return {"no_price": in_cents(complement(yes), "price")}
    return {"yes_price": in_cents(yes, "price")}


def create_body(ticket: OrderTicket) -> m.CreateOrderRequest:
    """Build the body of a create. Raises Misuse for what only the current contract has."""
    _refuse_current_words(ticket)
    side, action = side_and_action(ticket.book_side, ticket.side, ticket.action)
    cost = None if ticket.max_cost is None else in_cents(ticket.max_cost, "max_cost")
    return m.CreateOrderRequest(
        ticker=ticket.ticker,
        client_order_id=ticket.client_order_id,
        side=m.OutcomeSide(side),
        action=m.OrderAction(action),
        count=whole_contracts(ticket.count, "count"),
        type_=m.OrderType.MARKET if ticket.price is None else m.OrderType.LIMIT,
        expiration_ts=or_unset(ticket.expires),
        post_only=or_unset(ticket.post_only),
        order_group_id=or_unset(ticket.order_group_id),
        buy_max_cost=or_unset(cost),
        sell_position_floor=or_unset(ticket.sell_position_floor),
        **prices(side, ticket.price),
    )


def _refuse_current_words(ticket: OrderTicket) -> None:
    used = {
        "time_in_force": ticket.time_in_force is not TimeInForce.GOOD_TILL_CANCELED,
        "self_trade_prevention": ticket.self_trade_prevention
        is not SelfTradePreventionType.TAKER_AT_CROSS,
        "reduce_only": ticket.reduce_only is not None,
        "cancel_order_on_pause": ticket.cancel_order_on_pause is not None,
        "subaccount": ticket.subaccount is not None,
        "exchange_index": ticket.exchange_index is not None,
    }
    unknown = [name for name, wrong in used.items() if wrong]
    if unknown:
        raise Misuse(f"the classic contract has no {', '.join(unknown)}: use contract='current'")
    if ticket.price is None and ticket.max_cost is None:
        raise Misuse("a market order needs max_cost in dollars, so that it cannot cost more")


def bare_id(target: Target) -> str:
    """Return the id of a target. Raises Misuse for parts of an account, which classic lacks.

    Rows of today's exchange name them whoever asks, so an Order may be handed back as it was read.
    """
    if not target.is_told and (target.subaccount or target.exchange_index):
        raise Misuse("the classic contract has no subaccount or exchange_index")
    return target.order_id


class ClassicOrders(OrdersInterface):
    """Orders in cents and whole contracts; the six writes answer 410 today (observed)."""

    def place(self, ticket: OrderTicket) -> Call[OrderAck]:
        kwargs = api.create_order._get_kwargs(body=create_body(ticket))
        return Call(OPERATIONS["createOrder"], build_request(kwargs), _order_ack)

    def place_many(self, tickets: Sequence[OrderTicket]) -> Call[list[OrderAck | Refused]]:
        body = m.BatchCreateOrdersRequest(orders=[create_body(ticket) for ticket in tickets])
        kwargs = api.batch_create_orders._get_kwargs(body=body)

        def decode(document: Document) -> list[OrderAck | Refused]:
            return [_created(row) for row in _entries(document)]

        return Call(OPERATIONS["batchCreateOrders"], build_request(kwargs), decode)

    def amend(self, ticket: AmendTicket) -> Call[OrderAck]:
        if ticket.expires is not None:
            raise Misuse("the classic contract cannot amend expires")
        client_id = ticket.target.client_order_id
        if client_id is None:
            raise Misuse("the classic contract needs client_order_id to amend: pass the Order")
        side, action = side_and_action(ticket.book_side, ticket.side, ticket.action)
        body = m.AmendOrderRequest(
            ticker=ticket.ticker,
            side=m.OutcomeSide(side),
            action=m.OrderAction(action),
            count=whole_contracts(ticket.count, "count"),
            client_order_id=client_id,
            updated_client_order_id=ticket.updated_client_order_id or client_id,
            **prices(side, ticket.price),
        )
        kwargs = api.amend_order._get_kwargs(bare_id(ticket.target), body=body)
        return Call(OPERATIONS["amendOrder"], build_request(kwargs), _order_ack)

    def decrease(self, ticket: DecreaseTicket) -> Call[OrderAck]:
        if ticket.by is None:
            raise Misuse("the classic contract decreases by a difference only: say by, not to")
        body = m.DecreaseOrderRequest(reduce_by=whole_contracts(ticket.by, "by"))
        kwargs = api.decrease_order._get_kwargs(bare_id(ticket.target), body=body)
        return Call(OPERATIONS["decreaseOrder"], build_request(kwargs), _order_ack)

    def cancel(self, target: Target) -> Call[OrderAck]:
        def decode(document: Document) -> OrderAck:
            return _cancel_ack(document)

        kwargs = api.cancel_order._get_kwargs(bare_id(target))
        return Call(OPERATIONS["cancelOrder"], build_request(kwargs), decode)

    def cancel_many(self, targets: Sequence[Target]) -> Call[list[OrderAck | Refused]]:
        body = m.BatchCancelOrdersRequest(order_ids=[bare_id(target) for target in targets])

        def decode(document: Document) -> list[OrderAck | Refused]:
            return [_cancelled(row) for row in _entries(document)]

        kwargs = api.batch_cancel_orders._get_kwargs(body=body)
        return Call(OPERATIONS["batchCancelOrders"], build_request(kwargs), decode)

    def get(self, order_id: str) -> Call[Order]:
        def decode(document: Document) -> Order:
            return read_order(document["order"])

        return Call(
            OPERATIONS["getOrder"], build_request(api.get_order._get_kwargs(order_id)), decode
        )

    def list(self, query: ListQuery) -> Call[Page[Order]]:
        size = page_size_of(
            query, "getOrders", "ticker", "event_ticker", "status", "since", "until"
        )
        kwargs = api.get_orders._get_kwargs(
            ticker=or_unset(query.ticker),
            event_ticker=or_unset(query.event_ticker),
            min_ts=or_unset(query.since),
            max_ts=or_unset(query.until),
            status=or_unset(query.status),
            limit=or_unset(size),
        )
        return Call(
            OPERATIONS["getOrders"],
            build_request(kwargs),
            lambda document: decode_page(document, "orders", shapes.Order, read_order),
        )

    def queue_position(self, order_id: str) -> Call[QueuePosition]:
        kwargs = api.get_order_queue_position._get_kwargs(order_id)
        return Call(
            OPERATIONS["getOrderQueuePosition"],
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
        if subaccount is not None:
            raise Misuse("the classic contract has no subaccount")
        if sum(part is not None for part in (order_ids, tickers, event_ticker)) != 1:
            raise Misuse("the classic contract needs exactly one of orders, tickers, event_ticker")
        if order_ids is None:
            return _listed_queue_positions(tickers, event_ticker)
        body = m.GetQueuePositionsRequest(order_ids=list(order_ids))
        kwargs = api.get_queue_positions._get_kwargs(body=body)
        operation = OPERATIONS["getQueuePositions"]
        return Call(operation, build_request(kwargs), _queue_positions)


def _listed_queue_positions(
    tickers: Sequence[str] | None, event_ticker: str | None
) -> Call[Page[QueuePosition]]:
    """Ask as the 2.x exchange was asked on the wire: with a GET, which its document has not."""
    if any("," in ticker for ticker in tickers or ()):
        raise Misuse("tickers must not hold commas: here one would begin the next ticker")
    # All of a market or of an event, because without either it is refused (observed).
    scope = (
        ("market_tickers", ",".join(tickers)) if tickers else ("event_ticker", str(event_ticker))
    )
    operation = evolve(OPERATIONS["getQueuePositions"], method="GET")
    return Call(operation, Request("GET", operation.path, (scope,)), _queue_positions)


def _queue_positions(document: Document) -> Page[QueuePosition]:
    """Read queue positions: a map of order ids (documents) or a list of rows (recorded)."""
    listed = document.get("queue_positions")
    if isinstance(listed, Mapping):
        pairs = cast("Mapping[str, Any]", listed).items()
        rows = [{"order_id": order_id, "queue_position": at} for order_id, at in pairs]
        document = {**document, "queue_positions": rows}
    shape = shapes.OrderQueuePosition
    return decode_page(document, "queue_positions", shape, decode_queue_position)


def _order_ack(document: Document) -> OrderAck:
    return order_ack(document["order"])


def _cancel_ack(document: Any) -> OrderAck:
    return order_ack(document["order"], document.get("reduced_by_fp", document.get("reduced_by")))


def _entries(document: Document) -> list[Any]:
    """Return a batch's entries: under `responses` (documents) or `orders` (recorded)."""
    name = "orders" if "orders" in document else "responses"
    return as_list(document[name], name)


def _created(row: Any) -> OrderAck | Refused:
    order = row.get("order") or row
    if row.get("error") and order.get("order_id"):
        return order_ack({**order, "error": row["error"]})  # refuses nothing: see current
    if row.get("error"):
        refused = entry_refusal(OPERATIONS["batchCreateOrders"], row["error"])
        refused.client_order_id = optional_text(row, "client_order_id")
        return refused
    return order_ack(order)


def _cancelled(row: Any) -> OrderAck | Refused:
    if row.get("error") and not read_count(row.get("reduced_by_fp", row.get("reduced_by"))):
        refused = entry_refusal(OPERATIONS["batchCancelOrders"], row["error"])
        refused.order_id = optional_text(row, "order_id")
        return refused
    if row.get("order") and not row.get("error"):
        return _cancel_ack(row)
    entry = Row(row, shapes.BatchCancelOrdersResponseEntry)
    return OrderAck(
        order_id=entry.required_text("order_id"),
        reduced_by=entry.required_count("reduced_by_fp", "reduced_by"),
        raw=row,
    )
