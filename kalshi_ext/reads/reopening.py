"""Say when a market that takes no orders may open again, and wait for it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime

from kalshi_ext.contracts.interface import Contract
from kalshi_ext.errors import (
    KalshiError,
    MarketClosed,
    MarketNotOpen,
    NoAnswer,
    NotSent,
    Unavailable,
)
from kalshi_ext.models import ExchangeStatus, Market, Schedule
from kalshi_ext.protocol.flow import (
    CallLimits,
    Context,
    Flow,
    Monotonic,
    Now,
    Sleep,
    begin_call,
    request,
)
from kalshi_ext.protocol.limits import Deadline

_ASK_WITHIN = 2.0  # seconds that a refusal may wait to learn when it ends
_KEEP = 600.0  # seconds for which the schedule, or that it could not be read, is believed
_SHORTEST, _USUAL, _LONGEST = 0.25, 5.0, 60.0  # seconds between two looks
_ENDED = frozenset({"closed", "determined", "disputed", "amended", "finalized"})


def note_reopening(
    contract: Contract, context: Context, limits: CallLimits, results: Iterable[object]
) -> Flow[None]:
    """Tell refused orders when their market may open: one read of the schedule in ten minutes."""
    refused = [each for each in results if isinstance(each, MarketNotOpen)]
    # A market that is closed has, as a rule, ended. The classic contract has no schedule.
    is_pause = any(not isinstance(each, MarketClosed) for each in refused)
    if not is_pause or not contract.has_watermark:
        return
    now: float = yield Monotonic()
    until = min(now + _ASK_WITHIN, limits.deadline)
    within = CallLimits(now, until, deadline=until)
    opens = yield from _by_schedule(contract, context, within)
    for each in refused:
        each.reopens_at = opens


def _by_schedule(contract: Contract, context: Context, limits: CallLimits) -> Flow[datetime | None]:
    # Imported here: few calls meet a closed market, and time zones take 5 ms (measured).
    from kalshi_ext.protocol.hours import reopens_at

    schedule = yield from _schedule(contract, context, limits)
    now = yield from _exchange_time(context)
    return None if schedule is None else reopens_at(schedule, now)


def _schedule(contract: Contract, context: Context, limits: CallLimits) -> Flow[Schedule | None]:
    known = context.known_schedule
    now: float = yield Monotonic()
    if now - known.read_at >= _KEEP and now < limits.deadline:
        known.read_at, schedule = now, None
        with suppress(KalshiError):
            schedule = yield from request(contract.exchange.schedule(), context, limits=limits)
        known.schedule = schedule
    return known.schedule


def _exchange_time(context: Context) -> Flow[datetime]:
    now: float = yield Monotonic()
    best = context.exchange_clock.best(now, (yield Now()))
    return datetime.fromtimestamp(best, UTC)


def wait_until_open(
    contract: Contract, ticker: str, context: Context, *, deadline: Deadline | None = None
) -> Flow[Market]:
    """Wait until a market takes orders; return it. Without a deadline as long as it takes."""
    limits = yield from begin_call(context, deadline)
    limits.ends = limits.deadline  # it may take longer than one write is looked for
    opens: datetime | None = None
    while True:
        market, told = yield from _look(contract, ticker, context, limits)
        if market is not None:
            return market
        opens = told or opens
        left = limits.deadline - (yield Monotonic())
        if left <= 0:
            raise MarketNotOpen(f"{ticker} did not open before the deadline", reopens_at=opens)
        yield Sleep(min(left, (yield from _wait(context, opens))))


def _look(
    contract: Contract, ticker: str, context: Context, limits: CallLimits
) -> Flow[tuple[Market | None, datetime | None]]:
    """Look once: the market where it is open, else when it may be. An outage is no opening."""
    try:
        market = yield from request(contract.markets.get(ticker), context, limits=limits)
        if market.status in _ENDED:
            raise MarketClosed(f"{ticker} takes no more orders: it is {market.status}")
        status = yield from request(contract.exchange.status(), context, limits=limits)
    except (NoAnswer, NotSent, Unavailable):  # the time of the call may be over, too
        return None, None
    if market.status == "active" and _is_trading(status, market):
        return market, None
    if market.status == "initialized":
        return None, market.open_time
    by_schedule = yield from _by_schedule(contract, context, limits)
    return None, status.estimated_resume_time or by_schedule


def _is_trading(status: ExchangeStatus, market: Market) -> bool:
    shard = market.exchange_index or 0
    for row in status.shards:
        if row.exchange_index == shard:
            return row.exchange_active and row.trading_active
    return status.exchange_active and status.trading_active


def _wait(context: Context, opens: datetime | None) -> Flow[float]:
    """Return the seconds to the next look: it may open early, and seldom on the second."""
    if opens is None:
        return _USUAL
    left = (opens - (yield from _exchange_time(context))).total_seconds()
    return _USUAL if left <= 0 else min(max(left, _SHORTEST), _LONGEST)
