"""Sockets under a deadline, on this thread: httpcore's own, each operation bounded and counted."""

from __future__ import annotations

import ipaddress
import queue
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any, cast

import httpcore

from kalshi_ext.transport.deadline import DeliveryTrace, current_trace
from kalshi_ext.transport.tls import TlsContext

# ruff: noqa: ASYNC109 - httpcore's interface names the parameter `timeout`


# A write is bounded by the time left when it begins, so that a long body is written in pieces.
WRITE_PIECE = 16 * 1024


def begin_write(buffer: bytes) -> DeliveryTrace:
    """Give the exchange a write belongs to; a CONNECT is the proxy's affair, not the request."""
    trace = current_trace() or DeliveryTrace()
    return DeliveryTrace(trace.deadline) if buffer.startswith(b"CONNECT ") else trace


class DeadlineStream(httpcore.NetworkStream):
    """A connected stream whose operations belong to the exchange that wrote to it last.

    HTTP/1.1 carries one exchange at a time, each beginning with a write: so a body is bounded
    even when it is read outside `exchange_evidence`.
    """

    def __init__(self, inner: httpcore.NetworkStream, trust: TlsContext) -> None:
        self._inner = inner
        self._trust = trust
        self._trace = current_trace() or DeliveryTrace()

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._trace.remaining(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._trace = trace = begin_write(buffer)
        for piece in _pieces(buffer):
            limit = trace.remaining(timeout, httpcore.WriteTimeout)
            trace.bytes_written += len(piece)
            self._inner.write(piece, limit)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        limit = self._trace.remaining(timeout, httpcore.ConnectTimeout)
        context = self._trust.context(ssl_context)
        return DeadlineStream(self._inner.start_tls(context, server_hostname, limit), self._trust)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class DeadlineBackend(httpcore.NetworkBackend):
    """Connect under the deadline of the current exchange."""

    def __init__(self, trust: TlsContext) -> None:
        self._inner = httpcore.SyncBackend()
        self._trust = trust

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
        return DeadlineStream(stream, self._trust)

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds)


def _pieces(buffer: bytes) -> Iterator[bytes]:
    for start in range(0, len(buffer), WRITE_PIECE):
        yield buffer[start : start + WRITE_PIECE]


def _connect(
    backend: httpcore.SyncBackend,
    host: str,
    port: int,
    limit: float | None,
    local_address: str | None,
    socket_options: Iterable[httpcore.SOCKET_OPTION] | None,
) -> httpcore.NetworkStream:
    """Try the host's addresses in turn, each with its share of the time.

    `socket.create_connection` alone would look the name up without any bound and then give
    every address the whole time.
    """
    until = None if limit is None else time.monotonic() + limit
    options = None if socket_options is None else list(socket_options)
    addresses = _addresses(host, port, limit)
    last: Exception = httpcore.ConnectError(f"{host} has no address")
    for tried, address in enumerate(addresses):
        share = _share(until, len(addresses) - tried)
        try:
            return backend.connect_tcp(address, port, share, local_address, options)
        except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
            last = error
    raise last


def _share(until: float | None, ways: int) -> float | None:
    if until is None:
        return None
    remaining = until - time.monotonic()
    if remaining <= 0:
        raise httpcore.ConnectTimeout("the time to connect is over")
    return remaining / ways


def _addresses(host: str, port: int, limit: float | None) -> list[str]:
    if _is_address(host):
        return [host]
    found: queue.SimpleQueue[list[str] | Exception] = queue.SimpleQueue()
    # A name look-up cannot be interrupted; a daemon thread can be left behind.
    threading.Thread(target=_look_up, args=(host, port, found), daemon=True).start()
    try:
        result = found.get(timeout=limit)
    except queue.Empty:
        raise httpcore.ConnectTimeout(f"no address of {host} in time") from None
    if isinstance(result, Exception):
        raise httpcore.ConnectError(f"{host}: {result}") from result
    return result


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _look_up(host: str, port: int, found: queue.SimpleQueue[list[str] | Exception]) -> None:
    try:
        rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        found.put(list(dict.fromkeys(str(row[4][0]) for row in rows)))
    except Exception as error:  # noqa: BLE001 - handed to the thread that waits
        found.put(error)


class AsyncDeadlineStream(httpcore.AsyncNetworkStream):
    """A connected stream whose operations belong to the exchange that wrote to it last."""

    def __init__(self, inner: httpcore.AsyncNetworkStream, trust: TlsContext) -> None:
        self._inner = inner
        self._trust = trust
        self._trace = current_trace() or DeliveryTrace()

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        limit = self._trace.remaining(timeout, httpcore.ReadTimeout)
        return await self._inner.read(max_bytes, limit)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._trace = trace = begin_write(buffer)
        limit = trace.remaining(timeout, httpcore.WriteTimeout)
        trace.bytes_written += len(buffer)
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
        context = self._trust.context(ssl_context)
        inner = await self._inner.start_tls(context, server_hostname, limit)
        return AsyncDeadlineStream(inner, self._trust)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class AsyncDeadlineBackend(httpcore.AsyncNetworkBackend):
    """Connect under the deadline of the current exchange."""

    def __init__(self, trust: TlsContext) -> None:
        # Runs on asyncio and on trio. httpcore has a stand-in of that name, without the interface,
        # for installations without anyio, which httpx always brings.
        self._inner = cast("httpcore.AsyncNetworkBackend", httpcore.AnyIOBackend())
        self._trust = trust

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
        return AsyncDeadlineStream(stream, self._trust)

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)
