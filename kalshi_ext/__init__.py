"""Trade on the Kalshi exchange: `Kalshi` for threads, `AsyncKalshi` for asyncio.

    from kalshi_ext import Kalshi

    with Kalshi.from_env() as client:
        ack = client.orders.place("TICKER", side="yes", action="buy", count=10, price="0.56")

Money is Decimal dollars, counts Decimal contracts, times aware UTC datetimes.

The names in `__all__`, the members of `kalshi_ext.sandbox`, `kalshi_ext.journal` and
`kalshi_ext.testing` that their `__all__` or README name, and the command `kalshi-ext` are public;
everything else is private and may change in any release.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from kalshi_ext import errors
from kalshi_ext.errors import *

if TYPE_CHECKING:
    from kalshi_ext import models
    from kalshi_ext._async.client import AsyncKalshi
    from kalshi_ext._async.complete import AsyncCompleteRows
    from kalshi_ext._async.rows import AsyncRows
    from kalshi_ext._sync.client import Kalshi
    from kalshi_ext._sync.complete import CompleteRows
    from kalshi_ext._sync.rows import Rows
    from kalshi_ext.config import Environment, Timeout
    from kalshi_ext.contract.types import (
        BookSide,
        ExchangeInstance,
        IntraExchangeInstanceTransferStatus,
        MarketResult,
        MarketStatus,
        MarketType,
        OrderAction,
        OrderStatus,
        OrderType,
        OutcomeSide,
        PaymentStatus,
        PaymentType,
        RestingMarginReservation,
        SelfTradePreventionType,
        SettlementBoundsType,
        StrikeType,
        TimeInForce,
    )
    from kalshi_ext.contracts.any_path import Parameters, ParameterValue
    from kalshi_ext.contracts.passthrough import GeneratedResponse
    from kalshi_ext.events import (
        AttemptAnswered,
        AttemptLost,
        AttemptSent,
        BudgetFailed,
        BudgetLearned,
        BudgetRecovered,
        CallEnded,
        CallEvent,
        ClockCorrected,
        DeviationFound,
        Event,
        JournalFailed,
        JournalRecovered,
        Listener,
        RetryPlanned,
        StopCalled,
        UnknownOpened,
        UnknownResolved,
        WaitBegan,
        WriteDenied,
    )
    from kalshi_ext.journal import Journal, Latch, State, open_journal

    # One by one: through the package mypy takes the models for Any (measured).
    from kalshi_ext.models.account import *
    from kalshi_ext.models.exchange import *
    from kalshi_ext.models.health import *
    from kalshi_ext.models.markets import *
    from kalshi_ext.models.orders import *
    from kalshi_ext.models.portfolio import *
    from kalshi_ext.protocol.context import Policy
    from kalshi_ext.protocol.flow import Flow
    from kalshi_ext.protocol.limits import Deadline
    from kalshi_ext.protocol.messages import InvalidRow, Page
    from kalshi_ext.protocol.pacer import Pacer
    from kalshi_ext.protocol.pagination import CursorRepeated
    from kalshi_ext.protocol.rate_limits import Backoff, TokenBucket
    from kalshi_ext.redact import Secret
    from kalshi_ext.requests import (
        Action,
        AmendTicket,
        Count,
        Dollars,
        Moment,
        OrderRef,
        OrderTicket,
        Progress,
        Side,
    )
    from kalshi_ext.risk import Limits, Override, Reference, TradingState
    from kalshi_ext.session import BudgetSource, JournalSource, PaceSource
    from kalshi_ext.stop import RestingOrder, StoppedGroup, StopReport
    from kalshi_ext.transport.auth import KalshiAuth
    from kalshi_ext.transport.deadman import DeadMan
    from kalshi_ext.transport.keys import KeySource, Passphrase
    from kalshi_ext.transport.signing import Signer
    from kalshi_ext.values import Band, PriceGrid
    from kalshi_ext.writes import Resolution

    __all__ = [
        "Action",
        "AmendTicket",
        "AsyncCompleteRows",
        "AsyncKalshi",
        "AsyncRows",
        "AttemptAnswered",
        "AttemptLost",
        "AttemptSent",
        "Backoff",
        "Band",
        "BookSide",
        "BudgetFailed",
        "BudgetLearned",
        "BudgetRecovered",
        "BudgetSource",
        "CallEnded",
        "CallEvent",
        "ClockCorrected",
        "CompleteRows",
        "Count",
        "CursorRepeated",
        "DeadMan",
        "Deadline",
        "DeviationFound",
        "Dollars",
        "Environment",
        "Event",
        "ExchangeInstance",
        "Flow",
        "GeneratedResponse",
        "IntraExchangeInstanceTransferStatus",
        "InvalidRow",
        "Journal",
        "JournalFailed",
        "JournalRecovered",
        "JournalSource",
        "Kalshi",
        "KalshiAuth",
        "KeySource",
        "Latch",
        "Limits",
        "Listener",
        "MarketResult",
        "MarketStatus",
        "MarketType",
        "Moment",
        "OrderAction",
        "OrderRef",
        "OrderStatus",
        "OrderTicket",
        "OrderType",
        "OutcomeSide",
        "Override",
        "PaceSource",
        "Pacer",
        "Page",
        "ParameterValue",
        "Parameters",
        "Passphrase",
        "PaymentStatus",
        "PaymentType",
        "Policy",
        "PriceGrid",
        "Progress",
        "Reference",
        "Resolution",
        "RestingMarginReservation",
        "RestingOrder",
        "RetryPlanned",
        "Rows",
        "Secret",
        "SelfTradePreventionType",
        "SettlementBoundsType",
        "Side",
        "Signer",
        "State",
        "StopCalled",
        "StopReport",
        "StoppedGroup",
        "StrikeType",
        "TimeInForce",
        "Timeout",
        "TokenBucket",
        "TradingState",
        "UnknownOpened",
        "UnknownResolved",
        "WaitBegan",
        "WriteDenied",
        "__version__",
        "open_journal",
    ]
    __all__ += errors.__all__
    __all__ += models.__all__

__version__ = "0.1.0"

# The client is imported when first asked for: errors and commands start faster without it.
_EXPORTS = {
    "_async.client": ("AsyncKalshi",),
    "_async.complete": ("AsyncCompleteRows",),
    "_async.rows": ("AsyncRows",),
    "_sync.client": ("Kalshi",),
    "_sync.complete": ("CompleteRows",),
    "_sync.rows": ("Rows",),
    "config": (
        "Environment",
        "Timeout",
    ),
    "contract.types": (
        "BookSide",
        "ExchangeInstance",
        "IntraExchangeInstanceTransferStatus",
        "MarketResult",
        "MarketStatus",
        "MarketType",
        "OrderAction",
        "OrderStatus",
        "OrderType",
        "OutcomeSide",
        "PaymentStatus",
        "PaymentType",
        "RestingMarginReservation",
        "SelfTradePreventionType",
        "SettlementBoundsType",
        "StrikeType",
        "TimeInForce",
    ),
    "contracts.any_path": ("ParameterValue", "Parameters"),
    "contracts.passthrough": ("GeneratedResponse",),
    "events": (
        "AttemptAnswered",
        "AttemptLost",
        "AttemptSent",
        "BudgetFailed",
        "BudgetLearned",
        "BudgetRecovered",
        "CallEnded",
        "CallEvent",
        "ClockCorrected",
        "DeviationFound",
        "Event",
        "JournalFailed",
        "JournalRecovered",
        "Listener",
        "RetryPlanned",
        "StopCalled",
        "UnknownOpened",
        "UnknownResolved",
        "WaitBegan",
        "WriteDenied",
    ),
    "protocol.flow": ("Flow",),
    "session": ("BudgetSource", "JournalSource", "PaceSource"),
    "journal": (
        "Journal",
        "Latch",
        "State",
        "open_journal",
    ),
    "protocol.context": ("Policy",),
    "protocol.limits": ("Deadline",),
    "protocol.messages": ("InvalidRow", "Page"),
    "protocol.pagination": ("CursorRepeated",),
    "protocol.pacer": ("Pacer",),
    "protocol.rate_limits": ("Backoff", "TokenBucket"),
    "redact": ("Secret",),
    "requests": (
        "Action",
        "AmendTicket",
        "Count",
        "Dollars",
        "Moment",
        "OrderRef",
        "OrderTicket",
        "Progress",
        "Side",
    ),
    "risk": ("Limits", "Override", "Reference", "TradingState"),
    "transport.deadman": ("DeadMan",),
    "stop": ("RestingOrder", "StopReport", "StoppedGroup"),
    "transport.keys": (
        "KeySource",
        "Passphrase",
    ),
    "transport.auth": ("KalshiAuth",),
    "transport.signing": ("Signer",),
    "values": ("Band", "PriceGrid"),
    "writes": ("Resolution",),
}
_MODULE_OF = {name: module for module, names in _EXPORTS.items() for name in names}


def _export(name: str) -> Any:
    if name == "__all__":
        value: Any = _public_names()
    elif name in _MODULE_OF:
        value = getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    elif not name.startswith("_") and name in (models := _models()).__all__:
        value = getattr(models, name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


if not TYPE_CHECKING:  # or a checker takes a misspelt name for Any
    __getattr__ = _export


def _models() -> Any:
    return importlib.import_module(f"{__name__}.models")


def _public_names() -> list[str]:
    # At run time the list is made when somebody asks for it: it needs the models' names.
    return sorted({"__version__", *_MODULE_OF, *errors.__all__, *_models().__all__})


def __dir__() -> list[str]:
    return _public_names()
