"""The places of an event loop; `places.py` has those of threads, and says what a place is."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from kalshi_ext.transport.places import MAX_CONNECTIONS, Book, Place, given, seconds_until

TURNS: Final = 8
_HALF: Final = TURNS // 2


class _FutureWaiter:
    """A task that waits: its future is settled to hand a place over."""

    __slots__ = ("future",)

    def __init__(self, future: asyncio.Future[None]) -> None:
        self.future = future

    def wake(self) -> bool:
        if self.future.done():  # cancelled, or its time was over
            return False
        self.future.set_result(None)
        return True


class AsyncPlaces:
    """The places of an async transport, for the tasks of one event loop at a time."""

    def __init__(self, limit: int = MAX_CONNECTIONS) -> None:
        self._book: Book[_FutureWaiter] = Book(limit)
        self._turns = Turns()

    def take(self, *, stopping: bool = False) -> Place | None:
        """Take a place that is free, and a turn; None when either has to be waited for."""
        if not self._book.take(stopping):
            return None
        place = Place(self)
        if self._turns.take():
            return place
        place.release()
        return None

    async def acquire(self, until: float, *, stopping: bool = False) -> Place | None:
        """Wait for a place until a moment of the monotonic clock; None when none came free."""
        if not self._book.take(stopping):
            waiter = _FutureWaiter(asyncio.get_running_loop().create_future())
            self._book.queue(stopping).append(waiter)
            self._book.hand_over()  # a place that was lost tells nobody
            if not await self._wait(waiter.future, until):
                return None
        place = Place(self)
        try:
            if not self._turns.take():
                await self._turns.wait()
        except BaseException:
            place.release()
            raise
        return place

    async def _wait(self, future: asyncio.Future[None], until: float) -> bool:
        try:
            async with asyncio.timeout(seconds_until(until)):
                await future
        except TimeoutError:
            pass
        except BaseException:
            # The place may have been handed over just before the task was cancelled.
            if future.done() and not future.cancelled():
                self._book.give_back()
            raise
        return future.done() and not future.cancelled()

    async def wait(self, until: float, *, stopping: bool = False) -> Place:
        """Wait for a place. Raises PoolTimeout."""
        return given(await self.acquire(until, stopping=stopping))

    def give_back(self, place: Place) -> None:
        """Take a place back and hand it to whoever waits."""
        self._book.give_back(place)

    def lose(self) -> None:
        """Count a place whose holder was collected."""
        self._book.lost.append(None)


class Turns:
    """Let at most TURNS tasks go on in one round of the event loop; the others wait for the next.

    A task that goes on builds and signs a request, up to 1 ms of CPU.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._given = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    def take(self) -> bool:
        """Take a turn of this round; False when it has none left."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # the rounds of a loop that is gone do not come
            self._loop, self._given, self._waiting = loop, 0, deque()
        if self._given == _HALF:  # fewer may be of earlier rounds, too: they keep nobody waiting
            loop.call_soon(self._new_round, loop)
        if self._given == TURNS:
            return False
        self._given += 1
        return True

    async def wait(self) -> None:
        """Wait for a turn of a later round; `take` found none left."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        await future

    def _new_round(self, loop: asyncio.AbstractEventLoop) -> None:
        if loop is not self._loop:
            return
        self._given = 0
        while self._waiting and self._given < TURNS:
            future = self._waiting.popleft()
            if not future.done():
                future.set_result(None)
                self._given += 1
        if self._given > _HALF:
            loop.call_soon(self._new_round, loop)
