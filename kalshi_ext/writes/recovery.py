"""Give every open write of an earlier run a verdict. Recovery reads and never sends.

Nobody waits for the answer any more, and whoever asked for the write may have decided otherwise
since: sending it again is the caller's to do, under the same id. So recovery is the engine of
resolve.py from "probing" on, with an unknown time of sending: an entry's times may come from a
clock that was wrong, so the end of a signature's life is counted from the first watermark read.
Orders are looked up together, by ticker; every other write has a probe of its kind.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from attrs import frozen

from kalshi_ext.contracts.interface import Contract
from kalshi_ext.errors import ABSENT_ADVICE, KalshiError, NotSent
from kalshi_ext.journal import Entry, State, Transition
from kalshi_ext.models import Order, OrderAck
from kalshi_ext.protocol.context import LockOwner
from kalshi_ext.protocol.flow import Context, Flow, Now, Record
from kalshi_ext.writes import journal_codec
from kalshi_ext.writes.create import serialized
from kalshi_ext.writes.lookup import look_up_orders
from kalshi_ext.writes.outcomes import Executed, NotExecuted, WriteOutcome, match_found_order
from kalshi_ext.writes.probes import NotDone, ProbeResult, probe_for, probe_until_settled
from kalshi_ext.writes.watermark import DAY


@frozen
class Resolution:
    """What recovery found out about one write: the verdict now in the journal.

    `state` is resolved (it was executed: `order_id`), not_sent (it was not, and can no longer
    be), refused (it names another order) or unknown (not found out; try again later).
    """

    key: str
    operation: str
    ticker: str | None
    state: State
    order_id: str | None = None
    intent: str | None = None
    error: KalshiError | None = None
    order: Order | None = None


def recover(contract: Contract, context: Context) -> Flow[list[Resolution]]:
    """Resolve every open entry that nobody drives."""
    open_entries: list[Entry] = yield Record("open_entries", (None,))
    taken_over: list[Entry] = []
    for entry in open_entries:
        if entry.key in context.locks:
            continue
        # Refused where the process that owns the entry is still alive: it settles it itself.
        if (yield Record("take_over", (entry.key, entry.owner))):
            taken_over.append(entry)
    return (yield from lock_and_resolve(contract, context, taken_over))


def lock_and_resolve(
    contract: Contract, context: Context, entries: list[Entry]
) -> Flow[list[Resolution]]:
    """Resolve the entries that no flow of this client drives; they stay locked meanwhile."""
    owner = LockOwner()
    try:
        locked = context.locks.acquire((entry.key for entry in entries), owner)
        free = [entry for entry in entries if entry.key in locked]
        return (yield from resolve_entries(contract, context, free))
    finally:
        context.locks.release(owner)


def resolve_entries(
    contract: Contract, context: Context, entries: Sequence[Entry]
) -> Flow[list[Resolution]]:
    """Find out about entries that this client drives, and record it."""
    now = yield Now()
    orders = [entry for entry in entries if _kind_of(entry) == "order"]
    resolutions: list[Resolution] = []
    if orders:
        resolutions += yield from _resolve_orders(contract, context, orders, now)
    for entry in entries:
        if _kind_of(entry) != "order":
            # The lock of create.py: a row that a running create makes is not the lost one.
            work = partial(_resolve_write, contract, context, entry, now)
            lock_name = f"turn of {_kind_of(entry)}"
            resolutions.append((yield from serialized(lock_name, context, work)))
    yield from _record_resolutions(resolutions, context)
    return resolutions


def _kind_of(entry: Entry) -> str:
    kind: str = json.loads(entry.ticket).get("kind", "order")
    return kind


def _last_sent_at(entries: Sequence[Entry], now: float) -> float | None:
    """Return when a copy may have left last (Unix seconds); None for "before the first watermark".

    Only entries untouched for two days are dated by the journal's clock: see `watermark.DAY`.
    """
    touched_at = max(entry.updated_at.timestamp() for entry in entries)
    return touched_at if now - touched_at > 2 * DAY else None


def _resolve_orders(
    contract: Contract, context: Context, entries: Sequence[Entry], now: float
) -> Flow[list[Resolution]]:
    tickets = {entry.key: journal_codec.decode_order(entry) for entry in entries}
    lookup = yield from look_up_orders(
        contract,
        tickets,
        context,
        # An entry's time may come from a clock that was wrong by up to a day.
        since=min(entry.created_at.timestamp() for entry in entries) - DAY,
        sent_at=_last_sent_at(entries, now),
    )
    resolutions: list[Resolution] = []
    for entry in entries:
        order = lookup.orders.get(entry.key)
        if order is not None:
            outcome = yield from match_found_order(contract, tickets[entry.key], order)
            resolutions.append(_order_resolution(entry, order, outcome))
        else:
            absent = lookup.absent and not journal_codec.key_exists(entry)
            error = _not_executed_error(entry) if absent else None
            resolutions.append(_error_resolution(entry, error))
    return resolutions


def _order_resolution(entry: Entry, order: Order, outcome: WriteOutcome[OrderAck]) -> Resolution:
    if isinstance(outcome, NotExecuted):
        return _error_resolution(entry, outcome.error, State.REFUSED)
    if not isinstance(outcome, Executed):
        return _error_resolution(entry, None)
    key, operation, ticker = entry.key, entry.operation, entry.ticker
    return Resolution(
        key, operation, ticker, State.RESOLVED, order.order_id, entry.intent, order=order
    )


def _error_resolution(
    entry: Entry, error: KalshiError | None, state: State = State.NOT_SENT
) -> Resolution:
    """Make the resolution of a write that was not executed; without an error it is unknown."""
    state = State.UNKNOWN if error is None else state
    return Resolution(entry.key, entry.operation, entry.ticker, state, None, entry.intent, error)


def _not_executed_error(entry: Entry) -> NotSent:
    return NotSent(
        f"{entry.operation} {entry.key} is proven absent",
        advice=ABSENT_ADVICE,
        operation=entry.operation,
        client_order_id=entry.key,
    )


def _resolve_write(
    contract: Contract, context: Context, entry: Entry, now: float
) -> Flow[Resolution]:
    probe = probe_for(contract, context, entry)
    result: ProbeResult[Any] = yield from probe_until_settled(
        contract, probe, context, sent_at=_last_sent_at([entry], now)
    )
    if isinstance(result, Executed):
        order_id = journal_codec.id_of(result.value) or entry.order_id
        return Resolution(
            entry.key, entry.operation, entry.ticker, State.RESOLVED, order_id, entry.intent
        )
    if isinstance(result, NotExecuted):  # its order ended without the change
        return _error_resolution(entry, result.error, State.REFUSED)
    error = _not_executed_error(entry) if isinstance(result, NotDone) else None
    return _error_resolution(entry, error)


def _record_resolutions(resolutions: Iterable[Resolution], context: Context) -> Flow[None]:
    transitions: list[Transition] = []
    for resolution in resolutions:
        if resolution.state is State.UNKNOWN:
            # Nothing was learned, so the journal's own state stays, intent or unknown.
            context.pending_writes.add(resolution.ticker, resolution.key)
            continue
        context.pending_writes.drop(resolution.ticker, resolution.key)
        transitions.append(
            Transition(
                resolution.key,
                resolution.state,
                order_id=resolution.order_id,
                verdict=_verdict_text(resolution),
            )
        )
    # Not `journal_codec.record`: a recovery whose verdicts were not written must say so.
    if transitions:
        yield Record("advance_many", (transitions,))


def _verdict_text(resolution: Resolution) -> str | None:
    if resolution.error is not None:
        return journal_codec.encode_error(resolution.error)
    if resolution.order is not None:
        return journal_codec.encode_ack(journal_codec.ack_of(resolution.order))
    return None
