"""Keep one bid in a market: place it, move it, take it back."""

from __future__ import annotations

from decimal import Decimal

from kalshi_ext import Kalshi, NotFound, OrderAck


def quote(client: Kalshi, ticker: str, price: Decimal) -> OrderAck:
    """Place a bid of ten contracts, a cent higher after a look at the queue, then cancel it."""
    ack = client.orders.place(ticker, side="bid", count=10, price=price)
    order = client.orders.get(ack.order_id)
    waiting = client.orders.queue_position(order.order_id)
    if waiting.position > 0:
        client.orders.amend(order, price=price + Decimal("0.01"), count=10)
    return client.orders.cancel(order)


def shrink(client: Kalshi, order_id: str, ticker: str) -> Decimal | None:
    """Leave one contract of an order in the book, if there still is one."""
    try:
        return client.orders.decrease(order_id, to=1, ticker=ticker).remaining_count
    except NotFound:
        return None
