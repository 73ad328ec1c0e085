"""When trading stops: markets close and settle, shards pause, and what the exchange says of it.

    paused       orders, amends  cancels          transfers       who pauses
    trading      409             allowed          allowed         admin, or Thursdays 3-5 AM Eastern
    one market   400             allowed          allowed         admin
    exchange     503             503              503             admin
    transfers    allowed         allowed          503             admin

(documented; the status of an exchange pause is assumed: `exchange_paused_status`.) A settled
market pays $1 for each pair of contracts: the value of YES to its holder, the remainder to NO.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from kalshi_ext.sandbox.engine import book, ledger
from kalshi_ext.sandbox.engine.commands import Answer
from kalshi_ext.sandbox.engine.fixed_point import (
    ONE,
    SECOND,
    contract_cost,
    format_time,
    parse_dollars,
    to_datetime,
    to_microseconds,
)
from kalshi_ext.sandbox.engine.operations import handles
from kalshi_ext.sandbox.engine.records import Settlement
from kalshi_ext.sandbox.engine.state import SHARDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kalshi_ext.sandbox.engine.accounts import Holding, TradingAccount
    from kalshi_ext.sandbox.engine.book import Market
    from kalshi_ext.sandbox.engine.commands import ApiRequest
    from kalshi_ext.sandbox.engine.state import EngineState

Json = dict[str, Any]
HOUR = 3600 * SECOND
_WEEKDAYS = ("monday", "tuesday", "wednesday", "friday", "saturday", "sunday")
_ALL_DAY = [{"open_time": "00:00", "close_time": "24:00"}]
_THURSDAY = [
    {"open_time": "00:00", "close_time": "03:00"},
    {"open_time": "05:00", "close_time": "24:00"},
]


def close_market(state: EngineState, params: Mapping[str, Any]) -> Json:
    """Stop trading a market for good; its resting orders are cancelled."""
    market = state.markets[params["ticker"]]
    if market.status == "active":
        _close_market(state, market, "closed")
    return {"ticker": market.ticker, "status": market.status}


def _close_market(state: EngineState, market: Market, status: str) -> None:
    market.status, market.updated = status, state.now
    market.closed = state.now if market.closed is None else market.closed
    for order in [*market.bids.orders(), *market.asks.orders()]:
        book.cancel_resting(state, order, status)
    state.record_event("market", ticker=market.ticker, what=status)


def settle(state: EngineState, params: Mapping[str, Any]) -> Json:
    """Settle a market; what a YES contract pays follows from result and value."""
    market = state.markets[params["ticker"]]
    if market.status == "settled":
        raise ValueError(f"market {market.ticker!r} is settled already")
    value = _settlement_value(params["result"], params.get("value"))
    # cancelled first: nothing may be held back for a market that is over
    _close_market(state, market, "settled")
    market.result, market.value, market.settled = params["result"], value, state.now
    for account in state.accounts.values():
        for holding in account.holdings.values():
            if holding.market is market:
                _settle_holding(state, account, holding)
    market.open_interest = 0
    market.last_price = value
    return {"ticker": market.ticker, "result": market.result, "value": value / ONE}


def _settlement_value(result: str, value: str | None) -> int:
    if result in ("yes", "no"):
        return ONE if result == "yes" else 0
    paid = parse_dollars(value or "")
    if result != "scalar" or not 0 <= paid <= 100 * ONE or paid % 100:
        raise ValueError(f"settle: result {result!r} with value {value!r} is not possible")
    return paid // 100


def _settle_holding(state: EngineState, account: TradingAccount, holding: Holding) -> None:
    state.before_change(holding)
    holding.settled = True
    if not holding.position:
        return  # assumed: a flat position gets no settlement row
    value = holding.market.value
    exact = contract_cost(value, bid=holding.position > 0) * abs(holding.position)
    # assumed: a payout is floored to the account's precision; what is cut off, the exchange keeps
    payout = exact // account.precision * account.precision
    row = Settlement(
        id=state.new_id(),
        created=state.now,
        market=holding.market,
        subaccount=holding.subaccount,
        position=holding.position,
        cost=holding.cost,
        payout=payout,
        fees=holding.fees,
    )
    state.insert_sorted(account.settlements, row)
    ledger.move_cash(state, account.balance(holding.subaccount, holding.market.shard), payout)
    state.exchange_revenue += exact - payout
    account.realized += payout - holding.cost
    holding.realized += payout - holding.cost
    holding.position = holding.cost = 0
    holding.updated = state.now
    state.record_event("settle", account=account.name, ticker=holding.market.ticker, payout=payout)


def _shards(state: EngineState, params: Mapping[str, Any]) -> set[int]:
    shard = params.get("exchange_index")
    return set(state.shards) if shard is None else {int(shard)}


def pause(state: EngineState, params: Mapping[str, Any]) -> Json:
    if params.get("ticker") is not None:
        return _pause_market(state, params, paused=True)
    what, shards = params.get("what", "trading"), _shards(state, params)
    until = params.get("until")
    moment = to_microseconds(datetime.fromisoformat(until)) if until else None
    _paused_shards(state, what).update(shards)
    _forget_end(state, what, shards)
    if moment is not None:
        state.pauses.until.update(((what, shard), moment) for shard in sorted(shards))
    if what != "transfers":
        cancel_orders_on_pause(state, shards)
    state.record_event("pause", what=what, shards=sorted(shards), on=True)
    return {"what": what, "shards": sorted(shards)}


def resume(state: EngineState, params: Mapping[str, Any]) -> Json:
    """End the pause that is named, and no other one."""
    if params.get("ticker") is not None:
        return _pause_market(state, params, paused=False)
    what, shards = params.get("what", "trading"), _shards(state, params)
    _paused_shards(state, what).difference_update(shards)
    _forget_end(state, what, shards)
    state.record_event("pause", what=what, shards=sorted(shards), on=False)
    return {"what": what, "shards": sorted(shards)}


def _pause_market(state: EngineState, params: Mapping[str, Any], *, paused: bool) -> Json:
    market = state.markets[params["ticker"]]
    market.paused = paused
    state.record_event("pause", what="market", ticker=market.ticker, on=paused)
    return {"what": "market", "ticker": market.ticker}


def _forget_end(state: EngineState, what: str, shards: set[int]) -> None:
    for shard in shards:
        state.pauses.until.pop((what, shard), None)


def _paused_shards(state: EngineState, what: str) -> set[int]:
    if what not in ("trading", "exchange", "transfers"):
        raise ValueError(f"what must be trading, exchange or transfers, not {what!r}")
    paused: set[int] = getattr(state.pauses, what)
    return paused


def cancel_orders_on_pause(state: EngineState, shards: Iterable[int]) -> None:
    """Cancel the orders placed with cancel_order_on_pause (documented)."""
    for market in state.markets.values():
        if market.shard not in shards:
            continue
        for order in [*market.bids.orders(), *market.asks.orders()]:
            if order.cancel_on_pause:
                book.cancel_resting(state, order, "pause")


def update_thursday_pause(state: EngineState) -> None:
    """Enter or leave the weekly pause and schedule the next change (documented; off by default)."""
    state.pauses.thursday_timer_set = state.settings.thursday_pause
    due = state.settings.thursday_pause and _in_thursday_pause(state.now)
    if due and not state.pauses.thursday_active:
        cancel_orders_on_pause(state, set(state.shards))
    state.pauses.thursday_active = due
    if state.settings.thursday_pause:
        state.schedule(_next_thursday_change(state.now), partial(update_thursday_pause, state))


def _next_thursday_change(now: int) -> int:
    # the pause starts and ends at whole hours, in summer and in winter
    hour = now // HOUR * HOUR + HOUR
    while _in_thursday_pause(hour) == _in_thursday_pause(now):
        hour += HOUR
    return hour


def _in_thursday_pause(now: int) -> bool:
    # computed here: time zone databases differ between machines, and a replay must not
    utc = to_datetime(now)
    local = utc + timedelta(hours=-4 if _is_daylight_saving(utc) else -5)
    return local.weekday() == 3 and 3 <= local.hour < 5


def _is_daylight_saving(utc: datetime) -> bool:
    # second Sunday of March, 7:00 UTC, to the first Sunday of November, 6:00 UTC
    march = datetime(utc.year, 3, 8, 7, tzinfo=utc.tzinfo)
    november = datetime(utc.year, 11, 1, 6, tzinfo=utc.tzinfo)
    start = march + timedelta(days=(6 - march.weekday()) % 7)
    end = november + timedelta(days=(6 - november.weekday()) % 7)
    return start <= utc < end


@handles("GetExchangeStatus")
def get_status(state: EngineState, request: ApiRequest) -> Answer:
    """Tell the status of each shard; the exchange is active while any of its shards is."""
    del request
    rows = [_shard_row(state, shard) for shard in sorted(state.shards)]
    names = ("exchange_active", "trading_active", "intra_exchange_transfers_active")
    body: dict[str, Any] = {name: any(row[name] for row in rows) for name in names}
    until = max(state.pauses.until.values(), default=None)
    body["exchange_estimated_resume_time"] = None if until is None else format_time(until)
    return Answer(200, {**body, "exchange_index_statuses": rows})


def _shard_row(state: EngineState, shard: int) -> dict[str, Any]:
    pauses = state.pauses
    active = shard not in pauses.exchange
    return {
        "exchange_index": shard,
        "description": SHARDS.get(shard, f"shard {shard}"),
        "exchange_active": active,
        "trading_active": active and shard not in pauses.trading and not pauses.thursday_active,
        "intra_exchange_transfers_active": active and shard not in pauses.transfers,
    }


@handles("GetExchangeSchedule")
def get_schedule(state: EngineState, request: ApiRequest) -> Answer:
    del state, request
    # assumed: the dates; the schedule tells of the Thursday pause whether it is switched on or not
    week = {
        "start_time": "2025-01-01T00:00:00Z",
        "end_time": "2099-12-31T00:00:00Z",
        **dict.fromkeys(_WEEKDAYS, _ALL_DAY),
        "thursday": _THURSDAY,
    }
    return Answer(200, {"schedule": {"standard_hours": [week], "maintenance_windows": []}})


@handles("GetUserDataTimestamp")
def get_timestamp(state: EngineState, request: ApiRequest) -> Answer:
    """Tell the watermark: lagging reads show everything up to this time (documented)."""
    del request
    as_of = state.as_of()
    return Answer(200, {"as_of_time": format_time(state.now if as_of is None else as_of)})


@handles("GetHistoricalCutoff")
def get_cutoff(state: EngineState, request: ApiRequest) -> Answer:
    del request
    body = {
        "market_settled_ts": format_time(state.cutoff("markets")),
        "trades_created_ts": format_time(state.cutoff("trades")),
        "orders_updated_ts": format_time(state.cutoff("orders")),
        "market_positions_last_updated_ts": format_time(state.cutoff("positions")),
    }
    return Answer(200, body)
