"""Serve the page, and tell it what happens as long as it listens.

The page's files are open to anybody on this machine; what they show and do needs the admin
token. The token reaches the page in the fragment of its address, which no browser sends to any
server, and every request carries it in a header, which no other site can make a browser send.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from attrs import define
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from kalshi_ext.sandbox.app import Asgi, Message, Receive, Send
from kalshi_ext.sandbox.exchange import Exchange
from kalshi_ext.sandbox.window.view import Look, setting, snapshot

PAGE = Path(__file__).parent / "page"
TICK = 0.2
"""Seconds between two looks; more where looking takes long, so that it costs a tenth at most."""

HEADERS = (
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        b"img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        b"require-trusted-types-for 'script'; trusted-types 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)


@define
class Window:
    """Be the ASGI application behind the page."""

    exchange: Exchange
    admits: Callable[[str], bool]
    """Tell whether a value of the Authorization header is the owner's."""
    contract: str
    url: str
    """Where the exchange's API is, to be shown."""
    closed: bool = False

    def app(self) -> Asgi:
        """Build the application."""
        routes = [
            Route("/stream", self._stream, methods=["GET"]),
            Mount("/", StaticFiles(directory=PAGE, html=True)),
        ]
        return guarded(Starlette(routes=routes))

    def close(self) -> None:
        """End every open stream at its next look."""
        self.closed = True

    async def _stream(self, request: Request) -> Response:
        if not self.admits(request.headers.get("authorization", "")):
            return JSONResponse({"error": "the admin token is missing or wrong"}, 401)
        look = Look.from_query(request.query_params)
        return StreamingResponse(self._tell(look), media_type="text/event-stream")

    async def _tell(self, look: Look) -> AsyncIterator[str]:
        yield _event("setting", setting(self.exchange, contract=self.contract, url=self.url))
        before = ""
        while not self.closed:
            began = time.perf_counter()
            told = _event("now", {**snapshot(self.exchange, look), "beat": int(time.monotonic())})
            took = time.perf_counter() - began
            if told != before:
                yield told
            before = told
            await asyncio.sleep(max(TICK, 10 * took))


def guarded(app: Asgi) -> Asgi:
    """Add to every answer the headers that keep other pages and foreign text out."""

    async def answer(scope: Message, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *HEADERS]
            await send(message)

        await app(scope, receive, with_headers)

    return answer


def _event(name: str, data: Any) -> str:
    # JSON has no bare line breaks, so one data line is enough.
    return f"event: {name}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n"
