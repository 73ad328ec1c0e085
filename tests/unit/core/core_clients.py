"""Clients over a transport that records requests and answers from a function, without a socket."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from kalshi_ext import AsyncKalshi, Kalshi, Policy
from kalshi_ext.protocol.rate_limits import Backoff

TOKEN = "a-bearer-token-of-a-test"
# Two attempts, hardly any waiting.
QUICK = Policy(
    attempts=2,
    rounds=1,
    backoff=Backoff(first=0.0),
    poll=0.05,
    poll_ceiling=0.1,
    resolve_within=0.5,
    signature_life=0.0,
    read_lag=0.0,
)
DEFAULTS: dict[str, Any] = {
    "bearer_token": TOKEN,
    "environment": "http://127.0.0.1:1/trade-api/v2",
    "policy": QUICK,
    "pace": None,
}


class RecordingTransport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Answer every request from a function and record it."""

    def __init__(self, answer: Callable[[httpx.Request], httpx.Response] | None = None) -> None:
        self.requests: list[httpx.Request] = []
        self._answer = answer or (lambda request: httpx.Response(200, json={}))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self._answer(request)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return self.handle_request(request)


def answering(status: int, body: Any) -> RecordingTransport:
    """Make a transport with one answer for everything; anything but bytes is written as JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return RecordingTransport(lambda request: httpx.Response(status, content=raw))


@contextmanager
def client(transport: RecordingTransport, **options: Any) -> Iterator[Kalshi]:
    """Open a client with a token over a transport."""
    options = DEFAULTS | options
    with Kalshi(transport=transport, **options) as opened:
        yield opened


def resolve(client: Any, facade: str) -> Callable[..., Any]:
    """Return the method that a facade path names, as in `orders.place`."""
    method = client
    for name in facade.split("."):
        method = getattr(method, name)
    return method


def finish(value: Any) -> Any:
    """Read lists to their end; leave other answers as they are."""
    return value.all() if hasattr(value, "all") else value


def sync_and_async(
    work: Callable[[Any], Any], transport: RecordingTransport, **options: Any
) -> list[BaseException | Any]:
    """Do the same with a sync and an async client; return the results or what was raised."""
    options = DEFAULTS | options

    async def asynchronously() -> Any:
        async with AsyncKalshi(transport=transport, **options) as opened:
            value = finish(work(opened))
            return await value if inspect.isawaitable(value) else value

    def synchronously() -> Any:
        with Kalshi(transport=transport, **options) as opened:
            return finish(work(opened))

    results: list[Any] = []
    for run in (synchronously, lambda: asyncio.run(asynchronously())):
        try:
            results.append(run())
        except Exception as error:
            results.append(error)
    return results
