"""Accepting an order: every rule between a request and a place in the book.

place() checks everything before it changes anything, so a refused order leaves no trace: no id is
used up, no client_order_id is taken, no cash is held back. Then the order is registered and
matched, and what remains of it is queued in the book or, immediate-or-cancel, cancelled:

    draft -> checks -> registered -> matched -> executed | canceled | resting

The order of the checks decides which refusal a request with two faults gets; it is assumed.
"""

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
    user_not_found,
)
from kalshi_ext.sandbox.engine.fixed_point import DOLLAR, ONE, SECOND, contract_cost, format_dollars
from kalshi_ext.sandbox.engine.records import Order
from kalshi_ext.sandbox.engine.request_parsing import AUTOMATIC_SHARD

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kalshi_ext.sandbox.engine.accounts import TradingAccount
    from kalshi_ext.sandbox.engine.book import Market
    from kalshi_ext.sandbox.engine.order_groups import Group
    from kalshi_ext.sandbox.engine.state import EngineState


@define(kw_only=True)
class OrderRequest:
    """Carry an order as a request asks for it, in the units of fixed_point.py."""

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
    """Most micro-dollars a classic market order may cost."""


def find_market(state: EngineState, ticker: str, shard: int | None) -> Market:
    """Find a market by ticker; a shard that is named must be its own."""
    market = state.markets.get(ticker)
    if market is None:
        # assumed: 400, as for every other value that is not allowed (`unknown_ticker`)
        if state.settings.unknown_ticker == 404:
            raise not_found()
        raise invalid_parameters("market not found", ticker)
    if shard not in (None, AUTOMATIC_SHARD, market.shard):
        raise invalid_parameters("the market is on another exchange_index", str(shard))
    return market


def check_trading_open(state: EngineState, market: Market) -> None:
    """Answer 409 (or 503) while a market takes no orders and no amends; cancels are allowed."""
    check_exchange_open(state, market.shard)
    if market.shard in state.pauses.trading or state.pauses.thursday_active:
        raise ApiError(409, "trading_is_paused", "trading is paused")
    if market.status != "active":
        raise ApiError(409, "market_closed", "market is closed")
    if market.paused:
        # observed: one market that is paused is told in another way than a shard that is
        raise ApiError(400, "MARKET_NOT_ACTIVE", "market is not active")


def check_exchange_open(state: EngineState, shard: int) -> None:
    """Answer 503 while the exchange is paused; cancels are refused too (documented)."""
    if shard in state.pauses.exchange:
        status = state.settings.exchange_paused_status
        code = "service_unavailable" if status == 503 else "exchange_is_paused"
        raise ApiError(status, code, "exchange is paused")


def check_client_order_id(
    state: EngineState, account: TradingAccount, client_order_id: str
) -> None:
    """Answer 409 for a client_order_id that is taken; "" never is (observed)."""
    taken = account.client_order_ids.get(client_order_id) if client_order_id else None
    if taken is None:
        return
    created, order = taken
    # How long an id stays taken is not documented (`dedupe`). An open order's always is: two
    # orders of one id could not be told apart.
    mode, window = state.settings.dedupe, state.settings.dedupe_seconds * SECOND
    recent = mode == "seconds" and state.now - created < window
    if mode == "forever" or order.status == "resting" or recent:
        raise order_already_exists()


def check_price(market: Market, price: int) -> None:
    """Answer 400 for a price off the market's grid."""
    text = format_dollars(price * 100)
    if not 0 < price < ONE:
        raise ApiError(400, "invalid_price", "price must be between 0 and 1", text)
    if not market.valid_prices[price]:
        # observed: off the grid is an invalid order, not an invalid price
        raise invalid_order("price is not valid in this market", text)


def check_post_only(order: Order, price: int) -> None:
    """Answer 400 when a post-only order would trade at this price."""
    if order.post_only and book.crosses(order.market, bid=order.bid, price=price):
        raise invalid_order("post only order would cross", "post_only_cross")


