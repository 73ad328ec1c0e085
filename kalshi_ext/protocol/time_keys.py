"""What tells the rows of a list apart and puts them in order: the key of each kind of list."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from datetime import datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from attrs import frozen

from kalshi_ext.bases import Value

if TYPE_CHECKING:
    from kalshi_ext.models import Fill, Order, Settlement, Trade

T = TypeVar("T")


@frozen(eq=False, repr=False)
class TimeKey(Value, Generic[T]):
    """A row's time, by which its list is in order and bounded, and what tells the row apart."""

    time: Callable[[T], datetime | None]
    identity: Callable[[T], Hashable]


FILLS: Final[TimeKey[Fill]] = TimeKey(attrgetter("created_time"), attrgetter("fill_id"))
ORDERS: Final[TimeKey[Order]] = TimeKey(attrgetter("created_time"), attrgetter("order_id"))
TRADES: Final[TimeKey[Trade]] = TimeKey(attrgetter("created_time"), attrgetter("trade_id"))
# They have no id: two that are alike are told apart by how many there are.
SETTLEMENTS: Final[TimeKey[Settlement]] = TimeKey(attrgetter("settled_time"), lambda row: row)
