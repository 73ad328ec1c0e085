"""httpx's own transports on pools whose sockets keep deadlines and count what left.

They stay subclasses of httpx's, so that whatever hooks into those (vcrpy) hooks into these.
"""

from __future__ import annotations

import ssl
import time
from typing import Any, Final

import httpcore
import httpx
from attrs import frozen

from kalshi_ext.config import Timeout
from kalshi_ext.errors import Misuse
from kalshi_ext.redact import redacted_repr
from kalshi_ext.transport.deadline import DeliveryTrace, current_trace, trace_delivery
from kalshi_ext.transport.streams import AsyncDeadlineBackend, DeadlineBackend
from kalshi_ext.transport.tls import TlsContext

# An idle connection is dropped before the server drops it: the shortest habit among servers is
# 5 s (uvicorn, node). A write on a connection just closed at the other end has an unknown outcome.
KEEPALIVE_SECONDS: Final = 4.0
MAX_CONNECTIONS: Final = 100


@frozen
class _Pools:
    """The settings both colours share. HTTP/2 is off and nothing is retried or read from env."""

    trust: TlsContext
    proxy: httpx.Proxy | None
    connections: int
    keepalive: float

    def sync(self) -> httpcore.ConnectionPool:
        backend = DeadlineBackend(self.trust)
        if self.proxy is None:
            return httpcore.ConnectionPool(network_backend=backend, **self._common())
        return httpcore.HTTPProxy(network_backend=backend, **self._through(), **self._common())

    def asynchronous(self) -> httpcore.AsyncConnectionPool:
        backend = AsyncDeadlineBackend(self.trust)
        if self.proxy is None:
            return httpcore.AsyncConnectionPool(network_backend=backend, **self._common())
        return httpcore.AsyncHTTPProxy(network_backend=backend, **self._through(), **self._common())

    def _common(self) -> dict[str, Any]:
        return {
            "ssl_context": self.trust.placeholder,
            "max_connections": self.connections,
            "max_keepalive_connections": self.connections,
            "keepalive_expiry": self.keepalive,
            "http1": True,
            "http2": False,
            "retries": 0,
        }

    def _through(self) -> dict[str, Any]:
        assert self.proxy is not None  # noqa: S101 - asked for by callers that checked it
        url = self.proxy.url
        return {
            "proxy_url": httpcore.URL(
                scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
            ),
            "proxy_auth": self.proxy.raw_auth,
            "proxy_headers": self.proxy.headers.raw,
            "proxy_ssl_context": self.trust.placeholder if url.scheme == "https" else None,
        }


class DeadlineTransport(httpx.HTTPTransport):
    """Send requests on this thread; each ends by the deadline of `exchange_evidence`.

    Outside of one, `timeout.total` begins with the request. `verify` is a TLS context (default:
    httpx's roots), `proxy` an http or https proxy; the environment's proxies are not used.
    Raises httpx's exceptions.
    """

    def __init__(
        self,
        *,
        timeout: Timeout | None = None,
        verify: ssl.SSLContext | None = None,
        proxy: httpx.Proxy | str | None = None,
        connections: int = MAX_CONNECTIONS,
        keepalive: float = KEEPALIVE_SECONDS,
    ) -> None:
        trust = TlsContext(verify)
        super().__init__(verify=trust.placeholder, trust_env=False)
        # The one private name of httpx in use: it has no argument for a pool or its backend.
        # tests/wire/test_transport_pool.py says what to do when it is renamed.
        self._pool = _Pools(trust, _proxy(proxy), connections, keepalive).sync()
        self._timeout = timeout or Timeout()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; nothing is repeated."""
        trace = current_trace()
        if trace is None:
            with trace_delivery(time.monotonic() + self._timeout.total):
                return self.handle_request(request)
        _apply_deadline(request, trace, self._timeout)
        return super().handle_request(request)


class AsyncDeadlineTransport(httpx.AsyncHTTPTransport):
    """Send requests on an event loop; otherwise like DeadlineTransport."""

    def __init__(
        self,
        *,
        timeout: Timeout | None = None,
        verify: ssl.SSLContext | None = None,
        proxy: httpx.Proxy | str | None = None,
        connections: int = MAX_CONNECTIONS,
        keepalive: float = KEEPALIVE_SECONDS,
    ) -> None:
        trust = TlsContext(verify)
        super().__init__(verify=trust.placeholder, trust_env=False)
        # Like DeadlineTransport.
        self._pool = _Pools(trust, _proxy(proxy), connections, keepalive).asynchronous()
        self._timeout = timeout or Timeout()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; nothing is repeated."""
        trace = current_trace()
        if trace is None:
            with trace_delivery(time.monotonic() + self._timeout.total):
                return await self.handle_async_request(request)
        _apply_deadline(request, trace, self._timeout)
        return await super().handle_async_request(request)


def _proxy(proxy: httpx.Proxy | str | None) -> httpx.Proxy | None:
    if proxy is None:
        return None
    try:
        chosen = httpx.Proxy(proxy) if isinstance(proxy, str) else proxy
    except (ValueError, httpx.InvalidURL):
        chosen = None
    if chosen is None or chosen.url.scheme not in ("http", "https"):
        raise Misuse(f"proxy={redacted_repr(proxy)}: must be the http or https URL of a proxy")
    return chosen


def _apply_deadline(request: httpx.Request, trace: DeliveryTrace, timeout: Timeout) -> None:
    """Begin to watch; bound the wait for a connection too, which no socket sees."""
    trace.observed = True
    given: dict[str, float | None] = request.extensions.get("timeout", {})
    connect = given.get("connect")
    request.extensions["timeout"] = {
        **given,
        "connect": timeout.connect if connect is None else min(connect, timeout.connect),
        "pool": trace.remaining(given.get("pool"), httpx.PoolTimeout),
    }
