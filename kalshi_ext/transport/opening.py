"""Open a connection to an origin, through a proxy or not: look-up, TCP, tunnel, TLS.

No byte of the request is written here, so whatever fails here proves that nothing was sent.
"""

from __future__ import annotations

import time

from attrs import frozen

from kalshi_ext.bases import Value
from kalshi_ext.transport import failures
from kalshi_ext.transport.codec import Codec
from kalshi_ext.transport.connection import Connection, Steps, secure
from kalshi_ext.transport.deadline import DeliveryTrace
from kalshi_ext.transport.dial import connect
from kalshi_ext.transport.family import httpx
from kalshi_ext.transport.idle import Origin
from kalshi_ext.transport.proxy import check_tunnel, proxy_address, tunnel_request, tunnel_trace
from kalshi_ext.transport.tls import TlsContext


@frozen(eq=False, repr=False)
class Opening(Value):
    """How connections are opened: with which certificates, through which proxy."""

    tls: TlsContext
    proxy: httpx.Proxy | None
    codec: Codec

    def open(self, origin: Origin, trace: DeliveryTrace, steps: Steps) -> Connection:
        """Open a connection for a thread. Raises ConnectError, ConnectTimeout, ProxyError."""
        scheme, host, _ = origin
        limits = bounded(trace, steps)
        connection = Connection(connect(*self.address(origin), time_left(limits)))
        try:
            if scheme == "https":
                self._tunnel(connection, origin, limits)
                context = self.tls.context()
                connection.socket = secure(connection.socket, context, host, time_left(limits))
        except BaseException:  # an interrupt, too
            connection.close()
            raise
        return connection

    def address(self, origin: Origin) -> tuple[str, int]:
        return origin[1:] if self.proxy is None else proxy_address(self.proxy)

    def _tunnel(self, connection: Connection, origin: Origin, limits: DeliveryTrace) -> None:
        if self.proxy is not None:
            answer = self.codec("CONNECT")
            connection.ask((tunnel_request(self.proxy, origin),), answer, tunnel_trace(limits), {})
            check_tunnel(answer)


def bounded(trace: DeliveryTrace, steps: Steps) -> DeliveryTrace:
    """Return the bounds of connecting: its own, within the request's."""
    limit = trace.remaining(steps.get("connect"), failures.ConnectTimeout)
    return trace if limit is None else DeliveryTrace(time.monotonic() + limit)


def time_left(limits: DeliveryTrace) -> float | None:
    return limits.remaining(None, failures.ConnectTimeout)
