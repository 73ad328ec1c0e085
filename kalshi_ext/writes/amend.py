"""Amend and decrease orders: writes of resolve.py whose probe is the order itself.

An amend names the price and the total, a decrease to a size what may remain: absolute, so they may
go again once proven not done, and no sooner, as a delayed first copy could undo a later change. A
decrease by a difference is told by comparing totals: the order is read before the sending, and what
goes again is the size that the difference leads to.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Final

from attrs import evolve

from kalshi_ext.contracts.interface import Contract
from kalshi_ext.errors import Misuse, NotFound, OutcomeUnknown, Refused
from kalshi_ext.models import Order, OrderAck
from kalshi_ext.protocol.exchange_clock import DATE_GRAIN
from kalshi_ext.protocol.flow import CallLimits, Context, Flow, begin_call
from kalshi_ext.protocol.limits import ALL, Deadline, Scope
from kalshi_ext.protocol.messages import Call
from kalshi_ext.reads.lookup import (
    ENDED,
    find_ended_order,
    order_ended_error,
    read_current,
    read_order,
)
from kalshi_ext.reads.routing import add_route, follow, locate
from kalshi_ext.requests import AmendTicket, DecreaseTicket, Target
from kalshi_ext.values.money import EXACT
from kalshi_ext.writes import admission, journal_codec
from kalshi_ext.writes.outcomes import (
    PROBES,
    Executed,
    InPlace,
    Moot,
    NotDone,
    NotExecuted,
    Probe,
    ProbeResult,
    Unclear,
    change_contradiction,
    may_mean_ended,
)
from kalshi_ext.writes.prior_writes import settle_prior_changes, settle_prior_writes
from kalshi_ext.writes.reservation import serialized
from kalshi_ext.writes.single import Single, execute_single


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
    ticket = evolve(ticket, target=add_route(contract, ticket.target, context))
    target, facade = ticket.target, "orders.amend"
    scopes = scopes_of(target, ticket.ticker)
    limits = yield from admission.begin(context, deadline, scopes, began, facade)

    def attempt(target: Target) -> Flow[OrderAck]:
        yield from settle_prior_changes(contract, context, limits, target.order_id, facade)
        moved = evolve(ticket, target=target)
        single = _amend(contract, moved, context, limits)
        return (yield from execute_single(single))  # type: ignore[no-any-return]

    work = partial(_execute_or_closed, contract, context, limits, target, facade, attempt)
    if context.risk is not None:
        work = partial(admission.amend, contract, ticket, context, limits, work)
    # Of two changes of one order at a time neither could be told from the other by reading.
    return (yield from serialized(f"order {target.order_id}", context, limits, facade, work))


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
    look = _amend_probe(contract, payload, context, limits, call)
    # `count` is the total (documented): fills only lower what remains of it.
    contradiction = partial(
        change_contradiction, target.order_id,
        price=ticket.price, total=ticket.count, max_remaining=ticket.count,
        names={"ticker": ticket.ticker, "book_side": ticket.book_side},
    )  # fmt: skip
    return Single(
        contract, context, limits, call.operation, call=call, payload=payload,
        contradiction=contradiction, look=look, ticker=ticket.ticker, order_id=target.order_id,
    )  # fmt: skip


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
    target, facade = ticket.target, "orders.decrease"
    scopes = scopes_of(target)
    limits = yield from begin_call(context, deadline, names_price=True, scopes=scopes)

    def attempt(target: Target) -> Flow[OrderAck]:
        moved, before = evolve(ticket, target=target), None
        if ticket.by is None:
            yield from settle_prior_changes(contract, context, limits, target.order_id, facade)
        else:
            before = yield from _read_base(contract, target, context, limits)
            moved = evolve(moved, target=add_route(contract, target, context))  # of that read
        single = _decrease(contract, moved, before, context, limits)
        return (yield from execute_single(single))  # type: ignore[no-any-return]

    work = partial(_execute_or_closed, contract, context, limits, target, facade, attempt)
    return (yield from serialized(f"order {target.order_id}", context, limits, facade, work))


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
        "total": None if before is None else str(_order_total(before)),
    }
    look = _decrease_probe(contract, payload, context, limits, ticket)
    ticker, total, most = target.ticker, None, ticket.to
    if before is not None and ticket.by is not None:
        ticker, total = before.ticker, _order_total(before) - ticket.by
        most = max(before.remaining_count - ticket.by, Decimal(0))
    contradiction = partial(change_contradiction, target.order_id, total=total, max_remaining=most)
    return Single(
        contract, context, limits, call.operation, call=call, payload=payload,
        contradiction=contradiction, look=look, ticker=ticker, order_id=target.order_id,
    )  # fmt: skip


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
    ticker = add_route(contract, target, context).ticker
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


def _order_probe(
    contract: Contract,
    payload: Mapping[str, Any],
    context: Context,
    limits: CallLimits,
    judge: Callable[[Order], ProbeResult[OrderAck]],
) -> Probe:
    order_id, ticker = payload["order_id"], payload.get("ticker")

    def probe() -> Flow[ProbeResult[OrderAck]]:
        order = yield from read_order(contract, order_id, context, ticker=ticker, limits=limits)
        return Unclear() if order is None else judge(order)

    return probe


def _amend_probe(
    contract: Contract,
    payload: Mapping[str, Any],
    context: Context,
    limits: CallLimits,
    call: Call[OrderAck] | None = None,
) -> Probe:
    """Build the probe of an amend; `payload` as in the journal, `call` sends it again."""
    price, total = Decimal(payload["price"]), Decimal(payload["count"])
    wanted = (price, total, payload.get("expires"), payload.get("client_order_id"))

    def judge(order: Order) -> ProbeResult[OrderAck]:
        if _is_amended(order, *wanted):
            return _in_place(order, context)
        if order.status in ENDED:
            hidden = order.status == "canceled" and order.price == price
            return _hidden(order) if hidden else _ended("orders.amend", order)
        return NotDone(call, may_go_again=call is not None)

    return _order_probe(contract, payload, context, limits, judge)


def _in_place(order: Order, context: Context) -> ProbeResult[OrderAck]:
    """Say of an order that it is as wanted, and since when it may be."""
    ack, changed = journal_codec.ack_of(order), order.updated_time
    if order.status in ENDED:  # nothing changes it any more
        return Executed(ack)
    created, own = order.created_time, context.recent_writes.changed_at(order.order_id)
    if changed is None or created is None or changed <= created:
        return InPlace(ack, None)
    # A fill dates the order too, and leaves it as wanted.
    if order.fill_count or (own is not None and changed <= own + _SAME_CHANGE):
        return InPlace(ack, None)
    # A time without a fraction may be cut to whole seconds.
    return InPlace(ack, changed.timestamp() + (0 if changed.microsecond else DATE_GRAIN))


# An answer tells milliseconds (documented), by another clock than the one that dates the order.
_SAME_CHANGE: Final = timedelta(milliseconds=100)


def _ended(facade: str, order: Order) -> NotExecuted:
    return NotExecuted(order_ended_error(facade, order))


def _hidden(order: Order) -> Moot:
    """Say that an order has ended, and that its end hides whether it was changed before."""
    why = (
        f"the order is {order.status.value} by now, {order.fill_count} contracts of it were "
        "filled, and whether it was changed before that cannot be told"
    )
    return Moot(OutcomeUnknown(why, order_id=order.order_id))


def _is_amended(
    order: Order, price: Decimal, total: Decimal, expires: int | None, new_id: str | None
) -> bool:
    """Say whether an order is as an amend wants it, in all that the amend names."""
    if order.price != price or new_id not in (None, order.client_order_id):
        return False
    # A cancelled order does not show what it would have had to fill: `count` is the size first
    # asked for, and what was filled may equal the wanted total by chance. A new id tells.
    if order.status == "canceled":
        return new_id is not None
    # None keeps the expiry, 0 removes it (documented).
    expiry = 0 if order.expiration_time is None else int(order.expiration_time.timestamp())
    return _order_total(order) == total and expires in (None, expiry)


def _order_total(order: Order) -> Decimal:
    """Return what an amend's `count` names: the contracts filled and those still resting."""
    return EXACT.add(order.fill_count, order.remaining_count)


