"""Write money, prices and counts: exact or refused.

Money is said in dollars, as text or Decimal. A float is inexact (0.56 is not 0.56), and a whole
number is refused because nobody can tell whether 56 means cents or dollars.
"""

from __future__ import annotations

import re
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import Final, Literal

from kalshi_ext.errors import Misuse
from kalshi_ext.redact import redacted_repr

ONE: Final = Decimal(1)
MAX_COUNT: Final = Decimal(1_000_000_000)
MAX_DOLLARS: Final = Decimal(1_000_000_000_000)

# Own context: the caller's may have a precision of 3 and would round money silently.
EXACT: Final = Context(prec=60, traps=[InvalidOperation, Inexact])

_STEP: Final = {2: Decimal("0.01"), 4: Decimal("0.0001")}
Places = Literal[2, 4]

# Decimal() itself also takes "1_0", "1e3", " 1" and the digits of every script.
_PLAIN = re.compile(r"-?(?:\d+(?:\.\d*)?|\.\d+)", re.ASCII)
_MAX_TEXT = 40


def price(value: object, *, name: str = "price") -> Decimal:
    """Take a price in dollars, above 0 and below 1, of at most 4 decimals.

    Raises Misuse. Whether the market has this tick is `PriceGrid`'s to say.
    """
    number = _amount(value, name, example="0.56")
    if not 0 < number < ONE:
        raise Misuse(
            f"{name}={redacted_repr(value)}: a price is above 0 and below 1 dollar, like '0.56'"
        )
    return _stepped(number, value, name, places=4)


def dollars(value: object, *, name: str, places: Places = 4, zero: bool = False) -> Decimal:
    """Take a positive amount of dollars (`zero` allows 0). Raises Misuse."""
    number = _amount(value, name, example="12.50")
    _bounded(number, value, name, zero=zero, top=MAX_DOLLARS)
    return _stepped(number, value, name, places=places)


def cents(value: object, *, name: str) -> int:
    """Take an amount in dollars and give whole cents, exactly. Raises Misuse."""
    return int(dollars(value, name=name, places=2).scaleb(2, EXACT))


def centicents(value: object, *, name: str) -> int:
    """Take an amount in dollars and give hundredths of a cent, exactly. Raises Misuse."""
    return int(dollars(value, name=name, places=4).scaleb(4, EXACT))


def count(
    value: object, *, name: str = "count", whole: bool = False, zero: bool = False
) -> Decimal:
    """Take a number of contracts in steps of 0.01, from 0.01 (or 0) to 1,000,000,000.

    `whole` allows whole contracts only, as the classic contract does. Raises Misuse.
    """
    number = _contracts(value, name)
    _bounded(number, value, name, zero=zero, top=MAX_COUNT)
    if whole and number != number.to_integral_value():
        raise Misuse(f"{name}={redacted_repr(value)}: this contract takes whole contracts only")
    return _stepped(number, value, name, places=2)


def complement(value: Decimal) -> Decimal:
    """Give the price of the other outcome: 1 - price, exactly."""
    return EXACT.subtract(ONE, value)


def dollars_text(value: Decimal) -> str:
    """Write dollars for the wire: fixed point, 2 to 4 decimals."""
    text = f"{value.quantize(_STEP[4], context=EXACT):f}"
    return text[:-2] if text.endswith("00") else text.removesuffix("0")


def count_text(value: Decimal) -> str:
    """Write a number of contracts for the wire: fixed point, 2 decimals."""
    return f"{value.quantize(_STEP[2], context=EXACT):f}"


def _amount(value: object, name: str, *, example: str) -> Decimal:
    if isinstance(value, int) and not isinstance(value, bool):
        raise Misuse(
            f"{name}={redacted_repr(value)}: a whole number may mean cents or dollars;"
            f" write dollars as text or Decimal, like {example!r}"
        )
    return _decimal(value, name, example)


def _contracts(value: object, name: str) -> Decimal:
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    return _decimal(value, name, "10")


def _decimal(value: object, name: str, example: str) -> Decimal:
    number = _plain(value)
    if number is None:
        reason = "a float is inexact" if isinstance(value, float) else "not a plain number"
        raise Misuse(
            f"{name}={redacted_repr(value)}: {reason}; write text or Decimal, like {example!r}"
        )
    return number


def _plain(value: object) -> Decimal | None:
    if isinstance(value, str):
        plain = len(value) <= _MAX_TEXT and _PLAIN.fullmatch(value)
        return Decimal(value) if plain else None
    return value if isinstance(value, Decimal) and value.is_finite() else None


def _bounded(number: Decimal, value: object, name: str, *, zero: bool, top: Decimal) -> None:
    if number < 0 or (number == 0 and not zero) or number > top:
        least = "at least 0" if zero else "above 0"
        raise Misuse(f"{name}={redacted_repr(value)}: must be {least} and at most {top:,}")


def _stepped(number: Decimal, value: object, name: str, *, places: Places) -> Decimal:
    try:
        # The number is not negative, but it may be -0. abs() would round by the caller's context.
        return number.quantize(_STEP[places], context=EXACT).copy_abs()
    except ArithmeticError:
        pass
    raise Misuse(f"{name}={redacted_repr(value)}: the smallest step is {_STEP[places]}")
