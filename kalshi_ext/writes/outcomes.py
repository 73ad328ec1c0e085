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
from kalshi_ext.protocol.flow import Context, decode_response, lost_error
from kalshi_ext.protocol.messages import Call, Lost, Operation, Repeat, Reply
from kalshi_ext.requests import OrderTicket
from kalshi_ext.writes import journal_codec
from kalshi_ext.writes.watermark import CLOCK_SKEW

T = TypeVar("T")

_NO_PROOF = re.compile(
    "internal|unavailable|timeout|timed_out|deadline|exist|duplicate", re.IGNORECASE
)


@frozen
class Executed(Generic[T]):
    """The exchange said yes."""

    value: T


@frozen
class NotExecuted:
    """Nothing stands: the exchange said no, or no byte left."""

    error: KalshiError


@frozen
class Unknown:
    """It may or may not have been executed. `exists` when the exchange says its key is taken."""

    error: KalshiError
    key_taken: bool = False


WriteOutcome: TypeAlias = Executed[T] | NotExecuted | Unknown


def judge(call: Call[T], outcome: Reply | Lost, context: Context, **known: Any) -> WriteOutcome[T]:
    """Say what an outcome proves about the write it answers."""
    if isinstance(outcome, Lost):
        error = lost_error(call.operation, outcome, **known)
        return NotExecuted(error) if isinstance(error, NotSent) else Unknown(error)
    try:
        return Executed(decode_response(call, outcome, context))
    except OutcomeUnknown as error:
        error.__dict__.update(known)
        return Unknown(error)
    except (DuplicateOrder, TransferAlreadyApplied) as error:
        return Unknown(error, key_taken=True)
    except Refused as error:
        error.__dict__.update(known)
        return Unknown(error) if _may_be_duplicate(call, error) else NotExecuted(error)


def _may_be_duplicate(call: Call[Any], error: Refused) -> bool:
    """Say whether a 409 may be the one that says the key is taken, under a code not known."""
    unknown = type(error) is Conflict
    return unknown and (error.code is None or call.operation.repeat is Repeat.KEYED)


def proves_not_executed(error: Refused) -> bool:
    """Say whether the refusal of a batch's entry proves that the entry was not executed.

    An entry has no status of its own: without a code, or with one that tells of a failing server
    or of a key that is taken, it proves nothing.
    """
    return error.code is not None and not _NO_PROOF.search(error.code)


def ack_contradiction(ticket: OrderTicket, ack: OrderAck) -> str | None:
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


def match_found_order(ticket: OrderTicket, order: Order, *, since: float) -> WriteOutcome[OrderAck]:
    """Accept an order found under our id when it is the one we asked for.

    `since` is when the id was first claimed (Unix seconds): an order made after that and changed
    later may have been amended to another price and count.
    """
    kept = (
        ("ticker", ticket.ticker, order.ticker),
        ("book_side", ticket.book_side, order.book_side),
    )
    amendable = (("price", ticket.price, order.price), ("count", ticket.count, order.count))
    named = kept if _amended_since(order, since) else kept + amendable
    differs = [
        name for name, asked, there in named if None not in (asked, there) and asked != there
    ]
    if not differs:
        return Executed(journal_codec.ack_of(order))
    return NotExecuted(
        DuplicateIdConflict(
            f"client_order_id {ticket.client_order_id!r} names another order at the exchange: "
            f"{order.order_id} differs in {', '.join(differs)}",
            client_order_id=ticket.client_order_id,
            order_id=order.order_id,
        )
    )


def _amended_since(order: Order, since: float) -> bool:
    made, changed = order.created_time, order.updated_time
    if made is None or changed is None or changed <= made:
        return False
    return made.timestamp() >= since - CLOCK_SKEW


def match_entries(
    operation: Operation, tickets: Sequence[OrderTicket], entries: Sequence[OrderAck | Refused]
) -> dict[str, WriteOutcome[OrderAck]]:
    """Give each ticket the verdict of its entry; the order of entries is not documented.

    Entries are matched by client_order_id. A single entry without one belongs to a single
    ticket. Refusals without an id are matched only where every ticket left over has one, so that
    none can be taken for another order's acceptance. What has no entry is unproven.
    """
    named = [entry.client_order_id for entry in entries if entry.client_order_id]
    by_id = {entry.client_order_id: entry for entry in entries if entry.client_order_id}
    nameless = [entry for entry in entries if not entry.client_order_id]
    verdicts: dict[str, WriteOutcome[OrderAck]] = {}
    left: list[OrderTicket] = []
    for ticket in tickets:
        entry = by_id.get(ticket.client_order_id)
        if entry is None:
            left.append(ticket)
        elif named.count(ticket.client_order_id) > 1:  # two answers to one question
            verdicts[ticket.client_order_id] = Unknown(_missing_entry(operation, ticket))
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
) -> dict[str, WriteOutcome[OrderAck]]:
    refused = all(isinstance(entry, Refused) and proves_not_executed(entry) for entry in entries)
    if len(tickets) == len(entries) and (alone or refused):
        pairs = zip(tickets, entries, strict=True)
        return {t.client_order_id: _verdict(operation, t, entry) for t, entry in pairs}
    return {t.client_order_id: Unknown(_missing_entry(operation, t)) for t in tickets}


def _verdict(
    operation: Operation, ticket: OrderTicket, entry: OrderAck | Refused
) -> WriteOutcome[OrderAck]:
    if isinstance(entry, DuplicateOrder):
        return Unknown(entry, key_taken=True)
    if isinstance(entry, Refused):
        return NotExecuted(entry) if proves_not_executed(entry) else Unknown(entry)
    wrong = ack_contradiction(ticket, entry)
    return Executed(entry) if wrong is None else Unknown(_rejected_ack(operation, ticket, wrong))


def _rejected_ack(operation: Operation, ticket: OrderTicket, wrong: str) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"{operation.facade}: the acknowledgement was not believed: {wrong}",
        operation=operation.id,
        client_order_id=ticket.client_order_id,
        ticket=ticket,
    )


def _missing_entry(operation: Operation, ticket: OrderTicket) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"{operation.facade}: the answer has no entry for {ticket.client_order_id}",
        operation=operation.id,
        client_order_id=ticket.client_order_id,
        ticket=ticket,
    )
