"""History, account and exchange in the current contract."""

# pyright: reportPrivateUsage=false
# The generated `_get_kwargs` builds a request without sending it; there is no public way to it.

from __future__ import annotations

from datetime import datetime

from kalshi_portfolio.api import account, exchange, historical

from kalshi_ext.contract import types as shapes
from kalshi_ext.contracts.current.orders import or_unset
from kalshi_ext.contracts.current.portfolio import paged
from kalshi_ext.contracts.decode_account import (
    decode_cutoff,
    decode_endpoint_costs,
    decode_exchange_status,
    decode_limits,
    decode_schedule,
    decode_volume_progress,
)
from kalshi_ext.contracts.decode_orders import decode_fill, decode_order
from kalshi_ext.contracts.decode_portfolio import decode_position
from kalshi_ext.contracts.decoding import build_request, decode_nothing
from kalshi_ext.contracts.interface import Interface
from kalshi_ext.contracts.operations import CURRENT as OPERATIONS
from kalshi_ext.contracts.rows import Row
from kalshi_ext.models import (
    AccountLimits,
    EndpointCosts,
    ExchangeStatus,
    Fill,
    HistoricalCutoff,
    Order,
    Position,
    Schedule,
    VolumeProgress,
)
from kalshi_ext.protocol.messages import Call, Document, Page
from kalshi_ext.requests.filters import ListQuery


class CurrentHistory(Interface):
    """What has moved from the live lists to history."""

    def cutoff(self) -> Call[HistoricalCutoff]:
        kwargs = historical.get_historical_cutoff._get_kwargs()
        return Call(OPERATIONS["GetHistoricalCutoff"], build_request(kwargs), decode_cutoff)

    def orders(self, query: ListQuery) -> Call[Page[Order]]:
        query.refuse_all_but("current", "ticker", "since", "until", "subaccount")
        kwargs = historical.get_historical_orders._get_kwargs(
            ticker=or_unset(query.ticker),
            min_ts=or_unset(query.since),
            max_ts=or_unset(query.until),
            limit=or_unset(query.page_size("GetHistoricalOrders")),
            subaccount=or_unset(query.subaccount),
        )
        return paged("GetHistoricalOrders", kwargs, "orders", shapes.Order, decode_order, Order)

    def fills(self, query: ListQuery) -> Call[Page[Fill]]:
        query.refuse_all_but("current", "ticker", "since", "until", "subaccount")
        kwargs = historical.get_fills_historical._get_kwargs(
            ticker=or_unset(query.ticker),
            min_ts=or_unset(query.since),
            max_ts=or_unset(query.until),
            limit=or_unset(query.page_size("GetFillsHistorical")),
            subaccount=or_unset(query.subaccount),
        )
        return paged("GetFillsHistorical", kwargs, "fills", shapes.Fill, decode_fill, Fill)

    def positions(self, query: ListQuery) -> Call[Page[Position]]:
        query.refuse_all_but("current", "ticker", "event_ticker", "subaccount")
        kwargs = historical.get_historical_positions._get_kwargs(
            ticker=or_unset(query.ticker),
            event_ticker=or_unset(query.event_ticker),
            limit=or_unset(query.page_size("GetHistoricalPositions")),
            subaccount=or_unset(query.subaccount),
        )
        shape = shapes.MarketPosition
        return paged(
            "GetHistoricalPositions", kwargs, "market_positions", shape, decode_position, Position
        )


class CurrentAccount(Interface):
    """Rate limits and usage levels."""

    def limits(self) -> Call[AccountLimits]:
        kwargs = account.get_account_api_limits._get_kwargs()
        return Call(OPERATIONS["GetAccountApiLimits"], build_request(kwargs), decode_limits)

    def endpoint_costs(self) -> Call[EndpointCosts]:
        kwargs = account.get_account_endpoint_costs._get_kwargs()
        return Call(
            OPERATIONS["GetAccountEndpointCosts"],
            build_request(kwargs),
            decode_endpoint_costs,
        )

    def volume_progress(self) -> Call[Page[VolumeProgress]]:
        kwargs = account.get_account_api_usage_level_volume_progress._get_kwargs()
        shape = shapes.AccountApiUsageLevelVolumeProgress
        name = "GetAccountApiUsageLevelVolumeProgress"
        return paged(name, kwargs, "volume_progress", shape, decode_volume_progress)

    def upgrade(self) -> Call[None]:
        kwargs = account.upgrade_account_api_usage_level._get_kwargs()
        return Call(
            OPERATIONS["UpgradeAccountApiUsageLevel"], build_request(kwargs), decode_nothing
        )


class CurrentExchange(Interface):
    """The exchange itself. Public."""

    def status(self) -> Call[ExchangeStatus]:
        kwargs = exchange.get_exchange_status._get_kwargs()
        return Call(OPERATIONS["GetExchangeStatus"], build_request(kwargs), decode_exchange_status)

    def schedule(self) -> Call[Schedule]:
        kwargs = exchange.get_exchange_schedule._get_kwargs()
        return Call(OPERATIONS["GetExchangeSchedule"], build_request(kwargs), decode_schedule)

    def data_timestamp(self) -> Call[datetime]:
        def decode(document: Document) -> datetime:
            return Row(document, shapes.GetUserDataTimestampResponse).required_time("as_of_time")

        kwargs = exchange.get_user_data_timestamp._get_kwargs()
        return Call(OPERATIONS["GetUserDataTimestamp"], build_request(kwargs), decode)
