"""httpx's transport on connections of ours, for threads; `async_transports.py` is it for asyncio.

One request, from `handle_request` to the end of its body:

    place       one of `connections`, waited for             PoolTimeout    nothing was sent
    connection  the last one used, or a new one              ConnectError   nothing was sent
    ask         head and body written, head of the answer    the trace tells
    body        read as it is asked for                      the connection back, or closed

Invariant: a connection is with one request, or in the stack of idle ones, or closed. It goes into
the stack at one point only, after a whole answer with nothing behind it; whatever else ends a
request (an error, an interrupt, a cancelled task, a body that is left) closes it.

They stay subclasses of httpx's transports, so that tools that patch those (vcrpy) patch these too;
such a tool sees httpcore's pools beneath (`httpcore_pools.py`). Above them is nothing of
httpx.Client: no redirects, no cookies, no retries. The driver hands its bytes over as they are
(`round_trip`) where nothing has to see httpx's objects: they cost more than the round trip.
"""

from __future__ import annotations

import os
import ssl
import threading
import time
from collections.abc import Iterator
from typing import Any, Final, Self

from attrs import define, field

from kalshi_ext.config import Timeout
from kalshi_ext.redact import Secret, as_secret
from kalshi_ext.transport.body_limit import LimitedBody
from kalshi_ext.transport.codec import Codec
from kalshi_ext.transport.connection import Connection, Message, Steps
from kalshi_ext.transport.deadline import DeliveryTrace, current_trace, trace_delivery
from kalshi_ext.transport.family import httpx, is_patched
from kalshi_ext.transport.framing import AnswerReader, plain_headers
from kalshi_ext.transport.idle import KEEPALIVE_SECONDS, IdleStack, Origin
from kalshi_ext.transport.places import MAX_CONNECTIONS, Place, Places
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
class _Body(httpx.SyncByteStream):
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


class DeadlineTransport(httpx.HTTPTransport):
    """Send requests on this thread; each ends by the deadline of `trace_delivery`.

    Outside of one, `timeout.total` begins with the request. `verify` is a TLS context (default:
    httpx's root certificates), `proxy` an http or https proxy; proxies of the environment are not
    used. `keepalive` is in seconds. Raises httpx's exceptions, and Misuse for a bad proxy.
    """

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
        # Not httpx's own constructor: it makes a pool, and imports httpcore for it.
        # Its URL may hold a password, and a traceback shows the locals of its frames.
        proxy = as_secret(proxy)
        self._options = TransportOptions(timeout, verify, proxy, connections, keepalive, codec)
        self.places = Places(connections)
        self._idle: IdleStack[Connection] = IdleStack(connections)
        self._lock = threading.RLock()
        self._closed = self._has_pool = False
        self._pid = os.getpid()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; it is never retried here."""
        trace = current_trace()
        if trace is None:
            with trace_delivery(time.monotonic() + self._options.timeout.total):
                return self.handle_request(request)
        trace.observed = True
        patched = is_patched(httpx.HTTPTransport.handle_request)
        message = None if patched else self._options.message(request)
        if message is None:
            self._make_pool()
            return super().handle_request(bound_httpcore(request, trace, self._options))
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
        return (
            getattr(self.handle_request, "__func__", None) is _HANDLE_REQUEST
            and self._options.proxy is None
            and not is_patched(httpx.HTTPTransport.handle_request)
        )

    def round_trip(
        self, request: RequestBytes, trace: DeliveryTrace, limit: int
    ) -> tuple[int, dict[str, str], bytes]:
        """Send a request that has a place; return status, headers and body of at most `limit`.

        Raises what `handle_request` and `read_limited` raise.
        """
        trace.observed = True
        steps = self._options.steps_of(request)
        head = request_head(request.method, request.target, request.headers)
        message = in_parts(head, request.body)
        connection, answer = self._ask(request.origin, request.method, message, trace, steps)
        try:
            headers = plain_headers(answer.headers)
            body = LimitedBody.of(headers, limit, trace.deadline)
            while True:
                for part in answer.take():
                    body.add(part)
                if answer.done:
                    break
                connection.read(answer, trace, steps)
        finally:
            self.finish(request.origin, connection, answer)
        return answer.status, headers, body.finish()

    def _make_pool(self) -> None:
        """Make the pool that httpx's own `handle_request` sends through."""
        from kalshi_ext.transport.httpcore_pools import build_sync_pool

        with self._lock:
            if not self._has_pool:
                # The one private name of httpx in use: tests/wire/test_transport_pool.py says what
                # to do when it is renamed.
                self._pool = build_sync_pool(self._options)
                self._has_pool = True

    def _ask(
        self, origin: Origin, method: str, message: Message, trace: DeliveryTrace, steps: Steps
    ) -> tuple[Connection, AnswerReader]:
        """Write a request; return its connection, and its answer with a whole head."""
        connection = self._take(origin) or self._options.opening.open(origin, trace, steps)
        try:
            answer = self._options.opening.codec(method)
            connection.ask(message, answer, trace, steps)
        except BaseException:  # an interrupt, too: nobody will read the rest
            connection.close()
            raise
        return connection, answer

    def _take(self, origin: Origin) -> Connection | None:
        if self._pid != os.getpid():
            self._leave_to_parent()
        with self._lock:
            return self._idle.take(origin, time.monotonic())

    def _leave_to_parent(self) -> None:
        """Begin anew in a forked child: both would read the answers of the other."""
        # A thread that is gone may have had the lock. Only this process's handles are closed.
        self._pid, self._lock = os.getpid(), threading.RLock()
        for connection in self._idle.clear():
            connection.close()

    def finish(self, origin: Origin, connection: Connection, answer: AnswerReader) -> None:
        """Take a connection back after its answer, or close it."""
        if self._closed or not connection.reusable_after(answer) or self._pid != os.getpid():
            connection.close()
            return
        connection.idle_until = self._options.idle_until(answer)
        with self._lock:
            self._idle.put(origin, connection, time.monotonic())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the idle connections; those in use are closed after their answers."""
        self._closed = True
        with self._lock:
            for connection in self._idle.clear():
                connection.close()
        if self._has_pool:
            self._pool.close()


_HANDLE_REQUEST: Final = DeadlineTransport.handle_request
