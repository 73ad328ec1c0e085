"""The portfolio and the subaccounts in the current contract."""

# pyright: reportPrivateUsage=false
# The generated `_get_kwargs` builds a request without sending it; there is no public way to it.

from __future__ import annotations

from typing import Any
from uuid import UUID

from kalshi_portfolio import models as m
from kalshi_portfolio.api.portfolio import (
    apply_subaccount_transfer,
    create_subaccount,
    get_balance,
    get_deposits,
    get_fills,
    get_intra_exchange_instance_transfer,
    get_intra_exchange_instance_transfers,
    get_portfolio_resting_order_total_value,
    get_positions,
    get_settlements,
    get_subaccount_balances,
    get_subaccount_netting,
    get_subaccount_transfers,
    get_target_balance_allocation,
    get_withdrawals,
    intra_exchange_instance_transfer,
    set_target_balance_allocation,
    update_subaccount_netting,
)
from kalshi_portfolio.types import UNSET

from kalshi_ext.contract import types as shapes
from kalshi_ext.contracts.current import decode_orders, decode_portfolio
from kalshi_ext.contracts.current.orders import or_unset
from kalshi_ext.contracts.decoding import (
    build_request,
    decode_nothing,
    decode_page,
    optional_enum_member,
    required_text,
)
from kalshi_ext.contracts.interface import InstanceTransferTicket, Interface
from kalshi_ext.contracts.operations import CURRENT as OPERATIONS
from kalshi_ext.models import (
    Balance,
    EventPosition,
    Fill,
    InstanceTransfer,
    NettingConfig,
    Payment,
    Position,
    RestingValue,
    Settlement,
    SubaccountBalance,
    SubaccountTransfer,
    TargetAllocation,
)
from kalshi_ext.protocol.messages import Call, Document, Page
from kalshi_ext.requests.filters import ListQuery


def paged(
    operation: str, kwargs: dict[str, Any], key: str, shape: type, read: Any
) -> Call[Page[Any]]:
    """Bind a list operation: where its rows are and how one is read."""
    return Call(
        OPERATIONS[operation],
        build_request(kwargs),
        lambda document: decode_page(document, key, shape, read),
    )


class CurrentPortfolio(Interface):
    """Balance, positions, fills, settlements, payments, transfers between instances."""

    def balance(self, subaccount: int | None, exchange_index: int | None) -> Call[Balance]:
        kwargs = get_balance._get_kwargs(
            subaccount=or_unset(subaccount), exchange_index=or_unset(exchange_index)
        )
        return Call(OPERATIONS["GetBalance"], build_request(kwargs), decode_portfolio.balance)

    def positions(self, window: ListQuery) -> Call[Page[Position]]:
        kwargs = _positions(window)
        shape = shapes.MarketPosition
        return paged("GetPositions", kwargs, "market_positions", shape, decode_portfolio.position)

    def event_positions(self, window: ListQuery) -> Call[Page[EventPosition]]:
        kwargs = _positions(window)
        shape = shapes.EventPosition
        return paged(
            "GetPositions", kwargs, "event_positions", shape, decode_portfolio.event_position
        )

    def fills(self, window: ListQuery) -> Call[Page[Fill]]:
        kwargs = get_fills._get_kwargs(
            ticker=or_unset(window.ticker),
            order_id=or_unset(window.order_id),
            min_ts=or_unset(window.since),
            max_ts=or_unset(window.until),
            limit=or_unset(window.size),
            subaccount=or_unset(window.subaccount),
            exchange_index=or_unset(window.exchange_index),
        )
        return paged("GetFills", kwargs, "fills", shapes.Fill, decode_orders.fill)

    def settlements(self, window: ListQuery) -> Call[Page[Settlement]]:
        kwargs = get_settlements._get_kwargs(
            ticker=or_unset(window.ticker),
            event_ticker=or_unset(window.event_ticker),
            min_ts=or_unset(window.since),
            max_ts=or_unset(window.until),
            limit=or_unset(window.size),
            subaccount=or_unset(window.subaccount),
        )
        return paged(
            "GetSettlements", kwargs, "settlements", shapes.Settlement, decode_portfolio.settlement
        )

    def deposits(self, window: ListQuery) -> Call[Page[Payment]]:
        kwargs = get_deposits._get_kwargs(limit=or_unset(window.size))
        return paged("GetDeposits", kwargs, "deposits", shapes.Deposit, decode_portfolio.payment)

    def withdrawals(self, window: ListQuery) -> Call[Page[Payment]]:
        kwargs = get_withdrawals._get_kwargs(limit=or_unset(window.size))
        return paged(
            "GetWithdrawals", kwargs, "withdrawals", shapes.Withdrawal, decode_portfolio.payment
        )

    def resting_value(self) -> Call[RestingValue]:
        def decode(document: Document) -> RestingValue:
            return RestingValue(
                total=decode_portfolio.total_dollars(document["total_resting_order_value"]),
                breakdown=decode_portfolio.shard_balances(
                    document.get("resting_order_value_breakdown")
                ),
                raw=document,
            )

        kwargs = get_portfolio_resting_order_total_value._get_kwargs()
        return Call(OPERATIONS["GetPortfolioRestingOrderTotalValue"], build_request(kwargs), decode)

    def transfer(self, ticket: InstanceTransferTicket) -> Call[str]:
        key = ticket.client_transfer_id
        body = m.IntraExchangeInstanceTransferRequest(
            source=m.ExchangeInstance(ticket.source),
            destination=m.ExchangeInstance(ticket.destination),
            amount=ticket.amount,
            source_exchange_shard=or_unset(ticket.source_exchange_shard),
            destination_exchange_shard=or_unset(ticket.destination_exchange_shard),
            source_subaccount=or_unset(ticket.source_subaccount),
            destination_subaccount=or_unset(ticket.destination_subaccount),
            client_transfer_id=UNSET if key is None else UUID(key),
        )
        kwargs = intra_exchange_instance_transfer._get_kwargs(body=body)
        return Call(
            OPERATIONS["IntraExchangeInstanceTransfer"],
            build_request(kwargs),
            lambda document: required_text(document, "transfer_id"),
        )

    def get_transfer(self, transfer_id: str) -> Call[InstanceTransfer]:
        def decode(document: Document) -> InstanceTransfer:
            return decode_portfolio.instance_transfer(document["transfer"])

        kwargs = get_intra_exchange_instance_transfer._get_kwargs(transfer_id)
        return Call(OPERATIONS["GetIntraExchangeInstanceTransfer"], build_request(kwargs), decode)

    def transfers(self, window: ListQuery) -> Call[Page[InstanceTransfer]]:
        kwargs = get_intra_exchange_instance_transfers._get_kwargs(limit=or_unset(window.size))
        shape = shapes.IntraExchangeInstanceTransfer
        name = "GetIntraExchangeInstanceTransfers"
        return paged(name, kwargs, "transfers", shape, decode_portfolio.instance_transfer)

    def target_allocation(self) -> Call[TargetAllocation]:
        def decode(document: Document) -> TargetAllocation:
            listed = document.get("allocations") or ()
            return TargetAllocation(
                percent={row["exchange_index"]: row["percent"] for row in listed},
                resting_margin_reservation=optional_enum_member(
                    shapes.RestingMarginReservation,
                    document.get("resting_margin_reservation"),
                ),
                raw=document,
            )

        kwargs = get_target_balance_allocation._get_kwargs()
        return Call(OPERATIONS["GetTargetBalanceAllocation"], build_request(kwargs), decode)

    def set_target_allocation(self, percent: dict[int, int], reservation: str | None) -> Call[None]:
        body = m.SetTargetBalanceAllocationRequest(
            allocations=[
                m.TargetBalanceAllocationInput(exchange_index=shard, percent=share)
                for shard, share in percent.items()
            ],
            resting_margin_reservation=UNSET
            if reservation is None
            else m.RestingMarginReservation(reservation),
        )
        kwargs = set_target_balance_allocation._get_kwargs(body=body)
        return Call(OPERATIONS["SetTargetBalanceAllocation"], build_request(kwargs), decode_nothing)


