"""What a store must do for a journal, and how an entry becomes a row and JSON.

A store runs one transaction at a time, for one thread. Times are stored as whole microseconds
since 1970, UTC.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any, Final, Protocol, TypeAlias

from attrs import fields, frozen

from kalshi_ext.bases import Value
from kalshi_ext.journal.entry import FINAL, OPEN, Entry, State


class StoreError(Exception):
    """The group of requests could not be stored; the text says why."""


class TransientError(StoreError):
    """Nothing was committed; the same group may be run once more."""


class InvalidData(StoreError):
    """The data were refused: the fault lies in one request, not in the store."""


class StoreUnavailable(StoreError):
    """The store does not work now."""


@frozen(kw_only=True, eq=False, repr=False)
class Selection(Value):
    """Which entries to list; None means any."""

    states: frozenset[State] | None = None
    ticker: str | None = None
    untold: bool = False  # only verdicts that the caller was not told

    def matches(self, entry: Entry) -> bool:
        """Say whether an entry belongs to the selection."""
        in_state = self.states is None or entry.state in self.states
        of_ticker = self.ticker is None or entry.ticker == self.ticker
        return in_state and of_ticker and not (self.untold and (entry.told or entry.is_open))

    @property
    def state_names(self) -> list[str]:
        """The selected states by name, in the order of the type."""
        return [state.value for state in State if self.states is None or state in self.states]


def open_selection(ticker: str | None = None) -> Selection:
    """Select the entries without a verdict."""
    return Selection(states=OPEN, ticker=ticker)


UNTOLD: Final = Selection(states=FINAL, untold=True)
"""The verdicts whose caller was not told."""

EntryPage: TypeAlias = list[tuple[int, Entry]]
"""Entries with their positions, which grow in the order of insertion."""


class Store(Protocol):
    """Where entries are kept. Every method but `close` raises StoreError and nothing else.

    `commit` returns only when everything saved since `begin` survives a power loss (as far as
    the storage can promise it), and raises TransientError only when nothing of it was committed.
    """

    @property
    def account(self) -> str:
        """Whose entries it gives and takes; empty while it is bound to none."""
        ...

    def begin(self, *, writing: bool) -> None:
        """Start a transaction; one that only reads must cost no sync."""
        ...

    def load(self, keys: Collection[str], intents: Collection[str]) -> list[Entry]:
        """Return the entries with these keys or intents, locked to the end when writing."""
        ...

    def save(self, new: Sequence[Entry], changed: Sequence[Entry]) -> None:
        """Insert and update entries."""
        ...

    def select(self, selection: Selection, after: int, limit: int) -> EntryPage:
        """List entries whose position is greater than `after`."""
        ...

    def bind(self, account: str) -> None:
        """Give and take the entries of this account from now on."""
        ...

    def has_entries_of(self, account: str) -> bool:
        """Say whether any entry belongs to an account; the empty one is nobody's."""
        ...

    def accounts(self) -> list[str]:
        """Name the accounts that have entries."""
        ...

    def adopt(self, account: str) -> int:
        """Move the entries of its account to another, now its own; return how many there were."""
        ...

    def mark_told(self, keys: Collection[str]) -> None:
        """Mark the verdicts under these keys as told, without waiting for a row's lock."""
        ...

    def alive(self, owner: str) -> bool:
        """Say whether the journal instance of this name may still be running."""
        ...

    def verify(self) -> list[str]:
        """Return what is wrong with the stored data, one line a finding."""
        ...

    def commit(self) -> None:
        """End the transaction, durably."""
        ...

    def rollback(self) -> None:
        """Drop the transaction; does nothing without one."""
        ...

    def close(self) -> None:
        """Release everything. Never raises."""
        ...


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_TIMES: Final = frozenset({"created_at", "sent_at", "updated_at", "exchange_time"})

COLUMNS: Final = tuple(part.name for part in fields(Entry))
"""The columns of a stored entry, in the order of `to_row`."""


CHANGING: Final = (
    *("state", "order_id", "verdict", "attempts", "owner", "sent_at", "updated_at"),
    *("exchange_time", "told"),
)
"""The columns that a transition may change; an account changes by `adopt` alone."""


def micros(moment: datetime) -> int:
    """Count the microseconds since 1970."""
    # Not timestamp(): a float loses microseconds of today's dates.
    return (moment - _EPOCH) // _MICROSECOND


def from_micros(count: int) -> datetime:
    """Turn microseconds since 1970 into a datetime."""
    return _EPOCH + timedelta(microseconds=count)


_read: Final = attrgetter(*COLUMNS)


def to_row(entry: Entry) -> dict[str, Any]:
    """Write an entry as column values."""
    row = dict(zip(COLUMNS, _read(entry), strict=True))
    row["state"], row["told"] = entry.state.value, int(entry.told)
    for name in _TIMES:
        if row[name] is not None:
            row[name] = micros(row[name])
    return row


def from_row(values: Sequence[Any]) -> Entry:
    """Read column values in the order of COLUMNS. Raises ValueError when one cannot be."""
    # A row is checked like any argument: a damaged page or a hand may have written it.
    row = dict(zip(COLUMNS, values, strict=True))
    for name in _TIMES:
        row[name] = None if row[name] is None else _moment(row[name])
    if row["told"] in (0, 1):  # not every database has booleans
        row["told"] = bool(row["told"])
    return Entry(**row)


def _moment(count: Any) -> datetime:
    try:
        return from_micros(count)
    except (TypeError, OverflowError) as error:
        raise ValueError(f"no time in microseconds: {count!r}") from error


def to_json(entry: Entry) -> dict[str, Any]:
    """Write an entry for people and exports: ISO times, ticket and verdict as JSON values."""
    written: dict[str, Any] = {name: getattr(entry, name) for name in COLUMNS}
    for name in _TIMES:
        written[name] = None if written[name] is None else written[name].isoformat()
    return written | {name: _parsed(written[name]) for name in ("ticket", "verdict")}


def _parsed(text: str | None) -> Any:
    # What is no JSON is exported as the text it is: an export must show damaged entries too.
    return json.loads(text) if text is not None and _is_json(text) else text


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def row_problems(row: Sequence[Any]) -> list[str]:
    """Name what is wrong with a stored row: its position, then the values of an entry."""
    try:
        entry = from_row(row[1:])
    except (ValueError, TypeError) as error:
        return [f"row {row[0]}: {error}"]
    return [f"entry {entry.key}: {problem}" for problem in _problems(entry)]


def _problems(entry: Entry) -> list[str]:
    texts = {"ticket": entry.ticket, "verdict": entry.verdict}
    broken = [name for name, text in texts.items() if text and not _is_json(text)]
    problems = [f"{name} is not JSON" for name in broken]
    if entry.updated_at < entry.created_at:
        problems.append("updated_at lies before created_at")
    if not entry.owner:
        problems.append("it has no owner")
    return problems
