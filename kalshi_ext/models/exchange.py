"""The state and the hours of the exchange, and where history begins."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from attrs import field, frozen

if TYPE_CHECKING:
    from kalshi_ext.contract import types as shapes


@frozen(kw_only=True)
class ShardStatus:
    """Whether one shard is up and trading."""

    exchange_index: int
    exchange_active: bool
    trading_active: bool
    transfers_active: bool | None = None
    description: str = ""


@frozen(kw_only=True)
class ExchangeStatus:
    """Whether the exchange is up (`exchange_active`) and trading (`trading_active`)."""

    exchange_active: bool
    trading_active: bool
    transfers_active: bool | None = None
    estimated_resume_time: datetime | None = None
    shards: tuple[ShardStatus, ...] = ()
    raw: shapes.ExchangeStatus = field(repr=False, eq=False)


@frozen(kw_only=True)
class DailyHours:
    """Opening and closing as `HH:MM` texts of US Eastern time, as the exchange sends them."""

    open_time: str
    close_time: str


@frozen(kw_only=True)
class WeeklyHours:
    """Trading hours by weekday name, valid from `start` to `end`."""

    start: datetime | None
    end: datetime | None
    days: Mapping[str, tuple[DailyHours, ...]]


@frozen(kw_only=True)
class MaintenanceWindow:
    """A planned interruption."""

    start: datetime | None
    end: datetime | None


@frozen(kw_only=True)
class Schedule:
    """Trading hours and planned maintenance."""

    standard_hours: tuple[WeeklyHours, ...]
    maintenance_windows: tuple[MaintenanceWindow, ...]
    raw: shapes.Schedule = field(repr=False, eq=False)


@frozen(kw_only=True)
class HistoricalCutoff:
    """Where live data ends: older rows are only under history. Resting orders are always live."""

    orders_updated: datetime
    trades_created: datetime
    market_settled: datetime | None = None
    market_positions_last_updated: datetime | None = None
    raw: shapes.GetHistoricalCutoffResponse = field(repr=False, eq=False)
