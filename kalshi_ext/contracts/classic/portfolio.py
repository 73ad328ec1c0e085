"""Portfolio and order groups in the classic contract."""

# pyright: reportPrivateUsage=false
# The generated `_get_kwargs` builds a request without sending it; there is no public way to it.

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from attrs import evolve
from kalshi_classic import models as m
from kalshi_classic.api import order_groups, portfolio

from kalshi_ext.contract import types as shapes
from kalshi_ext.contracts.classic.filters import page_size_of
from kalshi_ext.contracts.classic.orders import or_unset, whole_contracts
from kalshi_ext.contracts.decode_orders import (
    decode_created_group,
    decode_fill,
    decode_group,
    decode_single_group,
)
from kalshi_ext.contracts.decode_portfolio import (
    decode_balance,
    decode_event_position,
    decode_position,
    decode_resting_value,
    decode_settlement,
)
from kalshi_ext.contracts.decoding import build_request, decode_nothing, decode_page
from kalshi_ext.contracts.interface import Interface
from kalshi_ext.contracts.operations import CLASSIC as OPERATIONS
from kalshi_ext.contracts.operations import CURRENT as TODAY
from kalshi_ext.errors import Misuse
from kalshi_ext.models import (
    Balance,
    EventPosition,
    Fill,
    OrderGroup,
    Position,
    RestingValue,
    Settlement,
)
from kalshi_ext.protocol.messages import Call, Page, Request
from kalshi_ext.requests.filters import ListQuery

if TYPE_CHECKING:
    from kalshi_ext.contracts.current.groups import CurrentGroups as GroupsInterface
    from kalshi_ext.contracts.current.portfolio import CurrentPortfolio as PortfolioInterface
else:
    GroupsInterface = Interface
    PortfolioInterface = Interface


read_fill = partial(decode_fill, side_and_action=True)


def paged(
    operation: str, kwargs: dict[str, Any], key: str, shape: type, read: Any
) -> Call[Page[Any]]:
    """Bind a list operation: where its rows are and how one is read."""
    return Call(
        OPERATIONS[operation],
        build_request(kwargs),
        lambda document: decode_page(document, key, shape, read),
    )


class ClassicPortfolio(PortfolioInterface):
    """Balance, positions, fills, settlements."""

    def balance(self, subaccount: int | None, exchange_index: int | None) -> Call[Balance]:
        if subaccount is not None or exchange_index is not None:
            raise Misuse("the classic contract has no subaccount or exchange_index")
        return Call(
            OPERATIONS["getBalance"],
            build_request(portfolio.get_balance._get_kwargs()),
            decode_balance,
        )

    def positions(self, query: ListQuery) -> Call[Page[Position]]:
        kwargs = _positions(query)
        return paged("getPositions", kwargs, "market_positions", shapes.Position, decode_position)

    def event_positions(self, query: ListQuery) -> Call[Page[EventPosition]]:
        kwargs = _positions(query)
        shape = shapes.EventPosition
        return paged("getPositions", kwargs, "event_positions", shape, decode_event_position)

    def fills(self, query: ListQuery) -> Call[Page[Fill]]:
        size = page_size_of(query, "getFills", "ticker", "order_id", "since", "until")
        kwargs = portfolio.get_fills._get_kwargs(
            ticker=or_unset(query.ticker),
            order_id=or_unset(query.order_id),
            min_ts=or_unset(query.since),
            max_ts=or_unset(query.until),
            limit=or_unset(size),
        )
        return paged("getFills", kwargs, "fills", shapes.Fill, read_fill)

    def settlements(self, query: ListQuery) -> Call[Page[Settlement]]:
        size = page_size_of(query, "getSettlements")
        kwargs = portfolio.get_settlements._get_kwargs(limit=or_unset(size))
        return paged("getSettlements", kwargs, "settlements", shapes.Settlement, decode_settlement)

    def resting_value(self) -> Call[RestingValue]:
        kwargs = portfolio.get_total_resting_order_value._get_kwargs()
        return Call(
            OPERATIONS["getTotalRestingOrderValue"], build_request(kwargs), decode_resting_value
        )


def _positions(query: ListQuery) -> dict[str, Any]:
    size = page_size_of(query, "getPositions", "ticker", "event_ticker")
    return portfolio.get_positions._get_kwargs(
        ticker=or_unset(query.ticker),
        event_ticker=or_unset(query.event_ticker),
        limit=or_unset(size),
    )


class ClassicGroups(GroupsInterface):
    """Order groups without parts of an account; a limit in whole contracts."""

    def create(self, limit: Decimal, subaccount: int | None, shard: int | None) -> Call[OrderGroup]:
        _refuse_account_parts(subaccount, shard)
        body = m.CreateOrderGroupRequest(contracts_limit=whole_contracts(limit, "contracts_limit"))

        kwargs = order_groups.create_order_group._get_kwargs(body=body)
        return Call(
            OPERATIONS["createOrderGroup"],
            build_request(kwargs),
            lambda document: decode_created_group(document, limit),
        )

    def get(self, group_id: str, subaccount: int | None) -> Call[OrderGroup]:
        _refuse_account_parts(subaccount, None)
        # Not in the documents, though they name its answer; on the wire (recorded) as it is now.
        path = build_request(order_groups.delete_order_group._get_kwargs(group_id)).path
        return Call(
            TODAY["GetOrderGroup"],
            Request("GET", path),
            lambda document: decode_single_group(group_id, document),
        )

    def list(self, query: ListQuery) -> Call[Page[OrderGroup]]:
        size = page_size_of(query, "getOrderGroups", "status")
        kwargs = order_groups.get_order_groups._get_kwargs(
            status=or_unset(query.status), limit=or_unset(size)
        )
        return paged("getOrderGroups", kwargs, "order_groups", shapes.OrderGroup, decode_group)

    def delete(self, group_id: str, subaccount: int | None, shard: int | None) -> Call[None]:
        _refuse_account_parts(subaccount, shard)
        kwargs = order_groups.delete_order_group._get_kwargs(group_id)
        return Call(OPERATIONS["deleteOrderGroup"], build_request(kwargs), decode_nothing)

    def reset(self, group_id: str, subaccount: int | None, shard: int | None) -> Call[None]:
        _refuse_account_parts(subaccount, shard)
        request = build_request(order_groups.reset_order_group._get_kwargs(group_id))
        # A POST by the documents, a PUT with a body on the wire (recorded), then as now.
        operation = OPERATIONS["resetOrderGroup"]
        put, body = evolve(operation, method="PUT"), evolve(request, method="PUT", body=b"{}")
        return Call(operation, request, decode_nothing, Call(put, body, decode_nothing))


def _refuse_account_parts(subaccount: int | None, shard: int | None) -> None:
    if subaccount is not None or shard is not None:
        raise Misuse("the classic contract has no subaccount or exchange_index")
