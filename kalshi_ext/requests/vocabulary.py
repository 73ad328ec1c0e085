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
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, TypeVar

from kalshi_ext import values
from kalshi_ext.arguments import line, must_be, one_of, plain, whole_number, word_of
from kalshi_ext.contract.types import BookSide
from kalshi_ext.errors import Misuse
from kalshi_ext.redact import redacted_repr
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

# How traders write the words of time_in_force, in FIX and elsewhere.
SHORT_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "gtc": "good_till_canceled",
        "good_till_cancelled": "good_till_canceled",
        "ioc": "immediate_or_cancel",
        "fok": "fill_or_kill",
    }
)

MAX_INTENT = 512  # characters, as many as a journal's index can hold

# Namespace of the ids made from `intent=`. It must never change: with another one, yesterday's
# intent becomes a new order.
INTENTS = uuid.UUID("5d1a9c52-7f8e-5a0b-9d53-0c6a3e1b7f24")


def direction(side: str | None, action: str | None) -> BookSide:
    """Translate side and action into the book side. Raises Misuse for other words."""
    action_word = None if action is None else word_of(action)
    book_side = BOOK_SIDE.get((word_of(side) or "", action_word))
    # An action that is no text must not pass as "no action": bid with it would be accepted.
    if book_side is None or (action is not None and action_word is None):
        raise Misuse(
            "side and action must be side='yes'|'no' with action='buy'|'sell', or side='bid'|'ask' "
            f"without action, not side={redacted_repr(side)}, action={redacted_repr(action)}"
        )
    return book_side


def yes_price(side: str, price: object, *, name: str = "price") -> Decimal:
    """Check a price given for `side` and return the YES price in dollars. Raises Misuse."""
    side_price = values.price(price, name=name)
    return values.complement(side_price) if word_of(side) == "no" else side_price


def new_client_order_id(intent: str | None = None) -> str:
    """Make an idempotency key: random, or for an intent always the same (UUIDv5). Raises Misuse."""
    if intent is None:
        return str(uuid.uuid4())
    return str(uuid.uuid5(INTENTS, intent_text(intent, "intent")))


def intent_text(value: object, name: str) -> str:
    """Check the name of an order: at most 512 printable characters, which a journal can keep."""
    given = plain(value)
    if type(given) is not str or not given.strip():
        raise must_be(name, value, "a text that names this order")
    return line(given, name, max_length=MAX_INTENT)


def member(kind: type[E], value: object, name: str) -> E:
    """Convert a word, in any case, to a member that the contract names. Raises Misuse."""
    words: dict[str, E] = _words_of(kind)
    if type(value) is kind and value.known:
        return value
    if type(value) is str and value in words:
        return words[value]
    return words[one_of(value, name, words, SHORT_WORDS)]


@lru_cache(maxsize=64)
def _words_of(kind: Any) -> dict[str, Any]:
    # Open enums accept any text, for answers; what is sent has to be a known member.
    return {each.value.lower(): each for each in kind}


def subaccount_number(value: object, name: str = "subaccount") -> int | None:
    """Check a subaccount number, 0 to 63 (documented), or None. Raises Misuse."""
    return None if value is None else whole_number(value, name, 0, 63)


def shard_number(value: object, name: str = "exchange_index") -> int | None:
    """Check a shard number, 0 to 100, or None; -1 routes by ticker (documented)."""
    return None if value is None else whole_number(value, name, -1, 100)


def shard_of_list(value: object, name: str = "exchange_index") -> int | None:
    """Check the shard that a list is cut to, or None: -1 routes writes, lists refuse it."""
    return None if value is None else whole_number(value, name, 0, 100)
