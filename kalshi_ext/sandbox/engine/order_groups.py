"""Order groups: a limit on what may be matched within a rolling window."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from attrs import define, field

from kalshi_ext.sandbox.engine import book, pagination, request_parsing
from kalshi_ext.sandbox.engine.commands import Answer
from kalshi_ext.sandbox.engine.errors import ApiError, invalid_parameters, not_found
from kalshi_ext.sandbox.engine.fixed_point import SECOND, format_count, parse_count
from kalshi_ext.sandbox.engine.request_parsing import body_fields
from kalshi_ext.sandbox.engine.state import sort_key

if TYPE_CHECKING:
    from kalshi_ext.sandbox.engine.records import Order
if TYPE_CHECKING:
    from kalshi_ext.sandbox.engine.accounts import TradingAccount
    from kalshi_ext.sandbox.engine.commands import Call
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
    """(moment, count) of the fills within the window."""
    volume: int = 0

    def add_volume(self, now: int, count: int, window: int) -> None:
        """Add a fill to the rolling volume."""
        self.recent.append((now, count))
        self.volume += count
        self.expire_volume(now - window)

    def expire_volume(self, before: int) -> None:
        """Drop the fills that have left the window."""
        while self.recent and self.recent[0][0] <= before:
            self.volume -= self.recent.popleft()[1]

    def reset(self) -> None:
        """Start over: no volume, orders welcome."""
        self.recent.clear()
        self.volume = 0
        self.triggered = False


# MERGED """Order groups in the current contract."""


def open_group(
    state: EngineState, account: TradingAccount, *, subaccount: int, shard: int, limit: int
) -> Group:
    """Open a group."""
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
    if whole is not None and whole * 100 != limit:
        raise invalid_parameters("contracts_limit and contracts_limit_fp differ")
    if not 100 <= limit <= LARGEST_LIMIT:
        raise invalid_parameters("contracts_limit must be from 1 to 1000000")
    return limit


def create(state: EngineState, account: TradingAccount, request: Call) -> Answer:
    """Do CreateOrderGroup."""
    body = body_fields(request)
    wanted = body.subaccount()
    subaccount = request_parsing.require_subaccount(
        account, request_parsing.acting_subaccount(request, wanted)
    )
    shard = max(body.shard() or 0, 0)
    if shard not in state.shards:
        raise invalid_parameters("exchange_index does not exist", str(shard))
    group = open_group(state, account, subaccount=subaccount, shard=shard, limit=parse_limit(body))
    names = {"order_group_id": group.id, "subaccount": subaccount, "exchange_index": shard}
    return Answer(201, names)


def find_group(
    state: EngineState, account: TradingAccount, request: Call, subaccount: int | None
) -> Group:
    """Find the group a path names, its volume up to date; 404 elsewhere."""
    group = account.groups.get(request.path["order_group_id"])
    if group is None or (subaccount is not None and group.subaccount != subaccount):
        raise not_found()
    group.expire_volume(state.now - state.settings.group_window_seconds * SECOND)
    return group


def _find_writable_group(state: EngineState, account: TradingAccount, request: Call) -> Group:
    shard = request_parsing.query_shard(request)
    group = find_group(state, account, request, request_parsing.query_acting_subaccount(request))
    if shard != -1 and group.shard != (shard or 0):
        raise not_found()
    return group


def get_all(state: EngineState, account: TradingAccount, request: Call) -> Answer:
    """Do GetOrderGroups."""
    subaccount = request_parsing.query_listed_subaccount(request)
    groups = sorted(account.groups.values(), key=sort_key, reverse=True)
    rows = [
        {"id": group.id, **_group_body(group)}
        for group in state.visible_rows(groups)
        if subaccount in (None, group.subaccount)
    ]
    return Answer(200, pagination.list_field("order_groups", rows, state.settings))


def _group_body(group: Group) -> dict[str, Any]:
    return {
        "contracts_limit_fp": format_count(group.limit),
        "is_auto_cancel_enabled": True,
        "exchange_index": group.shard,
    }


def get_one(state: EngineState, account: TradingAccount, request: Call) -> Answer:
    """Do GetOrderGroup: the ids of its resting orders."""
    group = next(
        state.visible_rows(
            [find_group(state, account, request, request_parsing.query_listed_subaccount(request))]
        ),
        None,
    )
    if group is None:
        raise not_found()
    return Answer(200, {"orders": list(group.orders), **_group_body(group)})


def delete(state: EngineState, account: TradingAccount, request: Call) -> Answer:
    """Do DeleteOrderGroup: its orders are cancelled too."""
    delete_group(state, account, _find_writable_group(state, account, request))
    return Answer(200, {})


def delete_group(state: EngineState, account: TradingAccount, group: Group) -> None:
    """Cancel a group's orders and forget it."""
    book.trigger_group(state, account, group)
    del account.groups[group.id]
    state.record_event("group", account=account.name, group=group.id, what="deleted")


def reset(state: EngineState, account: TradingAccount, request: Call) -> Answer:
    """Do ResetOrderGroup; a JSON body is due, if only {}."""
    body_fields(request)
    group = _find_writable_group(state, account, request)
    group.reset()
    state.record_event("group", account=account.name, group=group.id, what="reset")
    return Answer(200, {})


def trigger(state: EngineState, account: TradingAccount, request: Call) -> Answer:
    """Do TriggerOrderGroup; a JSON body is due, if only {}."""
    body_fields(request)
    book.trigger_group(state, account, _find_writable_group(state, account, request))
    return Answer(200, {})


def set_limit(state: EngineState, account: TradingAccount, request: Call) -> Answer:
    """Do UpdateOrderGroupLimit: a limit below the current volume triggers the group."""
    limit = parse_limit(body_fields(request))
    group = _find_writable_group(state, account, request)
    group.limit = limit
    state.record_event(
        "group", account=account.name, group=group.id, what="limit", limit=format_count(limit)
    )
    if group.volume > limit and not group.triggered:
        book.trigger_group(state, account, group)
    return Answer(200, {})
