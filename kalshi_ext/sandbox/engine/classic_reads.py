"""Reads and group calls of the classic contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kalshi_ext.sandbox.engine import access, order_reads, pages, positions
from kalshi_ext.sandbox.engine.amounts import CENT
from kalshi_ext.sandbox.engine.api import Answer
from kalshi_ext.sandbox.engine.bodies import body_fields, query_choice, query_integer
from kalshi_ext.sandbox.engine.classic_rows import (
    event_row,
    fill_row,
    order_row,
    position_row,
    settlement_row,
)
from kalshi_ext.sandbox.engine.refusals import bad_request
from kalshi_ext.sandbox.engine.state import sort_key

if TYPE_CHECKING:
    from kalshi_ext.sandbox.engine.accounts import TradingAccount
    from kalshi_ext.sandbox.engine.api import Call
    from kalshi_ext.sandbox.engine.state import ExchangeState


def _page_request(state: ExchangeState, request: Call, kind: str) -> pages.PageRequest:
    return pages.parse_page_request(
        request.query, f"classic_{kind}", most=state.settings.classic_limit_max
    )


def get_orders(state: ExchangeState, account: TradingAccount, request: Call) -> Answer:
    """Do getOrders."""
    page = _page_request(state, request, "orders")
    found = order_reads.list_orders(state, account, request, page, historical=False)
    return Answer(200, pages.page_body("orders", found, page, state.settings, order_row))


def get_order(state: ExchangeState, account: TradingAccount, request: Call) -> Answer:
    """Do getOrder."""
    return Answer(200, {"order": order_row(order_reads.find_order(state, account, request))})


def get_queue_position(state: ExchangeState, account: TradingAccount, request: Call) -> Answer:
    """Do getOrderQueuePosition."""
    ahead = order_reads.queue_position(state, account, request)
    return Answer(200, {"queue_position": ahead // 100})


def get_queue_positions(state: ExchangeState, account: TradingAccount, request: Call) -> Answer:
    """Do getQueuePositions: by order id; those that do not rest are left out."""
    del state
    found: dict[str, int] = {}
    for order_id in body_fields(request).entries("order_ids", 1000):
        if not isinstance(order_id, str):
            raise bad_request("order_ids must be strings")
        order = account.open_orders.get(order_id)
        if order is not None:
            found[order_id] = order.market.side(bid=order.bid).volume_ahead(order) // 100
    return Answer(200, {"queue_positions": found})


def get_fills(state: ExchangeState, account: TradingAccount, request: Call) -> Answer:
    """Do getFills."""
    page = _page_request(state, request, "fills")
    found = order_reads.list_fills(state, account, request, page, historical=False)
    return Answer(200, pages.page_body("fills", found, page, state.settings, fill_row))


def get_balance(state: ExchangeState, account: TradingAccount, request: Call) -> Answer:
    """Do getBalance: integer cents, cut off."""
    rows = positions.balances_by_shard(
        state, account, subaccount=access.acting_subaccount(request, None), shard=None
    )
    return Answer(200, {"balance": sum(balance for balance, _ in rows.values()) // CENT})


def get_resting_value(state: ExchangeState, account: TradingAccount, request: Call) -> Answer:
    """Do getTotalRestingOrderValue."""
    total = sum(positions.resting_value(state, account, request).values())
    return Answer(200, {"total_resting_order_value": total // CENT})


def get_positions(state: ExchangeState, account: TradingAccount, request: Call) -> Answer:
    """Do getPositions; count_down and count_up are read and have no effect here (unknown)."""
    page = _page_request(state, request, "positions")
    for name in ("count_down", "count_up"):
        query_integer(request.query, name, least=-(2**63), most=2**63 - 1)
    subaccount = access.acting_subaccount(request, None)
    found = positions.list_holdings(
        state, account, request, subaccount=subaccount, historical=False
    )
    rows, cursor = pages.take_page(pages.newest_first(found, page), page, state.settings)
    if not rows and state.settings.empty_lists == "omit":
        return Answer(200, {})
    events = [event_row(*event) for event in positions.by_event(rows).items()]
    body = {
        **pages.list_field("market_positions", [position_row(row) for row in rows], state.settings),
        **pages.list_field("event_positions", events, state.settings),
        "cursor": cursor,
    }
    return Answer(200, body)


def get_settlements(state: ExchangeState, account: TradingAccount, request: Call) -> Answer:
    """Do getSettlements."""
    page = _page_request(state, request, "settlements")
    found = positions.list_settlements(state, account, request, page)
    return Answer(200, pages.page_body("settlements", found, page, state.settings, settlement_row))


def get_groups(state: ExchangeState, account: TradingAccount, request: Call) -> Answer:
    """Do getOrderGroups."""
    page = _page_request(state, request, "groups")
    status = query_choice(request.query, "status", ("active", "triggered"))
    locked = access.allowed_subaccount(request, None)
    groups = sorted(account.groups.values(), key=sort_key)
    found = (
        group
        for group in state.visible_rows(pages.newest_first(groups, page))
        if (status is None or group.triggered == (status == "triggered"))
        and locked in (None, group.subaccount)
    )

    def write(group: Any) -> dict[str, Any]:
        return {"id": group.id, "is_auto_cancel_enabled": True}

    return Answer(200, pages.page_body("order_groups", found, page, state.settings, write))
