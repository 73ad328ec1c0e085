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
from kalshi_ext.protocol.messages import Call, Operation, Page
from kalshi_ext.requests import AmendTicket, DecreaseTicket, OrderTicket, Target
from kalshi_ext.requests.filters import ListQuery


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


class Interface:
    """What every resource of a contract shares: its name and how it says no."""

    contract = ""

    def _unsupported(self, what: str) -> NoReturn:
        raise Misuse(f"the {self.contract} contract has no {what}: use the other contract")


class OrdersInterface(Interface):
    """Orders."""

    def place(self, ticket: OrderTicket) -> Call[OrderAck]:
        self._unsupported("orders.place")

    def place_many(self, tickets: Sequence[OrderTicket]) -> Call[list[OrderAck | Refused]]:
        self._unsupported("orders.place_many")

    def amend(self, ticket: AmendTicket) -> Call[OrderAck]:
        self._unsupported("orders.amend")

    def decrease(self, ticket: DecreaseTicket) -> Call[OrderAck]:
        self._unsupported("orders.decrease")

    def cancel(self, target: Target) -> Call[OrderAck]:
        self._unsupported("orders.cancel")

    def cancel_many(self, targets: Sequence[Target]) -> Call[list[OrderAck | Refused]]:
        self._unsupported("orders.cancel_many")

    def cancel_all(self, subaccount: int | None) -> Call[None]:
        self._unsupported("orders.cancel_all: list the resting orders and cancel_many them")

    def get(self, order_id: str) -> Call[Order]:
        self._unsupported("orders.get")

    def list(self, window: ListQuery) -> Call[Page[Order]]:
        self._unsupported("orders.list")

    def queue_position(self, order_id: str) -> Call[QueuePosition]:
        self._unsupported("orders.queue_position")

    def queue_positions(
        self,
        order_ids: Sequence[str] | None,
        tickers: Sequence[str] | None,
        event_ticker: str | None,
        subaccount: int | None,
    ) -> Call[Page[QueuePosition]]:
        self._unsupported("orders.queue_positions")


class GroupsInterface(Interface):
    """Order groups. `shard` is the exchange_index the group lives on."""

    def create(self, limit: Decimal, subaccount: int | None, shard: int | None) -> Call[OrderGroup]:
        self._unsupported("order_groups.create")

    def get(self, group_id: str, subaccount: int | None) -> Call[OrderGroup]:
        self._unsupported("order_groups.get")

    def list(self, window: ListQuery) -> Call[Page[OrderGroup]]:
        self._unsupported("order_groups.list")

    def delete(self, group_id: str, subaccount: int | None, shard: int | None) -> Call[None]:
        self._unsupported("order_groups.delete")

    def reset(self, group_id: str, subaccount: int | None, shard: int | None) -> Call[None]:
        self._unsupported("order_groups.reset")

    def trigger(self, group_id: str, subaccount: int | None, shard: int | None) -> Call[None]:
        self._unsupported("order_groups.trigger")

    def set_limit(
        self, group_id: str, limit: Decimal, subaccount: int | None, shard: int | None
    ) -> Call[None]:
        self._unsupported("order_groups.set_limit")


class PortfolioInterface(Interface):
    """Balance, positions, fills, settlements, payments, transfers between instances."""

    def balance(self, subaccount: int | None, exchange_index: int | None) -> Call[Balance]:
        self._unsupported("portfolio.balance")

    def positions(self, window: ListQuery) -> Call[Page[Position]]:
        self._unsupported("portfolio.positions")

    def event_positions(self, window: ListQuery) -> Call[Page[EventPosition]]:
        self._unsupported("portfolio.event_positions")

    def fills(self, window: ListQuery) -> Call[Page[Fill]]:
        self._unsupported("portfolio.fills")

    def settlements(self, window: ListQuery) -> Call[Page[Settlement]]:
        self._unsupported("portfolio.settlements")

    def deposits(self, window: ListQuery) -> Call[Page[Payment]]:
        self._unsupported("portfolio.deposits")

    def withdrawals(self, window: ListQuery) -> Call[Page[Payment]]:
        self._unsupported("portfolio.withdrawals")

    def resting_value(self) -> Call[RestingValue]:
        self._unsupported("portfolio.resting_value")

    def transfer(self, ticket: InstanceTransferTicket) -> Call[str]:
        self._unsupported("portfolio.transfer")

    def get_transfer(self, transfer_id: str) -> Call[InstanceTransfer]:
        self._unsupported("portfolio.get_transfer")

    def transfers(self, window: ListQuery) -> Call[Page[InstanceTransfer]]:
        self._unsupported("portfolio.transfers")

    def target_allocation(self) -> Call[TargetAllocation]:
        self._unsupported("portfolio.target_allocation")

    def set_target_allocation(self, percent: dict[int, int], reservation: str | None) -> Call[None]:
        self._unsupported("portfolio.set_target_allocation")


class SubaccountsInterface(Interface):
    """Subaccounts."""

    def create(self, exchange_index: int | None) -> Call[int]:
        self._unsupported("subaccounts.create")

    def balances(self) -> Call[Page[SubaccountBalance]]:
        self._unsupported("subaccounts.balances")

    def transfer(
        self,
        transfer_id: str,
        from_subaccount: int,
        to_subaccount: int,
        cents: int,
        exchange_index: int | None,
    ) -> Call[None]:
        self._unsupported("subaccounts.transfer")

    def transfers(self, window: ListQuery) -> Call[Page[SubaccountTransfer]]:
        self._unsupported("subaccounts.transfers")

    def netting(self) -> Call[Page[NettingConfig]]:
        self._unsupported("subaccounts.netting")

    def set_netting(self, subaccount: int, enabled: bool) -> Call[None]:
        self._unsupported("subaccounts.set_netting")


class HistoryInterface(Interface):
    """What has moved from the live lists to history."""

    def cutoff(self) -> Call[HistoricalCutoff]:
        self._unsupported("history.cutoff")

    def orders(self, window: ListQuery) -> Call[Page[Order]]:
        self._unsupported("history.orders")

    def fills(self, window: ListQuery) -> Call[Page[Fill]]:
        self._unsupported("history.fills")

    def positions(self, window: ListQuery) -> Call[Page[Position]]:
        self._unsupported("history.positions")


class AccountInterface(Interface):
    """Rate limits and usage levels."""

    def limits(self) -> Call[AccountLimits]:
        self._unsupported("account.limits")

    def endpoint_costs(self) -> Call[EndpointCosts]:
        self._unsupported("account.endpoint_costs")

    def volume_progress(self) -> Call[Page[VolumeProgress]]:
        self._unsupported("account.volume_progress")

    def upgrade(self) -> Call[None]:
        self._unsupported("account.upgrade")


class ExchangeInterface(Interface):
    """The exchange itself. Public."""

    def status(self) -> Call[ExchangeStatus]:
        self._unsupported("exchange.status")

    def schedule(self) -> Call[Schedule]:
        self._unsupported("exchange.schedule")

    def data_timestamp(self) -> Call[datetime]:
        self._unsupported("exchange.data_timestamp")


@frozen(kw_only=True)
class Contract:
    """One contract: its operations and its way to say each thing."""

    name: str
    operations: dict[str, Operation]
    has_watermark: bool
    orders: OrdersInterface
    order_groups: GroupsInterface
    portfolio: PortfolioInterface
    subaccounts: SubaccountsInterface
    history: HistoryInterface
    account: AccountInterface
    exchange: ExchangeInterface
