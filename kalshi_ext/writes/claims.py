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
from kalshi_ext.flow import Flow, Now, Record, Sleep
from kalshi_ext.journal import Claimed, Entry, JournalError, State
from kalshi_ext.tickets import OrderTicket
from kalshi_ext.writes import records, recovery

if TYPE_CHECKING:
    from kalshi_ext.writes.placing import Outcome, Placing


def claim(placing: Placing, operation: str, tickets: Sequence[OrderTicket]) -> Flow[None]:
    """Take the orders that are new, and give the others the outcome they already have."""
    try:
        yield from recovery.clear_the_way(placing.contract, placing.context, tickets)
    except JournalError as error:  # nothing of these orders was sent
        raise JournalUnwritable(f"orders.place: {error.args[0]}") from error
    placing.since = yield Now()
    keys = [ticket.client_order_id for ticket in tickets]
    mine = placing.context.in_flight.take(keys)
    # From here on the caller's `finally` lets go of what is in `tickets`.
    placing.tickets.update((t.client_order_id, t) for t in tickets if t.client_order_id in mine)
    entries = [records.order_entry(operation, ticket, placing.since) for ticket in tickets]
    claimed: list[Claimed] = yield Record("claim_many", (entries,))
    for ticket, found in zip(tickets, claimed, strict=True):
        if not found.mine:
            placing.outcomes.update((yield from _looked_up(placing, ticket, found.entry)))
        if isinstance(placing.outcomes.get(ticket.client_order_id), OutcomeUnknown):
            placing.context.unsettled.add(ticket.ticker, ticket.client_order_id)


def _looked_up(placing: Placing, ticket: OrderTicket, entry: Entry) -> Flow[dict[str, Outcome]]:
    try:
        return (yield from _known(placing, ticket, entry))
    except (JournalError, JournalUnwritable):  # which says nothing about the earlier attempt
        return {ticket.client_order_id: _still_open(ticket, entry)}


def _known(placing: Placing, ticket: OrderTicket, entry: Entry) -> Flow[dict[str, Outcome]]:
    """Return the outcome an id already has; nothing when it is ours to send (again)."""
    key = ticket.client_order_id
    if entry.fingerprint != ticket.fingerprint():
        return {key: _conflict(ticket, entry)}
    entry = yield from _finished(placing, entry)
    if entry.is_open:
        return {key: _still_open(ticket, entry)}
    ack = records.recorded_ack(entry)
    if ack is not None:
        return {key: ack}
    if entry.state is State.RESOLVED:
        said = "was resolved by hand as not executed: use a new id or intent"
        return {key: Misuse(f"{key} {said}")}
    if records.names_another(entry):
        return {key: _conflict(ticket, entry)}
    reopened: Claimed = yield Record("reopen", (entry.key,))
    if reopened.mine and (key in placing.tickets or placing.context.in_flight.take([key])):
        placing.tickets[key] = ticket
        placing.since = min(placing.since, entry.created_at.timestamp())
        return {}
    return {key: _still_open(ticket, reopened.entry)}


def _finished(placing: Placing, entry: Entry) -> Flow[Entry]:
    """Wait for the verdict of whoever drives an entry, or find it out where nobody does."""
    context = placing.context
    deadline = (yield Now()) + context.policy.resolve_within
    wait = context.policy.poll
    while entry.is_open:
        others = entry.key in context.in_flight and entry.key not in placing.tickets
        if not others and (yield Record("take_over", (entry.key, entry.owner))):
            yield from recovery.resolve(placing.contract, context, [entry])
            settled: Entry = yield Record("get", (entry.key,))
            return settled
        if (yield Now()) >= deadline:
            return entry
        yield Sleep(wait)
        wait = min(wait * 2, context.policy.poll_ceiling)
        entry = yield Record("get", (entry.key,))
    return entry


def _conflict(ticket: OrderTicket, entry: Entry) -> KalshiError:
    name = f"intent {ticket.intent!r}" if ticket.intent else f"{ticket.client_order_id!r}"
    return DuplicateIdConflict(
        f"{name} already names another order of {entry.created_at:%Y-%m-%d %H:%M:%S} UTC",
        client_order_id=ticket.client_order_id,
    )


def _still_open(ticket: OrderTicket, entry: Entry) -> KalshiError:
    return OutcomeUnknown(
        f"orders.place: {entry.key} has no verdict yet (state {entry.state})",
        operation=entry.operation,
        client_order_id=ticket.client_order_id,
        ticket=ticket,
    )
