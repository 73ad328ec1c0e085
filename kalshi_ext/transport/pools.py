"""httpx's own transports on connection pools whose sockets keep deadlines and count bytes.

They stay subclasses of httpx's transports, so that tools that patch those (vcrpy) patch these too.
Below them is httpcore; above them nothing of httpx.Client: no redirects, no cookies, no retries.
"""

from __future__ import annotations

import ssl
import time
from contextlib import suppress
from typing import Any, Final

import httpcore
import httpx
from attrs import frozen

from kalshi_ext.arguments import misuse
from kalshi_ext.config import Timeout
from kalshi_ext.config import timeout as timeout_of
from kalshi_ext.errors import Misuse
from kalshi_ext.redact import Secret, as_secret, remember
from kalshi_ext.transport.deadline import DeliveryTrace, current_trace, trace_delivery
from kalshi_ext.transport.streams import AsyncDeadlineBackend, DeadlineBackend
from kalshi_ext.transport.tls import TlsContext

# Seconds. An idle connection is dropped before the server drops it: the shortest default among
# servers is 5 s (uvicorn, node). A write on a connection that the peer just closed has an unknown
# outcome.
KEEPALIVE_SECONDS: Final = 4.0
MAX_CONNECTIONS: Final = 100


@frozen
class _PoolOptions:
    """The options of a pool, the same for sync and async."""

    tls: TlsContext
    proxy: Secret[httpx.Proxy | None]
    connections: int
    keepalive: float

    def build_sync(self) -> httpcore.ConnectionPool:
        backend = DeadlineBackend(self.tls)
        if self.proxy.reveal() is None:
            return httpcore.ConnectionPool(network_backend=backend, **self._pool_arguments())
        return httpcore.HTTPProxy(
            network_backend=backend, **self._proxy_arguments(), **self._pool_arguments()
        )

    def build_async(self) -> httpcore.AsyncConnectionPool:
        backend = AsyncDeadlineBackend(self.tls)
        if self.proxy.reveal() is None:
            return httpcore.AsyncConnectionPool(network_backend=backend, **self._pool_arguments())
        return httpcore.AsyncHTTPProxy(
            network_backend=backend, **self._proxy_arguments(), **self._pool_arguments()
        )

    def _pool_arguments(self) -> dict[str, Any]:
        return {
            "ssl_context": self.tls.placeholder,
            "max_connections": self.connections,
            "max_keepalive_connections": self.connections,
            "keepalive_expiry": self.keepalive,
            "http1": True,
            # A stream carries one request at a time, or the count would mix several up.
            "http2": False,
            # The retry policy decides; a retry below it would be uncounted.
            "retries": 0,
        }

    def _proxy_arguments(self) -> dict[str, Any]:
        proxy = self.proxy.reveal()
        assert proxy is not None  # noqa: S101 - asked for by callers that checked it
        url = proxy.url
        return {
            "proxy_url": httpcore.URL(
                scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
            ),
            "proxy_auth": proxy.raw_auth,
            "proxy_headers": proxy.headers.raw,
            "proxy_ssl_context": self.tls.placeholder if url.scheme == "https" else None,
        }


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
    ) -> None:
        # Its URL may hold a password, and a traceback shows the locals of its frames.
        proxy = as_secret(proxy)
        checked = Secret(_proxy(proxy))
        self._proxy_password = _known_password(checked.reveal())
        tls = TlsContext(_tls_context(verify))
        super().__init__(verify=tls.placeholder, trust_env=False)
        # The one private name of httpx in use: its constructor takes no pool and no backend.
        # tests/wire/test_transport_pool.py says what to do when it is renamed.
        self._pool = _PoolOptions(tls, checked, connections, keepalive).build_sync()
        self._timeout = timeout_of(timeout)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; it is never retried here."""
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
        proxy: httpx.Proxy | str | Secret[Any] | None = None,
        connections: int = MAX_CONNECTIONS,
        keepalive: float = KEEPALIVE_SECONDS,
    ) -> None:
        # Its URL may hold a password, and a traceback shows the locals of its frames.
        proxy = as_secret(proxy)
        checked = Secret(_proxy(proxy))
        self._proxy_password = _known_password(checked.reveal())
        tls = TlsContext(_tls_context(verify))
        super().__init__(verify=tls.placeholder, trust_env=False)
        # As in DeadlineTransport.
        self._pool = _PoolOptions(tls, checked, connections, keepalive).build_async()
        self._timeout = timeout_of(timeout)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; it is never retried here."""
        trace = current_trace()
        if trace is None:
            with trace_delivery(time.monotonic() + self._timeout.total):
                return await self.handle_async_request(request)
        _apply_deadline(request, trace, self._timeout)
        return await super().handle_async_request(request)


def _tls_context(verify: object) -> ssl.SSLContext | None:
    if verify is None or verify is True or isinstance(verify, ssl.SSLContext):
        return verify if isinstance(verify, ssl.SSLContext) else None
    raise misuse(
        "verify",
        verify,
        "certificates are always checked; for roots of your own give an ssl.SSLContext, "
        "like ssl.create_default_context(cafile=...)",
    )


def _proxy(proxy: Secret[Any]) -> httpx.Proxy | None:
    if proxy.reveal() is None:
        return None
    parsed = _parsed_proxy(proxy)
    if parsed is None or parsed.url.scheme not in ("http", "https") or not parsed.url.host:
        # Not shown: a URL that cannot be read may hold its password anywhere.
        raise Misuse("proxy: must be the http or https URL of a proxy (value not shown)")
    return parsed


def _known_password(proxy: httpx.Proxy | None) -> Secret[str] | None:
    # An answer of the proxy may quote what it was sent.
    if proxy is None or proxy.raw_auth is None:
        return None
    return remember(Secret(proxy.raw_auth[1].decode("latin-1")))


def _parsed_proxy(proxy: Secret[Any]) -> httpx.Proxy | None:
    with suppress(ValueError, httpx.InvalidURL):
        if isinstance(proxy.reveal(), str):
            return httpx.Proxy(proxy.reveal())
    return proxy.reveal() if isinstance(proxy.reveal(), httpx.Proxy) else None


def _apply_deadline(request: httpx.Request, trace: DeliveryTrace, timeout: Timeout) -> None:
    """Claim the trace for our streams; bound connecting and the wait for a free connection."""
    trace.observed = True
    timeouts: dict[str, float | None] = request.extensions.get("timeout", {})
    connect = timeouts.get("connect")
    request.extensions["timeout"] = {
        **timeouts,
        "connect": timeout.connect if connect is None else min(connect, timeout.connect),
        # The pool waits before any stream exists, so no stream bounds it.
        "pool": trace.remaining(timeouts.get("pool"), httpx.PoolTimeout),
    }