def _positions(window: ListQuery) -> dict[str, Any]:
    status = window.settlement_status
    return get_positions._get_kwargs(
        ticker=or_unset(window.ticker),
        event_ticker=or_unset(window.event_ticker),
        count_filter=or_unset(window.count_filter),
        settlement_status=UNSET if status is None else m.SettlementStatusFilter(status),
        limit=or_unset(window.size),
        subaccount=or_unset(window.subaccount),
        exchange_index=or_unset(window.exchange_index),
    )


class CurrentSubaccounts(Interface):
    """Subaccounts."""

    def create(self, exchange_index: int | None) -> Call[int]:
        def decode(document: Document) -> int:
            number = document["subaccount_number"]
            if isinstance(number, bool) or not isinstance(number, int):
                raise TypeError("subaccount_number is no whole number")
            return number

        # An empty body is refused as invalid_content_type (observed), so `{}` goes at least.
        body = m.CreateSubaccountRequest(exchange_index=or_unset(exchange_index))
        kwargs = create_subaccount._get_kwargs(body=body)
        return Call(OPERATIONS["CreateSubaccount"], build_request(kwargs), decode)

    def balances(self) -> Call[Page[SubaccountBalance]]:
        kwargs = get_subaccount_balances._get_kwargs()
        shape = shapes.SubaccountBalance
        name, key = "GetSubaccountBalances", "subaccount_balances"
        return paged(name, kwargs, key, shape, decode_portfolio.subaccount_balance)

    def transfer(
        self,
        transfer_id: str,
        from_subaccount: int,
        to_subaccount: int,
        cents: int,
        exchange_index: int | None,
    ) -> Call[None]:
        body = m.ApplySubaccountTransferRequest(
            client_transfer_id=UUID(transfer_id),
            from_subaccount=from_subaccount,
            to_subaccount=to_subaccount,
            amount_cents=cents,
            exchange_index=or_unset(exchange_index),
        )
        kwargs = apply_subaccount_transfer._get_kwargs(body=body)
        return Call(OPERATIONS["ApplySubaccountTransfer"], build_request(kwargs), decode_nothing)

    def transfers(self, window: ListQuery) -> Call[Page[SubaccountTransfer]]:
        kwargs = get_subaccount_transfers._get_kwargs(limit=or_unset(window.size))
        shape = shapes.SubaccountTransfer
        name = "GetSubaccountTransfers"
        return paged(name, kwargs, "transfers", shape, decode_portfolio.subaccount_transfer)

    def netting(self) -> Call[Page[NettingConfig]]:
        kwargs = get_subaccount_netting._get_kwargs()
        shape = shapes.SubaccountNettingConfig
        return paged(
            "GetSubaccountNetting", kwargs, "netting_configs", shape, decode_portfolio.netting
        )

    def set_netting(self, subaccount: int, enabled: bool) -> Call[None]:
        body = m.UpdateSubaccountNettingRequest(subaccount_number=subaccount, enabled=enabled)
        kwargs = update_subaccount_netting._get_kwargs(body=body)
        return Call(OPERATIONS["UpdateSubaccountNetting"], build_request(kwargs), decode_nothing)
