"""What an account holds and may still come to hold: exact sums, kept up to date by differences.

An order stands at its worst: what is not proven ended may still be filled, at its own price. A fill
moves contracts from the unexecuted part to the position at the order's price, so the sums that
limits compare stay or fall. The money of a bid is its YES price, that of an ask 1 minus it.

    bid 10 at 0.40, 4 of them filled      unexecuted 6 and $2.40, held +4 and $1.60
    ask 3 at 0.70 beside it, filled       held +1 and $0.40: an exit frees what its share had cost

Invariant: the totals equal the sums over all orders and holdings (tested).
"""

from __future__ import annotations

from decimal import ROUND_UP, Context, Decimal
from typing import Final, NamedTuple

from attrs import define, evolve, field, frozen

from kalshi_ext.bases import Printed, Value
from kalshi_ext.values.money import EXACT

ZERO: Final = Decimal(0)
ONE: Final = Decimal(1)
_SHARE: Final = Context(prec=60, rounding=ROUND_UP)
_STEP: Final = Decimal("0.000001")  # of a dollar, to which what is left of a cost is rounded up


class PositionKey(NamedTuple):
    """Whose position in which market."""

    ticker: str
    subaccount: int

    @classmethod
    def of(cls, ticker: str, subaccount: int | None) -> PositionKey:
        """Make a key; None is the primary subaccount."""
        return cls(ticker, subaccount or 0)


@frozen(eq=False, repr=False)
class Terms(Value):
    """What an order asks for: contracts in all, and the YES price."""

    position_key: PositionKey
    is_bid: bool
    count: Decimal
    price: Decimal
    max_cost: Decimal | None = None

    def cost(self, count: Decimal) -> Decimal:
        """Return the most that so many contracts of it cost."""
        each = self.price if self.is_bid else EXACT.subtract(ONE, self.price)
        cost = EXACT.multiply(each, count)
        return cost if self.max_cost is None else min(cost, self.max_cost)


class Sums(NamedTuple):
    """Contracts, dollars and unexecuted dollars."""

    contracts: Decimal = ZERO
    dollars: Decimal = ZERO
    unexecuted: Decimal = ZERO

    def plus(self, other: Sums) -> Sums:
        return Sums(*(EXACT.add(a, b) for a, b in zip(self, other, strict=True)))

    def minus(self, other: Sums) -> Sums:
        return Sums(*(EXACT.subtract(a, b) for a, b in zip(self, other, strict=True)))


@define(eq=False, repr=False)
class Holding(Printed):
    """Contracts held of one market (negative for NO), and the dollars they cost."""

    position: Decimal = ZERO
    cost: Decimal = ZERO

    def sums(self) -> Sums:
        return Sums(abs(self.position), self.cost, ZERO)

    def fill(self, count: Decimal, *, is_bid: bool, price: Decimal) -> None:
        """Take in an execution: it closes what is held of the other outcome, then opens."""
        signed = count if is_bid else -count
        held = abs(self.position)
        closed = min(held, count) if self.position * signed < 0 else ZERO
        if closed:
            left = _SHARE.divide(_SHARE.multiply(self.cost, held - closed), held)
            self.cost = left.quantize(_STEP, context=_SHARE)
        each = price if is_bid else EXACT.subtract(ONE, price)
        self.cost = EXACT.add(self.cost, EXACT.multiply(each, EXACT.subtract(count, closed)))
        self.position = EXACT.add(self.position, signed)


@define(eq=False, repr=False)
class Working(Printed):
    """An order that may still be filled. `wanted` is an amend that may come to hold."""

    key: str
    terms: Terms
    filled: Decimal = ZERO
    told: Decimal = ZERO  # the sum of the fills that were handed in, which acks told in part
    order_id: str | None = None
    wanted: Terms | None = None

    def open_count(self) -> Decimal:
        return max(self._left(self.terms), ZERO if self.wanted is None else self._left(self.wanted))

    def _left(self, terms: Terms) -> Decimal:
        return max(ZERO, EXACT.subtract(terms.count, self.filled))

    def sums(self) -> Sums:
        """Return its unexecuted part at its worst."""
        count = self.open_count()
        both = (self.terms, self.wanted or self.terms)
        cost = max(terms.cost(self._left(terms)) for terms in both)
        return Sums(count, cost, cost)


