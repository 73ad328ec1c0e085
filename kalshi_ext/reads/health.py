"""What a client knows of itself: open writes from the journal, its clock, its tokens."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from kalshi_ext.contracts.operations import facade_of
from kalshi_ext.journal import Entry, JournalError, State
from kalshi_ext.models.health import CallInFlight, Health, OpenWrite
from kalshi_ext.protocol.flow import Context, Flow, Monotonic, Now, Record


def health(
    context: Context, calls: Sequence[CallInFlight], clock_correction: float
) -> Flow[Health]:
    """Look at a client. Nothing is sent; the journal is read.

    `clock_correction` are the seconds by which its clock was moved from this machine's.
    """
    open_writes, journal_error = yield from _open_writes(context)
    moment: float = yield Monotonic()
    now: float = yield Now()
    is_known = context.exchange_clock.at(moment) is not None
    best = context.exchange_clock.best(moment, now)
    answered_at = context.exchange_clock.answered_at
    age = None if answered_at is None else max(0.0, moment - answered_at)
    budget = None if context.pacer is None else context.pacer.budget(moment)
    return Health(
        time=_utc(now),
        open_writes=tuple(sorted(open_writes, key=lambda each: -each.age)),
        calls=tuple(sorted(calls, key=lambda each: -each.age)),
        clock_offset=None if not is_known else best - now + clock_correction,
        last_answer=None if age is None else _utc(now - age),
        last_answer_age=age,
        budget=budget,
        journal_error=journal_error,
        budget_error=None if budget is None else budget.store_error,
    )


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


# Seconds for a journal that stands still: a supervisor asks just then.
_JOURNAL_WITHIN = 2.0


def _open_writes(context: Context) -> Flow[tuple[list[OpenWrite], str | None]]:
    try:
        entries: list[Entry] = yield Record("open_entries", (None,), _JOURNAL_WITHIN)
    except JournalError as error:
        moment: float = yield Monotonic()
        return _known_open(context, moment), str(error.args[0])
    now: float = yield Now()
    # An intent that a flow of this process drives is a call in flight, and no open outcome yet.
    return [
        _open_write(entry, now)
        for entry in entries
        if entry.state is State.UNKNOWN or entry.key not in context.locks
    ], None


def _open_write(entry: Entry, now: float) -> OpenWrite:
    began = (entry.sent_at or entry.created_at).timestamp()
    age = max(0.0, now - began)
    facade = facade_of(entry.operation)
    return OpenWrite(key=entry.key, operation=facade, ticker=entry.ticker, age=age)


def _known_open(context: Context, moment: float) -> list[OpenWrite]:
    """Return what this process knows to be open; the age is 0 where it does not know that."""
    sent_times = context.pending_writes.sent_times
    return [
        OpenWrite(
            key=key,
            operation="",
            ticker=ticker or None,
            age=max(0.0, moment - sent_times[key].at) if key in sent_times else 0.0,
        )
        for ticker, keys in context.pending_writes.by_ticker.copy().items()
        for key in sorted(keys)
    ]
