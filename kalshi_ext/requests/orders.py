"""The ticket of a new order: everything the exchange is asked for, and the idempotency key.

A ticket has its `client_order_id` before the first attempt and keeps it on every attempt. Its
fingerprint is what the journal compares: the same id with another fingerprint is another order, and
is refused as DuplicateIdConflict before anything is sent.
"""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from typing import Final, Self

from attrs import field, fields, frozen

from kalshi_ext import values
from kalshi_ext.contract.types import BookSide, SelfTradePreventionType, TimeInForce
from kalshi_ext.errors import Misuse
from kalshi_ext.requests.vocabulary import (
    Action,
    Count,
    Dollars,
    Moment,
    Side,
    direction,
    flag,
    lower_word,
    member,
    new_client_order_id,
    optional_id,
    shard_number,
    subaccount_number,
    whole_number,
    yes_price,
)

MAX_CONTRACTS = 1_000_000_000

# Left out of the fingerprint: an order's names, and the words that `book_side` and `price` already
# say. "Buy NO at 0.44" and "ask at 0.56" are one order.
NOT_FINGERPRINTED = frozenset(
    {"client_order_id", "intent", "side", "action", "expires_at_deadline"}
)


@frozen(kw_only=True)
class OrderTicket:
    """A new order, complete with its idempotency key. Build one with `OrderTicket.of`.

    `price` is the YES price in dollars, `count` contracts, `expires` Unix seconds.
    `max_cost` (dollars) and `sell_position_floor` (contracts) exist in the classic contract only.
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
        ticket = cls(
            ticker=values.ticker(ticker, name="ticker"),
            book_side=direction(side, action),
            count=values.count(count, name="count"),
            price=None if price is None else yes_price(side, price),
            client_order_id=_idempotency_key(client_order_id, intent),
            intent=intent,
            time_in_force=member(TimeInForce, time_in_force, "time_in_force"),
            self_trade_prevention=member(
                SelfTradePreventionType, self_trade_prevention, "self_trade_prevention"
            ),
            post_only=flag(post_only, "post_only"),
            reduce_only=flag(reduce_only, "reduce_only"),
            expires=None if expires is None else values.moment(expires, name="expires"),
            cancel_order_on_pause=flag(cancel_order_on_pause, "cancel_order_on_pause"),
            subaccount=subaccount_number(subaccount),
            order_group_id=optional_id(order_group_id, "order_group_id"),
            exchange_index=shard_number(exchange_index),
            max_cost=None if max_cost is None else values.dollars(max_cost, name="max_cost"),
            sell_position_floor=whole_number(
                sell_position_floor, "sell_position_floor", 0, MAX_CONTRACTS
            ),
            side=lower_word(side) if action else None,
            action=lower_word(action),
        )
        _check_combination(ticket)
        return ticket

    def fingerprint(self) -> str:
        """Return the SHA-256 of what the exchange is asked for, in hex; its names are left out."""
        named = {part.name: getattr(self, part.name) for part in fields(type(self))}
        if self.expires_at_deadline:
            named["expires"] = None
        content = {
            name: value
            for name, value in named.items()
            if name in _SINCE_THE_FIRST or (value is not None and name not in NOT_FINGERPRINTED)
        }
        return hashlib.sha256(_CANONICAL.encode(content).encode()).hexdigest()


# Fingerprints stand in journals: a change of this text makes every older entry look like another
# order. The fields of the first version are always part of it, a later one only where it is used:
# so a release that adds an optional field recognises the orders of the release before.
_CANONICAL: Final = json.JSONEncoder(default=str, sort_keys=True, separators=(",", ":"))
_SINCE_THE_FIRST: Final = frozenset(
    {"ticker", "book_side", "count", "price", "time_in_force", "self_trade_prevention", "post_only"}
    | {"reduce_only", "expires", "cancel_order_on_pause", "subaccount", "order_group_id"}
    | {"exchange_index", "max_cost", "sell_position_floor"}
)


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
