"""A second exchange, slow and plain, written independently to check the engine against.

Decimal money, lists searched from end to end, no reserves and no refusals: it gets only
what the engine accepted and computes what should follow.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from attrs import define, field

CENT, TICK = Decimal("0.01"), Decimal("0.0001")


@define(eq=False, kw_only=True)
class ReferenceOrder:
    id: str
    account: str
    subaccount: int
    ticker: str
    bid: bool
    price: Decimal
    remaining: Decimal
    stp: str = "taker_at_cross"
    tif: str = "good_till_canceled"
    group: str | None = None
    expires: float | None = None
    on_pause: bool = False
    filled: Decimal = Decimal(0)
    rounding: Decimal = Decimal(0)
    queue_number: int = 0


@define
class ReferenceGroup:
    limit: Decimal
    triggered: bool = False
    fills: list[tuple[float, Decimal]] = field(factory=list)


@define(eq=False)
class ReferenceExchange:
    rates: dict[str, tuple[str, str]] = field(factory=dict)
    """Taker and maker fee rates by ticker."""
    book: list[ReferenceOrder] = field(factory=list)
    groups: dict[str, ReferenceGroup] = field(factory=dict)
    cash: dict[str, Decimal] = field(factory=lambda: defaultdict(Decimal))
    positions: dict[tuple[str, int, str], Decimal] = field(factory=lambda: defaultdict(Decimal))
    trades: list[tuple[str, str, Decimal, Decimal]] = field(factory=list)
    """(maker's order, taker's order, price, count) since the last comparison."""
    queue_count: int = 0
    now: float = 0

    def accept(self, order: ReferenceOrder) -> None:
        """Match an order and queue what remains."""
        while order.remaining and (maker := self._best_for(order)) is not None:
            if maker.account == order.account:
                if order.stp == "taker_at_cross":
                    return
                self.book.remove(maker)
                continue
            self._trade(maker, order, min(maker.remaining, order.remaining))
            group = self.groups.get(order.group or "")
            if group and group.triggered and order.tif != "fill_or_kill":
                return
        if order.remaining and order.tif == "good_till_canceled":
            self.queue_count += 1
            order.queue_number = self.queue_count
            self.book.append(order)

    def _best_for(self, order: ReferenceOrder) -> ReferenceOrder | None:
        sign = 1 if order.bid else -1
        fits = [
            maker
            for maker in self.book
            if maker.ticker == order.ticker
            and maker.bid != order.bid
            and sign * maker.price <= sign * order.price
        ]
        return min(fits, key=lambda maker: (sign * maker.price, maker.queue_number), default=None)

    def _trade(self, maker: ReferenceOrder, taker: ReferenceOrder, count: Decimal) -> None:
        self.trades.append((maker.id, taker.id, maker.price, count))
        for order, rate in zip((maker, taker), self.rates[maker.ticker][::-1], strict=True):
            self._fill(order, maker.price, count, Decimal(rate))
            order.remaining -= count
            order.filled += count
        if not maker.remaining:
            self.book.remove(maker)
        for order in (maker, taker):
            self._trip_group(order)

    def _fill(self, order: ReferenceOrder, price: Decimal, count: Decimal, rate: Decimal) -> None:
        key = (order.account, order.subaccount, order.ticker)
        before = self.positions[key]
        after = before + (count if order.bid else -count)
        # a YES and a NO of one holder are a dollar: only the outer part of a position is paid for
        pairs = (abs(before) + count - abs(after)) / 2
        revenue = pairs - count * (price if order.bid else 1 - price)
        self.positions[key] = after
        fee = (rate * count * price * (1 - price)).quantize(TICK, ROUND_CEILING)
        change = (revenue - fee).quantize(CENT, ROUND_FLOOR)
        rounding = revenue - fee - change
        order.rounding += rounding
        if order.rounding > CENT and fee + rounding >= CENT:
            order.rounding -= CENT
            change += CENT
        self.cash[order.account] += change

    def _trip_group(self, order: ReferenceOrder) -> None:
        group = self.groups.get(order.group or "")
        if group is None or group.triggered:
            return
        count = self.trades[-1][3]
        group.fills.append((self.now, count))
        group.fills = [fill for fill in group.fills if fill[0] > self.now - 15]
        if sum(fill[1] for fill in group.fills) > group.limit:
            self.trigger(order.group or "")

    def trigger(self, name: str) -> None:
        self.groups[name].triggered = True
        self.book = [order for order in self.book if order.group != name]

    def cancel_matching(self, **facts: Any) -> None:
        """Cancel the orders that match all facts."""
        self.book = [
            order
            for order in self.book
            if any(getattr(order, name) != value for name, value in facts.items())
        ]

    def advance_to(self, now: float) -> None:
        self.now = now
        self.book = [o for o in self.book if o.expires is None or o.expires > now]

    def settle(self, ticker: str, value: Decimal) -> None:
        self.cancel_matching(ticker=ticker)
        for (account, subaccount, name), count in list(self.positions.items()):
            if name == ticker:
                each = value if count > 0 else 1 - value
                self.cash[account] += (abs(count) * each).quantize(CENT, ROUND_FLOOR)
                self.positions[account, subaccount, name] = Decimal(0)

    def find(self, order_id: str) -> ReferenceOrder | None:
        return next((order for order in self.book if order.id == order_id), None)

    def depth(self, ticker: str, *, bid: bool) -> list[list[str]]:
        """Sum up one side, best price first, as the inspector writes it."""
        prices: dict[Decimal, Decimal] = defaultdict(Decimal)
        for order in self.book:
            if (order.ticker, order.bid) == (ticker, bid):
                prices[order.price] += order.remaining
        return [[f"{p:.4f}", f"{c:.2f}"] for p, c in sorted(prices.items(), reverse=bid)]

    def queue(self, ticker: str, *, bid: bool) -> list[str]:
        """List the ids of one side in the order in which they trade."""
        side = [order for order in self.book if (order.ticker, order.bid) == (ticker, bid)]
        side.sort(key=lambda order: (-order.price if bid else order.price, order.queue_number))
        return [order.id for order in side]

    def reserved(self, account: str, subaccount: int, ticker: str) -> Decimal:
        """Walk over what rests, best price first: what closes the position costs nothing."""
        total = Decimal(0)
        for bid in (True, False):
            position = self.positions[account, subaccount, ticker]
            closing = max(-position if bid else position, Decimal(0))
            for order_id in self.queue(ticker, bid=bid):
                order = self.find(order_id)
                if order and (order.account, order.subaccount) == (account, subaccount):
                    free = min(closing, order.remaining)
                    closing -= free
                    total += (order.remaining - free) * (order.price if bid else 1 - order.price)
        return total
