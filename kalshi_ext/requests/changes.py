"""Tickets of changes to an existing order: which order, and what becomes of it.

An amend is absolute: its `count` is the total, already filled plus wanted resting (documented), so
sending it twice ends in the same state. A decrease is absolute with `to` and relative with `by`;
the relative one must never be sent twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Any, ClassVar, Self, TypeAlias

from attrs import evolve, field, frozen

from kalshi_ext import values
from kalshi_ext.arguments import Checked, flag, instance, optional, plain, safely, word_of
from kalshi_ext.contract.types import BookSide
from kalshi_ext.errors import Misuse
from kalshi_ext.models import Order, OrderAck
from kalshi_ext.redact import is_a, redacted_repr
from kalshi_ext.requests.orders import check_words
from kalshi_ext.requests.vocabulary import (
    BOOK_SIDE,
    Action,
    Count,
    Dollars,
    Moment,
    Side,
    direction,
    member,
    shard_number,
    subaccount_number,
    yes_price,
)
from kalshi_ext.values.money import EXACT

OrderRef: TypeAlias = str | Order | OrderAck


def _book_side(value: object, name: str) -> BookSide:
    return member(BookSide, value, name)


@frozen(kw_only=True, eq=False, repr=False)
class Target(Checked):
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
    # Whether an Order told both, not the caller: a contract that cannot say them leaves them out.
    is_told: bool = field(default=False, eq=False, repr=False)

    _checks: ClassVar = {
        "order_id": values.path_id,
        "ticker": optional(values.ticker),
        "client_order_id": optional(values.client_order_id),
        "book_side": optional(_book_side),
        "price": optional(values.price),
        "subaccount": subaccount_number,
        "exchange_index": shard_number,
        "is_told": flag,
    }

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
        if is_a(order, OrderAck):
            return cls.of(
                order.order or order.order_id,
                ticker=ticker or order.ticker,
                subaccount=subaccount,
                exchange_index=exchange_index,
            )
        known: dict[str, Any] = {}
        if is_a(order, Order):
            # An order is cancelled by its id: what else its row says wrong must not stand in the
            # way. "" is the client_order_id of orders of the web app (observed).
            known = {
                "client_order_id": _valid(values.client_order_id, order.client_order_id),
                "price": _valid(values.price, order.price),
                "book_side": _valid(_book_side, order.book_side),
                "is_told": subaccount is None and exchange_index is None,
            }
            ticker = ticker or order.ticker
            subaccount = order.subaccount if subaccount is None else subaccount
            exchange_index = order.exchange_index if exchange_index is None else exchange_index
            order = order.order_id
        return cls(
            order_id=values.path_id(order, name="order"),
            ticker=ticker,
            subaccount=subaccount,
            exchange_index=exchange_index,
            **known,
        )


def _valid(check: Callable[[object, str], Any], value: object) -> Any:
    with suppress(Misuse):
        return check(value, "order")
    return None


def _target(value: object, name: str) -> Target:
    """Check that a ticket names its order by a Target. Raises Misuse."""
    checked: Target = instance(value, name, Target, "must be built with Target.of(...)")
    return checked


def _expiry(value: object, name: str) -> int:
    expires = plain(value)
    # By type: False is 0 to Python, and would remove an expiry that nobody meant to remove.
    if type(expires) is int and expires == 0:
        return 0  # removes the expiry (documented)
    return values.moment(expires, name)


@frozen(kw_only=True, eq=False, repr=False)
class AmendTicket(Checked):
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

    _checks: ClassVar = {
        "target": _target,
        "ticker": values.ticker,
        "book_side": _book_side,
        "price": values.price,
        "count": values.count,
        "updated_client_order_id": optional(values.client_order_id),
        "expires": optional(_expiry),
    }

    def _check_together(self) -> None:
        check_words(self.book_side, self.side, self.action)

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
        full = order.order if is_a(order, OrderAck) else order
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
            updated_client_order_id=updated_client_order_id,
            expires=None if expires is None else _expiry(expires, "expires"),
        )


def _with_client_order_id(target: Target, client_order_id: str | None) -> Target:
    if client_order_id is None:
        return target
    return evolve(target, client_order_id=values.client_order_id(client_order_id))


def _required(name: str, value: Any) -> Any:
    if value is None:
        raise Misuse(f"amend needs {name}: say it, or pass the Order instead of its id")
    return value


def _amend_side(target: Target, side: str | None, action: str | None) -> BookSide:
    if side is None and action is not None:
        shown = redacted_repr(action)
        raise Misuse(f"action={shown} needs side='yes' or side='no' beside it")
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
    raw: object = order.raw if is_a(order, Order) else {}
    row: Mapping[str, Any] = raw if isinstance(raw, Mapping) else {}
    words = (word_of(row.get("side")), word_of(row.get("action")))
    for pair in (words, (word_of(side), word_of(action))):
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
    if is_a(order, Order):
        # The total that stands: an amend that leaves the size out must not change it.
        total: Decimal = safely(_total, order, "order", "its counts make no total")
        return total
    return Decimal(_required("count", None))


def _total(order: Order) -> Decimal:
    return EXACT.add(order.fill_count, order.remaining_count)


def _size(value: object, name: str) -> Decimal:
    return values.count(value, name, zero=True)


@frozen(kw_only=True, eq=False, repr=False)
class DecreaseTicket(Checked):
    """A smaller size in contracts: less `by` so many, or `to` so many remaining."""

    target: Target
    by: Decimal | None = None
    to: Decimal | None = None

    _checks: ClassVar = {
        "target": _target,
        "by": optional(values.count),
        "to": optional(_size),
    }

    def _check_together(self) -> None:
        if (self.by is None) == (self.to is None):
            given = f"by={redacted_repr(self.by)}, to={redacted_repr(self.to)}"
            raise Misuse(f"decrease needs exactly one of by and to, not {given}")

    @classmethod
    def of(cls, target: Target, *, by: Count | None = None, to: Count | None = None) -> Self:
        """Check the arguments of a decrease: exactly one of `by` and `to`. Raises Misuse."""
        named: dict[str, Any] = {"by": by, "to": to}  # the class makes Decimals of them
        return cls(target=target, **named)
