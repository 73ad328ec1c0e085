"""Read limits, usage levels, status, hours and cutoffs; see `rows` for what may cost an answer."""

from __future__ import annotations

from typing import Any

from kalshi_ext.contract import types as shapes
from kalshi_ext.contracts.rows import Row
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

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def decode_cutoff(document: Document) -> HistoricalCutoff:
    """Read where live data ends: without the two times that lists are joined at, nothing is."""
    row = Row(document, shapes.GetHistoricalCutoffResponse)
    return HistoricalCutoff(
        orders_updated=row.required_time("orders_updated_ts"),
        trades_created=row.required_time("trades_created_ts"),
        market_settled=row.time("market_settled_ts"),
        market_positions_last_updated=row.time("market_positions_last_updated_ts"),
        raw=document,
    )


def decode_limits(document: Document) -> AccountLimits:
    """Read the usage tier and its buckets."""
    row = Row(document, shapes.GetAccountApiLimitsResponse)
    return AccountLimits(
        usage_tier=row.required_text("usage_tier"),
        read=_bucket(row.raw["read"]),
        write=_bucket(row.raw["write"]),
        grants=row.rows("grants", shapes.ApiUsageLevelGrant, _grant),
        raw=document,
    )


def _bucket(raw: Any) -> BucketLimit:
    row = Row(raw, shapes.BucketLimit)
    return BucketLimit(
        refill_rate=row.required_whole("refill_rate"),
        bucket_capacity=row.required_whole("bucket_capacity"),
    )


def _grant(row: Row) -> UsageGrant:
    return UsageGrant(
        level=row.required_text("level"),
        source=row.text("source"),
        exchange_instance=row.member(shapes.ExchangeInstance, "exchange_instance"),
        expires=row.expiry("expires_ts"),
    )


def decode_endpoint_costs(document: Document) -> EndpointCosts:
    """Read what requests cost in tokens."""
    row = Row(document, shapes.GetAccountEndpointCostsResponse)
    return EndpointCosts(
        default_cost=row.required_whole("default_cost"),
        costs=row.every_row("endpoint_costs", shapes.EndpointTokenCost, _cost),
        raw=document,
    )


def _cost(row: Row) -> EndpointCost:
    return EndpointCost(
        method=row.required_text("method"),
        path=row.required_text("path"),
        cost=row.required_whole("cost"),
    )


def decode_volume_progress(raw: Any) -> VolumeProgress:
    """Read the trailing volume and its goals."""
    row = Row(raw, shapes.AccountApiUsageLevelVolumeProgress)
    return VolumeProgress(
        computed=row.time("computed_ts"),
        trailing_30d_volume=row.required_count("trailing_30d_volume_fp"),
        goals=row.rows("goals", shapes.AccountApiUsageLevelVolumeGoal, _goal),
        raw=raw,
    )


def _goal(row: Row) -> VolumeGoal:
    return VolumeGoal(
        level=row.required_text("level"),
        earn=row.required_count("earn_volume_goal_fp"),
        keep=row.required_count("keep_volume_goal_fp"),
    )


def decode_exchange_status(document: Document) -> ExchangeStatus:
    """Read whether the exchange is up and trading."""
    row = Row(document, shapes.ExchangeStatus)
    return ExchangeStatus(
        exchange_active=row.required_flag("exchange_active"),
        trading_active=row.required_flag("trading_active"),
        transfers_active=row.flag("intra_exchange_transfers_active"),
        estimated_resume_time=row.time("exchange_estimated_resume_time"),
        shards=row.rows("exchange_index_statuses", shapes.ExchangeIndexStatus, _shard),
        raw=document,
    )


def _shard(row: Row) -> ShardStatus:
    return ShardStatus(
        exchange_index=row.required_whole("exchange_index"),
        exchange_active=row.required_flag("exchange_active"),
        trading_active=row.required_flag("trading_active"),
        transfers_active=row.flag("intra_exchange_transfers_active"),
        description=row.text("description") or "",
    )


def decode_schedule(document: Document) -> Schedule:
    """Read trading hours and maintenance windows."""
    schedule: shapes.Schedule = document["schedule"]
    row = Row(schedule, shapes.Schedule)
    return Schedule(
        standard_hours=row.rows("standard_hours", shapes.WeeklySchedule, _week),
        maintenance_windows=row.rows("maintenance_windows", shapes.MaintenanceWindow, _window),
        raw=schedule,
    )


def _window(row: Row) -> MaintenanceWindow:
    return MaintenanceWindow(start=row.time("start_datetime"), end=row.time("end_datetime"))


def _week(row: Row) -> WeeklyHours:
    return WeeklyHours(
        start=row.time("start_time"),
        end=row.time("end_time"),
        days={day: row.rows(day, shapes.DailySchedule, _hours) for day in WEEKDAYS},
    )


def _hours(row: Row) -> DailyHours:
    return DailyHours(
        open_time=row.required_text("open_time"), close_time=row.required_text("close_time")
    )
