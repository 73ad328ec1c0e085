"""Order groups in the current contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kalshi_ext.sandbox.engine import access, matching, pages
from kalshi_ext.sandbox.engine.accounts import LAST_SUBACCOUNT
from kalshi_ext.sandbox.engine.amounts import SECOND, count_text, read_count
from kalshi_ext.sandbox.engine.api import Answer
from kalshi_ext.sandbox.engine.bodies import LAST_SHARD, fields_of
from kalshi_ext.sandbox.engine.groups import LARGEST, Group
from kalshi_ext.sandbox.engine.refusals import Refusal, invalid, not_found
from kalshi_ext.sandbox.engine.state import row_key

if TYPE_CHECKING:
    from kalshi_ext.sandbox.engine.accounts import Account
    from kalshi_ext.sandbox.engine.api import Call
    from kalshi_ext.sandbox.engine.bodies import Fields
    from kalshi_ext.sandbox.engine.state import Exchange


def make(ex: Exchange, who: Account, *, subaccount: int, shard: int, limit: int) -> Group:
    """Open a group."""
    group = Group(ex.new_id(), ex.now, subaccount, shard, limit)
    who.groups[group.id] = group
    ex.record("group", account=who.name, group=group.id, what="created", limit=count_text(limit))
    return group


def read_limit(body: Fields) -> int:
    """Read contracts_limit or contracts_limit_fp, 1 to 1,000,000 contracts; both must agree."""
    whole, text = body.integer("contracts_limit"), body.raw.get("contracts_limit_fp")
    if whole is None and text is None:
        raise Refusal(400, "missing_parameters", "missing parameters", "contracts_limit")
    limit = read_count(text, "contracts_limit_fp") if text is not None else (whole or 0) * 100
    if whole is not None and whole * 100 != limit:
        raise invalid("contracts_limit and contracts_limit_fp differ")
    if not 100 <= limit <= LARGEST:
        raise invalid("contracts_limit must be from 1 to 1000000")
    return limit


def create(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do CreateOrderGroup."""
    body = fields_of(call)
    wanted = body.whole("subaccount", least=0, most=LAST_SUBACCOUNT)
    subaccount = access.existing(who, access.acting(call, wanted))
    shard = max(body.whole("exchange_index", least=-1, most=LAST_SHARD) or 0, 0)
    if shard not in ex.shards:
        raise invalid("exchange_index does not exist", str(shard))
    group = make(ex, who, subaccount=subaccount, shard=shard, limit=read_limit(body))
    names = {"order_group_id": group.id, "subaccount": subaccount, "exchange_index": shard}
    return Answer(201, names)


def asked(ex: Exchange, who: Account, call: Call, subaccount: int | None) -> Group:
    """Find the group a path names, its volume up to date; 404 elsewhere."""
    group = who.groups.get(call.path["order_group_id"])
    if group is None or (subaccount is not None and group.subaccount != subaccount):
        raise not_found()
    group.forget(ex.now - ex.settings.group_window_seconds * SECOND)
    return group


def _acted_on(ex: Exchange, who: Account, call: Call) -> Group:
    shard = access.shard_query(call)
    group = asked(ex, who, call, access.acting_query(call))
    if shard != -1 and group.shard != (shard or 0):
        raise not_found()
    return group


def get_all(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do GetOrderGroups."""
    subaccount = access.listed_query(call)
    groups = sorted(who.groups.values(), key=row_key, reverse=True)
    rows = [
        {"id": group.id, **_facts(group)}
        for group in ex.shown(groups)
        if subaccount in (None, group.subaccount)
    ]
    return Answer(200, pages.listed("order_groups", rows, ex.settings))


def _facts(group: Group) -> dict[str, Any]:
    return {
        "contracts_limit_fp": count_text(group.limit),
        "is_auto_cancel_enabled": True,
        "exchange_index": group.shard,
    }


def get_one(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do GetOrderGroup: the ids of its resting orders."""
    group = next(ex.shown([asked(ex, who, call, access.listed_query(call))]), None)
    if group is None:
        raise not_found()
    return Answer(200, {"orders": list(group.orders), **_facts(group)})


def delete(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do DeleteOrderGroup: its orders are cancelled too."""
    remove(ex, who, _acted_on(ex, who, call))
    return Answer(200, {})


def remove(ex: Exchange, who: Account, group: Group) -> None:
    """Cancel a group's orders and forget it."""
    matching.trigger(ex, who, group)
    del who.groups[group.id]
    ex.record("group", account=who.name, group=group.id, what="deleted")


def reset(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do ResetOrderGroup; a JSON body is due, if only {}."""
    fields_of(call)
    group = _acted_on(ex, who, call)
    group.reset()
    ex.record("group", account=who.name, group=group.id, what="reset")
    return Answer(200, {})


def trigger(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do TriggerOrderGroup; a JSON body is due, if only {}."""
    fields_of(call)
    matching.trigger(ex, who, _acted_on(ex, who, call))
    return Answer(200, {})


def set_limit(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do UpdateOrderGroupLimit: a limit below the current volume triggers the group."""
    limit = read_limit(fields_of(call))
    group = _acted_on(ex, who, call)
    group.limit = limit
    ex.record("group", account=who.name, group=group.id, what="limit", limit=count_text(limit))
    if group.volume > limit and not group.triggered:
        matching.trigger(ex, who, group)
    return Answer(200, {})
