"""Amend and decrease orders: writes of resolve.py whose probe is the order itself.

An amend names the price and the total, a decrease to a size what may remain: both are absolute,
so they may go again once proven not done, but not at once, because a delayed first copy would undo
a later change. A decrease by a difference is told only by comparing totals: the order is read
before the sending, and what goes again is the size that the difference leads to.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from kalshi_ext.contracts.interface import Contract
from kalshi_ext.errors import Refused
from kalshi_ext.models import Order, OrderAck
from kalshi_ext.protocol.flow import Context, Flow, Now
from kalshi_ext.requests import AmendTicket, DecreaseTicket, Target
from kalshi_ext.writes import prior_writes
from kalshi_ext.writes.lookup import (
    ENDED,
    find_ended_order,
    may_mean_ended,
    order_ended_error,
    read_current,
)
from kalshi_ext.writes.outcomes import CANCEL_ANSWER
from kalshi_ext.writes.probes import amend_probe, decrease_probe, order_total
from kalshi_ext.writes.resolve import Write, execute, new_entry


def _ack_check(
    target: Target, max_remaining: Decimal | None = None
) -> Callable[[OrderAck], str | None]:
    """Build the check of an acknowledgement: ours, and no more remaining than can be."""

    def contradiction(ack: OrderAck) -> str | None:
        # Responses have described another order (documented incident of May 2026).
        if ack.order_id != target.order_id:
            return "it names another order"
        if ack.reduced_by is not None:
            return CANCEL_ANSWER
        remaining = ack.remaining_count
        if max_remaining is not None and remaining is not None and remaining > max_remaining:
            return f"its remaining_count {remaining} is more than the {max_remaining} asked for"
        return None

    return contradiction


def amend(contract: Contract, ticket: AmendTicket, context: Context) -> Flow[OrderAck]:
    """Amend an order to a price and a total count (filled and resting)."""
    write = amend_write(contract, ticket, context, (yield Now()))
    return (yield from _execute_or_closed(write, ticket.ticker, context))


def amend_write(
    contract: Contract, ticket: AmendTicket, context: Context, now: float
) -> Write[OrderAck]:
    """Describe an amend: done when the order has the wanted price and total."""
    call = contract.orders.amend(ticket)
    target = ticket.target
    payload = {
        "kind": "amend",
        "ticker": ticket.ticker,
        "order_id": target.order_id,
        "price": str(ticket.price),
        "count": str(ticket.count),
        "expires": ticket.expires,
        "client_order_id": ticket.updated_client_order_id,
    }
    probe = amend_probe(contract, payload, context, call)
    entry = new_entry(call, ticket.ticker, payload, now)
    # `count` is the total (documented): fills only lower what remains of it.
    contradiction = _ack_check(target, max_remaining=ticket.count)
    return Write(contract, call, entry, contradiction, probe, target.order_id)


def decrease_write(
    contract: Contract,
    ticket: DecreaseTicket,
    context: Context,
    before: Order | None,
    now: float,
) -> Write[OrderAck]:
    """Describe a decrease: done when no more remains than wanted.

    `before` is the order that a difference is taken from, None for a decrease to a size.
    """
    call = contract.orders.decrease(ticket)
    target = ticket.target
    payload = {
        "kind": "decrease",
        "ticker": target.ticker,
        "order_id": target.order_id,
        "by": None if ticket.by is None else str(ticket.by),
        "to": None if ticket.to is None else str(ticket.to),
        "total": None if before is None else str(order_total(before)),
    }
    probe = decrease_probe(contract, payload, context, ticket)
    ticker = target.ticker if before is None else before.ticker
    entry = new_entry(call, ticker, payload, now)
    contradiction = _ack_check(target, max_remaining=ticket.to)
    return Write(contract, call, entry, contradiction, probe, target.order_id)


def decrease(contract: Contract, ticket: DecreaseTicket, context: Context) -> Flow[OrderAck]:
    """Decrease an order: down to a size, or by a difference that is never sent twice."""
    contract.orders.decrease(ticket)  # refuses what the contract cannot say before anything is read
    before = None
    if ticket.by is not None:
        before = yield from _read_base(contract, ticket.target.order_id, context)
    write = decrease_write(contract, ticket, context, before, (yield Now()))
    return (yield from _execute_or_closed(write, write.entry.ticker, context))


def _execute_or_closed(
    write: Write[OrderAck], ticker: str | None, context: Context
) -> Flow[OrderAck]:
    """Execute a change of an order. A refusal of an order that has ended becomes OrderClosed."""
    try:
        return (yield from execute(write, context))
    except Refused as error:
        if write.order_id is None or not may_mean_ended(error):
            raise
        find = find_ended_order(write.contract, write.order_id, ticker, error, context)
        order = yield from find
        if order is None:
            raise
        raise order_ended_error(write.call.operation.facade, order, error) from error


def _read_base(contract: Contract, order_id: str, context: Context) -> Flow[Order]:
    """Read the order that a difference is taken from, as earlier writes left it."""
    order = yield from read_current(contract, order_id, context)
    if order.status in ENDED:  # an ended order stays so, however old the read
        raise order_ended_error("orders.decrease", order)
    # With two open differences a lower total would not tell which of them was executed.
    had_prior = yield from prior_writes.settle_prior_writes(
        contract, context, [order.ticker], facade="orders.decrease"
    )
    return (yield from read_current(contract, order_id, context)) if had_prior else order
