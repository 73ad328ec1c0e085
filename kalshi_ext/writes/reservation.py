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
from kalshi_ext.journal import Claimed, Entry, JournalError, State
from kalshi_ext.protocol.flow import Flow, Now, Record, Sleep
from kalshi_ext.requests import OrderTicket
from kalshi_ext.writes import journal_codec, prior_writes, recovery
from kalshi_ext.writes.watermark import Patience

if TYPE_CHECKING:
    from kalshi_ext.writes.place import Outcome, Placing


def claim(placing: Placing, operation: str, tickets: Sequence[OrderTicket]) -> Flow[None]:
    """Take the orders that are new, and give the others the outcome they already have."""
    keys = [ticket.client_order_id for ticket in tickets]
    tickers = [ticket.ticker for ticket in tickets]
    yield from prior_writes.clear_the_way(
        placing.contract, placing.context, tickers, facade="orders.place", own=keys
    )
    placing.since = yield Now()
    mine = placing.context.in_flight.take(keys, placing)
    yield from _claim(placing, operation, [t for t in tickets if t.client_order_id in mine])
    for ticket in tickets:
        if ticket.client_order_id not in mine:
            yield from _take_turn(placing, operation, ticket)


def _take_turn(placing: Placing, operation: str, ticket: OrderTicket) -> Flow[None]:
    """Wait for the flow of this client that drives the same id, then claim it."""
    key, context = ticket.client_order_id, placing.context
    patience = Patience(context.policy, (yield Now()))
    while not context.in_flight.take([key], placing):
        if patience.over((yield Now())):
            placing.outcomes[key] = _driven(operation, ticket)
            return
        yield Sleep(patience.wait())
    yield from _claim(placing, operation, [ticket])


def _claim(placing: Placing, operation: str, tickets: Sequence[OrderTicket]) -> Flow[None]:
    if not tickets:
        return
    # From here on they are this flow's, whatever ends it.
    placing.tickets.update((ticket.client_order_id, ticket) for ticket in tickets)
    entries = [journal_codec.order_entry(operation, ticket, placing.since) for ticket in tickets]
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
    ack = journal_codec.recorded_ack(entry)
    if ack is not None:
        return {key: ack}
    if entry.state is State.RESOLVED:
        said = "was resolved by hand as not executed: use a new id or intent"
        return {key: Misuse(f"{key} {said}")}
    if journal_codec.names_another(entry):
        return {key: _conflict(ticket, entry)}
    reopened: Claimed = yield Record("reopen", (entry.key,))
    if reopened.mine:
        placing.since = min(placing.since, entry.created_at.timestamp())
        placing.before[key] = entry.attempts
        return {}
    return {key: _still_open(ticket, reopened.entry)}


def _finished(placing: Placing, entry: Entry) -> Flow[Entry]:
    """Find out the verdict of an entry nobody drives, or wait for a client elsewhere."""
    context = placing.context
    patience = Patience(context.policy, (yield Now()))
    while entry.is_open:
        if (yield Record("take_over", (entry.key, entry.owner))):
            yield from recovery.resolve(placing.contract, context, [entry])
            settled: Entry = yield Record("get", (entry.key,))
            return settled
        if patience.over((yield Now())):
            return entry
        yield Sleep(patience.wait())
        entry = yield Record("get", (entry.key,))
    return entry


def _driven(operation: str, ticket: OrderTicket) -> KalshiError:
    return OutcomeUnknown(
        f"orders.place: another call is still busy with {ticket.client_order_id}",
        operation=operation,
        client_order_id=ticket.client_order_id,
        ticket=ticket,
    )


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
