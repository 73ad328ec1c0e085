"""The arithmetic of a shared bucket: what a process gets when it asks, and when it may use it.

A row holds the tokens of one bucket of one account. Whoever changes it has it locked and reads the
clock under that lock, so all changes have one order and one time. A process takes a fifth of a
second of tokens at a time, or one request's cost where that is more, with a wait: below zero the
level is a debt, so nobody who asked first is passed by. What it holds and has not used, or has on
its way to the exchange, leaves no room to refill: the exchange's bucket does not refill either
while it is full. A process that dies takes what it holds with it, for a second.

Urgent requests have an allowance of their own, a tenth of the capacity, that refills first.
"""

from __future__ import annotations

import os
import threading
from queue import Empty, SimpleQueue
from typing import Generic, Protocol, TypeVar

from attrs import define, field, frozen

from kalshi_ext.bases import Printed, Value
from kalshi_ext.errors import KalshiError

LEASE_SECONDS = 0.2
_HELD_FOR = 1.0  # seconds after which what a process holds counts as used


@frozen(kw_only=True, eq=False, repr=False)
class Demand(Value):
    """What a process asks of a bucket, in tokens.

    It needs `cost` and gets up to `want`; it gives back `unused` and still has `flying` on the way.
    `refused` says that the exchange had fewer tokens than this bucket.
    """

    bucket: str
    owner: str
    rate: float
    capacity: float
    cost: float
    want: float
    unused: float = 0.0
    flying: float = 0.0
    urgent: bool = False
    refused: bool = False


@frozen(eq=False, repr=False)
class Grant(Value):
    """The tokens that a process got, and the seconds until it may use them."""

    tokens: float
    wait: float


@define(eq=False, repr=False)
class Row(Printed):
    """A bucket as it is stored. `holds` maps a process to (tokens, until)."""

    level: float
    urgent: float
    updated_at: float
    holds: dict[str, tuple[float, float]] = field(factory=dict[str, tuple[float, float]])

    @classmethod
    def full(cls, demand: Demand, now: float) -> Row:
        """Begin with a full bucket."""
        return cls(demand.capacity, demand.capacity / 10, now)

    def grant(self, demand: Demand, now: float) -> Grant:
        """Give a process what it asks for; `now` was read under the lock of the row."""
        self._refill(demand, now)
        if demand.refused:
            self.level = min(self.level, 0.0)
        kept = demand.capacity / 10
        tokens = demand.cost if demand.urgent else max(demand.cost, demand.want)
        tokens = min(tokens, max(demand.capacity, demand.cost))
        had, self.level = self.level, self.level - tokens
        if demand.urgent:
            self.urgent -= tokens
            wait = 0.0 if had >= tokens else max(0.0, -self.urgent / demand.rate)
        else:
            floor = max(0.0, min(kept, demand.capacity - tokens))
            wait = max(0.0, floor - self.level) / demand.rate
        self.holds[demand.owner] = (demand.flying + tokens, now + wait + _HELD_FOR)
        return Grant(tokens, wait)

    def step_forward(self, step: float, now: float) -> None:
        """Take in that the clock was set forward since the row was written, in seconds.

        Who noticed it cannot tell whether somebody has written since: then this costs what
        refilled from that moment on, and no request more than the limit.
        """
        self.updated_at = max(self.updated_at, min(self.updated_at + step, now))
        longest = now + _HELD_FOR
        self.holds = {
            who: (held, max(until, min(until + step, longest)))
            for who, (held, until) in self.holds.items()
        }

    def _refill(self, demand: Demand, now: float) -> None:
        if now < self.updated_at:  # a clock set back: what is held ends as long from now as before
            back = self.updated_at - now
            self.holds = {who: (held, until - back) for who, (held, until) in self.holds.items()}
        self.holds = {
            owner: held
            for owner, held in self.holds.items()
            if held[1] > now and owner != demand.owner
        }
        self.level += demand.unused
        held = demand.flying + sum(tokens for tokens, _ in self.holds.values())
        passed = max(0.0, now - self.updated_at)  # a clock set back gives nothing
        room = max(0.0, demand.capacity - held - self.level)
        self.level += min(passed * demand.rate, room)
        self.urgent = min(demand.capacity / 10, self.urgent + passed * demand.rate)
        self.updated_at = now


