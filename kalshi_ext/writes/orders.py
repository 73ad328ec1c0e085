"""Amend, decrease and cancel an order, and find out what became of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from attrs import evolve

from kalshi_ext.calls import Call
from kalshi_ext.contracts.language import Contract
from kalshi_ext.errors import KalshiError, Misuse, NotFound, OutcomeUnknown, Refused
from kalshi_ext.flow import Context, Flow, Now, ask, transmit
from kalshi_ext.models import Order, OrderAck
from kalshi_ext.pacing import CHEAP_COST
from kalshi_ext.tickets import AmendTicket, DecreaseTicket, Target
from kalshi_ext.writes import records
from kalshi_ext.writes.changing import Change, carry_out, make_entry, pause
from kalshi_ext.writes.sights import NotDone, Sight, Unclear
from kalshi_ext.writes.verdicts import Accepted, Rejected, Unproven, judge

PATIENCE = 4  # reads of an order that answers 404 or still rests: reads lag writes by seconds


def _names(target: Target) -> Any:
    def fault(ack: OrderAck) -> str | None:
        # Responses have described another order (documented incident of May 2026).
        return None if ack.order_id == target.order_id else "it names another order"

    return fault


def _read(contract: Contract, order_id: str, context: Context) -> Flow[Order | None]:
    """Read an order; None when it could not be read, which proves nothing."""
    try:
        order = yield from ask(contract.orders.get(order_id), context)
    except KalshiError:
        return None
    return order if order.order_id == order_id else None


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
        "order_id": target.order_id,
        "price": str(ticket.price),
        "count": str(ticket.count),
    }
    look = amended_look(contract, said, context, call)
    entry = make_entry(call, ticket.ticker, said, now)
    return Change(contract, call, entry, _names(target), look, target.order_id)


def amended_look(
    contract: Contract,
    said: Mapping[str, Any],
    context: Context,
    call: Call[OrderAck] | None = None,
) -> Callable[[], Flow[Sight[OrderAck]]]:
    """Build the look for an amend; `call` repeats it where it is not done."""
    price, count = Decimal(said["price"]), Decimal(said["count"])

    def look() -> Flow[Sight[OrderAck]]:
        order = yield from _read(contract, said["order_id"], context)
        if order is None:
            return Unclear()
        if order.price == price and _total(order) == count:
            return Accepted(records.ack_of(order))
        if order.status != "resting":
            return Rejected(_over("orders.amend", order))
        return NotDone(call)

    return look


def _total(order: Order) -> Decimal:
    return order.fill_count + order.remaining_count


def _over(facade: str, order: Order) -> Refused:
    return Refused(
        f"{facade}: the order {order.order_id} is {order.status.value} by now",
        order_id=order.order_id,
    )


def decrease(contract: Contract, ticket: DecreaseTicket, context: Context) -> Flow[OrderAck]:
    """Decrease an order: down to a size, or by a difference that is never sent twice."""
    contract.orders.decrease(ticket)
    before = None
    if ticket.by is not None:
        # A lost answer to a difference can only be told from what the order was before.
        before = yield from _read_before(contract, ticket.target.order_id, context)
    change = decrease_change(contract, ticket, context, before, (yield Now()))
    return (yield from carry_out(change, context))


def _read_before(contract: Contract, order_id: str, context: Context) -> Flow[Order]:
    """Read an order that must exist; it may take a moment to appear (reads lag)."""
    for attempt in range(PATIENCE):
        order = yield from _read(contract, order_id, context)
        if order is not None:
            return order
        yield from pause(context, attempt)
    return (yield from ask(contract.orders.get(order_id), context))


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
        "order_id": target.order_id,
        "by": None if ticket.by is None else str(ticket.by),
        "to": None if ticket.to is None else str(ticket.to),
        "total": None if before is None else str(_total(before)),
    }
    look = decreased_look(contract, said, context, ticket)
    entry = make_entry(call, target.ticker, said, now)
    return Change(contract, call, entry, _names(target), look, target.order_id)


def decreased_look(
    contract: Contract,
    said: Mapping[str, Any],
    context: Context,
    ticket: DecreaseTicket | None = None,
) -> Callable[[], Flow[Sight[OrderAck]]]:
    """Build the look for a decrease; `ticket` repeats it, as an absolute size, if not done."""

    def look() -> Flow[Sight[OrderAck]]:
        order = yield from _read(contract, said["order_id"], context)
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
        return Accepted(records.ack_of(order))
    return NotDone(None if ticket is None else contract.orders.decrease(ticket))


def _reduced_by(
    contract: Contract, ticket: DecreaseTicket | None, order: Order, by: Decimal, total: Decimal
) -> Sight[OrderAck]:
    """Compare with what the order was: fills keep the total, the decrease lowers it by `by`."""
    if order.status == "canceled":
        return Unclear()
    if _total(order) == total - by:
        return Accepted(records.ack_of(order))
    if _total(order) != total:
        return Unclear()
    rest = max(order.remaining_count - by, Decimal(0))
    try:
        call = (
            None if ticket is None else contract.orders.decrease(evolve(ticket, by=None, to=rest))
        )
    except Misuse:  # the classic contract knows differences only, and those are not repeated
        call = None
    return NotDone(call)


def cancel(contract: Contract, target: Target, context: Context) -> Flow[OrderAck]:
    """Cancel an order. Not journalled: it may be repeated, and must not wait for a disk."""
    call = contract.orders.cancel(target)
    outcome = yield from transmit(call, context, cost=CHEAP_COST)
    verdict = judge(call, outcome, context, order_id=target.order_id)
    if isinstance(verdict, Accepted) and verdict.value.order_id == target.order_id:
        return verdict.value
    if isinstance(verdict, Rejected) and not isinstance(verdict.error, NotFound):
        raise verdict.error
    error = verdict.error if isinstance(verdict, Rejected | Unproven) else None
    return (yield from _cancelled_or(contract, target, error, context))


def _cancelled_or(
    contract: Contract, target: Target, error: KalshiError | None, context: Context
) -> Flow[OrderAck]:
    """Read what the order is; where it still rests, cancel it where it lives."""
    for attempt in range(PATIENCE):
        order = yield from _read(contract, target.order_id, context)
        if order is not None and order.status == "canceled":
            return records.ack_of(order)
        if order is not None and order.status == "executed":
            raise _over("orders.cancel", order) from error
        if order is not None:
            found = yield from _cancel_found(contract, target, order, context)
            if found is not None:
                return found
        yield from pause(context, attempt)
    raise error or _unread(contract.orders.cancel(target), target)


def _cancel_found(
    contract: Contract, target: Target, order: Order, context: Context
) -> Flow[OrderAck | None]:
    """Cancel an order that rests, with the ticker and shard it says: a bare id misses shards."""
    known = target
    if contract.has_watermark:
        known = evolve(target, ticker=order.ticker, exchange_index=order.exchange_index)
    call = contract.orders.cancel(known)
    outcome = yield from transmit(call, context, cost=CHEAP_COST)
    verdict = judge(call, outcome, context, order_id=target.order_id)
    if isinstance(verdict, Accepted) and verdict.value.order_id == target.order_id:
        return verdict.value
    return None


def _unread(call: Call[Any], target: Target) -> KalshiError:
    return OutcomeUnknown(
        f"{call.operation.facade}: the answer named another order and {target.order_id} "
        "could not be read",
        operation=call.operation.id,
        order_id=target.order_id,
    )


def cancel_many(
    contract: Contract, targets: Sequence[Target], context: Context
) -> Flow[list[OrderAck | KalshiError]]:
    """Cancel orders in one request; what it left open is cancelled or looked up one by one."""
    call = contract.orders.cancel_many(targets)
    outcome = yield from transmit(call, context, cost=CHEAP_COST * len(targets))
    verdict = judge(call, outcome, context)
    if isinstance(verdict, Rejected):
        raise verdict.error
    entries = verdict.value if isinstance(verdict, Accepted) else []
    by_id = {entry.order_id: entry for entry in entries if entry.order_id}
    results: list[OrderAck | KalshiError] = []
    for target in targets:
        entry = by_id.get(target.order_id)
        if entry is None or isinstance(entry, NotFound) or _not_found(entry):
            results.append((yield from _caught(contract, target, context)))
        else:
            results.append(entry)
    return results


def _not_found(entry: OrderAck | Refused) -> bool:
    return isinstance(entry, Refused) and entry.code == "not_found"


def _caught(contract: Contract, target: Target, context: Context) -> Flow[OrderAck | KalshiError]:
    try:
        return (yield from cancel(contract, target, context))
    except KalshiError as error:
        return error
