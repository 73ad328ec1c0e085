"""Money, prices, counts and moments as integers, and their texts.

Inside the engine: a price is 1/10000 dollar, a count 1/100 contract, so price x count is
micro-dollars (1e-6) exactly; cash is micro-dollars; a moment is microseconds since 1970 (UTC).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from kalshi_ext.sandbox.engine.refusals import ApiError, bad_request

ONE = 10_000
"""A dollar as a price; also what one hundredth of a contract pays, in micro-dollars."""
DOLLAR = 1_000_000
CENT = 10_000
SECOND = 1_000_000
DAY = 86_400 * SECOND
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAST_SECOND = 253_402_300_799
"""The end of year 9999: later moments have no text."""

_PRICES = tuple(f"{p // ONE}.{p % ONE:04d}" for p in range(ONE + 1))
_NUMBER = re.compile(r"-?\d{1,18}(?:\.\d{1,18})?", re.ASCII)


def format_price(price: int) -> str:
    """Write a price in dollars with four decimals."""
    return _PRICES[price]


def format_count(count: int) -> str:
    """Write a count with two decimals."""
    return f"{count // 100}.{count % 100:02d}" if count >= 0 else f"-{format_count(-count)}"


def format_dollars(micro: int) -> str:
    """Write micro-dollars as dollars, four decimals or six where needed."""
    sign = "-" if micro < 0 else ""
    whole, rest = divmod(abs(micro), DOLLAR)
    return f"{sign}{whole}.{rest:06d}" if rest % 100 else f"{sign}{whole}.{rest // 100:04d}"


def parse_dollars(text: str) -> int:
    """Read dollars text as micro-dollars; raises ValueError for anything finer or not a number."""
    try:
        scaled = Decimal(text) * DOLLAR
    except InvalidOperation as error:
        raise ValueError(f"{text!r} is not an amount in dollars") from error
    if not scaled.is_finite() or scaled != int(scaled):
        raise ValueError(f"{text!r} is not a whole number of micro-dollars")
    return int(scaled)


@lru_cache(maxsize=8192)
def _price_units(text: str) -> int | None:
    if not _NUMBER.fullmatch(text):
        raise bad_request(f"price is not a fixed-point number: {text!r}")
    decimals = len(text.partition(".")[2])
    if not 2 <= decimals <= 4 or text.startswith("-"):
        return None
    scale: int = 10 ** (4 - decimals)
    return int(text.replace(".", "")) * scale


def parse_price(value: object) -> int:
    """Read a request's price in dollars: text with 2-4 decimals; 400 for anything else."""
    if not isinstance(value, str):
        raise bad_request("price must be a string")
    price = _price_units(value)
    if price is None:
        raise ApiError(400, "invalid_price", "price must have 2 to 4 decimals", value)
    return price


@lru_cache(maxsize=8192)
def _count_units(text: str) -> int | None:
    if not _NUMBER.fullmatch(text):
        raise bad_request(f"count is not a fixed-point number: {text!r}")
    whole, _, decimals = text.partition(".")
    if len(decimals) > 2 or len(whole) > 12:
        return None
    return int(whole + decimals.ljust(2, "0"))


def parse_count(value: object, name: str = "count") -> int:
    """Read a request's count of contracts: text with at most 2 decimals, above 0; 400 else."""
    if not isinstance(value, str):
        raise bad_request(f"{name} must be a string")
    count = _count_units(value)
    if count is None or count <= 0:
        raise ApiError(400, "invalid_order_size", f"{name} must be a multiple of 0.01", value)
    return count


def to_microseconds(when: datetime) -> int:
    """Turn an aware datetime into microseconds."""
    return (when - EPOCH) // timedelta(microseconds=1)


def to_datetime(moment: int) -> datetime:
    """Turn microseconds into an aware datetime."""
    return EPOCH + timedelta(microseconds=moment)


@lru_cache(maxsize=8192)
def _format_second(second: int) -> str:
    return (EPOCH + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S")


def format_time(moment: int) -> str:
    """Write a moment as RFC 3339 with microseconds and Z."""
    second, rest = divmod(moment, SECOND)
    return f"{_format_second(second)}.{rest:06d}Z"


def divide_half_up(part: int, whole: int) -> int:
    """Divide and round half up; whole is above 0."""
    return (2 * part + whole) // (2 * whole)
