"""A second exchange, slow and plain, written apart from the engine to judge it by.

Decimal money, lists searched from end to end, no reservations and no refusals: it is told only
what the engine accepted and says what should have come of it.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from attrs import define, field

CENT, TICK = Decimal("0.01"), Decimal("0.0001")


@define(eq=False, kw_only=True)
class Resting:
    id: str
    account: str
    subaccount: int
    ticker: str
    bid: bool
    price: Decimal
    left: Decimal
    stp: str = "taker_at_cross"
    tif: str = "good_till_canceled"
    group: str | None = None
    expires: float | None = None
    on_pause: bool = False
    filled: Decimal = Decimal(0)
    rounding: Decimal = Decimal(0)
    turn: int = 0


@define
class Group:
    limit: Decimal
    triggered: bool = False
    fills: list[tuple[float, Decimal]] = field(factory=list)


@define(eq=False)
class Model:
    rates: dict[str, tuple[str, str]] = field(factory=dict)
    """Taker and maker fee rates by ticker."""
    book: list[Resting] = field(factory=list)
    groups: dict[str, Group] = field(factory=dict)
    cash: dict[str, Decimal] = field(factory=lambda: defaultdict(Decimal))
    held: dict[tuple[str, int, str], Decimal] = field(factory=lambda: defaultdict(Decimal))
    trades: list[tuple[str, str, Decimal, Decimal]] = field(factory=list)
    """(maker's order, taker's order, price, count) since last looked at."""
    turns: int = 0
    now: float = 0

    def accept(self, order: Resting) -> None:
        """Match an order and let its rest rest."""
        while order.left and (maker := self._best_for(order)) is not None:
            if maker.account == order.account:
                if order.stp == "taker_at_cross":
                    return
                self.book.remove(maker)
                continue
            self._trade(maker, order, min(maker.left, order.left))
            group = self.groups.get(order.group or "")
            if group and group.triggered and order.tif != "fill_or_kill":
                return
        if order.left and order.tif == "good_till_canceled":
            self.turns += 1
            order.turn = self.turns
            self.book.append(order)

    def _best_for(self, order: Resting) -> Resting | None:
        sign = 1 if order.bid else -1
        fits = [
            other
            for other in self.book
            if other.ticker == order.ticker
            and other.bid != order.bid
            and sign * other.price <= sign * order.price
        ]
        return min(fits, key=lambda other: (sign * other.price, other.turn), default=None)

    def _trade(self, maker: Resting, taker: Resting, count: Decimal) -> None:
        self.trades.append((maker.id, taker.id, maker.price, count))
        for order, rate in zip((maker, taker), self.rates[maker.ticker][::-1], strict=True):
            self._fill(order, maker.price, count, Decimal(rate))
            order.left -= count
            order.filled += count
        if not maker.left:
            self.book.remove(maker)
        for order in (maker, taker):
            self._trip(order)

    def _fill(self, order: Resting, price: Decimal, count: Decimal, rate: Decimal) -> None:
        key = (order.account, order.subaccount, order.ticker)
        before = self.held[key]
        after = before + (count if order.bid else -count)
        # a YES and a NO of one hand are a dollar: only the outer part of a position is paid for
        pairs = (abs(before) + count - abs(after)) / 2
        revenue = pairs - count * (price if order.bid else 1 - price)
        self.held[key] = after
        fee = (rate * count * price * (1 - price)).quantize(TICK, ROUND_CEILING)
        change = (revenue - fee).quantize(CENT, ROUND_FLOOR)
        rounding = revenue - fee - change
        order.rounding += rounding
        if order.rounding > CENT and fee + rounding >= CENT:
            order.rounding -= CENT
            change += CENT
        self.cash[order.account] += change

    def _trip(self, order: Resting) -> None:
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

    def drop(self, **facts: Any) -> None:
        """Cancel what fits all facts."""
        self.book = [
            order
            for order in self.book
            if any(getattr(order, name) != value for name, value in facts.items())
        ]

    def wait(self, now: float) -> None:
        self.now = now
        self.book = [o for o in self.book if o.expires is None or o.expires > now]

    def settle(self, ticker: str, value: Decimal) -> None:
        self.drop(ticker=ticker)
        for (account, subaccount, name), count in list(self.held.items()):
            if name == ticker:
                each = value if count > 0 else 1 - value
                self.cash[account] += (abs(count) * each).quantize(CENT, ROUND_FLOOR)
                self.held[account, subaccount, name] = Decimal(0)

    def find(self, order_id: str) -> Resting | None:
        return next((order for order in self.book if order.id == order_id), None)

    def depth(self, ticker: str, *, bid: bool) -> list[list[str]]:
        """Sum up one side, best price first, as the truth writes it."""
        prices: dict[Decimal, Decimal] = defaultdict(Decimal)
        for order in self.book:
            if (order.ticker, order.bid) == (ticker, bid):
                prices[order.price] += order.left
        return [[f"{p:.4f}", f"{c:.2f}"] for p, c in sorted(prices.items(), reverse=bid)]

    def queue(self, ticker: str, *, bid: bool) -> list[str]:
        """List the ids of one side in the sequence of their turns."""
        side = [order for order in self.book if (order.ticker, order.bid) == (ticker, bid)]
        side.sort(key=lambda order: (-order.price if bid else order.price, order.turn))
        return [order.id for order in side]

    def reserved(self, account: str, subaccount: int, ticker: str) -> Decimal:
        """Walk over what rests, best price first: what closes the position costs nothing."""
        total = Decimal(0)
        for bid in (True, False):
            held = self.held[account, subaccount, ticker]
            closing = max(-held if bid else held, Decimal(0))
            for order_id in self.queue(ticker, bid=bid):
                order = self.find(order_id)
                if order and (order.account, order.subaccount) == (account, subaccount):
                    free = min(closing, order.left)
                    closing -= free
                    total += (order.left - free) * (order.price if bid else 1 - order.price)
        return total
