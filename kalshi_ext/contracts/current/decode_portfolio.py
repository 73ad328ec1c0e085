"""Read the current contract's money objects: positions, settlements, payments, transfers."""

# pyright: reportTypedDictNotRequiredAccess=false
# A field that is missing raises KeyError, which names it; what cannot be read is set aside.

from __future__ import annotations

from decimal import Decimal

from kalshi_ext import values
from kalshi_ext.contract import types as shapes
from kalshi_ext.contract.types import ExchangeInstance, IntraExchangeInstanceTransferStatus
from kalshi_ext.contracts.decoding import enum_member, required, required_text
from kalshi_ext.models import (
    Balance,
    EventPosition,
    InstanceTransfer,
    NettingConfig,
    Payment,
    Position,
    Settlement,
    ShardBalance,
    SubaccountBalance,
    SubaccountTransfer,
)
from kalshi_ext.protocol.messages import Document

dollars = values.read_dollars
count = values.read_count
cents = values.read_cents
moment = values.read_time


def balance(document: Document) -> Balance:
    """Read the balance: exact dollars where sent, else the truncated cents."""
    row: shapes.GetBalanceResponse = document
    exact = dollars(row.get("balance_dollars"))
    return Balance(
        balance=required(cents(row["balance"]) if exact is None else exact, "balance"),
        portfolio_value=cents(row.get("portfolio_value")),
        updated_time=moment(row.get("updated_ts")),
        breakdown=shard_balances(row.get("balance_breakdown")),
        raw=row,
    )


def shard_balances(listed: list[shapes.IndexedBalance] | None) -> tuple[ShardBalance, ...]:
    """Read dollars by shard."""
    return tuple(
        ShardBalance(
            exchange_index=row["exchange_index"],
            balance=required(dollars(row["balance"]), "balance"),
        )
        for row in listed or ()
    )


def position(row: shapes.MarketPosition) -> Position:
    """Read what is held in one market."""
    return Position(
        ticker=required_text(row, "ticker"),
        position=required(count(row["position_fp"]), "position_fp"),
        exposure=dollars(row.get("market_exposure_dollars")),
        realized_pnl=dollars(row.get("realized_pnl_dollars")),
        fees_paid=dollars(row.get("fees_paid_dollars")),
        total_traded=dollars(row.get("total_traded_dollars")),
        last_updated=moment(row.get("last_updated_ts")),
        exchange_index=row.get("exchange_index"),
        raw=row,
    )


def event_position(row: shapes.EventPosition) -> EventPosition:
    """Read what is held over one event."""
    return EventPosition(
        event_ticker=required_text(row, "event_ticker"),
        total_cost=dollars(row.get("total_cost_dollars")),
        total_cost_shares=count(row.get("total_cost_shares_fp")),
        exposure=dollars(row.get("event_exposure_dollars")),
        realized_pnl=dollars(row.get("realized_pnl_dollars")),
        fees_paid=dollars(row.get("fees_paid_dollars")),
        raw=row,
    )


def settlement(row: shapes.Settlement) -> Settlement:
    """Read one settlement; `revenue` and `value` are cents on the wire (documented)."""
    return Settlement(
        ticker=required_text(row, "ticker"),
        event_ticker=row.get("event_ticker"),
        market_result=enum_member(shapes.MarketResult, row["market_result"]),
        revenue=cents(row.get("revenue")),
        value=cents(row.get("value")),
        yes_count=count(row.get("yes_count_fp")),
        no_count=count(row.get("no_count_fp")),
        yes_total_cost=dollars(row.get("yes_total_cost_dollars")),
        no_total_cost=dollars(row.get("no_total_cost_dollars")),
        fee=dollars(row.get("fee_cost")),
        settled_time=moment(row.get("settled_time")),
        exchange_index=row.get("exchange_index"),
        raw=row,
    )


def payment(row: shapes.Deposit | shapes.Withdrawal) -> Payment:
    """Read a deposit or a withdrawal; amounts are cents on the wire."""
    return Payment(
        id=required_text(row, "id"),
        status=enum_member(shapes.PaymentStatus, row["status"]),
        type=enum_member(shapes.PaymentType, row["type"]),
        amount=required(cents(row["amount_cents"]), "amount_cents"),
        fee=cents(row.get("fee_cents")),
        created_time=moment(row.get("created_ts")),
        finalized_time=moment(row.get("finalized_ts")),
        raw=row,
    )


def subaccount_balance(row: shapes.SubaccountBalance) -> SubaccountBalance:
    """Read the dollars of one subaccount on one shard."""
    return SubaccountBalance(
        subaccount=row["subaccount_number"],
        exchange_index=row["exchange_index"],
        balance=required(dollars(row["balance"]), "balance"),
        updated_time=moment(row.get("updated_ts")),
        raw=row,
    )


def subaccount_transfer(row: shapes.SubaccountTransfer) -> SubaccountTransfer:
    """Read one transfer between subaccounts; cents on the wire."""
    return SubaccountTransfer(
        transfer_id=required_text(row, "transfer_id"),
        from_subaccount=row["from_subaccount"],
        to_subaccount=row["to_subaccount"],
        amount=required(cents(row["amount_cents"]), "amount_cents"),
        created_time=moment(row.get("created_ts")),
        exchange_index=row.get("exchange_index"),
        raw=row,
    )


def netting(row: shapes.SubaccountNettingConfig) -> NettingConfig:
    """Read the netting of one subaccount."""
    return NettingConfig(
        subaccount=row["subaccount_number"],
        enabled=row["enabled"],
        exchange_index=row.get("exchange_index"),
    )


def instance_transfer(row: shapes.IntraExchangeInstanceTransfer) -> InstanceTransfer:
    """Read one transfer between instances; the amount is dollars here, centicents when asked."""
    return InstanceTransfer(
        transfer_id=required_text(row, "transfer_id"),
        source=enum_member(ExchangeInstance, row["source"]),
        destination=enum_member(ExchangeInstance, row["destination"]),
        amount=required(dollars(row["amount"]), "amount"),
        status=enum_member(IntraExchangeInstanceTransferStatus, row["status"]),
        source_exchange_shard=row.get("source_exchange_shard"),
        destination_exchange_shard=row.get("destination_exchange_shard"),
        created_time=moment(row.get("created_ts")),
        raw=row,
    )


def total_dollars(value: object) -> Decimal:
    """Read cents that must be there, as dollars."""
    return required(cents(value), "total_resting_order_value")
