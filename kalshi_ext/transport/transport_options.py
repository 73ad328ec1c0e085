"""What the sync and the async transport share: options, and how requests and answers look."""

from __future__ import annotations

import math
import time
from typing import Any

from kalshi_ext.config import Timeout
from kalshi_ext.config import timeout as timeout_of
from kalshi_ext.redact import Secret
from kalshi_ext.transport import failures
from kalshi_ext.transport.codec import Codec, default_codec
from kalshi_ext.transport.connection import WRITE_CHUNK, Message, Steps
from kalshi_ext.transport.deadline import DeliveryTrace
from kalshi_ext.transport.family import httpx
from kalshi_ext.transport.framing import AnswerReader
from kalshi_ext.transport.idle import MARGIN
from kalshi_ext.transport.opening import Opening
from kalshi_ext.transport.proxy import checked_proxy, known_password, proxy_headers, through_proxy
from kalshi_ext.transport.request_bytes import RequestBytes, request_head, whole_body
from kalshi_ext.transport.target import PORTS
from kalshi_ext.transport.tls import TlsContext, checked_verify


class TransportOptions:
    """What both transports are made of."""

    def __init__(
        self,
        timeout: Timeout | None,
        verify: object,
        proxy: Secret[Any],
        connections: int,
        keepalive: float,
        codec: Codec | None,
    ) -> None:
        self.timeout = timeout_of(timeout)
        self.tls = TlsContext(checked_verify(verify))
        self.proxy = checked_proxy(proxy)
        self._password = known_password(self.proxy)  # remembered for as long as this is
        self.connections = connections
        self.keepalive = keepalive
        self.opening = Opening(self.tls, self.proxy, codec or default_codec())

    def message(self, request: httpx.Request) -> Message | None:
        """Write a request, None for one that httpcore has to send. Raises LocalProtocolError."""
        url, headers = request.url, request.headers.raw
        proxied = self.proxy is not None and self.proxy.url.scheme == "https"
        if proxied or url.scheme not in PORTS or request.extensions.keys() - {"timeout"}:
            return None
        body = whole_body(request)
        if body is None:
            return None
        target = url.raw_path
        if self.proxy is not None and url.scheme == "http":
            target, headers = through_proxy(url), [*proxy_headers(self.proxy), *headers]
        return in_parts(request_head(request.method, target, headers), body)

    def steps(self, request: httpx.Request) -> Steps:
        """Return the bounds of single steps, that of connecting cut by ours."""
        steps: Steps = request.extensions.get("timeout", {})
        limit = steps.get("connect")
        ours = self.timeout.connect
        return {**steps, "connect": ours if limit is None else min(limit, ours)}

    def steps_of(self, request: RequestBytes) -> Steps:
        """Return the bounds of single steps of a request that has one for all of them."""
        limit = request.timeout
        return {"connect": min(limit, self.timeout.connect), "read": limit, "write": limit}

    def idle_until(self, answer: AnswerReader) -> float:
        """Return the moment after which a connection is not used again."""
        return time.monotonic() + min(self.keepalive, answer.idle_limit - MARGIN)


def in_parts(head: bytes, body: bytes) -> Message:
    """Join head and body where that copies little."""
    return (head + body,) if len(body) < WRITE_CHUNK else (head, body)


def response_of(answer: AnswerReader, stream: Any) -> httpx.Response:
    """Make httpx's response of a head, with the stream of its body."""
    extensions = {"http_version": b"HTTP/1.1", "reason_phrase": answer.reason}
    return httpx.Response(
        answer.status, headers=answer.headers, stream=stream, extensions=extensions
    )


def wait_until(trace: DeliveryTrace, steps: Steps) -> float:
    """Return the moment until which a request may wait for its place."""
    limit = trace.remaining(steps.get("pool"), failures.PoolTimeout)
    return math.inf if limit is None else time.monotonic() + limit


def bound_httpcore(
    request: httpx.Request, trace: DeliveryTrace, options: TransportOptions
) -> httpx.Request:
    """Bound what httpcore does before a stream of ours exists."""
    steps = options.steps(request)
    pool = trace.remaining(steps.get("pool"), failures.PoolTimeout)
    request.extensions["timeout"] = {**steps, "pool": pool}
    return request
