"""An explicit http proxy: the tunnel for https, and the full URL for plain http."""

from __future__ import annotations

from base64 import b64encode
from contextlib import suppress
from typing import Any

from kalshi_ext.errors import Misuse
from kalshi_ext.redact import Secret, is_a, remember
from kalshi_ext.transport import failures
from kalshi_ext.transport.deadline import DeliveryTrace
from kalshi_ext.transport.family import httpx
from kalshi_ext.transport.framing import AnswerReader, Headers
from kalshi_ext.transport.idle import Origin
from kalshi_ext.transport.request_bytes import request_head


def checked_proxy(proxy: Secret[Any]) -> httpx.Proxy | None:
    """Return the proxy of an argument: a URL, an httpx.Proxy or None. Raises Misuse."""
    if proxy.reveal() is None:
        return None
    parsed = _parsed_proxy(proxy)
    if parsed is None or parsed.url.scheme not in ("http", "https") or not parsed.url.host:
        # Not shown: a URL that cannot be read may hold its password anywhere.
        raise Misuse("proxy: must be the http or https URL of a proxy (value not shown)")
    return parsed


def known_password(proxy: httpx.Proxy | None) -> Secret[str] | None:
    """Return the password of a proxy, which no message shows from now on."""
    # An answer of the proxy may quote what it was sent.
    if proxy is None or proxy.raw_auth is None:
        return None
    return remember(Secret(proxy.raw_auth[1].decode("latin-1")))


def _parsed_proxy(proxy: Secret[Any]) -> httpx.Proxy | None:
    with suppress(ValueError, httpx.InvalidURL):
        if is_a(proxy.reveal(), str):
            return httpx.Proxy(str.__str__(proxy.reveal()))
    return proxy.reveal() if is_a(proxy.reveal(), httpx.Proxy) else None


def proxy_address(proxy: httpx.Proxy) -> tuple[str, int]:
    """Return host and port of a proxy."""
    return proxy.url.host, proxy.url.port or 80


def proxy_headers(proxy: httpx.Proxy) -> Headers:
    """Return the headers that only the proxy reads."""
    headers = list(proxy.headers.raw)
    if proxy.raw_auth is not None:
        credentials = b64encode(b":".join(proxy.raw_auth))
        headers.append((b"Proxy-Authorization", b"Basic " + credentials))
    return headers


def tunnel_request(proxy: httpx.Proxy, origin: Origin) -> bytes:
    """Write the CONNECT that opens a tunnel to an origin."""
    _, host, port = origin
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    headers = [(b"Host", target.encode("ascii")), (b"Accept", b"*/*"), *proxy_headers(proxy)]
    return request_head("CONNECT", target.encode("ascii"), headers)


def tunnel_trace(trace: DeliveryTrace) -> DeliveryTrace:
    """Return the trace of a CONNECT: it is addressed to the proxy and counts for itself."""
    return DeliveryTrace(trace.deadline)


def check_tunnel(answer: AnswerReader) -> None:
    """Raise ProxyError unless the answer opens a tunnel through which nothing came yet."""
    if not 200 <= answer.status < 300:
        reason = answer.reason.decode("latin-1")
        raise failures.ProxyError(f"{answer.status} {reason}".rstrip())
    if answer.left_over:
        raise failures.ProxyError("the proxy spoke before the tunnel was used")


def through_proxy(url: httpx.URL) -> bytes:
    """Return the target of a plain http request that a proxy passes on: the full URL."""
    host = b"[%b]" % url.raw_host if b":" in url.raw_host else url.raw_host
    port = b"" if url.port is None else b":%d" % url.port
    return b"%b://%b%b%b" % (url.raw_scheme, host, port, url.raw_path)
