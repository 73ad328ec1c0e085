"""The portfolio in the current contract; answers are read by `contracts/decode_portfolio`."""

# pyright: reportPrivateUsage=false
# The generated `_get_kwargs` builds a request without sending it; there is no public way to it.

from __future__ import annotations

from typing import Any
from uuid import UUID

from kalshi_portfolio import models as m
from kalshi_portfolio.api import portfolio as api
from kalshi_portfolio.types import UNSET

from kalshi_ext.contract import types as shapes
from kalshi_ext.contracts.current.orders import or_unset
from kalshi_ext.contracts.decode_orders import decode_fill
from kalshi_ext.contracts.decode_portfolio import (
    decode_balance,
    decode_deposit,
    decode_event_position,
    decode_instance_transfer,
    decode_position,
    decode_resting_value,
    decode_settlement,
    decode_target_allocation,
    decode_withdrawal,
)
from kalshi_ext.contracts.decoding import (
    build_request,
    decode_nothing,
    decode_page,
    required_text,
)
from kalshi_ext.contracts.fast_pages import fast_reader
from kalshi_ext.contracts.interface import Interface
from kalshi_ext.contracts.operations import CURRENT as OPERATIONS
from kalshi_ext.models import (
    Balance,
    EventPosition,
    Fill,
    InstanceTransfer,
    Payment,
    Position,
    RestingValue,
    Settlement,
    TargetAllocation,
)
from kalshi_ext.models.kept_pages import FromPage
from kalshi_ext.protocol.messages import Call, Document, Page
from kalshi_ext.requests import InstanceTransferTicket
from kalshi_ext.requests.filters import ListQuery


def paged(
    operation: str,
    kwargs: dict[str, Any],
    key: str,
    shape: type,
    read: Any,
    model: type[FromPage] | None = None,
) -> Call[Page[Any]]:
    """Bind a list operation: where its rows are and how one is read; `model` has a fast reader."""
    return Call(
        OPERATIONS[operation],
        build_request(kwargs),
        lambda document: decode_page(document, key, shape, read),
        decode_fast=None if model is None else fast_reader(operation, key, model),
    )


