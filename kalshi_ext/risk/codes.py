"""The codes of Denied: one table, from which docs/limits.md is made.

A code is the name of the limit that refused, in the order in which they are looked at; those that
end in `_missing` say that what a limit compares with is not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

CODES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "halted": "the trading state is HALTED: only cancels and decreases pass",
        "reducing": "the trading state is REDUCING: only what lowers risk passes",
        "tickers": "the ticker is not on the list of those allowed",
        "tick_grid_missing": "the prices that the market takes could not be read",
        "tick_grid": "the market does not take this price",
        "reference_missing": "there is no reference price, or it is too old",
        "price_band": "the price is too far from the reference, in dollars",
        "duplicate_seconds": "the same order went out under another id, so many seconds ago",
        "order_contracts": "contracts of this order, what was filled of it included",
        "order_dollars": "the most that this order costs, what was filled of it included",
        "order_unexecuted": "the most that the unexecuted part of this order costs",
        "market_contracts": "contracts held in the market and in its unexecuted orders",
        "market_dollars": "dollars paid for what is held in the market, and its unexecuted orders",
        "market_unexecuted": "dollars of the market's unexecuted orders",
        "total_contracts": "contracts held in all markets and in all unexecuted orders",
        "total_dollars": "dollars paid for what is held, and all unexecuted orders",
        "total_unexecuted": "dollars of all unexecuted orders",
        "position": "contracts of one outcome, once all orders of this direction are filled",
        "daily_loss_missing": "no reading of what the account is worth, of this day (UTC)",
        "daily_loss": "dollars lost since the first reading of this day (UTC)",
        "orders_per_minute": "orders and amends of the last 60 seconds",
        "orders_per_day": "orders and amends of this day (UTC)",
    }
)
