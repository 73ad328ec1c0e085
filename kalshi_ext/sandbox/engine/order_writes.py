"""Order writes of the current contract: read the body, do it, write the answer."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from kalshi_ext.sandbox.engine import book, order_changes, placement
from kalshi_ext.sandbox.engine.commands import Answer
from kalshi_ext.sandbox.engine.errors import ApiError
from kalshi_ext.sandbox.engine.fixed_point import format_count, parse_count, parse_price
from kalshi_ext.sandbox.engine.operations import handles
from kalshi_ext.sandbox.engine.placement import OrderRequest
from kalshi_ext.sandbox.engine.request_parsing import (
    BodyFields,
    acting_subaccount,
    body_fields,
    is_object,
    query_acting_subaccount,
    query_listed_subaccount,
    query_shard,
    require_subaccount,
)
from kalshi_ext.sandbox.engine.serializers import averages

if TYPE_CHECKING:
    from collections.abc import Callable

    from kalshi_ext.sandbox.engine.accounts import TradingAccount
    from kalshi_ext.sandbox.engine.commands import ApiRequest
    from kalshi_ext.sandbox.engine.records import Order
    from kalshi_ext.sandbox.engine.state import EngineState

SIDES = ("bid", "ask")
TIMES_IN_FORCE = ("good_till_canceled", "immediate_or_cancel", "fill_or_kill")
SELF_TRADE_PREVENTION = ("taker_at_cross", "maker")
_REQUIRED = (
    "ticker",
    "side",
    "count",
    "price",
    "time_in_force",
    "self_trade_prevention_type",
)


@handles("CreateOrderV2")
def create(state: EngineState, account: TradingAccount, request: ApiRequest) -> Answer:
    order = placement.place(state, _order_request(account, request, body_fields(request)))
    return Answer(201, create_body(order))


def _order_request(account: TradingAccount, request: ApiRequest, body: BodyFields) -> OrderRequest:
    body.require(*_REQUIRED)
    subaccount = acting_subaccount(request, body.subaccount())
    expiration = body.time("expiration_time")
    return OrderRequest(
        account=account,
        subaccount=require_subaccount(account, subaccount),
        ticker=body.string("ticker"),
        bid=body.choice("side", SIDES) == "bid",
        price=parse_price(body.raw["price"]),
        count=parse_count(body.raw["count"]),
        time_in_force=body.choice("time_in_force", TIMES_IN_FORCE),
        self_trade=body.choice("self_trade_prevention_type", SELF_TRADE_PREVENTION),
        client_order_id=body.string("client_order_id"),
        expiration=expiration,
        post_only=body.boolean("post_only"),
        reduce_only=body.boolean("reduce_only"),
        cancel_on_pause=body.boolean("cancel_order_on_pause"),
        group_id=body.string("order_group_id"),
        shard=body.shard(),
    )


def create_body(order: Order) -> dict[str, Any]:
    """Write the answer to a create; averages only when something was filled."""
    row = {
        "order_id": order.id,
        "fill_count": format_count(order.filled),
        "remaining_count": format_count(order.remaining),
        "ts_ms": order.updated // 1000,
    }
    if order.client_order_id:
        row["client_order_id"] = order.client_order_id
    # a create only ever takes, so taker fees are all there are
    return row | averages(order.yes_value, order.taker_fees, order.filled)


@handles("BatchCreateOrdersV2")
def create_batch(state: EngineState, account: TradingAccount, request: ApiRequest) -> Answer:
    # documented: each entry stands or falls alone, so a refused one does not stop the rest
    entries = body_fields(request).entries("orders", state.settings.batch_max)

    def create_entry(raw: object) -> dict[str, Any]:
        try:
            draft = _order_request(account, request, BodyFields(raw))
            return create_body(placement.place(state, draft))
        except ApiError as error:
            # echoed, so that a client can tell which of its entries was refused
            return {**_echo(raw, "client_order_id"), "error": error.error_body()}

    return Answer(201, {"orders": run_batch(state, entries, create_entry)})


def _echo(raw: object, name: str) -> dict[str, str]:
    value: object = raw.get(name) if is_object(raw) else None
    return {name: value} if isinstance(value, str) else {}


def run_batch(
    state: EngineState, entries: list[Any], handle_entry: Callable[[Any], dict[str, Any]]
) -> list[dict[str, Any]]:
    """Do the entries in order; answer them as the setting `batch_answers` (assumed) says."""
    answers = [handle_entry(entry) for entry in entries]
    if state.settings.batch_answers == "reversed":
        answers.reverse()
    elif state.settings.batch_answers == "shuffled":
        # seeded from the state, so that a replay shuffles alike
        Random(state.id_count + state.settings.seed).shuffle(answers)
    return answers


@handles("CancelOrderV2")
def cancel(state: EngineState, account: TradingAccount, request: ApiRequest) -> Answer:
    subaccount, shard = query_acting_subaccount(request), query_shard(request)
    order = order_changes.find_resting_order(
        state,
        account,
        request.path["order_id"],
        subaccount=subaccount,
        shard=order_changes.route_shard(state, request.query.get("market_ticker", ""), shard),
    )
    return Answer(200, _cancel(state, order))


def _cancel(state: EngineState, order: Order) -> dict[str, Any]:
    reduced = book.cancel_resting(state, order, "cancelled")
    return _change_body(state, order) | {"reduced_by": format_count(reduced)}


def _change_body(state: EngineState, order: Order) -> dict[str, Any]:
    # documented for cancels; assumed to be there always (`cancel_names_client_order_id`)
    row: dict[str, Any] = {"order_id": order.id, "ts_ms": state.now // 1000}
    if order.client_order_id and state.settings.cancel_names_client_order_id:
        row["client_order_id"] = order.client_order_id
    return row


@handles("BatchCancelOrdersV2")
def cancel_batch(state: EngineState, account: TradingAccount, request: ApiRequest) -> Answer:
    entries = body_fields(request).entries("orders", state.settings.batch_max)

    def cancel_entry(raw: object) -> dict[str, Any]:
        try:
            return _cancel(state, _find_batch_order(state, account, request, BodyFields(raw)))
        except ApiError as error:
            order_id = {"order_id": "", **_echo(raw, "order_id")}
            return {**order_id, "reduced_by": "0.00", "error": error.error_body()}

    return Answer(200, {"orders": run_batch(state, entries, cancel_entry)})


def _find_batch_order(
    state: EngineState, account: TradingAccount, request: ApiRequest, body: BodyFields
) -> Order:
    body.require("order_id")
    subaccount = acting_subaccount(request, body.subaccount())
    shard = body.shard()
    return order_changes.find_resting_order(
        state,
        account,
        body.string("order_id"),
        subaccount=subaccount,
        shard=order_changes.route_shard(state, body.string("market_ticker"), shard),
    )


@handles("CancelAllOrders")
def cancel_all(state: EngineState, account: TradingAccount, request: ApiRequest) -> Answer:
    subaccount = query_listed_subaccount(request)
    # refused only when every shard is paused: one that is open still has orders to cancel
    if state.pauses.exchange >= state.shards:
        placement.check_exchange_open(state, 0)
    order_changes.cancel_all(state, account, subaccount)
    return Answer(204)


@handles("AmendOrderV2")
def amend(state: EngineState, account: TradingAccount, request: ApiRequest) -> Answer:
    body = body_fields(request)
    body.require("ticker", "side", "price", "count")
    expiration = body.time("expiration_time")
    change = order_changes.Amendment(
        price=parse_price(body.raw["price"]),
        count=parse_count(body.raw["count"]),
        ticker=body.string("ticker"),
        bid=body.choice("side", SIDES) == "bid",
        client_order_id=body.string("client_order_id"),
        updated_client_order_id=body.string("updated_client_order_id"),
        expiration=expiration,
    )
    shard = body.shard()
    order = order_changes.find_resting_order(
        state,
        account,
        request.path["order_id"],
        subaccount=query_acting_subaccount(request),
        # documented: an amend is routed by its ticker, so without a shard it looks on all
        shard=None if shard is None or shard < 0 else shard,
    )
    return Answer(200, _amend(state, order, change))


def _amend(state: EngineState, order: Order, change: order_changes.Amendment) -> dict[str, Any]:
    value, fees = order.yes_value, order.taker_fees
    filled = order_changes.amend(state, order, change)
    if state.settings.amend_fill_count == "total":
        # the averages speak of the same fills as the count: all of the order's life
        filled, value, fees = order.filled, 0, -order.maker_fees
    numbers = {"fill_count": format_count(filled), "remaining_count": format_count(order.remaining)}
    money = averages(order.yes_value - value, order.taker_fees - fees, filled)
    row = _change_body(state, order) | numbers | money
    return row | ({"client_order_id": order.client_order_id} if order.client_order_id else {})


@handles("DecreaseOrderV2")
def decrease(state: EngineState, account: TradingAccount, request: ApiRequest) -> Answer:
    body = body_fields(request)
    shard = body.shard()
    by, to = parse_reduction(body)
    order = order_changes.find_resting_order(
        state,
        account,
        request.path["order_id"],
        subaccount=query_acting_subaccount(request),
        shard=order_changes.route_shard(state, body.string("market_ticker"), shard),
    )
    order_changes.decrease(state, order, by=by, to=to)
    remaining = {"remaining_count": format_count(order.remaining)}
    return Answer(200, _change_body(state, order) | remaining)


def parse_reduction(body: BodyFields) -> tuple[int | None, int | None]:
    """Read reduce_by and reduce_to; None for what is absent."""
    by, to = body.raw.get("reduce_by"), body.raw.get("reduce_to")
    target = None
    if to is not None:
        # a count is above 0 everywhere else; down to 0 is a cancel
        target = 0 if to in ("0", "0.0", "0.00") else parse_count(to, "reduce_to")
    return (None if by is None else parse_count(by, "reduce_by")), target
