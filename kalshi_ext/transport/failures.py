"""Why a round trip failed, by the names of httpx's exceptions.

They are not httpx's classes: a client of ours needs httpx for nothing else, its import costs more
than all of this library, and it could itself fail just where connections do, as when no file
descriptor is left. `family.as_httpx` raises httpx's own towards those who use httpx's interface.
"""

from __future__ import annotations


class TransportFailure(Exception):
    """A round trip ended without a whole answer; the delivery trace tells what was sent."""


class PoolTimeout(TransportFailure):
    """No connection came free in time."""


class ConnectError(TransportFailure):
    """No connection came about."""


class ConnectTimeout(TransportFailure):
    """No connection came about in time."""


class ProxyError(TransportFailure):
    """The proxy opened no tunnel."""


class WriteError(TransportFailure):
    """The connection broke while the request was written."""


class WriteTimeout(TransportFailure):
    """The request was not taken in time."""


class ReadError(TransportFailure):
    """The connection broke while the answer was read."""


class ReadTimeout(TransportFailure):
    """The answer did not come in time."""


class LocalProtocolError(TransportFailure):
    """The request cannot be written as HTTP; nothing was sent."""


class RemoteProtocolError(TransportFailure):
    """The answer is no HTTP, or HTTP that this library refuses."""


class DecodingError(TransportFailure):
    """The body cannot be decompressed."""


class BodyTooLarge(TransportFailure):
    """The body is larger than the limit; the connection was closed."""
