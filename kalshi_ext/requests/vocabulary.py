"""The words of an order: sides, directions, numbers of accounts and shards, idempotency keys."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, TypeVar

from kalshi_ext import values
from kalshi_ext.contract.types import BookSide
from kalshi_ext.errors import Misuse
from kalshi_ext.values.enums import OpenEnum

E = TypeVar("E", bound=OpenEnum)

Side: TypeAlias = Literal["yes", "no", "bid", "ask"]
Action: TypeAlias = Literal["buy", "sell"]
Dollars: TypeAlias = Decimal | str
Count: TypeAlias = Decimal | str | int
Moment: TypeAlias = datetime | date | str | int

# bid = outcome yes = buy yes or sell no; ask = outcome no = buy no or sell yes. The book holds
# YES prices, so a NO price p is the YES price 1 − p (exchange documentation of the V2 orders).
BOOK_SIDE: Mapping[tuple[str, str | None], BookSide] = MappingProxyType(
    {
        ("yes", "buy"): BookSide.BID,
        ("no", "sell"): BookSide.BID,
        ("no", "buy"): BookSide.ASK,
        ("yes", "sell"): BookSide.ASK,
        ("bid", None): BookSide.BID,
        ("ask", None): BookSide.ASK,
    }
)

# Names the ids of `intent=` keys; any fixed UUID will do, it must never change.
INTENTS = uuid.UUID("5d1a9c52-7f8e-5a0b-9d53-0c6a3e1b7f24")


def direction(side: str, action: str | None) -> BookSide:
    """Translate side and action words into the book side. Misuse for any other words."""
    found = BOOK_SIDE.get((lower_word(side) or "", lower_word(action)))
    if found is None or (action is not None and lower_word(action) is None):
        raise Misuse(
            "side and action must be side='yes'|'no' with action='buy'|'sell', or side='bid'|'ask' "
            f"without action, not side={side!r}, action={action!r}"
        )
    return found


def lower_word(value: object) -> str | None:
    """Return a word in small letters; None for what is no word."""
    return value.lower() if isinstance(value, str) else None


def yes_price(side: str, price: object, *, name: str = "price") -> Decimal:
    """Return the YES price of a price said for `side`: of NO it is 1 − price."""
    side_price = values.price(price, name=name)
    return values.complement(side_price) if lower_word(side) == "no" else side_price


def new_client_order_id(intent: str | None = None) -> str:
    """Make an idempotency key: random, or the same for the same intent for ever (UUIDv5)."""
    if intent is None:
        return str(uuid.uuid4())
    if not isinstance(intent, str) or not intent.strip():
        raise Misuse(f"intent must be a text that names this order, not {intent!r}")
    return str(uuid.uuid5(INTENTS, intent))


def transfer_key(value: str | uuid.UUID | None) -> str:
    """Return the key of a transfer: made here unless given. Raises Misuse for what is no UUID."""
    if value is None:
        return str(uuid.uuid4())
    try:
        return str(uuid.UUID(str(value)))
    except ValueError:
        raise Misuse(f"client_transfer_id must be a UUID, not {value!r}") from None


def member(kind: type[E], value: object, name: str) -> E:
    """Check that a word is one the contract knows. Raises Misuse."""
    found = kind(value) if isinstance(value, str) else None
    if found is None or not found.known:
        known = ", ".join(member.value for member in kind)
        raise Misuse(f"{name} must be one of {known}, not {value!r}")
    return found


def flag(value: object, name: str) -> bool | None:
    """Check a switch. Raises Misuse."""
    if value is not None and not isinstance(value, bool):
        raise Misuse(f"{name} must be True, False or None, not {value!r}")
    return value


def optional_id(value: str | None, name: str) -> str | None:
    """Check an id that may be left out. Raises Misuse."""
    return None if value is None else values.path_id(value, name=name)


def subaccount_number(value: int | None, *, name: str = "subaccount") -> int | None:
    """Check a subaccount number, 0 to 63 (documented)."""
    return whole_number(value, name, 0, 63)


def shard_number(value: int | None, *, name: str = "exchange_index") -> int | None:
    """Check a shard number, 0 to 100; −1 asks the exchange to route by ticker (documented)."""
    return whole_number(value, name, -1, 100)


def whole_number(value: Any, name: str, low: int, high: int) -> int | None:
    """Check a whole number that may be left out. Raises Misuse."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise Misuse(f"{name} must be a whole number from {low} to {high}, not {value!r}")
    return value
