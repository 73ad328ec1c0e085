"""The exchange's status, schedule, watermark and cutoffs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kalshi_ext.sandbox.engine.amounts import time_text
from kalshi_ext.sandbox.engine.api import Answer
from kalshi_ext.sandbox.engine.state import SHARDS

if TYPE_CHECKING:
    from kalshi_ext.sandbox.engine.api import Call
    from kalshi_ext.sandbox.engine.state import Exchange

_WEEKDAYS = ("monday", "tuesday", "wednesday", "friday", "saturday", "sunday")
_ALL_DAY = [{"open_time": "00:00", "close_time": "24:00"}]
_THURSDAY = [
    {"open_time": "00:00", "close_time": "03:00"},
    {"open_time": "05:00", "close_time": "24:00"},
]


def get_status(ex: Exchange, call: Call) -> Answer:
    """Do GetExchangeStatus; the exchange is active while any of its shards is."""
    del call
    rows = [_shard_row(ex, shard) for shard in sorted(ex.shards)]
    names = ("exchange_active", "trading_active", "intra_exchange_transfers_active")
    body: dict[str, Any] = {name: any(row[name] for row in rows) for name in names}
    until = ex.pauses.until
    body["exchange_estimated_resume_time"] = None if until is None else time_text(until)
    return Answer(200, {**body, "exchange_index_statuses": rows})


def _shard_row(ex: Exchange, shard: int) -> dict[str, Any]:
    pauses = ex.pauses
    active = shard not in pauses.exchange
    return {
        "exchange_index": shard,
        "description": SHARDS.get(shard, f"shard {shard}"),
        "exchange_active": active,
        "trading_active": active and shard not in pauses.trading and not pauses.thursday,
        "intra_exchange_transfers_active": active and shard not in pauses.transfers,
    }


def get_schedule(ex: Exchange, call: Call) -> Answer:
    """Do GetExchangeSchedule: open all week but Thursdays 3-5 AM Eastern."""
    del ex, call
    week = {
        "start_time": "2025-01-01T00:00:00Z",
        "end_time": "2099-12-31T00:00:00Z",
        **dict.fromkeys(_WEEKDAYS, _ALL_DAY),
        "thursday": _THURSDAY,
    }
    return Answer(200, {"schedule": {"standard_hours": [week], "maintenance_windows": []}})


def get_timestamp(ex: Exchange, call: Call) -> Answer:
    """Do GetUserDataTimestamp: how fresh lagging reads are."""
    del call
    as_of = ex.as_of()
    return Answer(200, {"as_of_time": time_text(ex.now if as_of is None else as_of)})


def get_cutoff(ex: Exchange, call: Call) -> Answer:
    """Do GetHistoricalCutoff."""
    del call
    body = {
        "market_settled_ts": time_text(ex.boundary("markets")),
        "trades_created_ts": time_text(ex.boundary("trades")),
        "orders_updated_ts": time_text(ex.boundary("orders")),
        "market_positions_last_updated_ts": time_text(ex.boundary("positions")),
    }
    return Answer(200, body)
