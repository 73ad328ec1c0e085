"""The vocabulary of requests: directions, subaccounts, shards, idempotency keys.

An order is said in one of two ways, and BOOK_SIDE is the only place that translates them:

    caller                       book side   YES price on the book
    yes + buy,  price p          bid         p
    no + sell,  price p          bid         1 - p
    no + buy,   price p          ask         1 - p
    yes + sell, price p          ask         p
    bid or ask, price p          the same    p

The exchange keeps one book a market, in YES prices (documentation of the V2 orders). One YES and
one NO together pay 1 dollar, so buying NO at p is selling YES at 1 - p. People have lost real money
on this mapping: every other module calls `direction` and `yes_price`.
"""

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

# Namespace of the ids made from `intent=`. It must never change: with another one, yesterday's
# intent becomes a new order.
INTENTS = uuid.UUID("5d1a9c52-7f8e-5a0b-9d53-0c6a3e1b7f24")


def direction(side: str, action: str | None) -> BookSide:
    """Translate side and action into the book side. Raises Misuse for other words."""
    book_side = BOOK_SIDE.get((lower_word(side) or "", lower_word(action)))
    # An action that is no text must not pass as "no action": bid with it would be accepted.
    if book_side is None or (action is not None and lower_word(action) is None):
        raise Misuse(
            "side and action must be side='yes'|'no' with action='buy'|'sell', or side='bid'|'ask' "
            f"without action, not side={side!r}, action={action!r}"
        )
    return book_side


def lower_word(value: object) -> str | None:
    """Return a text in lower case; None for anything else."""
    return value.lower() if isinstance(value, str) else None


def yes_price(side: str, price: object, *, name: str = "price") -> Decimal:
    """Check a price given for `side` and return the YES price in dollars. Raises Misuse."""
    side_price = values.price(price, name=name)
    return values.complement(side_price) if lower_word(side) == "no" else side_price


def new_client_order_id(intent: str | None = None) -> str:
    """Make an idempotency key: random, or for an intent always the same (UUIDv5). Raises Misuse."""
    if intent is None:
        return str(uuid.uuid4())
    if not isinstance(intent, str) or not intent.strip():
        raise Misuse(f"intent must be a text that names this order, not {intent!r}")
    return str(uuid.uuid5(INTENTS, intent))


def transfer_key(value: str | uuid.UUID | None) -> str:
    """Return the idempotency key of a transfer, made here unless given. Raises Misuse."""
    if value is None:
        return str(uuid.uuid4())
    try:
        # One spelling for each UUID: the journal compares keys as text.
        return str(uuid.UUID(str(value)))
    except ValueError:
        raise Misuse(f"client_transfer_id must be a UUID, not {value!r}") from None


def member(kind: type[E], value: object, name: str) -> E:
    """Convert a text to a member that the contract names. Raises Misuse."""
    # Open enums accept any text, for answers; what is sent has to be a known member.
    chosen = kind(value) if isinstance(value, str) else None
    if chosen is None or not chosen.known:
        known = ", ".join(each.value for each in kind)
        raise Misuse(f"{name} must be one of {known}, not {value!r}")
    return chosen


def flag(value: object, name: str) -> bool | None:
    """Check True, False or None. Raises Misuse."""
    # No truth value is taken for it: post_only="false" would be true.
    if value is not None and not isinstance(value, bool):
        raise Misuse(f"{name} must be True, False or None, not {value!r}")
    return value


def optional_id(value: str | None, name: str) -> str | None:
    """Check an id of a path, or None. Raises Misuse."""
    return None if value is None else values.path_id(value, name=name)


def subaccount_number(value: int | None, *, name: str = "subaccount") -> int | None:
    """Check a subaccount number, 0 to 63 (documented). Raises Misuse."""
    return whole_number(value, name, 0, 63)


def shard_number(value: int | None, *, name: str = "exchange_index") -> int | None:
    """Check a shard number, 0 to 100; -1 lets the exchange route by ticker (documented)."""
    return whole_number(value, name, -1, 100)


def whole_number(value: Any, name: str, low: int, high: int) -> int | None:
    """Check a whole number from `low` to `high`, or None. Raises Misuse."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise Misuse(f"{name} must be a whole number from {low} to {high}, not {value!r}")
    return value