class CurrentPortfolio(Interface):
    """Balance, positions, fills, settlements, payments, transfers between instances."""

    def balance(self, subaccount: int | None, exchange_index: int | None) -> Call[Balance]:
        kwargs = api.get_balance._get_kwargs(
            subaccount=or_unset(subaccount), exchange_index=or_unset(exchange_index)
        )
        return Call(OPERATIONS["GetBalance"], build_request(kwargs), decode_balance)

    def positions(self, query: ListQuery) -> Call[Page[Position]]:
        kwargs = _positions(query)
        shape = shapes.MarketPosition
        return paged("GetPositions", kwargs, "market_positions", shape, decode_position, Position)

    def event_positions(self, query: ListQuery) -> Call[Page[EventPosition]]:
        kwargs = _positions(query)
        shape = shapes.EventPosition
        return paged("GetPositions", kwargs, "event_positions", shape, decode_event_position)

    def fills(self, query: ListQuery) -> Call[Page[Fill]]:
        query.refuse_all_but("current", *_FILL_FILTERS)
        kwargs = api.get_fills._get_kwargs(
            ticker=or_unset(query.ticker),
            order_id=or_unset(query.order_id),
            min_ts=or_unset(query.since),
            max_ts=or_unset(query.until),
            limit=or_unset(query.page_size("GetFills")),
            subaccount=or_unset(query.subaccount),
            exchange_index=or_unset(query.exchange_index),
        )
        return paged("GetFills", kwargs, "fills", shapes.Fill, decode_fill, Fill)

    def settlements(self, query: ListQuery) -> Call[Page[Settlement]]:
        query.refuse_all_but("current", *_SETTLEMENT_FILTERS)
        kwargs = api.get_settlements._get_kwargs(
            ticker=or_unset(query.ticker),
            event_ticker=or_unset(query.event_ticker),
            min_ts=or_unset(query.since),
            max_ts=or_unset(query.until),
            limit=or_unset(query.page_size("GetSettlements")),
            subaccount=or_unset(query.subaccount),
        )
        return paged(
            "GetSettlements",
            kwargs,
            "settlements",
            shapes.Settlement,
            decode_settlement,
            Settlement,
        )

    def deposits(self, query: ListQuery) -> Call[Page[Payment]]:
        query.refuse_all_but("current")
        kwargs = api.get_deposits._get_kwargs(limit=or_unset(query.page_size("GetDeposits")))
        return paged("GetDeposits", kwargs, "deposits", shapes.Deposit, decode_deposit)

    def withdrawals(self, query: ListQuery) -> Call[Page[Payment]]:
        query.refuse_all_but("current")
        kwargs = api.get_withdrawals._get_kwargs(limit=or_unset(query.page_size("GetWithdrawals")))
        return paged("GetWithdrawals", kwargs, "withdrawals", shapes.Withdrawal, decode_withdrawal)

    def resting_value(self) -> Call[RestingValue]:
        kwargs = api.get_portfolio_resting_order_total_value._get_kwargs()
        name = "GetPortfolioRestingOrderTotalValue"
        return Call(OPERATIONS[name], build_request(kwargs), decode_resting_value)

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
        kwargs = api.intra_exchange_instance_transfer._get_kwargs(body=body)
        return Call(
            OPERATIONS["IntraExchangeInstanceTransfer"],
            build_request(kwargs),
            lambda document: required_text(document, "transfer_id"),
        )

    def get_transfer(self, transfer_id: str) -> Call[InstanceTransfer]:
        def decode(document: Document) -> InstanceTransfer:
            return decode_instance_transfer(document["transfer"])

        kwargs = api.get_intra_exchange_instance_transfer._get_kwargs(transfer_id)
        return Call(OPERATIONS["GetIntraExchangeInstanceTransfer"], build_request(kwargs), decode)

    def transfers(self, query: ListQuery) -> Call[Page[InstanceTransfer]]:
        query.refuse_all_but("current")
        size = query.page_size("GetIntraExchangeInstanceTransfers")
        kwargs = api.get_intra_exchange_instance_transfers._get_kwargs(limit=or_unset(size))
        shape = shapes.IntraExchangeInstanceTransfer
        name = "GetIntraExchangeInstanceTransfers"
        return paged(name, kwargs, "transfers", shape, decode_instance_transfer)

    def target_allocation(self) -> Call[TargetAllocation]:
        kwargs = api.get_target_balance_allocation._get_kwargs()
        return Call(
            OPERATIONS["GetTargetBalanceAllocation"],
            build_request(kwargs),
            decode_target_allocation,
        )

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
        kwargs = api.set_target_balance_allocation._get_kwargs(body=body)
        return Call(OPERATIONS["SetTargetBalanceAllocation"], build_request(kwargs), decode_nothing)


_FILL_FILTERS = ("ticker", "order_id", "since", "until", "subaccount", "exchange_index")
_SETTLEMENT_FILTERS = ("ticker", "event_ticker", "since", "until", "subaccount")
_POSITION_FILTERS = (
    *("ticker", "event_ticker", "count_filter", "settlement_status"),
    *("subaccount", "exchange_index"),
)


def _positions(query: ListQuery) -> dict[str, Any]:
    query.refuse_all_but("current", *_POSITION_FILTERS)
    status = query.settlement_status
    return api.get_positions._get_kwargs(
        ticker=or_unset(query.ticker),
        event_ticker=or_unset(query.event_ticker),
        count_filter=or_unset(query.count_filter),
        settlement_status=UNSET if status is None else m.SettlementStatusFilter(status),
        limit=or_unset(query.page_size("GetPositions")),
        subaccount=or_unset(query.subaccount),
        exchange_index=or_unset(query.exchange_index),
    )
