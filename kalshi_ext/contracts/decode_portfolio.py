"""Read balances, positions, settlements and payments, of both contracts; see `decode_orders`.

Units differ by field: `*_dollars` and `fee_cost` are dollars, the same names without `_dollars` are
cents on the 2.x wire, and so are `balance`, `portfolio_value`, `revenue` and `value` everywhere.
"""

from __future__ import annotations

from typing import Any, cast

from kalshi_ext.contract import types as shapes
from kalshi_ext.contract.types import ExchangeInstance, IntraExchangeInstanceTransferStatus
from kalshi_ext.contracts.rows import Row
from kalshi_ext.models import (
    Balance,
    EventPosition,
    InstanceTransfer,
    NettingConfig,
    Payment,
    Position,
    RestingValue,
    Settlement,
    ShardBalance,
    SubaccountBalance,
    SubaccountTransfer,
    TargetAllocation,
)
from kalshi_ext.protocol.messages import Document


def decode_balance(document: Document) -> Balance:
    """Read the balance: exact dollars where sent, else the truncated cents."""
    row = Row(document, shapes.GetBalanceResponse)
    exact = row.dollars("balance_dollars")
    return Balance(
        balance=row.required_cents("balance") if exact is None else exact,
        portfolio_value=row.cents("portfolio_value"),
        updated_time=row.time("updated_ts"),
        breakdown=_shard_balances(row, "balance_breakdown"),
        raw=document,
    )


def _shard_balances(row: Row, name: str) -> tuple[ShardBalance, ...]:
    return row.rows(name, shapes.IndexedBalance, _shard_balance)


def _shard_balance(row: Row) -> ShardBalance:
    return ShardBalance(
        exchange_index=row.required_whole("exchange_index"), balance=row.dollars("balance")
    )


def decode_resting_value(document: Document) -> RestingValue:
    """Read the value of all resting orders, in cents on the wire."""
    row = Row(document, shapes.GetPortfolioRestingOrderTotalValueResponse)
    return RestingValue(
        total=row.required_cents("total_resting_order_value"),
        breakdown=_shard_balances(row, "resting_order_value_breakdown"),
        raw=document,
    )


def decode_position(raw: Any) -> Position:
    """Read what is held in one market."""
    row = Row(raw, shapes.MarketPosition)
    return Position(
        ticker=row.required_text("ticker"),
        position=row.required_count("position_fp", "position"),
        exposure=row.money("market_exposure"),
        realized_pnl=row.money("realized_pnl"),
        fees_paid=row.money("fees_paid"),
        total_traded=row.money("total_traded"),
        total_cost=row.money("total_cost"),
        last_updated=row.time("last_updated_ts"),
        exchange_index=row.whole("exchange_index"),
        event_ticker=row.text("event_ticker"),
        market_result=row.member(shapes.MarketResult, "market_result"),
        raw=raw,
    )


def decode_event_position(raw: Any) -> EventPosition:
    """Read what is held over one event."""
    row = Row(raw, shapes.EventPosition)
    return EventPosition(
        event_ticker=row.required_text("event_ticker"),
        total_cost=row.money("total_cost"),
        total_cost_shares=row.count("total_cost_shares_fp", "total_cost_shares"),
        exposure=row.money("event_exposure"),
        realized_pnl=row.money("realized_pnl"),
        fees_paid=row.money("fees_paid"),
        raw=raw,
    )


def decode_settlement(raw: Any) -> Settlement:
    """Read one settlement; `revenue` and `value` are cents on the wire (documented)."""
    row = Row(raw, shapes.Settlement)
    return Settlement(
        ticker=row.required_text("ticker"),
        event_ticker=row.text("event_ticker"),
        market_result=row.required_member(shapes.MarketResult, "market_result", "result"),
        revenue=row.cents("revenue"),
        value=row.cents("value"),
        yes_count=row.count("yes_count_fp", "yes_count"),
        no_count=row.count("no_count_fp", "no_count"),
        yes_total_cost=row.money("yes_total_cost"),
        no_total_cost=row.money("no_total_cost"),
        fee=row.dollars("fee_cost"),
        settled_time=row.time("settled_time"),
        exchange_index=row.whole("exchange_index"),
        raw=raw,
    )


