"""httpx's async transport on connections of ours; `transports.py` tells the life of a request."""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from collections.abc import AsyncIterator
from typing import Any, Final, Self

from attrs import define, field

from kalshi_ext.config import Timeout
from kalshi_ext.redact import Secret, as_secret
from kalshi_ext.transport.async_connection import AsyncConnection
from kalshi_ext.transport.body_limit import LimitedBody
from kalshi_ext.transport.codec import Codec
from kalshi_ext.transport.connection import Message, Steps
from kalshi_ext.transport.deadline import DeliveryTrace, current_trace, trace_delivery
from kalshi_ext.transport.family import httpx, is_patched
from kalshi_ext.transport.framing import AnswerReader, plain_headers
from kalshi_ext.transport.idle import KEEPALIVE_SECONDS, IdleStack, Origin
from kalshi_ext.transport.places import MAX_CONNECTIONS, AsyncPlaces, Place
from kalshi_ext.transport.request_bytes import RequestBytes, request_head
from kalshi_ext.transport.transport_options import (
    TransportOptions,
    bound_httpcore,
    in_parts,
    origin_of,
    response_of,
    wait_until,
)


@define(eq=False)
class _AsyncBody(httpx.AsyncByteStream):
    """The body of an answer; it holds connection and place until its end, and no longer."""

    transport: AsyncDeadlineTransport
    origin: Origin
    connection: AsyncConnection
    answer: AnswerReader
    trace: DeliveryTrace
    steps: Steps
    place: Place | None
    _open: bool = field(default=True, init=False)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            while True:
                for part in self.answer.take():
                    yield part
                if self.answer.buffered:
                    continue
                if self.answer.done:
                    return
                await self.connection.more(self.trace, self.steps)
        finally:
            self.close()

    def close(self) -> None:
        """Give the connection back after a whole answer, close it otherwise."""
        if self._open:
            self._open = False
            self.transport.finish(self.origin, self.connection, self.answer)
            if self.place is not None:
                self.place.release()

    async def aclose(self) -> None:
        self.close()


class AsyncDeadlineTransport(httpx.AsyncHTTPTransport):
    """Send requests on an event loop of asyncio; otherwise like DeadlineTransport."""

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
        # As in DeadlineTransport.
        # Its URL may hold a password, and a traceback shows the locals of its frames.
        proxy = as_secret(proxy)
        self._options = TransportOptions(timeout, verify, proxy, connections, keepalive, codec)
        self.places = AsyncPlaces(connections)
        self._idle: IdleStack[AsyncConnection] = IdleStack(connections)
        self._closed = self._has_pool = False
        self._pid = os.getpid()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; it is never retried here."""
        trace = current_trace()
        if trace is None:
            with trace_delivery(time.monotonic() + self._options.timeout.total):
                return await self.handle_async_request(request)
        trace.observed = True
        patched = is_patched(httpx.AsyncHTTPTransport.handle_async_request)
        message = None if patched else self._options.message(request)
        if message is None:
            self._make_pool()
            bounded = bound_httpcore(request, trace, self._options)
            return await super().handle_async_request(bounded)
        steps = self._options.steps(request)
        place = None if trace.has_place else await self.places.wait(wait_until(trace, steps))
        origin = origin_of(request.url)
        try:
            connection, answer = await self._ask(origin, request.method, message, trace, steps)
            body = _AsyncBody(self, origin, connection, answer, trace, steps, place)
            if answer.done:
                body.close()
            return response_of(answer, body)
        except BaseException:
            if place is not None:
                place.release()
            raise

    def takes_bytes(self) -> bool:
        """Tell whether `round_trip` may be used, as in DeadlineTransport."""
        return (
            getattr(self.handle_async_request, "__func__", None) is _HANDLE_REQUEST
            and self._options.proxy is None
            and not is_patched(httpx.AsyncHTTPTransport.handle_async_request)
        )

    async def round_trip(
        self, request: RequestBytes, trace: DeliveryTrace, limit: int
    ) -> tuple[int, dict[str, str], bytes]:
        """Send a request that has a place; return its answer, as in DeadlineTransport."""
        trace.observed = True
        steps = self._options.steps_of(request)
        head = request_head(request.method, request.target, request.headers)
        message = in_parts(head, request.body)
        connection, answer = await self._ask(request.origin, request.method, message, trace, steps)
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
            self.finish(request.origin, connection, answer)
        return answer.status, headers, body.finish()

    def _make_pool(self) -> None:
        from kalshi_ext.transport.httpcore_pools import build_async_pool

        if not self._has_pool:
            self._pool = build_async_pool(self._options)  # private, as in DeadlineTransport
            self._has_pool = True

    async def _ask(
        self, origin: Origin, method: str, message: Message, trace: DeliveryTrace, steps: Steps
    ) -> tuple[AsyncConnection, AnswerReader]:
        connection = self._take(origin)
        if connection is None:
            connection = await self._options.opening.open_async(origin, trace, steps)
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
        if self._has_pool:
            await self._pool.aclose()


_HANDLE_REQUEST: Final = AsyncDeadlineTransport.handle_async_request
