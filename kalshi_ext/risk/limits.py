"""The limits a caller sets, and the states of trading."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar, Final, TypeAlias

from attrs import frozen

from kalshi_ext import values
from kalshi_ext.arguments import (
    LONGEST_WAIT,
    Checked,
    at_least_one,
    entries,
    flag,
    optional,
    plain_function,
    seconds,
)
from kalshi_ext.errors import Misuse

Reference: TypeAlias = Callable[[str], Decimal | str | None]


class TradingState(StrEnum):
    """What passes: ACTIVE all within the limits, REDUCING what lowers risk, HALTED only cancels."""

    ACTIVE = "ACTIVE"
    REDUCING = "REDUCING"
    HALTED = "HALTED"


def _contracts(value: object, name: str) -> Decimal:
    return values.count(value, name, zero=True)


def _dollars(value: object, name: str) -> Decimal:
    return values.dollars(value, name=name)


def _reference(value: object, name: str) -> Any:
    rule = "a plain function of a ticker that returns a YES price or None"
    return plain_function(value, name, rule)


def _tickers(value: object, name: str) -> frozenset[str]:
    return frozenset(entries(value, name, check=lambda entry: values.ticker(entry, name)))


_AMOUNTS: Final = tuple(
    f"{scope}_{what}"
    for scope in ("order", "market", "total")
    for what in ("contracts", "dollars", "unexecuted")
)


@frozen(kw_only=True, eq=False, repr=False)
class Limits(Checked):
    """What orders may at most do; None limits nothing. A limit is kept when it is just reached.

    `*_contracts` and `position` are contracts, `*_dollars`, `*_unexecuted`, `price_band` and
    `daily_loss` dollars: docs/limits.md says what each counts. `reference` gives the YES price that
    `price_band` is around, else `client.trading.set_reference` does; one older than
    `reference_seconds` is missing. `tickers` are the only ones allowed. `tick_grid` reads the
    prices that a market takes, once an hour.
    """

    order_contracts: Decimal | int | str | None = None
    order_dollars: Decimal | str | None = None
    order_unexecuted: Decimal | str | None = None
    market_contracts: Decimal | int | str | None = None
    market_dollars: Decimal | str | None = None
    market_unexecuted: Decimal | str | None = None
    total_contracts: Decimal | int | str | None = None
    total_dollars: Decimal | str | None = None
    total_unexecuted: Decimal | str | None = None
    position: Decimal | int | str | None = None
    price_band: Decimal | str | None = None
    reference: Reference | None = None
    reference_seconds: float = 10.0
    duplicate_seconds: float | None = None
    orders_per_minute: int | None = None
    orders_per_day: int | None = None
    daily_loss: Decimal | str | None = None
    tickers: Collection[str] | None = None
    tick_grid: bool = False

    _prefix: ClassVar = "limits "
    _checks: ClassVar[Mapping[str, Callable[[Any, str], Any]]] = {
        **{
            name: optional(_contracts if name.endswith("contracts") else _dollars)
            for name in _AMOUNTS
        },
        "position": optional(_contracts),
        "price_band": optional(_dollars),
        "reference": optional(_reference),
        "reference_seconds": lambda value, name: seconds(value, name, longest=LONGEST_WAIT),
        "duplicate_seconds": optional(seconds),
        "orders_per_minute": optional(at_least_one),
        "orders_per_day": optional(at_least_one),
        "daily_loss": optional(_dollars),
        "tickers": optional(_tickers),
        "tick_grid": flag,
    }

    def _check_together(self) -> None:
        if self.reference is not None and self.price_band is None:
            raise Misuse("limits reference goes only with price_band")
