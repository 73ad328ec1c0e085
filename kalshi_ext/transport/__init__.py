"""httpx transports that end on time and know whether a request left this process."""

from kalshi_ext.transport.body_limit import BodyTooLarge, aread_capped, read_capped
from kalshi_ext.transport.deadline import Evidence, exchange_evidence
from kalshi_ext.transport.pools import KEEPALIVE_SECONDS, AsyncDeadlineTransport, DeadlineTransport

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
