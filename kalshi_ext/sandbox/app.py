"""Speak HTTP for the exchange: a plain ASGI application.

Routing by a framework costs more than a whole order does here (66 patterns tried in turn), so
one endpoint looks the operation up in its own tree; the admin side uses Starlette.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from attrs import define

from kalshi_ext.sandbox.clock import http_date
from kalshi_ext.sandbox.exchange import Exchange
from kalshi_ext.sandbox.wire import Reply, Request, refusal

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

MAX_BODY = 8 * 1024 * 1024


@define
class App:
    """Hand requests to the exchange in the order they are complete."""

    exchange: Exchange

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body = await _read(receive)
        if body is None:
            return
        request = _request(scope, body)
        reply = self._serve(request) if len(body) <= MAX_BODY else refusal(413, "body_too_large")
        await self._answer(reply, send)

    def _serve(self, request: Request) -> Reply:
        try:
            return self.exchange.serve(request)
        except NotImplementedError:
            return refusal(501, "not_implemented")

    async def _answer(self, reply: Reply, send: Send) -> None:
        headers = [
            (b"date", http_date(self.exchange.clock.now())),
            *((name.encode(), value.encode()) for name, value in reply.headers.items()),
        ]
        if reply.content_type:
            headers.append((b"content-type", reply.content_type.encode()))
        if reply.status != 204:
            headers.append((b"content-length", str(len(reply.body)).encode()))
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body})


async def _read(receive: Receive) -> bytes | None:
    """Read the whole body; None when the client left before it was complete."""
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
        if len(body) > MAX_BODY:
            break
    return None if message["type"] == "http.disconnect" else body


def _request(scope: Message, body: bytes) -> Request:
    client = scope.get("client") or ("", 0)
    return Request(
        method=scope["method"],
        path=scope["raw_path"].decode("latin-1").partition("?")[0],
        query=scope["query_string"],
        headers=dict(scope["headers"]),
        body=body,
        port=client[1],
    )
