"""Read the numbers of answers: text, JSON numbers, null or "".

Answers carry up to 6 decimals (documented); old ones carry "" where a number is absent (observed).
Garbage is a ValueError, so that the caller drops that row and keeps the page.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from functools import lru_cache

from kalshi_ext.redact import redacted_repr
from kalshi_ext.values.money import EXACT, ONE

# More digits than any number of the wire has: 1e999999 is short to write and long to compute.
_MAX_DIGITS = 18
_MAX_WHOLE = 10**_MAX_DIGITS


def read_dollars(value: object) -> Decimal | None:
    """Read dollars; None for null or "". Raises ValueError."""
    # The common case first: amounts of the current contract are text.
    if type(value) is str and value:
        return _from_text(value)
    if value is None or value == "":
        return None
    number = _number(value)
    if number is None or not number.is_finite():
        raise ValueError(f"{redacted_repr(value)} is not a number")
    return number


def read_count(value: object) -> Decimal | None:
    """Read a number of contracts, written like dollars; None for null or "". Raises ValueError."""
    return read_dollars(value)


def read_price(value: object) -> Decimal | None:
    """Read a price in dollars, from 0 to 1; None for null or "". Raises ValueError."""
    number = read_dollars(value)
    return None if number is None else _checked_price(number)


def read_whole(value: object) -> int | None:
    """Read a whole number, written 2, "2" or 2.0; None for null or "". Raises ValueError."""
    if type(value) is int and -_MAX_WHOLE < value < _MAX_WHOLE:
        return value
    number = read_dollars(value)
    if number is None:
        return None
    if number.adjusted() >= _MAX_DIGITS or not _is_whole(number):
        raise ValueError(f"{redacted_repr(value)} is not a whole number")
    return int(number)


def read_flag(value: object) -> bool | None:
    """Read true or false; None for null or "". Raises ValueError."""
    if isinstance(value, bool):
        return value
    if value is None or value == "":
        return None
    raise ValueError(f"{redacted_repr(value)} is neither true nor false")


def read_text(value: object) -> str | None:
    """Read text; None for null or "". Raises ValueError."""
    if isinstance(value, str):
        return value or None
    if value is None:
        return None
    raise ValueError(f"{redacted_repr(value)} is no text")


def read_cents(value: object) -> Decimal | None:
    """Read an amount given in cents as dollars; None for null or "". Raises ValueError."""
    number = read_dollars(value)
    if number is None:
        return None
    # Dollars where cents used to be would be read a hundred times too small: 168.96 whatever its
    # JSON type, and "168.00" too, as nobody writes whole cents so.
    if not _is_whole(number) or (isinstance(value, str) and "." in value):
        raise ValueError(f"{redacted_repr(value)} is not a whole number")
    try:
        return number.scaleb(-2, EXACT)
    except ArithmeticError:
        pass  # raised outside, so that the error does not chain decimal's own
    raise ValueError(f"{redacted_repr(value)} is out of range")


def number_of_text(value: object) -> Decimal:
    """Read a number that must be text and hold something, as amounts do today. ValueError."""
    if type(value) is not str:
        raise ValueError(f"{redacted_repr(value)} is not text")
    return _from_text(value)


def price_of_text(value: object) -> Decimal:
    """Read a price that must be text, as `number_of_text`. Raises ValueError."""
    if type(value) is not str:
        raise ValueError(f"{redacted_repr(value)} is not text")
    return _price_from_text(value)


@lru_cache(maxsize=4096)
def _price_from_text(value: str) -> Decimal:
    return _checked_price(_from_text(value))


@lru_cache(maxsize=4096)
def _from_text(value: str) -> Decimal:
    # Histories repeat few prices and counts: the cache takes 0.1 us where Decimal takes 0.4.
    try:
        # With a context: whether garbage raises must not depend on the caller's traps.
        # What Decimal reads beyond JSON's digits is no number of the wire: 1_000, Arabic digits.
        number = Decimal(value, EXACT) if value.isascii() and "_" not in value else None
    except InvalidOperation:
        number = None
    if number is None or not number.is_finite():
        raise ValueError(f"{redacted_repr(value)} is not a number")
    return number


def _number(value: object) -> Decimal | None:
    if isinstance(value, str):
        return _from_text(str(value))
    if isinstance(value, bool):
        return None  # an int to Python, no number in JSON
    if isinstance(value, float):
        # repr is the shortest text that names this float: what the JSON text said.
        return Decimal(repr(value))
    return Decimal(value) if isinstance(value, (int, Decimal)) else None


def _checked_price(number: Decimal) -> Decimal:
    if not 0 <= number <= ONE:
        raise ValueError(f"{redacted_repr(number)} is no price in dollars")
    return number


def _is_whole(number: Decimal) -> bool:
    return number == number.to_integral_value()
