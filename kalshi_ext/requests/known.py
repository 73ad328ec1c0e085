"""How requests reach the orders that this client saw: ticker, shard and subaccount, by order id.

A cancel, decrease or amend that names neither ticker nor shard goes to shard 0 and misses the order
elsewhere (documented). So what is known of an order goes with its bare id.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import NamedTuple

from attrs import define, evolve, field

from kalshi_ext.bases import Printed
from kalshi_ext.models import Order, OrderAck
from kalshi_ext.requests.changes import OrderRef, Target


class Route(NamedTuple):
    """Where the exchange keeps an order, as requests name it; None is unknown."""

    ticker: str | None
    exchange_index: int | None = None
    subaccount: int | None = None


@define(eq=False, repr=False)
class KnownOrders(Printed):
    """The routes to the orders seen last, at most `most`. Shared by threads."""

    most: int = 100_000
    is_journal_read: bool = False
    _routes: OrderedDict[str, Route] = field(factory=OrderedDict[str, Route])
    _lock: threading.RLock = field(factory=threading.RLock, repr=False, eq=False)

    def add(self, order_id: str, route: Route) -> None:
        """Remember the route to an order."""
        with self._lock:
            self._add(order_id, route)

    def _add(self, order_id: str, route: Route) -> None:
        known = self._routes.pop(order_id, None)
        if known is not None and known != route:  # what is not told stays as it was
            told = {name: value for name, value in route._asdict().items() if value is not None}
            route = known._replace(**told)
        self._routes[order_id] = route
        if len(self._routes) > self.most:
            self._routes.popitem(last=False)

    def note(self, orders: Iterable[object]) -> None:
        """Remember the orders among these values."""
        with self._lock:
            for each in orders:
                order = each.order if isinstance(each, OrderAck) else each
                if isinstance(order, Order):
                    route = Route(order.ticker, order.exchange_index, order.subaccount)
                    self._add(order.order_id, route)

    def route(self, order_id: str) -> Route | None:
        """Return the route to an order; None where it was not seen."""
        return self._routes.get(order_id)

    def ticker_of(self, order: OrderRef) -> str | None:
        """Return the ticker of an order that is named by its bare id."""
        route = self.route(order) if isinstance(order, str) else None
        return None if route is None else route.ticker

    def complete(self, target: Target, *, routed: bool = True) -> Target:
        """Add what is known to a target; `routed` False adds the ticker alone, as in classic."""
        route = self.route(target.order_id)
        if route is None:
            return target
        known = route if routed else Route(route.ticker)
        missing = {
            name: value
            for name, value in known._asdict().items()
            if value is not None and getattr(target, name) is None
        }
        return evolve(target, **missing) if missing else target
