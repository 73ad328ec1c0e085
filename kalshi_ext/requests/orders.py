"""The ticket of a new order: everything the exchange is asked for, and the idempotency key.

A ticket has its `client_order_id` before the first attempt and keeps it on every attempt. Its
fingerprint is what the journal compares: the same id with another fingerprint is another order, and
is refused as DuplicateIdConflict before anything is sent.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from operator import attrgetter, itemgetter
from typing import Any, ClassVar, Final, Self, cast

from attrs import field, fields, frozen

from kalshi_ext import values
from kalshi_ext.arguments import Checked, flag, must_be, optional, whole_number, word_of
from kalshi_ext.contract.types import BookSide, SelfTradePreventionType, TimeInForce
from kalshi_ext.errors import Misuse
from kalshi_ext.redact import redacted_repr
from kalshi_ext.requests.vocabulary import (
    Action,
    Count,
    Dollars,
    Moment,
    Side,
    direction,
    intent_text,
    member,
    new_client_order_id,
    shard_number,
    subaccount_number,
    yes_price,
)
from kalshi_ext.values.json_text import canonical

MAX_CONTRACTS = 1_000_000_000

# Left out of the fingerprint: an order's names, and the words that `book_side` and `price` already
# say. "Buy NO at 0.44" and "ask at 0.56" are one order.
NOT_FINGERPRINTED = frozenset(
    {"client_order_id", "intent", "side", "action", "expires_at_deadline", "auto_group"}
)


def _book_side(value: object, name: str) -> BookSide:
    return member(BookSide, value, name)


def _time_in_force(value: object, name: str) -> TimeInForce:
    return member(TimeInForce, value, name)


def _self_trade_prevention(value: object, name: str) -> SelfTradePreventionType:
    return member(SelfTradePreventionType, value, name)


def _flag(value: object, name: str) -> bool | None:
    return None if value is None else flag(value, name, "True, False or None")


def _contracts(value: object, name: str) -> int:
    return whole_number(value, name, 0, MAX_CONTRACTS)


def check_words(book_side: BookSide, side: str | None, action: str | None) -> None:
    """Refuse the caller's words where they mean another book side. Raises Misuse."""
    if (side is not None or action is not None) and direction(side, action) is not book_side:
        words = f"side={redacted_repr(side)}, action={redacted_repr(action)}"
        raise must_be("side and action", words, f"words for book_side {book_side.value}")


@frozen(kw_only=True, eq=False, repr=False)
class OrderTicket(Checked):
    """A new order, complete with its idempotency key. Build one with `OrderTicket.of`.

    `price` is the YES price in dollars, `count` contracts, `expires` Unix seconds.
    `max_cost` (dollars) and `sell_position_floor` (contracts) exist in the classic contract only.
    A ticket checks itself however it is made, also by `attrs.evolve`. Raises Misuse.
    """

    ticker: str
    book_side: BookSide
    count: Decimal
    price: Decimal | None
    client_order_id: str
    intent: str | None = None
    time_in_force: TimeInForce = TimeInForce.GOOD_TILL_CANCELED
    self_trade_prevention: SelfTradePreventionType = SelfTradePreventionType.TAKER_AT_CROSS
    post_only: bool | None = None
    reduce_only: bool | None = None
    expires: int | None = None
    cancel_order_on_pause: bool | None = None
    subaccount: int | None = None
    order_group_id: str | None = None
    exchange_index: int | None = None
    max_cost: Decimal | None = None
    sell_position_floor: int | None = None
    # The caller's words, which the classic contract sends as they are.
    side: str | None = field(default=None, eq=False)
    action: str | None = field(default=None, eq=False)
    # Its expiry is the deadline of the call, another one at each call: no part of what it asks for.
    expires_at_deadline: bool | None = field(default=None, eq=False)
    # Its group is the client's own, another one in a later run: no part of what it asks for.
    auto_group: bool | None = field(default=None, eq=False)

    _checks: ClassVar = {
        "ticker": values.ticker,
        "book_side": _book_side,
        "count": values.count,
        "price": optional(values.price),
        "client_order_id": values.client_order_id,
        "intent": optional(intent_text),
        "time_in_force": _time_in_force,
        "self_trade_prevention": _self_trade_prevention,
        "post_only": _flag,
        "reduce_only": _flag,
        "expires": optional(values.moment),
        "cancel_order_on_pause": _flag,
        "subaccount": subaccount_number,
        "order_group_id": optional(values.path_id),
        "exchange_index": shard_number,
        "max_cost": optional(values.dollars),
        "sell_position_floor": optional(_contracts),
        "expires_at_deadline": _flag,
        "auto_group": _flag,
    }

    @classmethod
    def of(
        cls,
        ticker: str,
        *,
        side: Side,
        count: Count,
        price: Dollars | None,
        action: Action | None = None,
        client_order_id: str | None = None,
        intent: str | None = None,
        time_in_force: TimeInForce | str = TimeInForce.GOOD_TILL_CANCELED,
        self_trade_prevention: SelfTradePreventionType
        | str = SelfTradePreventionType.TAKER_AT_CROSS,
        post_only: bool | None = None,
        reduce_only: bool | None = None,
        expires: Moment | None = None,
        cancel_order_on_pause: bool | None = None,
        subaccount: int | None = None,
        order_group_id: str | None = None,
        exchange_index: int | None = None,
        max_cost: Dollars | None = None,
        sell_position_floor: int | None = None,
    ) -> Self:
        """Check the arguments of an order and build its ticket.

        `price` is in dollars and of the named side: with side='no' it is the NO price, with
        'yes', 'bid' and 'ask' the YES price. `count` is contracts in steps of 0.01. `expires` is
        a datetime, ISO text or Unix seconds. Raises Misuse naming argument, rule and value.
        """
        # The class makes of every argument what its field holds; here is what it cannot know.
        named: dict[str, Any] = {**locals()}
        del named["cls"]
        named["book_side"] = direction(side, action)
        named["price"] = None if price is None else yes_price(side, price)
        named["client_order_id"] = _idempotency_key(client_order_id, intent)
        named["side"] = None if action is None else word_of(side)
        named["action"] = word_of(action)
        return cls(**named)

    def _check_together(self) -> None:
        check_words(self.book_side, self.side, self.action)
        _check_combination(self)

    def fingerprint(self) -> str:
        """Return the SHA-256 of what the exchange is asked for, in hex; its names are left out."""
        content: dict[str, Any] = dict(zip(_FIRST, _first(self), strict=True))
        if self.expires_at_deadline:
            content["expires"] = None
        if self.auto_group:
            content["order_group_id"] = None
        kind: Any = type(self)
        for name in _added_since(kind):
            if (value := getattr(self, name)) is not None:
                content[name] = value
        is_sorted = len(content) == len(_FIRST)
        text = canonical(content, _CANONICAL, is_sorted=is_sorted)
        return hashlib.sha256(text.encode()).hexdigest()


