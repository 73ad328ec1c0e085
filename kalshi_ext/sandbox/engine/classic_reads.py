"""Reads of the classic contract (2.x): the same rows in integer cents and whole contracts.

What is finer is cut off, so a price of $0.4099 reads 40 and 1.75 contracts read 1; fees are rounded
up to the cent. Lists are live rows only: the classic contract has no /historical. The documents'
words are the default; `classic_dialect` switches to what was recorded (classic_recorded.py).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from kalshi_ext.sandbox.engine import classic_recorded, order_reads, portfolio_reads
from kalshi_ext.sandbox.engine.classic_recorded import is_recorded
from kalshi_ext.sandbox.engine.commands import Answer
from kalshi_ext.sandbox.engine.errors import bad_request
from kalshi_ext.sandbox.engine.fixed_point import (
    CENT,
    ONE,
    SECOND,
    format_dollars,
    format_time,
)
from kalshi_ext.sandbox.engine.operations import handles
from kalshi_ext.sandbox.engine.pagination import (
    PageRequest,
    list_field,
    newest_first,
    page_answer,
    parse_page_request,
    take_page,
)
from kalshi_ext.sandbox.engine.request_parsing import (
    acting_subaccount,
    allowed_subaccount,
    body_fields,
    query_choice,
    query_integer,
)
from kalshi_ext.sandbox.engine.state import sort_key

if TYPE_CHECKING:
    from kalshi_ext.sandbox.engine.accounts import Holding, TradingAccount
    from kalshi_ext.sandbox.engine.commands import ApiRequest
    from kalshi_ext.sandbox.engine.order_groups import Group
    from kalshi_ext.sandbox.engine.records import Fill, Order, Settlement
    from kalshi_ext.sandbox.engine.settings import Settings
    from kalshi_ext.sandbox.engine.state import EngineState

Json = dict[str, Any]


def _page_request(state: EngineState, request: ApiRequest, kind: str) -> PageRequest:
    most = state.settings.classic_limit_max
    return parse_page_request(request.query, f"classic_{kind}", most=most)


@handles("getOrders")
def get_orders(state: EngineState, account: TradingAccount, request: ApiRequest) -> Answer:
    page = _page_request(state, request, "orders")
    orders = order_reads.list_orders(state, account, request, page, historical=False)
    return page_answer(
        "orders", orders, page, state.settings, partial(order_row, settings=state.settings)
    )


@handles("getOrder")
def get_order(state: EngineState, account: TradingAccount, request: ApiRequest) -> Answer:
    order = order_reads.find_order(state, account, request)
    return Answer(200, {"order": order_row(order, state.settings)})


@handles("getOrderQueuePosition")
def get_queue_position(state: EngineState, account: TradingAccount, request: ApiRequest) -> Answer:
    ahead = order_reads.queue_position(state, account, request)
    return Answer(200, {"queue_position": ahead // 100})


@handles("getQueuePositions")
def get_queue_positions(state: EngineState, account: TradingAccount, request: ApiRequest) -> Answer:
    """Tell the contracts ahead by order id; orders that do not rest are left out."""
    del state
    positions: dict[str, int] = {}
    for order_id in body_fields(request).entries("order_ids", 1000):
        if not isinstance(order_id, str):
            raise bad_request("order_ids must be strings")
        order = account.open_orders.get(order_id)
        if order is not None:
            positions[order_id] = order.market.side(bid=order.bid).volume_ahead(order) // 100
    return Answer(200, {"queue_positions": positions})


@handles("getFills")
def get_fills(state: EngineState, account: TradingAccount, request: ApiRequest) -> Answer:
    page = _page_request(state, request, "fills")
    fills = order_reads.list_fills(state, account, request, page, historical=False)
    return page_answer(
        "fills", fills, page, state.settings, partial(fill_row, settings=state.settings)
    )


@handles("getBalance")
def get_balance(state: EngineState, account: TradingAccount, request: ApiRequest) -> Answer:
    subaccount = acting_subaccount(request, None)
    rows = portfolio_reads.balances_by_shard(state, account, subaccount=subaccount, shard=None)
    body = {"balance": sum(balance for balance, _ in rows.values()) // CENT}
    if is_recorded(state.settings):
        value = portfolio_reads.position_value(state, account, subaccount=subaccount, shard=None)
        updated = max((updated for _, updated in rows.values()), default=account.opened)
        body |= {"portfolio_value": value // CENT, "updated_ts": updated // SECOND}
    return Answer(200, body)


@handles("getTotalRestingOrderValue")
def get_resting_value(state: EngineState, account: TradingAccount, request: ApiRequest) -> Answer:
    total = sum(portfolio_reads.resting_value(state, account, request).values())
    return Answer(200, {"total_resting_order_value": total // CENT})


@handles("getPositions")
def get_positions(state: EngineState, account: TradingAccount, request: ApiRequest) -> Answer:
    """List positions; assumed: count_down and count_up must be integers and change nothing."""
    page = _page_request(state, request, "positions")
    for name in ("count_down", "count_up"):
        query_integer(request.query, name, least=-(2**63), most=2**63 - 1)
    subaccount = acting_subaccount(request, None)
    holdings = portfolio_reads.list_holdings(
        state, account, request, subaccount=subaccount, historical=False
    )
    settings = state.settings
    rows, cursor = take_page(newest_first(holdings, page), page, settings)
    if not rows and settings.empty_lists == "omit":
        return Answer(200, {})
    events = [event_row(*event, settings) for event in portfolio_reads.by_event(rows).items()]
    body = {
        **list_field("market_positions", [position_row(row, settings) for row in rows], settings),
        **list_field("event_positions", events, settings),
        "cursor": cursor,
    }
    return Answer(200, body)


@handles("getSettlements")
def get_settlements(state: EngineState, account: TradingAccount, request: ApiRequest) -> Answer:
    page = _page_request(state, request, "settlements")
    settlements = portfolio_reads.list_settlements(state, account, request, page)
    write_row = partial(settlement_row, settings=state.settings)
    return page_answer("settlements", settlements, page, state.settings, write_row)


@handles("getOrderGroups")
def get_groups(state: EngineState, account: TradingAccount, request: ApiRequest) -> Answer:
    page = _page_request(state, request, "groups")
    status = query_choice(request.query, "status", ("active", "triggered"))
    locked = allowed_subaccount(request, None)
    by_age = sorted(account.groups.values(), key=sort_key)
    groups = (
        group
        for group in state.visible_rows(newest_first(by_age, page))
        if (status is None or group.triggered == (status == "triggered"))
        and locked in (None, group.subaccount)
    )
    return page_answer("order_groups", groups, page, state.settings, group_row)


def side_and_action(order: Order) -> tuple[str, str]:
    """Give side and action; assumed: an order of the current contract is one of YES."""
    return order.outcome or "yes", order.action or ("buy" if order.bid else "sell")


def order_row(order: Order, settings: Settings) -> Json:
    side, action = side_and_action(order)
    row: Json = {
        "order_id": order.id,
        "client_order_id": order.client_order_id,
        "ticker": order.market.ticker,
        "side": side,
        "action": action,
        "type": order.kind,
        "status": order.status,
        "yes_price": order.price // 100,
        "no_price": 100 - order.price // 100,
        "count": order.initial // 100,
        "fill_count": order.filled // 100,
        "remaining_count": order.remaining // 100,
        "initial_count": order.initial // 100,
        # a cost is rounded up and everything else down: no cent is promised that is not there
        "taker_fees": -(-order.taker_fees // CENT),
        "maker_fees": -(-order.maker_fees // CENT),
        "created_time": format_time(order.created),
        "updated_time": format_time(order.updated),
    }
    if order.expiration is not None:
        row["expiration_time"] = format_time(order.expiration)
    return classic_recorded.recorded_order(row, order) if is_recorded(settings) else row


def fill_row(fill: Fill, settings: Settings) -> Json:
    """Write a fill; price is that of the side it names."""
    side, action = side_and_action(fill.order)
    cents = fill.price // 100
    row = {
        "fill_id": fill.id,
        "order_id": fill.order.id,
        "ticker": fill.order.market.ticker,
        "side": side,
        "action": action,
        "count": fill.count // 100,
        # assumed: a fill is told in the words of its order, so its price is that side's
        "price": cents if side == "yes" else 100 - cents,
        "is_taker": fill.is_taker,
        "created_time": format_time(fill.created),
    }
    return classic_recorded.recorded_fill(row, fill) if is_recorded(settings) else row


def group_row(group: Group) -> Json:
    return {"id": group.id, "is_auto_cancel_enabled": True}


def position_row(row: Holding, settings: Settings) -> Json:
    market = row.market
    body: Json = {
        "ticker": market.ticker,
        "event_ticker": market.event,
        "realized_pnl": row.realized // CENT,
        "resting_order_count": row.orders,
        # cut off towards 0 on both sides; // would make -1.5 contracts -2
        "position": int(row.position / 100),
        "fees_paid": -(-row.fees // CENT),
        "total_cost": row.traded // CENT,
    }
    if market.result in ("yes", "no"):
        body["market_result"] = market.result
    if is_recorded(settings):
        return classic_recorded.recorded_position(body, row, format_time(row.updated))
    return body


def event_row(event: str, rows: list[Holding], settings: Settings) -> Json:
    sums = {
        "total_cost": sum(row.traded for row in rows),
        "event_exposure": sum(row.cost for row in rows),
        "realized_pnl": sum(row.realized for row in rows),
        "fees_paid": sum(row.fees for row in rows),
    }
    cents = {name: value // CENT for name, value in sums.items()}
    dollars = {f"{name}_dollars": format_dollars(value) for name, value in sums.items()}
    # the classic event row has both cents and dollars
    resting = sum(row.orders for row in rows)
    row = {"event_ticker": event, "resting_order_count": resting, **cents, **dollars}
    return classic_recorded.recorded_event(row, rows) if is_recorded(settings) else row


def settlement_row(row: Settlement, settings: Settings) -> Json:
    """Write a settlement; this contract knows yes and no only, so a scalar is the dearer side."""
    result = row.market.result
    if result == "scalar":
        result = "yes" if row.market.value >= ONE // 2 else "no"
    body = {
        "ticker": row.market.ticker,
        "result": result,
        "yes_count": max(row.position, 0) // 100,
        "no_count": max(-row.position, 0) // 100,
        "revenue": row.payout // CENT,
        "settled_time": format_time(row.created),
    }
    return classic_recorded.recorded_settlement(body, row) if is_recorded(settings) else body
