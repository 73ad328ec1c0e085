"""Claim writes in the journal: who drives an order, and what an earlier call already knows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

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


def reserve(placing: Placement, operation: str, tickets: Sequence[OrderTicket]) -> Flow[None]:
    """Take the orders that are new, and give the others the outcome they already have."""
    keys = [ticket.client_order_id for ticket in tickets]
    tickers = [ticket.ticker for ticket in tickets]
    yield from prior_writes.settle_prior_writes(
        placing.contract, placing.context, tickers, facade="orders.place", own=keys
    )
    placing.reserved_at = yield Now()
    mine = placing.context.locks.acquire(keys, placing)
    yield from _reserve(placing, operation, [t for t in tickets if t.client_order_id in mine])
    for ticket in tickets:
        if ticket.client_order_id not in mine:
            yield from _reserve_after(placing, operation, ticket)


def _reserve_after(placing: Placement, operation: str, ticket: OrderTicket) -> Flow[None]:
    """Wait for the flow of this client that drives the same id, then claim it."""
    key, context = ticket.client_order_id, placing.context
    patience = PollSchedule(context.policy, (yield Now()))
    while not context.locks.acquire([key], placing):
        if patience.expired((yield Now())):
            placing.outcomes[key] = _busy_error(operation, ticket)
            return
        yield Sleep(patience.next_wait())
    yield from _reserve(placing, operation, [ticket])


def _reserve(placing: Placement, operation: str, tickets: Sequence[OrderTicket]) -> Flow[None]:
    if not tickets:
        return
    # From here on they are this flow's, whatever ends it.
    placing.tickets.update((ticket.client_order_id, ticket) for ticket in tickets)
    entries = [
        journal_codec.encode_order(operation, ticket, placing.reserved_at) for ticket in tickets
    ]
    claimed: list[Reservation] = yield Record("reserve_many", (entries,))
    for ticket, found in zip(tickets, claimed, strict=True):
        if not found.acquired:
            placing.outcomes.update((yield from _outcome_of(placing, ticket, found.entry)))
        if isinstance(placing.outcomes.get(ticket.client_order_id), OutcomeUnknown):
            placing.context.pending_writes.add(ticket.ticker, ticket.client_order_id)


def _outcome_of(
    placing: Placement, ticket: OrderTicket, entry: Entry
) -> Flow[dict[str, PlaceResult]]:
    try:
        return (yield from _recorded_outcome(placing, ticket, entry))
    except (JournalError, JournalUnwritable):  # which says nothing about the earlier attempt
        return {ticket.client_order_id: _open_error(ticket, entry)}


def _recorded_outcome(
    placing: Placement, ticket: OrderTicket, entry: Entry
) -> Flow[dict[str, PlaceResult]]:
    """Return the outcome an id already has; nothing when it is ours to send (again)."""
    key = ticket.client_order_id
    if entry.fingerprint != ticket.fingerprint():
        return {key: _conflict_error(ticket, entry)}
    entry = yield from _settled_entry(placing, entry)
    if entry.is_open:
        return {key: _open_error(ticket, entry)}
    ack = journal_codec.decode_ack(entry)
    if ack is not None:
        return {key: ack}
    if entry.state is State.RESOLVED:
        said = "was resolved by hand as not executed: use a new id or intent"
        return {key: Misuse(f"{key} {said}")}
    if journal_codec.ended_in_conflict(entry):
        return {key: _conflict_error(ticket, entry)}
    reopened: Reservation = yield Record("reopen", (entry.key,))
    if reopened.acquired:
        placing.reserved_at = min(placing.reserved_at, entry.created_at.timestamp())
        placing.earlier_attempts[key] = entry.attempts
        return {}
    return {key: _open_error(ticket, reopened.entry)}


def _settled_entry(placing: Placement, entry: Entry) -> Flow[Entry]:
    """Find out the verdict of an entry nobody drives, or wait for a client elsewhere."""
    context = placing.context
    patience = PollSchedule(context.policy, (yield Now()))
    while entry.is_open:
        if (yield Record("take_over", (entry.key, entry.owner))):
            yield from recovery.resolve(placing.contract, context, [entry])
            settled: Entry = yield Record("get", (entry.key,))
            return settled
        if patience.expired((yield Now())):
            return entry
        yield Sleep(patience.next_wait())
        entry = yield Record("get", (entry.key,))
    return entry


def _busy_error(operation: str, ticket: OrderTicket) -> KalshiError:
    return OutcomeUnknown(
        f"orders.place: another call is still busy with {ticket.client_order_id}",
        operation=operation,
        client_order_id=ticket.client_order_id,
        ticket=ticket,
    )


def _conflict_error(ticket: OrderTicket, entry: Entry) -> KalshiError:
    name = f"intent {ticket.intent!r}" if ticket.intent else f"{ticket.client_order_id!r}"
    return DuplicateIdConflict(
        f"{name} already names another order of {entry.created_at:%Y-%m-%d %H:%M:%S} UTC",
        client_order_id=ticket.client_order_id,
    )


def _open_error(ticket: OrderTicket, entry: Entry) -> KalshiError:
    return OutcomeUnknown(
        f"orders.place: {entry.key} has no verdict yet (state {entry.state})",
        operation=entry.operation,
        client_order_id=ticket.client_order_id,
        ticket=ticket,
    )