@define(eq=False, repr=False)
class Market(Printed):
    """What is held and unexecuted in one market. Times are monotonic."""

    holdings: dict[int, Holding] = field(factory=dict[int, Holding])
    orders: dict[str, Working] = field(factory=dict[str, Working])
    sums: Sums = field(factory=Sums)
    sides: dict[tuple[int, bool], Decimal] = field(factory=dict[tuple[int, bool], Decimal])
    in_flight: int = 0
    changed: float = float("-inf")
    read_at: float = float("-inf")  # Unix seconds of the last snapshot


@define(eq=False, repr=False)
class Book(Printed):
    """Markets by ticker, working orders by key and by order_id, and the sums over all."""

    markets: dict[str, Market] = field(factory=dict[str, Market])
    by_id: dict[str, Working] = field(factory=dict[str, Working])
    sums: Sums = field(factory=Sums)

    def market(self, ticker: str) -> Market:
        return self.markets.setdefault(ticker, Market())

    def holding(self, key: PositionKey) -> Holding:
        return self.market(key.ticker).holdings.get(key.subaccount, Holding())

    def side(self, key: PositionKey, *, is_bid: bool) -> Decimal:
        """Return the unexecuted contracts of one direction."""
        return self.market(key.ticker).sides.get((key.subaccount, is_bid), ZERO)

    def order(self, order_id: str) -> Working | None:
        return self.by_id.get(order_id)

    # Each change takes an order's part out of the sums, and puts it in again as it is then.

    def add(self, order: Working) -> None:
        """Begin to count an order."""
        self.market(order.terms.position_key.ticker).orders[order.key] = order
        self._count(order, ONE)

    def remove(self, order: Working) -> None:
        """Stop counting an order: it has ended, or never was."""
        if not self.has(order):
            return
        self._count(order, -ONE)
        del self.market(order.terms.position_key.ticker).orders[order.key]
        if order.order_id is not None:
            self.by_id.pop(order.order_id, None)

    def has(self, order: Working) -> bool:
        """Say whether an order is counted."""
        return self.market(order.terms.position_key.ticker).orders.get(order.key) is order

    def name(self, order: Working, order_id: str) -> None:
        """Note the exchange's id of an order."""
        order.order_id = order_id
        self.by_id[order_id] = order

    def change(self, order: Working, terms: Terms, wanted: Terms | None) -> None:
        """Give an order other terms."""
        if not self.has(order):
            return
        self._count(order, -ONE)
        order.terms, order.wanted = terms, wanted
        self._count(order, ONE)

    def filled(self, order: Working, count: Decimal) -> None:
        """Take in that so much of an order is filled in all; less than is known is old."""
        more = EXACT.subtract(min(count, order.terms.count), order.filled)
        if more <= 0 or not self.has(order):
            return
        self._count(order, -ONE)
        order.filled = EXACT.add(order.filled, more)
        self._count(order, ONE)
        terms = order.terms
        self.execute(terms.position_key, more, is_bid=terms.is_bid, price=terms.price)

    def execute(self, key: PositionKey, count: Decimal, *, is_bid: bool, price: Decimal) -> None:
        """Move a position by an execution."""
        holding = self.market(key.ticker).holdings.setdefault(key.subaccount, Holding())
        before = holding.sums()
        holding.fill(count, is_bid=is_bid, price=price)
        self._move(key.ticker, before, holding.sums())

    def hold(self, key: PositionKey, holding: Holding) -> None:
        """Replace a holding by one that was read."""
        before = self.holding(key).sums()
        self.market(key.ticker).holdings[key.subaccount] = holding
        self._move(key.ticker, before, holding.sums())

    def _count(self, order: Working, sign: Decimal) -> None:
        (ticker, subaccount), is_bid = order.terms.position_key, order.terms.is_bid
        sides, sums = self.market(ticker).sides, order.sums()
        signed = EXACT.multiply(sums.contracts, sign)
        sides[subaccount, is_bid] = EXACT.add(sides.get((subaccount, is_bid), ZERO), signed)
        self._move(ticker, *((Sums(), sums) if sign > 0 else (sums, Sums())))

    def _move(self, ticker: str, before: Sums, after: Sums) -> None:
        market, moved = self.market(ticker), after.minus(before)
        market.sums = market.sums.plus(moved)
        self.sums = self.sums.plus(moved)


def resized(terms: Terms, count: Decimal) -> Terms:
    """Return the same terms for another number of contracts."""
    return evolve(terms, count=count)
