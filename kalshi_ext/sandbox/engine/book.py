"""A market's book and how it matches: price first, then time.

All prices are YES prices: a bid buys YES, an ask sells YES, which is buying NO at $1 less the
price. An incoming order (the taker) trades with resting orders (the makers) of the other side:
the best price first, within a price the order that entered the queue first, always at the maker's
price (documented). Example: asks rest in this order of time

    A 10 at 0.41    B 3 at 0.42    C 3 at 0.42

and a bid for 15 at 0.43 arrives. It takes 10 from A at 0.41, 3 from B and 2 from C at 0.42: the
bidder pays what the makers asked, not 0.43. C keeps 1 contract and its place. A bid for 17 would
take all 16 and rest with 1, as the best bid at 0.43.

An order keeps its place in the queue while it only becomes smaller; otherwise it queues again
(order_changes.py).
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import OrderedDict
from functools import lru_cache
from typing import TYPE_CHECKING

from attrs import define, field

from kalshi_ext.sandbox.engine import ledger
from kalshi_ext.sandbox.engine.fixed_point import ONE, contract_cost
from kalshi_ext.sandbox.engine.records import Trade

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kalshi_ext.sandbox.engine.accounts import Holding, TradingAccount
    from kalshi_ext.sandbox.engine.ledger import FeeModel
    from kalshi_ext.sandbox.engine.order_groups import Group
    from kalshi_ext.sandbox.engine.records import Order
    from kalshi_ext.sandbox.engine.state import EngineState

# the first order is the oldest, and any order leaves in constant time
Level = OrderedDict[str, "Order"]
"""The orders of one price, by id, by time priority."""


@define(eq=False)
class PriceLevels:
    """Hold the resting orders of one side, best price first."""

    bid: bool
    levels: dict[int, Level] = field(factory=dict[int, Level])
    prices: list[int] = field(factory=list[int])
    """Ascending; the best bid is the last, the best ask the first."""

    def best_price(self) -> int | None:
        """Give the highest bid or lowest ask; None for an empty side."""
        if not self.prices:
            return None
        return self.prices[-1] if self.bid else self.prices[0]

    def front_order(self) -> Order | None:
        """Give the order that trades next; None for an empty side."""
        price = self.best_price()
        return None if price is None else next(iter(self.levels[price].values()))

    def add(self, order: Order) -> None:
        """Queue an order behind all others of its price."""
        level = self.levels.get(order.price)
        if level is None:
            # prices stay sorted, so the best one is always at an end
            level = self.levels[order.price] = OrderedDict()
            insort(self.prices, order.price)
        level[order.id] = order

    def remove(self, order: Order) -> None:
        level = self.levels[order.price]
        del level[order.id]
        if not level:
            del self.levels[order.price]
            del self.prices[bisect_left(self.prices, order.price)]

    def prices_best_first(self) -> Iterator[int]:
        return reversed(self.prices) if self.bid else iter(self.prices)

    def orders(self) -> Iterator[Order]:
        """Walk over the orders in the sequence in which they would trade."""
        for price in self.prices_best_first():
            yield from self.levels[price].values()

    def depth(self) -> list[tuple[int, int]]:
        """List (price, count), best first."""
        return [
            (price, sum(order.remaining for order in self.levels[price].values()))
            for price in self.prices_best_first()
        ]

    def orders_with_volume_ahead(self) -> Iterator[tuple[Order, int]]:
        """Walk over the orders with the contracts that trade before each."""
        ahead = 0
        for order in self.orders():
            yield order, ahead
            ahead += order.remaining

    def volume_ahead(self, order: Order) -> int:
        """Count the contracts that trade before an order does."""
        volumes = self.orders_with_volume_ahead()
        return next(ahead for resting, ahead in volumes if resting is order)


@lru_cache(maxsize=64)
def valid_prices(ranges: tuple[tuple[int, int, int], ...]) -> bytes:
    """Mark every valid price: whole cents always (observed), and each band's steps."""
    # a table, because every order looks a price up; bands that overlap add their prices up
    valid = bytearray(ONE + 1)
    for price in range(100, ONE, 100):
        valid[price] = 1
    for start, end, step in ranges:
        for price in range(max(start, 1), min(end, ONE - 1) + 1):
            valid[price] |= (price - start) % step == 0
    return bytes(valid)


@define(eq=False)
class Market:
    """Hold a market's rules, its book and its result."""

    ticker: str
    event: str
    shard: int
    price_ranges: tuple[tuple[int, int, int], ...]
    """(start, end, step) of each band of finer prices."""
    taker_fees: FeeModel
    maker_fees: FeeModel
    valid_prices: bytes
    created: int = 0
    updated: int = 0
    """When its status last changed; trades and prices do not count."""
    closed: int | None = None
    settled: int | None = None
    status: str = "active"
    """active, closed or settled."""
    paused: bool = False
    result: str | None = None
    value: int = 0
    """What YES pays, once settled, as a price."""
    last_price: int | None = None
    open_interest: int = 0
    volume: int = 0
    bids: PriceLevels = field(factory=lambda: PriceLevels(bid=True))
    asks: PriceLevels = field(factory=lambda: PriceLevels(bid=False))
    holdings: list[Holding] = field(factory=list["Holding"])
    trades: list[Trade] = field(factory=list["Trade"])

    @property
    def id(self) -> str:
        """Tell it from others of the same time of creation."""
        return self.ticker

    def side(self, *, bid: bool) -> PriceLevels:
        return self.bids if bid else self.asks


def crosses(market: Market, *, bid: bool, price: int) -> bool:
    """Tell whether an order at this price would trade at once."""
    best = market.side(bid=not bid).best_price()
    return best is not None and (best <= price if bid else best >= price)


