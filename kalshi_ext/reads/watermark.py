"""What a read proves about a write: the exchange's watermark compared with the sending.

Reads lag behind writes. GET /exchange/user_data_timestamp answers `as_of_time`: balances, orders,
fills and positions are shown up to then (documented). It is read before the rows it vouches for.

    as_of >= sent                       the rows show the write, if it was executed at once
    as_of >= max(sent, stamp) + life    and no delayed copy of it can be executed any more

All of it is told in the exchange's time, by the Date of the very answer that has the watermark: a
write that left n seconds of the monotonic clock before that answer came was sent n seconds before
that Date. This machine's clock takes part in nothing but `stamp`, the timestamp that was signed:
one that is ahead of the exchange lengthens the life of a copy, by one more life at most, because
the exchange refuses what is further ahead. When a write of an earlier process left: recovery.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from attrs import define, frozen

from kalshi_ext.bases import Printed, Value
from kalshi_ext.contracts.interface import Contract
from kalshi_ext.errors import KalshiError
from kalshi_ext.protocol.attempt import RENEW_AFTER
from kalshi_ext.protocol.exchange_clock import DATE_GRAIN
from kalshi_ext.protocol.flow import (
    CallLimits,
    Context,
    Flow,
    Monotonic,
    Policy,
    Sleep,
    decode_response,
    send_with_retries,
    server_time,
)
from kalshi_ext.protocol.messages import Reply

T = TypeVar("T")

# Seconds by which an order's `created_time` may lie before what we take for the beginning of its
# call: a Date is cut to seconds and travels, and the exchange's own nodes differ.
CLOCK_SKEW = 300.0

# Seconds from an entry's exchange time to the last moment at which its write may have left; a Date
# is cut to whole seconds.
LEFT_WITHIN = RENEW_AFTER + DATE_GRAIN

# Seconds. No flow lives as long: an order came at most a day before the exchange time of its entry.
DAY = 86_400.0


@frozen(eq=False, repr=False)
class Watermark(Value):
    """How fresh reads are: they show everything up to `as_of`; None when that is not known.

    `as_of` and `exchange_time`, the moment of the reading, are Unix seconds of the exchange's
    clock; `read_at` is the same moment on the monotonic clock.
    """

    as_of: float | None = None
    exchange_time: float = 0.0
    read_at: float = 0.0
    error: KalshiError | None = None  # why it is not known, where the exchange said so
    is_dated: bool = True  # False: no Date told the time, and only differences mean something


@frozen(eq=False, repr=False)
class SentAt(Value):
    """When a write left last.

    `at` is on the monotonic clock of this process, `stamp` the timestamp that was signed, in Unix
    seconds, 0 where there is none. `exchange_time` replaces `at` for a write of another process.
    """

    at: float = 0.0
    stamp: float = 0.0
    exchange_time: float | None = None

    def visible(self, watermark: Watermark, life: float | None = None) -> bool:
        """Say whether reads show it, were it executed at once.

        With `life`, a signature's: whether they also show whatever a delayed copy of it did.
        """
        if watermark.as_of is None:
            return False
        sent = self.exchange_time
        if sent is None:
            # Rounded up: a moment that is too late only makes us wait longer.
            sent = watermark.exchange_time - (watermark.read_at - self.at)
        if life is None:
            return watermark.as_of >= sent
        return watermark.as_of >= max(sent, min(self.stamp, sent + life)) + life

    def is_before(self, moment: float, watermark: Watermark) -> bool:
        """Say whether it left before a moment of the exchange (Unix seconds), rounded down."""
        if self.exchange_time is not None:
            return moment >= self.exchange_time - LEFT_WITHIN
        if not watermark.is_dated:
            return False
        return moment >= watermark.exchange_time - DATE_GRAIN - (watermark.read_at - self.at)


def read_watermark(
    contract: Contract, context: Context, limits: CallLimits | None = None
) -> Flow[Watermark]:
    """Ask how fresh the reads are that follow. Raises nothing: an unreadable one proves nothing."""
    if not contract.has_watermark:
        return (yield from _assumed_watermark(context))
    call = contract.exchange.data_timestamp()
    response = yield from send_with_retries(call, context, limits=limits)
    if not isinstance(response, Reply):
        return Watermark()
    try:
        as_of = decode_response(call, response, context).timestamp()
    except KalshiError as error:
        return Watermark(error=error)
    date = server_time(response)
    if date is None:  # then nothing tells how this answer's time and ours go together
        return Watermark()
    exchange_time = date + DATE_GRAIN
    # Reads cannot be fresher than the moment of the answer: a later `as_of_time` is wrong.
    return Watermark(min(as_of, exchange_time), exchange_time, response.received_at)


def _assumed_watermark(context: Context) -> Flow[Watermark]:
    """The classic contract has none. Reads were seen to lag seconds; the policy assumes 10."""
    now: float = yield Monotonic()
    date = context.exchange_clock.at(now)
    # Without a Date only differences count, so any zero of time will do.
    exchange_time = now if date is None else date + DATE_GRAIN
    as_of = exchange_time - context.policy.read_lag
    return Watermark(as_of, exchange_time, now, is_dated=date is not None)


def told_time(context: Context, now: float) -> Watermark:
    """Return the exchange's time at a monotonic moment, by the latest Date, as if reads were fresh.

    It tells which copies can still arrive, and nothing of what reads show.
    """
    date = context.exchange_clock.at(now)
    # Without a Date only differences count, so any zero of time will do.
    time = now if date is None else date
    return Watermark(time, time + DATE_GRAIN, now, is_dated=date is not None)


@define(eq=False, repr=False)
class PollWaits(Printed):
    """How long to wait between two looks: twice as long each time, up to the policy's ceiling."""

    policy: Policy
    _next: float | None = None

    def next_wait(self) -> float:
        """Return the seconds to wait now."""
        wait = self.policy.poll if self._next is None else self._next
        self._next = min(wait * 2, self.policy.poll_ceiling)
        return wait


def wait_within(waits: PollWaits, limits: CallLimits) -> Flow[None]:
    """Wait before the next look, but not beyond the time of the call."""
    left = limits.ends - (yield Monotonic())
    if left > 0:
        yield Sleep(min(waits.next_wait(), left))


def poll(
    look: Callable[[], Flow[T | None]], context: Context, limits: CallLimits
) -> Flow[T | None]:
    """Look again and again until a look has a result; None when the time of the call is over."""
    waits = PollWaits(context.policy)
    while (result := (yield from look())) is None:
        left = limits.ends - (yield Monotonic())
        if left <= 0:
            return None
        # The last wait ends with the call's time: whatever needs no request is looked at once more.
        yield Sleep(min(waits.next_wait(), left))
    return result
