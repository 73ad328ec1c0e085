"""Orders as a write of resolve.py: what is judged, looked for and recorded of each of a batch."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TypeAlias

from kalshi_ext.contracts.interface import Contract
from kalshi_ext.errors import (
    ABSENT_ADVICE,
    DuplicateIdConflict,
    DuplicateOrder,
    KalshiError,
    NotSent,
    OutcomeUnknown,
    Refused,
)
from kalshi_ext.journal import State, Transition
from kalshi_ext.models import OrderAck
from kalshi_ext.protocol.flow import CallLimits, Context, Flow, Monotonic, Now
from kalshi_ext.protocol.messages import Call, Lost, Operation, Reply
from kalshi_ext.requests import OrderTicket
from kalshi_ext.writes import journal_codec
from kalshi_ext.writes.lookup import look_up_orders
from kalshi_ext.writes.outcomes import (
    Executed,
    NotDone,
    NotExecuted,
    ProbeResult,
    Recordable,
    Unclear,
    Unknown,
    WriteOutcome,
    judge,
    match_entries,
    match_found_order,
)
from kalshi_ext.writes.resolve import Progress, Reading, Write

Batch: TypeAlias = Call[list[OrderAck | Refused]]
Tickets: TypeAlias = Mapping[str, OrderTicket]


def order_write(
    contract: Contract,
    tickets: Tickets,
    context: Context,
    limits: CallLimits,
    operation: Operation,
) -> Write[OrderAck]:
    """Describe orders, by client_order_id, as a write; `build` is given where they are sent."""

    def build(_: Sequence[str]) -> Batch:
        raise AssertionError("recovery sends nothing")

    write = Write[OrderAck](
        contract,
        context,
        limits,
        operation,
        build,
        partial(_judge_orders, tickets, context),
        lambda keys, reading: _probe(write, tickets, keys, reading),
        partial(_transition, context),
        lambda key, reason: not_executed_error(tickets[key], reason, operation),
        lambda key, error: unknown_error(tickets[key], error),
        names_one=True,
    )
    return write


def _judge_orders(
    tickets: Tickets, context: Context, call: Batch, keys: Sequence[str], response: Reply | Lost
) -> Mapping[str, WriteOutcome[OrderAck]]:
    if len(keys) == 1:
        ticket = tickets[keys[0]]
        identifiers = {"client_order_id": ticket.client_order_id, "ticket": ticket}
        whole = judge(call, response, context, **identifiers)
    else:
        whole = judge(call, response, context)
    if isinstance(whole, Executed):
        return match_entries(call.operation, [tickets[key] for key in keys], whole.value)
    return dict.fromkeys(keys, whole)


def _transition(
    context: Context, progress: Progress[OrderAck], outcome: Recordable[OrderAck]
) -> Transition:
    key, tries = progress.key, journal_codec.tries(progress, context)
    if isinstance(outcome, Executed):
        ack = outcome.value
        state = State.RESOLVED if ack.replayed else State.ACKNOWLEDGED
        verdict = journal_codec.encode_ack(ack)
        return Transition(key, state, order_id=ack.order_id, verdict=verdict, **tries)
    if not isinstance(outcome, Unknown):
        text = journal_codec.encode_error(outcome.error)
        return Transition(key, journal_codec.final_state(outcome.error), verdict=text, **tries)
    # Kept, so that recovery will not call it absent either.
    exists = outcome.key_taken and progress.tried
    seen = journal_codec.KEY_EXISTS if exists else None
    return Transition(key, State.UNKNOWN, verdict=seen, **tries)


def _probe(
    write: Write[OrderAck], tickets: Tickets, keys: Sequence[str], reading: Reading
) -> Flow[Mapping[str, ProbeResult[OrderAck]]]:
    """Look once for orders whose answer proved nothing."""
    since = yield from _since(write, [write.progress[key] for key in keys])
    orders, absent = yield from look_up_orders(
        write.contract,
        {key: tickets[key] for key in keys},
        write.context,
        write.limits,
        since=since,
        thorough=bool(reading.expired),
    )
    results: dict[str, ProbeResult[OrderAck]] = {}
    for key in keys:
        if (order := orders.get(key)) is not None:
            results[key] = yield from match_found_order(write.contract, tickets[key], order)
        else:
            gone = key in absent and key in reading.expired
            results[key] = _judge_absent(write.progress[key], tickets[key]) if gone else Unclear()
    return results


def _since(write: Write[OrderAck], wanted: Sequence[Progress[OrderAck]]) -> Flow[float]:
    """Return the exchange's time before which none of these orders can have been made."""
    # An id that is taken may have been taken at any time.
    if any(each.unknown is not None and each.unknown.key_taken for each in wanted):
        return 0.0
    known = [each.since for each in wanted if each.since is not None]
    now: float = yield Monotonic()
    exchange_time = write.context.exchange_clock.at(now)
    if len(known) == len(wanted):
        return min(known)
    if exchange_time is None:
        return 0.0
    # Whichever clock went further, and whichever is earlier: neither a step of this machine's clock
    # nor a Date that is ahead may do more than widen the search.
    started, started_wall = write.began
    wall: float = yield Now()
    mapped = exchange_time - max(now - started, wall - started_wall)
    return min([mapped, started_wall, *known])


def _judge_absent(progress: Progress[OrderAck], ticket: OrderTicket) -> ProbeResult[OrderAck]:
    unknown = progress.unknown
    if unknown is None or not unknown.key_taken:
        return NotDone()
    if progress.tried:
        # That an id exists after an attempt of ours is evidence for our order, and a list that
        # does not show it is none against it: an order may be anywhere.
        return unknown
    # Nobody but somebody else can have used it. Sent again it would be refused again.
    return NotExecuted(id_taken_error(ticket))


def not_executed_error(ticket: OrderTicket, reason: str, operation: Operation) -> NotSent:
    """Build the error of an order that is proven absent for good."""
    key = ticket.client_order_id
    return NotSent(
        f"{operation.facade}: the order {key} was sent and is proven absent: {reason}",
        client_order_id=key,
        operation=operation.id,
        advice=ABSENT_ADVICE,
    )


def id_taken_error(ticket: OrderTicket) -> DuplicateIdConflict:
    """Build the error of an id that is taken, while this ticker never had its order."""
    key = ticket.client_order_id
    return DuplicateIdConflict(
        f"client_order_id {key!r} is taken at the exchange, by no order of {ticket.ticker}",
        client_order_id=key,
    )


def unknown_error(ticket: OrderTicket, error: KalshiError) -> OutcomeUnknown:
    """Return the error of an order whose outcome could not be found out in time."""
    if isinstance(error, OutcomeUnknown):
        # The orders of a batch share one error: each gets a copy with its own id.
        own = copy.copy(error)
        own.client_order_id, own.ticket = ticket.client_order_id, ticket
        return own
    why = "the exchange says this client_order_id exists, but its order was not seen"
    reason = why if isinstance(error, DuplicateOrder) else str(error.args[0])
    return OutcomeUnknown(
        f"orders.place: {reason}",
        operation=error.__dict__.get("operation"),
        client_order_id=ticket.client_order_id,
        ticket=ticket,
    )
