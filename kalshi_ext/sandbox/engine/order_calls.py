"""Order writes of the current contract."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from kalshi_ext.sandbox.engine import access, changing, matching, placing, rules
from kalshi_ext.sandbox.engine.accounts import LAST_SUBACCOUNT
from kalshi_ext.sandbox.engine.amounts import SECOND, format_count, parse_count, parse_price
from kalshi_ext.sandbox.engine.api import Answer
from kalshi_ext.sandbox.engine.bodies import LAST_SHARD, BodyFields, body_fields, is_object
from kalshi_ext.sandbox.engine.placing import OrderRequest
from kalshi_ext.sandbox.engine.refusals import ApiError
from kalshi_ext.sandbox.engine.rows import averages

if TYPE_CHECKING:
    from collections.abc import Callable

    from kalshi_ext.sandbox.engine.accounts import TradingAccount
    from kalshi_ext.sandbox.engine.api import Call
    from kalshi_ext.sandbox.engine.records import Order
    from kalshi_ext.sandbox.engine.state import ExchangeState

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


def create(state: ExchangeState, account: TradingAccount, request: Call) -> Answer:
    """Do CreateOrderV2."""
    order = placing.place(state, _order_request(account, request, body_fields(request)))
    return Answer(201, create_body(order))


def _order_request(account: TradingAccount, request: Call, body: BodyFields) -> OrderRequest:
    body.require(*_REQUIRED)
    subaccount = access.acting_subaccount(
        request, body.bounded_integer("subaccount", least=0, most=LAST_SUBACCOUNT)
    )
    expiration = body.unix_seconds("expiration_time")
    return OrderRequest(
        account=account,
        subaccount=access.require_subaccount(account, subaccount),
        ticker=body.string("ticker"),
        bid=body.choice("side", SIDES) == "bid",
        price=parse_price(body.raw["price"]),
        count=parse_count(body.raw["count"]),
        time_in_force=body.choice("time_in_force", TIMES_IN_FORCE),
        self_trade=body.choice("self_trade_prevention_type", SELF_TRADE_PREVENTION),
        client_order_id=body.string("client_order_id"),
        expiration=None if expiration is None else expiration * SECOND,
        post_only=body.boolean("post_only"),
        reduce_only=body.boolean("reduce_only"),
        cancel_on_pause=body.boolean("cancel_order_on_pause"),
        group_id=body.string("order_group_id"),
        shard=body.bounded_integer("exchange_index", least=-1, most=LAST_SHARD),
    )


def create_body(order: Order) -> dict[str, Any]:
    """Write the answer to a create."""
    row = {
        "order_id": order.id,
        "fill_count": format_count(order.filled),
        "remaining_count": format_count(order.remaining),
        "ts_ms": order.updated // 1000,
    }
    if order.client_order_id:
        row["client_order_id"] = order.client_order_id
    return row | averages(order.yes_value, order.taker_fees, order.filled)


def create_batch(state: ExchangeState, account: TradingAccount, request: Call) -> Answer:
    """Do BatchCreateOrdersV2: each entry for itself."""
    entries = body_fields(request).entries("orders", state.settings.batch_max)

    def create_entry(raw: object) -> dict[str, Any]:
        try:
            return create_body(
                placing.place(state, _order_request(account, request, BodyFields(raw)))
            )
        except ApiError as refusal:
            return {**_echo(raw, "client_order_id"), "error": refusal.error_body()}

    return Answer(201, {"orders": run_batch(state, entries, create_entry)})


def _echo(raw: object, name: str) -> dict[str, str]:
    value: object = raw.get(name) if is_object(raw) else None
    return {name: value} if isinstance(value, str) else {}


def run_batch(
    state: ExchangeState, entries: list[Any], handle_entry: Callable[[Any], dict[str, Any]]
) -> list[dict[str, Any]]:
    """Do a batch's entries one after the other; answer them in the order of the settings."""
    answers = [handle_entry(entry) for entry in entries]
    if state.settings.batch_answers == "reversed":
        answers.reverse()
    elif state.settings.batch_answers == "shuffled":
        Random(state.id_count + state.settings.seed).shuffle(answers)
    return answers


def cancel(state: ExchangeState, account: TradingAccount, request: Call) -> Answer:
    """Do CancelOrderV2."""
    subaccount = access.query_acting_subaccount(request)
    shard = access.query_shard(request)
    order = changing.find_resting_order(
        state,
        account,
        request.path["order_id"],
        subaccount=subaccount,
        shard=changing.route_shard(state, request.query.get("market_ticker", ""), shard),
    )
    return Answer(200, _cancel(state, order))


