"""httpcore's sockets, sync and async, with each operation bounded by the deadline and counted.

`deadline.py` says what is counted and what the count proves.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, cast

from kalshi_ext.transport.connection import WRITE_CHUNK
from kalshi_ext.transport.deadline import DeliveryTrace, current_trace
from kalshi_ext.transport.dial import look_up, time_share
from kalshi_ext.transport.family import httpcore_of, httpx
from kalshi_ext.transport.tls import TlsContext

if TYPE_CHECKING:
    import httpcore
else:
    httpcore = httpcore_of(httpx)

# ruff: noqa: ASYNC109 - httpcore's interface names the parameter `timeout`


def trace_of_write(buffer: bytes) -> DeliveryTrace:
    """Return the trace that a write counts in."""
    trace = current_trace() or DeliveryTrace()
    # A CONNECT is addressed to the proxy, so it counts in a trace of its own, with the same
    # deadline. httpcore writes it in one call, and no method of the exchange begins like it.
    return DeliveryTrace(trace.deadline) if buffer.startswith(b"CONNECT ") else trace


class DeadlineStream(httpcore.NetworkStream):
    """A connected stream whose operations belong to the request that wrote to it last.

    HTTP/1.1 carries one request at a time and each begins with a write, so reading a body stays
    under its request's deadline even outside `trace_delivery`.
    """

    def __init__(self, inner: httpcore.NetworkStream, tls: TlsContext) -> None:
        self._inner = inner
        self._tls = tls
        self._trace = current_trace() or DeliveryTrace()

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._trace.remaining(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._trace = trace = trace_of_write(buffer)
        for chunk in _chunks(buffer):
            limit = trace.remaining(timeout, httpcore.WriteTimeout)
            trace.bytes_written += len(chunk)  # first: an error during the write proves nothing
            self._inner.write(chunk, limit)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        limit = self._trace.remaining(timeout, httpcore.ConnectTimeout)
        context = self._tls.replaced(ssl_context)
        return DeadlineStream(self._inner.start_tls(context, server_hostname, limit), self._tls)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class DeadlineBackend(httpcore.NetworkBackend):
    """Connect under the deadline of the current request."""

    def __init__(self, tls: TlsContext) -> None:
        self._inner = httpcore.SyncBackend()
        self._tls = tls

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        trace = current_trace() or DeliveryTrace()
        limit = trace.remaining(timeout, httpcore.ConnectTimeout)
        stream = _connect(self._inner, host, port, limit, local_address, socket_options)
        return DeadlineStream(stream, self._tls)

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds)


def _chunks(buffer: bytes) -> Iterator[bytes]:
    for start in range(0, len(buffer), WRITE_CHUNK):
        yield buffer[start : start + WRITE_CHUNK]


def _connect(
    backend: httpcore.SyncBackend,
    host: str,
    port: int,
    limit: float | None,
    local_address: str | None,
    socket_options: Iterable[httpcore.SOCKET_OPTION] | None,
) -> httpcore.NetworkStream:
    """Try the host's addresses in turn, each with its share of the time."""
    deadline = None if limit is None else time.monotonic() + limit
    options = None if socket_options is None else list(socket_options)
    addresses = look_up(host, port, limit)
    last_error: Exception = httpcore.ConnectError(f"{host} has no address")
    for tried, address in enumerate(addresses):
        share = time_share(deadline, len(addresses) - tried)
        try:
            return backend.connect_tcp(address, port, share, local_address, options)
        except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
            last_error = error
    raise last_error


class AsyncDeadlineStream(httpcore.AsyncNetworkStream):
    """The async DeadlineStream. It writes in one call, because an await can be cancelled."""

    def __init__(self, inner: httpcore.AsyncNetworkStream, tls: TlsContext) -> None:
        self._inner = inner
        self._tls = tls
        self._trace = current_trace() or DeliveryTrace()

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        limit = self._trace.remaining(timeout, httpcore.ReadTimeout)
        return await self._inner.read(max_bytes, limit)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._trace = trace = trace_of_write(buffer)
        limit = trace.remaining(timeout, httpcore.WriteTimeout)
        trace.bytes_written += len(buffer)  # first, as in DeadlineStream; awaits can be cancelled
        await self._inner.write(buffer, limit)

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        limit = self._trace.remaining(timeout, httpcore.ConnectTimeout)
        context = self._tls.replaced(ssl_context)
        inner = await self._inner.start_tls(context, server_hostname, limit)
        return AsyncDeadlineStream(inner, self._tls)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class AsyncDeadlineBackend(httpcore.AsyncNetworkBackend):
    """Connect under the deadline of the current request."""

    def __init__(self, tls: TlsContext) -> None:
        # Runs on asyncio and on trio. httpcore has a stand-in of that name, without the interface,
        # for installations without anyio, which httpx always brings.
        self._inner = cast("httpcore.AsyncNetworkBackend", httpcore.AnyIOBackend())
        self._tls = tls

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        trace = current_trace() or DeliveryTrace()
        limit = trace.remaining(timeout, httpcore.ConnectTimeout)
        stream = await self._inner.connect_tcp(host, port, limit, local_address, socket_options)
        return AsyncDeadlineStream(stream, self._tls)

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)
