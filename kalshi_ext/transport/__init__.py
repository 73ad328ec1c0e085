"""httpx transports that end on time and know whether a request left this process."""

from kalshi_ext.transport.capped import BodyTooLarge, aread_capped, read_capped
from kalshi_ext.transport.evidence import Evidence, exchange_evidence
from kalshi_ext.transport.transports import (
    KEEPALIVE_SECONDS,
    AsyncDeadlineTransport,
    DeadlineTransport,
)

__all__ = [
    "KEEPALIVE_SECONDS",
    "AsyncDeadlineTransport",
    "BodyTooLarge",
    "DeadlineTransport",
    "Evidence",
    "aread_capped",
    "exchange_evidence",
    "read_capped",
]
