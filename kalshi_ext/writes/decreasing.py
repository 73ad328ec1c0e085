"""Decrease an order, alone among the changes in that it may be said as a difference."""

from __future__ import annotations

from kalshi_ext.contracts.language import Contract
from kalshi_ext.flow import Context, Flow, Now
from kalshi_ext.models import Order, OrderAck
from kalshi_ext.tickets import DecreaseTicket
from kalshi_ext.writes import earlier
from kalshi_ext.writes.changing import carry_out
from kalshi_ext.writes.orders import decrease_change
from kalshi_ext.writes.reading import read_before


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
    met = yield from earlier.clear_the_way(
        contract, context, [order.ticker], facade="orders.decrease"
    )
    return (yield from read_before(contract, order_id, context)) if met else order
