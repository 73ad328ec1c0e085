"""Price-time priority, in YES prices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kalshi_ext.sandbox.engine import ledger
from kalshi_ext.sandbox.engine.amounts import ONE

if TYPE_CHECKING:
    from kalshi_ext.sandbox.engine.accounts import TradingAccount
    from kalshi_ext.sandbox.engine.book import Market
    from kalshi_ext.sandbox.engine.groups import Group
    from kalshi_ext.sandbox.engine.records import Order
    from kalshi_ext.sandbox.engine.state import ExchangeState


def crosses(market: Market, *, bid: bool, price: int) -> bool:
    """Tell whether an order at this price would trade at once."""
    best = market.side(bid=not bid).best_price()
    return best is not None and (best <= price if bid else best >= price)


def is_self_trade(state: ExchangeState, order: Order, maker: Order) -> bool:
    """Tell whether a trade between two orders would be a self-trade."""
    if order.account is not maker.account:
        return False
    scope = state.settings.self_trade_scope
    return scope == "account" or order.subaccount == maker.subaccount


def fillable_volume(state: ExchangeState, order: Order) -> int:
    """Count what an order could fill right now, self-trade prevention considered."""
    total = 0
    for other in order.market.side(bid=not order.bid).orders():
        if (other.price > order.price) if order.bid else (other.price < order.price):
            break
        if is_self_trade(state, order, other):
            if order.self_trade == "taker_at_cross":
                break
            continue
        total += other.remaining
        if total >= order.remaining:
            break
    return total


def meets_own_order_first(state: ExchangeState, order: Order) -> bool:
    """Tell whether an incoming order meets one of its own owner's before any other."""
    maker = order.market.side(bid=not order.bid).front_order()
    own = maker is not None and _prices_cross(order, maker) and is_self_trade(state, order, maker)
    return own and order.self_trade == "taker_at_cross"


def match(state: ExchangeState, order: Order) -> None:
    """Fill an incoming order against the book for as far as it goes."""
    side = order.market.side(bid=not order.bid)
    while order.remaining and order.status == "resting":
        maker = side.front_order()
        if maker is None or not _prices_cross(order, maker):
            return
        if is_self_trade(state, order, maker):
            _prevent_self_trade(state, order, maker)
        elif not _maker_can_pay(state, maker):
            cancel_resting(state, maker, "insufficient_balance")
        elif not (count := _trade_size(order, maker)):
            return
        else:
            trade(state, order, maker, count)


def _prices_cross(order: Order, maker: Order) -> bool:
    return maker.price <= order.price if order.bid else maker.price >= order.price


def _prevent_self_trade(state: ExchangeState, order: Order, maker: Order) -> None:
    if order.self_trade == "taker_at_cross":
        cancel_remainder(state, order, "stp")
    else:
        cancel_resting(state, maker, "stp")


def _maker_can_pay(state: ExchangeState, maker: Order) -> bool:
    if maker.account.endless or state.reservation_mode(maker.account) == "sum":
        return True
    held = maker.holding.position
    closing = (held < 0) if maker.bid else (held > 0)
    return closing or ledger.paying_balance(maker).cash >= maker.value


def _trade_size(order: Order, maker: Order) -> int:
    count = min(order.remaining, maker.remaining)
    if order.budget is None:
        return count
    each = maker.price if order.bid else ONE - maker.price
    spent = order.taker_cost
    # a classic market order buys whole contracts
    return min(count, (order.budget - spent) // each // 100 * 100)


def trade(state: ExchangeState, taker: Order, maker: Order, count: int) -> None:
    """Trade contracts between an incoming and a resting order, at the resting one's price."""
    price, market = maker.price, maker.market
    state.before_change(maker)
    state.before_change(taker)
    trade_id = state.new_id()
    ledger.apply_fill(state, maker, price, count, trade_id=trade_id, taker=False)
    maker.updated = state.now
    ledger.reduce_resting(state, maker, count)
    if not maker.remaining:
        maker.status, maker.reason = "executed", "filled"
    ledger.apply_fill(state, taker, price, count, trade_id=trade_id, taker=True)
    taker.remaining -= count
    ledger.update_reserve(state, taker.account, taker.holding)
    market.last_price = price
    market.volume += count
    _trip_group(state, maker)
    _trip_group(state, taker)
    if taker.remaining and _stopped_by_group(taker):
        cancel_remainder(state, taker, "group")


def _stopped_by_group(taker: Order) -> bool:
    # all or nothing comes before the group's limit
    group = taker.group
    return group is not None and group.triggered and taker.time_in_force != "fill_or_kill"


def _trip_group(state: ExchangeState, order: Order) -> None:
    group = order.group
    if group is None or group.triggered:
        return
    over = group.volume > group.limit
    if over or (state.settings.group_trips == "reach" and group.volume == group.limit):
        trigger_group(state, order.account, group)


def trigger_group(state: ExchangeState, account: TradingAccount, group: Group) -> None:
    """Cancel all resting orders of a group and refuse new ones until it is reset."""
    group.triggered = True
    state.record_event("group", account=account.name, group=group.id, what="triggered")
    for order in list(group.orders.values()):
        cancel_resting(state, order, "group")


def cancel_remainder(state: ExchangeState, order: Order, reason: str) -> None:
    """Cancel what is left of an order that is not in the book."""
    state.before_change(order)
    reduced = order.remaining
    order.remaining = 0
    order.status, order.reason = "canceled", reason
    order.updated = state.now
    state.record_event("cancel", order=order, reduced_by=reduced, reason=reason)


def cancel_resting(state: ExchangeState, order: Order, reason: str) -> int:
    """Cancel a resting order; give what it was reduced by."""
    reduced = order.remaining
    state.before_change(order)
    ledger.remove_from_book(state, order)
    cancel_remainder(state, order, reason)
    return reduced
