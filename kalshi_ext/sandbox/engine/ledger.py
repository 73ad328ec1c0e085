"""Where cash, positions and reserves move, and what a fill costs; nothing else moves them.

What is conserved, to the micro-dollar (invariants.py checks it after every random command):

    cash of all accounts + $1 a pair of open contracts + what the exchange took = paid in - paid out

The exchange takes fees and roundings. A YES and a NO contract come into being together and their
buyers pay $1 for the pair; the dollar is handed out again when a pair is closed or settles.

Fees (documented: the exchange's fee rounding rules; its three worked examples are tests). The cash
of an account moves in steps of its precision, one cent for most. Example: three fills of one order,
each 1 contract at $0.055 with a trade fee of $0.0085:

    exact change  cash moves  rounding  accumulator           rebate  net fee
         -0.0635       -0.07    0.0065       0.0065                -   0.0150
         -0.0635       -0.07    0.0065       0.0130 (above 0.01) 0.01   0.0050
         -0.0635       -0.07    0.0065       0.0095                -   0.0150
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from kalshi_ext.sandbox.engine.fixed_point import CENT, ONE, SECOND, contract_cost
from kalshi_ext.sandbox.engine.records import Fill

if TYPE_CHECKING:
    from kalshi_ext.sandbox.engine.accounts import CashBalance, Holding, TradingAccount
    from kalshi_ext.sandbox.engine.records import Order
    from kalshi_ext.sandbox.engine.state import EngineState


FEE_STEP = 100
"""Trade fees are whole $0.0001."""
_FEE_SCALE = 10**12
"""rate (1e-6) x count (1e-2) x price (1e-4) x price (1e-4) is 1e-16; times this: $0.0001."""


@frozen
class FeeModel:
    """Set what a fill costs: rate x count x p x (1 - p), or a fixed amount for each fill."""

    rate: int
    """Millionths: 0.07 is 70000."""
    fixed: int | None = None
    """Micro-dollars for each fill, in place of the model."""

    def trade_fee(self, price: int, count: int) -> int:
        """Give the trade fee in micro-dollars, rounded up to $0.0001."""
        if self.fixed is not None:
            return -(-self.fixed // FEE_STEP) * FEE_STEP
        return -(-self.rate * count * price * (ONE - price) // _FEE_SCALE) * FEE_STEP

    def highest_trade_fee(self, price: int, count: int) -> int:
        """Give the highest trade fee of a fill at this price or a better one."""
        # p x (1 - p) is largest at half a dollar, which may be a better price
        worst = max(self.trade_fee(price, count), self.trade_fee(ONE // 2, count))
        return worst if self.rate or self.fixed else 0


@frozen
class FillCharge:
    """State what a fill costs, in micro-dollars."""

    trade_fee: int
    rounding: int
    rebate: int
    accumulator: int
    """The order's rounding fees not yet rebated, after this fill."""
    change: int
    """What the cash moves by before the rebate: revenue - trade fee, floored."""

    @property
    def net_fee(self) -> int:
        return self.trade_fee + self.rounding - self.rebate

    @property
    def cash_change(self) -> int:
        return self.change + self.rebate


