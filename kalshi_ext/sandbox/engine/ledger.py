"""Where cash, positions and reservations move; nothing else moves them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kalshi_ext.sandbox.engine.fees import charge
from kalshi_ext.sandbox.engine.records import Fill

if TYPE_CHECKING:
    from kalshi_ext.sandbox.engine.accounts import Account, Purse
    from kalshi_ext.sandbox.engine.holdings import Holding
    from kalshi_ext.sandbox.engine.records import Order
    from kalshi_ext.sandbox.engine.state import Exchange


def move_cash(ex: Exchange, purse: Purse, amount: int) -> None:
    """Add to a purse (amount below 0: take)."""
    ex.touch(purse)
    purse.cash += amount
    purse.updated = ex.now


def purse_of(order: Order) -> Purse:
    """Give the purse an order is paid from."""
    return order.account.purse(order.holding.subaccount, order.market.shard)


def reserve(ex: Exchange, account: Account, holding: Holding) -> None:
    """Bring a holding's reservation up to date."""
    needs = holding.needs(ex.reservation(account))
    if needs == holding.reserved:
        return
    purse = account.purse(holding.subaccount, holding.market.shard)
    ex.touch(purse)
    purse.reserved += needs - holding.reserved
    holding.reserved = needs


def rest(ex: Exchange, order: Order) -> None:
    """Put what is left of an order into the book."""
    ex.sequence += 1
    order.seq = ex.sequence
    order.market.side(bid=order.bid).add(order)
    order.holding.orders += 1
    order.holding.rest(order, order.remaining)
    order.account.open[order.id] = order
    if order.group:
        order.group.orders[order.id] = order
    reserve(ex, order.account, order.holding)


def unrest(ex: Exchange, order: Order) -> None:
    """Take a resting order out of the book."""
    order.market.side(bid=order.bid).remove(order)
    order.holding.orders -= 1
    order.holding.rest(order, -order.remaining)
    del order.account.open[order.id]
    if order.group:
        order.group.orders.pop(order.id, None)
    reserve(ex, order.account, order.holding)


def shrink(ex: Exchange, order: Order, count: int) -> None:
    """Take contracts off a resting order, which keeps its turn; the last ones take it out."""
    if count >= order.remaining:
        unrest(ex, order)
        order.remaining = 0
        return
    order.holding.rest(order, -count)
    order.remaining -= count
    reserve(ex, order.account, order.holding)


def fill(ex: Exchange, order: Order, price: int, count: int, *, trade_id: str, taker: bool) -> None:
    """Book one side of a trade: position, cash, fees, rows. The order's rest is the caller's."""
    account, holding, market = order.account, order.holding, order.market
    ex.touch(holding)
    model = market.taker_fees if taker else market.maker_fees
    trade_fee = model.trade_fee(price, count)
    before, realized = holding.position, holding.realized
    cost = holding.take(bid=order.bid, price=price, count=count)
    bill = charge(
        trade_fee, revenue=cost, accumulator=order.accumulator, precision=account.precision
    )
    order.accumulator = bill.accumulator
    net = bill.net
    move_cash(ex, purse_of(order), bill.change + bill.rebate)
    account.realized += holding.realized - realized
    account.charged += net
    holding.fees += net
    ex.kitty += net
    market.open_interest += max(holding.position, 0) - max(before, 0)
    _date(ex, holding)
    _tally(order, price, count, net, taker=taker)
    _file(ex, order, price, count, net, bill.change + bill.rebate, trade_id, taker)
    if order.group:
        window = ex.settings.group_window_seconds * 1_000_000
        order.group.matched(ex.now, count, window)


def _date(ex: Exchange, holding: Holding) -> None:
    holding.updated = ex.now
    if not holding.created:
        holding.created = ex.now


def _tally(order: Order, price: int, count: int, fee: int, *, taker: bool) -> None:
    order.filled += count
    order.yes_value += price * count
    side = price if order.bid else 10_000 - price
    if taker:
        order.taker_fees += fee
        order.taker_cost += side * count
    else:
        order.maker_fees += fee
        order.maker_cost += side * count


def _file(
    ex: Exchange,
    order: Order,
    price: int,
    count: int,
    fee: int,
    change: int,
    trade_id: str,
    taker: bool,
) -> None:
    ex.fill_count += 1
    row = Fill(
        id=ex.new_id(),
        created=ex.now,
        trade_id=trade_id,
        order=order,
        bid=order.bid,
        price=price,
        count=count,
        is_taker=taker,
        fee=fee,
        change=change,
        seq=ex.fill_count,
    )
    ex.file(order.account.fills, row)
    ex.file(order.account.fills_of.setdefault(order.market.ticker, []), row)
    ex.record("fill", fill=row)
