"""Ask several things at once with the client for asyncio."""

from __future__ import annotations

import asyncio
from decimal import Decimal

from kalshi_ext import AsyncKalshi


async def worth(client: AsyncKalshi) -> Decimal:
    """Return cash and the value of resting orders."""
    balance, resting = await asyncio.gather(
        client.portfolio.balance(), client.portfolio.resting_value()
    )
    return balance.balance + resting.total


async def tickers(client: AsyncKalshi) -> set[str]:
    """Return the markets with an order of ours."""
    return {order.ticker async for order in client.orders.list(limit=200)}
