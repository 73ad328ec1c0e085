"""How long to wait: backoff, retry quota, token buckets, throttle. Pure: time is an argument.

Four waits for four reasons. `Backoff` spreads the retries of many clients after a failure.
`RetryQuota` (after botocore's) bounds the retries of one client, so that an outage is not answered
with a storm. `Pacer` waits before a request that the exchange would refuse with 429: it keeps a
read and a write bucket, as the exchange does (documented). `Throttle` learns from the 429s of reads
where no budget is known.

429 carries no Retry-After and no rate headers (observed), so the client has to count by itself.
"""

from __future__ import annotations

import random
import threading
from typing import ClassVar, cast

from attrs import define, field, frozen

from kalshi_ext.arguments import LONGEST_WAIT, Checked, instance, must_be, one_of, plain, seconds
from kalshi_ext.errors import Misuse

# Tokens a second, read and write, by usage tier (exchange documentation, August 2026). The figures
# move: a Basic read bucket of 600 was observed in September. The account's own: account.limits().
TIERS = {
    "basic": (200, 100),
    "advanced": (300, 300),
    "expert": (600, 600),
    "premier": (1000, 1000),
    "paragon": (2000, 2000),
    "prime": (4000, 4000),
    "prestige": (10000, 8000),
}
DEFAULT_COST = 10  # tokens of an operation that is not listed (documented)
CHEAP_COST = 2  # a V2 cancel, also each order of a batch cancel


def _wait(value: object, name: str) -> float:
    return seconds(value, name, zero=True, longest=LONGEST_WAIT)


def _amount(value: object, name: str) -> float:
    number = plain(value)
    if type(number) not in (int, float) or not 0 < number < 1e9:
        raise must_be(name, value, "a number of tokens above 0")
    return cast("float", number)


def _bucket(value: object, name: str) -> TokenBucket:
    checked: TokenBucket = instance(value, name, TokenBucket, "must be a TokenBucket")
    return checked


@frozen
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


@define
class RetryQuota:
    """The retries a client may still make: each takes `cost` tokens of `capacity`.

    A call that ends without a retry returns one token. Shared by threads.
    """

    capacity: int = 100
    cost: int = 5
    _tokens: int = field(init=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False, repr=False, eq=False)

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


@define
class TokenBucket(Checked):
    """A token bucket: `rate` tokens a second, up to `capacity`."""

    rate: float
    capacity: float
    _tokens: float = field(init=False)
    _updated_at: float | None = field(default=None, init=False)

    _prefix: ClassVar = "bucket "
    _checks: ClassVar = {"rate": _amount, "capacity": _amount}

    def _check_together(self) -> None:
        self._tokens = self.capacity

    def reserve(self, cost: float, now: float) -> float:
        """Take `cost` tokens and return the seconds to wait before using them.

        `now` is in seconds of any clock. Raises Misuse for a cost over the capacity.
        """
        # A batch has to fit into the bucket, or the exchange refuses all of it (documented).
        if cost > self.capacity:
            raise Misuse(
                f"this request costs {cost:g} tokens but the bucket holds {self.capacity:g}: "
                "send it in smaller batches"
            )
        if self._updated_at is not None:
            passed = max(
                0.0, now - self._updated_at
            )  # a clock set back gives nothing and takes nothing
            self._tokens = min(self.capacity, self._tokens + passed * self.rate)
        self._updated_at = now
        # Below zero is a debt: later callers queue behind it by waiting longer.
        self._tokens -= cost
        return max(0.0, -self._tokens / self.rate)

    def release(self, cost: float) -> None:
        """Give back tokens that were reserved and not used."""
        self._tokens = min(self.capacity, self._tokens + cost)


@define
class Throttle:
    """Space reads out after a 429, where no `Pacer` knows the budget.

    A 429 doubles the interval between two reads, from `first` up to `ceiling`; each read that was
    let through shortens it by a fiftieth, so that it settles near the exchange's limit and goes
    away when nothing is refused any more. Shared by threads.
    """

    first: float = 0.05
    ceiling: float = 1.0
    interval: float = 0.0
    _next_at: float = 0.0
    _lock: threading.Lock = field(factory=threading.Lock, init=False, repr=False, eq=False)

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


@define
class Pacer(Checked):
    """Pace requests within the exchange's rate limits: a bucket for reads, one for writes.

    Shared by threads.
    """

    read: TokenBucket
    write: TokenBucket
    _lock: threading.Lock = field(factory=threading.Lock, init=False, repr=False, eq=False)

    _prefix: ClassVar = "pacer "
    _checks: ClassVar = {"read": _bucket, "write": _bucket}

    @classmethod
    def of_tier(cls, tier: str) -> Pacer:
        """Build the pacer of a usage tier. Raises Misuse for an unknown tier."""
        tier = one_of(tier, "pace", TIERS)
        reads, writes = TIERS[tier]
        # Documented: a bucket holds two seconds for writes above Basic and for Basic and Advanced
        # reads, else one second.
        double_read = 2 if tier in {"basic", "advanced"} else 1
        double_write = 1 if tier == "basic" else 2
        return cls(
            TokenBucket(reads, reads * double_read), TokenBucket(writes, writes * double_write)
        )

    def reserve(self, *, writes: bool, cost: float, now: float) -> float:
        """Return the seconds to wait before sending a request of `cost` tokens."""
        with self._lock:
            return (self.write if writes else self.read).reserve(cost, now)

    def release(self, *, writes: bool, cost: float) -> None:
        """Give back the tokens of a request that was not sent."""
        with self._lock:
            (self.write if writes else self.read).release(cost)
