"""How many requests are under way at once, and who waits for a place.

A thousand tasks that place at once find a hundred connections. Those that wait hold no signature
that could expire and no attempt whose time runs: the driver asks for a place first, and signs and
starts the attempt's time once it has one. The wait is bounded by what the call may take.

    places        `limit`, of which `reserved` go to stopping calls only (cancel, trigger)
    order         first come, first served; stopping calls before the others
    event loop    at most TURNS waiting tasks go on in one round of it, so that a thousand
                  signatures made at once do not keep everything else waiting
"""

from __future__ import annotations

import threading
import time
from collections import deque
from types import TracebackType
from typing import TYPE_CHECKING, Final, Generic, Protocol, Self, TypeVar

from attrs import define, field

from kalshi_ext.bases import Printed
from kalshi_ext.transport import failures

if TYPE_CHECKING:
    from kalshi_ext.transport.async_places import AsyncPlaces

MAX_CONNECTIONS: Final = 100
RESERVED_SHARE: Final = 25  # one place of so many is for stopping calls only


class Waiter(Protocol):
    """Somebody who waits; `wake` hands a place over, False when nobody takes it any more."""

    def wake(self) -> bool: ...


W = TypeVar("W", bound=Waiter)


@define(eq=False, repr=False)
class Book(Printed, Generic[W]):
    """The books of both kinds of places: who has one and who waits. Not for several threads."""

    limit: int = MAX_CONNECTIONS
    busy: int = 0
    stopping: deque[W] = field(factory=deque[W])
    ordinary: deque[W] = field(factory=deque[W])
    # Places of holders that an interrupt lost, counted by the collector, which may take no lock.
    lost: deque[None] = field(factory=deque[None])

    def has_room(self, stopping: bool) -> bool:
        while self.lost:
            self.lost.pop()
            self.busy -= 1
        return self.busy < (self.limit if stopping else self.limit - self.limit // RESERVED_SHARE)

    def take(self, stopping: bool) -> bool:
        """Take a free place, unless somebody waits for one."""
        if self.queue(stopping) or not self.has_room(stopping):
            return False
        self.busy += 1
        return True

    def queue(self, stopping: bool) -> deque[W]:
        return self.stopping if stopping else self.ordinary

    def give_back(self, place: Place | None = None) -> None:
        self.busy -= 1
        if place is not None:
            place.held = False  # no call lies between: an interrupt comes before both, or after
        self.hand_over()

    def hand_over(self) -> None:
        """Hand free places to those who wait."""
        for stopping in (True, False):
            queue = self.queue(stopping)
            while queue and self.has_room(stopping):
                self.busy += queue.popleft().wake()


class Place:
    """A place, given back by `release`, or when nobody refers to it any more."""

    __slots__ = ("_places", "held")

    def __init__(self, places: Places | AsyncPlaces, *, held: bool = True) -> None:
        self._places = places
        self.held = held

    def release(self) -> None:
        """Give the place back; a second time does nothing."""
        if self.held:
            self._places.give_back(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def __del__(self) -> None:
        if getattr(self, "held", False):  # an interrupt came between taking and using it
            self._places.lose()


def seconds_until(moment: float) -> float:
    # At most the longest wait that a lock knows.
    return min(max(moment - time.monotonic(), 0), threading.TIMEOUT_MAX)


def given(place: Place | None) -> Place:
    if place is None:
        raise failures.PoolTimeout("no connection came free in time")
    return place


class _LockWaiter:
    """A thread that waits: its lock is released to hand a place over."""

    __slots__ = ("gone", "lock")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.lock.acquire()
        self.gone = False

    def wake(self) -> bool:
        if not self.gone:
            self.lock.release()
        return not self.gone


class Places:
    """The places of a sync transport, shared by threads."""

    def __init__(self, limit: int = MAX_CONNECTIONS) -> None:
        self._book: Book[_LockWaiter] = Book(limit)
        self._lock = threading.RLock()

    def take(self, *, stopping: bool = False) -> Place | None:
        """Take a place that is free; None when it has to be waited for."""
        with self._lock:
            place = Place(self, held=False)
            if not self._book.take(stopping):
                return None
            place.held = True  # as in `give_back`
            return place

    def acquire(self, until: float, *, stopping: bool = False) -> Place | None:
        """Wait for a place until a moment of the monotonic clock; None when none came free."""
        with self._lock:
            place = self.take(stopping=stopping)
            if place is not None:
                return place
            waiter = _LockWaiter()
            self._book.queue(stopping).append(waiter)
            self._book.hand_over()  # a place that was lost tells nobody
        return self._wait(waiter, until)

    def _wait(self, waiter: _LockWaiter, until: float) -> Place | None:
        handed = False
        try:
            handed = waiter.lock.acquire(timeout=seconds_until(until))
        finally:
            with self._lock:
                if not handed:
                    # It may have been handed over since: whoever could not wait gives it back.
                    handed_late = waiter.lock.acquire(blocking=False)
                    waiter.gone = True
                    if handed_late:
                        self._book.give_back()
        return Place(self) if handed else None

    def wait(self, until: float, *, stopping: bool = False) -> Place:
        """Wait for a place. Raises PoolTimeout."""
        return given(self.acquire(until, stopping=stopping))

    def give_back(self, place: Place) -> None:
        """Take a place back and hand it to whoever waits."""
        with self._lock:
            self._book.give_back(place)

    def lose(self) -> None:
        """Count a place whose holder was collected; for the collector, so without a lock."""
        self._book.lost.append(None)
