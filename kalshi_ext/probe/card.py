"""A card: one question, how it is asked, and what this library assumes of the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeAlias

from attrs import field, frozen

from kalshi_ext.probe.bench import Bench

Values: TypeAlias = dict[str, Any]


@frozen
class Card:
    """One question to an exchange.

    `ask` returns what was learned: names and JSON-ready values, never a secret or an id.
    `assumed` is what this library takes for granted, by the same names; `depends` says what goes
    wrong where that is not so. `risk` is the most dollars that it can cost.
    """

    name: str
    question: str
    ask: Callable[[Bench], Values] = field(repr=False)
    assumed: Mapping[str, Any] = field(factory=dict[str, Any])
    depends: str = ""
    risk: Decimal = Decimal(0)

    def disagreements(self, values: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
        """Return (assumed, learned) of each value that is not as assumed."""
        return {
            name: (assumed, values[name])
            for name, assumed in self.assumed.items()
            if name in values and not _agrees(assumed, values[name])
        }


DECK: list[Card] = []  # in the order of their definitions


def card(
    question: str,
    *,
    assumed: Mapping[str, Any] | None = None,
    depends: str = "",
    risk: Decimal = Decimal(0),
) -> Callable[[Callable[[Bench], Values]], Callable[[Bench], Values]]:
    """Put a function into the deck as a card of its name."""

    def add(ask: Callable[[Bench], Values]) -> Callable[[Bench], Values]:
        name = ask.__name__.replace("_", "-")
        DECK.append(Card(name, question, ask, assumed or {}, depends, risk))
        return ask

    return add


@frozen
class AtMost:
    """An assumption that a number is not above a limit."""

    limit: float

    def __str__(self) -> str:
        return f"at most {self.limit:g}"


@frozen
class OneOf:
    """An assumption that a value is one of several: each of them is handled."""

    values: tuple[Any, ...]

    def __str__(self) -> str:
        return f"one of {', '.join(map(str, self.values))}"


def _agrees(assumed: Any, learned: Any) -> bool:
    if isinstance(assumed, AtMost):
        return learned is not None and float(learned) <= assumed.limit
    if isinstance(assumed, OneOf):
        return learned in assumed.values
    return bool(assumed == learned)
