"""Where the orders live that this client saw: ticker, shard and subaccount, by order id.

A cancel, decrease or amend that names neither ticker nor shard goes to shard 0 and misses the order
elsewhere (documented). So what is known of an order goes with its bare id.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

from attrs import define, evolve, field

from kalshi_ext.models import Order, OrderAck
from kalshi_ext.requests.changes import OrderRef, Target


class Place(NamedTuple):
    """Where an order lives; None is unknown."""

    ticker: str | None
    exchange_index: int | None = None
    subaccount: int | None = None


Seen: TypeAlias = Order | OrderAck


@define
class KnownOrders:
    """The places of the orders seen last, at most `most`. Shared by threads."""

    most: int = 100_000
    is_journal_read: bool = False
    _places: OrderedDict[str, Place] = field(factory=OrderedDict[str, Place])
    _lock: threading.Lock = field(factory=threading.Lock, repr=False, eq=False)

    def add(self, order_id: str, place: Place) -> None:
        """Remember where an order lives."""
        with self._lock:
            self._add(order_id, place)

    def _add(self, order_id: str, place: Place) -> None:
        known = self._places.pop(order_id, None)
        if known is not None:  # what is not told stays as it was
            told = {name: value for name, value in place._asdict().items() if value is not None}
            place = known._replace(**told)
        self._places[order_id] = place
        if len(self._places) > self.most:
            self._places.popitem(last=False)

    def note(self, orders: Iterable[object]) -> None:
        """Remember the orders among these values."""
        with self._lock:
            for each in orders:
                order = each.order if isinstance(each, OrderAck) else each
                if isinstance(order, Order):
                    place = Place(order.ticker, order.exchange_index, order.subaccount)
                    self._add(order.order_id, place)

    def place(self, order_id: str) -> Place | None:
        """Return where an order lives; None where it was not seen."""
        return self._places.get(order_id)

    def ticker_of(self, order: OrderRef) -> str | None:
        """Return the ticker of an order that is named by its bare id."""
        place = self.place(order) if isinstance(order, str) else None
        return None if place is None else place.ticker

    def complete(self, target: Target, *, routed: bool = True) -> Target:
        """Add what is known to a target; `routed` False adds the ticker alone, as in classic."""
        place = self.place(target.order_id)
        if place is None:
            return target
        known = place if routed else Place(place.ticker)
        missing = {
            name: value
            for name, value in known._asdict().items()
            if value is not None and getattr(target, name) is None
        }
        return evolve(target, **missing) if missing else target
