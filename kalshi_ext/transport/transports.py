"""httpx's transport on connections of ours, for threads; `async_transports.py` is it for asyncio.

It is a subclass of httpx's transport, so that tools that patch that one (vcrpy) patch this one too;
such a tool sees httpcore's pools beneath (`httpcore_pools.py`). Above it is nothing of
httpx.Client: no redirects, no cookies, no retries. `pool.py` tells the life of a request.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final, Self

from attrs import define, field

from kalshi_ext.bases import Printed
from kalshi_ext.transport.connection import Connection, Message, Steps
from kalshi_ext.transport.deadline import DeliveryTrace, current_trace, trace_delivery
from kalshi_ext.transport.family import as_httpx, httpx, is_patched
from kalshi_ext.transport.framing import AnswerReader
from kalshi_ext.transport.idle import Origin
from kalshi_ext.transport.places import Place
from kalshi_ext.transport.pool import ConnectionPool
from kalshi_ext.transport.target import origin_of
from kalshi_ext.transport.transport_options import (
    bound_httpcore,
    response_of,
    wait_until,
)


@define(eq=False, repr=False)
class _Body(Printed, httpx.SyncByteStream):
    """The body of an answer; it holds connection and place until its end, and no longer."""

    transport: DeadlineTransport
    origin: Origin
    connection: Connection
    answer: AnswerReader
    trace: DeliveryTrace
    steps: Steps
    place: Place | None
    _open: bool = field(default=True, init=False)

    def __iter__(self) -> Iterator[bytes]:
        try:
            while True:
                yield from self.answer.take()
                if self.answer.done:
                    return
                with as_httpx():
                    self.connection.read(self.answer, self.trace, self.steps)
        finally:
            self.close()

    def close(self) -> None:
        """Give the connection back after a whole answer, close it otherwise."""
        if self._open:
            self._open = False
            self.transport.finish(self.origin, self.connection, self.answer)
            if self.place is not None:
                self.place.release()


class DeadlineTransport(ConnectionPool, httpx.HTTPTransport):
    """Send httpx's requests on this thread; each ends by the deadline of `trace_delivery`.

    Outside of one, `timeout.total` begins with the request. Raises httpx's exceptions, and Misuse
    for a bad proxy. The arguments are those of the pool.
    """

    # httpx's own constructor is not called: it makes a pool, and imports httpcore for it.

    @classmethod
    def over(cls, pool: ConnectionPool) -> Self:
        """Return a transport that is the pool itself, in httpx's words."""
        transport = cls.__new__(cls)
        transport.__dict__ = pool.__dict__  # one state: connections, places, what is closed
        return transport

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; it is never retried here."""
        trace = current_trace()
        if trace is None:
            with trace_delivery(time.monotonic() + self._options.timeout.total):
                return self.handle_request(request)
        trace.observed = True
        with as_httpx():
            patched = is_patched(httpx.HTTPTransport.handle_request)
            message = None if patched else self._options.message(request)
            if message is None:
                return self._send_through_httpcore(request, trace)
            return self._send(request, message, trace)

    def _send_through_httpcore(
        self, request: httpx.Request, trace: DeliveryTrace
    ) -> httpx.Response:
        from kalshi_ext.transport.httpcore_pools import build_sync_pool

        with self._lock:
            if self._httpcore_pool is None:
                self._httpcore_pool = build_sync_pool(self._options)
        # The one private name of httpx in use: tests/wire/test_transport_pool.py says what to do
        # when it is renamed.
        self._pool = self._httpcore_pool
        bounded = bound_httpcore(request, trace, self._options)
        return httpx.HTTPTransport.handle_request(self, bounded)

    def _send(
        self, request: httpx.Request, message: Message, trace: DeliveryTrace
    ) -> httpx.Response:
        steps = self._options.steps(request)
        place = None if trace.has_place else self.places.wait(wait_until(trace, steps))
        origin = origin_of(request.url)
        try:
            connection, answer = self._ask(origin, request.method, message, trace, steps)
            body = _Body(self, origin, connection, answer, trace, steps, place)
            if answer.done:
                body.close()
            return response_of(answer, body)
        except BaseException:
            if place is not None:
                place.release()
            raise

    def takes_bytes(self) -> bool:
        """Tell whether `round_trip` may be used: no subclass, tool or proxy sees requests."""
        own = getattr(self.handle_request, "__func__", None) is _HANDLE_REQUEST
        return own and super().takes_bytes()


_HANDLE_REQUEST: Final = DeadlineTransport.handle_request
