"""Order groups: a limit on what a set of orders may trade within a rolling window.

When the contracts its orders traded within the last 15 seconds (documented;
`group_window_seconds`) pass the limit, a group is triggered: all its resting orders are cancelled
and it takes no new ones until it is reset. Example, limit 10: fills of 8 at 0 s and 3 at 14 s make
11 and trigger it; with the second fill at 16 s the first one is out of the window and 3 is fine.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from attrs import define, field

from kalshi_ext.sandbox.engine import book
from kalshi_ext.sandbox.engine.commands import Answer
from kalshi_ext.sandbox.engine.errors import ApiError, invalid_parameters, not_found
from kalshi_ext.sandbox.engine.fixed_point import SECOND, format_count, parse_count
from kalshi_ext.sandbox.engine.operations import handles
from kalshi_ext.sandbox.engine.pagination import list_field
from kalshi_ext.sandbox.engine.request_parsing import (
    AUTOMATIC_SHARD,
    acting_subaccount,
    body_fields,
    query_acting_subaccount,
    query_listed_subaccount,
    query_shard,
    require_subaccount,
)
from kalshi_ext.sandbox.engine.state import sort_key

if TYPE_CHECKING:
    from kalshi_ext.sandbox.engine.accounts import TradingAccount
    from kalshi_ext.sandbox.engine.commands import ApiRequest
    from kalshi_ext.sandbox.engine.records import Order
    from kalshi_ext.sandbox.engine.request_parsing import BodyFields
    from kalshi_ext.sandbox.engine.state import EngineState


LARGEST_LIMIT = 100_000_000
"""A million contracts."""


@define(eq=False)
class Group:
    """Hold a group's limit, its recent volume and its resting orders."""

    id: str
    created: int
    subaccount: int
    shard: int
    limit: int
    triggered: bool = False
    orders: dict[str, Order] = field(factory=dict[str, "Order"])
    """Resting ones only."""
    recent: deque[tuple[int, int]] = field(factory=deque[tuple[int, int]])
    """(time, count) of the fills within the window, as of the last look."""
    volume: int = 0

    def add_volume(self, now: int, count: int, window: int) -> None:
        """Add a fill to the rolling volume."""
        self.recent.append((now, count))
        self.volume += count
        self.expire_volume(now - window)

    def expire_volume(self, before: int) -> None:
        """Drop the fills that have left the window."""
        # assumed: a fill leaves the window exactly when it is as old as the window
        while self.recent and self.recent[0][0] <= before:
            self.volume -= self.recent.popleft()[1]

    def reset(self) -> None:
        """Forget the volume and take orders again."""
        self.recent.clear()
        self.volume = 0
        self.triggered = False


def open_group(
    state: EngineState, account: TradingAccount, *, subaccount: int, shard: int, limit: int
) -> Group:
    group = Group(state.new_id(), state.now, subaccount, shard, limit)
    account.groups[group.id] = group
    state.record_event(
        "group", account=account.name, group=group.id, what="created", limit=format_count(limit)
    )
    return group


def parse_limit(body: BodyFields) -> int:
    """Read contracts_limit or contracts_limit_fp, 1 to 1,000,000 contracts; both must agree."""
    whole, text = body.integer("contracts_limit"), body.raw.get("contracts_limit_fp")
    if whole is None and text is None:
        raise ApiError(400, "missing_parameters", "missing parameters", "contracts_limit")
    limit = parse_count(text, "contracts_limit_fp") if text is not None else (whole or 0) * 100
    # the contract has both fields; assumed: naming both alike is fine
    if whole is not None and whole * 100 != limit:
        raise invalid_parameters("contracts_limit and contracts_limit_fp differ")
    if not 100 <= limit <= LARGEST_LIMIT:
        raise invalid_parameters("contracts_limit must be from 1 to 1000000")
    return limit


