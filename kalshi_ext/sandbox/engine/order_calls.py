"""Order writes of the current contract."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from kalshi_ext.sandbox.engine import access, changing, matching, placing, rules
from kalshi_ext.sandbox.engine.accounts import LAST_SUBACCOUNT
from kalshi_ext.sandbox.engine.amounts import SECOND, count_text, read_count, read_price
from kalshi_ext.sandbox.engine.api import Answer
from kalshi_ext.sandbox.engine.bodies import LAST_SHARD, Fields, fields_of, is_object
from kalshi_ext.sandbox.engine.placing import Wish
from kalshi_ext.sandbox.engine.refusals import Refusal
from kalshi_ext.sandbox.engine.rows import averages

if TYPE_CHECKING:
    from collections.abc import Callable

    from kalshi_ext.sandbox.engine.accounts import Account
    from kalshi_ext.sandbox.engine.api import Call
    from kalshi_ext.sandbox.engine.records import Order
    from kalshi_ext.sandbox.engine.state import Exchange

SIDES = ("bid", "ask")
TIMES_IN_FORCE = ("good_till_canceled", "immediate_or_cancel", "fill_or_kill")
SELF_TRADE = ("taker_at_cross", "maker")
_REQUIRED = (
    "ticker",
    "side",
    "count",
    "price",
    "time_in_force",
    "self_trade_prevention_type",
)


def create(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do CreateOrderV2."""
    order = placing.place(ex, _wish(who, call, fields_of(call)))
    return Answer(201, created(order))


def _wish(who: Account, call: Call, body: Fields) -> Wish:
    body.require(*_REQUIRED)
    subaccount = access.acting(call, body.whole("subaccount", least=0, most=LAST_SUBACCOUNT))
    expiration = body.seconds("expiration_time")
    return Wish(
        account=who,
        subaccount=access.existing(who, subaccount),
        ticker=body.text("ticker"),
        bid=body.word("side", SIDES) == "bid",
        price=read_price(body.raw["price"]),
        count=read_count(body.raw["count"]),
        time_in_force=body.word("time_in_force", TIMES_IN_FORCE),
        self_trade=body.word("self_trade_prevention_type", SELF_TRADE),
        client_order_id=body.text("client_order_id"),
        expiration=None if expiration is None else expiration * SECOND,
        post_only=body.flag("post_only"),
        reduce_only=body.flag("reduce_only"),
        cancel_on_pause=body.flag("cancel_order_on_pause"),
        group_id=body.text("order_group_id"),
        shard=body.whole("exchange_index", least=-1, most=LAST_SHARD),
    )


def created(order: Order) -> dict[str, Any]:
    """Write the answer to a create."""
    row = {
        "order_id": order.id,
        "fill_count": count_text(order.filled),
        "remaining_count": count_text(order.remaining),
        "ts_ms": order.updated // 1000,
    }
    if order.client_order_id:
        row["client_order_id"] = order.client_order_id
    return row | averages(order.yes_value, order.taker_fees, order.filled)


