"""What one transmission of a write proved. Every write ends in one of four verdicts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Generic, TypeAlias, TypeVar

from attrs import frozen

from kalshi_ext.errors import (
    Conflict,
    DuplicateIdConflict,
    DuplicateOrder,
    KalshiError,
    NotSent,
    OutcomeUnknown,
    Refused,
    TransferAlreadyApplied,
)
from kalshi_ext.models import Order, OrderAck
from kalshi_ext.protocol.flow import Context, conclude, lost_error
from kalshi_ext.protocol.messages import Call, Lost, Operation, Repeat, Reply
from kalshi_ext.requests import OrderTicket
from kalshi_ext.writes import journal_codec
from kalshi_ext.writes.watermark import SKEW

T = TypeVar("T")

_NO_PROOF = re.compile(
    "internal|unavailable|timeout|timed_out|deadline|exist|duplicate", re.IGNORECASE
)


@frozen
class Accepted(Generic[T]):
    """The exchange said yes."""

    value: T


@frozen
class Rejected:
    """Nothing stands: the exchange said no, or no byte left."""

    error: KalshiError


@frozen
class Unproven:
    """It may or may not have been executed. `exists` when the exchange says its key is taken."""

    error: KalshiError
    exists: bool = False


Verdict: TypeAlias = Accepted[T] | Rejected | Unproven


def judge(call: Call[T], outcome: Reply | Lost, context: Context, **known: Any) -> Verdict[T]:
    """Say what an outcome proves about the write it answers."""
    if isinstance(outcome, Lost):
        error = lost_error(call.operation, outcome, **known)
        return Rejected(error) if isinstance(error, NotSent) else Unproven(error)
    try:
        return Accepted(conclude(call, outcome, context))
    except OutcomeUnknown as error:
        error.__dict__.update(known)
        return Unproven(error)
    except (DuplicateOrder, TransferAlreadyApplied) as error:
        return Unproven(error, exists=True)
    except Refused as error:
        error.__dict__.update(known)
        return Unproven(error) if _may_mean_taken(call, error) else Rejected(error)


def _may_mean_taken(call: Call[Any], error: Refused) -> bool:
    """Say whether a 409 may be the one that says the key is taken, under a code not known."""
    unknown = type(error) is Conflict
    return unknown and (error.code is None or call.operation.repeat is Repeat.KEYED)


def proves(error: Refused) -> bool:
    """Say whether the refusal of a batch's entry proves that the entry was not executed.

    An entry has no status of its own: without a code, or with one that tells of a failing server
    or of a key that is taken, it proves nothing.
    """
    return error.code is not None and not _NO_PROOF.search(error.code)


def fault(ticket: OrderTicket, ack: OrderAck) -> str | None:
    """Say what cannot be true of an acknowledgement of ours; None when it may be believed."""
    if ack.order is not None and ack.order.ticker != ticket.ticker:
        return "it names another ticker"
    for name in ("fill_count", "remaining_count"):
        value = getattr(ack, name)
        if value is not None and not 0 <= value <= ticket.count:
            return f"its {name} {value} cannot be of an order over {ticket.count}"
    if (ack.fill_count or 0) + (ack.remaining_count or 0) > ticket.count:
        return f"it counts more than the {ticket.count} asked for"
    return None


def compare(ticket: OrderTicket, order: Order, *, since: float) -> Verdict[OrderAck]:
    """Accept an order found under our id when it is the one we asked for.

    `since` is when the id was first claimed (Unix seconds): an order made after that and changed
    later may have been amended to another price and count.
    """
    kept = (
        ("ticker", ticket.ticker, order.ticker),
        ("book_side", ticket.book_side, order.book_side),
    )
    amendable = (("price", ticket.price, order.price), ("count", ticket.count, order.count))
    named = kept if _changed_since(order, since) else kept + amendable
    differs = [
        name for name, asked, there in named if None not in (asked, there) and asked != there
    ]
    if not differs:
        return Accepted(journal_codec.ack_of(order))
    return Rejected(
        DuplicateIdConflict(
            f"client_order_id {ticket.client_order_id!r} names another order at the exchange: "
            f"{order.order_id} differs in {', '.join(differs)}",
            client_order_id=ticket.client_order_id,
            order_id=order.order_id,
        )
    )


def _changed_since(order: Order, since: float) -> bool:
    made, changed = order.created_time, order.updated_time
    if made is None or changed is None or changed <= made:
        return False
    return made.timestamp() >= since - SKEW


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
