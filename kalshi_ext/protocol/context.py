"""What the flows of one client share: policy and quotas, and what its journal has in flight."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from attrs import define, field, frozen

from kalshi_ext.arguments import LONGEST_WAIT, Checked, at_least_one, flag, instance, seconds
from kalshi_ext.bases import Printed, Value
from kalshi_ext.errors import Misuse
from kalshi_ext.events import Events
from kalshi_ext.journal.in_flight import (
    LockOwner,
    LockRegistry,
    PendingWrites,
    RecentWrites,
    StrayWrites,
)
from kalshi_ext.models.account import AccountLimits, EndpointCosts
from kalshi_ext.models.exchange import Schedule
from kalshi_ext.protocol.deviations import DeviationCounter
from kalshi_ext.protocol.exchange_clock import ExchangeClock
from kalshi_ext.protocol.limits import CallLimits, StopMarks
from kalshi_ext.protocol.messages import Call
from kalshi_ext.protocol.pacer import Pacer
from kalshi_ext.protocol.rate_limits import Backoff, RetryQuota, Throttle
from kalshi_ext.requests import OrderTicket
from kalshi_ext.requests.known import KnownOrders

if TYPE_CHECKING:
    from kalshi_ext.risk import RiskGate

__all__ = ["Context", "LockOwner", "LockRegistry", "PendingWrites", "Policy", "RecentWrites"]


def _wait(value: object, name: str) -> float:
    return seconds(value, name, zero=True, longest=LONGEST_WAIT)


def _backoff(value: object, name: str) -> Backoff:
    checked: Backoff = instance(value, name, Backoff, "must be a Backoff")
    return checked


@frozen(eq=False, repr=False)
class Policy(Checked):
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

    timeout: float = 10.0
    attempts: int = 4
    signature_life: float = 60.0
    resolve_within: float = 180.0
    resend: bool = True
    resend_within: float = 5.0
    poll: float = 0.25
    poll_ceiling: float = 5.0
    read_lag: float = 10.0
    rounds: int = 3
    backoff: Backoff = field(factory=Backoff)

    _prefix: ClassVar = "policy "
    _checks: ClassVar = {
        "timeout": seconds,
        "attempts": at_least_one,
        "signature_life": _wait,
        "resolve_within": _wait,
        "resend": flag,
        "resend_within": _wait,
        "poll": _wait,
        "poll_ceiling": _wait,
        "read_lag": _wait,
        "rounds": at_least_one,
        "backoff": _backoff,
    }

    def _check_together(self) -> None:
        if self.resolve_within < self.signature_life:
            raise Misuse(
                f"policy resolve_within={self.resolve_within} is shorter than "
                f"signature_life={self.signature_life}: no write could be proven absent"
            )


@define(eq=False, repr=False)
class KnownSchedule(Printed):
    """The exchange's schedule as it was read last (monotonic), None where that failed."""

    schedule: Schedule | None = None
    read_at: float = -math.inf


class AutoGroups(Protocol):
    """What puts orders that name no group in one (`stop/auto_groups`), around their sending."""

    def assigned(
        self, contract: Any, tickets: Sequence[OrderTicket], context: Context, limits: CallLimits, /
    ) -> Generator[Any, Any, Sequence[OrderTicket]]: ...

    def forget_if_gone(
        self, contract: Any, ticket: OrderTicket, result: object, context: Context,
        limits: CallLimits, /,
    ) -> Generator[Any, Any, None]: ...  # fmt: skip


@frozen(eq=False, repr=False)
class Context(Value):
    """What the flows of one client share; locks to stops are shared by all of its journal."""

    policy: Policy = field(factory=Policy)
    retry_quota: RetryQuota = field(factory=RetryQuota)
    deviations: DeviationCounter = field(factory=DeviationCounter)
    pacer: Pacer | None = None
    # Makes what reads the account's limits and costs; None where nobody can be asked.
    budget_calls: Callable[[], tuple[Call[AccountLimits], Call[EndpointCosts]]] | None = None
    throttle: Throttle = field(factory=Throttle)
    exchange_clock: ExchangeClock = field(factory=ExchangeClock)
    risk: RiskGate | None = None  # None: no limits, and no dry run
    auto_groups: AutoGroups | None = None  # None: an order has the group its caller names
    # Whether other living processes may take the journal's entries over, its name among them, and
    # the account whose entries it gives and takes.
    shared_journal: bool = False
    journal_owner: str = ""
    journal_account: str = ""
    locks: LockRegistry = field(factory=LockRegistry)
    recent_writes: RecentWrites = field(factory=RecentWrites)
    pending_writes: PendingWrites = field(factory=PendingWrites)
    stops: StopMarks = field(factory=StopMarks)
    stray_writes: StrayWrites = field(factory=StrayWrites)
    known_orders: KnownOrders = field(factory=KnownOrders)
    known_schedule: KnownSchedule = field(factory=KnownSchedule)
    events: Events = field(factory=Events)
