"""How long to wait: backoff, retry quota, token buckets, throttle. Pure: time is an argument.

Four waits for four reasons. `Backoff` spreads the retries of many clients after a failure.
`RetryQuota` (after botocore's) bounds the retries of one client, so that an outage is not answered
with a storm. `TokenBucket` counts as the exchange's buckets do, so that a request waits that would
be refused with 429 (`pacer.py` has one for each of the exchange's). `Throttle` learns from the 429s
of reads where pacing is off.

429 carries no Retry-After and no rate headers (observed), so the client has to count by itself.
"""

from __future__ import annotations

import math
import random
import threading
from collections import OrderedDict
from typing import ClassVar, cast

from attrs import define, field, frozen

from kalshi_ext.arguments import LONGEST_WAIT, Checked, is_number, must_be, plain, seconds
from kalshi_ext.bases import Printed
from kalshi_ext.errors import Misuse

# Seconds after which a request counts as arrived, answered or not.
_ARRIVES_WITHIN, _URGENT_ARRIVES_WITHIN = 0.5, 0.25
_ROUNDING = 1e-6  # of tokens: sums of fractions
_LEASE_USABLE = 0.5  # seconds; the store counts it as held for longer
_SHORTEST = 0.001  # seconds; a clock may not tell less apart


def _wait(value: object, name: str) -> float:
    return seconds(value, name, zero=True, longest=LONGEST_WAIT)


def _amount(value: object, name: str) -> float:
    number = plain(value)
    if not is_number(number) or not 0 < number < 1e9:
        raise must_be(name, value, "a number of tokens above 0")
    return cast("float", number)


@frozen(eq=False, repr=False)
class Backoff(Checked):
    """Exponential backoff with full jitter: uniform from 0 to a doubling ceiling, in seconds."""

    # Full jitter spreads many clients best (Amazon's published simulation of contended retries).

    first: float = 0.25
    ceiling: float = 8.0
    rng: random.Random = field(factory=random.Random, repr=False, eq=False)

    _prefix: ClassVar = "backoff "
    _checks: ClassVar = {"first": _wait, "ceiling": _wait}

    def wait(self, attempt: int) -> float:
        """Return the seconds to wait after failed attempt number `attempt` (from 1)."""
        doublings = min(attempt - 1, 60)  # far beyond any ceiling, and still a float
        return self.rng.uniform(0.0, min(self.ceiling, self.first * 2**doublings))


