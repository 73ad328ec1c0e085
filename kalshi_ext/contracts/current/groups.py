"""Order groups in the current contract; answers are read by `contracts/decode_orders`."""

# pyright: reportPrivateUsage=false
# The generated `_get_kwargs` builds a request without sending it; there is no public way to it.

from __future__ import annotations

from decimal import Decimal

from kalshi_portfolio import models as m
from kalshi_portfolio.api import order_groups as api

from kalshi_ext.contract import types as shapes
from kalshi_ext.contracts.current.orders import or_unset
from kalshi_ext.contracts.decode_orders import (
    decode_created_group,
    decode_group,
    decode_single_group,
)
from kalshi_ext.contracts.decoding import build_request, decode_nothing, decode_page
from kalshi_ext.contracts.interface import Interface
from kalshi_ext.contracts.operations import CURRENT as OPERATIONS
from kalshi_ext.models import OrderGroup
from kalshi_ext.protocol.messages import Call, Page
from kalshi_ext.requests.filters import ListQuery
from kalshi_ext.values import count_text


class CurrentGroups(Interface):
    """Order groups. PUT reset and trigger carry `{}`: an empty body is refused (observed)."""

    def create(self, limit: Decimal, subaccount: int | None, shard: int | None) -> Call[OrderGroup]:
        body = m.CreateOrderGroupRequest(
            contracts_limit_fp=count_text(limit),
            subaccount=or_unset(subaccount),
            exchange_index=or_unset(shard),
        )

        kwargs = api.create_order_group._get_kwargs(body=body)
        return Call(
            OPERATIONS["CreateOrderGroup"],
            build_request(kwargs),
            lambda document: decode_created_group(document, limit),
        )

    def get(self, group_id: str, subaccount: int | None) -> Call[OrderGroup]:
        kwargs = api.get_order_group._get_kwargs(group_id, subaccount=or_unset(subaccount))
        return Call(
            OPERATIONS["GetOrderGroup"],
            build_request(kwargs),
            lambda document: decode_single_group(group_id, document),
        )

    def list(self, query: ListQuery) -> Call[Page[OrderGroup]]:
        query.refuse_all_but("current", "subaccount")
        kwargs = api.get_order_groups._get_kwargs(subaccount=or_unset(query.subaccount))
        shape = shapes.OrderGroup
        return Call(
            OPERATIONS["GetOrderGroups"],
            build_request(kwargs),
            lambda document: decode_page(document, "order_groups", shape, decode_group),
        )

    def delete(self, group_id: str, subaccount: int | None, shard: int | None) -> Call[None]:
        kwargs = api.delete_order_group._get_kwargs(
            group_id, subaccount=or_unset(subaccount), exchange_index=or_unset(shard)
        )
        return Call(OPERATIONS["DeleteOrderGroup"], build_request(kwargs), decode_nothing)

    def reset(self, group_id: str, subaccount: int | None, shard: int | None) -> Call[None]:
        kwargs = api.reset_order_group._get_kwargs(
            group_id,
            body=m.EmptyResponse(),
            subaccount=or_unset(subaccount),
            exchange_index=or_unset(shard),
        )
        return Call(OPERATIONS["ResetOrderGroup"], build_request(kwargs), decode_nothing)

    def trigger(self, group_id: str, subaccount: int | None, shard: int | None) -> Call[None]:
        kwargs = api.trigger_order_group._get_kwargs(
            group_id,
            body=m.EmptyResponse(),
            subaccount=or_unset(subaccount),
            exchange_index=or_unset(shard),
        )
        return Call(OPERATIONS["TriggerOrderGroup"], build_request(kwargs), decode_nothing)

    def set_limit(
        self, group_id: str, limit: Decimal, subaccount: int | None, shard: int | None
    ) -> Call[None]:
        kwargs = api.update_order_group_limit._get_kwargs(
            group_id,
            body=m.UpdateOrderGroupLimitRequest(contracts_limit_fp=count_text(limit)),
            subaccount=or_unset(subaccount),
            exchange_index=or_unset(shard),
        )
        return Call(OPERATIONS["UpdateOrderGroupLimit"], build_request(kwargs), decode_nothing)
