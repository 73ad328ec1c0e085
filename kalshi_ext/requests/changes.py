"""Tickets of changes to an existing order: which order, and what becomes of it.

An amend is absolute: its `count` is the total, already filled plus wanted resting (documented), so
sending it twice ends in the same state. A decrease is absolute with `to` and relative with `by`;
the relative one must never be sent twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Self, TypeAlias

from attrs import evolve, frozen

from kalshi_ext import values
from kalshi_ext.contract.types import BookSide
from kalshi_ext.errors import Misuse
from kalshi_ext.models import Order, OrderAck
from kalshi_ext.requests.vocabulary import (
    BOOK_SIDE,
    Action,
    Count,
    Dollars,
    Moment,
    Side,
    direction,
    lower_word,
    shard_number,
    subaccount_number,
    yes_price,
)
from kalshi_ext.values.money import EXACT

OrderRef: TypeAlias = str | Order | OrderAck


@frozen(kw_only=True)
class Target:
    """The order a write is about, and what is known of it.

    Ticker, subaccount and shard route the request: a cancel or decrease without ticker and shard
    goes to shard 0 and misses orders elsewhere (documented).
    """

    order_id: str
    ticker: str | None = None
    client_order_id: str | None = None
    book_side: BookSide | None = None
    price: Decimal | None = None
    subaccount: int | None = None
    exchange_index: int | None = None

    @classmethod
    def of(
        cls,
        order: OrderRef,
        *,
        ticker: str | None = None,
        subaccount: int | None = None,
        exchange_index: int | None = None,
    ) -> Self:
        """Collect what an id, an Order or an OrderAck tells of an order. Raises Misuse."""
        if isinstance(order, OrderAck):
            return cls.of(
                order.order or order.order_id,
                ticker=ticker or order.ticker,
                subaccount=subaccount,
                exchange_index=exchange_index,
            )
        known: dict[str, Any] = {}
        if isinstance(order, Order):
            # "" is what orders of the web app carry (observed); it identifies nothing.
            known = {"client_order_id": order.client_order_id or None, "price": order.price}
            known["book_side"] = order.book_side
            ticker = ticker or order.ticker
            subaccount = order.subaccount if subaccount is None else subaccount
            exchange_index = order.exchange_index if exchange_index is None else exchange_index
            order = order.order_id
        return cls(
            order_id=values.path_id(order, name="order"),
            ticker=None if ticker is None else values.ticker(ticker, name="ticker"),
            subaccount=subaccount_number(subaccount),
            exchange_index=shard_number(exchange_index),
            **known,
        )


@frozen(kw_only=True)
class AmendTicket:
    """A change of price or size. `count` is the total: already filled plus wanted resting.

    `side` and `action` are the order's yes/no and buy/sell words where they are known, for the
    classic contract, which repeats them in an amend; they mean the same as `book_side`.
    """

    target: Target
    ticker: str
    book_side: BookSide
    price: Decimal
    count: Decimal
    updated_client_order_id: str | None = None
    expires: int | None = None
    side: str | None = None
    action: str | None = None

    @classmethod
    def of(
        cls,
        order: OrderRef,
        *,
        price: Dollars | None = None,
        count: Count | None = None,
        side: Side | None = None,
        action: Action | None = None,
        ticker: str | None = None,
        client_order_id: str | None = None,
        updated_client_order_id: str | None = None,
        expires: Moment | None = None,
        subaccount: int | None = None,
        exchange_index: int | None = None,
    ) -> Self:
        """Check the arguments of an amend.

        With an Order, ticker, side and whichever of price and count is left out come from it;
        with a bare id they are required. `price` is in dollars, of the named side (YES for an
        Order without `side`). `expires=0` removes the expiry. Raises Misuse.
        """
        target = Target.of(
            order, ticker=ticker, subaccount=subaccount, exchange_index=exchange_index
        )
        if price is None and count is None and expires is None:
            raise Misuse("amend needs a new price, count or expires")
        full = order.order if isinstance(order, OrderAck) else order
        book_side = _amend_side(target, side, action)
        order_side, order_action = _classic_words(full, book_side, side, action)
        return cls(
            target=_with_client_order_id(target, client_order_id),
            ticker=_required("ticker", target.ticker),
            book_side=book_side,
            side=order_side,
            action=order_action,
            price=_amend_price(target, side, price),
            count=_amend_count(full, count),
            updated_client_order_id=None
            if updated_client_order_id is None
            else values.client_order_id(updated_client_order_id, name="updated_client_order_id"),
            expires=_expiry(expires),
        )


def _with_client_order_id(target: Target, client_order_id: str | None) -> Target:
    if client_order_id is None:
        return target
    return evolve(target, client_order_id=values.client_order_id(client_order_id))


def _expiry(expires: Moment | None) -> int | None:
    if expires is None:
        return None
    # By type: False is 0 to Python, and would remove an expiry that nobody meant to remove.
    if type(expires) is int and expires == 0:
        return 0  # removes the expiry (documented)
    return values.moment(expires, name="expires")


def _required(name: str, value: Any) -> Any:
    if value is None:
        raise Misuse(f"amend needs {name}: say it, or pass the Order instead of its id")
    return value


def _amend_side(target: Target, side: str | None, action: str | None) -> BookSide:
    if side is None and action is not None:
        raise Misuse(f"action={action!r} needs side='yes' or side='no' beside it")
    if side is None:
        return BookSide(_required("side", target.book_side))
    book_side = direction(side, action)
    if target.book_side is not None and book_side != target.book_side:
        raise Misuse(f"an amend cannot change the side: the order is {target.book_side.value}")
    return book_side


def _classic_words(
    order: object, book: BookSide, side: str | None, action: str | None
) -> tuple[str | None, str | None]:
    """Return side and action of the order, else of the caller, where they mean its book side."""
    # Side and action of answers contradict the book side on real rows (observed): a pair counts
    # only where the table of directions gives the same book side.
    raw: Mapping[str, Any] = order.raw if isinstance(order, Order) else {}
    for pair in ((raw.get("side"), raw.get("action")), (lower_word(side), lower_word(action))):
        if pair[1] is not None and BOOK_SIDE.get((str(pair[0]), str(pair[1]))) is book:
            return pair
    return None, None


def _amend_price(target: Target, side: str | None, price: object) -> Decimal:
    if price is None:
        return Decimal(_required("price", target.price))
    return yes_price(side or "yes", price)


def _amend_count(order: object, count: object) -> Decimal:
    if count is not None:
        return values.count(count, name="count")
    if isinstance(order, Order):
        # The total that stands: an amend that leaves the size out must not change it.
        return EXACT.add(order.fill_count, order.remaining_count)
    return Decimal(_required("count", None))


@frozen(kw_only=True)
class DecreaseTicket:
    """A smaller size in contracts: less `by` so many, or `to` so many remaining."""

    target: Target
    by: Decimal | None = None
    to: Decimal | None = None

    @classmethod
    def of(cls, target: Target, *, by: Count | None = None, to: Count | None = None) -> Self:
        """Check the arguments of a decrease: exactly one of `by` and `to`. Raises Misuse."""
        if (by is None) == (to is None):
            raise Misuse(f"decrease needs exactly one of by and to, not by={by!r}, to={to!r}")
        return cls(
            target=target,
            by=None if by is None else values.count(by, name="by"),
            to=None if to is None else values.count(to, name="to", zero=True),
        )
