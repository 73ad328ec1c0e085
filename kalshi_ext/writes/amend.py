"""Amend and decrease an order, and find out what became of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from attrs import evolve

from kalshi_ext.contracts.interface import Contract
from kalshi_ext.errors import Misuse
from kalshi_ext.models import Order, OrderAck
from kalshi_ext.protocol.flow import Context, Flow, Now
from kalshi_ext.protocol.messages import Call
from kalshi_ext.requests import AmendTicket, DecreaseTicket, Target
from kalshi_ext.writes import journal_codec, prior_writes
from kalshi_ext.writes.lookup import NotDone, Sight, Unclear, over, read_before, read_order
from kalshi_ext.writes.outcomes import Accepted, Rejected
from kalshi_ext.writes.resolve import Change, carry_out, make_entry


def _names(target: Target, most: Decimal | None = None) -> Callable[[OrderAck], str | None]:
    """Build the doubt about an answer: another order, or more remaining than can be."""

    def fault(ack: OrderAck) -> str | None:
        # Responses have described another order (documented incident of May 2026).
        if ack.order_id != target.order_id:
            return "it names another order"
        left = ack.remaining_count
        if most is not None and left is not None and left > most:
            return f"its remaining_count {left} is more than the {most} asked for"
        return None

    return fault


def amend(contract: Contract, ticket: AmendTicket, context: Context) -> Flow[OrderAck]:
    """Amend an order."""
    change = amend_change(contract, ticket, context, (yield Now()))
    return (yield from carry_out(change, context))


def amend_change(
    contract: Contract, ticket: AmendTicket, context: Context, now: float
) -> Change[OrderAck]:
    """Describe an amend: done when the order has the wanted price and total."""
    call = contract.orders.amend(ticket)
    target = ticket.target
    said = {
        "kind": "amend",
        "ticker": ticket.ticker,
        "order_id": target.order_id,
        "price": str(ticket.price),
        "count": str(ticket.count),
        "expires": ticket.expires,
        "client_order_id": ticket.updated_client_order_id,
    }
    look = amended_look(contract, said, context, call)
    entry = make_entry(call, ticket.ticker, said, now)
    fault = _names(target, most=ticket.count)
    return Change(contract, call, entry, fault, look, target.order_id)


def amended_look(
    contract: Contract,
    said: Mapping[str, Any],
    context: Context,
    call: Call[OrderAck] | None = None,
) -> Callable[[], Flow[Sight[OrderAck]]]:
    """Build the look for an amend; `call` repeats it where it is not done."""

    def look() -> Flow[Sight[OrderAck]]:
        order = yield from read_order(
            contract, said["order_id"], context, ticker=said.get("ticker")
        )
        if order is None:
            return Unclear()
        if _is_amended(order, said):
            return Accepted(journal_codec.ack_of(order))
        if order.status in ("canceled", "executed"):
            return Rejected(over("orders.amend", order))
        return NotDone(call)

    return look


def _is_amended(order: Order, said: Mapping[str, Any]) -> bool:
    """Say whether an order is as an amend wants it, in all that the amend names."""
    count = Decimal(said["count"])
    if order.price != Decimal(said["price"]) or count not in _totals(order):
        return False
    if said.get("client_order_id") not in (None, order.client_order_id):
        return False
    expires: int | None = said.get("expires")
    there = 0 if order.expiration_time is None else int(order.expiration_time.timestamp())
    return expires in (None, there)


def _totals(order: Order) -> tuple[Decimal | None, ...]:
    """Return what may be the total of an order: one that was cancelled keeps it in `count`."""
    return (_total(order), order.count) if order.status == "canceled" else (_total(order),)


def _total(order: Order) -> Decimal:
    return order.fill_count + order.remaining_count


def decrease_change(
    contract: Contract,
    ticket: DecreaseTicket,
    context: Context,
    before: Order | None,
    now: float,
) -> Change[OrderAck]:
    """Describe a decrease: done when no more remains than wanted."""
    call = contract.orders.decrease(ticket)
    target = ticket.target
    said = {
        "kind": "decrease",
        "ticker": target.ticker,
        "order_id": target.order_id,
        "by": None if ticket.by is None else str(ticket.by),
        "to": None if ticket.to is None else str(ticket.to),
        "total": None if before is None else str(_total(before)),
    }
    look = decreased_look(contract, said, context, ticket)
    ticker = target.ticker if before is None else before.ticker
    entry = make_entry(call, ticker, said, now)
    fault = _names(target, most=ticket.to)
    return Change(contract, call, entry, fault, look, target.order_id)


def decreased_look(
    contract: Contract,
    said: Mapping[str, Any],
    context: Context,
    ticket: DecreaseTicket | None = None,
) -> Callable[[], Flow[Sight[OrderAck]]]:
    """Build the look for a decrease; `ticket` repeats it, as an absolute size, if not done."""

    def look() -> Flow[Sight[OrderAck]]:
        order = yield from read_order(
            contract, said["order_id"], context, ticker=said.get("ticker")
        )
        if order is None:
            return Unclear()
        if said.get("to") is not None:
            return _reduced_to(contract, ticket, order, Decimal(said["to"]))
        if said.get("total") is None:
            return Unclear()
        by, total = Decimal(said["by"]), Decimal(said["total"])
        return _reduced_by(contract, ticket, order, by, total)

    return look


def _reduced_to(
    contract: Contract, ticket: DecreaseTicket | None, order: Order, to: Decimal
) -> Sight[OrderAck]:
    if order.remaining_count <= to:
        return Accepted(journal_codec.ack_of(order))
    return NotDone(None if ticket is None else contract.orders.decrease(ticket))


def _reduced_by(
    contract: Contract, ticket: DecreaseTicket | None, order: Order, by: Decimal, total: Decimal
) -> Sight[OrderAck]:
    """Compare with what the order was: fills keep the total, the decrease lowers it by `by`."""
    if order.status == "canceled":
        return Rejected(over("orders.decrease", order))
    if _total(order) == total - by:
        return Accepted(journal_codec.ack_of(order))
    if _total(order) != total:
        return Unclear()
    rest = max(order.remaining_count - by, Decimal(0))
    try:
        call = (
            None if ticket is None else contract.orders.decrease(evolve(ticket, by=None, to=rest))
        )
    except Misuse:  # the classic contract knows differences only, and those are not repeated
        call = None
    # Fills since the reading may leave less than `rest` already: then that changes nothing.
    return NotDone(call, telling=rest == 0)


def decrease(contract: Contract, ticket: DecreaseTicket, context: Context) -> Flow[OrderAck]:
    """Decrease an order: down to a size, or by a difference that is never sent twice."""
    contract.orders.decrease(ticket)
    before = None
    if ticket.by is not None:
        before = yield from _before(contract, ticket.target.order_id, context)
    change = decrease_change(contract, ticket, context, before, (yield Now()))
    return (yield from carry_out(change, context))


def _before(contract: Contract, order_id: str, context: Context) -> Flow[Order]:
    """Read the order a difference is taken from: a lost answer can only be told by comparing.

    An earlier write without a verdict would make both differences untellable: it goes first.
    """
    order = yield from read_before(contract, order_id, context)
    met = yield from prior_writes.clear_the_way(
        contract, context, [order.ticker], facade="orders.decrease"
    )
    return (yield from read_before(contract, order_id, context)) if met else order
