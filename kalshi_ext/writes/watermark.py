"""How fresh reads are, when a write left, and how long to go on looking."""

from __future__ import annotations

from attrs import define, frozen

from kalshi_ext.contracts.interface import Contract
from kalshi_ext.errors import KalshiError
from kalshi_ext.protocol.flow import (
    Context,
    Flow,
    Now,
    Policy,
    decode_response,
    send_with_retries,
    server_time,
)
from kalshi_ext.protocol.messages import Reply

CLOCK_SKEW = 300.0  # seconds by which the clocks may differ when asking for orders since a time
DAY = 86_400.0  # seconds
DATE_GRAIN = 1.0  # a Date header is cut to whole seconds


@frozen
class Watermark:
    """How fresh reads are: they show everything up to `as_of`.

    `as_of` and `there`, the moment of the reading, are Unix seconds of the exchange's clock;
    `ahead` is how far that clock is ahead of ours at most, 0 where it did not say.
    """

    as_of: float | None = None
    exchange_time: float = 0.0
    clock_ahead: float = 0.0


@define
class SentAt:
    """When a write left last.

    `at` is its signature's timestamp (Unix seconds of our clock, which the exchange accepted only
    where it was near its own); None means "before this look", told by the exchange's clock.
    """

    at: float | None
    _before: float | None = None

    def visible(self, fresh: Watermark, after: float = 0.0) -> bool:
        """Say whether reads show everything until so many seconds after the write left."""
        if fresh.as_of is None:
            return False
        if self.at is not None:
            return fresh.as_of >= self.at + fresh.clock_ahead + after
        if self._before is None:
            self._before = fresh.exchange_time
        return fresh.as_of >= self._before + after


def read_watermark(contract: Contract, context: Context) -> Flow[Watermark]:
    """Ask how fresh the reads are that follow."""
    if not contract.has_watermark:
        now = yield Now()
        return Watermark(now - context.policy.read_lag, now)
    call = contract.exchange.data_timestamp()
    outcome = yield from send_with_retries(call, context)
    if not isinstance(outcome, Reply):
        return Watermark()
    try:
        as_of = decode_response(call, outcome, context).timestamp()
    except KalshiError:
        return Watermark()
    date = server_time(outcome)
    exchange_time = (outcome.received_at if date is None else date) + DATE_GRAIN
    # What claims to be fresher than the moment it was said at is not believed.
    return Watermark(
        min(as_of, exchange_time), exchange_time, max(0.0, exchange_time - outcome.received_at)
    )


@define
class PollSchedule:
    """How long to go on looking, and how long to wait between two looks (seconds).

    The waits are counted besides the clock, which may be set back meanwhile.
    """

    policy: Policy
    started: float
    _waited: float = 0.0
    _next: float | None = None

    def expired(self, now: float) -> bool:
        """Say whether the time to look is over."""
        return max(now - self.started, self._waited) >= self.policy.resolve_within

    def next_wait(self) -> float:
        """Return how long to wait now: longer each time, up to the ceiling."""
        step = self.policy.poll if self._next is None else self._next
        self._waited += step
        self._next = min(step * 2, self.policy.poll_ceiling)
        return step
