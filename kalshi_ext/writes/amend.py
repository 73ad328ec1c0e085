"""Amend and decrease an order, and find out what became of it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from kalshi_ext.contracts.interface import Contract
from kalshi_ext.models import Order, OrderAck
from kalshi_ext.protocol.flow import Context, Flow, Now
from kalshi_ext.requests import AmendTicket, DecreaseTicket, Target
from kalshi_ext.writes import prior_writes
from kalshi_ext.writes.lookup import read_before
from kalshi_ext.writes.probes import amended_look, decreased_look, order_total
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
        "total": None if before is None else str(order_total(before)),
    }
    look = decreased_look(contract, said, context, ticket)
    ticker = target.ticker if before is None else before.ticker
    entry = make_entry(call, ticker, said, now)
    fault = _names(target, most=ticket.to)
    return Change(contract, call, entry, fault, look, target.order_id)


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
