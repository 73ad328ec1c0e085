"""What must always hold; each broken rule is named with the numbers that break it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kalshi_ext.sandbox.engine.amounts import ONE, dollars_text
from kalshi_ext.sandbox.engine.api import InvariantBroken

if TYPE_CHECKING:
    from kalshi_ext.sandbox.engine.accounts import Account
    from kalshi_ext.sandbox.engine.book import Side
    from kalshi_ext.sandbox.engine.holdings import Holding
    from kalshi_ext.sandbox.engine.records import Market, Order
    from kalshi_ext.sandbox.engine.state import Exchange


def check(ex: Exchange) -> None:
    """Raise InvariantBroken when money, contracts or the books do not reconcile."""
    for market in ex.markets.values():
        _market(market)
    for account in ex.accounts.values():
        _account(ex, account)
    _money(ex)


def check_history(ex: Exchange) -> None:
    """Check every order and fill ever made, too."""
    for order in ex.orders.values():
        _past_order(order)
    for account in ex.accounts.values():
        _past_fills(account)


def _hold(rule: str, left: object, right: object) -> None:
    if left != right:
        raise InvariantBroken(f"{rule}: {left} against {right}")


def _money(ex: Exchange) -> None:
    cash = sum(_cash(account) for account in ex.accounts.values())
    pot = sum(market.open_interest for market in ex.markets.values()) * ONE
    funded = sum(account.funded for account in ex.accounts.values())
    _hold(
        "cash + collateral + what the exchange took = what was paid in",
        dollars_text(cash + pot + ex.kitty),
        dollars_text(funded),
    )


def _cash(account: Account) -> int:
    purses = [*account.purses.values(), *account.margined.values()]
    return sum(purse.cash for purse in purses) + account.in_transit


def _account(ex: Exchange, account: Account) -> None:
    name = f"account {account.name}"
    cost = sum(holding.cost for holding in account.holdings.values())
    _hold(
        f"{name}: cash + cost of open positions = paid in + realized - fees",
        dollars_text(_cash(account) + cost),
        dollars_text(account.funded + account.realized - account.charged),
    )
    _reservations(ex, account)
    resting = {order.id for order in account.open.values()}
    in_books = {order.id for order in account.open.values() if _in_book(order)}
    _hold(f"{name}: open orders are in the books", resting, in_books)
    for group in account.groups.values():
        if group.triggered and group.orders:
            raise InvariantBroken(f"{name}: group {group.id} is triggered and has orders")
        if not group.orders.keys() <= account.open.keys():
            raise InvariantBroken(f"{name}: group {group.id} has orders that do not rest")


def _in_book(order: Order) -> bool:
    level = order.market.side(bid=order.bid).levels.get(order.price)
    return level is not None and order.id in level


def _reservations(ex: Exchange, account: Account) -> None:
    mode, sums = ex.reservation(account), dict.fromkeys(account.purses, 0)
    for holding in account.holdings.values():
        _holding(account, holding)
        _hold(f"{account.name} {holding.id}: reserved", holding.reserved, holding.needs(mode))
        where = (holding.subaccount, holding.market.shard)
        sums[where] = sums.get(where, 0) + holding.reserved
    for where, purse in account.purses.items():
        _hold(f"{account.name} {where}: reserved in all", purse.reserved, sums[where])
        floor = -account.charged
        if not account.endless and mode == "sum" and purse.available < floor:
            raise InvariantBroken(
                f"{account.name} {where}: available {dollars_text(purse.available)} is below "
                f"what fees explain ({dollars_text(floor)})"
            )


def _holding(account: Account, holding: Holding) -> None:
    own = [order for order in account.open.values() if order.holding is holding]
    _hold(f"{account.name} {holding.id}: resting orders", holding.orders, len(own))
    for resting in (holding.bids, holding.asks):
        counts: dict[int, int] = {}
        for order in own:
            if order.bid == resting.bid:
                counts[order.price] = counts.get(order.price, 0) + order.remaining
        _hold(f"{account.name} {holding.id}: resting counts", resting.counts, counts)
        _hold(f"{holding.id}: resting count", resting.count, sum(counts.values()))
        cost = sum((p if resting.bid else ONE - p) * c for p, c in counts.items())
        _hold(f"{holding.id}: resting cost", resting.cost, cost)
    if holding.cost < 0 or (holding.position == 0 and holding.cost):
        raise InvariantBroken(f"{holding.id}: position {holding.position} costs {holding.cost}")


def _market(market: Market) -> None:
    longs = sum(max(holding.position, 0) for holding in market.holdings)
    shorts = sum(max(-holding.position, 0) for holding in market.holdings)
    _hold(f"{market.ticker}: YES held = NO held", longs, shorts)
    _hold(f"{market.ticker}: YES held = open interest", longs, market.open_interest)
    _side(market, market.bids)
    _side(market, market.asks)
    bid, ask = market.bids.best(), market.asks.best()
    if bid is not None and ask is not None and bid >= ask:
        raise InvariantBroken(f"{market.ticker}: the book is crossed, {bid} against {ask}")
    if market.status != "active" and (bid or ask):
        raise InvariantBroken(f"{market.ticker}: is {market.status} and has resting orders")


def _side(market: Market, side: Side) -> None:
    _hold(f"{market.ticker}: prices", side.prices, sorted(side.levels))
    for price, level in side.levels.items():
        turns = [order.seq for order in level.values()]
        _hold(f"{market.ticker} at {price}: turns in time", turns, sorted(turns))
        if not level:
            raise InvariantBroken(f"{market.ticker} at {price}: an empty level")
        for order in level.values():
            _resting(order, price, side)


def _resting(order: Order, price: int, side: Side) -> None:
    fits = (order.status, order.price, order.bid) == ("resting", price, side.bid)
    if not fits or order.remaining <= 0 or order.id not in order.account.open:
        raise InvariantBroken(f"order {order.id}: rests as {order.status}, {order.remaining} left")
    if order.filled + order.remaining > order.initial:
        raise InvariantBroken(f"order {order.id}: more than {order.initial} filled and left")


def _past_order(order: Order) -> None:
    if order.status == "resting":
        return
    _hold(f"order {order.id}: nothing rests", order.remaining, 0)
    if order.status == "executed":
        _hold(f"order {order.id}: executed means filled", order.filled > 0, True)
    if not 0 <= order.filled <= order.initial:
        raise InvariantBroken(f"order {order.id}: filled {order.filled} of {order.initial}")


def _past_fills(account: Account) -> None:
    filled: dict[str, int] = {}
    fees = change = 0
    for fill in account.fills:
        filled[fill.order.id] = filled.get(fill.order.id, 0) + fill.count
        fees, change = fees + fill.fee, change + fill.change
        if fill.fee < 0:
            raise InvariantBroken(f"fill {fill.id}: fee {fill.fee}")
    for order in account.orders:
        _hold(f"order {order.id}: filled", order.filled, filled.get(order.id, 0))
    _hold(f"{account.name}: fees of all fills", account.charged, fees)
    paid = sum(row.payout for row in account.settlements)
    _hold(
        f"{account.name}: cash = paid in + fills + settlements",
        _cash(account),
        account.funded + change + paid,
    )