def create_batch(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do BatchCreateOrdersV2: each entry for itself."""
    entries = fields_of(call).rows("orders", ex.settings.batch_max)

    def one(raw: object) -> dict[str, Any]:
        try:
            return created(placing.place(ex, _wish(who, call, Fields(raw))))
        except Refusal as refusal:
            return {**_named(raw, "client_order_id"), "error": refusal.error()}

    return Answer(201, {"orders": in_order(ex, entries, one)})


def _named(raw: object, name: str) -> dict[str, str]:
    value: object = raw.get(name) if is_object(raw) else None
    return {name: value} if isinstance(value, str) else {}


def in_order(
    ex: Exchange, entries: list[Any], one: Callable[[Any], dict[str, Any]]
) -> list[dict[str, Any]]:
    """Do a batch's entries one after the other; answer them in the order of the settings."""
    answers = [one(entry) for entry in entries]
    if ex.settings.batch_answers == "reversed":
        answers.reverse()
    elif ex.settings.batch_answers == "shuffled":
        Random(ex.counter + ex.settings.seed).shuffle(answers)
    return answers


def cancel(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do CancelOrderV2."""
    subaccount = access.acting_query(call)
    shard = access.shard_query(call)
    order = changing.resting_order(
        ex,
        who,
        call.path["order_id"],
        subaccount=subaccount,
        shard=changing.shard_meant(ex, call.query.get("market_ticker", ""), shard),
    )
    return Answer(200, _cancelled(ex, order))


def _cancelled(ex: Exchange, order: Order) -> dict[str, Any]:
    reduced = matching.end(ex, order, "cancelled")
    return _changed(ex, order) | {"reduced_by": count_text(reduced)}


def _changed(ex: Exchange, order: Order) -> dict[str, Any]:
    row: dict[str, Any] = {"order_id": order.id, "ts_ms": ex.now // 1000}
    if order.client_order_id and ex.settings.cancel_names_client_order_id:
        row["client_order_id"] = order.client_order_id
    return row


def cancel_batch(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do BatchCancelOrdersV2: each entry for itself."""
    entries = fields_of(call).rows("orders", ex.settings.batch_max)

    def one(raw: object) -> dict[str, Any]:
        try:
            return _cancelled(ex, _entry(ex, who, call, Fields(raw)))
        except Refusal as refusal:
            named = {"order_id": "", **_named(raw, "order_id")}
            return {**named, "reduced_by": "0.00", "error": refusal.error()}

    return Answer(200, {"orders": in_order(ex, entries, one)})


def _entry(ex: Exchange, who: Account, call: Call, body: Fields) -> Order:
    body.require("order_id")
    subaccount = access.acting(call, body.whole("subaccount", least=0, most=LAST_SUBACCOUNT))
    shard = body.whole("exchange_index", least=-1, most=LAST_SHARD)
    return changing.resting_order(
        ex,
        who,
        body.text("order_id"),
        subaccount=subaccount,
        shard=changing.shard_meant(ex, body.text("market_ticker"), shard),
    )


def cancel_all(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do CancelAllOrders."""
    subaccount = access.listed_query(call)
    if ex.pauses.exchange >= ex.shards:
        rules.not_exchange_paused(ex, 0)
    changing.cancel_all(ex, who, subaccount)
    return Answer(204)


def amend(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do AmendOrderV2; its ticker routes it, whatever shard."""
    body = fields_of(call)
    body.require("ticker", "side", "price", "count")
    expiration = body.seconds("expiration_time")
    change = changing.Amendment(
        price=read_price(body.raw["price"]),
        count=read_count(body.raw["count"]),
        ticker=body.text("ticker"),
        bid=body.word("side", SIDES) == "bid",
        client_order_id=body.text("client_order_id"),
        updated_client_order_id=body.text("updated_client_order_id"),
        expiration=None if expiration is None else expiration * SECOND,
    )
    shard = body.whole("exchange_index", least=-1, most=LAST_SHARD)
    order = changing.resting_order(
        ex,
        who,
        call.path["order_id"],
        subaccount=access.acting_query(call),
        shard=None if shard is None or shard < 0 else shard,
    )
    return Answer(200, _amended(ex, order, change))


def _amended(ex: Exchange, order: Order, change: changing.Amendment) -> dict[str, Any]:
    value, fees = order.yes_value, order.taker_fees
    filled = changing.amend(ex, order, change)
    if ex.settings.amend_fill_count == "total":
        filled, value, fees = order.filled, 0, -order.maker_fees
    numbers = {"fill_count": count_text(filled), "remaining_count": count_text(order.remaining)}
    money = averages(order.yes_value - value, order.taker_fees - fees, filled)
    row = _changed(ex, order) | numbers | money
    return row | ({"client_order_id": order.client_order_id} if order.client_order_id else {})


def decrease(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do DecreaseOrderV2."""
    body = fields_of(call)
    shard = body.whole("exchange_index", least=-1, most=LAST_SHARD)
    by, to = reductions(body)
    order = changing.resting_order(
        ex,
        who,
        call.path["order_id"],
        subaccount=access.acting_query(call),
        shard=changing.shard_meant(ex, body.text("market_ticker"), shard),
    )
    changing.decrease(ex, order, by=by, to=to)
    return Answer(200, _changed(ex, order) | {"remaining_count": count_text(order.remaining)})


def reductions(body: Fields) -> tuple[int | None, int | None]:
    """Read reduce_by and reduce_to; the latter may be 0."""
    by, to = body.raw.get("reduce_by"), body.raw.get("reduce_to")
    target = None
    if to is not None:
        target = 0 if to in ("0", "0.0", "0.00") else read_count(to, "reduce_to")
    return (None if by is None else read_count(by, "reduce_by")), target
