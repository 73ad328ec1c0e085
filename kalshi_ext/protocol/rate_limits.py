"""When to send: backoff, the retry budget and the token buckets. Pure: time is an argument."""

from __future__ import annotations

import random
import threading

from attrs import define, field, frozen

from kalshi_ext.errors import Misuse

# Tokens a second, read and write, by usage tier (exchange documentation, August 2026).
TIERS = {
    "basic": (200, 100),
    "advanced": (300, 300),
    "expert": (600, 600),
    "premier": (1000, 1000),
    "paragon": (2000, 2000),
    "prime": (4000, 4000),
    "prestige": (10000, 8000),
}
DEFAULT_COST = 10
CHEAP_COST = 2  # a V2 cancel, also each order of a batch cancel


@frozen
class Backoff:
    """Full jitter: a uniform wait in seconds between 0 and a doubling ceiling.

    Full jitter spreads many clients best (Amazon's published simulation of contended retries).
    """

    first: float = 0.25
    ceiling: float = 8.0
    rng: random.Random = field(factory=random.Random, repr=False, eq=False)

    def wait(self, attempt: int) -> float:
        """Return the seconds to wait after failed attempt number `attempt` (from 1)."""
        doublings = min(attempt - 1, 60)  # far beyond any ceiling, and still a float
        return self.rng.uniform(0.0, min(self.ceiling, self.first * 2**doublings))


@define
class RetryQuota:
    """Bound the retries of a whole client, so that an outage is not answered with a storm.

    Every retry takes `cost` of `capacity`; every success gives one back.
    """

    capacity: int = 100
    cost: int = 5
    _left: int = field(init=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        self._left = self.capacity

    def acquire(self) -> bool:
        """Take the cost of one retry; False when the budget is spent."""
        with self._lock:
            if self._left < self.cost:
                return False
            self._left -= self.cost
            return True

    def release(self) -> None:
        """Return one token after a success."""
        with self._lock:
            self._left = min(self.capacity, self._left + 1)


@define
class TokenBucket:
    """A token bucket: `rate` tokens a second up to `capacity`. Reserving never fails, it waits."""

    rate: float
    capacity: float
    _level: float = field(init=False)
    _at: float | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._level = self.capacity

    def reserve(self, cost: float, now: float) -> float:
        """Take `cost` tokens and return the seconds to wait until they are there."""
        if cost > self.capacity:
            raise Misuse(
                f"this request costs {cost:g} tokens but the bucket holds {self.capacity:g}: "
                "send it in smaller batches"
            )
        if self._at is not None:
            passed = max(0.0, now - self._at)  # a clock set back gives nothing and takes nothing
            self._level = min(self.capacity, self._level + passed * self.rate)
        self._at = now
        self._level -= cost
        return max(0.0, -self._level / self.rate)


@define
class Pacer:
    """Keep within the exchange's rate limits: one bucket for reads, one for writes.

    Reads and writes draw on separate buckets; an operation costs 10 tokens unless said.
    """

    read: TokenBucket
    write: TokenBucket
    _lock: threading.Lock = field(factory=threading.Lock, init=False, repr=False, eq=False)

    @classmethod
    def of_tier(cls, tier: str) -> Pacer:
        """Build the pacer of a usage tier; capacity is two seconds where documented, else one."""
        if tier.lower() not in TIERS:
            raise Misuse(f"pace must be one of {', '.join(TIERS)}, not {tier!r}")
        reads, writes = TIERS[tier.lower()]
        double_read = 2 if tier.lower() in {"basic", "advanced"} else 1
        double_write = 1 if tier.lower() == "basic" else 2
        return cls(
            TokenBucket(reads, reads * double_read), TokenBucket(writes, writes * double_write)
        )

    def reserve(self, *, writes: bool, cost: float, now: float) -> float:
        """Return the seconds to wait before sending a request of `cost` tokens."""
        with self._lock:
            return (self.write if writes else self.read).reserve(cost, now)
