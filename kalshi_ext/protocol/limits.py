"""What bounds one call: its time, the age at which nothing goes again, and stops by the caller.

    limit                         holds for                      after it
    `deadline=` of the caller     everything, timeouts too       nothing more is sent or waited for
    `Policy.resolve_within`       everything but one timeout     the same
    `Policy.resend_within`        a write that names a price,    no further attempt begins
                                  after its first attempt
    a stop (`StopMarks`)          writes that began before it    no attempt begins
    a latch (`StopRecord`)        orders and amends it covers    no attempt begins

All moments are seconds of the monotonic clock, so a step of the machine's clock moves none of them.
A call that meets a limit ends with what it knows: not sent, or unknown.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from datetime import datetime
from typing import Any, TypeAlias

from attrs import define, field

from kalshi_ext.arguments import LONGEST_WAIT, is_number, must_be, plain
from kalshi_ext.bases import Printed
from kalshi_ext.journal.in_flight import Scope, StopMarks
from kalshi_ext.redact import is_a
from kalshi_ext.values.times import aware_datetime

__all__ = ["ALL", "CallLimits", "Deadline", "Scope", "StopMarks", "checked_deadline"]

Deadline: TypeAlias = float | datetime
ALL: Scope = ("all", None)


def checked_deadline(value: Any) -> Deadline | None:
    """Return a deadline: seconds from now, or an aware datetime. Raises Misuse."""
    if value is None:
        return None
    if is_a(value, datetime):
        return aware_datetime(value, "deadline")
    number = plain(value)
    if not is_number(number) or not 0 < number <= LONGEST_WAIT:
        rule = "a number of seconds above 0 or an aware datetime"
        raise must_be("deadline", value, rule)
    return float(number)


def _nothing() -> Generator[Any, Any, None]:
    yield from ()


@define(eq=False, repr=False)
class CallLimits(Printed):
    """The limits of one call. `attempts` counts the sendings of its write so far.

    `renewed_at` are the monotonic and the corrected Unix time at which the journal last confirmed
    that the call owns its entries, None for a write without entries; `renew` is the flow that asks
    it once more. `stops_read_at` is when the latches of other machines were read last (monotonic),
    None where a glance tells them or none can shut this call out.
    """

    started: float
    ends: float
    deadline: float = math.inf
    moment: float | None = None  # the deadline in Unix seconds, where it was given as a datetime
    resend_until: float = math.inf
    stops: StopMarks = field(factory=StopMarks)
    began: int = 0
    scopes: tuple[Scope, ...] = ()
    attempts: int = 0
    renewed_at: tuple[float, float] | None = None
    stops_read_at: float | None = None
    renew: Callable[[], Generator[Any, Any, None]] = field(default=lambda: _nothing())

    def note_time(self, exchange_time: float | None, now: float) -> None:
        """End the call at its moment by the exchange's clock, where that is sooner than by ours."""
        if self.moment is not None and exchange_time is not None:
            self.deadline = min(self.deadline, now + self.moment - exchange_time)
            self.ends = min(self.ends, self.deadline)

    def refusal(self, now: float) -> str | None:
        """Say why nothing more may be sent now; None when it may."""
        if now >= self.deadline:
            return "the deadline of the call has passed"
        if now >= self.ends:
            return f"the {self.ends - self.started:g} s that the call may take are over"
        return None

    def write_refusal(self, now: float) -> str | None:
        """Say why the write may not be sent now, or not again; None when it may."""
        if (stop := self.stop()) is not None:
            return stop
        if not self.attempts:  # only its caller may say that it is too late for the first
            return self.refusal(now) if now >= self.deadline else None
        if now > self.resend_until:
            return f"{now - self.started:.0f} s have passed since the call"
        return self.refusal(now)

    def stop(self) -> str | None:
        """Say what stopped the write, None for nothing."""
        by = self.stops.since(self.began, self.scopes)
        if by is not None:
            return f"{by} was called meanwhile"
        latch = self.stops.latched(self.scopes)
        return None if latch is None else latch.reason

    def timeout(self, usual: float, now: float) -> float:
        """Return the timeout of an attempt that begins now: the usual one, cut by the deadline."""
        return min(usual, self.deadline - now)
