"""What an order means, computed independently of the code: from arguments and from the wire.

A meaning is (direction, price): +1 gains when YES wins, -1 when NO wins; the price is that of YES
in ten-thousandths of a dollar, as a whole number.
"""

from __future__ import annotations

import json
from typing import Any

Meaning = tuple[int, int]

SIDES_AND_ACTIONS: list[tuple[str, str | None]] = [
    ("yes", "buy"),
    ("yes", "sell"),
    ("no", "buy"),
    ("no", "sell"),
    ("bid", None),
    ("ask", None),
]
TICKS = range(1, 10_000)
CENTS = range(100, 10_000, 100)


def meaning_of(side: str, action: str | None, tick: int) -> Meaning:
    """Return what `side` and `action` mean at a price of that side."""
    if side == "bid":
        return +1, tick
    if side == "ask":
        return -1, tick
    gains_with_yes = (side == "yes") == (action == "buy")
    return (+1 if gains_with_yes else -1), (tick if side == "yes" else 10_000 - tick)


def dollars(tick: int) -> str:
    """Write ten-thousandths as dollars."""
    return f"0.{tick:04d}"


def ticks(text: str) -> int:
    """Read dollars between 0 and 1 as ten-thousandths, from its digits alone."""
    whole, _, parts = text.partition(".")
    if whole != "0" or not 2 <= len(parts) <= 4 or not parts.isdigit():
        raise AssertionError(f"{text!r} is not a price as the exchange takes it")
    return int(parts.ljust(4, "0"))


def current_body(body: bytes) -> Meaning:
    """Return what a body of the current contract means."""
    document = json.loads(body)
    assert isinstance(document["price"], str)
    return {"bid": +1, "ask": -1}[document["side"]], ticks(document["price"])


def classic_body(body: bytes) -> Meaning:
    """Return what a body of the classic contract means."""
    document: dict[str, Any] = json.loads(body)
    prices = {name: document[name] for name in ("yes_price", "no_price") if name in document}
    ((name, cents),) = prices.items()
    assert type(cents) is int
    assert name == f"{document['side']}_price"
    return meaning_of(document["side"], document["action"], cents * 100)
