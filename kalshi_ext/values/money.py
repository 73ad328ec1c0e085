"""Money, prices and counts of contracts: exact or refused.

Money is dollars, as text or Decimal, from the caller to the wire. Two inputs are refused that could
only be guessed at: a float, because 0.56 has no exact binary form, and a whole number, because 56
was cents in the classic contract and would be dollars in the current one.

    price("0.56")     -> Decimal("0.5600")
    price(0.56)       -> Misuse: a float is inexact
    cents("12.50")    -> 1250, what a subaccount transfer carries
    count(10)         -> Decimal("10.00"); a count may be a whole number

Steps are documented: 0.0001 dollars, 0.01 contracts. The upper bounds are this library's own.
"""

from __future__ import annotations

import re
from decimal import Context, Decimal, Inexact, InvalidOperation
from functools import lru_cache
from typing import Any, Final, Literal

from kalshi_ext.arguments import misuse, plain
from kalshi_ext.errors import Misuse
from kalshi_ext.redact import is_a

ONE: Final = Decimal(1)
MAX_COUNT: Final = Decimal(1_000_000_000)
MAX_DOLLARS: Final = Decimal(1_000_000_000_000)

# All arithmetic on money uses this context: the caller's may have a precision of 3 and would round
# silently, or trap what is harmless here. An inexact result is an error here.
EXACT: Final = Context(prec=60, traps=[InvalidOperation, Inexact])

_STEP: Final = {2: Decimal("0.01"), 4: Decimal("0.0001")}
Places = Literal[2, 4]

# Decimal() itself also takes "1_0", "1e3", " 1" and the digits of every script.
_DECIMAL_TEXT = re.compile(r"-?(?:\d+(?:\.\d*)?|\.\d+)", re.ASCII)
_MAX_TEXT = 40  # bounds the work on a text from outside; the largest amount has 18 characters


def price(value: object, name: str = "price") -> Decimal:
    """Check a price in dollars: above 0, below 1, at most 4 decimals. Raises Misuse.

    Whether the market takes this price is checked by `PriceGrid`.
    """
    if _is_repeated(value):
        try:
            return _known_price(value)
        except (Misuse, TypeError):
            pass  # raised below, with the argument's name
    return _price(value, name)


def _price(value: object, name: str) -> Decimal:
    number = _dollar_amount(value, name, example="0.56")
    if not 0 < number < ONE:
        raise misuse(name, value, "a price is above 0 and below 1 dollar, like '0.56'")
    return _quantized(number, value, name, places=4)


def dollars(value: object, name: str, *, places: Places = 4, zero: bool = False) -> Decimal:
    """Check a positive amount of dollars of at most `places` decimals; `zero` allows 0.

    Raises Misuse.
    """
    number = _dollar_amount(value, name, example="12.50")
    _check_range(number, value, name, zero=zero, maximum=MAX_DOLLARS)
    return _quantized(number, value, name, places=places)


def cents(value: object, *, name: str) -> int:
    """Convert an amount in dollars to whole cents, exactly. Raises Misuse."""
    return int(dollars(value, name=name, places=2).scaleb(2, EXACT))


def centicents(value: object, *, name: str) -> int:
    """Convert an amount in dollars to hundredths of a cent, exactly. Raises Misuse."""
    return int(dollars(value, name=name, places=4).scaleb(4, EXACT))


def count(
    value: object, name: str = "count", *, whole: bool = False, zero: bool = False
) -> Decimal:
    """Check a number of contracts in steps of 0.01, from 0.01 (`zero`: from 0) to 1,000,000,000.

    `whole` allows whole contracts only, as the classic contract does. Raises Misuse.
    """
    if _is_repeated(value) and not (whole or zero):
        try:
            return _known_count(value)
        except (Misuse, TypeError):
            pass  # as above
    return _count(value, name, whole=whole, zero=zero)


def _count(value: object, name: str, *, whole: bool = False, zero: bool = False) -> Decimal:
    number = _contract_count(value, name)
    _check_range(number, value, name, zero=zero, maximum=MAX_COUNT)
    if whole and number != number.to_integral_value():
        raise misuse(name, value, "this contract takes whole contracts only")
    return _quantized(number, value, name, places=2)


# A bot says few prices and counts, and a ticket checks what `OrderTicket.of` has made. What is
# refused is not remembered.
def _is_repeated(value: object) -> bool:
    kind = type(value)
    return kind is str or kind is Decimal or kind is int  # `in` would ask a metaclass


@lru_cache(maxsize=4096)
def _known_price(value: Any) -> Decimal:
    return _price(value, "price")


@lru_cache(maxsize=4096)
def _known_count(value: Any) -> Decimal:
    return _count(value, "count")


def complement(value: Decimal) -> Decimal:
    """Return the price of the other outcome: 1 - price, exactly."""
    return EXACT.subtract(ONE, value)


def dollars_text(value: Decimal) -> str:
    """Format dollars for the wire: fixed point, 2 to 4 decimals (documented)."""
    text = f"{value.quantize(_STEP[4], context=EXACT):f}"
    return text[:-2] if text.endswith("00") else text.removesuffix("0")


def count_text(value: Decimal) -> str:
    """Format a number of contracts for the wire: fixed point, 2 decimals (documented)."""
    return f"{value.quantize(_STEP[2], context=EXACT):f}"


def _dollar_amount(value: object, name: str, *, example: str) -> Decimal:
    if type(plain(value)) is int:
        rule = "a whole number may mean cents or dollars; write dollars as text or Decimal, like"
        raise misuse(name, value, f"{rule} '{example}'")
    return _decimal(value, name, example)


def _contract_count(value: object, name: str) -> Decimal:
    given = plain(value)
    if type(given) is int:
        # Larger than any bound: a Decimal of it could take minutes to make.
        return Decimal(given) if given.bit_length() < 200 else MAX_COUNT + 1
    return _decimal(given, name, "10")


def _decimal(value: object, name: str, example: str) -> Decimal:
    number = _parse(value)
    if number is None:
        reason = "a float is inexact" if is_a(value, float) else "not a plain number"
        raise misuse(name, value, f"{reason}; write text or Decimal, like '{example}'")
    return number


def _parse(value: object) -> Decimal | None:
    given = plain(value)
    if type(given) is str:
        text = given.strip()  # of a spreadsheet's cell
        matches = len(text) <= _MAX_TEXT and _DECIMAL_TEXT.fullmatch(text)
        return Decimal(text) if matches else None
    # A copy: a subclass may compare and round in its own way.
    number = Decimal(given) if is_a(given, Decimal) else None
    return number if number is not None and number.is_finite() else None


def _check_range(
    number: Decimal, value: object, name: str, *, zero: bool, maximum: Decimal
) -> None:
    if number < 0 or (number == 0 and not zero) or number > maximum:
        lower = "at least 0" if zero else "above 0"
        raise misuse(name, value, f"must be {lower} and at most {int(maximum):,}")


def _quantized(number: Decimal, value: object, name: str, *, places: Places) -> Decimal:
    try:
        # The number is not negative, but it may be -0. abs() would round by the caller's context.
        return number.quantize(_STEP[places], context=EXACT).copy_abs()
    except ArithmeticError:
        pass  # raised outside, so that the error does not chain decimal's own
    raise misuse(name, value, f"the smallest step is {_STEP[places]}")
