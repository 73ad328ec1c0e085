"""Accepting an order: every rule between a wish and a place in the book."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from attrs import define

from kalshi_ext.sandbox.engine import ledger, matching, rules
from kalshi_ext.sandbox.engine.amounts import DOLLAR, ONE
from kalshi_ext.sandbox.engine.records import Order
from kalshi_ext.sandbox.engine.refusals import (
    Refusal,
    invalid,
    invalid_order,
)

if TYPE_CHECKING:
    from kalshi_ext.sandbox.engine.accounts import Account
    from kalshi_ext.sandbox.engine.groups import Group
    from kalshi_ext.sandbox.engine.records import Market
    from kalshi_ext.sandbox.engine.state import Exchange


@define(kw_only=True)
class Wish:
    """Carry an order as asked for, in engine units."""

    account: Account
    subaccount: int
    ticker: str
    bid: bool
    price: int
    count: int
    time_in_force: str
    self_trade: str = "taker_at_cross"
    client_order_id: str = ""
    expiration: int | None = None
    post_only: bool = False
    reduce_only: bool = False
    cancel_on_pause: bool = False
    group_id: str = ""
    shard: int | None = None
    kind: str = "limit"
    outcome: str = ""
    action: str = ""
    budget: int | None = None


def place(ex: Exchange, wish: Wish) -> Order:
    """Accept an order, match it, and let its rest rest; raises Refusal and changes nothing."""
    market = rules.market_for(ex, wish.ticker, wish.shard)
    rules.may_trade(ex, market)
    rules.check_free(ex, wish.account, wish.client_order_id)
    if wish.kind == "limit":
        rules.check_price(market, wish.price)
    _check_words(ex, wish)
    group = _group_for(wish, market)
    _cap_by_position(wish, market)
    order = _draft(ex, wish, market, group)
    _check_crossing(ex, order)
    rules.check_money(
        ex, order, {order.price: order.remaining}, price=order.price, count=wish.count
    )
    _accept(ex, order)
    matching.match(ex, order)
    settle_down(ex, order)
    _sweep(ex, order)
    return order


def _check_words(ex: Exchange, wish: Wish) -> None:
    if len(wish.client_order_id) > ex.settings.client_order_id_max:
        raise invalid("client_order_id is too long")
    gtc = wish.time_in_force == "good_till_canceled"
    if wish.expiration is not None and not gtc:
        raise invalid_order("expiration_time needs good_till_canceled")
    if wish.expiration is not None and wish.expiration <= ex.now:
        raise invalid_order("expiration_time must be in the future")
    if wish.reduce_only and gtc:
        raise invalid_order("reduce_only needs immediate_or_cancel or fill_or_kill")
    if wish.post_only and not gtc:
        raise invalid_order("post_only needs good_till_canceled")
    limit = ex.settings.notional_limit
    side = wish.price if wish.bid else ONE - wish.price
    if limit is not None and side * wish.count > limit * DOLLAR and not wish.account.endless:
        raise Refusal(400, "NOTIONAL_RISK_LIMIT_EXCEEDED", "the order is worth too much")
    if len(wish.account.open) >= ex.settings.max_open_orders:
        raise invalid_order("too many open orders")


def _group_for(wish: Wish, market: Market) -> Group | None:
    if not wish.group_id:
        return None
    group = wish.account.groups.get(wish.group_id)
    if group is None or (group.subaccount, group.shard) != (wish.subaccount, market.shard):
        raise invalid_order("order group not found", wish.group_id)
    if group.triggered:
        raise invalid_order("order group was triggered; reset it first", wish.group_id)
    return group


def _cap_by_position(wish: Wish, market: Market) -> None:
    if not wish.reduce_only:
        return
    holding = wish.account.holding(wish.subaccount, market)
    wish.count = min(wish.count, -holding.position if wish.bid else holding.position)
    if wish.count <= 0:
        raise invalid_order("reduce_only: there is no position to reduce")


def _draft(ex: Exchange, wish: Wish, market: Market, group: Group | None) -> Order:
    return Order(
        id="",
        created=ex.now,
        updated=ex.now,
        account=wish.account,
        holding=wish.account.holding(wish.subaccount, market),
        market=market,
        bid=wish.bid,
        price=wish.price,
        initial=wish.count,
        remaining=wish.count,
        client_order_id=wish.client_order_id,
        self_trade=wish.self_trade,
        time_in_force=wish.time_in_force,
        kind=wish.kind,
        outcome=wish.outcome,
        action=wish.action,
        group=group,
        expiration=wish.expiration,
        cancel_on_pause=wish.cancel_on_pause,
        post_only=wish.post_only,
        budget=wish.budget,
    )


def _check_crossing(ex: Exchange, order: Order) -> None:
    rules.check_post_only(order, order.price)
    if ex.settings.cancelled_by_stp == "refuse" and matching.stopped_at_once(ex, order):
        raise invalid_order("order would trade with its own account", "self_trade")
    if order.time_in_force != "fill_or_kill":
        return
    if matching.volume_for(ex, order) < order.remaining:
        raise Refusal(
            409, "fill_or_kill_insufficient_resting_volume", "not enough resting volume to fill"
        )


def _accept(ex: Exchange, order: Order) -> None:
    order.id = ex.new_id()
    account = order.account
    account.keep(order.holding)
    ex.orders[order.id] = order
    ex.file(account.orders, order)
    ex.file(account.orders_of.setdefault(order.market.ticker, []), order)
    if order.client_order_id:
        account.client_ids[order.client_order_id] = (ex.now, order)
    ex.record(
        "order",
        order=order,
        client_order_id=order.client_order_id,
        price=order.price,
        count=order.remaining,
    )


def settle_down(ex: Exchange, order: Order) -> None:
    """Give a matched order its state: executed, resting, or cancelled for its rest."""
    if order.status != "resting":
        return
    if not order.remaining:
        order.status, order.reason, order.updated = "executed", "filled", ex.now
    elif order.time_in_force != "good_till_canceled":
        matching.close(ex, order, "ioc")
    else:
        ledger.rest(ex, order)
        watch_expiration(ex, order)


def watch_expiration(ex: Exchange, order: Order) -> None:
    """See to it that an order expires when its time has come."""
    if order.expiration is not None:
        ex.later(order.expiration, partial(_expire, ex, order, order.expiration))


def _expire(ex: Exchange, order: Order, when: int) -> None:
    if order.status == "resting" and order.expiration == when:
        matching.end(ex, order, "expired")


def _sweep(ex: Exchange, order: Order) -> None:
    account = order.account
    if not account.sweeps or order.status != "resting":
        return
    account.sweeps = [sweep for sweep in account.sweeps if sweep[0] > ex.now]
    if any(sub is None or sub == order.subaccount for _, sub in account.sweeps):
        matching.end(ex, order, "sweep")
