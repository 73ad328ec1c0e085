"""What the flows of one client share: policy and quotas, and what its journal has in flight."""

from __future__ import annotations

import math
from typing import Any

from attrs import field, frozen

from kalshi_ext.errors import Misuse
from kalshi_ext.journal.in_flight import LockOwner, LockRegistry, PendingWrites, RecentWrites
from kalshi_ext.protocol.deviations import DeviationCounter
from kalshi_ext.protocol.exchange_clock import ExchangeClock
from kalshi_ext.protocol.limits import StopMarks
from kalshi_ext.protocol.rate_limits import Backoff, Pacer, RetryQuota, Throttle

__all__ = ["Context", "LockOwner", "LockRegistry", "PendingWrites", "Policy", "RecentWrites"]


def _seconds(_: object, attribute: Any, value: Any) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= value < math.inf:
        raise Misuse(f"policy {attribute.name} must be a number of seconds, not {value!r}")


def _at_least_one(_: object, attribute: Any, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise Misuse(f"policy {attribute.name} must be a whole number from 1 up, not {value!r}")


@frozen
class Policy:
    """How long a flow waits and how often it tries; in seconds and attempts.

    `timeout` bounds one attempt in total. `signature_life` is how long a delayed copy of a
    request may still be accepted: the exchange was seen to refuse timestamps 30 s old, 60 is
    that with margin. `resolve_within` bounds how long a write may look for its own outcome; it is
    at least `signature_life`, because before that no absence can be proven.
    `resend` lets a write that is proven absent be sent again under its own id, `rounds` times in
    all. An order is a wish of now: no attempt after the first of a write that names a price begins
    later than `resend_within` after the call. `read_lag` is assumed where a contract has no
    watermark to tell how fresh reads are.
    """

    timeout: float = field(default=10.0, validator=_seconds)
    attempts: int = field(default=4, validator=_at_least_one)
    signature_life: float = field(default=60.0, validator=_seconds)
    resolve_within: float = field(default=180.0, validator=_seconds)
    resend: bool = True
    resend_within: float = field(default=5.0, validator=_seconds)
    poll: float = field(default=0.25, validator=_seconds)
    poll_ceiling: float = field(default=5.0, validator=_seconds)
    read_lag: float = field(default=10.0, validator=_seconds)
    rounds: int = field(default=3, validator=_at_least_one)
    backoff: Backoff = field(factory=Backoff)

    def __attrs_post_init__(self) -> None:
        if self.resolve_within < self.signature_life:
            raise Misuse(
                f"policy resolve_within={self.resolve_within!r} is shorter than "
                f"signature_life={self.signature_life!r}: no write could be proven absent"
            )


@frozen
class Context:
    """What the flows of one client share; the last four are shared by all of its journal."""

    policy: Policy = field(factory=Policy)
    retry_quota: RetryQuota = field(factory=RetryQuota)
    deviations: DeviationCounter = field(factory=DeviationCounter)
    pacer: Pacer | None = None
    throttle: Throttle = field(factory=Throttle)
    exchange_clock: ExchangeClock = field(factory=ExchangeClock)
    # Whether the journal outlives this process, whether other living processes may take its
    # entries over, and the name it has among them.
    durable_journal: bool = False
    shared_journal: bool = False
    journal_owner: str = ""
    locks: LockRegistry = field(factory=LockRegistry)
    recent_writes: RecentWrites = field(factory=RecentWrites)
    pending_writes: PendingWrites = field(factory=PendingWrites)
    stops: StopMarks = field(factory=StopMarks)
