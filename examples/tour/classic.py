"""The walk through the 19 operations of the classic contract, in the same words."""

from __future__ import annotations

from collections.abc import Callable

from kalshi_ext import OrderTicket
from tour.guide import Guide

RAIN = "KXRAIN-26DEC31-NYC"
CHICAGO = "KXRAIN-26DEC31-CHI"


def orders(guide: Guide) -> None:
    """Buy NO at the price the book asks, then rest, change and cancel an order."""
    guide.call("portfolio.balance")
    taken = guide.call("orders.place", CHICAGO, side="no", action="buy", count=10, price="0.46")
    guide.call("portfolio.fills", order_id=taken.order_id)
    guide.call("portfolio.positions", ticker=CHICAGO)
    guide.call("portfolio.balance")
    placed = guide.call("orders.place", RAIN, side="yes", action="buy", count=20, price="0.55")
    order = guide.call("orders.get", placed.order_id)
    guide.call("orders.queue_position", placed.order_id)
    guide.call("orders.queue_positions", [order])
    guide.call("orders.amend", order, price="0.54", count=18)
    guide.call("orders.decrease", order, by=6)
    guide.call("orders.list", ticker=RAIN, limit=3)
    guide.call("orders.cancel", order)


def batches(guide: Guide) -> None:
    """Several orders in one request."""
    tickets = [
        OrderTicket.of(CHICAGO, side="yes", action="buy", count=5, price="0.41"),
        OrderTicket.of(CHICAGO, side="no", action="buy", count=5, price="0.39"),
    ]
    placed = guide.call("orders.place_many", tickets)
    guide.call("portfolio.resting_value")
    guide.call("orders.cancel_many", placed)


def groups(guide: Guide) -> None:
    """Order groups."""
    group = guide.call("order_groups.create", contracts_limit=100)
    guide.call("order_groups.list")
    guide.call("order_groups.reset", group.id)
    guide.call("order_groups.delete", group.id)


def money(guide: Guide) -> None:
    """Settlements."""
    guide.call("portfolio.settlements")


CHAPTERS: tuple[Callable[[Guide], None], ...] = (orders, batches, groups, money)
