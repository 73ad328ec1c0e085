"""What a read proves about a write: the exchange's watermark compared with the sending.

Reads lag behind writes. GET /exchange/user_data_timestamp answers `as_of_time`: balances, orders,
fills and positions are shown up to then (documented). It is read before the rows it vouches for.

    as_of >= sent_at                    the rows show the write, if it was executed at once
    as_of >= sent_at + signature_life   and no delayed copy of it can be executed any more

Both sides are Unix seconds of the exchange's clock, which judges signatures and dates reads. This
machine's clock may be wrong, or be corrected between the two.
"""

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

# Seconds by which `created_time` may lie before our own reading of the clock. The exchange
# refuses timestamps that are 30 s old or 60 s ahead (observed); the rest is margin, and costs
# only rows that are read in vain.
CLOCK_SKEW = 300.0

# Seconds. No flow lives as long as two of these, and no clock is wrong by more than one (a time
# zone is 14 hours at most). So an entry untouched for two days has no copy on its way, and an
# order came at most a day before its entry's own time. Recovery needs the margin because an
# entry's times may come from a clock that had not been corrected yet.
DAY = 86_400.0

DATE_GRAIN = 1.0  # seconds: a Date header is cut to whole ones (RFC 9110)


@frozen
class Watermark:
    """How fresh reads are: they show everything up to `as_of`; None when that is not known.

    `as_of` and `exchange_time`, the moment of the reading, are Unix seconds of the exchange's
    clock. `clock_ahead` is the most by which that clock is ahead of ours, in seconds.
    """

    as_of: float | None = None
    exchange_time: float = 0.0
    clock_ahead: float = 0.0
    error: KalshiError | None = None  # why it is not known, where the exchange said so


@define
class SentAt:
    """When a write left last.

    `at` is its signature's timestamp: Unix seconds of our clock, which the exchange accepted only
    where it was near its own. None means "before the first watermark", by the exchange's clock:
    an entry's time may come from a clock that was wrong.
    """

    at: float | None
    _first_watermark_at: float | None = None

    def visible(self, watermark: Watermark, after: float = 0.0) -> bool:
        """Say whether reads show everything until `after` seconds after the write left."""
        if watermark.as_of is None:
            return False
        if self.at is not None:
            # The exchange may have dated the write later than we did, by what it is ahead.
            return watermark.as_of >= self.at + watermark.clock_ahead + after
        if self._first_watermark_at is None:
            self._first_watermark_at = watermark.exchange_time
        return watermark.as_of >= self._first_watermark_at + after


def read_watermark(contract: Contract, context: Context) -> Flow[Watermark]:
    """Ask how fresh the reads are that follow. Raises nothing: an unreadable one proves nothing."""
    if not contract.has_watermark:
        # The classic contract has none. Reads were seen to lag seconds; the policy assumes 10.
        now = yield Now()
        return Watermark(now - context.policy.read_lag, now)
    call = contract.exchange.data_timestamp()
    response = yield from send_with_retries(call, context)
    if not isinstance(response, Reply):
        return Watermark()
    try:
        as_of = decode_response(call, response, context).timestamp()
    except KalshiError as error:
        return Watermark(error=error)
    date = server_time(response)
    # Rounded up: an exchange time that is too late only makes us wait longer.
    exchange_time = (response.received_at if date is None else date) + DATE_GRAIN
    return Watermark(
        # Reads cannot be fresher than the moment of the answer: a later `as_of_time` is wrong.
        min(as_of, exchange_time),
        exchange_time,
        max(0.0, exchange_time - response.received_at),
    )


@define
class PollSchedule:
    """How long to go on reading, and how long to wait between two reads (seconds).

    The waits are also summed up, because the clock may be set back meanwhile.
    """

    policy: Policy
    started: float
    _waited: float = 0.0
    _next: float | None = None

    def expired(self, now: float) -> bool:
        """Say whether `Policy.resolve_within` is over; `now` is in Unix seconds."""
        return max(now - self.started, self._waited) >= self.policy.resolve_within

    def next_wait(self) -> float:
        """Return how long to wait now: twice as long each time, up to the ceiling."""
        wait = self.policy.poll if self._next is None else self._next
        self._waited += wait
        self._next = min(wait * 2, self.policy.poll_ceiling)
        return wait
