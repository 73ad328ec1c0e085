"""Sockets under a deadline, on an event loop: httpcore's own, each operation bounded and counted.

Names are looked up and addresses tried by anyio, under the same bound.
"""

# ruff: noqa: ASYNC109 - httpcore's interface names the parameter `timeout`

from __future__ import annotations

import ssl
from collections.abc import Iterable
from typing import Any, cast

import httpcore

from kalshi_ext.transport.evidence import Evidence, current_evidence
from kalshi_ext.transport.streams import begin_write
from kalshi_ext.transport.trust import Trust


class AsyncDeadlineStream(httpcore.AsyncNetworkStream):
    """A connected stream whose operations belong to the exchange that wrote to it last."""

    def __init__(self, inner: httpcore.AsyncNetworkStream, trust: Trust) -> None:
        self._inner = inner
        self._trust = trust
        self._exchange = current_evidence() or Evidence()

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        limit = self._exchange.left(timeout, httpcore.ReadTimeout)
        return await self._inner.read(max_bytes, limit)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._exchange = exchange = begin_write(buffer)
        limit = exchange.left(timeout, httpcore.WriteTimeout)
        exchange.bytes_written += len(buffer)
        await self._inner.write(buffer, limit)

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        limit = self._exchange.left(timeout, httpcore.ConnectTimeout)
        context = self._trust.context(ssl_context)
        inner = await self._inner.start_tls(context, server_hostname, limit)
        return AsyncDeadlineStream(inner, self._trust)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class AsyncDeadlineBackend(httpcore.AsyncNetworkBackend):
    """Connect under the deadline of the current exchange."""

    def __init__(self, trust: Trust) -> None:
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
        exchange = current_evidence() or Evidence()
        limit = exchange.left(timeout, httpcore.ConnectTimeout)
        stream = await self._inner.connect_tcp(host, port, limit, local_address, socket_options)
        return AsyncDeadlineStream(stream, self._trust)

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)
