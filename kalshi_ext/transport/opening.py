"""Open a connection to an origin, through a proxy or not: look-up, TCP, tunnel, TLS.

No byte of the request is written here, so whatever fails here proves that nothing was sent.
"""

from __future__ import annotations

import asyncio
import ssl
import time

from attrs import frozen

from kalshi_ext.transport.async_connection import AsyncConnection
from kalshi_ext.transport.codec import Codec
from kalshi_ext.transport.connection import Connection, Steps, secure
from kalshi_ext.transport.deadline import DeliveryTrace
from kalshi_ext.transport.dial import connect, connect_async
from kalshi_ext.transport.family import httpx
from kalshi_ext.transport.idle import Origin
from kalshi_ext.transport.proxy import check_tunnel, proxy_address, tunnel_request, tunnel_trace
from kalshi_ext.transport.tls import TlsContext


@frozen
class Opening:
    """How connections are opened: with which certificates, through which proxy."""

    tls: TlsContext
    proxy: httpx.Proxy | None
    codec: Codec

    def open(self, origin: Origin, trace: DeliveryTrace, steps: Steps) -> Connection:
        """Open a connection for a thread. Raises ConnectError, ConnectTimeout, ProxyError."""
        scheme, host, _ = origin
        limits = _bounded(trace, steps)
        connection = Connection(connect(*self._address(origin), _left(limits)))
        try:
            if scheme == "https":
                self._tunnel(connection, origin, limits)
                context = self.tls.context()
                connection.socket = secure(connection.socket, context, host, _left(limits))
        except BaseException:  # an interrupt, too
            connection.close()
            raise
        return connection

    async def open_async(
        self, origin: Origin, trace: DeliveryTrace, steps: Steps
    ) -> AsyncConnection:
        """Open a connection of the running loop; otherwise like `open`."""
        scheme, host, _ = origin
        limits = _bounded(trace, steps)
        loop = asyncio.get_running_loop()
        context = await self.tls.context_async() if scheme == "https" else None
        connected = await connect_async(*self._address(origin), _left(limits))
        tunnel = context is not None and self.proxy is not None
        connection = AsyncConnection(loop)
        try:
            async with asyncio.timeout(_left(limits)):
                await loop.create_connection(
                    lambda: connection,
                    sock=connected,
                    ssl=None if tunnel else context,
                    server_hostname=host if context is not None and not tunnel else None,
                )
            if tunnel and context is not None:
                await self._tunnel_async(connection, origin, limits, context)
        except BaseException as error:  # a cancelled task, too
            connection.close()
            connected.close()
            if (known := _named(error)) is not None:
                raise known from None
            raise
        return connection

    def _address(self, origin: Origin) -> tuple[str, int]:
        return origin[1:] if self.proxy is None else proxy_address(self.proxy)

    def _tunnel(self, connection: Connection, origin: Origin, limits: DeliveryTrace) -> None:
        if self.proxy is not None:
            answer = self.codec("CONNECT")
            connection.ask((tunnel_request(self.proxy, origin),), answer, tunnel_trace(limits), {})
            check_tunnel(answer)

    async def _tunnel_async(
        self,
        connection: AsyncConnection,
        origin: Origin,
        limits: DeliveryTrace,
        context: ssl.SSLContext,
    ) -> None:
        assert self.proxy is not None  # noqa: S101 - asked for by a caller that checked it
        answer = self.codec("CONNECT")
        await connection.ask(
            (tunnel_request(self.proxy, origin),), answer, tunnel_trace(limits), {}
        )
        check_tunnel(answer)
        async with asyncio.timeout(_left(limits)):
            await connection.secure(context, origin[1])


def _bounded(trace: DeliveryTrace, steps: Steps) -> DeliveryTrace:
    """Return the bounds of connecting: its own, within the request's."""
    limit = trace.remaining(steps.get("connect"), httpx.ConnectTimeout)
    return trace if limit is None else DeliveryTrace(time.monotonic() + limit)


def _left(limits: DeliveryTrace) -> float | None:
    return limits.remaining(None, httpx.ConnectTimeout)


def _named(error: BaseException) -> Exception | None:
    """Return the httpx error for what a loop raises while it connects, None for the rest."""
    if isinstance(error, TimeoutError):
        return httpx.ConnectTimeout("no TLS handshake in time")
    if isinstance(error, OSError):
        return httpx.ConnectError(str(error))
    return None
