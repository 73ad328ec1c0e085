"""Read the fields of one JSON object, each in every spelling it was ever recorded in.

Two kinds of fields. Identity, direction, counts and status decide what a row means: the methods
that begin with `required_` raise where such a field is absent or cannot be read, and that costs the
row. Any other field that cannot be read is None, and the deviation is noted by name; the row stays.

    order = Row({"order_id": "o1", "taker_fees_dollars": "n/a", ...}, shapes.Order)
    order.required_text("order_id")          "o1"
    order.money("taker_fees")                None, and ("unreadable_field", "Order.taker_...") noted

Methods take several names where a field has had several: the first that can be read wins, so the
exact one comes first. They are typed Any: the model says which fields its contract promises.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from kalshi_ext import values
from kalshi_ext.contracts.decoding import (
    DECODE_ERRORS,
    as_list,
    can_be_id,
    enum_member,
    required,
)
from kalshi_ext.protocol.deviations import note
from kalshi_ext.values.enums import OpenEnum

T = TypeVar("T")


class Row:
    """One JSON object and the contract's type of it, by whose name deviations are noted."""

    __slots__ = ("raw", "shape")

    def __init__(self, raw: Any, shape: type) -> None:
        if not isinstance(raw, dict):
            raise TypeError(f"{shape.__name__} is no object")
        self.raw: dict[str, Any] = raw
        self.shape = shape

    def required_text(self, *names: str) -> str:
        """Return a text that names something: an id or a ticker."""
        return self._required(names, lambda value: _identity(value, names[0]))

    def required_count(self, *names: str) -> Decimal:
        """Return a number of contracts, or dollars where they are what a row counts."""
        return self._required(names, values.read_count)

    def required_cents(self, name: str) -> Decimal:
        """Return an amount in cents as dollars, where it is what a row counts."""
        return required(values.read_cents(self.raw[name]), name)

    def required_whole(self, name: str) -> int:
        """Return a whole number that identifies: of a subaccount or a shard."""
        return required(values.read_whole(self.raw[name]), name)

    def required_time(self, name: str) -> datetime:
        """Return the time that is all an answer says."""
        return required(values.read_time(self.raw[name]), name)

    def required_flag(self, name: str) -> bool:
        """Return the true or false that is all a row says."""
        return required(values.read_flag(self.raw[name]), name)

    def required_member(self, kind: type[OpenEnum], *names: str) -> Any:
        """Return a member of an enum, open to words the contract does not know."""
        return self._required(names, lambda value: enum_member(kind, value))

    def is_absent(self, *names: str) -> bool:
        """Whether none of the fields is there with a value."""
        return all(self.raw.get(name) in (None, "") for name in names)

    def read(self, name: str, read: Callable[[Any], T | None]) -> T | None:
        """Read a field by a rule of its own; None where that cannot read it."""
        return self._read((name,), read)

    def text(self, *names: str) -> Any:
        """Return text, or None."""
        return self._read(names, values.read_text)

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts, empty where it is absent."""
        return self._read((name,), lambda value: _texts(value, name)) or ()

    def count(self, *names: str) -> Any:
        """Return a number of contracts, or None."""
        return self._read(names, values.read_count)

    def dollars(self, *names: str) -> Any:
        """Return an amount given in dollars, or None."""
        return self._read(names, values.read_dollars)

    def cents(self, *names: str) -> Any:
        """Return an amount given in cents, as dollars, or None."""
        return self._read(names, values.read_cents)

    def money(self, name: str) -> Any:
        """Return an amount in dollars: of NAME_dollars, else of the cents in NAME, or None."""
        amount = self._read((f"{name}_dollars",), values.read_dollars)
        return self._read((name,), values.read_cents) if amount is None else amount

    def price(self, side: str) -> Any:
        """Return the price of `side` (yes or no) in dollars: the exact one, else of cents."""
        price = self._read((f"{side}_price_dollars", f"{side}_price_fixed"), values.read_price)
        return self._read((f"{side}_price",), _cents_price) if price is None else price

    def time(self, *names: str) -> Any:
        """Return an aware UTC datetime, or None."""
        return self._read(names, values.read_time)

    def expiry(self, *names: str) -> Any:
        """Return the time an order expires, None where it does not."""
        return self._read(names, values.read_expiry)

    def whole(self, *names: str) -> Any:
        """Return a whole number, or None."""
        return self._read(names, values.read_whole)

    def flag(self, *names: str) -> Any:
        """Return True, False or None."""
        return self._read(names, values.read_flag)

    def member(self, kind: type[OpenEnum], *names: str) -> Any:
        """Return a member of an enum, or None."""
        return self._read(names, lambda value: enum_member(kind, value))

    def rows(self, name: str, shape: type, read: Callable[[Row], T]) -> tuple[T, ...]:
        """Read objects listed in a field; one that cannot be read is noted and left out."""
        found: list[T] = []
        for raw in self._read((name,), lambda value: as_list(value, name)) or ():
            try:
                found.append(read(Row(raw, shape)))
            except DECODE_ERRORS:
                note("invalid_row", shape.__name__)
        return tuple(found)

    def every_row(self, name: str, shape: type, read: Callable[[Row], T]) -> tuple[T, ...]:
        """Read objects that are all an answer says: one that cannot be read costs the answer."""
        listed = self.raw.get(name)
        return tuple(read(Row(raw, shape)) for raw in as_list(listed or [], name))

    def _required(self, names: tuple[str, ...], read: Callable[[Any], T | None]) -> T:
        # An unreadable spelling does not hide a readable one beside it.
        others = [name for name in names[:-1] if self.raw.get(name) not in (None, "")]
        for name in others:
            try:
                return required(read(self.raw[name]), name)
            except DECODE_ERRORS:
                if self.raw.get(names[-1]) in (None, ""):
                    raise
                note("unreadable_field", f"{self.shape.__name__}.{name}")
        last = names[-1] if names[-1] in self.raw else names[0]
        return required(read(self.raw[last]), last)

    def _read(self, names: tuple[str, ...], read: Callable[[Any], T | None]) -> T | None:
        get = self.raw.get
        for name in names:
            value = get(name)
            if value is None or value == "":
                continue
            try:
                return read(value)
            except DECODE_ERRORS:
                note("unreadable_field", f"{self.shape.__name__}.{name}")
        return None


def _identity(value: object, name: str) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name} is not a text that names something")
    if not can_be_id(value):
        raise ValueError(f"{name} is a text that no id can be")
    return value


def _cents_price(value: object) -> Decimal | None:
    return values.read_price(values.read_cents(value))


def _texts(value: object, name: str) -> tuple[str, ...]:
    return tuple(required(values.read_text(each), name) for each in as_list(value, name))


def plain_text(value: Any) -> str:
    """Return a text that holds something, for readers of rows without a surprise. ValueError."""
    if type(value) is str and value and can_be_id(value):
        return value
    raise ValueError("not a plain text")


def plain(value: Any, kind: type[T]) -> T | None:
    """Return a value of just that type, or None, for such readers. Raises ValueError."""
    if value is None or type(value) is kind:
        return value
    raise ValueError(f"not a plain {kind.__name__}")
