"""Where cash, positions and reservations move; nothing else moves them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kalshi_ext.sandbox.engine.fees import fill_charge
from kalshi_ext.sandbox.engine.records import Fill

if TYPE_CHECKING:
    from kalshi_ext.sandbox.engine.accounts import CashBalance, TradingAccount
    from kalshi_ext.sandbox.engine.holdings import Holding
    from kalshi_ext.sandbox.engine.records import Order
    from kalshi_ext.sandbox.engine.state import ExchangeState


def move_cash(state: ExchangeState, balance: CashBalance, amount: int) -> None:
    """Add to a balance (amount below 0: take)."""
    state.before_change(balance)
    balance.cash += amount
    balance.updated = state.now


def paying_balance(order: Order) -> CashBalance:
    """Give the balance an order is paid from."""
    return order.account.balance(order.holding.subaccount, order.market.shard)


def update_reserve(state: ExchangeState, account: TradingAccount, holding: Holding) -> None:
    """Bring a holding's reservation up to date."""
    needs = holding.required_reserve(state.reservation_mode(account))
    if needs == holding.reserved:
        return
    balance = account.balance(holding.subaccount, holding.market.shard)
    state.before_change(balance)
    balance.reserved += needs - holding.reserved
    holding.reserved = needs


def add_to_book(state: ExchangeState, order: Order) -> None:
    """Put what is left of an order into the book."""
    state.queue_sequence += 1
    order.seq = state.queue_sequence
    order.market.side(bid=order.bid).add(order)
    order.holding.orders += 1
    order.holding.add_resting(order, order.remaining)
    order.account.open_orders[order.id] = order
    if order.group:
        order.group.orders[order.id] = order
    update_reserve(state, order.account, order.holding)


def remove_from_book(state: ExchangeState, order: Order) -> None:
    """Take a resting order out of the book."""
    order.market.side(bid=order.bid).remove(order)
    order.holding.orders -= 1
    order.holding.add_resting(order, -order.remaining)
    del order.account.open_orders[order.id]
    if order.group:
        order.group.orders.pop(order.id, None)
    update_reserve(state, order.account, order.holding)


def reduce_resting(state: ExchangeState, order: Order, count: int) -> None:
    """Take contracts off a resting order, which keeps its turn; the last ones take it out."""
    if count >= order.remaining:
        remove_from_book(state, order)
        order.remaining = 0
        return
    order.holding.add_resting(order, -count)
    order.remaining -= count
    update_reserve(state, order.account, order.holding)


def apply_fill(
    state: ExchangeState, order: Order, price: int, count: int, *, trade_id: str, taker: bool
) -> None:
    """Book one side of a trade: position, cash, fees, rows. The order's rest is the caller's."""
    account, holding, market = order.account, order.holding, order.market
    state.before_change(holding)
    model = market.taker_fees if taker else market.maker_fees
    trade_fee = model.trade_fee(price, count)
    before, realized = holding.position, holding.realized
    cost = holding.apply_fill(bid=order.bid, price=price, count=count)
    bill = fill_charge(
        trade_fee, revenue=cost, accumulator=order.accumulator, precision=account.precision
    )
    order.accumulator = bill.accumulator
    net = bill.net_fee
    move_cash(state, paying_balance(order), bill.change + bill.rebate)
    account.realized += holding.realized - realized
    account.charged += net
    holding.fees += net
    state.exchange_revenue += net
    market.open_interest += max(holding.position, 0) - max(before, 0)
    _stamp_position(state, holding)
    _add_to_order(order, price, count, net, taker=taker)
    _record_fill(state, order, price, count, net, bill.change + bill.rebate, trade_id, taker)
    if order.group:
        window = state.settings.group_window_seconds * 1_000_000
        order.group.add_volume(state.now, count, window)


def _stamp_position(state: ExchangeState, holding: Holding) -> None:
    holding.updated = state.now
    if not holding.created:
        holding.created = state.now


def _add_to_order(order: Order, price: int, count: int, fee: int, *, taker: bool) -> None:
    order.filled += count
    order.yes_value += price * count
    side = price if order.bid else 10_000 - price
    if taker:
        order.taker_fees += fee
        order.taker_cost += side * count
    else:
        order.maker_fees += fee
        order.maker_cost += side * count


def _record_fill(
    state: ExchangeState,
    order: Order,
    price: int,
    count: int,
    fee: int,
    change: int,
    trade_id: str,
    taker: bool,
) -> None:
    state.fill_count += 1
    row = Fill(
        id=state.new_id(),
        created=state.now,
        trade_id=trade_id,
        order=order,
        bid=order.bid,
        price=price,
        count=count,
        is_taker=taker,
        fee=fee,
        change=change,
        seq=state.fill_count,
    )
    state.insert_sorted(order.account.fills, row)
    state.insert_sorted(order.account.fills_by_ticker.setdefault(order.market.ticker, []), row)
    state.record_event("fill", fill=row)
