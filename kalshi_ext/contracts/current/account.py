"""History, account and exchange in the current contract."""

# pyright: reportPrivateUsage=false
# The generated `_get_kwargs` builds a request without sending it; there is no public way to it.

from __future__ import annotations

from datetime import datetime

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

from kalshi_ext.contract import types as shapes
from kalshi_ext.contracts.current import decode_account, decode_orders, decode_portfolio
from kalshi_ext.contracts.current.orders import or_unset
from kalshi_ext.contracts.current.portfolio import paged
from kalshi_ext.contracts.decoding import build_request, decode_nothing, required
from kalshi_ext.contracts.interface import Interface
from kalshi_ext.contracts.operations import CURRENT as OPERATIONS
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
from kalshi_ext.values import read_time


class CurrentHistory(Interface):
    """What has moved from the live lists to history."""

    def cutoff(self) -> Call[HistoricalCutoff]:
        kwargs = get_historical_cutoff._get_kwargs()
        return Call(OPERATIONS["GetHistoricalCutoff"], build_request(kwargs), decode_account.cutoff)

    def orders(self, window: ListQuery) -> Call[Page[Order]]:
        kwargs = get_historical_orders._get_kwargs(
            ticker=or_unset(window.ticker),
            min_ts=or_unset(window.since),
            max_ts=or_unset(window.until),
            limit=or_unset(window.size),
            subaccount=or_unset(window.subaccount),
        )
        return paged("GetHistoricalOrders", kwargs, "orders", shapes.Order, decode_orders.order)

    def fills(self, window: ListQuery) -> Call[Page[Fill]]:
        kwargs = get_fills_historical._get_kwargs(
            ticker=or_unset(window.ticker),
            min_ts=or_unset(window.since),
            max_ts=or_unset(window.until),
            limit=or_unset(window.size),
            subaccount=or_unset(window.subaccount),
        )
        return paged("GetFillsHistorical", kwargs, "fills", shapes.Fill, decode_orders.fill)

    def positions(self, window: ListQuery) -> Call[Page[Position]]:
        kwargs = get_historical_positions._get_kwargs(
            ticker=or_unset(window.ticker),
            event_ticker=or_unset(window.event_ticker),
            limit=or_unset(window.size),
            subaccount=or_unset(window.subaccount),
        )
        shape = shapes.MarketPosition
        return paged(
            "GetHistoricalPositions", kwargs, "market_positions", shape, decode_portfolio.position
        )


class CurrentAccount(Interface):
    """Rate limits and usage levels."""

    def limits(self) -> Call[AccountLimits]:
        kwargs = get_account_api_limits._get_kwargs()
        return Call(OPERATIONS["GetAccountApiLimits"], build_request(kwargs), decode_account.limits)

    def endpoint_costs(self) -> Call[EndpointCosts]:
        kwargs = get_account_endpoint_costs._get_kwargs()
        return Call(
            OPERATIONS["GetAccountEndpointCosts"],
            build_request(kwargs),
            decode_account.endpoint_costs,
        )

    def volume_progress(self) -> Call[Page[VolumeProgress]]:
        kwargs = get_account_api_usage_level_volume_progress._get_kwargs()
        shape = shapes.AccountApiUsageLevelVolumeProgress
        name = "GetAccountApiUsageLevelVolumeProgress"
        return paged(name, kwargs, "volume_progress", shape, decode_account.volume_progress)

    def upgrade(self) -> Call[None]:
        kwargs = upgrade_account_api_usage_level._get_kwargs()
        return Call(
            OPERATIONS["UpgradeAccountApiUsageLevel"], build_request(kwargs), decode_nothing
        )


class CurrentExchange(Interface):
    """The exchange itself. Public."""

    def status(self) -> Call[ExchangeStatus]:
        kwargs = get_exchange_status._get_kwargs()
        return Call(
            OPERATIONS["GetExchangeStatus"], build_request(kwargs), decode_account.exchange_status
        )

    def schedule(self) -> Call[Schedule]:
        kwargs = get_exchange_schedule._get_kwargs()
        return Call(
            OPERATIONS["GetExchangeSchedule"], build_request(kwargs), decode_account.schedule
        )

    def data_timestamp(self) -> Call[datetime]:
        def decode(document: Document) -> datetime:
            return required(read_time(document["as_of_time"]), "as_of_time")

        kwargs = get_user_data_timestamp._get_kwargs()
        return Call(OPERATIONS["GetUserDataTimestamp"], build_request(kwargs), decode)
