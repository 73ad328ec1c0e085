"""The rules an order must pass before it may change anything."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from attrs import define

from kalshi_ext.sandbox.engine import book, ledger
from kalshi_ext.sandbox.engine.errors import (
    ApiError,
    insufficient_balance,
    invalid_order,
    invalid_parameters,
    not_found,
    order_already_exists,
)
from kalshi_ext.sandbox.engine.fixed_point import DOLLAR, ONE, SECOND, format_dollars
from kalshi_ext.sandbox.engine.records import Order

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kalshi_ext.sandbox.engine.accounts import TradingAccount
    from kalshi_ext.sandbox.engine.book import Market
    from kalshi_ext.sandbox.engine.records import Order
    from kalshi_ext.sandbox.engine.state import EngineState
if TYPE_CHECKING:
    from kalshi_ext.sandbox.engine.accounts import TradingAccount
    from kalshi_ext.sandbox.engine.book import Market
    from kalshi_ext.sandbox.engine.order_groups import Group
    from kalshi_ext.sandbox.engine.state import EngineState


def find_market(state: EngineState, ticker: str, shard: int | None) -> Market:
    """Find a market by ticker, on the shard named where one is named."""
    market = state.markets.get(ticker)
    if market is None:
        if state.settings.unknown_ticker == 404:
            raise not_found()
        raise invalid_parameters("market not found", ticker)
    if shard is not None and shard not in (-1, market.shard):
        raise invalid_parameters("the market is on another exchange_index", str(shard))
    return market


def check_trading_open(state: EngineState, market: Market) -> None:
    """Answer why a market takes no orders."""
    check_exchange_open(state, market.shard)
    if market.shard in state.pauses.trading or state.pauses.thursday_active:
        raise ApiError(409, "trading_is_paused", "trading is paused")
    if market.status != "active":
        raise ApiError(409, "market_closed", "market is closed")


def check_exchange_open(state: EngineState, shard: int) -> None:
    """Answer that nothing is allowed while the exchange pauses."""
    if shard in state.pauses.exchange:
        status = state.settings.exchange_paused_status
        code = "service_unavailable" if status == 503 else "exchange_is_paused"
        raise ApiError(status, code, "exchange is paused")


def check_client_order_id(
    state: EngineState, account: TradingAccount, client_order_id: str
) -> None:
    """Answer 409 for a client_order_id that is taken; "" never is."""
    known = account.client_order_ids.get(client_order_id) if client_order_id else None
    if known is None:
        return
    created, order = known
    mode = state.settings.dedupe
    fresh = mode == "seconds" and state.now - created < state.settings.dedupe_seconds * SECOND
    if mode == "forever" or order.status == "resting" or fresh:
        raise order_already_exists()


def check_price(market: Market, price: int) -> None:
    """Answer 400 for a price that is not one of the market's."""
    if not 0 < price < ONE or not market.valid_prices[price]:
        raise ApiError(
            400, "invalid_price", "price is not valid in this market", format_dollars(price * 100)
        )


def check_post_only(order: Order, price: int) -> None:
    """Answer 400 when a post-only order would trade at this price."""
    if order.post_only and book.crosses(order.market, bid=order.bid, price=price):
        raise invalid_order("post only order would cross", "post_only_cross")


def check_funds(
    state: EngineState, order: Order, extra: Mapping[int, int], *, price: int, count: int
) -> None:
    """Answer 400 when the balance cannot hold back what an order may cost, taker fee included.

    extra is what changes among the resting contracts, by price.
    """
    if order.account.endless:
        return
    more = _added_reserve(state, order, extra, price=price, count=count)
    if order.budget is not None:
        more = min(more, order.budget)
    if more <= 0:
        return
    if book.crosses(order.market, bid=order.bid, price=price):
        more += order.market.taker_fees.highest_trade_fee(price, count)
    if more > order.account.available(order.subaccount, order.market.shard):
        raise insufficient_balance()


def _added_reserve(
    state: EngineState, order: Order, extra: Mapping[int, int], *, price: int, count: int
) -> int:
    holding, mode = order.holding, state.reservation_mode(order.account)
    if mode != "none":
        return holding.required_reserve(mode, bid=order.bid, extra=extra) - holding.reserved
    closed = max(-holding.position if order.bid else holding.position, 0)
    return max(count - closed, 0) * (price if order.bid else ONE - price)


# MERGED """Accepting an order: every rule between a order_request and a place in the book."""


@define(kw_only=True)
class OrderRequest:
    """Carry an order as asked for, in engine units."""

    account: TradingAccount
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


def place(state: EngineState, order_request: OrderRequest) -> Order:
    """Accept an order, match it, and let its rest rest; raises Refusal and changes nothing."""
    market = find_market(state, order_request.ticker, order_request.shard)
    check_trading_open(state, market)
    check_client_order_id(state, order_request.account, order_request.client_order_id)
    if order_request.kind == "limit":
        check_price(market, order_request.price)
    _check_flags(state, order_request)
    group = _find_group(order_request, market)
    _cap_by_position(order_request, market)
    order = _build_order(state, order_request, market, group)
    _check_crossing(state, order)
    check_funds(
        state, order, {order.price: order.remaining}, price=order.price, count=order_request.count
    )
    _register(state, order)
    book.match(state, order)
    finish_matching(state, order)
    _sweep_after_cancel_all(state, order)
    return order


