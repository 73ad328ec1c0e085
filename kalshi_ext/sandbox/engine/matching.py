"""Price-time priority, in YES prices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kalshi_ext.sandbox.engine import ledger
from kalshi_ext.sandbox.engine.amounts import ONE

if TYPE_CHECKING:
    from kalshi_ext.sandbox.engine.accounts import Account
    from kalshi_ext.sandbox.engine.groups import Group
    from kalshi_ext.sandbox.engine.records import Market, Order
    from kalshi_ext.sandbox.engine.state import Exchange


def crosses(market: Market, *, bid: bool, price: int) -> bool:
    """Tell whether an order at this price would trade at once."""
    best = market.side(bid=not bid).best()
    return best is not None and (best <= price if bid else best >= price)


def same_owner(ex: Exchange, one: Order, other: Order) -> bool:
    """Tell whether a trade between two orders would be a self-trade."""
    if one.account is not other.account:
        return False
    scope = ex.settings.self_trade_scope
    return scope == "account" or one.subaccount == other.subaccount


def volume_for(ex: Exchange, order: Order) -> int:
    """Count what an order could fill right now, self-trade prevention considered."""
    total = 0
    for other in order.market.side(bid=not order.bid).orders():
        if (other.price > order.price) if order.bid else (other.price < order.price):
            break
        if same_owner(ex, order, other):
            if order.self_trade == "taker_at_cross":
                break
            continue
        total += other.remaining
        if total >= order.remaining:
            break
    return total


def stopped_at_once(ex: Exchange, order: Order) -> bool:
    """Tell whether an incoming order meets one of its own owner's before any other."""
    maker = order.market.side(bid=not order.bid).first()
    own = maker is not None and _meets(order, maker) and same_owner(ex, order, maker)
    return own and order.self_trade == "taker_at_cross"


def match(ex: Exchange, order: Order) -> None:
    """Fill an incoming order against the book for as far as it goes."""
    side = order.market.side(bid=not order.bid)
    while order.remaining and order.status == "resting":
        maker = side.first()
        if maker is None or not _meets(order, maker):
            return
        if same_owner(ex, order, maker):
            _prevent(ex, order, maker)
        elif not _can_pay(ex, maker):
            end(ex, maker, "insufficient_balance")
        elif not (count := _affordable(order, maker)):
            return
        else:
            trade(ex, order, maker, count)


def _meets(order: Order, maker: Order) -> bool:
    return maker.price <= order.price if order.bid else maker.price >= order.price


def _prevent(ex: Exchange, order: Order, maker: Order) -> None:
    if order.self_trade == "taker_at_cross":
        close(ex, order, "stp")
    else:
        end(ex, maker, "stp")


def _can_pay(ex: Exchange, maker: Order) -> bool:
    if maker.account.endless or ex.reservation(maker.account) == "sum":
        return True
    held = maker.holding.position
    closing = (held < 0) if maker.bid else (held > 0)
    return closing or ledger.purse_of(maker).cash >= maker.value


def _affordable(order: Order, maker: Order) -> int:
    count = min(order.remaining, maker.remaining)
    if order.budget is None:
        return count
    each = maker.price if order.bid else ONE - maker.price
    spent = order.taker_cost
    # a classic market order buys whole contracts
    return min(count, (order.budget - spent) // each // 100 * 100)


def trade(ex: Exchange, taker: Order, maker: Order, count: int) -> None:
    """Trade contracts between an incoming and a resting order, at the resting one's price."""
    price, market = maker.price, maker.market
    ex.touch(maker)
    ex.touch(taker)
    trade_id = ex.new_id()
    ledger.fill(ex, maker, price, count, trade_id=trade_id, taker=False)
    maker.updated = ex.now
    ledger.shrink(ex, maker, count)
    if not maker.remaining:
        maker.status, maker.reason = "executed", "filled"
    ledger.fill(ex, taker, price, count, trade_id=trade_id, taker=True)
    taker.remaining -= count
    ledger.reserve(ex, taker.account, taker.holding)
    market.last_price = price
    market.volume += count
    _trip(ex, maker)
    _trip(ex, taker)
    if taker.remaining and _stopped(taker):
        close(ex, taker, "group")


def _stopped(taker: Order) -> bool:
    # all or nothing comes before the group's limit
    group = taker.group
    return group is not None and group.triggered and taker.time_in_force != "fill_or_kill"


def _trip(ex: Exchange, order: Order) -> None:
    group = order.group
    if group is None or group.triggered:
        return
    over = group.volume > group.limit
    if over or (ex.settings.group_trips == "reach" and group.volume == group.limit):
        trigger(ex, order.account, group)


def trigger(ex: Exchange, account: Account, group: Group) -> None:
    """Cancel all resting orders of a group and refuse new ones until it is reset."""
    group.triggered = True
    ex.record("group", account=account.name, group=group.id, what="triggered")
    for order in list(group.orders.values()):
        end(ex, order, "group")


def close(ex: Exchange, order: Order, reason: str) -> None:
    """Cancel what is left of an order that is not in the book."""
    ex.touch(order)
    reduced = order.remaining
    order.remaining = 0
    order.status, order.reason = "canceled", reason
    order.updated = ex.now
    ex.record("cancel", order=order, reduced_by=reduced, reason=reason)


def end(ex: Exchange, order: Order, reason: str) -> int:
    """Cancel a resting order; give what it was reduced by."""
    reduced = order.remaining
    ex.touch(order)
    ledger.unrest(ex, order)
    close(ex, order, reason)
    return reduced
