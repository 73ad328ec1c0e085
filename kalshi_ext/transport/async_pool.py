"""The connections of a client on an event loop; `pool.py` tells the life of a request."""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from typing import TYPE_CHECKING, Any, Self

from kalshi_ext.config import Timeout
from kalshi_ext.redact import Secret, as_secret
from kalshi_ext.transport.async_connection import AsyncConnection
from kalshi_ext.transport.async_opening import open_async
from kalshi_ext.transport.async_places import AsyncPlaces
from kalshi_ext.transport.body_limit import LimitedBody
from kalshi_ext.transport.codec import Codec
from kalshi_ext.transport.connection import Message, Steps
from kalshi_ext.transport.deadline import DeliveryTrace
from kalshi_ext.transport.family import httpx, is_patched, loaded
from kalshi_ext.transport.framing import AnswerReader, plain_headers
from kalshi_ext.transport.idle import KEEPALIVE_SECONDS, IdleStack, Origin
from kalshi_ext.transport.places import MAX_CONNECTIONS
from kalshi_ext.transport.request_bytes import RequestBytes
from kalshi_ext.transport.transport_options import TransportOptions, in_parts

if TYPE_CHECKING:
    import httpcore


class AsyncConnectionPool:
    """Send requests on an event loop of asyncio; otherwise like ConnectionPool."""

    def __init__(
        self,
        *,
        timeout: Timeout | None = None,
        verify: ssl.SSLContext | None = None,
        proxy: httpx.Proxy | str | Secret[Any] | None = None,
        connections: int = MAX_CONNECTIONS,
        keepalive: float = KEEPALIVE_SECONDS,
        codec: Codec | None = None,
    ) -> None:
        # Its URL may hold a password, and a traceback shows the locals of its frames.
        proxy = as_secret(proxy)
        self._options = TransportOptions(timeout, verify, proxy, connections, keepalive, codec)
        self.places = AsyncPlaces(connections)
        self._idle: IdleStack[AsyncConnection] = IdleStack(connections)
        self._closed = False
        self._httpcore_pool: httpcore.AsyncConnectionPool | None = None
        self._pid = os.getpid()

    def takes_bytes(self) -> bool:
        """Tell whether `round_trip` may be used, as in ConnectionPool."""
        library = loaded()
        return self._options.proxy is None and (
            library is None or not is_patched(library.AsyncHTTPTransport.handle_async_request)
        )

    async def round_trip(
        self, request: RequestBytes, trace: DeliveryTrace, limit: int
    ) -> tuple[int, dict[str, str], bytes]:
        """Send a request that has a place; return its answer, as in ConnectionPool."""
        trace.observed = True
        steps, origin = self._options.steps_of(request), request.target.origin
        message = in_parts(request.head(), request.body or b"")
        connection, answer = await self._ask(origin, request.method, message, trace, steps)
        try:
            headers = plain_headers(answer.headers)
            body = LimitedBody.of(headers, limit, trace.deadline)
            while True:
                for part in answer.take():
                    body.add(part)
                if answer.done:
                    break
                await connection.more(trace, steps)
        finally:
            self.finish(origin, connection, answer)
        return answer.status, headers, body.finish()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request of httpx's, as a transport of httpx's over these connections."""
        from kalshi_ext.transport.async_transports import AsyncDeadlineTransport

        return await AsyncDeadlineTransport.over(self).handle_async_request(request)

    async def _ask(
        self, origin: Origin, method: str, message: Message, trace: DeliveryTrace, steps: Steps
    ) -> tuple[AsyncConnection, AnswerReader]:
        connection = self._take(origin)
        if connection is None:
            connection = await open_async(self._options.opening, origin, trace, steps)
        try:
            answer = self._options.opening.codec(method)
            await connection.ask(message, answer, trace, steps)
        except BaseException:  # a cancelled task, too: nobody will read the rest
            connection.close()
            raise
        return connection, answer

    def _take(self, origin: Origin) -> AsyncConnection | None:
        if self._pid != os.getpid():
            # In a forked child, where both would read the answers of the other. The parent's loop
            # and its sockets are left alone; only this process's references go.
            self._pid = os.getpid()
            self._idle.clear()
        return self._idle.take(origin, time.monotonic())

    def finish(self, origin: Origin, connection: AsyncConnection, answer: AnswerReader) -> None:
        """Take a connection back after its answer, or close it."""
        if not connection.finish(answer) or self._closed or self._pid != os.getpid():
            connection.close()
            return
        connection.idle_until = self._options.idle_until(answer)
        self._idle.put(origin, connection, time.monotonic())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the idle connections; those in use are closed after their answers."""
        self._closed = True
        for connection in self._idle.clear():
            connection.close()
        # The loop closes the sockets in its next round, which may otherwise never come.
        await asyncio.sleep(0)
        if self._httpcore_pool is not None:
            await self._httpcore_pool.aclose()
