"""Reads and group calls of the classic contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kalshi_ext.sandbox.engine import access, group_calls, order_reads, pages, positions
from kalshi_ext.sandbox.engine.amounts import CENT
from kalshi_ext.sandbox.engine.api import Answer
from kalshi_ext.sandbox.engine.bodies import fields_of, whole, word
from kalshi_ext.sandbox.engine.classic_rows import (
    event_row,
    fill_row,
    order_row,
    position_row,
    settlement_row,
)
from kalshi_ext.sandbox.engine.groups import LARGEST
from kalshi_ext.sandbox.engine.refusals import bad_request, invalid
from kalshi_ext.sandbox.engine.state import row_key

if TYPE_CHECKING:
    from kalshi_ext.sandbox.engine.accounts import Account
    from kalshi_ext.sandbox.engine.api import Call
    from kalshi_ext.sandbox.engine.state import Exchange


def _page(ex: Exchange, call: Call, kind: str) -> pages.Page:
    return pages.page_asked(call.query, f"classic_{kind}", most=ex.settings.classic_limit_max)


def get_orders(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do getOrders."""
    page = _page(ex, call, "orders")
    found = order_reads.orders_found(ex, who, call, page, archived=False)
    return Answer(200, pages.answer("orders", found, page, ex.settings, order_row))


def get_order(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do getOrder."""
    return Answer(200, {"order": order_row(order_reads.order_asked(ex, who, call))})


def get_queue_position(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do getOrderQueuePosition."""
    ahead = order_reads.queue_position(ex, who, call)
    return Answer(200, {"queue_position": ahead // 100})


def get_queue_positions(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do getQueuePositions: by order id; those that do not rest are left out."""
    del ex
    found: dict[str, int] = {}
    for order_id in fields_of(call).rows("order_ids", 1000):
        if not isinstance(order_id, str):
            raise bad_request("order_ids must be strings")
        order = who.open.get(order_id)
        if order is not None:
            found[order_id] = order.market.side(bid=order.bid).ahead_of(order) // 100
    return Answer(200, {"queue_positions": found})


def get_fills(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do getFills."""
    page = _page(ex, call, "fills")
    found = order_reads.fills_found(ex, who, call, page, archived=False)
    return Answer(200, pages.answer("fills", found, page, ex.settings, fill_row))


def get_balance(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do getBalance: integer cents, cut off."""
    rows = positions.shards_of(ex, who, subaccount=access.acting(call, None), shard=None)
    return Answer(200, {"balance": sum(balance for balance, _ in rows.values()) // CENT})


def get_resting_value(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do getTotalRestingOrderValue."""
    total = sum(positions.resting_value(ex, who, call).values())
    return Answer(200, {"total_resting_order_value": total // CENT})


def get_positions(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do getPositions; count_down and count_up are read and have no effect here (unknown)."""
    page = _page(ex, call, "positions")
    for name in ("count_down", "count_up"):
        whole(call.query, name, least=-(2**63), most=2**63 - 1)
    subaccount = access.acting(call, None)
    found = positions.holdings_of(ex, who, call, subaccount=subaccount, historical=False)
    rows, cursor = pages.cut(pages.newest_first(found, page), page, ex.settings)
    if not rows and ex.settings.empty_lists == "omit":
        return Answer(200, {})
    events = [event_row(*event) for event in positions.by_event(rows).items()]
    body = {
        **pages.listed("market_positions", [position_row(row) for row in rows], ex.settings),
        **pages.listed("event_positions", events, ex.settings),
        "cursor": cursor,
    }
    return Answer(200, body)


def get_settlements(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do getSettlements."""
    page = _page(ex, call, "settlements")
    found = positions.settlements_found(ex, who, call, page)
    return Answer(200, pages.answer("settlements", found, page, ex.settings, settlement_row))


def create_group(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do createOrderGroup; without a limit the largest one holds."""
    body = fields_of(call)
    limit = body.integer("contracts_limit")
    if limit is not None and not 100 <= limit * 100 <= LARGEST:
        raise invalid("contracts_limit must be from 1 to 1000000", str(limit))
    group = group_calls.make(
        ex,
        who,
        subaccount=access.acting(call, None),
        shard=0,
        limit=LARGEST if limit is None else limit * 100,
    )
    return Answer(201, {"order_group_id": group.id})


def get_groups(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do getOrderGroups."""
    page = _page(ex, call, "groups")
    status = word(call.query, "status", ("active", "triggered"))
    locked = access.locked_or(call, None)
    groups = sorted(who.groups.values(), key=row_key)
    found = (
        group
        for group in ex.shown(pages.newest_first(groups, page))
        if (status is None or group.triggered == (status == "triggered"))
        and locked in (None, group.subaccount)
    )

    def write(group: Any) -> dict[str, Any]:
        return {"id": group.id, "is_auto_cancel_enabled": True}

    return Answer(200, pages.answer("order_groups", found, page, ex.settings, write))


def delete_group(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do deleteOrderGroup."""
    group = group_calls.asked(ex, who, call, access.locked_or(call, None))
    group_calls.remove(ex, who, group)
    return Answer(204)


def reset_group(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do resetOrderGroup."""
    group = group_calls.asked(ex, who, call, access.locked_or(call, None))
    group.reset()
    ex.record("group", account=who.name, group=group.id, what="reset")
    return Answer(204)
