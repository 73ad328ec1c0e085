"""What an account holds, paid and won: the numbers of a daily report."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from kalshi_ext import Kalshi

NOTHING = Decimal(0)


def cash(client: Kalshi) -> Decimal:
    """Return the dollars of all shards."""
    balance = client.portfolio.balance()
    return balance.balance + sum((shard.balance for shard in balance.breakdown), NOTHING)


def fees(client: Kalshi, since: datetime) -> Decimal:
    """Add up what the fills of a time cost beyond their price."""
    rows = client.portfolio.fills(since=since)
    return sum((fill.fee or NOTHING for fill in rows), NOTHING)


def paid(client: Kalshi, ticker: str) -> Decimal:
    """Return the dollars that the contracts of a market cost."""
    fills = client.portfolio.fills(ticker=ticker)
    return sum(((fill.price or NOTHING) * fill.count for fill in fills), NOTHING)


def won(client: Kalshi) -> Decimal:
    """Return what settled markets paid."""
    rows = client.portfolio.settlements(limit=100)
    return sum((row.revenue or NOTHING for row in rows), NOTHING)


def exposure(client: Kalshi) -> dict[str, Decimal]:
    """Map each market to the contracts held, negative for NO."""
    return {row.ticker: row.position for row in client.portfolio.positions()}