def check_funds(
    state: EngineState, order: Order, extra: Mapping[int, int], *, price: int, count: int
) -> None:
    """Answer 400 when the balance does not cover what an order may cost, taker fee included.

    extra: what changes among the resting contracts, by price. Assumed: only a taker's fee must be
    affordable; maker fees come later and may overdraw.
    """
    if order.account.endless:
        return
    added = _added_reserve(state, order, extra, price=price, count=count)
    if order.budget is not None:
        added = min(added, order.budget)
    if added <= 0:
        return
    if book.crosses(order.market, bid=order.bid, price=price):
        # the whole order is charged as taker: what rests afterwards is not known yet
        added += order.market.taker_fees.highest_trade_fee(price, count)
    if added > order.account.available(order.subaccount, order.market.shard):
        raise insufficient_balance()


def _added_reserve(
    state: EngineState, order: Order, extra: Mapping[int, int], *, price: int, count: int
) -> int:
    holding, mode = order.holding, state.reservation_mode(order.account)
    if mode != "none":
        return holding.required_reserve(mode, bid=order.bid, extra=extra) - holding.reserved
    # nothing is held back, but the order itself must be affordable, less what it closes
    closed = max(-holding.position if order.bid else holding.position, 0)
    return max(count - closed, 0) * contract_cost(price, bid=order.bid)


def place(state: EngineState, draft: OrderRequest) -> Order:
    """Accept an order, match it and queue what remains; raises ApiError and changes nothing."""
    market = find_market(state, draft.ticker, draft.shard)
    check_trading_open(state, market)
    _check_has_collateral(draft, market)
    check_client_order_id(state, draft.account, draft.client_order_id)
    if draft.kind == "limit":  # a market order's price is the engine's own bound
        check_price(market, draft.price)
    _check_flags(state, draft)
    group = _find_group(draft, market)
    if draft.reduce_only and not _cap_by_position(draft, market):
        return _ended_at_once(state, draft, market, group)
    order = _build_order(state, draft, market, group)
    _check_crossing(state, order)
    extra = {order.price: order.remaining}
    check_funds(state, order, extra, price=order.price, count=draft.count)
    _register(state, order)
    book.match(state, order)
    finish_matching(state, order)
    _sweep_after_cancel_all(state, order)
    return order


def _check_has_collateral(draft: OrderRequest, market: Market) -> None:
    """Answer 404 where the account never had money on the market's shard (observed)."""
    account = draft.account
    if not account.endless and (draft.subaccount, market.shard) not in account.balances:
        raise user_not_found(account.user_id)


def _check_flags(state: EngineState, draft: OrderRequest) -> None:
    if len(draft.client_order_id) > state.settings.client_order_id_max:
        raise invalid_parameters("client_order_id is too long")
    # documented: only what may rest can expire or be post-only; assumed: reduce-only may not rest
    gtc = draft.time_in_force == "good_till_canceled"
    if draft.expiration is not None and not gtc:
        raise invalid_order("expiration_time needs good_till_canceled")
    if draft.expiration is not None and draft.expiration <= state.now:
        raise invalid_order("expiration_time must be in the future")
    if draft.reduce_only and gtc:
        raise invalid_order("reduce_only needs immediate_or_cancel or fill_or_kill")
    if draft.post_only and not gtc:
        raise invalid_order("post_only needs good_till_canceled")
    _check_notional(state, draft)
    if len(draft.account.open_orders) >= state.settings.max_open_orders:
        raise invalid_order("too many open orders")


def _check_notional(state: EngineState, draft: OrderRequest) -> None:
    limit = state.settings.notional_limit
    if limit is None or draft.account.endless:
        return
    if contract_cost(draft.price, bid=draft.bid) * draft.count > limit * DOLLAR:
        raise ApiError(400, "NOTIONAL_RISK_LIMIT_EXCEEDED", "the order is worth too much")


