"""Ends and pauses: closing and settling markets, pausing shards."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from kalshi_ext.sandbox.engine import ledger, matching
from kalshi_ext.sandbox.engine.amounts import ONE, SECOND, micro, to_datetime, to_moment
from kalshi_ext.sandbox.engine.records import Settlement

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kalshi_ext.sandbox.engine.accounts import Account
    from kalshi_ext.sandbox.engine.holdings import Holding
    from kalshi_ext.sandbox.engine.records import Market, Order
    from kalshi_ext.sandbox.engine.state import Exchange

Json = dict[str, Any]
HOUR = 3600 * SECOND


def close_market(ex: Exchange, ask: Mapping[str, Any]) -> Json:
    """Stop trading a market; its resting orders are cancelled."""
    market = ex.markets[ask["ticker"]]
    if market.status == "active":
        _close(ex, market, "closed")
    return {"ticker": market.ticker, "status": market.status}


def _close(ex: Exchange, market: Market, status: str) -> None:
    market.status = status
    for order in [*market.bids.orders(), *market.asks.orders()]:
        matching.end(ex, order, status)
    ex.record("market", ticker=market.ticker, what=status)


def settle(ex: Exchange, ask: Mapping[str, Any]) -> Json:
    """Settle a market: what YES pays follows from result and value."""
    market = ex.markets[ask["ticker"]]
    if market.status == "settled":
        raise ValueError(f"market {market.ticker!r} is settled already")
    value = _value(ask["result"], ask.get("value"))
    _close(ex, market, "settled")
    market.result, market.value = ask["result"], value
    for account in ex.accounts.values():
        for holding in account.holdings.values():
            if holding.market is market:
                _pay_out(ex, account, holding)
    market.open_interest = 0
    market.last_price = value
    return {"ticker": market.ticker, "result": market.result, "value": value / ONE}


def _value(result: str, value: str | None) -> int:
    if result in ("yes", "no"):
        return ONE if result == "yes" else 0
    paid = micro(value or "")
    if result != "scalar" or not 0 <= paid <= 100 * ONE or paid % 100:
        raise ValueError(f"settle: result {result!r} with value {value!r} is not possible")
    return paid // 100


def _pay_out(ex: Exchange, account: Account, holding: Holding) -> None:
    ex.touch(holding)
    holding.settled = True
    if not holding.position:
        return
    value = holding.market.value
    each = value if holding.position > 0 else ONE - value
    exact = each * abs(holding.position)
    payout = exact // account.precision * account.precision
    row = Settlement(
        id=ex.new_id(),
        created=ex.now,
        market=holding.market,
        subaccount=holding.subaccount,
        position=holding.position,
        cost=holding.cost,
        payout=payout,
        fees=holding.fees,
    )
    ex.file(account.settlements, row)
    ledger.move_cash(ex, account.purse(holding.subaccount, holding.market.shard), payout)
    ex.kitty += exact - payout
    account.realized += payout - holding.cost
    holding.realized += payout - holding.cost
    holding.position = holding.cost = 0
    holding.updated = ex.now
    ex.record("settle", account=account.name, ticker=holding.market.ticker, payout=payout)


def _shards(ex: Exchange, ask: Mapping[str, Any]) -> set[int]:
    shard = ask.get("exchange_index")
    return set(ex.shards) if shard is None else {int(shard)}


def pause(ex: Exchange, ask: Mapping[str, Any]) -> Json:
    """Pause trading, the exchange or transfers on one shard or all."""
    what, shards = ask.get("what", "trading"), _shards(ex, ask)
    _paused(ex, what).update(shards)
    until = ask.get("until")
    ex.pauses.until = to_moment(datetime.fromisoformat(until)) if until else None
    if what != "transfers":
        cancel_paused(ex, shards)
    ex.record("pause", what=what, shards=sorted(shards), on=True)
    return {"what": what, "shards": sorted(shards)}


def resume(ex: Exchange, ask: Mapping[str, Any]) -> Json:
    """End a pause."""
    what, shards = ask.get("what", "trading"), _shards(ex, ask)
    _paused(ex, what).difference_update(shards)
    ex.pauses.until = None
    ex.record("pause", what=what, shards=sorted(shards), on=False)
    return {"what": what, "shards": sorted(shards)}


def _paused(ex: Exchange, what: str) -> set[int]:
    if what not in ("trading", "exchange", "transfers"):
        raise ValueError(f"what must be trading, exchange or transfers, not {what!r}")
    paused: set[int] = getattr(ex.pauses, what)
    return paused


def cancel_paused(ex: Exchange, shards: Iterable[int]) -> None:
    """Cancel the orders that asked for it on a pause."""
    for market in ex.markets.values():
        if market.shard in shards:
            _cancel_asking(ex, [*market.bids.orders(), *market.asks.orders()])


def _cancel_asking(ex: Exchange, orders: list[Order]) -> None:
    for order in orders:
        if order.cancel_on_pause:
            matching.end(ex, order, "pause")


def keep_thursdays(ex: Exchange) -> None:
    """Enter or leave the weekly pause, Thursdays 3-5 AM Eastern, and come back at the next turn."""
    ex.pauses.thursdays_kept = ex.settings.thursday_pause
    due = ex.settings.thursday_pause and _thursday(ex.now)
    if due and not ex.pauses.thursday:
        cancel_paused(ex, set(ex.shards))
    ex.pauses.thursday = due
    if ex.settings.thursday_pause:
        ex.later(_next_turn(ex.now), partial(keep_thursdays, ex))


def _next_turn(now: int) -> int:
    hour = now // HOUR * HOUR + HOUR
    while _thursday(hour) == _thursday(now):
        hour += HOUR
    return hour


def _thursday(now: int) -> bool:
    utc = to_datetime(now)
    local = utc + timedelta(hours=-4 if _summer(utc) else -5)
    return local.weekday() == 3 and 3 <= local.hour < 5


def _summer(utc: datetime) -> bool:
    # second Sunday of March, 7:00 UTC, to the first Sunday of November, 6:00 UTC
    march = datetime(utc.year, 3, 8, 7, tzinfo=utc.tzinfo)
    november = datetime(utc.year, 11, 1, 6, tzinfo=utc.tzinfo)
    start = march + timedelta(days=(6 - march.weekday()) % 7)
    end = november + timedelta(days=(6 - november.weekday()) % 7)
    return start <= utc < end
