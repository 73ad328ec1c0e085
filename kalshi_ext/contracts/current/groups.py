"""Order groups in the current contract: requests are built and answers are read here."""

# pyright: reportPrivateUsage=false, reportTypedDictNotRequiredAccess=false
# The generated `_get_kwargs` builds a request without sending it; there is no public way to it. A
# field that is missing raises KeyError, which names it: that row becomes an InvalidRow.

from __future__ import annotations

from decimal import Decimal

from kalshi_portfolio import models as m
from kalshi_portfolio.api.order_groups import (
    create_order_group,
    delete_order_group,
    get_order_group,
    get_order_groups,
    reset_order_group,
    trigger_order_group,
    update_order_group_limit,
)

from kalshi_ext.contract import types as shapes
from kalshi_ext.contracts.current.orders import or_unset
from kalshi_ext.contracts.decoding import (
    build_request,
    decode_nothing,
    decode_page,
    required_text,
)
from kalshi_ext.contracts.interface import Interface
from kalshi_ext.contracts.operations import CURRENT as OPERATIONS
from kalshi_ext.models import OrderGroup
from kalshi_ext.protocol.messages import Call, Document, Page
from kalshi_ext.requests.filters import ListQuery
from kalshi_ext.values import count_text, read_count


class CurrentGroups(Interface):
    """Order groups. PUT reset and trigger carry `{}`: an empty body is refused (observed)."""

    def create(self, limit: Decimal, subaccount: int | None, shard: int | None) -> Call[OrderGroup]:
        body = m.CreateOrderGroupRequest(
            contracts_limit_fp=count_text(limit),
            subaccount=or_unset(subaccount),
            exchange_index=or_unset(shard),
        )

        def decode(document: Document) -> OrderGroup:
            return OrderGroup(
                id=required_text(document, "order_group_id"),
                contracts_limit=limit,
                subaccount=document.get("subaccount"),
                exchange_index=document.get("exchange_index"),
                raw=document,
            )

        kwargs = create_order_group._get_kwargs(body=body)
        return Call(OPERATIONS["CreateOrderGroup"], build_request(kwargs), decode)

    def get(self, group_id: str, subaccount: int | None) -> Call[OrderGroup]:
        def decode(document: Document) -> OrderGroup:
            return OrderGroup(
                id=group_id,
                is_auto_cancel_enabled=document["is_auto_cancel_enabled"],
                contracts_limit=read_count(document.get("contracts_limit_fp")),
                orders=tuple(document.get("orders") or ()),
                exchange_index=document.get("exchange_index"),
                raw=document,
            )

        kwargs = get_order_group._get_kwargs(group_id, subaccount=or_unset(subaccount))
        return Call(OPERATIONS["GetOrderGroup"], build_request(kwargs), decode)

    def list(self, query: ListQuery) -> Call[Page[OrderGroup]]:
        query.refuse_all_but("current", "subaccount")
        kwargs = get_order_groups._get_kwargs(subaccount=or_unset(query.subaccount))
        shape = shapes.OrderGroup
        return Call(
            OPERATIONS["GetOrderGroups"],
            build_request(kwargs),
            lambda document: decode_page(document, "order_groups", shape, decode_group),
        )

    def delete(self, group_id: str, subaccount: int | None, shard: int | None) -> Call[None]:
        kwargs = delete_order_group._get_kwargs(
            group_id, subaccount=or_unset(subaccount), exchange_index=or_unset(shard)
        )
        return Call(OPERATIONS["DeleteOrderGroup"], build_request(kwargs), decode_nothing)

    def reset(self, group_id: str, subaccount: int | None, shard: int | None) -> Call[None]:
        kwargs = reset_order_group._get_kwargs(
            group_id,
            body=m.EmptyResponse(),
            subaccount=or_unset(subaccount),
            exchange_index=or_unset(shard),
        )
        return Call(OPERATIONS["ResetOrderGroup"], build_request(kwargs), decode_nothing)

    def trigger(self, group_id: str, subaccount: int | None, shard: int | None) -> Call[None]:
        kwargs = trigger_order_group._get_kwargs(
            group_id,
            body=m.EmptyResponse(),
            subaccount=or_unset(subaccount),
            exchange_index=or_unset(shard),
        )
        return Call(OPERATIONS["TriggerOrderGroup"], build_request(kwargs), decode_nothing)

    def set_limit(
        self, group_id: str, limit: Decimal, subaccount: int | None, shard: int | None
    ) -> Call[None]:
        kwargs = update_order_group_limit._get_kwargs(
            group_id,
            body=m.UpdateOrderGroupLimitRequest(contracts_limit_fp=count_text(limit)),
            subaccount=or_unset(subaccount),
            exchange_index=or_unset(shard),
        )
        return Call(OPERATIONS["UpdateOrderGroupLimit"], build_request(kwargs), decode_nothing)


def decode_group(row: shapes.OrderGroup) -> OrderGroup:
    """Read one row of the order groups."""
    return OrderGroup(
        id=required_text(row, "id"),
        is_auto_cancel_enabled=row.get("is_auto_cancel_enabled"),
        contracts_limit=read_count(row.get("contracts_limit_fp")),
        exchange_index=row.get("exchange_index"),
        raw=row,
    )