_CLOCK_ERROR = 0.05  # seconds; less is no step but the clock of a machine being slewed
_SLEW = 0.001  # of the time that passed


@define(eq=False, repr=False)
class WatchedClock(Printed):
    """Another machine's clock, watched from one reading to the next by a monotonic one."""

    _read: float | None = None
    _before: float = 0.0

    def step(self, now: float, before: float, after: float) -> float:
        """Return by how many seconds it was set forward since the last reading.

        It was read between the monotonic moments `before` and `after`.
        """
        last, self._read = self._read, now
        passed, self._before = after - self._before, before
        if last is None:
            return 0.0
        step = now - last - passed
        return step if step > _CLOCK_ERROR + passed * _SLEW else 0.0


_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0  # seconds


@define(eq=False, repr=False)
class StoreTrouble(Printed):
    """Whether a store answers: after a failure it is left alone for a while, longer each time.

    A store that hangs would else hold up every request, cancels too. Moments are monotonic.
    """

    reason: str | None = None
    since: float = 0.0
    retry_at: float = 0.0
    _pause: float = _FIRST_PAUSE

    def rests(self, now: float) -> bool:
        """Say whether the store is not to be asked now."""
        return self.reason is not None and now < self.retry_at

    def failed(self, reason: str, now: float) -> float:
        """Take in that it did not answer; return the seconds until it is asked again."""
        if self.reason is None:
            self.since, self._pause = now, _FIRST_PAUSE
        self.reason, pause = reason, self._pause
        self.retry_at, self._pause = now + pause, min(2 * pause, _LONGEST_PAUSE)
        return pause

    def answered(self, now: float) -> float | None:
        """Take in that it answered; return the seconds it did not, None where it always did."""
        if self.reason is None:
            return None
        self.reason = None
        return max(0.0, now - self.since)


class BudgetStore(Protocol):
    """Where the buckets of an account are kept. May block; may raise anything."""

    def lease(self, demand: Demand) -> Grant:
        """Take tokens under the lock of their bucket."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


class _Closable(Protocol):
    def close(self) -> None: ...


ConnectionT = TypeVar("ConnectionT", bound=_Closable)
_CLOSE_WITHIN = 0.5  # seconds


@define(eq=False, repr=False)
class ConnectionHolder(Printed, Generic[ConnectionT]):
    """The one connection of a store, shared by threads; a forked child opens its own."""

    _connection: ConnectionT | None = field(default=None, init=False, repr=False)
    _pid: int = field(default=0, init=False, repr=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False, repr=False)

    def _drop(self) -> None:
        if self._connection is not None and self._pid == os.getpid():
            self._connection.close()
        self._connection = None

    def close(self) -> None:
        """Close the connection."""
        # A lease that hangs holds the lock: its connection ends with the process.
        if self._lock.acquire(timeout=_CLOSE_WITHIN):
            try:
                self._drop()
            finally:
                self._lock.release()


_WITHIN, _URGENT_WITHIN = 3.0, 0.25  # seconds; a database near by takes a hundredth


def lease_in_time(store: BudgetStore, demand: Demand) -> Grant:
    """Take tokens on a thread of its own. Raises KalshiError where that takes too long.

    A database that stands still answers nothing and breaks no connection, and a cancel must not
    wait for it. Nor for a lock of this very thread, where a signal handler stops in the middle.
    """
    answer: SimpleQueue[Grant | Exception] = SimpleQueue()

    def ask() -> None:
        try:
            answer.put(store.lease(demand))
        except Exception as error:  # noqa: BLE001 - raised by who waits
            answer.put(error)

    threading.Thread(target=ask, name="kalshi-budget", daemon=True).start()
    within = _URGENT_WITHIN if demand.urgent else _WITHIN
    try:
        answered = answer.get(timeout=within)
    except Empty:
        raise KalshiError(f"the shared budget does not answer in {within:g} s") from None
    if isinstance(answered, Exception):
        raise answered
    return answered
