"""Open a connection of an event loop; `opening.py` does it for threads."""

from __future__ import annotations

import asyncio
import ssl

from kalshi_ext.transport import failures
from kalshi_ext.transport.async_connection import AsyncConnection
from kalshi_ext.transport.async_dial import connect_async
from kalshi_ext.transport.connection import Steps
from kalshi_ext.transport.deadline import DeliveryTrace
from kalshi_ext.transport.idle import Origin
from kalshi_ext.transport.opening import Opening, bounded, time_left
from kalshi_ext.transport.proxy import check_tunnel, tunnel_request, tunnel_trace


async def open_async(
    opening: Opening, origin: Origin, trace: DeliveryTrace, steps: Steps
) -> AsyncConnection:
    """Open a connection of the running loop; otherwise like `Opening.open`."""
    scheme, host, _ = origin
    limits = bounded(trace, steps)
    loop = asyncio.get_running_loop()
    context = await opening.tls.context_async() if scheme == "https" else None
    connected = await connect_async(*opening.address(origin), time_left(limits))
    tunnel = context is not None and opening.proxy is not None
    connection = AsyncConnection(loop)
    try:
        async with asyncio.timeout(time_left(limits)):
            await loop.create_connection(
                lambda: connection,
                sock=connected,
                ssl=None if tunnel else context,
                server_hostname=host if context is not None and not tunnel else None,
            )
        if tunnel and context is not None:
            await _tunnel(opening, connection, origin, limits, context)
    except BaseException as error:  # a cancelled task, too
        connection.close()
        connected.close()
        if (known := _named(error)) is not None:
            raise known from None
        raise
    return connection


async def _tunnel(
    opening: Opening,
    connection: AsyncConnection,
    origin: Origin,
    limits: DeliveryTrace,
    context: ssl.SSLContext,
) -> None:
    assert opening.proxy is not None  # noqa: S101 - asked for by a caller that checked it
    answer = opening.codec("CONNECT")
    await connection.ask((tunnel_request(opening.proxy, origin),), answer, tunnel_trace(limits), {})
    check_tunnel(answer)
    async with asyncio.timeout(time_left(limits)):
        await connection.secure(context, origin[1])


def _named(error: BaseException) -> Exception | None:
    """Return the failure for what a loop raises while it connects, None for the rest."""
    if isinstance(error, TimeoutError):
        return failures.ConnectTimeout("no TLS handshake in time")
    if isinstance(error, OSError):
        return failures.ConnectError(str(error))
    return None
