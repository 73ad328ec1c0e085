"""History, account and exchange in the current contract: built and read here."""

# pyright: reportPrivateUsage=false, reportTypedDictNotRequiredAccess=false
# The generated `_get_kwargs` builds a request without sending it; there is no public way to it. A
# field that is missing raises KeyError, which names it: that row becomes an InvalidRow.

from __future__ import annotations

from datetime import datetime
from typing import Any

from kalshi_portfolio.api.account import (
    get_account_api_limits,
    get_account_api_usage_level_volume_progress,
    get_account_endpoint_costs,
    upgrade_account_api_usage_level,
)
from kalshi_portfolio.api.exchange import (
    get_exchange_schedule,
    get_exchange_status,
    get_user_data_timestamp,
)
from kalshi_portfolio.api.historical import (
    get_fills_historical,
    get_historical_cutoff,
    get_historical_orders,
    get_historical_positions,
)

from kalshi_ext import values
from kalshi_ext.contract import types as shapes
from kalshi_ext.contracts.current.orders import decode_fill, decode_order, or_unset
from kalshi_ext.contracts.current.portfolio import decode_position, paged
from kalshi_ext.contracts.decoding import (
    build_request,
    decode_nothing,
    optional_enum_member,
    required,
)
from kalshi_ext.contracts.interface import Interface
from kalshi_ext.contracts.operations import CURRENT as OPERATIONS
from kalshi_ext.models import (
    AccountLimits,
    BucketLimit,
    DailyHours,
    EndpointCost,
    EndpointCosts,
    ExchangeStatus,
    Fill,
    HistoricalCutoff,
    MaintenanceWindow,
    Order,
    Position,
    Schedule,
    ShardStatus,
    UsageGrant,
    VolumeGoal,
    VolumeProgress,
    WeeklyHours,
)
from kalshi_ext.protocol.messages import Call, Document, Page
from kalshi_ext.requests.filters import ListQuery
from kalshi_ext.values import read_time


class CurrentHistory(Interface):
    """What has moved from the live lists to history."""

    def cutoff(self) -> Call[HistoricalCutoff]:
        kwargs = get_historical_cutoff._get_kwargs()
        return Call(OPERATIONS["GetHistoricalCutoff"], build_request(kwargs), decode_cutoff)

    def orders(self, query: ListQuery) -> Call[Page[Order]]:
        query.refuse_all_but("current", "ticker", "since", "until", "subaccount")
        kwargs = get_historical_orders._get_kwargs(
            ticker=or_unset(query.ticker),
            min_ts=or_unset(query.since),
            max_ts=or_unset(query.until),
            limit=or_unset(query.page_size("GetHistoricalOrders")),
            subaccount=or_unset(query.subaccount),
        )
        return paged("GetHistoricalOrders", kwargs, "orders", shapes.Order, decode_order)

    def fills(self, query: ListQuery) -> Call[Page[Fill]]:
        query.refuse_all_but("current", "ticker", "since", "until", "subaccount")
        kwargs = get_fills_historical._get_kwargs(
            ticker=or_unset(query.ticker),
            min_ts=or_unset(query.since),
            max_ts=or_unset(query.until),
            limit=or_unset(query.page_size("GetFillsHistorical")),
            subaccount=or_unset(query.subaccount),
        )
        return paged("GetFillsHistorical", kwargs, "fills", shapes.Fill, decode_fill)

    def positions(self, query: ListQuery) -> Call[Page[Position]]:
        query.refuse_all_but("current", "ticker", "event_ticker", "subaccount")
        kwargs = get_historical_positions._get_kwargs(
            ticker=or_unset(query.ticker),
            event_ticker=or_unset(query.event_ticker),
            limit=or_unset(query.page_size("GetHistoricalPositions")),
            subaccount=or_unset(query.subaccount),
        )
        shape = shapes.MarketPosition
        return paged("GetHistoricalPositions", kwargs, "market_positions", shape, decode_position)


class CurrentAccount(Interface):
    """Rate limits and usage levels."""

    def limits(self) -> Call[AccountLimits]:
        kwargs = get_account_api_limits._get_kwargs()
        return Call(OPERATIONS["GetAccountApiLimits"], build_request(kwargs), decode_limits)

    def endpoint_costs(self) -> Call[EndpointCosts]:
        kwargs = get_account_endpoint_costs._get_kwargs()
        return Call(
            OPERATIONS["GetAccountEndpointCosts"],
            build_request(kwargs),
            decode_endpoint_costs,
        )

    def volume_progress(self) -> Call[Page[VolumeProgress]]:
        kwargs = get_account_api_usage_level_volume_progress._get_kwargs()
        shape = shapes.AccountApiUsageLevelVolumeProgress
        name = "GetAccountApiUsageLevelVolumeProgress"
        return paged(name, kwargs, "volume_progress", shape, decode_volume_progress)

    def upgrade(self) -> Call[None]:
        kwargs = upgrade_account_api_usage_level._get_kwargs()
        return Call(
            OPERATIONS["UpgradeAccountApiUsageLevel"], build_request(kwargs), decode_nothing
        )


class CurrentExchange(Interface):
    """The exchange itself. Public."""

    def status(self) -> Call[ExchangeStatus]:
        kwargs = get_exchange_status._get_kwargs()
        return Call(OPERATIONS["GetExchangeStatus"], build_request(kwargs), decode_exchange_status)

    def schedule(self) -> Call[Schedule]:
        kwargs = get_exchange_schedule._get_kwargs()
        return Call(OPERATIONS["GetExchangeSchedule"], build_request(kwargs), decode_schedule)

    def data_timestamp(self) -> Call[datetime]:
        def decode(document: Document) -> datetime:
            return required(read_time(document["as_of_time"]), "as_of_time")

        kwargs = get_user_data_timestamp._get_kwargs()
        return Call(OPERATIONS["GetUserDataTimestamp"], build_request(kwargs), decode)


count = values.read_count
moment = values.read_time
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def decode_cutoff(document: Document) -> HistoricalCutoff:
    """Read where live data ends."""
    row: shapes.GetHistoricalCutoffResponse = document
    return HistoricalCutoff(
        orders_updated=required(moment(row["orders_updated_ts"]), "orders_updated_ts"),
        trades_created=required(moment(row["trades_created_ts"]), "trades_created_ts"),
        market_settled=moment(row.get("market_settled_ts")),
        market_positions_last_updated=moment(row.get("market_positions_last_updated_ts")),
        raw=row,
    )


def decode_limits(document: Document) -> AccountLimits:
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


def decode_endpoint_costs(document: Document) -> EndpointCosts:
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


def decode_volume_progress(row: shapes.AccountApiUsageLevelVolumeProgress) -> VolumeProgress:
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


def decode_exchange_status(document: Document) -> ExchangeStatus:
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


def decode_schedule(document: Document) -> Schedule:
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
