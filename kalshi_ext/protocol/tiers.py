"""One list over two tiers, live and historical, while rows move from one to the other.

The exchange moves rows out of the live list into history, also while one reads (documented). A row
leaves the live list only for history, so reading live first and history after it misses none:

    cutoff -> live rows, newest first -> cutoff -> historical rows -> cutoff, and while it moved:
                                                   historical rows again

History is read again because it may show a moved row late. That stops at the first pass without a
new row, as a cutoff may move all the time.

Which rows of history were given as live ones is told without keeping their ids. A row is historical
once the cutoff has passed its time of moving (of its trade, of its order's last change). So

    live rows down to 12:00 were given, then the cutoff is read and is 10:00:
        a row created after 12:00 that moves at 10:00 or later was live all the while: it was given

and ids are kept only of rows that moved, or may have, before the cutoff was read. That is done
every `PAGES_BETWEEN_CUTOFFS`, so few wait for it: as hashes, 16 bytes each.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from math import inf
from typing import Final, Generic, TypeVar

from attrs import define, field

from kalshi_ext.protocol.windows import TimeKey

T = TypeVar("T")

PAGES_BETWEEN_CUTOFFS: Final = 64
# History may show a row later than the cutoff that moved it; a pass is over within a day.
LATE: Final = timedelta(days=1)


@define
class Tiers(Generic[T]):
    """Tell which rows of history are new. `moves` is the time that the cutoff is compared with."""

    key: TimeKey[T]
    moves: Callable[[T], datetime | None]
    began: datetime  # the cutoff before anything was read
    _kept: set[int] = field(factory=set[int], init=False)
    _hashes: array[int] = field(factory=lambda: array("q"), init=False)
    _moves: array[float] = field(factory=lambda: array("d"), init=False)
    _lowest: float = field(default=inf, init=False)  # creation of the oldest live row
    _ties: list[int] = field(factory=list[int], init=False)  # of the rows created just then
    _verified: list[tuple[float, float]] = field(factory=list[tuple[float, float]], init=False)
    _floor: float = field(default=inf, init=False)
    _ordered: bool = field(default=True, init=False)
    _passes: int = field(default=0, init=False)

    def add_live(self, rows: Sequence[T]) -> None:
        """Note rows that are given as live ones."""
        self._hashes.extend(map(hash, map(self.key.identity, rows)))
        self._moves.extend(_seconds(self.moves(row), -inf) for row in rows)
        if rows:
            created = [_seconds(self.key.time(row), inf) for row in rows]
            # Otherwise the rows so far are not those of a stretch of time.
            self._ordered = self._ordered and max(created) <= self._floor and inf not in created
            self._note_ties(rows, created)

    def _note_ties(self, rows: Sequence[T], created: Sequence[float]) -> None:
        lowest = min(created)
        if lowest < self._lowest:
            self._lowest, self._ties = lowest, []
        if lowest == self._lowest:
            tied = (row for row, at in zip(rows, created, strict=True) if at == lowest)
            self._ties.extend(hash(self.key.identity(row)) for row in tied)

    def read_cutoff(self, cutoff: datetime, *, end: bool = False) -> None:
        """Take in a cutoff that was read after these live rows; at the end, after all of them."""
        at, floor = cutoff.timestamp(), -inf if end else self._lowest
        if not self._ordered:
            at, floor = inf, inf
        waiting = zip(self._hashes, self._moves, strict=True)
        self._kept.update(each for each, moves in waiting if moves < at)
        self._kept.update(self._ties)  # others created just then may come after the cutoff
        del self._hashes[:], self._moves[:]
        self._floor = floor
        if self._verified and self._verified[-1][1] == at:
            self._verified.pop()
        self._verified.append((floor, at))

    def begin_pass(self) -> None:
        """Begin to read history, once more or for the first time."""
        self._passes += 1

    def new_in_history(self, rows: Iterable[T]) -> list[T]:
        """Return the rows of history that were not given, and note that they are now."""
        late = (self.began - LATE).timestamp()
        new: list[T] = []
        for row in rows:
            moves = _seconds(self.moves(row), inf)
            if self._was_live(row, moves):
                continue
            if moves < late:  # it was there before the first pass, and needs no note
                if self._passes == 1:
                    new.append(row)
            elif (each := hash(self.key.identity(row))) not in self._kept:
                self._kept.add(each)
                new.append(row)
        return new

    def _was_live(self, row: T, moves: float) -> bool:
        """Say whether a row was certainly given as a live one."""
        created = self.key.time(row)
        if created is None or moves == inf:
            return False
        at = created.timestamp()
        cutoff = next((cutoff for floor, cutoff in self._verified if at > floor), inf)
        return moves >= cutoff


def _seconds(moment: datetime | None, absent: float) -> float:
    return absent if moment is None else moment.timestamp()