def _find_group(draft: OrderRequest, market: Market) -> Group | None:
    if not draft.group_id:
        return None
    group = draft.account.groups.get(draft.group_id)
    if group is None or (group.subaccount, group.shard) != (draft.subaccount, market.shard):
        raise invalid_order("order group not found", draft.group_id)
    if group.triggered:
        raise invalid_order("order group was triggered; reset it first", draft.group_id)
    return group


def _cap_by_position(draft: OrderRequest, market: Market) -> bool:
    """Cap an order by what is held, as documented; False where nothing is."""
    holding = draft.account.holding(draft.subaccount, market)
    held = -holding.position if draft.bid else holding.position
    if held > 0:
        draft.count = min(draft.count, held)
    return held > 0


def _ended_at_once(
    state: EngineState, draft: OrderRequest, market: Market, group: Group | None
) -> Order:
    # observed: 201 with fill 0.00 and remaining 0.00, and nothing else that marks it
    if draft.time_in_force == "fill_or_kill":
        raise _unfillable()  # assumed
    order = _build_order(state, draft, market, group)
    _register(state, order)
    book.cancel_remainder(state, order, "reduce_only")
    return order


def _build_order(
    state: EngineState, draft: OrderRequest, market: Market, group: Group | None
) -> Order:
    return Order(
        id="",
        created=state.now,
        updated=state.now,
        account=draft.account,
        holding=draft.account.holding(draft.subaccount, market),
        market=market,
        bid=draft.bid,
        price=draft.price,
        initial=draft.count,
        remaining=draft.count,
        client_order_id=draft.client_order_id,
        self_trade=draft.self_trade,
        time_in_force=draft.time_in_force,
        kind=draft.kind,
        outcome=draft.outcome,
        action=draft.action,
        group=group,
        expiration=draft.expiration,
        cancel_on_pause=draft.cancel_on_pause,
        post_only=draft.post_only,
        budget=draft.budget,
    )


def _check_crossing(state: EngineState, order: Order) -> None:
    check_post_only(order, order.price)
    # assumed: a taker stopped by self-trade prevention is accepted and cancelled, not refused
    if state.settings.cancelled_by_stp == "refuse" and book.meets_own_order_first(state, order):
        raise invalid_order("order would trade with its own account", "self_trade")
    if order.time_in_force != "fill_or_kill":
        return
    if book.fillable_volume(state, order) < order.remaining:
        raise _unfillable()


def _unfillable() -> ApiError:
    # documented: a 409; assumed: no order is kept and its client_order_id stays free
    code = "fill_or_kill_insufficient_resting_volume"
    return ApiError(409, code, "not enough resting volume to fill")


def _register(state: EngineState, order: Order) -> None:
    # only now, because a refusal must not use up an id
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
    """End a matched order, or queue what remains of it."""
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
    """Schedule the expiry of an order that has one."""
    if order.expiration is not None:
        # one observer saw orders end 2 to 3 minutes late (`expiry_late_seconds`)
        moment = order.expiration + state.settings.expiry_late_seconds * SECOND
        state.schedule(moment, partial(_expire, state, order, order.expiration))


def _expire(state: EngineState, order: Order, expiration: int) -> None:
    # an amend may have moved the expiry: its old timer then does nothing
    if order.status == "resting" and order.expiration == expiration:
        book.cancel_resting(state, order, "expired")


def _sweep_after_cancel_all(state: EngineState, order: Order) -> None:
    # documented: a cancel-all may go on for up to a minute (`cancel_all_sweep_seconds`)
    account = order.account
    if not account.sweeps or order.status != "resting":
        return
    # sweeps that are over are dropped by the first order that comes after them
    account.sweeps = [sweep for sweep in account.sweeps if sweep[0] > state.now]
    if any(subaccount in (None, order.subaccount) for _, subaccount in account.sweeps):
        book.cancel_resting(state, order, "sweep")
