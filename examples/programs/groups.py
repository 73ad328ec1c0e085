"""Limit what a set of orders may trade, and stop them all."""

from __future__ import annotations

from kalshi_ext import Kalshi, OrderTicket


def guarded(client: Kalshi, ticker: str) -> str:
    """Place two orders of a group that may fill 20 contracts in 15 seconds; return the group."""
    group = client.order_groups.create(contracts_limit=20)
    low = OrderTicket.of(ticker, side="bid", count=5, price="0.20", order_group_id=group.id)
    high = OrderTicket.of(ticker, side="ask", count=5, price="0.80", order_group_id=group.id)
    client.orders.place_many([low, high])
    return group.id


def stop(client: Kalshi, group_id: str) -> None:
    """Cancel the orders of a group, and let it trade again later."""
    client.order_groups.trigger(group_id)
    client.order_groups.reset(group_id)
    client.order_groups.delete(group_id)
