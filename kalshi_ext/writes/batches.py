"""Match the entries of a batch's answer to what was asked, and refuse to believe wrong ones."""

from __future__ import annotations

from collections.abc import Sequence

from kalshi_ext.calls import Operation
from kalshi_ext.errors import DuplicateOrder, OutcomeUnknown, Refused
from kalshi_ext.models import OrderAck
from kalshi_ext.tickets import OrderTicket
from kalshi_ext.writes.belief import fault
from kalshi_ext.writes.verdicts import Accepted, Rejected, Unproven, Verdict, proves


def match_up(
    operation: Operation, tickets: Sequence[OrderTicket], entries: Sequence[OrderAck | Refused]
) -> dict[str, Verdict[OrderAck]]:
    """Give each ticket the verdict of its entry; the order of entries is not documented.

    Entries are matched by client_order_id. A single entry without one belongs to a single
    ticket. Refusals without an id are matched only where every ticket left over has one, so that
    none can be taken for another order's acceptance. What has no entry is unproven.
    """
    named = [entry.client_order_id for entry in entries if entry.client_order_id]
    by_id = {entry.client_order_id: entry for entry in entries if entry.client_order_id}
    nameless = [entry for entry in entries if not entry.client_order_id]
    verdicts: dict[str, Verdict[OrderAck]] = {}
    left: list[OrderTicket] = []
    for ticket in tickets:
        entry = by_id.get(ticket.client_order_id)
        if entry is None:
            left.append(ticket)
        elif named.count(ticket.client_order_id) > 1:  # two answers to one question
            verdicts[ticket.client_order_id] = Unproven(_missing(operation, ticket))
        else:
            verdicts[ticket.client_order_id] = _verdict(operation, ticket, entry)
    verdicts.update(_nameless(operation, left, nameless, alone=len(tickets) == len(entries) == 1))
    return verdicts


def _nameless(
    operation: Operation,
    tickets: Sequence[OrderTicket],
    entries: Sequence[OrderAck | Refused],
    *,
    alone: bool,
) -> dict[str, Verdict[OrderAck]]:
    refused = all(isinstance(entry, Refused) and proves(entry) for entry in entries)
    if len(tickets) == len(entries) and (alone or refused):
        pairs = zip(tickets, entries, strict=True)
        return {t.client_order_id: _verdict(operation, t, entry) for t, entry in pairs}
    return {t.client_order_id: Unproven(_missing(operation, t)) for t in tickets}


def _verdict(
    operation: Operation, ticket: OrderTicket, entry: OrderAck | Refused
) -> Verdict[OrderAck]:
    if isinstance(entry, DuplicateOrder):
        return Unproven(entry, exists=True)
    if isinstance(entry, Refused):
        return Rejected(entry) if proves(entry) else Unproven(entry)
    wrong = fault(ticket, entry)
    return Accepted(entry) if wrong is None else Unproven(_unbelievable(operation, ticket, wrong))


def _unbelievable(operation: Operation, ticket: OrderTicket, wrong: str) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"{operation.facade}: the acknowledgement was not believed: {wrong}",
        operation=operation.id,
        client_order_id=ticket.client_order_id,
        ticket=ticket,
    )


def _missing(operation: Operation, ticket: OrderTicket) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"{operation.facade}: the answer has no entry for {ticket.client_order_id}",
        operation=operation.id,
        client_order_id=ticket.client_order_id,
        ticket=ticket,
    )
