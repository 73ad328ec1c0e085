"""Say how orders stand: a match over the members of an enum, and its unknown ones."""

from __future__ import annotations

from kalshi_ext import BookSide, Kalshi, Order, OrderStatus


def standing(order: Order) -> str:
    """Say in a word how an order stands."""
    if order.status is OrderStatus.RESTING:
        return "waits"
    if order.status is OrderStatus.EXECUTED:
        return "is filled"
    if order.status is OrderStatus.CANCELED:
        return "was cancelled"
    return f"is {order.status.value}"


def lines(client: Kalshi, ticker: str) -> list[str]:
    """Write a line for each order of a market."""
    return [
        f"{'buy' if order.book_side is BookSide.BID else 'sell'} {order.remaining_count}"
        f" at {order.price} {standing(order)}"
        for order in client.orders.list(ticker=ticker, status="resting", limit=50)
    ]
