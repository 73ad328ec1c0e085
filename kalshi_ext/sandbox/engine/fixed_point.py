"""Money, prices, counts and times as integers, and their texts.

The units are chosen so that every product is exact: a price is 1/10000 dollar and a count is
1/100 contract, so price x count is micro-dollars (1e-6 dollar), the unit of cash. 1.50 contracts
at $0.56 are 150 x 5600 = 840,000 micro-dollars. A time is microseconds since 1970 (UTC).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from kalshi_ext.sandbox.engine.errors import ApiError, bad_request, invalid_order

ONE = 10_000
"""A dollar as a price; also what one hundredth of a contract pays, in micro-dollars."""
DOLLAR = 1_000_000
CENT = 10_000
SECOND = 1_000_000
DAY = 86_400 * SECOND
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAST_SECOND = 253_402_300_799
"""The end of year 9999: later times have no text."""

# a table, because every row of an order or a fill has two prices
_PRICES = tuple(f"{p // ONE}.{p % ONE:04d}" for p in range(ONE + 1))
_NUMBER = re.compile(r"-?\d{1,18}(?:\.\d{1,18})?", re.ASCII)


def contract_cost(price: int, *, bid: bool) -> int:
    """Give what one contract costs at a YES price: a bid buys YES, an ask buys NO."""
    return price if bid else ONE - price


def format_price(price: int) -> str:
    """Write a price in dollars with four decimals."""
    return _PRICES[price]


def format_count(count: int) -> str:
    """Write a count with two decimals."""
    # // and % round down: a negative count is written as the negation of its absolute value
    return f"{count // 100}.{count % 100:02d}" if count >= 0 else f"-{format_count(-count)}"


def format_exact_dollars(amount: int) -> str:
    """Write micro-dollars as dollars with six decimals, as fees and costs are (observed)."""
    sign = "-" if amount < 0 else ""
    whole, remainder = divmod(abs(amount), DOLLAR)
    return f"{sign}{whole}.{remainder:06d}"


def format_dollars(amount: int) -> str:
    """Write micro-dollars as dollars, four decimals or six where needed."""
    sign = "-" if amount < 0 else ""
    whole, remainder = divmod(abs(amount), DOLLAR)
    return (
        f"{sign}{whole}.{remainder:06d}"
        if remainder % 100
        else f"{sign}{whole}.{remainder // 100:04d}"
    )


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
    # observed: "0.5" is refused as "0.56000" is
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
        # observed: a price of the wrong precision is an invalid order, not an invalid price
        raise invalid_order("price must have 2 to 4 decimals", value)
    return price


@lru_cache(maxsize=8192)
def _count_units(text: str) -> int | None:
    if not _NUMBER.fullmatch(text):
        raise bad_request(f"count is not a fixed-point number: {text!r}")
    whole, _, decimals = text.partition(".")
    # twelve digits keep count x price in 64 bits
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


def to_microseconds(time: datetime) -> int:
    """Turn an aware datetime into microseconds."""
    return (time - EPOCH) // timedelta(microseconds=1)


def to_datetime(time: int) -> datetime:
    """Turn microseconds into an aware datetime."""
    return EPOCH + timedelta(microseconds=time)


@lru_cache(maxsize=8192)
def _format_second(second: int) -> str:
    return (EPOCH + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S")


def format_time(time: int) -> str:
    """Write a time as RFC 3339 with microseconds and Z."""
    second, remainder = divmod(time, SECOND)
    return f"{_format_second(second)}.{remainder:06d}Z"


def divide_half_up(part: int, whole: int) -> int:
    """Divide and round half up; whole must be above 0."""
    return (2 * part + whole) // (2 * whole)
