"""The reservations of this process whose verdict may be written behind its caller."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, Final, TypeAlias

from attrs import define, field

from kalshi_ext.bases import Printed
from kalshi_ext.journal.entry import Entry

Moment: TypeAlias = tuple[float, float]
"""Two clocks, in seconds: one that nobody sets, and the wall's."""

_MOST: Final = 10_000  # reservations; the verdict of an older one is waited for

# `time.monotonic` stands still while a machine sleeps, in which others may take an entry over.
_BOOTTIME: Final[int | None] = getattr(time, "CLOCK_BOOTTIME", None)


def clocks() -> Moment:
    """Read both clocks."""
    monotonic = time.monotonic() if _BOOTTIME is None else time.clock_gettime(_BOOTTIME)
    return monotonic, time.time()


@define(eq=False, repr=False)
class Held(Printed):
    """Committed reservations that nothing followed yet, and when each was committed.

    For `fresh_for` seconds, by whichever clock shows more, nobody else can have ended an entry.
    Shared by threads.
    """

    fresh_for: float = math.inf
    _held: OrderedDict[str, tuple[Entry, Moment]] = field(factory=OrderedDict[str, Any])
    # Reentrant: a signal handler may use the journal in the thread that is inside.
    _lock: threading.RLock = field(factory=threading.RLock, repr=False, eq=False)

    @property
    def is_exclusive(self) -> bool:
        """Whether nobody else can change an entry, so that what is held is what is stored."""
        return self.fresh_for == math.inf

    def add(self, entries: Iterable[Entry], began: Moment) -> None:
        """Take reservations in; `began` is a time before their commit."""
        with self._lock:
            for entry in entries:
                self._held[entry.key] = entry, began
            while len(self._held) > _MOST:
                self._held.popitem(last=False)

    def replace(self, entries: Iterable[Entry], began: Moment) -> None:
        """Take in what became of those that are held, as they were confirmed."""
        with self._lock:
            self.add([entry for entry in entries if entry.key in self._held], began)

    def renew(self, keys: Iterable[str], began: Moment) -> None:
        """Date those anew that are still as they were reserved."""
        with self._lock:
            self.add([self._held[key][0] for key in keys if key in self._held], began)

    def take(self, keys: Iterable[str]) -> list[Entry]:
        """Give up entries, because they go on; return those that were surely as reserved."""
        now = (0.0, 0.0) if self.is_exclusive else clocks()
        with self._lock:
            held = [self._held.pop(key, None) for key in keys]
        return [entry for entry, began in filter(None, held) if self._is_fresh(began, now)]

    def clear(self) -> None:
        """Give up all."""
        with self._lock:
            self._held.clear()

    def _is_fresh(self, began: Moment, now: Moment) -> bool:
        ages = (abs(b - a) for a, b in zip(began, now, strict=True))
        return self.is_exclusive or max(ages) <= self.fresh_for