_ARGUMENTS: Final = tuple(inspect.signature(OrderTicket.of).parameters)
_arguments: Final = cast("Any", itemgetter(*_ARGUMENTS))


def order_arguments(given: Mapping[str, Any]) -> dict[str, Any]:
    """Pick the arguments of `OrderTicket.of` out of the local variables of a method.

    Each of the 18 stands in a signature and in a field, and is not passed on by name in between.
    """
    return dict(zip(_ARGUMENTS, _arguments(given), strict=True))


# Fingerprints stand in journals: a change of this text makes every older entry look like another
# order. The fields of the first version are always part of it, a later one only where it is used:
# so a release that adds an optional field recognises the orders of the release before.
_CANONICAL: Final = json.JSONEncoder(default=str, sort_keys=True, separators=(",", ":"))
_SINCE_THE_FIRST: Final = frozenset(
    {"ticker", "book_side", "count", "price", "time_in_force", "self_trade_prevention", "post_only"}
    | {"reduce_only", "expires", "cancel_order_on_pause", "subaccount", "order_group_id"}
    | {"exchange_index", "max_cost", "sell_position_floor"}
)
_FIRST: Final = tuple(sorted(_SINCE_THE_FIRST))
_first: Final = attrgetter(*_FIRST)


@lru_cache(maxsize=8)
def _added_since(kind: Any) -> tuple[str, ...]:
    older = {*_SINCE_THE_FIRST, *NOT_FINGERPRINTED}
    return tuple(part.name for part in fields(kind) if part.name not in older)


def _idempotency_key(client_order_id: str | None, intent: str | None) -> str:
    if client_order_id is not None and intent is not None:
        raise Misuse("say client_order_id or intent, not both: an intent makes its own id")
    if client_order_id is not None:
        return values.client_order_id(client_order_id)
    return new_client_order_id(intent)


def _check_combination(ticket: OrderTicket) -> None:
    """Refuse what the exchange would refuse (documented order rules). Raises Misuse."""
    gtc = ticket.time_in_force is TimeInForce.GOOD_TILL_CANCELED
    if ticket.expires is not None and not gtc:
        raise Misuse(f"expires goes only with good_till_canceled, not {ticket.time_in_force.value}")
    if ticket.reduce_only and gtc:
        raise Misuse("reduce_only goes only with immediate_or_cancel or fill_or_kill")
    if ticket.post_only and not gtc:
        raise Misuse(f"post_only cannot rest with time_in_force {ticket.time_in_force.value}")
