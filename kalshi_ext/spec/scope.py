"""Which paths of the exchange's document are ours: the one place that says it.

A rule, not a list of today's operations: a path that appears under one of the prefixes next
week belongs to us and is noticed. Public market data is other people's subject, also where
it sits under /historical.
"""

from __future__ import annotations

from typing import Final

OURS: Final = (
    "/portfolio",
    "/historical",
    "/account",
    "/exchange/status",
    "/exchange/schedule",
    "/exchange/user_data_timestamp",
)
MARKET_DATA: Final = ("/historical/markets", "/historical/trades", "/historical/events")


def is_ours(path: str) -> bool:
    """Say whether a path is part of the portfolio contract."""
    return _under(path, OURS) and not _under(path, MARKET_DATA)


def _under(path: str, prefixes: tuple[str, ...]) -> bool:
    return any(path == prefix or path.startswith(prefix + "/") for prefix in prefixes)