def _cancel(state: ExchangeState, order: Order) -> dict[str, Any]:
    reduced = matching.cancel_resting(state, order, "cancelled")
    return _change_body(state, order) | {"reduced_by": format_count(reduced)}


def _change_body(state: ExchangeState, order: Order) -> dict[str, Any]:
    row: dict[str, Any] = {"order_id": order.id, "ts_ms": state.now // 1000}
    if order.client_order_id and state.settings.cancel_names_client_order_id:
        row["client_order_id"] = order.client_order_id
    return row


def cancel_batch(state: ExchangeState, account: TradingAccount, request: Call) -> Answer:
    """Do BatchCancelOrdersV2: each entry for itself."""
    entries = body_fields(request).entries("orders", state.settings.batch_max)

    def cancel_entry(raw: object) -> dict[str, Any]:
        try:
            return _cancel(state, _find_batch_order(state, account, request, BodyFields(raw)))
        except ApiError as refusal:
            named = {"order_id": "", **_echo(raw, "order_id")}
            return {**named, "reduced_by": "0.00", "error": refusal.error_body()}

    return Answer(200, {"orders": run_batch(state, entries, cancel_entry)})


def _find_batch_order(
    state: ExchangeState, account: TradingAccount, request: Call, body: BodyFields
) -> Order:
    body.require("order_id")
    subaccount = access.acting_subaccount(
        request, body.bounded_integer("subaccount", least=0, most=LAST_SUBACCOUNT)
    )
    shard = body.bounded_integer("exchange_index", least=-1, most=LAST_SHARD)
    return changing.find_resting_order(
        state,
        account,
        body.string("order_id"),
        subaccount=subaccount,
        shard=changing.route_shard(state, body.string("market_ticker"), shard),
    )


def cancel_all(state: ExchangeState, account: TradingAccount, request: Call) -> Answer:
    """Do CancelAllOrders."""
    subaccount = access.query_listed_subaccount(request)
    if state.pauses.exchange >= state.shards:
        rules.check_exchange_open(state, 0)
    changing.cancel_all(state, account, subaccount)
    return Answer(204)


def amend(state: ExchangeState, account: TradingAccount, request: Call) -> Answer:
    """Do AmendOrderV2; its ticker routes it, whatever shard."""
    body = body_fields(request)
    body.require("ticker", "side", "price", "count")
    expiration = body.unix_seconds("expiration_time")
    change = changing.Amendment(
        price=parse_price(body.raw["price"]),
        count=parse_count(body.raw["count"]),
        ticker=body.string("ticker"),
        bid=body.choice("side", SIDES) == "bid",
        client_order_id=body.string("client_order_id"),
        updated_client_order_id=body.string("updated_client_order_id"),
        expiration=None if expiration is None else expiration * SECOND,
    )
    shard = body.bounded_integer("exchange_index", least=-1, most=LAST_SHARD)
    order = changing.find_resting_order(
        state,
        account,
        request.path["order_id"],
        subaccount=access.query_acting_subaccount(request),
        shard=None if shard is None or shard < 0 else shard,
    )
    return Answer(200, _amend(state, order, change))


def _amend(state: ExchangeState, order: Order, change: changing.Amendment) -> dict[str, Any]:
    value, fees = order.yes_value, order.taker_fees
    filled = changing.amend(state, order, change)
    if state.settings.amend_fill_count == "total":
        filled, value, fees = order.filled, 0, -order.maker_fees
    numbers = {"fill_count": format_count(filled), "remaining_count": format_count(order.remaining)}
    money = averages(order.yes_value - value, order.taker_fees - fees, filled)
    row = _change_body(state, order) | numbers | money
    return row | ({"client_order_id": order.client_order_id} if order.client_order_id else {})


def decrease(state: ExchangeState, account: TradingAccount, request: Call) -> Answer:
    """Do DecreaseOrderV2."""
    body = body_fields(request)
    shard = body.bounded_integer("exchange_index", least=-1, most=LAST_SHARD)
    by, to = parse_reduction(body)
    order = changing.find_resting_order(
        state,
        account,
        request.path["order_id"],
        subaccount=access.query_acting_subaccount(request),
        shard=changing.route_shard(state, body.string("market_ticker"), shard),
    )
    changing.decrease(state, order, by=by, to=to)
    return Answer(
        200, _change_body(state, order) | {"remaining_count": format_count(order.remaining)}
    )


def parse_reduction(body: BodyFields) -> tuple[int | None, int | None]:
    """Read reduce_by and reduce_to; the latter may be 0."""
    by, to = body.raw.get("reduce_by"), body.raw.get("reduce_to")
    target = None
    if to is not None:
        target = 0 if to in ("0", "0.0", "0.00") else parse_count(to, "reduce_to")
    return (None if by is None else parse_count(by, "reduce_by")), target
