"""The limits, one after the other: what refuses an order, with the limit and the value."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple, cast

from attrs import frozen

from kalshi_ext.bases import Value
from kalshi_ext.risk.counts import Equity, Moment, Rate, Repeats
from kalshi_ext.risk.exposure import ONE, ZERO, Book, Sums, Terms, Working
from kalshi_ext.risk.limits import Limits
from kalshi_ext.values.money import EXACT
from kalshi_ext.values.ticks import PriceGrid


class Refusal(NamedTuple):
    """Why an order may not go: a code of codes.py, the limit and what the order would make it."""

    code: str
    limit: Any
    value: Any


@frozen(eq=False, repr=False)
class Wish(Value):
    """An order, or the order that an amend leads to; `amends` is the one it changes, if known."""

    key: str
    terms: Terms
    reduce_only: bool = False
    is_amend: bool = False
    amends: Working | None = None
    reference: Decimal | None = None


@frozen(eq=False, repr=False)
class Facts(Value):
    """What limits compare with."""

    book: Book
    rate: Rate
    repeats: Repeats
    equity: Equity
    grids: dict[str, PriceGrid]


def lowers_risk(wish: Wish, book: Book) -> bool:
    """Say whether an order can only lower what is at risk.

    It closes no more than what is held beyond the orders that close it already, the exchange holds
    it to that, or it is an amend to no more contracts and no more dollars.
    """
    terms, old = wish.terms, wish.amends
    if wish.reduce_only or (old is not None and _is_no_more(wish, old)):
        return True
    position = book.holding(terms.position_key).position
    room = -position if terms.is_bid else position
    own = ZERO if old is None else old.open_count()
    working = EXACT.subtract(book.side(terms.position_key, is_bid=terms.is_bid), own)
    return EXACT.add(working, _unexecuted(wish)) <= room


def _is_no_more(wish: Wish, old: Working) -> bool:
    """Say whether an amend asks for no more contracts, at no worse a price."""
    terms, left, sums = wish.terms, _unexecuted(wish), old.sums()
    worse = terms.cost(ONE) > old.terms.cost(ONE)
    return not worse and left <= sums.contracts and terms.cost(left) <= sums.unexecuted


def _unexecuted(wish: Wish) -> Decimal:
    """Return the contracts that may still be filled."""
    filled = ZERO if wish.amends is None else wish.amends.filled
    return max(ZERO, EXACT.subtract(wish.terms.count, filled))


def refusals(wish: Wish, limits: Limits, facts: Facts, now: Moment) -> Iterator[Refusal]:
    """Walk what refuses an order that does not lower risk; the first one is told."""
    if limits.tickers is not None and wish.terms.position_key.ticker not in limits.tickers:
        yield Refusal("tickers", limits.tickers, wish.terms.position_key.ticker)
    yield from _price(wish, limits, facts)
    if limits.duplicate_seconds is not None and not wish.is_amend:
        age = facts.repeats.age(wish.terms, wish.key, now)
        if age is not None and age < limits.duplicate_seconds:
            yield Refusal("duplicate_seconds", limits.duplicate_seconds, round(age, 3))
    yield from _amounts(wish, limits, facts.book)
    yield from _loss(limits, facts.equity, now)
    yield from _rate(wish, limits, facts.rate, now)


def _price(wish: Wish, limits: Limits, facts: Facts) -> Iterator[Refusal]:
    price, ticker = wish.terms.price, wish.terms.position_key.ticker
    if limits.tick_grid:
        grid = facts.grids.get(ticker)
        if grid is None:
            yield Refusal("tick_grid_missing", None, ticker)
        elif not grid.has(price):
            yield Refusal("tick_grid", grid, price)
    if limits.price_band is not None:
        if wish.reference is None:
            yield Refusal("reference_missing", limits.reference_seconds, None)
            return
        away, band = abs(EXACT.subtract(price, wish.reference)), cast("Decimal", limits.price_band)
        if away > band:
            yield Refusal("price_band", band, away)


def _amounts(wish: Wish, limits: Limits, book: Book) -> Iterator[Refusal]:
    terms, more = wish.terms, _more(wish)
    cost = terms.cost(terms.count)
    order = Sums(terms.count, cost, terms.cost(_unexecuted(wish)))
    market = book.market(terms.position_key.ticker).sums.plus(more)
    for scope, sums in (("order", order), ("market", market), ("total", book.sums.plus(more))):
        for what, value in sums._asdict().items():
            limit = getattr(limits, f"{scope}_{what}")
            if limit is not None and value > limit:
                yield Refusal(f"{scope}_{what}", limit, value)
    if limits.position is not None:
        value, limit = _position_after(wish, book, more.contracts), cast("Decimal", limits.position)
        if value > limit:
            yield Refusal("position", limit, value)


def _more(wish: Wish) -> Sums:
    """Return what an order adds to the sums; an amend at its worst, as exposure.py counts it."""
    cost = wish.terms.cost(_unexecuted(wish))
    new = Sums(_unexecuted(wish), cost, cost)
    if wish.amends is None:
        return new
    return Sums(*(max(ZERO, amount) for amount in new.minus(wish.amends.sums())))


def _position_after(wish: Wish, book: Book, more: Decimal) -> Decimal:
    key, is_bid = wish.terms.position_key, wish.terms.is_bid
    position = book.holding(key).position
    working = EXACT.add(book.side(key, is_bid=is_bid), more)
    return EXACT.add(position if is_bid else -position, working)


def _loss(limits: Limits, equity: Equity, now: Moment) -> Iterator[Refusal]:
    if limits.daily_loss is None:
        return
    loss = equity.loss(now)
    if loss is None:
        yield Refusal("daily_loss_missing", limits.daily_loss, None)
    elif loss >= cast("Decimal", limits.daily_loss):
        yield Refusal("daily_loss", limits.daily_loss, loss)


def _rate(wish: Wish, limits: Limits, rate: Rate, now: Moment) -> Iterator[Refusal]:
    if rate.has(wish.key, now):
        return
    minute, day = rate.counts(now)
    pairs = (
        ("orders_per_minute", limits.orders_per_minute, minute + 1),
        ("orders_per_day", limits.orders_per_day, day + 1),
    )
    for code, limit, value in pairs:
        if limit is not None and value > limit:
            yield Refusal(code, limit, value)