def _check_flags(state: EngineState, order_request: OrderRequest) -> None:
    if len(order_request.client_order_id) > state.settings.client_order_id_max:
        raise invalid_parameters("client_order_id is too long")
    gtc = order_request.time_in_force == "good_till_canceled"
    if order_request.expiration is not None and not gtc:
        raise invalid_order("expiration_time needs good_till_canceled")
    if order_request.expiration is not None and order_request.expiration <= state.now:
        raise invalid_order("expiration_time must be in the future")
    if order_request.reduce_only and gtc:
        raise invalid_order("reduce_only needs immediate_or_cancel or fill_or_kill")
    if order_request.post_only and not gtc:
        raise invalid_order("post_only needs good_till_canceled")
    limit = state.settings.notional_limit
    side = order_request.price if order_request.bid else ONE - order_request.price
    if (
        limit is not None
        and side * order_request.count > limit * DOLLAR
        and not order_request.account.endless
    ):
        raise ApiError(400, "NOTIONAL_RISK_LIMIT_EXCEEDED", "the order is worth too much")
    if len(order_request.account.open_orders) >= state.settings.max_open_orders:
        raise invalid_order("too many open orders")


def _find_group(order_request: OrderRequest, market: Market) -> Group | None:
    if not order_request.group_id:
        return None
    group = order_request.account.groups.get(order_request.group_id)
    if group is None or (group.subaccount, group.shard) != (order_request.subaccount, market.shard):
        raise invalid_order("order group not found", order_request.group_id)
    if group.triggered:
        raise invalid_order("order group was triggered; reset it first", order_request.group_id)
    return group


def _cap_by_position(order_request: OrderRequest, market: Market) -> None:
    if not order_request.reduce_only:
        return
    holding = order_request.account.holding(order_request.subaccount, market)
    order_request.count = min(
        order_request.count, -holding.position if order_request.bid else holding.position
    )
    if order_request.count <= 0:
        raise invalid_order("reduce_only: there is no position to reduce")


def _build_order(
    state: EngineState, order_request: OrderRequest, market: Market, group: Group | None
) -> Order:
    return Order(
        id="",
        created=state.now,
        updated=state.now,
        account=order_request.account,
        holding=order_request.account.holding(order_request.subaccount, market),
        market=market,
        bid=order_request.bid,
        price=order_request.price,
        initial=order_request.count,
        remaining=order_request.count,
        client_order_id=order_request.client_order_id,
        self_trade=order_request.self_trade,
        time_in_force=order_request.time_in_force,
        kind=order_request.kind,
        outcome=order_request.outcome,
        action=order_request.action,
        group=group,
        expiration=order_request.expiration,
        cancel_on_pause=order_request.cancel_on_pause,
        post_only=order_request.post_only,
        budget=order_request.budget,
    )


def _check_crossing(state: EngineState, order: Order) -> None:
    check_post_only(order, order.price)
    if state.settings.cancelled_by_stp == "refuse" and book.meets_own_order_first(state, order):
        raise invalid_order("order would trade with its own account", "self_trade")
    if order.time_in_force != "fill_or_kill":
        return
    if book.fillable_volume(state, order) < order.remaining:
        raise ApiError(
            409, "fill_or_kill_insufficient_resting_volume", "not enough resting volume to fill"
        )


def _register(state: EngineState, order: Order) -> None:
    order.id = state.new_id()
    account = order.account
    account.add_holding(order.holding)
    state.orders[order.id] = order
    state.insert_sorted(account.orders, order)
    state.insert_sorted(account.orders_by_ticker.setdefault(order.market.ticker, []), order)
    if order.client_order_id:
        account.client_order_ids[order.client_order_id] = (state.now, order)
    state.record_event(
        "order",
        order=order,
        client_order_id=order.client_order_id,
        price=order.price,
        count=order.remaining,
    )


def finish_matching(state: EngineState, order: Order) -> None:
    """Give a matched order its state: executed, resting, or cancelled for its rest."""
    if order.status != "resting":
        return
    if not order.remaining:
        order.status, order.reason, order.updated = "executed", "filled", state.now
    elif order.time_in_force != "good_till_canceled":
        book.cancel_remainder(state, order, "ioc")
    else:
        ledger.add_to_book(state, order)
        schedule_expiry(state, order)


def schedule_expiry(state: EngineState, order: Order) -> None:
    """See to it that an order expires when its time has come."""
    if order.expiration is not None:
        state.schedule(order.expiration, partial(_expire, state, order, order.expiration))


def _expire(state: EngineState, order: Order, when: int) -> None:
    if order.status == "resting" and order.expiration == when:
        book.cancel_resting(state, order, "expired")


def _sweep_after_cancel_all(state: EngineState, order: Order) -> None:
    account = order.account
    if not account.sweeps or order.status != "resting":
        return
    account.sweeps = [sweep for sweep in account.sweeps if sweep[0] > state.now]
    if any(sub is None or sub == order.subaccount for _, sub in account.sweeps):
        book.cancel_resting(state, order, "sweep")
