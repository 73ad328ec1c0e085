"""What must hold after every command; a broken rule is named with the numbers that break it.

Each rule compares two ways of counting the same thing: a total kept up to date against the sum of
its parts, or one side of a trade against the other. So it catches a forgotten update anywhere:

    cash        of all accounts + $1 a pair + exchange revenue = paid in
    account     cash + cost of open positions = paid in + realized - fees
    market      YES held = NO held = open interest; the book is not crossed
    book        every open order rests at its price and side, in the sequence of turns
    reserves    what a balance holds back = what its resting orders need
    history     an account's cash = paid in + all its fills + all its settlements (slow)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kalshi_ext.sandbox.engine.commands import InvariantBroken
from kalshi_ext.sandbox.engine.fixed_point import ONE, contract_cost, format_dollars

if TYPE_CHECKING:
    from kalshi_ext.sandbox.engine.accounts import Holding, TradingAccount
    from kalshi_ext.sandbox.engine.book import Market, PriceLevels
    from kalshi_ext.sandbox.engine.records import Order
    from kalshi_ext.sandbox.engine.state import EngineState


def check(state: EngineState) -> None:
    """Raise InvariantBroken when money, contracts or the books do not reconcile."""
    for market in state.markets.values():
        _check_market(market)
    for account in state.accounts.values():
        _check_account(state, account)
    _check_money(state)


def check_history(state: EngineState) -> None:
    """Check every order and fill ever made, too."""
    for order in state.orders.values():
        _check_ended_order(order)
    for account in state.accounts.values():
        _check_fills(account)


def _require_equal(rule: str, left: object, right: object) -> None:
    if left != right:
        raise InvariantBroken(f"{rule}: {left} against {right}")


def _check_money(state: EngineState) -> None:
    cash = sum(_total_cash(account) for account in state.accounts.values())
    collateral = sum(market.open_interest for market in state.markets.values()) * ONE
    funded = sum(account.funded for account in state.accounts.values())
    _require_equal(
        "cash + collateral + what the exchange took = what was paid in",
        format_dollars(cash + collateral + state.exchange_revenue),
        format_dollars(funded),
    )


def _total_cash(account: TradingAccount) -> int:
    balances = [*account.balances.values(), *account.margined_balances.values()]
    return sum(balance.cash for balance in balances) + account.in_transit


def _check_account(state: EngineState, account: TradingAccount) -> None:
    name = f"account {account.name}"
    cost = sum(holding.cost for holding in account.holdings.values())
    _require_equal(
        f"{name}: cash + cost of open positions = paid in + realized - fees",
        format_dollars(_total_cash(account) + cost),
        format_dollars(account.funded + account.realized - account.charged),
    )
    _check_reservations(state, account)
    resting = {order.id for order in account.open_orders.values()}
    in_books = {order.id for order in account.open_orders.values() if _is_in_book(order)}
    _require_equal(f"{name}: open orders are in the books", resting, in_books)
    for group in account.groups.values():
        if group.triggered and group.orders:
            raise InvariantBroken(f"{name}: group {group.id} is triggered and has orders")
        if not group.orders.keys() <= account.open_orders.keys():
            raise InvariantBroken(f"{name}: group {group.id} has orders that do not rest")


def _is_in_book(order: Order) -> bool:
    level = order.market.side(bid=order.bid).levels.get(order.price)
    return level is not None and order.id in level


def _check_reservations(state: EngineState, account: TradingAccount) -> None:
    mode, totals = state.reservation_mode(account), dict.fromkeys(account.balances, 0)
    for holding in account.holdings.values():
        _check_holding(account, holding)
        required = holding.required_reserve(mode)
        _require_equal(f"{account.name} {holding.id}: reserved", holding.reserved, required)
        where = (holding.subaccount, holding.market.shard)
        totals[where] = totals.get(where, 0) + holding.reserved
    for where, balance in account.balances.items():
        _require_equal(f"{account.name} {where}: reserved in all", balance.reserved, totals[where])
        # a maker's fee comes when its order trades and was never held back, so it may overdraw
        floor = -account.charged
        if not account.endless and mode == "sum" and balance.available < floor:
            raise InvariantBroken(
                f"{account.name} {where}: available {format_dollars(balance.available)} is below "
                f"what fees explain ({format_dollars(floor)})"
            )


def _check_holding(account: TradingAccount, holding: Holding) -> None:
    own = [order for order in account.open_orders.values() if order.holding is holding]
    _require_equal(f"{account.name} {holding.id}: resting orders", holding.orders, len(own))
    for resting in (holding.bids, holding.asks):
        counts: dict[int, int] = {}
        for order in own:
            if order.bid == resting.bid:
                counts[order.price] = counts.get(order.price, 0) + order.remaining
        _require_equal(f"{account.name} {holding.id}: resting counts", resting.counts, counts)
        _require_equal(f"{holding.id}: resting count", resting.count, sum(counts.values()))
        cost = sum(contract_cost(p, bid=resting.bid) * c for p, c in counts.items())
        _require_equal(f"{holding.id}: resting cost", resting.cost, cost)
    if holding.cost < 0 or (holding.position == 0 and holding.cost):
        raise InvariantBroken(f"{holding.id}: position {holding.position} costs {holding.cost}")


def _check_market(market: Market) -> None:
    longs = sum(max(holding.position, 0) for holding in market.holdings)
    shorts = sum(max(-holding.position, 0) for holding in market.holdings)
    _require_equal(f"{market.ticker}: YES held = NO held", longs, shorts)
    _require_equal(f"{market.ticker}: YES held = open interest", longs, market.open_interest)
    _check_side(market, market.bids)
    _check_side(market, market.asks)
    bid, ask = market.bids.best_price(), market.asks.best_price()
    if bid is not None and ask is not None and bid >= ask:
        raise InvariantBroken(f"{market.ticker}: the book is crossed, {bid} against {ask}")
    # prices start at 1, so a side is empty when its best price is None
    if market.status != "active" and (bid or ask):
        raise InvariantBroken(f"{market.ticker}: is {market.status} and has resting orders")


def _check_side(market: Market, side: PriceLevels) -> None:
    _require_equal(f"{market.ticker}: prices", side.prices, sorted(side.levels))
    for price, level in side.levels.items():
        turns = [order.seq for order in level.values()]
        _require_equal(f"{market.ticker} at {price}: turns in time", turns, sorted(turns))
        if not level:
            raise InvariantBroken(f"{market.ticker} at {price}: an empty level")
        for order in level.values():
            _check_resting_order(order, price, side)


def _check_resting_order(order: Order, price: int, side: PriceLevels) -> None:
    fits = (order.status, order.price, order.bid) == ("resting", price, side.bid)
    if not fits or order.remaining <= 0 or order.id not in order.account.open_orders:
        raise InvariantBroken(f"order {order.id}: rests as {order.status}, {order.remaining} left")
    # less is fine: a decrease leaves the initial count as it was
    if order.filled + order.remaining > order.initial:
        raise InvariantBroken(f"order {order.id}: more than {order.initial} filled and left")


def _check_ended_order(order: Order) -> None:
    if order.status == "resting":
        return
    # observed: an ended order tells a remaining count of 0 even when it was cancelled
    _require_equal(f"order {order.id}: nothing rests", order.remaining, 0)
    if order.status == "executed":
        _require_equal(f"order {order.id}: executed means filled", order.filled > 0, True)
    if not 0 <= order.filled <= order.initial:
        raise InvariantBroken(f"order {order.id}: filled {order.filled} of {order.initial}")


def _check_fills(account: TradingAccount) -> None:
    filled: dict[str, int] = {}
    fees = change = 0
    for fill in account.fills:
        filled[fill.order.id] = filled.get(fill.order.id, 0) + fill.count
        fees, change = fees + fill.fee, change + fill.change
        if fill.fee < 0:
            raise InvariantBroken(f"fill {fill.id}: fee {fill.fee}")
    for order in account.orders:
        _require_equal(f"order {order.id}: filled", order.filled, filled.get(order.id, 0))
    _require_equal(f"{account.name}: fees of all fills", account.charged, fees)
    paid = sum(row.payout for row in account.settlements)
    _require_equal(
        f"{account.name}: cash = paid in + fills + settlements",
        _total_cash(account),
        account.funded + change + paid,
    )
