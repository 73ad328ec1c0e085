"""The one language both contracts are spoken in: what can be said, and `Misuse` where it cannot.

A contract overrides what it can express. Every method returns a `Call`: a request built, its
answer's reader bound, nothing sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NoReturn

from attrs import frozen

from kalshi_ext.errors import Misuse, Refused
from kalshi_ext.models import (
    AccountLimits,
    Balance,
    EndpointCosts,
    EventPosition,
    ExchangeStatus,
    Fill,
    HistoricalCutoff,
    InstanceTransfer,
    NettingConfig,
    Order,
    OrderAck,
    OrderGroup,
    Payment,
    Position,
    QueuePosition,
    RestingValue,
    Schedule,
    Settlement,
    SubaccountBalance,
    SubaccountTransfer,
    TargetAllocation,
    VolumeProgress,
)
from kalshi_ext.protocol.messages import Call, Operation
from kalshi_ext.protocol.pagination import Page
from kalshi_ext.requests import AmendTicket, DecreaseTicket, OrderTicket, Target
from kalshi_ext.requests.filters import Window


@frozen(kw_only=True)
class InstanceTransferTicket:
    """Money to move between exchange instances or shards; `amount` in centicents (1/100 cent)."""

    source: str
    destination: str
    amount: int
    source_exchange_shard: int | None = None
    destination_exchange_shard: int | None = None
    source_subaccount: int | None = None
    destination_subaccount: int | None = None
    client_transfer_id: str | None = None


class Vocabulary:
    """What every resource of a contract shares: its name and how it says no."""

    contract = ""

    def _cannot(self, what: str) -> NoReturn:
        raise Misuse(f"the {self.contract} contract has no {what}: use the other contract")


class OrdersLanguage(Vocabulary):
    """Orders."""

    def place(self, ticket: OrderTicket) -> Call[OrderAck]:
        self._cannot("orders.place")

    def place_many(self, tickets: Sequence[OrderTicket]) -> Call[list[OrderAck | Refused]]:
        self._cannot("orders.place_many")

    def amend(self, ticket: AmendTicket) -> Call[OrderAck]:
        self._cannot("orders.amend")

    def decrease(self, ticket: DecreaseTicket) -> Call[OrderAck]:
        self._cannot("orders.decrease")

    def cancel(self, target: Target) -> Call[OrderAck]:
        self._cannot("orders.cancel")

    def cancel_many(self, targets: Sequence[Target]) -> Call[list[OrderAck | Refused]]:
        self._cannot("orders.cancel_many")

    def cancel_all(self, subaccount: int | None) -> Call[None]:
        self._cannot("orders.cancel_all: list the resting orders and cancel_many them")

    def get(self, order_id: str) -> Call[Order]:
        self._cannot("orders.get")

    def list(self, window: Window) -> Call[Page[Order]]:
        self._cannot("orders.list")

    def queue_position(self, order_id: str) -> Call[QueuePosition]:
        self._cannot("orders.queue_position")

    def queue_positions(
        self,
        order_ids: Sequence[str] | None,
        tickers: Sequence[str] | None,
        event_ticker: str | None,
        subaccount: int | None,
    ) -> Call[Page[QueuePosition]]:
        self._cannot("orders.queue_positions")


class GroupsLanguage(Vocabulary):
    """Order groups. `shard` is the exchange_index the group lives on."""

    def create(self, limit: Decimal, subaccount: int | None, shard: int | None) -> Call[OrderGroup]:
        self._cannot("order_groups.create")

    def get(self, group_id: str, subaccount: int | None) -> Call[OrderGroup]:
        self._cannot("order_groups.get")

    def list(self, window: Window) -> Call[Page[OrderGroup]]:
        self._cannot("order_groups.list")

    def delete(self, group_id: str, subaccount: int | None, shard: int | None) -> Call[None]:
        self._cannot("order_groups.delete")

    def reset(self, group_id: str, subaccount: int | None, shard: int | None) -> Call[None]:
        self._cannot("order_groups.reset")

    def trigger(self, group_id: str, subaccount: int | None, shard: int | None) -> Call[None]:
        self._cannot("order_groups.trigger")

    def set_limit(
        self, group_id: str, limit: Decimal, subaccount: int | None, shard: int | None
    ) -> Call[None]:
        self._cannot("order_groups.set_limit")


class PortfolioLanguage(Vocabulary):
    """Balance, positions, fills, settlements, payments, transfers between instances."""

    def balance(self, subaccount: int | None, exchange_index: int | None) -> Call[Balance]:
        self._cannot("portfolio.balance")

    def positions(self, window: Window) -> Call[Page[Position]]:
        self._cannot("portfolio.positions")

    def event_positions(self, window: Window) -> Call[Page[EventPosition]]:
        self._cannot("portfolio.event_positions")

    def fills(self, window: Window) -> Call[Page[Fill]]:
        self._cannot("portfolio.fills")

    def settlements(self, window: Window) -> Call[Page[Settlement]]:
        self._cannot("portfolio.settlements")

    def deposits(self, window: Window) -> Call[Page[Payment]]:
        self._cannot("portfolio.deposits")

    def withdrawals(self, window: Window) -> Call[Page[Payment]]:
        self._cannot("portfolio.withdrawals")

    def resting_value(self) -> Call[RestingValue]:
        self._cannot("portfolio.resting_value")

    def transfer(self, ticket: InstanceTransferTicket) -> Call[str]:
        self._cannot("portfolio.transfer")

    def get_transfer(self, transfer_id: str) -> Call[InstanceTransfer]:
        self._cannot("portfolio.get_transfer")

    def transfers(self, window: Window) -> Call[Page[InstanceTransfer]]:
        self._cannot("portfolio.transfers")

    def target_allocation(self) -> Call[TargetAllocation]:
        self._cannot("portfolio.target_allocation")

    def set_target_allocation(self, percent: dict[int, int], reservation: str | None) -> Call[None]:
        self._cannot("portfolio.set_target_allocation")


class SubaccountsLanguage(Vocabulary):
    """Subaccounts."""

    def create(self, exchange_index: int | None) -> Call[int]:
        self._cannot("subaccounts.create")

    def balances(self) -> Call[Page[SubaccountBalance]]:
        self._cannot("subaccounts.balances")

    def transfer(
        self,
        transfer_id: str,
        from_subaccount: int,
        to_subaccount: int,
        cents: int,
        exchange_index: int | None,
    ) -> Call[None]:
        self._cannot("subaccounts.transfer")

    def transfers(self, window: Window) -> Call[Page[SubaccountTransfer]]:
        self._cannot("subaccounts.transfers")

    def netting(self) -> Call[Page[NettingConfig]]:
        self._cannot("subaccounts.netting")

    def set_netting(self, subaccount: int, enabled: bool) -> Call[None]:
        self._cannot("subaccounts.set_netting")


class HistoryLanguage(Vocabulary):
    """What has moved from the live lists to history."""

    def cutoff(self) -> Call[HistoricalCutoff]:
        self._cannot("history.cutoff")

    def orders(self, window: Window) -> Call[Page[Order]]:
        self._cannot("history.orders")

    def fills(self, window: Window) -> Call[Page[Fill]]:
        self._cannot("history.fills")

    def positions(self, window: Window) -> Call[Page[Position]]:
        self._cannot("history.positions")


class AccountLanguage(Vocabulary):
    """Rate limits and usage levels."""

    def limits(self) -> Call[AccountLimits]:
        self._cannot("account.limits")

    def endpoint_costs(self) -> Call[EndpointCosts]:
        self._cannot("account.endpoint_costs")

    def volume_progress(self) -> Call[Page[VolumeProgress]]:
        self._cannot("account.volume_progress")

    def upgrade(self) -> Call[None]:
        self._cannot("account.upgrade")


class ExchangeLanguage(Vocabulary):
    """The exchange itself. Public."""

    def status(self) -> Call[ExchangeStatus]:
        self._cannot("exchange.status")

    def schedule(self) -> Call[Schedule]:
        self._cannot("exchange.schedule")

    def data_timestamp(self) -> Call[datetime]:
        self._cannot("exchange.data_timestamp")


@frozen(kw_only=True)
class Contract:
    """One contract: its operations and its way to say each thing."""

    name: str
    operations: dict[str, Operation]
    has_watermark: bool
    orders: OrdersLanguage
    order_groups: GroupsLanguage
    portfolio: PortfolioLanguage
    subaccounts: SubaccountsLanguage
    history: HistoryLanguage
    account: AccountLanguage
    exchange: ExchangeLanguage
