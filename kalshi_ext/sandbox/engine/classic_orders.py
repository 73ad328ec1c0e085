"""Order writes of the classic contract: yes/no x buy/sell, cents, whole contracts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kalshi_ext.sandbox.engine import access, changing, matching, placing, rules
from kalshi_ext.sandbox.engine.amounts import CENT, ONE, SECOND
from kalshi_ext.sandbox.engine.api import Answer
from kalshi_ext.sandbox.engine.bodies import Fields, fields_of
from kalshi_ext.sandbox.engine.classic_rows import order_row
from kalshi_ext.sandbox.engine.order_calls import in_order
from kalshi_ext.sandbox.engine.placing import Wish
from kalshi_ext.sandbox.engine.refusals import Refusal, bad_request, invalid, invalid_order

if TYPE_CHECKING:
    from kalshi_ext.sandbox.engine.accounts import Account
    from kalshi_ext.sandbox.engine.api import Call
    from kalshi_ext.sandbox.engine.records import Order
    from kalshi_ext.sandbox.engine.state import Exchange

OUTCOMES = ("yes", "no")
ACTIONS = ("buy", "sell")
_MOST = 10**10


def create(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do createOrder."""
    order = placing.place(ex, _wish(ex, who, call, fields_of(call)))
    return Answer(201, {"order": order_row(order)})


def _wish(ex: Exchange, who: Account, call: Call, body: Fields) -> Wish:
    body.require("ticker", "side", "action", "count", "type")
    outcome, action = body.word("side", OUTCOMES), body.word("action", ACTIONS)
    wish = Wish(
        account=who,
        subaccount=access.acting(call, None),
        ticker=body.text("ticker"),
        bid=(outcome == "yes") == (action == "buy"),
        price=0,
        count=_count(body) or 0,
        time_in_force="good_till_canceled",
        client_order_id=body.text("client_order_id"),
        post_only=body.flag("post_only"),
        group_id=body.text("order_group_id"),
        kind=body.word("type", ("limit", "market")),
        outcome=outcome,
        action=action,
    )
    _cap_sale(wish, body)
    _time(ex, wish, body)
    (_limit if wish.kind == "limit" else _market)(ex, wish, body)
    return wish


def _count(body: Fields) -> int | None:
    count = body.integer("count")
    if count is not None and not 0 < count <= _MOST:
        raise Refusal(400, "invalid_order_size", "count must be above 0", str(count))
    return None if count is None else count * 100


def _price(body: Fields) -> int | None:
    yes, no = body.integer("yes_price"), body.integer("no_price")
    if yes is not None and no is not None:
        raise invalid("give one of yes_price and no_price")
    if yes is None and no is None:
        return None
    cents = yes if yes is not None else 100 - (no or 0)
    if not 0 < cents < 100:
        raise Refusal(400, "invalid_price", "price must be from 1 to 99 cents")
    return cents * 100


def _limit(ex: Exchange, wish: Wish, body: Fields) -> None:
    del ex
    price = _price(body)
    if price is None:
        raise Refusal(400, "missing_parameters", "missing parameters", "yes_price or no_price")
    wish.price = price


def _market(ex: Exchange, wish: Wish, body: Fields) -> None:
    budget = body.whole("buy_max_cost", least=1, most=_MOST)
    if budget is not None and wish.action == "buy":
        wish.budget = budget * CENT
    wish.time_in_force = "immediate_or_cancel"
    wish.expiration = None
    market = rules.market_for(ex, wish.ticker, None)
    left, wish.price = wish.count, ONE - 1 if wish.bid else 1
    for price, count in market.side(bid=not wish.bid).depth():
        left -= count
        if left <= 0:
            wish.price = price
            break


def _cap_sale(wish: Wish, body: Fields) -> None:
    floor = body.integer("sell_position_floor")
    if floor is None or wish.action != "sell":
        return
    if floor != 0:
        raise invalid("sell_position_floor can only be 0")
    holding = wish.account.holdings.get((wish.subaccount, wish.ticker))
    position = holding.position if holding else 0
    wish.count = min(wish.count, position if wish.outcome == "yes" else -position)
    if wish.count <= 0:
        raise invalid_order("there is no position to sell")


def _time(ex: Exchange, wish: Wish, body: Fields) -> None:
    # a moment that has passed makes the order immediate-or-cancel
    seconds = body.seconds("expiration_ts")
    if seconds is None:
        return
    if seconds * SECOND > ex.now:
        wish.expiration = seconds * SECOND
    else:
        wish.time_in_force = "immediate_or_cancel"


def create_batch(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do batchCreateOrders: each entry for itself."""
    entries = fields_of(call).rows("orders", ex.settings.batch_max)

    def one(raw: object) -> dict[str, Any]:
        try:
            order = placing.place(ex, _wish(ex, who, call, Fields(raw)))
        except Refusal as refusal:
            return {"error": {"error": refusal.error()}}
        return {"order": order_row(order)}

    return Answer(200, {"responses": in_order(ex, entries, one)})


def _resting(ex: Exchange, who: Account, call: Call, order_id: str) -> Order:
    locked = access.locked_or(call, None)
    return changing.resting_order(ex, who, order_id, subaccount=locked, shard=None)


def cancel(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do cancelOrder."""
    order = _resting(ex, who, call, call.path["order_id"])
    reduced = matching.end(ex, order, "cancelled")
    return Answer(200, {"order": order_row(order), "reduced_by": reduced // 100})


def cancel_batch(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do batchCancelOrders: each entry for itself."""
    entries = fields_of(call).rows("order_ids", ex.settings.batch_max)

    def one(raw: object) -> dict[str, Any]:
        name = raw if isinstance(raw, str) else ""
        try:
            order = _resting(ex, who, call, name)
        except Refusal as refusal:
            return {"order_id": name, "reduced_by": 0, "error": {"error": refusal.error()}}
        reduced = matching.end(ex, order, "cancelled")
        return {"order_id": name, "reduced_by": reduced // 100}

    return Answer(200, {"responses": in_order(ex, entries, one)})


def amend(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do amendOrder; a price or count left out stays."""
    body = fields_of(call)
    body.require("ticker", "side", "action", "client_order_id", "updated_client_order_id")
    outcome, action = body.word("side", OUTCOMES), body.word("action", ACTIONS)
    price, count = _price(body), _count(body)
    order = _resting(ex, who, call, call.path["order_id"])
    change = changing.Amendment(
        price=order.price if price is None else price,
        count=order.filled + order.remaining if count is None else count,
        ticker=body.text("ticker"),
        bid=(outcome == "yes") == (action == "buy"),
        client_order_id=body.text("client_order_id"),
        updated_client_order_id=body.text("updated_client_order_id"),
    )
    changing.amend(ex, order, change)
    return Answer(200, {"order": order_row(order)})


def decrease(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do decreaseOrder: reduce_by only."""
    body = fields_of(call)
    body.require("reduce_by")
    by = body.integer("reduce_by") or 0
    if not 0 < by <= _MOST:
        raise bad_request("reduce_by must be above 0")
    order = _resting(ex, who, call, call.path["order_id"])
    changing.decrease(ex, order, by=by * 100, to=None)
    return Answer(200, {"order": order_row(order)})
