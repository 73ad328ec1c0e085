"""Reserve the ids of orders: one flow drives an id, and an id keeps the result it already has.

An id is reserved in two places. The lock keeps it from other flows of this client; the entry in the
journal, written before anything is sent, keeps it from other processes and from a later run. Where
the entry exists already its content must be the same, and it answers instead of the exchange:

    the entry found               what the order gets
    another content               DuplicateIdConflict
    acknowledged, resolved        its recorded acknowledgement, `replayed`
    refused, not_sent             reserved again: nothing of it stands
    open, nobody drives it        settled by recovery first, then as above
    open, driven elsewhere        waited for, then OutcomeUnknown
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kalshi_ext.errors import (
    DuplicateIdConflict,
    JournalUnwritable,
    KalshiError,
    Misuse,
    OutcomeUnknown,
)
from kalshi_ext.journal import Entry, JournalError, Reservation, State
from kalshi_ext.protocol.flow import Flow, Now, Record, Sleep
from kalshi_ext.requests import OrderTicket
from kalshi_ext.writes import journal_codec, prior_writes, recovery
from kalshi_ext.writes.watermark import PollSchedule

if TYPE_CHECKING:
    from kalshi_ext.writes.place import Placement, PlaceResult


def reserve(placement: Placement, operation: str, tickets: Sequence[OrderTicket]) -> Flow[None]:
    """Reserve the orders that are new, and give the others the result they already have."""
    keys = [ticket.client_order_id for ticket in tickets]
    tickers = [ticket.ticker for ticket in tickets]
    # An open entry under one of these ids does not stop the order: it is settled below.
    yield from prior_writes.settle_prior_writes(
        placement.contract, placement.context, tickers, facade="orders.place", own_keys=keys
    )
    placement.reserved_at = yield Now()
    locked = placement.context.locks.acquire(keys, placement)
    yield from _reserve_locked(
        placement, operation, [t for t in tickets if t.client_order_id in locked]
    )
    # Those that are locked elsewhere come last, so that the others do not wait for them.
    for ticket in tickets:
        if ticket.client_order_id not in locked:
            yield from _reserve_when_free(placement, operation, ticket)


def _reserve_when_free(placement: Placement, operation: str, ticket: OrderTicket) -> Flow[None]:
    """Wait for the flow of this client that drives the same id, then reserve it."""
    key, context = ticket.client_order_id, placement.context
    schedule = PollSchedule(context.policy, (yield Now()))
    while not context.locks.acquire([key], placement):
        if schedule.expired((yield Now())):
            placement.results[key] = _busy_error(operation, ticket)
            return
        yield Sleep(schedule.next_wait())
    yield from _reserve_locked(placement, operation, [ticket])


def _reserve_locked(
    placement: Placement, operation: str, tickets: Sequence[OrderTicket]
) -> Flow[None]:
    if not tickets:
        return
    # Before the journal is asked: whatever ends this flow, its entries may exist from here on.
    placement.tickets.update((ticket.client_order_id, ticket) for ticket in tickets)
    entries = [
        journal_codec.encode_order(operation, ticket, placement.reserved_at) for ticket in tickets
    ]
    reservations: list[Reservation] = yield Record("reserve_many", (entries,))
    for ticket, reserved in zip(tickets, reservations, strict=True):
        if not reserved.acquired:
            placement.results.update((yield from _result_of(placement, ticket, reserved.entry)))
        if isinstance(placement.results.get(ticket.client_order_id), OutcomeUnknown):
            placement.context.pending_writes.add(ticket.ticker, ticket.client_order_id)


def _result_of(
    placement: Placement, ticket: OrderTicket, entry: Entry
) -> Flow[dict[str, PlaceResult]]:
    try:
        return (yield from _recorded_result(placement, ticket, entry))
    except (JournalError, JournalUnwritable):
        # A failing journal says nothing about the earlier attempt, which may have been executed.
        return {ticket.client_order_id: _open_error(ticket, entry)}


def _recorded_result(
    placement: Placement, ticket: OrderTicket, entry: Entry
) -> Flow[dict[str, PlaceResult]]:
    """Return the result an id already has; empty when the order may be sent (again)."""
    key = ticket.client_order_id
    if entry.fingerprint != ticket.fingerprint():
        differs = journal_codec.ticket_differences(ticket, entry.ticket)
        return {key: _conflict_error(ticket, entry, differs)}
    entry = yield from _settle_entry(placement, entry)
    if entry.is_open:
        return {key: _open_error(ticket, entry)}
    ack = journal_codec.decode_ack(entry)
    if ack is not None:
        return {key: ack}
    if entry.state is State.RESOLVED:
        # A person said that it was not executed, or did not say what it became: nothing is sent.
        reason = "was resolved by hand as not executed: use a new id or intent"
        return {key: Misuse(f"{key} {reason}")}
    if journal_codec.ended_in_conflict(entry):
        differs = journal_codec.recorded_differences(entry)
        return {key: _conflict_error(ticket, entry, differs)}
    reopened: Reservation = yield Record("reopen", (entry.key,))
    if reopened.acquired:
        # The order may have been made at any time since its first attempt.
        placement.reserved_at = min(placement.reserved_at, entry.created_at.timestamp())
        placement.earlier_attempts[key] = entry.attempts
        placement.tried.add(key)
        return {}
    return {key: _open_error(ticket, reopened.entry)}


def _settle_entry(placement: Placement, entry: Entry) -> Flow[Entry]:
    """Find out the verdict of an entry nobody drives, or wait for a client elsewhere."""
    context = placement.context
    schedule = PollSchedule(context.policy, (yield Now()))
    while entry.is_open:
        if (yield Record("take_over", (entry.key, entry.owner))):
            yield from recovery.resolve_entries(placement.contract, context, [entry])
            settled: Entry = yield Record("get", (entry.key,))
            return settled
        if schedule.expired((yield Now())):
            return entry
        yield Sleep(schedule.next_wait())
        entry = yield Record("get", (entry.key,))
    return entry


def _busy_error(operation: str, ticket: OrderTicket) -> KalshiError:
    return OutcomeUnknown(
        f"orders.place: another call is still busy with {ticket.client_order_id}",
        operation=operation,
        client_order_id=ticket.client_order_id,
        ticket=ticket,
    )


def _conflict_error(
    ticket: OrderTicket, entry: Entry, differs: Mapping[str, tuple[Any, Any]]
) -> KalshiError:
    name = f"intent {ticket.intent!r}" if ticket.intent else f"{ticket.client_order_id!r}"
    return DuplicateIdConflict(
        f"{name} already names another order of {entry.created_at:%Y-%m-%d %H:%M:%S} UTC",
        client_order_id=ticket.client_order_id,
        differs=differs,
    )


def _open_error(ticket: OrderTicket, entry: Entry) -> KalshiError:
    return OutcomeUnknown(
        f"orders.place: {entry.key} has no verdict yet (state {entry.state})",
        operation=entry.operation,
        client_order_id=ticket.client_order_id,
        ticket=ticket,
    )
