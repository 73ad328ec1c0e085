"""The exchange's status, schedule, watermark and cutoffs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kalshi_ext.sandbox.engine.amounts import format_time
from kalshi_ext.sandbox.engine.api import Answer
from kalshi_ext.sandbox.engine.state import SHARDS

if TYPE_CHECKING:
    from kalshi_ext.sandbox.engine.api import Call
    from kalshi_ext.sandbox.engine.state import ExchangeState

_WEEKDAYS = ("monday", "tuesday", "wednesday", "friday", "saturday", "sunday")
_ALL_DAY = [{"open_time": "00:00", "close_time": "24:00"}]
_THURSDAY = [
    {"open_time": "00:00", "close_time": "03:00"},
    {"open_time": "05:00", "close_time": "24:00"},
]


def get_status(state: ExchangeState, request: Call) -> Answer:
    """Do GetExchangeStatus; the exchange is active while any of its shards is."""
    del request
    rows = [_shard_row(state, shard) for shard in sorted(state.shards)]
    names = ("exchange_active", "trading_active", "intra_exchange_transfers_active")
    body: dict[str, Any] = {name: any(row[name] for row in rows) for name in names}
    until = state.pauses.until
    body["exchange_estimated_resume_time"] = None if until is None else format_time(until)
    return Answer(200, {**body, "exchange_index_statuses": rows})


def _shard_row(state: ExchangeState, shard: int) -> dict[str, Any]:
    pauses = state.pauses
    active = shard not in pauses.exchange
    return {
        "exchange_index": shard,
        "description": SHARDS.get(shard, f"shard {shard}"),
        "exchange_active": active,
        "trading_active": active and shard not in pauses.trading and not pauses.thursday_active,
        "intra_exchange_transfers_active": active and shard not in pauses.transfers,
    }


def get_schedule(state: ExchangeState, request: Call) -> Answer:
    """Do GetExchangeSchedule: open all week but Thursdays 3-5 AM Eastern."""
    del state, request
    week = {
        "start_time": "2025-01-01T00:00:00Z",
        "end_time": "2099-12-31T00:00:00Z",
        **dict.fromkeys(_WEEKDAYS, _ALL_DAY),
        "thursday": _THURSDAY,
    }
    return Answer(200, {"schedule": {"standard_hours": [week], "maintenance_windows": []}})


def get_timestamp(state: ExchangeState, request: Call) -> Answer:
    """Do GetUserDataTimestamp: how fresh lagging reads are."""
    del request
    as_of = state.as_of()
    return Answer(200, {"as_of_time": format_time(state.now if as_of is None else as_of)})


def get_cutoff(state: ExchangeState, request: Call) -> Answer:
    """Do GetHistoricalCutoff."""
    del request
    body = {
        "market_settled_ts": format_time(state.cutoff("markets")),
        "trades_created_ts": format_time(state.cutoff("trades")),
        "orders_updated_ts": format_time(state.cutoff("orders")),
        "market_positions_last_updated_ts": format_time(state.cutoff("positions")),
    }
    return Answer(200, body)
