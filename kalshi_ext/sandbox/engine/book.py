"""Price levels of one side of a market, first come first served within each."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import OrderedDict
from functools import lru_cache
from typing import TYPE_CHECKING

from attrs import define, field

from kalshi_ext.sandbox.engine.amounts import ONE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kalshi_ext.sandbox.engine.fees import FeeModel
    from kalshi_ext.sandbox.engine.holdings import Holding
    from kalshi_ext.sandbox.engine.records import Order

Level = OrderedDict[str, "Order"]


@define(eq=False)
class PriceLevels:
    """Hold the resting orders of one side, best price first."""

    bid: bool
    levels: dict[int, Level] = field(factory=dict[int, Level])
    prices: list[int] = field(factory=list[int])
    """Ascending; the best bid is the last, the best ask the first."""

    def best_price(self) -> int | None:
        """Give the best price; None for an empty side."""
        if not self.prices:
            return None
        return self.prices[-1] if self.bid else self.prices[0]

    def front_order(self) -> Order | None:
        """Give the order whose turn it is."""
        price = self.best_price()
        return None if price is None else next(iter(self.levels[price].values()))

    def add(self, order: Order) -> None:
        """Queue an order behind all others of its price."""
        level = self.levels.get(order.price)
        if level is None:
            level = self.levels[order.price] = OrderedDict()
            insort(self.prices, order.price)
        level[order.id] = order

    def remove(self, order: Order) -> None:
        """Take an order out."""
        level = self.levels[order.price]
        del level[order.id]
        if not level:
            del self.levels[order.price]
            del self.prices[bisect_left(self.prices, order.price)]

    def prices_best_first(self) -> Iterator[int]:
        """Walk over the prices, best first."""
        return reversed(self.prices) if self.bid else iter(self.prices)

    def orders(self) -> Iterator[Order]:
        """Walk over the orders in the sequence of their turns."""
        for price in self.prices_best_first():
            yield from self.levels[price].values()

    def depth(self) -> list[tuple[int, int]]:
        """List (price, count), best first."""
        return [
            (price, sum(order.remaining for order in self.levels[price].values()))
            for price in self.prices_best_first()
        ]

    def orders_with_volume_ahead(self) -> Iterator[tuple[Order, int]]:
        """Walk over the orders with the contracts that trade before each one's turn."""
        ahead = 0
        for order in self.orders():
            yield order, ahead
            ahead += order.remaining

    def volume_ahead(self, order: Order) -> int:
        """Count the contracts that trade before an order's turn comes."""
        return next(ahead for other, ahead in self.orders_with_volume_ahead() if other is order)


@lru_cache(maxsize=64)
def valid_prices(ranges: tuple[tuple[int, int, int], ...]) -> bytes:
    """Mark every valid price: whole cents always, and each band's steps from its start."""
    valid = bytearray(ONE + 1)
    for price in range(100, ONE, 100):
        valid[price] = 1
    for start, end, step in ranges:
        for price in range(max(start, 1), min(end, ONE - 1) + 1):
            valid[price] |= (price - start) % step == 0
    return bytes(valid)


@define(eq=False)
class Market:
    """Hold a market's rules, its book and what became of it."""

    ticker: str
    event: str
    shard: int
    price_ranges: tuple[tuple[int, int, int], ...]
    taker_fees: FeeModel
    maker_fees: FeeModel
    valid_prices: bytes
    status: str = "active"
    """active, closed or settled."""
    result: str | None = None
    value: int = 0
    """What YES pays, once settled, as a price."""
    last_price: int | None = None
    open_interest: int = 0
    volume: int = 0
    bids: PriceLevels = field(factory=lambda: PriceLevels(bid=True))
    asks: PriceLevels = field(factory=lambda: PriceLevels(bid=False))
    holdings: list[Holding] = field(factory=list["Holding"])

    def side(self, *, bid: bool) -> PriceLevels:
        """Give the side bids or asks rest on."""
        return self.bids if bid else self.asks
