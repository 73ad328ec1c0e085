"""What is done with the classic contract, in chapters, with the same facade words."""

from __future__ import annotations

from collections.abc import Callable

from calls import CHICAGO, RAIN

from kalshi_ext import OrderTicket
from tour.runner import Tour


def orders(tour: Tour) -> None:
    """Buy NO at the price the book asks, then rest, change and cancel an order."""
    tour.call("portfolio.balance")
    filled_order = tour.call(
        "orders.place", CHICAGO, side="no", action="buy", count=10, price="0.46"
    )
    tour.call("portfolio.fills", order_id=filled_order.order_id)
    tour.call("portfolio.positions", ticker=CHICAGO)
    tour.call("portfolio.balance")
    ack = tour.call("orders.place", RAIN, side="yes", action="buy", count=20, price="0.55")
    order = tour.call("orders.get", ack.order_id)
    tour.call("orders.queue_position", ack.order_id)
    tour.call("orders.queue_positions", [order])
    tour.call("orders.amend", order, price="0.54", count=18)
    tour.call("orders.decrease", order, by=6)
    tour.call("orders.list", ticker=RAIN, limit=3)
    tour.call("orders.cancel", order)


def batches(tour: Tour) -> None:
    """Several orders in one request."""
    tickets = [
        OrderTicket.of(CHICAGO, side="yes", action="buy", count=5, price="0.41"),
        OrderTicket.of(CHICAGO, side="no", action="buy", count=5, price="0.39"),
    ]
    acks = tour.call("orders.place_many", tickets)
    tour.call("portfolio.resting_value")
    tour.call("orders.cancel_many", acks)


def groups(tour: Tour) -> None:
    """Order groups."""
    group = tour.call("order_groups.create", contracts_limit=100)
    tour.call("order_groups.list")
    tour.call("order_groups.reset", group.id)
    tour.call("order_groups.delete", group.id)


CHAPTERS: tuple[Callable[[Tour], None], ...] = (orders, batches, groups)
