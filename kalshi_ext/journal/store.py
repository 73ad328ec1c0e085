"""What a place of storage must do for a journal: one transaction at a time, by one thread."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from attrs import frozen

from kalshi_ext.journal.entry import OPEN, Entry, State


class StoreError(Exception):
    """The group of requests could not be stored; the text says why."""


class TransientError(StoreError):
    """Nothing was committed; the same group may be run once more."""


class InvalidData(StoreError):
    """The data were refused: the fault lies in one request, not in the place of storage."""


class StoreUnavailable(StoreError):
    """The place of storage does not work now."""


@frozen(kw_only=True)
class Selection:
    """Which entries to list; None means any."""

    states: frozenset[State] | None = None
    ticker: str | None = None

    def takes(self, entry: Entry) -> bool:
        """Say whether an entry belongs to the selection."""
        in_state = self.states is None or entry.state in self.states
        return in_state and (self.ticker is None or entry.ticker == self.ticker)

    @property
    def state_names(self) -> list[str]:
        """Return the states by name, in the order of the type."""
        return [state.value for state in State if self.states is None or state in self.states]


def open_selection(ticker: str | None = None) -> Selection:
    """Select the entries without a verdict."""
    return Selection(states=OPEN, ticker=ticker)


class Store(Protocol):
    """A place of storage. Every method but `close` raises StoreError and nothing else.

    `commit` returns only when everything saved since `begin` survives a power loss (as far as
    the place can promise it), and raises Again only when nothing of it was committed.
    """

    def begin(self, *, writing: bool) -> None:
        """Start a transaction; one that only reads must cost no sync."""
        ...

    def load(self, keys: Collection[str], intents: Collection[str]) -> list[Entry]:
        """Return the entries with these keys or intents, locked to the end when writing."""
        ...

    def save(self, new: Sequence[Entry], changed: Sequence[Entry]) -> None:
        """Insert and update entries."""
        ...

    def select(self, selection: Selection, after: int, limit: int) -> list[tuple[int, Entry]]:
        """Return entries with their positions, which grow in the order of insertion."""
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
        """Let go of everything. Never raises."""
        ...
