"""Run flows side by side on threads; `async_side_by_side.py` does it on an event loop.

What a flow returns or raises is given as a value: who started several has to be told of each.

Answers are read in the order in which their flows began, one at a time. Threads that read theirs as
they come keep the interpreter's lock from those that still receive: then the first page may come
last, and until it comes no further one is asked for. On an event loop nothing is read meanwhile.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from contextvars import copy_context
from threading import Event, Lock
from typing import Any, Final, Generic, TypeVar

from attrs import define, field

from kalshi_ext.bases import Printed
from kalshi_ext.protocol.flow import Flow
from kalshi_ext.protocol.messages import Reply
from kalshi_ext.transport.driver import Driver

K = TypeVar("K")
T = TypeVar("T")

# Seconds. The order only saves time: an answer before that is late keeps nobody for longer.
PATIENCE: Final = 0.25


@define(eq=False, repr=False)
class Turns(Printed):
    """Turns of threads, in the order in which they were asked for."""

    _waiting: deque[Event] = field(factory=deque[Event], init=False)
    _lock: Lock = field(factory=Lock, init=False)

    def take(self) -> Event:
        """Return a turn: it is set once all before it have ended."""
        turn = Event()
        with self._lock:
            self._waiting.append(turn)
            self._waiting[0].set()
        return turn

    def end(self, turn: Event) -> None:
        """End a turn, whether it had begun or not."""
        with self._lock:
            self._waiting.remove(turn)
            if self._waiting:
                self._waiting[0].set()


def in_turn(steps: Flow[T], turn: Event) -> Flow[T]:
    """Run a flow on a thread that waits a while for its turn before it reads an answer."""
    try:
        effect = next(steps)
        while True:
            try:
                result = yield effect
            except Exception as error:  # noqa: BLE001 - of the effect: the flow decides
                effect = steps.throw(error)
            else:
                # A refusal may be sent again: that waits for nobody.
                if isinstance(result, Reply) and result.status < 300:
                    turn.wait(PATIENCE)
                effect = steps.send(result)
    except StopIteration as stop:
        value: T = stop.value
        return value
    finally:
        steps.close()


@define(eq=False, repr=False)
class Running(Printed, Generic[K, T]):
    """Flows that run on threads, at most `width` at a time; threads may share a driver.

    One that has nobody beside it runs on the calling thread, in `wait`.
    """

    driver: Driver
    width: int
    _turns: Turns = field(factory=Turns, init=False)
    _first: tuple[K, Flow[T]] | None = field(default=None, init=False)
    _started: dict[Future[T], K] = field(factory=dict[Future[T], K], init=False)
    _pool: ThreadPoolExecutor | None = field(default=None, init=False)

    def start(self, key: K, flow: Flow[T]) -> None:
        """Begin a flow; `wait` gives its result with the key."""
        if self._first is None and not self._started:
            self._first = (key, flow)
            return
        if self._first is not None:
            self._submit(*self._first)
            self._first = None
        self._submit(key, flow)

    def _submit(self, key: K, flow: Flow[T]) -> None:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.width, thread_name_prefix="kalshi-ext-pages")
        turn = self._turns.take()
        steps = in_turn(flow, turn)
        future = self._pool.submit(copy_context().run, self.driver.run, steps)
        # Whatever its end, that of a flow which never began as well: the next need not wait.
        future.add_done_callback(lambda _: self._turns.end(turn))
        self._started[future] = key

    def wait(self) -> list[tuple[K, T | Exception]]:
        """Wait until one has ended; return all that have, with what each returned or raised."""
        if self._first is not None:
            key, flow = self._first
            self._first = None
            try:
                return [(key, self.driver.run(flow))]
            except Exception as error:  # noqa: BLE001 - a value, as of those on threads
                return [(key, error)]
        done, _ = wait_for(self._started, return_when=FIRST_COMPLETED)
        return [(self._started.pop(each), result_of(each)) for each in done]

    def close(self) -> None:
        """Forget what runs: a read under way ends by itself, within its timeout."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)


def result_of(ended: Any) -> Any:
    """Return what a future or a task returned or raised."""
    error = ended.exception()
    if error is None:
        return ended.result()
    if isinstance(error, Exception):
        return error
    raise error  # an interrupt is nobody's value
