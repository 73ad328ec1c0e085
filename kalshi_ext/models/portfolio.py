"""Cash, positions, settlements, payments, transfers.

Units differ on the wire by field (documented: dollars, cents or centicents); here money is dollars.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from attrs import field, frozen

if TYPE_CHECKING:
    from kalshi_ext.contract import types as wire

__all__ = [
    "Balance",
    "EventPosition",
    "InstanceTransfer",
    "NettingConfig",
    "Payment",
    "Position",
    "RestingValue",
    "Settlement",
    "ShardBalance",
    "SubaccountBalance",
    "SubaccountTransfer",
    "TargetAllocation",
]


@frozen(kw_only=True)
class ShardBalance:
    """The dollars on one shard."""

    exchange_index: int
    balance: Decimal


@frozen(kw_only=True)
class Balance:
    """Cash and portfolio value in dollars.

    `balance` is exact where the exchange sends dollars; the integer cents it also sends are
    truncated (documented).
    """

    balance: Decimal
    # The value of positions only, without cash (observed).
    portfolio_value: Decimal | None = None
    updated_time: datetime | None = None
    breakdown: tuple[ShardBalance, ...] = ()
    raw: wire.GetBalanceResponse = field(repr=False, eq=False)


@frozen(kw_only=True)
class Position:
    """The holding in one market: dollars, but `position` in contracts (negative for NO)."""

    ticker: str
    position: Decimal
    exposure: Decimal | None = None
    realized_pnl: Decimal | None = None
    fees_paid: Decimal | None = None
    total_traded: Decimal | None = None
    total_cost: Decimal | None = None
    last_updated: datetime | None = None
    exchange_index: int | None = None
    raw: wire.MarketPosition | wire.Position = field(repr=False, eq=False)


@frozen(kw_only=True)
class EventPosition:
    """The holding over all markets of one event: dollars, but `total_cost_shares` in contracts."""

    event_ticker: str
    total_cost: Decimal | None = None
    total_cost_shares: Decimal | None = None
    exposure: Decimal | None = None
    realized_pnl: Decimal | None = None
    fees_paid: Decimal | None = None
    raw: wire.EventPosition = field(repr=False, eq=False)


@frozen(kw_only=True)
class Settlement:
    """The settlement of one market for this account.

    Money is dollars (the wire carries `revenue` and `value` in cents), counts are contracts.
    `value` is the payout of one YES contract where the result is scalar.
    """

    ticker: str
    market_result: wire.MarketResult
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
    raw: wire.Settlement = field(repr=False, eq=False)


@frozen(kw_only=True)
class Payment:
    """A deposit or a withdrawal; amount and fee in dollars."""

    id: str
    status: wire.PaymentStatus
    type: wire.PaymentType
    amount: Decimal
    fee: Decimal | None = None
    created_time: datetime | None = None
    finalized_time: datetime | None = None
    raw: wire.Deposit | wire.Withdrawal = field(repr=False, eq=False)


@frozen(kw_only=True)
class RestingValue:
    """The value of all resting orders in dollars, in total and by shard (the wire: cents)."""

    total: Decimal
    breakdown: tuple[ShardBalance, ...] = ()
    raw: (
        wire.GetPortfolioRestingOrderTotalValueResponse | wire.GetTotalRestingOrderValueResponse
    ) = field(repr=False, eq=False)


@frozen(kw_only=True)
class SubaccountBalance:
    """The dollars of one subaccount on one shard."""

    subaccount: int
    exchange_index: int
    balance: Decimal
    updated_time: datetime | None = None
    raw: wire.SubaccountBalance = field(repr=False, eq=False)


@frozen(kw_only=True)
class SubaccountTransfer:
    """Money moved between two subaccounts, in dollars."""

    # The exchange's own id. No answer has the client_transfer_id of the request (contract), so a
    # transfer cannot be found by its key.
    transfer_id: str
    from_subaccount: int
    to_subaccount: int
    amount: Decimal
    created_time: datetime | None = None
    exchange_index: int | None = None
    raw: wire.SubaccountTransfer = field(repr=False, eq=False)


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
    source: wire.ExchangeInstance
    destination: wire.ExchangeInstance
    amount: Decimal
    status: wire.IntraExchangeInstanceTransferStatus
    source_exchange_shard: int | None = None
    destination_exchange_shard: int | None = None
    created_time: datetime | None = None
    client_transfer_id: str | None = None
    raw: wire.IntraExchangeInstanceTransfer = field(repr=False, eq=False)


@frozen(kw_only=True)
class TargetAllocation:
    """The target share of the balance on each shard: exchange_index to whole percent."""

    percent: Mapping[int, int]
    resting_margin_reservation: wire.RestingMarginReservation | None = None
    raw: wire.GetTargetBalanceAllocationResponse = field(repr=False, eq=False)
