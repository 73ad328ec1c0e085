"""Read everything an account ever did, and where its money moved."""

from __future__ import annotations

from decimal import Decimal

from kalshi_ext import Kalshi


def volumes(client: Kalshi) -> dict[str, Decimal]:
    """Map each market to the contracts traded in it, live and archived."""
    traded: dict[str, Decimal] = {}
    for fill in client.history.all_fills():
        traded[fill.ticker] = traded.get(fill.ticker, Decimal(0)) + fill.count
    return traded


def moved(client: Kalshi) -> list[str]:
    """Write a line for each payment and each transfer between subaccounts."""
    payments = [f"{row.id}: {row.amount}" for row in client.portfolio.deposits()]
    transfers = [
        f"{row.from_subaccount} to {row.to_subaccount}: {row.amount}"
        for row in client.subaccounts.transfers()
    ]
    return payments + transfers
