"""Tick sizes: the prices a market takes.

A market lists bands of prices, each with its own step (`price_ranges`); whole cents are valid in
every market, and the finest step is 0.0001 dollars (all documented). For example, with the bands
0 to 0.10 in steps of 0.001 and 0.10 to 1 in steps of 0.01, 0.055 is valid and 0.555 is not.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

from attrs import field, frozen

from kalshi_ext.arguments import misuse
from kalshi_ext.bases import Value
from kalshi_ext.redact import redacted_repr
from kalshi_ext.values.money import EXACT, price
from kalshi_ext.values.parsing import read_dollars

# Prices are compared as whole millionths: Decimal's % rounds by the caller's context.
_SCALE: Final = 6
_CENT: Final = 10_000
_DOLLAR: Final = 1_000_000


@frozen(eq=False, repr=False)
class Band(Value):
    """Prices from `start` to `end` (both included) in steps of `step`, in dollars."""

    start: Decimal
    end: Decimal
    step: Decimal
    _start: int = field(init=False, repr=False, eq=False)
    _end: int = field(init=False, repr=False, eq=False)
    _step: int = field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        for name in ("start", "end", "step"):
            # Converted once: a grid is checked against many prices.
            object.__setattr__(self, f"_{name}", _whole_millionths(getattr(self, name)))
        if self._step <= 0 or self._end < self._start:
            raise ValueError(f"not a band of prices: {self}")

    def holds(self, millionths: int) -> bool:
        """Whether this many millionths of a dollar are a tick of the band."""
        inside = self._start <= millionths <= self._end
        return inside and (millionths - self._start) % self._step == 0

    def ticks(self) -> Iterable[int]:
        """List the band's ticks in millionths of a dollar."""
        return range(self._start, self._end + 1, self._step)


@frozen(eq=False, repr=False)
class PriceGrid(Value):
    """The valid prices of one market: those of its bands, and whole cents."""

    bands: tuple[Band, ...] = ()

    @classmethod
    def read(cls, rows: Iterable[Mapping[str, object]] | None) -> PriceGrid:
        """Read a market's `price_ranges`. Raises ValueError on a row that is no band."""
        return cls(tuple(_read_band(row) for row in rows or ()))

    def has(self, value: Decimal) -> bool:
        """Whether the market takes this price."""
        millionths = _millionths(value)
        if millionths is None or not 0 < millionths < _DOLLAR:
            return False
        return millionths % _CENT == 0 or any(band.holds(millionths) for band in self.bands)

    def check(self, value: object, *, name: str = "price") -> Decimal:
        """Check a price of this market. Raises Misuse, naming the neighbouring valid prices."""
        number = price(value, name=name)
        if not self.has(number):
            ticks = " and ".join(f"'{tick}'" for tick in self._neighbours(number))
            raise misuse(name, value, f"not on this market's grid; beside it: {ticks}")
        return number

    def ticks(self) -> list[Decimal]:
        """List every valid price, ascending."""
        # A set, because bands may overlap each other and whole cents.
        valid = set(range(_CENT, _DOLLAR, _CENT)).union(*(band.ticks() for band in self.bands))
        return [
            Decimal(tick).scaleb(-_SCALE, EXACT) for tick in sorted(valid) if 0 < tick < _DOLLAR
        ]

    def _neighbours(self, number: Decimal) -> list[Decimal]:
        ticks = self.ticks()
        at = bisect_left(ticks, number)
        return [tick.normalize(EXACT) for tick in ticks[max(at - 1, 0) : at + 1]]


def _read_band(row: Mapping[str, object]) -> Band:
    start, end, step = (read_dollars(row.get(name)) for name in ("start", "end", "step"))
    if start is None or end is None or step is None:
        raise ValueError(f"not a band of prices: {redacted_repr(row)}")
    return Band(start, end, step)


def _millionths(value: Decimal) -> int | None:
    if not -_DOLLAR < value < _DOLLAR:  # an exponent of millions would take for ever as an int
        return None
    try:
        scaled = value.scaleb(_SCALE, EXACT)
        # Finer than a millionth: no price of any market.
        return int(scaled) if scaled == scaled.to_integral_value() else None
    except ArithmeticError:
        return None


def _whole_millionths(value: Decimal) -> int:
    millionths = _millionths(value)
    if millionths is None:
        raise ValueError(f"{redacted_repr(value)} is finer than a millionth of a dollar")
    return millionths
