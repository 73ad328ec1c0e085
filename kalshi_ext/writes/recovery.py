"""Give every write without a verdict one, by looking. Recovery never sends a write again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from attrs import frozen

from kalshi_ext.contracts.interface import Contract
from kalshi_ext.errors import KalshiError, NotSent
from kalshi_ext.journal import Entry, State, Transition
from kalshi_ext.models import Order
from kalshi_ext.protocol.context import LockOwner
from kalshi_ext.protocol.flow import Context, Flow, Now, Record
from kalshi_ext.writes import journal_codec
from kalshi_ext.writes.create import serialized
from kalshi_ext.writes.lookup import look_up_orders
from kalshi_ext.writes.outcomes import Executed, NotExecuted, match_found_order
from kalshi_ext.writes.probes import NotDone, ProbeResult, probe_of, probe_until_settled
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
    entries: list[Entry] = yield Record("open_entries", (None,))
    mine: list[Entry] = []
    for entry in entries:
        if entry.key in context.locks:
            continue
        if (yield Record("take_over", (entry.key, entry.owner))):
            mine.append(entry)
    return (yield from resolve_locked(contract, context, mine))


def resolve_locked(
    contract: Contract, context: Context, entries: list[Entry]
) -> Flow[list[Resolution]]:
    """Resolve the entries that nobody drives meanwhile."""
    owner = LockOwner()
    try:
        taken = context.locks.acquire((entry.key for entry in entries), owner)
        return (yield from resolve(contract, context, [e for e in entries if e.key in taken]))
    finally:
        context.locks.release(owner)


def resolve(
    contract: Contract, context: Context, entries: Sequence[Entry]
) -> Flow[list[Resolution]]:
    """Find out about entries this client drives, and record it."""
    now = yield Now()
    placed = [entry for entry in entries if _kind(entry) == "order"]
    resolutions: list[Resolution] = []
    if placed:
        resolutions += yield from _resolve_orders(contract, context, placed, now)
    for entry in entries:
        if _kind(entry) != "order":
            work = partial(_resolve_write, contract, context, entry, now)
            turn = f"turn of {_kind(entry)}"
            resolutions.append((yield from serialized(turn, context, work)))
    yield from _record(resolutions, context)
    return resolutions


def _kind(entry: Entry) -> str:
    kind: str = json.loads(entry.ticket).get("kind", "order")
    return kind


def _last_sent(entries: Sequence[Entry], now: float) -> float | None:
    """Return when a copy may have left last; None for "before now", as it is for recent entries."""
    touched = max(entry.updated_at.timestamp() for entry in entries)
    return touched if now - touched > 2 * DAY else None


def _resolve_orders(
    contract: Contract, context: Context, entries: Sequence[Entry], now: float
) -> Flow[list[Resolution]]:
    tickets = {entry.key: journal_codec.decode_order(entry) for entry in entries}
    looked = yield from look_up_orders(
        contract,
        tickets,
        context,
        since=min(entry.created_at.timestamp() for entry in entries) - DAY,
        sent_at=_last_sent(entries, now),
    )
    resolutions: list[Resolution] = []
    for entry in entries:
        order = looked.found.get(entry.key)
        if order is not None:
            verdict = match_found_order(
                tickets[entry.key], order, since=entry.created_at.timestamp()
            )
            resolutions.append(_found(entry, order, verdict))
        else:
            resolutions.append(_resolution(entry, _absent(entry) if looked.absent else None))
    return resolutions


def _found(entry: Entry, order: Order, verdict: object) -> Resolution:
    if isinstance(verdict, NotExecuted):
        return _resolution(entry, verdict.error, State.REFUSED)
    key, operation, ticker = entry.key, entry.operation, entry.ticker
    return Resolution(
        key, operation, ticker, State.RESOLVED, order.order_id, entry.intent, order=order
    )


def _absent(entry: Entry) -> NotSent:
    return NotSent(
        f"{entry.operation} {entry.key} was not executed and can no longer be",
        operation=entry.operation,
        client_order_id=entry.key,
    )


def _resolution(
    entry: Entry, error: KalshiError | None, state: State = State.NOT_SENT
) -> Resolution:
    found = State.UNKNOWN if error is None else state
    return Resolution(entry.key, entry.operation, entry.ticker, found, None, entry.intent, error)


def _record(resolutions: Iterable[Resolution], context: Context) -> Flow[None]:
    marks: list[Transition] = []
    for resolution in resolutions:
        if resolution.state is State.UNKNOWN:
            context.pending_writes.add(resolution.ticker, resolution.key)
            continue
        context.pending_writes.drop(resolution.ticker, resolution.key)
        text = _verdict_text(resolution)
        marks.append(
            Transition(resolution.key, resolution.state, order_id=resolution.order_id, verdict=text)
        )
    if marks:
        yield Record("advance_many", (marks,))


def _verdict_text(resolution: Resolution) -> str | None:
    if resolution.error is not None:
        return journal_codec.encode_error(resolution.error)
    if resolution.order is not None:
        return journal_codec.encode_ack(journal_codec.ack_of(resolution.order))
    return None


def _resolve_write(
    contract: Contract, context: Context, entry: Entry, now: float
) -> Flow[Resolution]:
    look = probe_of(contract, context, entry)
    sight: ProbeResult[Any] = yield from probe_until_settled(
        contract, look, context, sent_at=_last_sent([entry], now)
    )
    if isinstance(sight, Executed):
        order_id = journal_codec.id_of(sight.value) or entry.order_id
        return Resolution(
            entry.key, entry.operation, entry.ticker, State.RESOLVED, order_id, entry.intent
        )
    if isinstance(sight, NotExecuted):
        return _resolution(entry, sight.error, State.REFUSED)
    return _resolution(entry, _absent(entry) if isinstance(sight, NotDone) else None)
