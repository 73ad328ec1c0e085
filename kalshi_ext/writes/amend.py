"""Amend and decrease an order, and find out what became of it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from kalshi_ext.contracts.interface import Contract
from kalshi_ext.models import Order, OrderAck
from kalshi_ext.protocol.flow import Context, Flow, Now
from kalshi_ext.requests import AmendTicket, DecreaseTicket, Target
from kalshi_ext.writes import prior_writes
from kalshi_ext.writes.lookup import read_current
from kalshi_ext.writes.probes import amend_probe, decrease_probe, order_total
from kalshi_ext.writes.resolve import Write, execute, new_entry


def _ack_check(target: Target, most: Decimal | None = None) -> Callable[[OrderAck], str | None]:
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
    change = amend_write(contract, ticket, context, (yield Now()))
    return (yield from execute(change, context))


def amend_write(
    contract: Contract, ticket: AmendTicket, context: Context, now: float
) -> Write[OrderAck]:
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
    look = amend_probe(contract, said, context, call)
    entry = new_entry(call, ticket.ticker, said, now)
    fault = _ack_check(target, most=ticket.count)
    return Write(contract, call, entry, fault, look, target.order_id)


def decrease_write(
    contract: Contract,
    ticket: DecreaseTicket,
    context: Context,
    before: Order | None,
    now: float,
) -> Write[OrderAck]:
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
    look = decrease_probe(contract, said, context, ticket)
    ticker = target.ticker if before is None else before.ticker
    entry = new_entry(call, ticker, said, now)
    fault = _ack_check(target, most=ticket.to)
    return Write(contract, call, entry, fault, look, target.order_id)


def decrease(contract: Contract, ticket: DecreaseTicket, context: Context) -> Flow[OrderAck]:
    """Decrease an order: down to a size, or by a difference that is never sent twice."""
    contract.orders.decrease(ticket)
    before = None
    if ticket.by is not None:
        before = yield from _read_base(contract, ticket.target.order_id, context)
    change = decrease_write(contract, ticket, context, before, (yield Now()))
    return (yield from execute(change, context))


def _read_base(contract: Contract, order_id: str, context: Context) -> Flow[Order]:
    """Read the order a difference is taken from: a lost answer can only be told by comparing.

    An earlier write without a verdict would make both differences untellable: it goes first.
    """
    order = yield from read_current(contract, order_id, context)
    met = yield from prior_writes.settle_prior_writes(
        contract, context, [order.ticker], facade="orders.decrease"
    )
    return (yield from read_current(contract, order_id, context)) if met else order
