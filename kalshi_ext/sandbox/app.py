"""Speak HTTP for the exchange: a plain ASGI application.

Routing by a framework costs more than a whole order does here (66 patterns tried in turn), so
one endpoint looks the operation up in its own tree. Only the window is made with Starlette.
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
Asgi: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]

MAX_BODY = 8 * 1024 * 1024


@define
class App:
    """Hand requests to the exchange in the order they are complete."""

    exchange: Exchange

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body = await read_body(receive)
        if body is None:
            return
        if len(body) > MAX_BODY:
            reply = refusal(413, "body_too_large")
        else:
            reply = self.exchange.serve(_request(scope, body))
        await respond(reply, send, (b"date", http_date(self.exchange.clock.now())))


async def respond(reply: Reply, send: Send, *more: tuple[bytes, bytes]) -> None:
    """Send a reply."""
    headers = list(more)
    headers += [(name.encode(), value.encode()) for name, value in reply.headers.items()]
    if reply.content_type:
        headers.append((b"content-type", reply.content_type.encode()))
    if reply.status != 204:
        headers.append((b"content-length", str(len(reply.body)).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


async def read_body(receive: Receive) -> bytes | None:
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
    return Request(
        method=scope["method"],
        path=scope["raw_path"].decode("latin-1").partition("?")[0],
        query=scope["query_string"],
        headers=dict(scope["headers"]),
        body=body,
    )
