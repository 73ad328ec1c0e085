"""Cash, positions, settlements, payments, transfers.

Units differ on the wire by field (documented: dollars, cents or centicents); here money is dollars.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from attrs import field, frozen

from kalshi_ext.bases import Value
from kalshi_ext.models.kept_pages import FromPage
from kalshi_ext.models.promises import PROMISED

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


@frozen(kw_only=True, eq=False, repr=False)
class ShardBalance(Value):
    """The dollars on one shard."""

    exchange_index: int
    balance: Decimal = PROMISED


@frozen(kw_only=True, eq=False, repr=False)
class Balance(Value):
    """Cash and portfolio value in dollars.

    `balance` is exact where the exchange sends dollars; the integer cents it also sends are
    truncated (documented).
    """

    balance: Decimal
    # The value of the positions alone (observed): what the account is worth is this plus `balance`.
    portfolio_value: Decimal = PROMISED
    updated_time: datetime = PROMISED
    breakdown: tuple[ShardBalance, ...] = ()
    raw: wire.GetBalanceResponse = field(repr=False, eq=False)


@frozen(kw_only=True, eq=False, repr=False)
class Position(Value, FromPage):
    """The holding in one market: dollars, but `position` in contracts (negative for NO)."""

    ticker: str
    position: Decimal
    exposure: Decimal = PROMISED
    realized_pnl: Decimal = PROMISED
    fees_paid: Decimal = PROMISED
    total_traded: Decimal = PROMISED
    total_cost: Decimal | None = None
    last_updated: datetime = PROMISED
    exchange_index: int = PROMISED
    # Of the 2.x documents only.
    event_ticker: str | None = None
    market_result: wire.MarketResult | None = None
    raw: wire.MarketPosition | wire.Position = field(repr=False, eq=False)


@frozen(kw_only=True, eq=False, repr=False)
class EventPosition(Value):
    """The holding over all markets of one event: dollars, but `total_cost_shares` in contracts."""

    event_ticker: str
    total_cost: Decimal = PROMISED
    total_cost_shares: Decimal = PROMISED
    exposure: Decimal = PROMISED
    realized_pnl: Decimal = PROMISED
    fees_paid: Decimal = PROMISED
    raw: wire.EventPosition = field(repr=False, eq=False)


@frozen(kw_only=True, eq=False, repr=False)
class Settlement(Value, FromPage):
    """The settlement of one market for this account.

    Money is dollars (the wire carries `revenue` and `value` in cents), counts are contracts.
    `value` is the payout of one YES contract where the result is scalar.
    """

    ticker: str
    market_result: wire.MarketResult
    revenue: Decimal = PROMISED
    yes_count: Decimal = PROMISED
    no_count: Decimal = PROMISED
    yes_total_cost: Decimal = PROMISED
    no_total_cost: Decimal = PROMISED
    fee: Decimal = PROMISED
    value: Decimal | None = None
    settled_time: datetime = PROMISED
    event_ticker: str = PROMISED
    exchange_index: int = PROMISED
    raw: wire.Settlement = field(repr=False, eq=False)


@frozen(kw_only=True, eq=False, repr=False)
class Payment(Value):
    """A deposit or a withdrawal; amount and fee in dollars."""

    id: str
    status: wire.PaymentStatus
    type: wire.PaymentType = PROMISED
    amount: Decimal = PROMISED
    fee: Decimal = PROMISED
    created_time: datetime = PROMISED
    finalized_time: datetime | None = None
    raw: wire.Deposit | wire.Withdrawal = field(repr=False, eq=False)


@frozen(kw_only=True, eq=False, repr=False)
class RestingValue(Value):
    """The value of all resting orders in dollars, in total and by shard (the wire: cents)."""

    total: Decimal
    breakdown: tuple[ShardBalance, ...] = ()
    raw: (
        wire.GetPortfolioRestingOrderTotalValueResponse | wire.GetTotalRestingOrderValueResponse
    ) = field(repr=False, eq=False)


@frozen(kw_only=True, eq=False, repr=False)
class SubaccountBalance(Value):
    """The dollars of one subaccount on one shard."""

    subaccount: int
    exchange_index: int
    balance: Decimal = PROMISED
    updated_time: datetime = PROMISED
    raw: wire.SubaccountBalance = field(repr=False, eq=False)


@frozen(kw_only=True, eq=False, repr=False)
class SubaccountTransfer(Value):
    """Money moved between two subaccounts, in dollars."""

    # The exchange's own id. No answer has the client_transfer_id of the request (contract), so a
    # transfer cannot be found by its key.
    transfer_id: str
    from_subaccount: int
    to_subaccount: int
    amount: Decimal
    created_time: datetime = PROMISED
    exchange_index: int = PROMISED
    raw: wire.SubaccountTransfer = field(repr=False, eq=False)


@frozen(kw_only=True, eq=False, repr=False)
class NettingConfig(Value):
    """Whether positions of one subaccount net against each other."""

    subaccount: int
    enabled: bool
    exchange_index: int = PROMISED


@frozen(kw_only=True, eq=False, repr=False)
class InstanceTransfer(Value):
    """Money moved between exchange instances or shards, in dollars."""

    transfer_id: str
    source: wire.ExchangeInstance
    destination: wire.ExchangeInstance
    amount: Decimal
    status: wire.IntraExchangeInstanceTransferStatus
    source_exchange_shard: int = PROMISED
    destination_exchange_shard: int = PROMISED
    created_time: datetime = PROMISED
    client_transfer_id: str | None = None
    raw: wire.IntraExchangeInstanceTransfer = field(repr=False, eq=False)


@frozen(kw_only=True, eq=False, repr=False)
class TargetAllocation(Value):
    """The target share of the balance on each shard: exchange_index to whole percent."""

    percent: Mapping[int, int]
    resting_margin_reservation: wire.RestingMarginReservation | None = None
    raw: wire.GetTargetBalanceAllocationResponse = field(repr=False, eq=False)
