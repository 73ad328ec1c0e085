"""The reservations of this process whose verdict may be written behind its caller."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any, Final

from attrs import define, field

_MOST: Final = 10_000  # reservations; the verdict of an older one is waited for

# `time.monotonic` stands still while a machine sleeps, in which others may take an entry over.
_BOOTTIME: Final[int | None] = getattr(time, "CLOCK_BOOTTIME", None)


def clocks() -> tuple[float, float]:
    """Read two clocks, in seconds: one that nobody sets, and the wall's."""
    monotonic = time.monotonic() if _BOOTTIME is None else time.clock_gettime(_BOOTTIME)
    return monotonic, time.time()


@define
class Held:
    """Keys of committed reservations that nothing followed yet, and when each was committed.

    For `fresh_for` seconds, by whichever clock shows more, nobody else can have ended an entry.
    Shared by threads.
    """

    fresh_for: float = math.inf
    _since: OrderedDict[str, tuple[float, float]] = field(factory=OrderedDict[str, Any])
    # Reentrant: a signal handler may use the journal in the thread that is inside.
    _lock: threading.RLock = field(factory=threading.RLock, repr=False, eq=False)

    def add(self, keys: Iterable[str], began: tuple[float, float]) -> None:
        """Take reservations in; `began` is a time before their commit."""
        with self._lock:
            for key in keys:
                self._since[key] = began
            while len(self._since) > _MOST:
                self._since.popitem(last=False)

    def renew(self, keys: Iterable[str], began: tuple[float, float]) -> None:
        """Date those anew that are still as they were reserved."""
        with self._lock:
            self._since.update((key, began) for key in keys if key in self._since)

    def drop(self, keys: Iterable[str]) -> None:
        """Forget entries that go on."""
        with self._lock:
            for key in keys:
                self._since.pop(key, None)

    def has(self, keys: Sequence[str]) -> bool:
        """Say whether all of these are for certain as they were reserved."""
        with self._lock:
            since = [self._since.get(key) for key in keys]
        if self.fresh_for == math.inf:
            return None not in since
        now = clocks()
        return all(began and self._is_fresh(began, now) for began in since)

    def _is_fresh(self, began: tuple[float, float], now: tuple[float, float]) -> bool:
        return max(abs(b - a) for a, b in zip(began, now, strict=True)) <= self.fresh_for
