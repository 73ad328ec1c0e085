"""The connections of a client for threads; `async_pool.py` has those of an event loop.

One request, from its place to the end of its body:

    place       one of `connections`, waited for             PoolTimeout    nothing was sent
    connection  the last one used, or a new one              ConnectError   nothing was sent
    ask         head and body written, head of the answer    the trace tells
    body        read as it is asked for                      the connection back, or closed

Invariant: a connection is with one request, or in the stack of idle ones, or closed. It goes into
the stack at one point only, after a whole answer with nothing behind it; whatever else ends a
request (an error, an interrupt, a cancelled task, a body that is left) closes it.

A client's requests go as bytes (`round_trip`): httpx's objects cost more than the round trip, and
its import more than this library's. Where something has to see those (a proxy, a tool that patches
httpx), the same connections are a transport of httpx's (`transports.py`).
"""

from __future__ import annotations

import os
import ssl
import threading
import time
from typing import TYPE_CHECKING, Any, Self

from kalshi_ext.config import Timeout
from kalshi_ext.redact import Secret, as_secret
from kalshi_ext.transport.body_limit import LimitedBody
from kalshi_ext.transport.codec import Codec
from kalshi_ext.transport.connection import Connection, Message, Steps
from kalshi_ext.transport.deadline import DeliveryTrace
from kalshi_ext.transport.family import httpx, is_patched, loaded
from kalshi_ext.transport.framing import AnswerReader, plain_headers
from kalshi_ext.transport.idle import KEEPALIVE_SECONDS, IdleStack, Origin
from kalshi_ext.transport.places import MAX_CONNECTIONS, Places
from kalshi_ext.transport.request_bytes import RequestBytes
from kalshi_ext.transport.transport_options import TransportOptions, in_parts

if TYPE_CHECKING:
    import httpcore


class ConnectionPool:
    """Send requests on this thread; each ends by the deadline of its trace.

    `verify` is a TLS context (default: httpx's root certificates), `proxy` an http or https proxy;
    proxies of the environment are not used. `timeout.total` is for requests without a trace,
    `keepalive` in seconds. Raises a TransportFailure, and Misuse for a bad proxy.
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
        # Its URL may hold a password, and a traceback shows the locals of its frames.
        proxy = as_secret(proxy)
        self._options = TransportOptions(timeout, verify, proxy, connections, keepalive, codec)
        self.places = Places(connections)
        self._idle: IdleStack[Connection] = IdleStack(connections)
        self._lock = threading.RLock()
        self._closed = False
        self._httpcore_pool: httpcore.ConnectionPool | None = None
        self._pid = os.getpid()

    def takes_bytes(self) -> bool:
        """Tell whether `round_trip` may be used: no tool or proxy sees requests."""
        library = loaded()
        return self._options.proxy is None and (
            library is None or not is_patched(library.HTTPTransport.handle_request)
        )

    def round_trip(
        self, request: RequestBytes, trace: DeliveryTrace, limit: int
    ) -> tuple[int, dict[str, str], bytes]:
        """Send a request that has a place; return status, headers and body of at most `limit`.

        Raises a TransportFailure; the trace tells what was sent.
        """
        trace.observed = True
        steps, origin = self._options.steps_of(request), request.target.origin
        message = in_parts(request.head(), request.body or b"")
        connection, answer = self._ask(origin, request.method, message, trace, steps)
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
            self.finish(origin, connection, answer)
        return answer.status, headers, body.finish()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request of httpx's, as a transport of httpx's over these connections."""
        from kalshi_ext.transport.transports import DeadlineTransport

        return DeadlineTransport.over(self).handle_request(request)

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
        if self._httpcore_pool is not None:
            self._httpcore_pool.close()
