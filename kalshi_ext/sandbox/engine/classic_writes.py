"""Writes of the classic contract (2.x) into the same book: orders and order groups.

It speaks of yes/no x buy/sell, integer cents and whole contracts; the book knows YES bids and
asks only. Buying YES and selling NO are bids, buying NO and selling YES are asks, and a NO price
is 100 cents less the YES price: "buy no at 60" is an ask at $0.40.

Today's exchange answers the six order writes with 410 (observed; the setting `classic_writes`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kalshi_ext.sandbox.engine import book, order_changes, order_groups, placement
from kalshi_ext.sandbox.engine.classic_reads import order_row
from kalshi_ext.sandbox.engine.classic_recorded import is_recorded
from kalshi_ext.sandbox.engine.commands import Answer
from kalshi_ext.sandbox.engine.errors import (
    ApiError,
    bad_request,
    invalid_order,
    invalid_parameters,
)
from kalshi_ext.sandbox.engine.fixed_point import CENT, ONE, parse_price
from kalshi_ext.sandbox.engine.operations import handles
from kalshi_ext.sandbox.engine.order_groups import LARGEST_LIMIT
from kalshi_ext.sandbox.engine.order_writes import run_batch
from kalshi_ext.sandbox.engine.placement import OrderRequest
from kalshi_ext.sandbox.engine.request_parsing import BodyFields, allowed_subaccount, body_fields

if TYPE_CHECKING:
    from kalshi_ext.sandbox.engine.accounts import TradingAccount
    from kalshi_ext.sandbox.engine.commands import ApiRequest
    from kalshi_ext.sandbox.engine.order_groups import Group
    from kalshi_ext.sandbox.engine.records import Order
    from kalshi_ext.sandbox.engine.state import EngineState

OUTCOMES = ("yes", "no")
ACTIONS = ("buy", "sell")
_LARGEST = 10**10
"""Keeps counts and costs in 64 bits whatever they are multiplied by."""


@handles("createOrder")
def create(state: EngineState, account: TradingAccount, request: ApiRequest) -> Answer:
    order = placement.place(state, _order_request(state, account, request, body_fields(request)))
    return Answer(201, {"order": order_row(order, state.settings)})


def _order_request(
    state: EngineState, account: TradingAccount, request: ApiRequest, body: BodyFields
) -> OrderRequest:
    body.require("ticker", "side", "action", "count", "type")
    outcome, action = body.choice("side", OUTCOMES), body.choice("action", ACTIONS)
    draft = OrderRequest(
        account=account,
        subaccount=allowed_subaccount(request, None) or 0,
        ticker=body.string("ticker"),
        bid=(outcome == "yes") == (action == "buy"),
        price=0,
        count=_count(body) or 0,
        # self-trade prevention is not in this contract; the default of OrderRequest holds
        time_in_force="good_till_canceled",
        client_order_id=body.string("client_order_id"),
        post_only=body.boolean("post_only"),
        group_id=body.string("order_group_id"),
        kind=body.choice("type", ("limit", "market")),
        outcome=outcome,
        action=action,
    )
    _cap_sale(draft, body)
    _set_expiration(state, draft, body)
    if draft.kind == "limit":
        _set_limit_price(state, draft, body)
    else:
        _set_market_price(state, draft, body)
    return draft


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
    # one number in the book: a NO price is what remains of the dollar
    cents = yes if yes is not None else 100 - (no or 0)
    if not 0 < cents < 100:
        raise ApiError(400, "invalid_price", "price must be from 1 to 99 cents")
    return cents * 100


def _set_limit_price(state: EngineState, draft: OrderRequest, body: BodyFields) -> None:
    price = _price(body)
    if price is None and is_recorded(state.settings) and body.string("yes_price_dollars"):
        price = parse_price(body.string("yes_price_dollars"))  # observed: accepted too
    if price is None:
        raise ApiError(400, "missing_parameters", "missing parameters", "yes_price or no_price")
    draft.price = price


def _set_market_price(state: EngineState, draft: OrderRequest, body: BodyFields) -> None:
    budget = body.bounded_integer("buy_max_cost", least=1, most=_LARGEST)
    if budget is not None and draft.action == "buy":
        draft.budget = budget * CENT
    draft.time_in_force = "immediate_or_cancel"
    draft.expiration = None
    market = placement.find_market(state, draft.ticker, None)
    # The limit is the worst price the order needs, not the worst there is, so that it has to pay
    # for no more than it can take; without enough volume it takes whatever there is.
    remaining, draft.price = draft.count, ONE - 1 if draft.bid else 1
    for price, count in market.side(bid=not draft.bid).depth():
        remaining -= count
        if remaining <= 0:
            draft.price = price
            break


def _cap_sale(draft: OrderRequest, body: BodyFields) -> None:
    floor = body.integer("sell_position_floor")
    if floor is None or draft.action != "sell":
        return
    if floor != 0:
        raise invalid_parameters("sell_position_floor can only be 0")
    holding = draft.account.holdings.get((draft.subaccount, draft.ticker))
    # position is YES above 0 and NO below
    position = holding.position if holding else 0
    draft.count = min(draft.count, position if draft.outcome == "yes" else -position)
    if draft.count <= 0:
        raise invalid_order("there is no position to sell")


def _set_expiration(state: EngineState, draft: OrderRequest, body: BodyFields) -> None:
    # assumed, for the classic contract only: a time in the past makes it immediate-or-cancel
    expiration = body.time("expiration_ts")
    if expiration is None:
        return
    if expiration > state.now:
        draft.expiration = expiration
    else:
        draft.time_in_force = "immediate_or_cancel"


@handles("batchCreateOrders")
def create_batch(state: EngineState, account: TradingAccount, request: ApiRequest) -> Answer:
    entries = body_fields(request).entries("orders", state.settings.batch_max)

    def create_entry(raw: object) -> dict[str, Any]:
        try:
            order = placement.place(state, _order_request(state, account, request, BodyFields(raw)))
        except ApiError as error:
            # the contract wraps an entry's error once more
            return {"error": {"error": error.error_body()}}
        return {"order": order_row(order, state.settings)}

    answers = run_batch(state, entries, create_entry)
    recorded = is_recorded(state.settings)
    return Answer(201, {"orders": answers}) if recorded else Answer(200, {"responses": answers})


def _find_order(
    state: EngineState, account: TradingAccount, request: ApiRequest, order_id: str
) -> Order:
    locked = allowed_subaccount(request, None)
    return order_changes.find_resting_order(state, account, order_id, subaccount=locked, shard=None)


@handles("cancelOrder")
def cancel(state: EngineState, account: TradingAccount, request: ApiRequest) -> Answer:
    order = _find_order(state, account, request, request.path["order_id"])
    reduced = book.cancel_resting(state, order, "cancelled")
    return Answer(200, {"order": order_row(order, state.settings), "reduced_by": reduced // 100})


@handles("batchCancelOrders")
def cancel_batch(state: EngineState, account: TradingAccount, request: ApiRequest) -> Answer:
    entries = body_fields(request).entries("order_ids", state.settings.batch_max)

    def cancel_entry(raw: object) -> dict[str, Any]:
        order_id = raw if isinstance(raw, str) else ""
        try:
            order = _find_order(state, account, request, order_id)
        except ApiError as error:
            return {"order_id": order_id, "reduced_by": 0, "error": {"error": error.error_body()}}
        reduced = book.cancel_resting(state, order, "cancelled")
        return {"order_id": order_id, "reduced_by": reduced // 100}

    name = "orders" if is_recorded(state.settings) else "responses"
    return Answer(200, {name: run_batch(state, entries, cancel_entry)})


@handles("amendOrder")
def amend(state: EngineState, account: TradingAccount, request: ApiRequest) -> Answer:
    """Amend an order; a price or count left out stays."""
    body = body_fields(request)
    body.require("ticker", "side", "action", "client_order_id", "updated_client_order_id")
    outcome, action = body.choice("side", OUTCOMES), body.choice("action", ACTIONS)
    price, count = _price(body), _count(body)
    order = _find_order(state, account, request, request.path["order_id"])
    change = order_changes.Amendment(
        price=order.price if price is None else price,
        count=order.filled + order.remaining if count is None else count,
        ticker=body.string("ticker"),
        bid=(outcome == "yes") == (action == "buy"),
        client_order_id=body.string("client_order_id"),
        updated_client_order_id=body.string("updated_client_order_id"),
    )
    order_changes.amend(state, order, change)
    return Answer(200, {"order": order_row(order, state.settings)})


@handles("decreaseOrder")
def decrease(state: EngineState, account: TradingAccount, request: ApiRequest) -> Answer:
    body = body_fields(request)
    body.require("reduce_by")
    by = body.integer("reduce_by") or 0
    if not 0 < by <= _LARGEST:
        raise bad_request("reduce_by must be above 0")
    order = _find_order(state, account, request, request.path["order_id"])
    order_changes.decrease(state, order, by=by * 100, to=None)
    return Answer(200, {"order": order_row(order, state.settings)})


@handles("createOrderGroup")
def create_group(state: EngineState, account: TradingAccount, request: ApiRequest) -> Answer:
    """Open a group; without a limit the largest one holds."""
    body = body_fields(request)
    limit = body.integer("contracts_limit")
    if limit is not None and not 100 <= limit * 100 <= LARGEST_LIMIT:
        raise invalid_parameters("contracts_limit must be from 1 to 1000000", str(limit))
    group = order_groups.open_group(
        state,
        account,
        subaccount=allowed_subaccount(request, None) or 0,
        shard=0,
        limit=LARGEST_LIMIT if limit is None else limit * 100,
    )
    return Answer(201, {"order_group_id": group.id})


def _find_group(state: EngineState, account: TradingAccount, request: ApiRequest) -> Group:
    return order_groups.find_group(state, account, request, allowed_subaccount(request, None))


@handles("deleteOrderGroup")
def delete_group(state: EngineState, account: TradingAccount, request: ApiRequest) -> Answer:
    group = _find_group(state, account, request)
    order_groups.delete_group(state, account, group)
    return Answer(200, {}) if is_recorded(state.settings) else Answer(204)


@handles("resetOrderGroup")
def reset_group(state: EngineState, account: TradingAccount, request: ApiRequest) -> Answer:
    group = _find_group(state, account, request)
    group.reset()
    state.record_event("group", account=account.name, group=group.id, what="reset")
    return Answer(204)
