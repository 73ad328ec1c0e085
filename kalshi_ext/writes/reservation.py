"""Before a write is sent: its keys are reserved.

A key is reserved in two places. The lock keeps it from other flows of this process; the entry in
the journal, written before anything is sent, keeps it from other processes and from a later run.
Where the entry of an order exists already its content must be the same, and it answers instead of
the exchange:

    the entry found               what the order gets
    another content               DuplicateIdConflict
    acknowledged, resolved        its recorded acknowledgement, `replayed`
    refused, not_sent             reserved again: nothing of it stands. One that somebody else
                                  ended is looked for once before
    open, nobody drives it        settled by recovery first, then as above
    open, driven elsewhere        waited for, then OutcomeUnknown
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeVar

from kalshi_ext.errors import (
    DuplicateIdConflict,
    JournalUnwritable,
    KalshiError,
    Misuse,
    NotSent,
    OutcomeUnknown,
)
from kalshi_ext.journal import Entry, JournalError, Reservation, State, Transition
from kalshi_ext.models import OrderAck
from kalshi_ext.protocol.context import LockOwner
from kalshi_ext.protocol.flow import CallLimits, Context, Flow, Monotonic, Now, Record, Sleep
from kalshi_ext.reads.watermark import poll
from kalshi_ext.requests import OrderTicket
from kalshi_ext.writes import journal_codec, recovery
from kalshi_ext.writes.order_write import unknown_order
from kalshi_ext.writes.prior_writes import settle_prior_writes
from kalshi_ext.writes.write import Progress, Write

LOCK_WAIT: Final = 0.1  # seconds between two looks at a lock of this process

T = TypeVar("T")
Tickets = Mapping[str, OrderTicket]


def reserve(write: Write[OrderAck], tickets: Tickets) -> Flow[None]:
    """Reserve the orders that are new, and give the others the result they already have."""
    tickers = [ticket.ticker for ticket in tickets.values()]
    # An open entry under one of these ids does not stop the order: it is settled below.
    yield from settle_prior_writes(
        write.contract,
        write.context,
        write.limits,
        tickers,
        facade="orders.place",
        own_keys=tickets.keys(),
    )
    locked = write.context.locks.acquire(tickets.keys(), write)
    yield from _reserve_locked(write, {key: t for key, t in tickets.items() if key in locked})
    # Those that are locked elsewhere come last, so that the others do not wait for them.
    for key, ticket in tickets.items():
        if key not in locked:
            yield from _reserve_when_free(write, key, ticket)


def _reserve_when_free(write: Write[OrderAck], key: str, ticket: OrderTicket) -> Flow[None]:
    """Wait for the flow of this process that drives the same id, then reserve it."""
    if (yield from acquire([key], write, write.context, write.limits)):
        yield from _reserve_locked(write, {key: ticket})
        return
    busy = f"orders.place: another call is still busy with {key}"
    _end(write, key, ticket, unknown_order(ticket, busy, write.operation.id))


def acquire(keys: list[str], owner: object, context: Context, limits: CallLimits) -> Flow[bool]:
    """Wait for the locks of these keys within the time of the call; say whether they were got."""
    while not context.locks.acquire(keys, owner):
        left = limits.ends - (yield Monotonic())
        if left <= 0:
            return False
        # Not as long as between reads: to look at a lock costs no request.
        yield Sleep(min(LOCK_WAIT, left))
    return True


def serialized(
    lock_name: str, context: Context, limits: CallLimits, facade: str, work: Callable[[], Flow[T]]
) -> Flow[T]:
    """Do a piece of work while no other flow of this process holds the lock of that name.

    Raises NotSent where another call holds it until the time of this one is over.
    """
    owner = LockOwner()
    try:
        if not (yield from acquire([lock_name], owner, context, limits)):
            raise NotSent(f"{facade}: another call is still busy with the {lock_name}")
        return (yield from work())
    finally:
        context.locks.release(owner)


def _end(write: Write[OrderAck], key: str, ticket: OrderTicket, result: Any) -> None:
    """Give an order the result it already has."""
    progress = write.progress.setdefault(key, Progress(key, ticket.ticker))
    progress.result, progress.is_settled = result, True
    progress.is_open = isinstance(result, OutcomeUnknown)


def _reserve_locked(write: Write[OrderAck], tickets: Tickets) -> Flow[None]:
    if not tickets:
        return
    # Before the journal is asked: whatever ends this flow, its entries may exist from here on.
    write.progress.update((key, Progress(key, ticket.ticker)) for key, ticket in tickets.items())
    at = stamp(write, (yield Now()))
    owner, account = write.context.journal_owner, write.context.journal_account
    made = partial(journal_codec.encode_order, owner=owner, account=account)
    entries = [made(write.operation.id, ticket, write.began[1], at) for ticket in tickets.values()]
    reservations: list[Reservation] = yield Record("reserve_many", (entries,))
    for (key, ticket), reserved in zip(tickets.items(), reservations, strict=True):
        if not reserved.acquired:
            result = yield from _result_of(write, ticket, reserved.entry)
            if result is not None:
                _end(write, key, ticket, result)


def stamp(write: Write[Any], now: float) -> float | None:
    """Note the time from which on the write may have been made: early rather than late.

    `now` is in Unix seconds. Returns the same in the exchange's time, where it is known.
    """
    write.began = (write.limits.started, now)
    # Weakly: a cycle would leave every order and its answer to the collector of garbage.
    owner = weakref.ref(write)
    write.limits.renewed_at, write.limits.renew = write.began, lambda: _renew(owner())
    return write.context.exchange_clock.at(write.limits.started)


def _renew(write: Write[Any] | None) -> Flow[None]:
    """Have the journal confirm that the entries are ours, and date them anew.

    Raises JournalError where they are not, or where the journal cannot tell.
    """
    if write is None:  # it has ended, and its call goes on with another
        return
    keys = write.pending()
    if write.context.shared_journal:
        yield Record("renew", (keys,))
    now: float = yield Monotonic()
    at = write.context.exchange_clock.at(now)
    yield from _date_entries(write, keys, at, (yield Now()))


def _date_entries(
    write: Write[Any], keys: Sequence[str], exchange_time: float | None, now: float
) -> Flow[None]:
    """Date open entries anew before a sending that comes late, by both clocks."""
    times: dict[str, Any] = {
        "sent_at": journal_codec.instant(now),
        **journal_codec.dated(exchange_time),
    }
    states = (State.UNKNOWN if write.progress[k].attempts else State.INTENT for k in keys)
    transitions = [Transition(k, state, **times) for k, state in zip(keys, states, strict=True)]
    yield Record("advance_many", (transitions,))


def _result_of(
    write: Write[OrderAck], ticket: OrderTicket, entry: Entry
) -> Flow[OrderAck | KalshiError | None]:
    """Return the result an id already has; None when the order may be sent (again)."""
    try:
        return (yield from _recorded_result(write, ticket, entry))
    except (JournalError, JournalUnwritable):
        # A failing journal says nothing about the earlier attempt, which may have been executed.
        return _open_error(ticket, entry)


def _recorded_result(
    write: Write[OrderAck], ticket: OrderTicket, entry: Entry
) -> Flow[OrderAck | KalshiError | None]:
    if entry.fingerprint != ticket.fingerprint():
        differs = journal_codec.ticket_differences(ticket, entry.ticket)
        return _conflict_error(ticket, entry, differs)
    earlier = journal_codec.ticket_of(entry)
    # Recovery knows a lost order by its entry, and so by the expiry that this says.
    if earlier is not None and bool(earlier.expires_at_deadline) != bool(
        ticket.expires_at_deadline
    ):
        return _conflict_error(ticket, entry, {"expires": (ticket.expires, earlier.expires)})
    entry = yield from _settle_entry(write, entry)
    if entry.is_open:
        return _open_error(ticket, entry)
    ack = journal_codec.decode_ack(entry)
    if ack is not None:
        return ack
    if entry.state is State.RESOLVED:
        # A person said that it was not executed, or did not say what it became: nothing is sent.
        return Misuse(f"{entry.key} was resolved by hand as not executed: use a new id or intent")
    if journal_codec.ended_in_conflict(entry):
        return _conflict_error(ticket, entry, journal_codec.recorded_differences(entry))
    return (yield from _reopen(write, ticket, entry))


def _reopen(
    write: Write[OrderAck], ticket: OrderTicket, entry: Entry
) -> Flow[OrderAck | KalshiError | None]:
    """Reserve an id again of which nothing stands; None when it may be sent."""
    if write.context.journal_owner not in ("", entry.owner):
        seen = yield from recovery.look_for_ended(write, ticket, entry)
        if seen is not None:
            return seen
    reopened: Reservation = yield Record("reopen", (entry.key,))
    if not reopened.acquired:
        return _open_error(ticket, reopened.entry)
    progress = write.progress[entry.key]
    progress.earlier_attempts, progress.tried = entry.attempts, True
    progress.since = 0.0  # it may have been made at any time since its first attempt
    began, wall = write.began
    at = write.context.exchange_clock.at(began)
    yield from _date_entries(write, [entry.key], at, wall)
    return None


def _settle_entry(write: Write[OrderAck], entry: Entry) -> Flow[Entry]:
    """Find out the verdict of an entry nobody drives, or wait for a client elsewhere."""
    context, latest = write.context, entry

    def look() -> Flow[Entry | None]:
        nonlocal latest
        if not latest.is_open:
            return latest
        if not (yield Record("take_over", (latest.key, latest.owner))):
            latest = yield Record("get", (latest.key,))
            return None if latest.is_open else latest
        yield from recovery.resolve_entries(write.contract, context, write.limits, [latest])
        settled: Entry = yield Record("get", (latest.key,))
        latest = settled
        return settled

    yield from poll(look, context, write.limits)
    return latest


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
    reason = f"orders.place: {entry.key} has no verdict yet (state {entry.state})"
    return unknown_order(ticket, reason, entry.operation)