def is_self_trade(state: EngineState, order: Order, maker: Order) -> bool:
    """Tell whether both orders have one owner, as `self_trade_scope` (assumed) draws the line."""
    if order.account is not maker.account:
        return False
    scope = state.settings.self_trade_scope
    return scope == "account" or order.subaccount == maker.subaccount


def fillable_volume(state: EngineState, order: Order) -> int:
    """Count what an order could fill right now, up to what it wants."""
    total = 0
    for maker in order.market.side(bid=not order.bid).orders():
        if not _prices_cross(order, maker) or total >= order.remaining:
            break
        if not is_self_trade(state, order, maker):
            total += maker.remaining
        elif order.self_trade == "taker_at_cross":
            break  # the order would be cancelled here; with "maker" the resting one would be
    return total


def meets_own_order_first(state: EngineState, order: Order) -> bool:
    """Tell whether an incoming order would be stopped by its owner's own before any trade."""
    maker = order.market.side(bid=not order.bid).front_order()
    own = maker is not None and _prices_cross(order, maker) and is_self_trade(state, order, maker)
    return own and order.self_trade == "taker_at_cross"


def match(state: EngineState, order: Order) -> None:
    """Fill an incoming order against the book until it is done, stopped or out of makers."""
    side = order.market.side(bid=not order.bid)
    # its status changes when self-trade prevention or its group stops it
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


def _prevent_self_trade(state: EngineState, order: Order, maker: Order) -> None:
    if order.self_trade == "taker_at_cross":
        # documented: taker_at_cross cancels the incoming order, maker the resting one and goes on
        cancel_remainder(state, order, "stp")
    else:
        cancel_resting(state, maker, "stp")


def _maker_can_pay(state: EngineState, maker: Order) -> bool:
    # Assumed: where resting orders hold back less than their sum, a maker may be out of cash when
    # it is met; it is then cancelled and the next one trades. Fees may overdraw.
    if maker.account.endless or state.reservation_mode(maker.account) == "sum":
        return True
    position = maker.holding.position
    closing = (position < 0) if maker.bid else (position > 0)
    return closing or ledger.paying_balance(maker).cash >= maker.value


def _trade_size(order: Order, maker: Order) -> int:
    count = min(order.remaining, maker.remaining)
    if order.budget is None:
        return count
    # only a classic market order has a budget, and that contract knows whole contracts only
    affordable = (order.budget - order.taker_cost) // contract_cost(maker.price, bid=order.bid)
    return min(count, affordable // 100 * 100)


def trade(state: EngineState, taker: Order, maker: Order, count: int) -> None:
    """Trade contracts between an incoming and a resting order, at the resting one's price."""
    price, market = maker.price, maker.market
    state.before_change(maker)
    state.before_change(taker)
    # the maker's fill comes first in every log and list (assumed); both share the trade's id
    trade_id = state.new_id()
    ledger.apply_fill(state, maker, price, count, trade_id=trade_id, taker=False)
    maker.updated = state.now
    ledger.reduce_resting(state, maker, count)
    if not maker.remaining:
        maker.status, maker.reason = "executed", "filled"
    ledger.apply_fill(state, taker, price, count, trade_id=trade_id, taker=True)
    taker.remaining -= count
    # its position changed, so its resting orders may hold back more or less
    ledger.update_reserve(state, taker.account, taker.holding)
    market.last_price = price
    market.volume += count
    _record_trade(state, taker, price, count, trade_id)
    # only now, with both sides booked: triggering a group cancels orders
    _trip_group(state, maker)
    _trip_group(state, taker)
    if taker.remaining and _stopped_by_group(taker):
        cancel_remainder(state, taker, "group")


def _record_trade(state: EngineState, taker: Order, price: int, count: int, trade_id: str) -> None:
    row = Trade(
        id=trade_id,
        created=state.now,
        market=taker.market,
        price=price,
        count=count,
        taker_bid=taker.bid,
    )
    # two lists, so that a read filtered by ticker walks over its own rows only
    state.insert_sorted(state.trades, row)
    state.insert_sorted(taker.market.trades, row)


def _stopped_by_group(taker: Order) -> bool:
    # assumed: a fill-or-kill order is completed although its group was triggered on the way
    group = taker.group
    return group is not None and group.triggered and taker.time_in_force != "fill_or_kill"


def _trip_group(state: EngineState, order: Order) -> None:
    # assumed (`group_trips`): passing the limit triggers a group, reaching it does not
    group = order.group
    if group is None or group.triggered:
        return
    over = group.volume > group.limit
    if over or (state.settings.group_trips == "reach" and group.volume == group.limit):
        trigger_group(state, order.account, group)


def trigger_group(state: EngineState, account: TradingAccount, group: Group) -> None:
    """Cancel all resting orders of a group and refuse new ones until it is reset."""
    group.triggered = True
    state.record_event("group", account=account.name, group=group.id, what="triggered")
    # a copy: each cancel takes its order out of the group
    for order in list(group.orders.values()):
        cancel_resting(state, order, "group")


def cancel_remainder(state: EngineState, order: Order, reason: str) -> None:
    """End an order that is not in the book; what is left of it is cancelled."""
    state.before_change(order)
    reduced = order.remaining
    order.remaining = 0
    order.status, order.reason = "canceled", reason
    order.updated = state.now
    state.record_event("cancel", order=order, reduced_by=reduced, reason=reason)


def cancel_resting(state: EngineState, order: Order, reason: str) -> int:
    """Cancel a resting order; return the contracts taken off."""
    reduced = order.remaining
    state.before_change(order)
    ledger.remove_from_book(state, order)
    cancel_remainder(state, order, reason)
    return reduced