def _decrease_probe(
    contract: Contract,
    payload: Mapping[str, Any],
    context: Context,
    limits: CallLimits,
    ticket: DecreaseTicket | None = None,
) -> Probe:
    """Build the probe of a decrease; `payload` as in the journal, `ticket` is sent again."""
    by, to, total = (_decimal_of(payload.get(name)) for name in ("by", "to", "total"))

    def judge(order: Order) -> ProbeResult[OrderAck]:
        if to is not None:
            return _judge_reduce_to(ticket, order, to, context)
        if by is None or total is None:
            return Unclear()
        return _judge_reduce_by(contract, ticket, order, by, total)

    return _order_probe(contract, payload, context, limits, judge)


def _decimal_of(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _judge_reduce_to(
    ticket: DecreaseTicket | None, order: Order, to: Decimal, context: Context
) -> ProbeResult[OrderAck]:
    # A decrease to nothing is a cancel (documented). Of any other end it cannot be told whether the
    # decrease came first.
    if order.status in ENDED and (order.status == "executed" or to > 0):
        return _hidden(order)
    if order.remaining_count <= to:
        return _in_place(order, context)
    return NotDone(may_go_again=ticket is not None)


def _judge_reduce_by(
    contract: Contract, ticket: DecreaseTicket | None, order: Order, by: Decimal, total: Decimal
) -> ProbeResult[OrderAck]:
    """Compare with `total`, read before the sending: fills keep it, the decrease takes `by` off."""
    # A cancel takes off what rests, so what was filled may equal the wanted total by chance; a
    # decrease to nothing is a cancel (documented).
    shown = order.status != "canceled" or total == by
    if shown and _order_total(order) == EXACT.subtract(total, by):
        return Executed(journal_codec.ack_of(order))
    if order.status in ENDED:
        # More was filled than the decrease would have left, so it came after; but one of more than
        # rests may take off what does, and so cancel (inferred).
        before = order.status == "executed" and order.fill_count > EXACT.subtract(total, by)
        return _ended("orders.decrease", order) if before else _hidden(order)
    if _order_total(order) != total:
        return Unclear()
    # A difference executed twice takes off twice as much: it goes again as an absolute size.
    rest = max(EXACT.subtract(order.remaining_count, by), Decimal(0))
    try:
        call = (
            None if ticket is None else contract.orders.decrease(evolve(ticket, by=None, to=rest))
        )
    except Misuse:  # the classic contract knows differences only, and those are not repeated
        call = None
    # Fills since this read may leave no more than `rest` already. The answer to that call is
    # then a success that took nothing off, so only a `rest` of 0 proves the decrease.
    return NotDone(call, conclusive=rest == 0, may_go_again=call is not None)


PROBES["amend"] = lambda contract, context, limits, entry: _amend_probe(
    contract, json.loads(entry.ticket), context, limits
)
PROBES["decrease"] = lambda contract, context, limits, entry: _decrease_probe(
    contract, json.loads(entry.ticket), context, limits
)
