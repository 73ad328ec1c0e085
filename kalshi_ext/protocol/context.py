"""What the flows of one client share: the numbers that rule waiting, and who drives what."""

from __future__ import annotations

import math
import threading
import weakref
from collections.abc import Iterable
from typing import Any

from attrs import define, field, frozen

from kalshi_ext.errors import Misuse
from kalshi_ext.protocol.deviations import DeviationCounter
from kalshi_ext.protocol.rate_limits import Backoff, Pacer, RetryQuota


def _seconds(_: object, attribute: Any, value: Any) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= value < math.inf:
        raise Misuse(f"policy {attribute.name} must be a number of seconds, not {value!r}")


def _at_least_one(_: object, attribute: Any, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise Misuse(f"policy {attribute.name} must be a whole number from 1 up, not {value!r}")


@frozen
class Policy:
    """The numbers that rule waiting; seconds and attempts.

    `timeout` bounds one attempt in total. `signature_life` is how long a delayed copy of a
    request may still be accepted: the exchange was seen to refuse timestamps 30 s old, 60 is
    that with margin. `resolve_within` bounds how long a write may look for its own outcome.
    `resend` lets a write that is proven absent be sent again under its own id, `rounds` times in
    all. `read_lag` is assumed where a contract has no watermark to tell how fresh reads are.
    """

    timeout: float = field(default=10.0, validator=_seconds)
    attempts: int = field(default=4, validator=_at_least_one)
    signature_life: float = field(default=60.0, validator=_seconds)
    resolve_within: float = field(default=180.0, validator=_seconds)
    resend: bool = True
    poll: float = field(default=0.25, validator=_seconds)
    poll_ceiling: float = field(default=5.0, validator=_seconds)
    read_lag: float = field(default=10.0, validator=_seconds)
    rounds: int = field(default=3, validator=_at_least_one)
    backoff: Backoff = field(factory=Backoff)


class LockOwner:
    """Whoever drives journal keys, where no other object stands for the work."""

    __slots__ = ("__weakref__",)


@define
class LockRegistry:
    """The journal keys that running flows of this client are driving; shared by threads.

    A key belongs to an owner, and is held weakly: an interrupt may end a flow anywhere, even where
    it would let go, and its keys are free once it is gone. Then they were `abandoned`.
    """

    abandoned: bool = False
    _owners: dict[str, weakref.ref[object]] = field(factory=dict[str, "weakref.ref[object]"])
    _lock: threading.Lock = field(factory=threading.Lock, repr=False, eq=False)

    def acquire(self, keys: Iterable[str], owner: object) -> set[str]:
        """Take the keys nobody drives and return them."""
        with self._lock:
            free = {key for key in keys if key not in self}
            self._owners.update(dict.fromkeys(free, weakref.ref(owner, self._abandon)))
            return free

    def release(self, owner: object) -> None:
        """Let go of all that an owner took."""
        with self._lock:
            for key, other in list(self._owners.items()):
                if other() is owner or other() is None:
                    del self._owners[key]

    def _abandon(self, _: object) -> None:
        self.abandoned = True

    def __contains__(self, key: object) -> bool:
        there = self._owners.get(str(key))
        return there is not None and there() is not None


@define
class PendingWrites:
    """Keys of earlier writes without a verdict, by ticker; `read` once the journal was asked."""

    loaded: bool = False
    by_ticker: dict[str, set[str]] = field(factory=dict[str, set[str]])

    def add(self, ticker: str | None, key: str) -> None:
        """Remember a write whose outcome is not known."""
        self.by_ticker.setdefault(ticker or "", set()).add(key)

    def drop(self, ticker: str | None, key: str) -> None:
        """Forget a write that has a verdict now."""
        self.by_ticker.get(ticker or "", set()).discard(key)


@define
class RecentWrites:
    """When this client last changed which order (Unix seconds): reads may not show it yet."""

    keep: float = 600.0
    _at: dict[str, float] = field(factory=dict[str, float])

    def add(self, order_id: str, now: float) -> None:
        """Remember a change, and forget those long past."""
        for old in [key for key, at in list(self._at.items()) if abs(now - at) > self.keep]:
            self._at.pop(old, None)
        self._at[order_id] = now

    def last_write_at(self, order_id: str) -> float | None:
        """Return when an order was changed; None where it was not, or long ago."""
        return self._at.get(order_id)


@frozen
class Context:
    """What the flows of one client share."""

    policy: Policy = field(factory=Policy)
    retry_quota: RetryQuota = field(factory=RetryQuota)
    deviations: DeviationCounter = field(factory=DeviationCounter)
    pacer: Pacer | None = None
    locks: LockRegistry = field(factory=LockRegistry)
    recent_writes: RecentWrites = field(factory=RecentWrites)
    pending_writes: PendingWrites = field(factory=PendingWrites)