def fill_charge(trade_fee: int, *, revenue: int, accumulator: int, precision: int) -> FillCharge:
    """Work out a fill's fees; revenue is below 0 when cash is paid."""
    # // rounds towards minus infinity: down is in the exchange's favour for gains and costs alike
    change = (revenue - trade_fee) // precision * precision
    rounding = revenue - trade_fee - change
    accumulator += rounding
    rebate = 0
    if accumulator > CENT:
        # Documented: a net fee is never below 0. Assumed: a rebate larger than the fill's own fee
        # waits for a later fill.
        rebate = min(CENT, (trade_fee + rounding) // precision * precision)
    return FillCharge(trade_fee, rounding, rebate, accumulator - rebate, change)


def move_cash(state: EngineState, balance: CashBalance, amount: int) -> None:
    """Add to a balance; an amount below 0 takes."""
    state.before_change(balance)
    balance.cash += amount
    balance.updated = state.now


def paying_balance(order: Order) -> CashBalance:
    return order.account.balance(order.holding.subaccount, order.market.shard)


def update_reserve(state: EngineState, account: TradingAccount, holding: Holding) -> None:
    """Bring what a holding's resting orders hold back up to date."""
    required = holding.required_reserve(state.reservation_mode(account))
    if required == holding.reserved:
        return  # no snapshot for a change of nothing
    balance = account.balance(holding.subaccount, holding.market.shard)
    state.before_change(balance)
    balance.reserved += required - holding.reserved
    holding.reserved = required


def add_to_book(state: EngineState, order: Order) -> None:
    """Queue what is left of an order in the book, behind all others of its price."""
    # what rests stands in the book, the holding, the account and the group: always in all four
    state.queue_sequence += 1
    order.seq = state.queue_sequence
    order.market.side(bid=order.bid).add(order)
    order.holding.orders += 1
    order.holding.add_resting(order, order.remaining)
    order.account.open_orders[order.id] = order
    if order.group:
        order.group.orders[order.id] = order
    update_reserve(state, order.account, order.holding)


def remove_from_book(state: EngineState, order: Order) -> None:
    """Take a resting order out of the book."""
    order.market.side(bid=order.bid).remove(order)
    order.holding.orders -= 1
    order.holding.add_resting(order, -order.remaining)
    del order.account.open_orders[order.id]
    if order.group:
        order.group.orders.pop(order.id, None)
    update_reserve(state, order.account, order.holding)


def reduce_resting(state: EngineState, order: Order, count: int) -> None:
    """Take contracts off a resting order, which keeps its place; without any left it leaves."""
    if count >= order.remaining:
        remove_from_book(state, order)
        order.remaining = 0
        return
    order.holding.add_resting(order, -count)
    order.remaining -= count
    update_reserve(state, order.account, order.holding)


def apply_fill(
    state: EngineState, order: Order, price: int, count: int, *, trade_id: str, taker: bool
) -> None:
    """Book one side of a trade: position, cash, fees, rows.

    What remains of the order is the caller's: a maker's is in the book, a taker's is not yet.
    """
    account, holding, market = order.account, order.holding, order.market
    state.before_change(holding)
    model = market.taker_fees if taker else market.maker_fees
    trade_fee = model.trade_fee(price, count)
    position, realized = holding.position, holding.realized
    charge = fill_charge(
        trade_fee,
        revenue=holding.apply_fill(bid=order.bid, price=price, count=count),
        accumulator=order.accumulator,
        precision=account.precision,
    )
    order.accumulator = charge.accumulator
    move_cash(state, paying_balance(order), charge.cash_change)
    account.realized += holding.realized - realized
    account.charged += charge.net_fee
    holding.fees += charge.net_fee
    state.exchange_revenue += charge.net_fee
    # every open pair has one YES side, so the longs alone count the pairs
    market.open_interest += max(holding.position, 0) - max(position, 0)
    _stamp_position(state, holding)
    _add_to_order(order, price, count, charge.net_fee, taker=taker)
    _record_fill(state, order, price, count, charge, trade_id, taker)
    if order.group:
        order.group.add_volume(state.now, count, state.settings.group_window_seconds * SECOND)


def _stamp_position(state: EngineState, holding: Holding) -> None:
    holding.updated = state.now
    if not holding.created:
        holding.created = state.now


def _add_to_order(order: Order, price: int, count: int, fee: int, *, taker: bool) -> None:
    order.filled += count
    order.yes_value += price * count
    cost = contract_cost(price, bid=order.bid) * count
    if taker:
        order.taker_fees += fee
        order.taker_cost += cost
    else:
        order.maker_fees += fee
        order.maker_cost += cost


def _record_fill(
    state: EngineState,
    order: Order,
    price: int,
    count: int,
    charge: FillCharge,
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
        fee=charge.net_fee,
        change=charge.cash_change,
        seq=state.fill_count,
    )
    # two lists, so that a read filtered by ticker walks over its own rows only
    state.insert_sorted(order.account.fills, row)
    state.insert_sorted(order.account.fills_by_ticker.setdefault(order.market.ticker, []), row)
    state.record_event("fill", fill=row)
