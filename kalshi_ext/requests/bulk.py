"""The arguments of bulk calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias, cast

from kalshi_ext.arguments import MAX_BULK, entries, must_be, plain_function
from kalshi_ext.errors import Misuse
from kalshi_ext.redact import is_a
from kalshi_ext.requests.changes import AmendTicket, OrderRef, Target
from kalshi_ext.requests.orders import OrderTicket

Progress: TypeAlias = Callable[[int, int], object]
"""Called with the number of outcomes so far and of all."""


def progress(value: object) -> Progress | None:
    """Check an `on_progress`. Raises Misuse."""
    rule = "a plain function of (done, total)"
    if is_a(value, type):
        raise must_be("on_progress", value, rule)
    return None if value is None else cast("Progress", plain_function(value, "on_progress", rule))


def order_tickets(tickets: Iterable[OrderTicket]) -> list[OrderTicket]:
    """Check the tickets of any number of orders. Raises Misuse."""
    return entries(tickets, "tickets", most=MAX_BULK, check=_of(OrderTicket))


def amend_tickets(tickets: Iterable[AmendTicket]) -> list[AmendTicket]:
    """Check the tickets of any number of amends. Raises Misuse."""
    return entries(tickets, "tickets", most=MAX_BULK, check=_of(AmendTicket))


def bulk_targets(orders: Iterable[OrderRef]) -> list[Target]:
    """Check any number of orders. Raises Misuse."""
    return entries(orders, "orders", most=MAX_BULK, check=Target.of)


def _of(kind: type) -> Callable[[Any], Any]:
    def check(ticket: Any) -> Any:
        if not is_a(ticket, (kind,)):
            raise Misuse(f"tickets must be built with {kind.__name__}.of(...)")
        return ticket

    return check
