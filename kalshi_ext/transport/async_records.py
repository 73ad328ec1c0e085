"""The verbs of a journal that tasks of one event loop wait for.

What tasks reserve in one turn of their loop is submitted together at its end, so that one commit
serves them all, and the loop is woken once for all of them. Woken for each, the journal's thread
would lose the interpreter to the loop after the first, and commit for one task at a time.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from attrs import define, field

from kalshi_ext.bases import Printed
from kalshi_ext.journal.waiting import RESERVATION_VERBS, give_up, no_answer
from kalshi_ext.protocol.flow import Record


@define(eq=False, repr=False)
class Waiting(Printed):
    """A verb that a task waits for; `future` is the journal's, once it was submitted."""

    record: Record
    waiter: asyncio.Future[Any]
    future: Future[Any] | None = None
    is_given_up: bool = False

    def submit(self, journal: Any) -> None:
        """Submit it once, unless its task has gone."""
        if self.future is not None or self.is_given_up or self.waiter.done():
            return
        try:
            self.future = journal.submit(self.record.verb, *self.record.args)
        except Exception as error:  # noqa: BLE001 - it belongs to the task
            self.waiter.set_exception(error)

    def release(self) -> bool:
        """Let the task go on, where its verb is done; say whether it still waits."""
        future = self.future
        if self.is_given_up or self.waiter.done() or future is None:
            return False
        if not future.done():
            return True
        if future.cancelled():
            self.waiter.cancel()
        elif error := future.exception():
            self.waiter.set_exception(error)
        else:
            self.waiter.set_result(future.result())
        return False

    def failed_with(self, error: BaseException) -> bool:
        """Say whether an error is the verb's, not one of the waiting."""
        waiter = self.waiter
        return waiter.done() and not waiter.cancelled() and waiter.exception() is error

    def give_up(self, journal: Any) -> None:
        """Leave it: nobody waits any more."""
        self.is_given_up = True
        if self.future is not None:
            give_up(journal, self.record.verb, self.future)


@define(eq=False, repr=False)
class Batch(Printed):
    """Verbs that are submitted together, and whose tasks are woken together."""

    journal: Any
    loop: asyncio.AbstractEventLoop
    waiting: list[Waiting] = field(factory=list[Waiting])

    def submit(self) -> None:
        """Submit them, and let go on whose verbs are done."""
        try:
            for each in self.waiting:
                each.submit(self.journal)
            self._go_on()
        except (KeyboardInterrupt, SystemExit):  # nothing else ends a loop, and it may run on
            self.loop.call_soon(self.submit)
            raise

    def _go_on(self) -> None:
        self.waiting = [each for each in self.waiting if each.release()]
        if self.waiting:
            # The last to be done, where nothing goes wrong; else the others are looked at again.
            last = self.waiting[-1].future
            assert last is not None  # noqa: S101 - it waits
            last.add_done_callback(self._wake)

    def _wake(self, _: Future[Any]) -> None:
        with suppress(RuntimeError):  # the loop is closed, and its tasks with it
            self.loop.call_soon_threadsafe(self.submit)


@define(eq=False, repr=False)
class AsyncRecords(Printed):
    """Waits for the verbs of a journal on behalf of the tasks of an event loop."""

    _next: Batch | None = None  # what is submitted at the end of the loop's turn

    async def perform(self, journal: Any, record: Record, within: float | None) -> Any:
        """Do a verb, waiting for so many seconds; None is for as long as it takes."""
        loop = asyncio.get_running_loop()
        waiting = Waiting(record, loop.create_future())
        if record.verb in RESERVATION_VERBS:
            self._later(journal, waiting, loop)
        else:
            waiting.future = future = journal.submit(record.verb, *record.args)
            if future.done():  # written behind
                return future.result()
            Batch(journal, loop, [waiting]).submit()
        return await _result_of(journal, waiting, within)

    def _later(self, journal: Any, waiting: Waiting, loop: asyncio.AbstractEventLoop) -> None:
        batch = self._next  # read once: the loop of another thread may set it between two lines
        if batch is None or batch.loop is not loop:
            self._next = batch = Batch(journal, loop)
            loop.call_soon(self._submit, batch)
        batch.waiting.append(waiting)

    def _submit(self, batch: Batch) -> None:
        if self._next is batch:
            self._next = None
        batch.submit()


async def _result_of(journal: Any, waiting: Waiting, within: float | None) -> Any:
    try:
        async with asyncio.timeout(within):
            return await waiting.waiter
    except BaseException as error:
        if waiting.failed_with(error):
            raise
        waiting.give_up(journal)
        if within is None or not isinstance(error, TimeoutError):
            raise
        raise no_answer(waiting.record.verb, within) from None
