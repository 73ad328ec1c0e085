"""One subaccount's stake in one market: its position, and what its resting orders hold back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, field

from kalshi_ext.sandbox.engine.amounts import ONE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kalshi_ext.sandbox.engine.book import Market
    from kalshi_ext.sandbox.engine.records import Order
    from kalshi_ext.sandbox.engine.versions import Snapshots


@define(eq=False)
class RestingTotals:
    """Sum up one side's resting orders of a holding."""

    bid: bool
    counts: dict[int, int] = field(factory=dict[int, int])
    """Count by price."""
    count: int = 0
    cost: int = 0

    def add(self, price: int, count: int) -> None:
        """Add contracts at a price, or take them off (count below 0)."""
        self.count += count
        self.cost += (price if self.bid else ONE - price) * count
        left = self.counts.get(price, 0) + count
        if left:
            self.counts[price] = left
        else:
            del self.counts[price]

    def uncovered_cost(self, cover: int, extra: Mapping[int, int] | None = None) -> int:
        """Cost what the first `cover` contracts in price priority do not close, with `extra`."""
        cost, count = self.cost, self.count
        if extra:
            cost += sum((p if self.bid else ONE - p) * c for p, c in extra.items())
            count += sum(extra.values())
        if cover <= 0 or not count:
            return cost
        if count <= cover:
            return 0
        return cost - self._covered_cost(cover, extra or {})

    def _covered_cost(self, cover: int, extra: Mapping[int, int]) -> int:
        cost = 0
        for price in sorted({*self.counts, *extra}, reverse=self.bid):
            count = min(cover, self.counts.get(price, 0) + extra.get(price, 0))
            cost += (price if self.bid else ONE - price) * count
            cover -= count
            if not cover:
                break
        return cost


@define(eq=False)
class Holding:
    """Keep the position (YES above 0, NO below), its cost and its resting orders."""

    subaccount: int
    market: Market
    position: int = 0
    cost: int = 0
    """What the open position cost, fees apart, in micro-dollars."""
    realized: int = 0
    fees: int = 0
    traded: int = 0
    settled: bool = False
    created: int = 0
    """Moment of the first fill; 0: none yet."""
    updated: int = 0
    orders: int = 0
    bids: RestingTotals = field(factory=lambda: RestingTotals(bid=True))
    asks: RestingTotals = field(factory=lambda: RestingTotals(bid=False))
    reserved: int = 0
    snapshots: Snapshots = None

    @property
    def id(self) -> str:
        """Identify it among the positions of an account."""
        return f"{self.market.ticker}|{self.subaccount}"

    def add_resting(self, order: Order, count: int) -> None:
        """Add contracts of an order to what rests, or take them off (count below 0)."""
        (self.bids if order.bid else self.asks).add(order.price, count)

    def required_reserve(
        self, mode: str, *, bid: bool = True, extra: Mapping[int, int] | None = None
    ) -> int:
        """Give what resting orders hold back, as if `extra` contracts rested on one side too."""
        if mode == "none":
            return 0
        bids = self.bids.uncovered_cost(-self.position, extra if bid else None)
        asks = self.asks.uncovered_cost(self.position, None if bid else extra)
        return max(bids, asks) if mode == "max" else bids + asks

    def apply_fill(self, *, bid: bool, price: int, count: int) -> int:
        """Apply a fill to the position; give the cash it brings (below 0: costs)."""
        side = price if bid else ONE - price
        held = -self.position if bid else self.position
        closed = min(count, max(held, 0))
        self.traded += side * count
        revenue = -side * count
        if closed:
            revenue += self._close_pairs(closed, held, (ONE - side) * closed) + side * closed
        self.cost += side * (count - closed)
        self.position += count if bid else -count
        return revenue

    def _close_pairs(self, closed: int, held: int, proceeds: int) -> int:
        freed = self.cost * closed // held
        self.cost -= freed
        self.realized += proceeds - freed
        return proceeds
