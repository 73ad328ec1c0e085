"""Status and hours of the exchange, and the cutoff between live and historical data."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from attrs import field, frozen

from kalshi_ext.bases import Value
from kalshi_ext.models.promises import PROMISED

if TYPE_CHECKING:
    from kalshi_ext.contract import types as wire

__all__ = [
    "DailyHours",
    "ExchangeStatus",
    "HistoricalCutoff",
    "MaintenanceWindow",
    "Schedule",
    "ShardStatus",
    "WeeklyHours",
]


@frozen(kw_only=True, eq=False, repr=False)
class ShardStatus(Value):
    """Whether one shard is up (`exchange_active`) and trading (`trading_active`)."""

    exchange_index: int
    exchange_active: bool
    trading_active: bool
    transfers_active: bool = PROMISED
    description: str = ""


@frozen(kw_only=True, eq=False, repr=False)
class ExchangeStatus(Value):
    """Whether the exchange is up (`exchange_active`) and trading (`trading_active`)."""

    exchange_active: bool
    trading_active: bool
    transfers_active: bool | None = None
    estimated_resume_time: datetime | None = None
    shards: tuple[ShardStatus, ...] = ()  # one may pause while the others trade (documented)
    raw: wire.ExchangeStatus = field(repr=False, eq=False)


@frozen(kw_only=True, eq=False, repr=False)
class DailyHours(Value):
    """Opening and closing as `HH:MM` texts of US Eastern time, as the exchange sends them."""

    # Texts: a time without a date has no UTC form, as Eastern time changes with the season.
    open_time: str
    close_time: str


@frozen(kw_only=True, eq=False, repr=False)
class WeeklyHours(Value):
    """Trading hours by weekday name, valid from `start` to `end`."""

    start: datetime = PROMISED
    end: datetime = PROMISED
    days: Mapping[str, tuple[DailyHours, ...]]


@frozen(kw_only=True, eq=False, repr=False)
class MaintenanceWindow(Value):
    """A planned interruption of the exchange."""

    start: datetime = PROMISED
    end: datetime = PROMISED


@frozen(kw_only=True, eq=False, repr=False)
class Schedule(Value):
    """Trading hours and planned maintenance."""

    standard_hours: tuple[WeeklyHours, ...]
    maintenance_windows: tuple[MaintenanceWindow, ...]
    raw: wire.Schedule = field(repr=False, eq=False)


@frozen(kw_only=True, eq=False, repr=False)
class HistoricalCutoff(Value):
    """The times before which rows are only under `client.history`, by kind of row.

    Resting orders and open positions are always live (documented). The times move during a read.
    """

    orders_updated: datetime
    trades_created: datetime
    market_settled: datetime = PROMISED
    market_positions_last_updated: datetime | None = None
    raw: wire.GetHistoricalCutoffResponse = field(repr=False, eq=False)
