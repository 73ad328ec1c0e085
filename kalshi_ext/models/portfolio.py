"""Cash, positions, settlements, transfers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from attrs import field, frozen

if TYPE_CHECKING:
    from kalshi_ext.contract import types as shapes


@frozen(kw_only=True)
class ShardBalance:
    """Dollars on one shard."""

    exchange_index: int
    balance: Decimal


@frozen(kw_only=True)
class Balance:
    """Cash and portfolio value in dollars.

    `balance` is exact where the exchange sends dollars; the integer cents it also sends are
    truncated (documented).
    """

    balance: Decimal
    portfolio_value: Decimal | None = None
    updated_time: datetime | None = None
    breakdown: tuple[ShardBalance, ...] = ()
    raw: shapes.GetBalanceResponse = field(repr=False, eq=False)


@frozen(kw_only=True)
class Position:
    """What is held in one market: `position` contracts, positive YES, negative NO; dollars else."""

    ticker: str
    position: Decimal
    exposure: Decimal | None = None
    realized_pnl: Decimal | None = None
    fees_paid: Decimal | None = None
    total_traded: Decimal | None = None
    total_cost: Decimal | None = None
    last_updated: datetime | None = None
    exchange_index: int | None = None
    raw: shapes.MarketPosition | shapes.Position = field(repr=False, eq=False)


@frozen(kw_only=True)
class EventPosition:
    """What is held over all markets of one event; dollars, `total_cost_shares` contracts."""

    event_ticker: str
    total_cost: Decimal | None = None
    total_cost_shares: Decimal | None = None
    exposure: Decimal | None = None
    realized_pnl: Decimal | None = None
    fees_paid: Decimal | None = None
    raw: shapes.EventPosition = field(repr=False, eq=False)


@frozen(kw_only=True)
class Settlement:
    """How one market ended for this account.

    Dollars throughout (the wire carries `revenue` and `value` in cents); counts are contracts.
    `value` is the payout of one YES contract where the result is scalar.
    """

    ticker: str
    market_result: shapes.MarketResult
    revenue: Decimal | None = None
    yes_count: Decimal | None = None
    no_count: Decimal | None = None
    yes_total_cost: Decimal | None = None
    no_total_cost: Decimal | None = None
    fee: Decimal | None = None
    value: Decimal | None = None
    settled_time: datetime | None = None
    event_ticker: str | None = None
    exchange_index: int | None = None
    raw: shapes.Settlement = field(repr=False, eq=False)


@frozen(kw_only=True)
class Payment:
    """A deposit or a withdrawal; amount and fee in dollars."""

    id: str
    status: shapes.PaymentStatus
    type: shapes.PaymentType
    amount: Decimal
    fee: Decimal | None = None
    created_time: datetime | None = None
    finalized_time: datetime | None = None
    raw: shapes.Deposit | shapes.Withdrawal = field(repr=False, eq=False)


@frozen(kw_only=True)
class RestingValue:
    """The value of all resting orders in dollars, in total and by shard."""

    total: Decimal
    breakdown: tuple[ShardBalance, ...] = ()
    raw: (
        shapes.GetPortfolioRestingOrderTotalValueResponse | shapes.GetTotalRestingOrderValueResponse
    ) = field(repr=False, eq=False)


@frozen(kw_only=True)
class SubaccountBalance:
    """Dollars of one subaccount on one shard."""

    subaccount: int
    exchange_index: int
    balance: Decimal
    updated_time: datetime | None = None
    raw: shapes.SubaccountBalance = field(repr=False, eq=False)


@frozen(kw_only=True)
class SubaccountTransfer:
    """Money moved between two subaccounts, in dollars."""

    transfer_id: str
    from_subaccount: int
    to_subaccount: int
    amount: Decimal
    created_time: datetime | None = None
    exchange_index: int | None = None
    raw: shapes.SubaccountTransfer = field(repr=False, eq=False)


@frozen(kw_only=True)
class NettingConfig:
    """Whether positions of one subaccount net against each other."""

    subaccount: int
    enabled: bool
    exchange_index: int | None = None


@frozen(kw_only=True)
class InstanceTransfer:
    """Money moved between exchange instances or shards, in dollars."""

    transfer_id: str
    source: shapes.ExchangeInstance
    destination: shapes.ExchangeInstance
    amount: Decimal
    status: shapes.IntraExchangeInstanceTransferStatus
    source_exchange_shard: int | None = None
    destination_exchange_shard: int | None = None
    created_time: datetime | None = None
    raw: shapes.IntraExchangeInstanceTransfer = field(repr=False, eq=False)


@frozen(kw_only=True)
class TargetAllocation:
    """The wished share of the balance on each shard, in whole percent."""

    percent: Mapping[int, int]
    resting_margin_reservation: shapes.RestingMarginReservation | None = None
    raw: shapes.GetTargetBalanceAllocationResponse = field(repr=False, eq=False)