@handles("CreateOrderGroup")
def create(state: EngineState, account: TradingAccount, request: ApiRequest) -> Answer:
    body = body_fields(request)
    subaccount = require_subaccount(account, acting_subaccount(request, body.subaccount()))
    shard = max(body.shard() or 0, 0)
    if shard not in state.shards:
        raise invalid_parameters("exchange_index does not exist", str(shard))
    group = open_group(state, account, subaccount=subaccount, shard=shard, limit=parse_limit(body))
    answer_body = {"order_group_id": group.id, "subaccount": subaccount, "exchange_index": shard}
    return Answer(201, answer_body)


def find_group(
    state: EngineState, account: TradingAccount, request: ApiRequest, subaccount: int | None
) -> Group:
    """Find the group a path names and bring its volume up to date; 404 otherwise."""
    group = account.groups.get(request.path["order_group_id"])
    if group is None or (subaccount is not None and group.subaccount != subaccount):
        raise not_found()
    group.expire_volume(state.now - state.settings.group_window_seconds * SECOND)
    return group


def _find_writable_group(state: EngineState, account: TradingAccount, request: ApiRequest) -> Group:
    shard = query_shard(request)
    group = find_group(state, account, request, query_acting_subaccount(request))
    # assumed: writes are routed like a cancel, so without exchange_index they mean shard 0
    if shard != AUTOMATIC_SHARD and group.shard != (shard or 0):
        raise not_found()
    return group


@handles("GetOrderGroups")
def get_all(state: EngineState, account: TradingAccount, request: ApiRequest) -> Answer:
    subaccount = query_listed_subaccount(request)
    groups = sorted(account.groups.values(), key=sort_key, reverse=True)
    rows = [
        {"id": group.id, **_group_body(group)}
        for group in state.visible_rows(groups)
        if subaccount in (None, group.subaccount)
    ]
    return Answer(200, list_field("order_groups", rows, state.settings))


def _group_body(group: Group) -> dict[str, Any]:
    return {
        "contracts_limit_fp": format_count(group.limit),
        "is_auto_cancel_enabled": True,
        "exchange_index": group.shard,
    }


@handles("GetOrderGroup")
def get_one(state: EngineState, account: TradingAccount, request: ApiRequest) -> Answer:
    group = find_group(state, account, request, query_listed_subaccount(request))
    if not any(state.visible_rows([group])):
        raise not_found()
    return Answer(200, {"orders": list(group.orders), **_group_body(group)})


@handles("DeleteOrderGroup")
def delete(state: EngineState, account: TradingAccount, request: ApiRequest) -> Answer:
    delete_group(state, account, _find_writable_group(state, account, request))
    return Answer(200, {})


def delete_group(state: EngineState, account: TradingAccount, group: Group) -> None:
    """Cancel a group's orders and forget it."""
    book.trigger_group(state, account, group)
    # documented: a deleted group takes its resting orders with it
    del account.groups[group.id]
    state.record_event("group", account=account.name, group=group.id, what="deleted")


@handles("ResetOrderGroup")
def reset(state: EngineState, account: TradingAccount, request: ApiRequest) -> Answer:
    body_fields(request)  # observed: a JSON body must come, {} at least
    group = _find_writable_group(state, account, request)
    group.reset()
    state.record_event("group", account=account.name, group=group.id, what="reset")
    return Answer(200, {})


@handles("TriggerOrderGroup")
def trigger(state: EngineState, account: TradingAccount, request: ApiRequest) -> Answer:
    body_fields(request)
    book.trigger_group(state, account, _find_writable_group(state, account, request))
    return Answer(200, {})


@handles("UpdateOrderGroupLimit")
def set_limit(state: EngineState, account: TradingAccount, request: ApiRequest) -> Answer:
    """Set a group's limit; one below the current volume triggers it (documented)."""
    limit = parse_limit(body_fields(request))
    group = _find_writable_group(state, account, request)
    group.limit = limit
    state.record_event(
        "group", account=account.name, group=group.id, what="limit", limit=format_count(limit)
    )
    if group.volume > limit and not group.triggered:
        book.trigger_group(state, account, group)
    return Answer(200, {})
