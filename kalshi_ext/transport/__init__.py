"""httpx transports with a total deadline, which know whether a request left this process."""

from kalshi_ext.transport.async_transports import AsyncDeadlineTransport
from kalshi_ext.transport.body_limit import BodyTooLarge, aread_limited, read_limited
from kalshi_ext.transport.deadline import DeliveryTrace, trace_delivery
from kalshi_ext.transport.idle import KEEPALIVE_SECONDS
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
