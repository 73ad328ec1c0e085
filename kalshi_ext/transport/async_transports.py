"""httpx's async transport on connections of ours; `transports.py` is it for threads."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Final, Self

from attrs import define, field

from kalshi_ext.bases import Printed
from kalshi_ext.transport.async_connection import AsyncConnection
from kalshi_ext.transport.async_pool import AsyncConnectionPool
from kalshi_ext.transport.connection import Message, Steps
from kalshi_ext.transport.deadline import DeliveryTrace, current_trace, trace_delivery
from kalshi_ext.transport.family import as_httpx, httpx, is_patched
from kalshi_ext.transport.framing import AnswerReader
from kalshi_ext.transport.idle import Origin
from kalshi_ext.transport.places import Place
from kalshi_ext.transport.target import origin_of
from kalshi_ext.transport.transport_options import (
    bound_httpcore,
    response_of,
    wait_until,
)


@define(eq=False, repr=False)
class _AsyncBody(Printed, httpx.AsyncByteStream):
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
                with as_httpx():
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


class AsyncDeadlineTransport(AsyncConnectionPool, httpx.AsyncHTTPTransport):
    """Send httpx's requests on an event loop of asyncio; otherwise like DeadlineTransport."""

    @classmethod
    def over(cls, pool: AsyncConnectionPool) -> Self:
        """Return a transport that is the pool itself, in httpx's words."""
        transport = cls.__new__(cls)
        transport.__dict__ = pool.__dict__  # as in DeadlineTransport
        return transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; it is never retried here."""
        trace = current_trace()
        if trace is None:
            with trace_delivery(time.monotonic() + self._options.timeout.total):
                return await self.handle_async_request(request)
        trace.observed = True
        with as_httpx():
            patched = is_patched(httpx.AsyncHTTPTransport.handle_async_request)
            message = None if patched else self._options.message(request)
            if message is None:
                return await self._send_through_httpcore(request, trace)
            return await self._send(request, message, trace)

    async def _send_through_httpcore(
        self, request: httpx.Request, trace: DeliveryTrace
    ) -> httpx.Response:
        from kalshi_ext.transport.httpcore_pools import build_async_pool

        if self._httpcore_pool is None:
            self._httpcore_pool = build_async_pool(self._options)
        self._pool = self._httpcore_pool  # private, as in DeadlineTransport
        bounded = bound_httpcore(request, trace, self._options)
        return await httpx.AsyncHTTPTransport.handle_async_request(self, bounded)

    async def _send(
        self, request: httpx.Request, message: Message, trace: DeliveryTrace
    ) -> httpx.Response:
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
        own = getattr(self.handle_async_request, "__func__", None) is _HANDLE_REQUEST
        return own and super().takes_bytes()


_HANDLE_REQUEST: Final = AsyncDeadlineTransport.handle_async_request