def decode_deposit(raw: Any) -> Payment:
    """Read a deposit; amounts are cents on the wire."""
    return _payment(Row(raw, shapes.Deposit))


def decode_withdrawal(raw: Any) -> Payment:
    """Read a withdrawal; amounts are cents on the wire."""
    return _payment(Row(raw, shapes.Withdrawal))


def _payment(row: Row) -> Payment:
    return Payment(
        id=row.required_text("id"),
        status=row.required_member(shapes.PaymentStatus, "status"),
        type=row.member(shapes.PaymentType, "type"),
        amount=row.cents("amount_cents"),
        fee=row.cents("fee_cents"),
        created_time=row.time("created_ts"),
        finalized_time=row.time("finalized_ts"),
        raw=cast("shapes.Deposit", row.raw),
    )


def decode_instance_transfer(raw: Any) -> InstanceTransfer:
    """Read one transfer between instances; the amount is dollars here, centicents when asked.

    The amount is what a transfer counts: a lost answer is looked up by it, so it costs the row.
    """
    row = Row(raw, shapes.IntraExchangeInstanceTransfer)
    return InstanceTransfer(
        transfer_id=row.required_text("transfer_id"),
        source=row.required_member(ExchangeInstance, "source"),
        destination=row.required_member(ExchangeInstance, "destination"),
        amount=row.required_count("amount"),
        status=row.required_member(IntraExchangeInstanceTransferStatus, "status"),
        source_exchange_shard=row.whole("source_exchange_shard"),
        destination_exchange_shard=row.whole("destination_exchange_shard"),
        created_time=row.time("created_ts"),
        client_transfer_id=row.text("client_transfer_id"),
        raw=raw,
    )


def decode_target_allocation(document: Document) -> TargetAllocation:
    """Read the target share of each shard."""
    row = Row(document, shapes.GetTargetBalanceAllocationResponse)
    shares = row.every_row("allocations", shapes.TargetBalanceAllocation, _share)
    return TargetAllocation(
        percent=dict(shares),
        resting_margin_reservation=row.member(
            shapes.RestingMarginReservation, "resting_margin_reservation"
        ),
        raw=document,
    )


def _share(row: Row) -> tuple[int, int]:
    return row.required_whole("exchange_index"), row.required_whole("percent")


def decode_subaccount_balance(raw: Any) -> SubaccountBalance:
    """Read the dollars of one subaccount on one shard."""
    row = Row(raw, shapes.SubaccountBalance)
    return SubaccountBalance(
        subaccount=row.required_whole("subaccount_number"),
        exchange_index=row.required_whole("exchange_index"),
        balance=row.dollars("balance"),
        updated_time=row.time("updated_ts"),
        raw=raw,
    )


def decode_subaccount_transfer(raw: Any) -> SubaccountTransfer:
    """Read one transfer between subaccounts, cents on the wire; its amount costs the row."""
    row = Row(raw, shapes.SubaccountTransfer)
    return SubaccountTransfer(
        transfer_id=row.required_text("transfer_id"),
        from_subaccount=row.required_whole("from_subaccount"),
        to_subaccount=row.required_whole("to_subaccount"),
        amount=row.required_cents("amount_cents"),
        created_time=row.time("created_ts"),
        exchange_index=row.whole("exchange_index"),
        raw=raw,
    )


def decode_netting(raw: Any) -> NettingConfig:
    """Read the netting of one subaccount."""
    row = Row(raw, shapes.SubaccountNettingConfig)
    return NettingConfig(
        subaccount=row.required_whole("subaccount_number"),
        enabled=row.required_flag("enabled"),
        exchange_index=row.whole("exchange_index"),
    )
