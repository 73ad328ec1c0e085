"""Trade on the Kalshi exchange: `Kalshi` for threads, `AsyncKalshi` for asyncio.

    from kalshi_ext import Kalshi

    with Kalshi.from_env() as client:
        ack = client.orders.place("TICKER", side="yes", action="buy", count=10, price="0.56")

Money is Decimal dollars, counts Decimal contracts, times aware UTC datetimes.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from kalshi_ext.errors import (
    BadRequest,
    Conflict,
    DuplicateIdConflict,
    DuplicateOrder,
    EarlierWriteUnsettled,
    FillOrKillUnfilled,
    Forbidden,
    JournalUnwritable,
    KalshiError,
    MarketClosed,
    Misuse,
    NoAnswer,
    NotFound,
    NotSent,
    OutcomeUnknown,
    RateLimited,
    Refused,
    Retired,
    TradingPaused,
    TransferAlreadyApplied,
    Unauthorized,
    Unavailable,
    UnavailableWrite,
    Unintelligible,
    UnintelligibleWrite,
)

if TYPE_CHECKING:
    from kalshi_ext._async.client import AsyncKalshi
    from kalshi_ext._sync.client import Kalshi
    from kalshi_ext.config import Environment, Timeout
    from kalshi_ext.contract.types import (
        BookSide,
        MarketResult,
        OrderAction,
        OrderStatus,
        OrderType,
        OutcomeSide,
        SelfTradePreventionType,
        TimeInForce,
    )
    from kalshi_ext.journal import Journal, open_journal
    from kalshi_ext.models import Balance, Fill, Order, OrderAck, OrderGroup, Position, Settlement
    from kalshi_ext.protocol.flow import Policy
    from kalshi_ext.protocol.pagination import CursorRepeated, Page, SetAside
    from kalshi_ext.protocol.rate_limits import Pacer
    from kalshi_ext.requests import OrderTicket
    from kalshi_ext.transport.signing import KalshiAuth
    from kalshi_ext.writes import Resolution

__version__ = "0.1.0"

# The client is imported when first asked for: errors and commands start faster without it.
_LAZY = {
    "AsyncKalshi": "_async.client",
    "Kalshi": "_sync.client",
    "Environment": "config",
    "Timeout": "config",
    "Policy": "protocol.context",
    "Journal": "journal",
    "open_journal": "journal",
    "Pacer": "protocol.rate_limits",
    "CursorRepeated": "protocol.pagination",
    "Page": "protocol.pagination",
    "SetAside": "protocol.pagination",
    "KalshiAuth": "transport.signing",
    "OrderTicket": "requests",
    "Resolution": "writes",
    **dict.fromkeys(
        ("Balance", "Fill", "Order", "OrderAck", "OrderGroup", "Position", "Settlement"), "models"
    ),
    **dict.fromkeys(
        ("BookSide", "MarketResult", "OrderAction", "OrderStatus", "OrderType", "OutcomeSide"),
        "contract.types",
    ),
    **dict.fromkeys(("SelfTradePreventionType", "TimeInForce"), "contract.types"),
}
__all__ = [
    "AsyncKalshi",
    "BadRequest",
    "Balance",
    "BookSide",
    "Conflict",
    "CursorRepeated",
    "DuplicateIdConflict",
    "DuplicateOrder",
    "EarlierWriteUnsettled",
    "Environment",
    "Fill",
    "FillOrKillUnfilled",
    "Forbidden",
    "Journal",
    "JournalUnwritable",
    "Kalshi",
    "KalshiAuth",
    "KalshiError",
    "MarketClosed",
    "MarketResult",
    "Misuse",
    "NoAnswer",
    "NotFound",
    "NotSent",
    "Order",
    "OrderAck",
    "OrderAction",
    "OrderGroup",
    "OrderStatus",
    "OrderTicket",
    "OrderType",
    "OutcomeSide",
    "OutcomeUnknown",
    "Pacer",
    "Page",
    "Policy",
    "Position",
    "RateLimited",
    "Refused",
    "Resolution",
    "Retired",
    "SelfTradePreventionType",
    "SetAside",
    "Settlement",
    "TimeInForce",
    "Timeout",
    "TradingPaused",
    "TransferAlreadyApplied",
    "Unauthorized",
    "Unavailable",
    "UnavailableWrite",
    "Unintelligible",
    "UnintelligibleWrite",
    "__version__",
    "open_journal",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
