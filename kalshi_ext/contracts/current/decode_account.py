"""Read the current contract's account and exchange objects."""

# pyright: reportTypedDictNotRequiredAccess=false
# A field that is missing raises KeyError, which names it; what cannot be read is set aside.

from __future__ import annotations

from typing import Any

from kalshi_ext import values
from kalshi_ext.contract import types as shapes
from kalshi_ext.contracts.decoding import optional_enum_member, required
from kalshi_ext.models import (
    AccountLimits,
    BucketLimit,
    DailyHours,
    EndpointCost,
    EndpointCosts,
    ExchangeStatus,
    HistoricalCutoff,
    MaintenanceWindow,
    Schedule,
    ShardStatus,
    UsageGrant,
    VolumeGoal,
    VolumeProgress,
    WeeklyHours,
)
from kalshi_ext.protocol.messages import Document

count = values.read_count
moment = values.read_time
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def cutoff(document: Document) -> HistoricalCutoff:
    """Read where live data ends."""
    row: shapes.GetHistoricalCutoffResponse = document
    return HistoricalCutoff(
        orders_updated=required(moment(row["orders_updated_ts"]), "orders_updated_ts"),
        trades_created=required(moment(row["trades_created_ts"]), "trades_created_ts"),
        market_settled=moment(row.get("market_settled_ts")),
        market_positions_last_updated=moment(row.get("market_positions_last_updated_ts")),
        raw=row,
    )


def limits(document: Document) -> AccountLimits:
    """Read the usage tier and its buckets."""
    row: shapes.GetAccountApiLimitsResponse = document
    return AccountLimits(
        usage_tier=row["usage_tier"],
        read=_bucket(row["read"]),
        write=_bucket(row["write"]),
        grants=tuple(_grant(grant) for grant in row.get("grants") or ()),
        raw=row,
    )


def _bucket(row: shapes.BucketLimit) -> BucketLimit:
    return BucketLimit(refill_rate=row["refill_rate"], bucket_capacity=row["bucket_capacity"])


def _grant(row: shapes.ApiUsageLevelGrant) -> UsageGrant:
    return UsageGrant(
        level=row["level"],
        source=row.get("source"),
        exchange_instance=optional_enum_member(
            shapes.ExchangeInstance, row.get("exchange_instance")
        ),
        expires=moment(row.get("expires_ts")),
    )


def endpoint_costs(document: Document) -> EndpointCosts:
    """Read what requests cost in tokens."""
    row: shapes.GetAccountEndpointCostsResponse = document
    return EndpointCosts(
        default_cost=row["default_cost"],
        costs=tuple(
            EndpointCost(method=cost["method"], path=cost["path"], cost=cost["cost"])
            for cost in row.get("endpoint_costs") or ()
        ),
        raw=row,
    )


def volume_progress(row: shapes.AccountApiUsageLevelVolumeProgress) -> VolumeProgress:
    """Read the trailing volume and its goals."""
    return VolumeProgress(
        computed=moment(row.get("computed_ts")),
        trailing_30d_volume=required(
            count(row["trailing_30d_volume_fp"]), "trailing_30d_volume_fp"
        ),
        goals=tuple(_goal(goal) for goal in row.get("goals") or ()),
        raw=row,
    )


def _goal(row: shapes.AccountApiUsageLevelVolumeGoal) -> VolumeGoal:
    return VolumeGoal(
        level=row["level"],
        earn=required(count(row["earn_volume_goal_fp"]), "earn_volume_goal_fp"),
        keep=required(count(row["keep_volume_goal_fp"]), "keep_volume_goal_fp"),
    )


def exchange_status(document: Document) -> ExchangeStatus:
    """Read whether the exchange is up and trading."""
    row: shapes.ExchangeStatus = document
    return ExchangeStatus(
        exchange_active=row["exchange_active"],
        trading_active=row["trading_active"],
        transfers_active=row.get("intra_exchange_transfers_active"),
        estimated_resume_time=moment(row.get("exchange_estimated_resume_time")),
        shards=tuple(_shard(shard) for shard in row.get("exchange_index_statuses") or ()),
        raw=row,
    )


def _shard(row: shapes.ExchangeIndexStatus) -> ShardStatus:
    return ShardStatus(
        exchange_index=row["exchange_index"],
        exchange_active=row["exchange_active"],
        trading_active=row["trading_active"],
        transfers_active=row.get("intra_exchange_transfers_active"),
        description=row.get("description", ""),
    )


def schedule(document: Document) -> Schedule:
    """Read trading hours and maintenance windows."""
    row: shapes.Schedule = document["schedule"]
    return Schedule(
        standard_hours=tuple(_week(week) for week in row.get("standard_hours") or ()),
        maintenance_windows=tuple(
            MaintenanceWindow(
                start=moment(window["start_datetime"]), end=moment(window["end_datetime"])
            )
            for window in row.get("maintenance_windows") or ()
        ),
        raw=row,
    )


def _week(row: Any) -> WeeklyHours:
    return WeeklyHours(
        start=moment(row.get("start_time")),
        end=moment(row.get("end_time")),
        days={day: tuple(_hours(hours) for hours in row.get(day) or ()) for day in WEEKDAYS},
    )


def _hours(row: shapes.DailySchedule) -> DailyHours:
    return DailyHours(open_time=row["open_time"], close_time=row["close_time"])
