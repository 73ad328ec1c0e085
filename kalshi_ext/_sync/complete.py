# Derived from kalshi_ext/_async/complete.py by scripts/unasync.py; do not edit.
"""One list over live and historical rows, while the boundary between them moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Generic, TypeVar

from kalshi_ext._sync.rows import Rows
from kalshi_ext.errors import Misuse
from kalshi_ext.models import HistoricalCutoff
from kalshi_ext.protocol.messages import InvalidRow

T = TypeVar("T")


class CompleteRows(Generic[T]):
    """Iterate over every row once: live, then historical, then again what moved meanwhile.

    A row leaves the live list only for the historical one, so reading live first misses none
    that moves between the two walks. Where the cutoff moved during the reading, history is read
    again, because it may show such a row late, until that brings nothing new: a cutoff may move
    all the time. Rows already seen are skipped by their id. One pass only: a second raises Misuse.
    """

    def __init__(
        self,
        *,
        live: Callable[[], Rows[T]],
        old: Callable[[], Rows[T]],
        boundary: Callable[[], HistoricalCutoff],
        mark: Callable[[HistoricalCutoff], datetime],
        identity: Callable[[T], str],
    ) -> None:
        self._live = live
        self._old = old
        self._boundary = boundary
        self._mark = mark
        self._identity = identity
        self._seen: set[str] = set()
        self._aside: list[InvalidRow] = []
        self._begun = False

    @property
    def invalid_rows(self) -> tuple[InvalidRow, ...]:
        """Return the rows met so far that could not be read, as received, with the reason."""
        return tuple(self._aside)

    def __iter__(self) -> Iterator[T]:
        if self._begun:
            raise Misuse("these rows were read before: ask for the list again")
        self._begun = True
        before = self._mark(self._boundary())
        for row in self._fresh(self._live()):
            yield row
        moved = new = True
        while moved and new:
            known = len(self._seen)
            for row in self._fresh(self._old()):
                yield row
            after = self._mark(self._boundary())
            moved, new, before = after != before, len(self._seen) > known, after

    def _fresh(self, rows: Rows[T]) -> Iterator[T]:
        for row in rows:
            identity = self._identity(row)
            if identity not in self._seen:
                self._seen.add(identity)
                yield row
        self._aside.extend(aside for aside in rows.invalid_rows if aside not in self._aside)

    def all(self) -> list[T]:
        """Read to the end and return the rows as a list."""
        return [row for row in self]
