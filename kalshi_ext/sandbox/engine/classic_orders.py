"""Order writes of the classic contract: yes/no x buy/sell, cents, whole contracts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kalshi_ext.sandbox.engine import access, changing, group_calls, matching, placing, rules
from kalshi_ext.sandbox.engine.amounts import CENT, ONE, SECOND
from kalshi_ext.sandbox.engine.api import Answer
from kalshi_ext.sandbox.engine.bodies import BodyFields, body_fields
from kalshi_ext.sandbox.engine.classic_rows import order_row
from kalshi_ext.sandbox.engine.groups import LARGEST_LIMIT
from kalshi_ext.sandbox.engine.order_calls import run_batch
from kalshi_ext.sandbox.engine.placing import OrderRequest
from kalshi_ext.sandbox.engine.refusals import (
    ApiError,
    bad_request,
    invalid_order,
    invalid_parameters,
)

if TYPE_CHECKING:
    from kalshi_ext.sandbox.engine.accounts import TradingAccount
    from kalshi_ext.sandbox.engine.api import Call
    from kalshi_ext.sandbox.engine.records import Order
    from kalshi_ext.sandbox.engine.state import ExchangeState

OUTCOMES = ("yes", "no")
ACTIONS = ("buy", "sell")
_LARGEST = 10**10


def create(state: ExchangeState, account: TradingAccount, request: Call) -> Answer:
    """Do createOrder."""
    order = placing.place(state, _order_request(state, account, request, body_fields(request)))
    return Answer(201, {"order": order_row(order)})


def _order_request(
    state: ExchangeState, account: TradingAccount, request: Call, body: BodyFields
) -> OrderRequest:
    body.require("ticker", "side", "action", "count", "type")
    outcome, action = body.choice("side", OUTCOMES), body.choice("action", ACTIONS)
    order_request = OrderRequest(
        account=account,
        subaccount=access.acting_subaccount(request, None),
        ticker=body.string("ticker"),
        bid=(outcome == "yes") == (action == "buy"),
        price=0,
        count=_count(body) or 0,
        time_in_force="good_till_canceled",
        client_order_id=body.string("client_order_id"),
        post_only=body.boolean("post_only"),
        group_id=body.string("order_group_id"),
        kind=body.choice("type", ("limit", "market")),
        outcome=outcome,
        action=action,
    )
    _cap_sale(order_request, body)
    _set_expiration(state, order_request, body)
    (_set_limit_price if order_request.kind == "limit" else _set_market_price)(
        state, order_request, body
    )
    return order_request


def _count(body: BodyFields) -> int | None:
    count = body.integer("count")
    if count is not None and not 0 < count <= _LARGEST:
        raise ApiError(400, "invalid_order_size", "count must be above 0", str(count))
    return None if count is None else count * 100


def _price(body: BodyFields) -> int | None:
    yes, no = body.integer("yes_price"), body.integer("no_price")
    if yes is not None and no is not None:
        raise invalid_parameters("give one of yes_price and no_price")
    if yes is None and no is None:
        return None
    cents = yes if yes is not None else 100 - (no or 0)
    if not 0 < cents < 100:
        raise ApiError(400, "invalid_price", "price must be from 1 to 99 cents")
    return cents * 100


def _set_limit_price(state: ExchangeState, order_request: OrderRequest, body: BodyFields) -> None:
    del state
    price = _price(body)
    if price is None:
        raise ApiError(400, "missing_parameters", "missing parameters", "yes_price or no_price")
    order_request.price = price


def _set_market_price(state: ExchangeState, order_request: OrderRequest, body: BodyFields) -> None:
    budget = body.bounded_integer("buy_max_cost", least=1, most=_LARGEST)
    if budget is not None and order_request.action == "buy":
        order_request.budget = budget * CENT
    order_request.time_in_force = "immediate_or_cancel"
    order_request.expiration = None
    market = rules.find_market(state, order_request.ticker, None)
    left, order_request.price = order_request.count, ONE - 1 if order_request.bid else 1
    for price, count in market.side(bid=not order_request.bid).depth():
        left -= count
        if left <= 0:
            order_request.price = price
            break


def _cap_sale(order_request: OrderRequest, body: BodyFields) -> None:
    floor = body.integer("sell_position_floor")
    if floor is None or order_request.action != "sell":
        return
    if floor != 0:
        raise invalid_parameters("sell_position_floor can only be 0")
    holding = order_request.account.holdings.get((order_request.subaccount, order_request.ticker))
    position = holding.position if holding else 0
    order_request.count = min(
        order_request.count, position if order_request.outcome == "yes" else -position
    )
    if order_request.count <= 0:
        raise invalid_order("there is no position to sell")


def _set_expiration(state: ExchangeState, order_request: OrderRequest, body: BodyFields) -> None:
    # a moment that has passed makes the order immediate-or-cancel
    seconds = body.unix_seconds("expiration_ts")
    if seconds is None:
        return
    if seconds * SECOND > state.now:
        order_request.expiration = seconds * SECOND
    else:
        order_request.time_in_force = "immediate_or_cancel"


def create_batch(state: ExchangeState, account: TradingAccount, request: Call) -> Answer:
    """Do batchCreateOrders: each entry for itself."""
    entries = body_fields(request).entries("orders", state.settings.batch_max)

    def create_entry(raw: object) -> dict[str, Any]:
        try:
            order = placing.place(state, _order_request(state, account, request, BodyFields(raw)))
        except ApiError as refusal:
            return {"error": {"error": refusal.error_body()}}
        return {"order": order_row(order)}

    return Answer(200, {"responses": run_batch(state, entries, create_entry)})


def _find_order(
    state: ExchangeState, account: TradingAccount, request: Call, order_id: str
) -> Order:
    locked = access.allowed_subaccount(request, None)
    return changing.find_resting_order(state, account, order_id, subaccount=locked, shard=None)


def cancel(state: ExchangeState, account: TradingAccount, request: Call) -> Answer:
    """Do cancelOrder."""
    order = _find_order(state, account, request, request.path["order_id"])
    reduced = matching.cancel_resting(state, order, "cancelled")
    return Answer(200, {"order": order_row(order), "reduced_by": reduced // 100})


def cancel_batch(state: ExchangeState, account: TradingAccount, request: Call) -> Answer:
    """Do batchCancelOrders: each entry for itself."""
    entries = body_fields(request).entries("order_ids", state.settings.batch_max)

    def cancel_entry(raw: object) -> dict[str, Any]:
        name = raw if isinstance(raw, str) else ""
        try:
            order = _find_order(state, account, request, name)
        except ApiError as refusal:
            return {"order_id": name, "reduced_by": 0, "error": {"error": refusal.error_body()}}
        reduced = matching.cancel_resting(state, order, "cancelled")
        return {"order_id": name, "reduced_by": reduced // 100}

    return Answer(200, {"responses": run_batch(state, entries, cancel_entry)})


def amend(state: ExchangeState, account: TradingAccount, request: Call) -> Answer:
    """Do amendOrder; a price or count left out stays."""
    body = body_fields(request)
    body.require("ticker", "side", "action", "client_order_id", "updated_client_order_id")
    outcome, action = body.choice("side", OUTCOMES), body.choice("action", ACTIONS)
    price, count = _price(body), _count(body)
    order = _find_order(state, account, request, request.path["order_id"])
    change = changing.Amendment(
        price=order.price if price is None else price,
        count=order.filled + order.remaining if count is None else count,
        ticker=body.string("ticker"),
        bid=(outcome == "yes") == (action == "buy"),
        client_order_id=body.string("client_order_id"),
        updated_client_order_id=body.string("updated_client_order_id"),
    )
    changing.amend(state, order, change)
    return Answer(200, {"order": order_row(order)})


def decrease(state: ExchangeState, account: TradingAccount, request: Call) -> Answer:
    """Do decreaseOrder: reduce_by only."""
    body = body_fields(request)
    body.require("reduce_by")
    by = body.integer("reduce_by") or 0
    if not 0 < by <= _LARGEST:
        raise bad_request("reduce_by must be above 0")
    order = _find_order(state, account, request, request.path["order_id"])
    changing.decrease(state, order, by=by * 100, to=None)
    return Answer(200, {"order": order_row(order)})


def create_group(state: ExchangeState, account: TradingAccount, request: Call) -> Answer:
    """Do createOrderGroup; without a limit the largest one holds."""
    body = body_fields(request)
    limit = body.integer("contracts_limit")
    if limit is not None and not 100 <= limit * 100 <= LARGEST_LIMIT:
        raise invalid_parameters("contracts_limit must be from 1 to 1000000", str(limit))
    group = group_calls.open_group(
        state,
        account,
        subaccount=access.acting_subaccount(request, None),
        shard=0,
        limit=LARGEST_LIMIT if limit is None else limit * 100,
    )
    return Answer(201, {"order_group_id": group.id})


def delete_group(state: ExchangeState, account: TradingAccount, request: Call) -> Answer:
    """Do deleteOrderGroup."""
    group = group_calls.find_group(
        state, account, request, access.allowed_subaccount(request, None)
    )
    group_calls.delete_group(state, account, group)
    return Answer(204)


def reset_group(state: ExchangeState, account: TradingAccount, request: Call) -> Answer:
    """Do resetOrderGroup."""
    group = group_calls.find_group(
        state, account, request, access.allowed_subaccount(request, None)
    )
    group.reset()
    state.record_event("group", account=account.name, group=group.id, what="reset")
    return Answer(204)
