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
every `PAGES_BETWEEN_CUTOFFS`, so few wait for it: as hashes.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Final, Generic, TypeVar

from attrs import define, field

from kalshi_ext.bases import Printed
from kalshi_ext.protocol.time_keys import TimeKey
from kalshi_ext.protocol.windows import newest_first

T = TypeVar("T")

PAGES_BETWEEN_CUTOFFS: Final = 48
# History may show a row later than the cutoff that moved it; a pass is over within a day.
LATE: Final = timedelta(days=1)


@define(eq=False, repr=False)
class Tiers(Printed, Generic[T]):
    """Tell which rows of history are new. `moves` is the time that the cutoff is compared with."""

    key: TimeKey[T]
    moves: Callable[[T], datetime | None]
    began: datetime  # the cutoff before anything was read
    _kept: set[int] = field(factory=set[int], init=False)
    _hashes: array[int] = field(factory=lambda: array("q"), init=False)
    _moves: list[datetime | None] = field(factory=list["datetime | None"], init=False)
    _lowest: datetime | None = field(default=None, init=False)  # creation of the oldest live row
    _ties: list[int] = field(factory=list[int], init=False)  # of the rows created just then
    # Rows created after the first, that move at the second or later, were live. None: all, never.
    _verified: list[tuple[datetime | None, datetime]] = field(
        factory=list[tuple["datetime | None", datetime]], init=False
    )
    _in_order: bool = field(default=True, init=False)
    _passes: int = field(default=0, init=False)

    def add_live(self, rows: Sequence[T]) -> None:
        """Note rows that are given as live ones."""
        if not rows:
            return
        hashes = list(map(hash, map(self.key.identity, rows)))
        self._hashes.extend(hashes)
        self._moves.extend(map(self.moves, rows))
        created = list(map(self.key.time, rows))
        # Otherwise the rows so far are not those of a stretch of time.
        self._in_order = self._in_order and newest_first([self._lowest or created[0], *created])
        if self._in_order:
            last = created[-1]
            tied = takewhile(lambda at: at == last, reversed(created))
            ties = [each for each, _ in zip(reversed(hashes), tied, strict=False)]
            self._ties = ties + (self._ties if last == self._lowest else [])
            self._lowest = last

    def read_cutoff(self, cutoff: datetime, *, end: bool = False) -> None:
        """Take in a cutoff that was read after these live rows; at the end, after all of them."""
        waiting = zip(self._hashes, self._moves, strict=True)
        if self._in_order:
            self._kept.update(each for each, at in waiting if at is None or at < cutoff)
            self._kept.update(self._ties)  # others created just then may come after the cutoff
            if self._verified and self._verified[-1][1] == cutoff:
                self._verified.pop()
            self._verified.append((None if end else self._lowest, cutoff))
        else:
            self._kept.update(each for each, _ in waiting)
        del self._hashes[:], self._moves[:]

    def begin_pass(self) -> None:
        """Begin to read history, once more or for the first time."""
        self._passes += 1

    def new_in_history(self, rows: Iterable[T]) -> list[T]:
        """Return the rows of history that were not given, and note that they are now."""
        late = self.began - LATE
        new: list[T] = []
        for row in rows:
            moves = self.moves(row)
            if moves is not None and self._was_live(row, moves):
                continue
            if moves is not None and moves < late and self._passes > 1:
                continue  # it was there before the first pass
            each = hash(self.key.identity(row))
            if each in self._kept:
                continue
            if moves is None or moves >= late:
                self._kept.add(each)
            new.append(row)
        return new

    def _was_live(self, row: T, moves: datetime) -> bool:
        """Say whether a row was certainly given as a live one."""
        created = self.key.time(row)
        if created is None:
            return False
        for floor, cutoff in self._verified:
            if floor is None or created > floor:
                return moves >= cutoff
        return False