@define(eq=False, repr=False)
class RetryQuota(Printed):
    """The retries a client may still make: each takes `cost` tokens of `capacity`.

    A call that ends without a retry returns one token. Shared by threads.
    """

    capacity: int = 100
    cost: int = 5
    _tokens: int = field(init=False)
    _lock: threading.RLock = field(factory=threading.RLock, init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        self._tokens = self.capacity

    def acquire(self) -> bool:
        """Take the cost of one retry; False when too few tokens are left."""
        with self._lock:
            if self._tokens < self.cost:
                return False
            self._tokens -= self.cost
            return True

    def release(self) -> None:
        """Return one token."""
        with self._lock:
            self._tokens = min(self.capacity, self._tokens + 1)


@define(eq=False, repr=False)
class Turn(Printed):
    """The place of one request in a bucket: it may go once the bucket's count reaches `due`."""

    cost: float
    urgent: bool
    due: float
    sent: bool = False


@define(eq=False, repr=False)
class TokenBucket(Checked):
    """A token bucket: `rate` tokens a second, up to `capacity`.

    A request books its cost when it asks and goes when the tokens are there; a debt makes later
    ones wait longer, so they go in the order in which they asked. `kept` tokens (a tenth of the
    capacity, where a request leaves so much) are for urgent requests alone. An urgent request goes
    before everything that is booked, and what is booked then goes later by its cost.

    The exchange's bucket takes the tokens when the request arrives, and does not refill while it is
    full. So a request on its way, for at most half a second, leaves no room to refill here either:
    the level here is never above the level there, whatever the network's delays are.
    """

    rate: float
    capacity: float
    share: float = field(default=1.0, init=False)  # of the rate, after refusals
    # Tokens that nobody booked; below 0 a debt.
    _level: float = field(init=False)
    # Tokens that came in, as urgent requests count them, and as all others do: less by what
    # urgent requests took before them.
    _came: float = field(default=0.0, init=False)
    _left: float = field(default=0.0, init=False)
    _booked: float = field(default=0.0, init=False)  # by requests that wait and are not urgent
    _flying: OrderedDict[int, tuple[float, float]] = field(
        factory=OrderedDict[int, tuple[float, float]], init=False, repr=False
    )
    _flying_cost: float = field(default=0.0, init=False)
    _updated_at: float | None = field(default=None, init=False)
    _refused_at: float = field(default=-math.inf, init=False)
    waiting: int = field(default=0, init=False)
    # A shared bucket gets no tokens by time, but by `credit`, and gives back what it did not use.
    is_shared: bool = field(default=False, init=False)
    is_leasing: bool = field(default=False, init=False)
    was_refused: bool = field(default=False, init=False)
    _unused: float = field(default=0.0, init=False)
    _expires_at: float = field(default=math.inf, init=False)

    _prefix: ClassVar = "bucket "
    _checks: ClassVar = {"rate": _amount, "capacity": _amount}

    def _check_together(self) -> None:
        self._level = self.capacity

    @property
    def kept(self) -> float:
        """Return the tokens that only urgent requests may take."""
        return self.capacity / 10

    def book(self, cost: float, now: float, *, urgent: bool = False) -> Turn:
        """Take a place for a request of `cost` tokens; `now` is in seconds of any clock.

        Raises Misuse for a cost over the capacity.
        """
        # A batch has to fit into the bucket, or the exchange refuses all of it (documented).
        if cost > self.capacity:
            raise Misuse(
                f"this request costs {cost:g} tokens but the bucket holds {self.capacity:g}: "
                "send it in smaller batches"
            )
        self.refill(now)
        self._level -= cost
        self.waiting += 1
        if urgent:
            self._left -= cost
            return Turn(cost, urgent, self._came + max(0.0, -(self._level + self._booked)))
        self._booked += cost
        floor = 0.0 if self.is_shared else min(self.kept, self.capacity - cost)
        return Turn(cost, urgent, self._left + max(0.0, floor - self._level))

    def wait(self, turn: Turn, now: float) -> float:
        """Return the seconds until a request may go, 0 for now; later ones may move it back."""
        self.refill(now)
        missing = turn.due - (self._came if turn.urgent else self._left)
        if missing <= _ROUNDING:
            return 0.0
        return max(_SHORTEST, missing / (self.rate * self.share))

    def send(self, turn: Turn, now: float) -> None:
        """Take in that a request goes now."""
        self._unbook(turn)
        turn.sent = True
        # What is urgent waits for nobody's answer for long.
        within = _URGENT_ARRIVES_WITHIN if turn.urgent else _ARRIVES_WITHIN
        self._flying[id(turn)] = (now + within, turn.cost)
        self._flying_cost += turn.cost

    def answered(self, turn: Turn, now: float) -> None:
        """Take in that a request was answered, so it has arrived."""
        self.refill(max(now, self._updated_at or now))  # answers come in any order
        self._landed(turn)

    def _landed(self, turn: Turn) -> None:
        if (flying := self._flying.pop(id(turn), None)) is not None:
            self._flying_cost -= flying[1]

    def give_back(self, turn: Turn) -> None:
        """Give back the tokens of a request that was not sent."""
        if turn.sent:
            self._landed(turn)
        else:
            self._unbook(turn)
        self._level = min(self.capacity, self._level + turn.cost)
        if turn.urgent:
            self._left += turn.cost

    def refused(self, now: float) -> None:
        """Take in a 429: the exchange has fewer tokens than this bucket believes.

        The bucket is empty then. Where that happens again, somebody else draws on it too: its rate
        is taken to be 0.7 of what it was, and comes back by a twentieth a second.
        """
        now = max(now, self._updated_at or now)
        self.refill(now)
        held = self._level + self._booked
        if held > 0:
            self._level -= held
            self._left -= held
        if now - self._refused_at > 1.0:
            self.share = max(0.1, self.share * 0.7)
        self._refused_at, self.was_refused = now, True

    def share_out(self) -> None:
        """Become the part of a bucket that several processes share; begin with nothing."""
        self.is_shared, self._level = True, 0.0

    def missing(self, turn: Turn) -> float:
        """Return the tokens that have to come in before a request may go."""
        return max(0.0, turn.due - (self._came if turn.urgent else self._left))

    def credit(self, tokens: float, now: float) -> None:
        """Take in tokens of the shared bucket, to be used within a lease's time."""
        self.refill(now)
        self._level += tokens
        self._came += tokens
        self._left += tokens
        self._expires_at = now + _LEASE_USABLE

    def take_unused(self) -> float:
        """Return the tokens that were not used in time, to be given back."""
        unused, self._unused = self._unused, 0.0
        return unused

    def empty(self, now: float) -> float:
        """Give up the tokens that are here; return them with what was not used before."""
        self._expires_at = now
        self.refill(now)
        return self.take_unused()

    @property
    def flying(self) -> float:
        """Return the cost of the requests on their way, and of what is here to be used."""
        return self._flying_cost + max(0.0, self._level + self._booked)

    def learn(self, rate: float, capacity: float, now: float) -> None:
        """Take over the true numbers; what waits goes by them from now on."""
        self.refill(now)
        gain = 0.0 if self.is_shared else capacity - self.capacity
        if gain < 0:  # only what is above the new capacity goes
            gain = min(0.0, capacity - (self._level + self._booked))
        self.rate, self.capacity = rate, capacity
        self._level += gain
        self._left += gain
        self._came += gain

    def refill(self, now: float) -> None:
        """Let the tokens of the time that passed come in."""
        while self._flying:
            key, (until, cost) = next(iter(self._flying.items()))
            if until > now:
                break
            del self._flying[key]
            self._flying_cost -= cost
        # A clock set back gives nothing and takes nothing.
        passed = 0.0 if self._updated_at is None else max(0.0, now - self._updated_at)
        self._updated_at = now
        share, self.share = self.share, min(1.0, self.share + passed / 20)
        if self.is_shared:
            self._drop_unused(now)
            return
        room = self.capacity - self._booked - self._flying_cost - self._level
        gain = min(passed * self.rate * share, max(0.0, room))
        self._level += gain
        self._came += gain
        self._left += gain

    def _drop_unused(self, now: float) -> None:
        held = self._level + self._booked
        if now >= self._expires_at and held > 0:
            self._level -= held
            self._left -= held
            self._unused += held
            self._expires_at = math.inf

    def tokens(self, now: float) -> float:
        """Return the tokens that the exchange's bucket holds, as far as this one knows."""
        self.refill(now)
        return self._level + self._booked

    def wait_for(self, cost: float, now: float) -> float:
        """Return how long a request of this cost would wait if it asked now."""
        self.refill(now)
        floor = min(self.kept, max(0.0, self.capacity - cost))
        return max(0.0, floor + cost - self._level) / (self.rate * self.share)

    def _unbook(self, turn: Turn) -> None:
        self.waiting -= 1
        if not turn.urgent:
            self._booked -= turn.cost


@define(eq=False, repr=False)
class Throttle(Printed):
    """Space reads out after a 429, where no `Pacer` knows the budget.

    A 429 doubles the interval between two reads, from `first` up to `ceiling`; each read that was
    let through shortens it by a fiftieth, so that it settles near the exchange's limit and goes
    away when nothing is refused any more. Shared by threads.
    """

    first: float = 0.05
    ceiling: float = 1.0
    interval: float = 0.0
    _next_at: float = 0.0
    _lock: threading.RLock = field(factory=threading.RLock, init=False, repr=False, eq=False)

    def reserve(self, now: float) -> float:
        """Return the seconds to wait before the next read; `now` is monotonic."""
        with self._lock:
            at = max(now, self._next_at)
            self._next_at = at + self.interval
            return at - now

    def release(self) -> None:
        """Give back a reservation that was not used."""
        with self._lock:
            self._next_at -= self.interval

    def refused(self) -> None:
        """Take in that a read was answered 429."""
        with self._lock:
            self.interval = min(self.ceiling, max(self.first, self.interval * 2))

    def passed(self) -> None:
        """Take in that a read was let through."""
        with self._lock:
            shorter = self.interval * 0.98
            self.interval = shorter if shorter > self.first / 8 else 0.0
