"""httpcore's pools on streams that keep deadlines and count bytes: the way around our connections.

It is taken by what our own connections do not do: an https proxy, a body that is made while it is
sent, httpx's extensions, and tools that patch httpx to see requests (vcrpy). No connection of it is
used twice, because httpcore does not tell whether bytes were left over after an answer, and would
read them as the answer to the next request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kalshi_ext.transport.family import httpcore_of, httpx
from kalshi_ext.transport.httpcore_streams import AsyncDeadlineBackend, DeadlineBackend
from kalshi_ext.transport.transport_options import TransportOptions

if TYPE_CHECKING:
    import httpcore
else:
    httpcore = httpcore_of(httpx)


def build_sync_pool(options: TransportOptions) -> httpcore.ConnectionPool:
    """Make a pool for threads."""
    backend, shared = DeadlineBackend(options.tls), _pool_arguments(options)
    if options.proxy is None:
        return httpcore.ConnectionPool(network_backend=backend, **shared)
    proxied = _proxy_arguments(options, options.proxy)
    return httpcore.HTTPProxy(network_backend=backend, **proxied, **shared)


def build_async_pool(options: TransportOptions) -> httpcore.AsyncConnectionPool:
    """Make a pool for event loops."""
    backend, shared = AsyncDeadlineBackend(options.tls), _pool_arguments(options)
    if options.proxy is None:
        return httpcore.AsyncConnectionPool(network_backend=backend, **shared)
    proxied = _proxy_arguments(options, options.proxy)
    return httpcore.AsyncHTTPProxy(network_backend=backend, **proxied, **shared)


def _pool_arguments(options: TransportOptions) -> dict[str, Any]:
    return {
        "ssl_context": options.tls.placeholder,
        "max_connections": options.connections,
        "max_keepalive_connections": 0,
        "http1": True,
        # A stream carries one request at a time, or the count would mix several up.
        "http2": False,
        # The retry policy decides; a retry below it would be uncounted.
        "retries": 0,
    }


def _proxy_arguments(options: TransportOptions, proxy: httpx.Proxy) -> dict[str, Any]:
    url = proxy.url
    return {
        "proxy_url": httpcore.URL(
            scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
        ),
        "proxy_auth": proxy.raw_auth,
        "proxy_headers": proxy.headers.raw,
        "proxy_ssl_context": options.tls.placeholder if url.scheme == "https" else None,
    }
