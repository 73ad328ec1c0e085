"""Amend and decrease orders: writes of resolve.py whose probe is the order itself.

An amend names the price and the total, a decrease to a size what may remain: both are absolute,
so they may go again once proven not done, but not at once, because a delayed first copy would undo
a later change. A decrease by a difference is told only by comparing totals: the order is read
before the sending, and what goes again is the size that the difference leads to.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import partial

from attrs import evolve

from kalshi_ext.contracts.interface import Contract
from kalshi_ext.errors import NotFound, Refused
from kalshi_ext.models import Order, OrderAck
from kalshi_ext.protocol.flow import CallLimits, Context, Flow, begin_call
from kalshi_ext.protocol.limits import ALL, Deadline, Scope
from kalshi_ext.reads.lookup import (
    ENDED,
    find_ended_order,
    order_ended_error,
    read_current,
)
from kalshi_ext.reads.routing import follow, known_place, locate
from kalshi_ext.requests import AmendTicket, DecreaseTicket, Target
from kalshi_ext.values.money import EXACT
from kalshi_ext.writes import admission
from kalshi_ext.writes.outcomes import CANCEL_ANSWER, may_mean_ended
from kalshi_ext.writes.probes import amend_probe, decrease_probe, order_total
from kalshi_ext.writes.reservation import serialized, settle_prior_writes
from kalshi_ext.writes.single import Single, execute_single


def _ack_check(
    target: Target,
    *,
    price: Decimal | None = None,
    total: Decimal | None = None,
    max_remaining: Decimal | None = None,
) -> Callable[[OrderAck], str | None]:
    """Build the check of an acknowledgement: ours, and of the order as the change leaves it.

    `total` is what was filled and remains, None where it cannot be told before. An order_id is in
    every answer about the order, so what remains has to be told and to be as wanted.
    """

    def contradiction(ack: OrderAck) -> str | None:
        # Responses have described another order (documented incident of May 2026).
        if ack.order_id != target.order_id:
            return "it names another order"
        if ack.reduced_by is not None:
            return CANCEL_ANSWER
        if price is not None and ack.order is not None and ack.order.price != price:
            return f"it tells the price {ack.order.price}, not {price}"
        fills, remaining = ack.fill_count, ack.remaining_count
        if remaining is None:
            return "it does not count what the change leaves"
        if fills is None and price is not None:
            fills = Decimal(0)  # that to an amend tells fills where there are some
        if max_remaining is not None and remaining > max_remaining:
            return f"its remaining_count {remaining} is more than the {max_remaining} asked for"
        # The answer to an earlier request about this order tells how that left it.
        if total is None or fills is None:  # that to a decrease need not tell fills (documented)
            return None
        if EXACT.add(fills, remaining) != total:
            return f"it counts {fills} filled and {remaining} remaining, not {total} together"
        return None

    return contradiction


def amend(
    contract: Contract,
    ticket: AmendTicket,
    context: Context,
    *,
    deadline: Deadline | None = None,
    began: int | None = None,
) -> Flow[OrderAck]:
    """Amend an order to a price and a total count (filled and resting)."""
    contract.orders.amend(ticket)  # refuses what the contract cannot say
    ticket = evolve(ticket, target=known_place(contract, ticket.target, context))
    limits = yield from _begin(context, ticket.target, deadline, began, ticket.ticker)
    yield from admission.refuse_if_stopped(context, limits, "orders.amend")

    def attempt(target: Target) -> Flow[OrderAck]:
        single = _amend(contract, evolve(ticket, target=target), context, limits)
        ack: OrderAck = yield from execute_single(contract, context, limits, single)
        return ack

    target, facade = ticket.target, "orders.amend"
    work = partial(_execute_or_closed, contract, context, limits, target, facade, attempt)
    if context.risk is not None:
        work = partial(admission.amend, contract, ticket, context, limits, work)
    # Of two changes of one order at a time neither could be told from the other by reading.
    lock = f"order {ticket.target.order_id}"
    return (yield from serialized(lock, context, limits, facade, work))


def _amend(contract: Contract, ticket: AmendTicket, context: Context, limits: CallLimits) -> Single:
    """Describe an amend: done when the order has its price and total."""
    call, target = contract.orders.amend(ticket), ticket.target
    payload = {
        "kind": "amend",
        "ticker": ticket.ticker,
        "order_id": target.order_id,
        "price": str(ticket.price),
        "count": str(ticket.count),
        "expires": ticket.expires,
        "client_order_id": ticket.updated_client_order_id,
    }
    probe = amend_probe(contract, payload, context, limits, call)
    # `count` is the total (documented): fills only lower what remains of it.
    contradiction = _ack_check(
        target, price=ticket.price, total=ticket.count, max_remaining=ticket.count
    )
    return Single(call, payload, contradiction, probe, ticket.ticker, target.order_id)


def scopes_of(target: Target, amends: str | None = None) -> tuple[Scope, ...]:
    """Return what a stop of a change of this order may name.

    `amends` is the ticker of an amend, which a latch shuts out as it does an order.
    """
    scopes: list[Scope] = [ALL, ("order", target.order_id)]
    if amends is not None:
        scopes.append(("market", (amends, target.subaccount or 0)))
    if target.client_order_id is not None:
        scopes.append(("order", target.client_order_id))
    scopes.append(("subaccount", target.subaccount or 0))
    return tuple(scopes)


def _begin(
    context: Context,
    target: Target,
    deadline: Deadline | None,
    began: int | None = None,
    amends: str | None = None,
) -> Flow[CallLimits]:
    scopes = scopes_of(target, amends)
    begin = begin_call(context, deadline, names_price=True, scopes=scopes, began=began)
    return (yield from begin)


def decrease(
    contract: Contract,
    ticket: DecreaseTicket,
    context: Context,
    *,
    deadline: Deadline | None = None,
) -> Flow[OrderAck]:
    """Decrease an order: down to a size, or by a difference that is never sent twice."""
    contract.orders.decrease(ticket)  # refuses what the contract cannot say
    ticket = evolve(ticket, target=(yield from locate(contract, ticket.target, context)))
    limits = yield from _begin(context, ticket.target, deadline)

    def attempt(target: Target) -> Flow[OrderAck]:
        moved, before = evolve(ticket, target=target), None
        if ticket.by is not None:
            before = yield from _read_base(contract, target, context, limits)
            moved = evolve(moved, target=known_place(contract, target, context))  # of that read
        single = _decrease(contract, moved, before, context, limits)
        ack: OrderAck = yield from execute_single(contract, context, limits, single)
        return ack

    target, facade = ticket.target, "orders.decrease"
    work = partial(_execute_or_closed, contract, context, limits, target, facade, attempt)
    lock = f"order {ticket.target.order_id}"
    return (yield from serialized(lock, context, limits, facade, work))


def _decrease(
    contract: Contract,
    ticket: DecreaseTicket,
    before: Order | None,
    context: Context,
    limits: CallLimits,
) -> Single:
    """Describe a decrease: done when no more remains than wanted.

    `before` is the order that a difference is taken from, None for a decrease to a size.
    """
    call, target = contract.orders.decrease(ticket), ticket.target
    payload = {
        "kind": "decrease",
        "ticker": target.ticker,
        "order_id": target.order_id,
        "by": None if ticket.by is None else str(ticket.by),
        "to": None if ticket.to is None else str(ticket.to),
        "total": None if before is None else str(order_total(before)),
    }
    probe = decrease_probe(contract, payload, context, limits, ticket)
    ticker, total, most = target.ticker, None, ticket.to
    if before is not None and ticket.by is not None:
        ticker, total = before.ticker, order_total(before) - ticket.by
        most = max(before.remaining_count - ticket.by, Decimal(0))
    contradiction = _ack_check(target, total=total, max_remaining=most)
    return Single(call, payload, contradiction, probe, ticker, target.order_id)


def _execute_or_closed(
    contract: Contract,
    context: Context,
    limits: CallLimits,
    target: Target,
    facade: str,
    attempt: Callable[[Target], Flow[OrderAck]],
) -> Flow[OrderAck]:
    """Execute a change of an order, and once more where it rests if it was not found.

    A refusal of an order that has ended becomes OrderClosed.
    """
    refusal: Refused
    try:
        return (yield from attempt(target))
    except Refused as error:
        if error.operation == contract.orders.get(target.order_id).operation.id:
            raise  # of the read before the write
        refusal = error
    if isinstance(refusal, NotFound):  # it may live on another shard, or in another subaccount
        moved = yield from follow(contract, target, context, limits)
        if moved is not None:
            try:
                return (yield from attempt(moved))
            except Refused as error:
                refusal = error
    if not may_mean_ended(refusal):
        raise refusal
    ticker = known_place(contract, target, context).ticker
    find = find_ended_order(contract, target.order_id, ticker, refusal, context, limits)
    order = yield from find
    if order is None:
        raise refusal
    raise order_ended_error(facade, order, refusal) from refusal


def _read_base(
    contract: Contract, target: Target, context: Context, limits: CallLimits
) -> Flow[Order]:
    """Read the order that a difference is taken from, as earlier writes left it."""
    order_id = target.order_id
    order = yield from read_current(contract, order_id, context, limits, ticker=target.ticker)
    if order.status in ENDED:  # an ended order stays so, however old the read
        raise order_ended_error("orders.decrease", order)
    # With two open differences a lower total would not tell which of them was executed.
    had_prior = yield from settle_prior_writes(
        contract, context, limits, [order.ticker], facade="orders.decrease"
    )
    if not had_prior:
        return order
    return (yield from read_current(contract, order_id, context, limits, ticker=order.ticker))
