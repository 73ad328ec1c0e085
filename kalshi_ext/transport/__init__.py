"""Connections with a total deadline, which know whether a request left this process.

`AsyncDeadlineTransport` and `DeadlineTransport` are these as transports of httpx's; what imports
one of them imports httpx.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from kalshi_ext.transport.body_limit import aread_limited, read_limited
from kalshi_ext.transport.deadline import DeliveryTrace, trace_delivery
from kalshi_ext.transport.failures import BodyTooLarge
from kalshi_ext.transport.idle import KEEPALIVE_SECONDS

if TYPE_CHECKING:
    from kalshi_ext.transport.async_transports import AsyncDeadlineTransport
    from kalshi_ext.transport.transports import DeadlineTransport

__all__ = [
    "KEEPALIVE_SECONDS",
    "AsyncDeadlineTransport",
    "BodyTooLarge",
    "DeadlineTransport",
    "DeliveryTrace",
    "aread_limited",
    "read_limited",
    "trace_delivery",
]

_LATE = {"AsyncDeadlineTransport": "async_transports", "DeadlineTransport": "transports"}

if not TYPE_CHECKING:  # or a checker takes a misspelt name for Any

    def __getattr__(name: str) -> Any:
        if name not in _LATE:
            raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
        return getattr(import_module(f"{__name__}.{_LATE[name]}"), name)
