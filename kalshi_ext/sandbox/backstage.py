"""Serve the admin side over HTTP on a port of its own, to whoever holds the token."""

from __future__ import annotations

import hmac
import json

from attrs import define, field

from kalshi_ext.errors import KalshiError
from kalshi_ext.sandbox.app import Asgi, Message, Receive, Send, read_body, respond
from kalshi_ext.sandbox.console import Console
from kalshi_ext.sandbox.wire import Headers, Json, Reply, json_reply

RUN = "/run/"


@define
class Backstage:
    """Run console words: POST /run/{word} with JSON, answered {"result"} or {"error"}."""

    console: Console
    token: str = field(repr=False)
    window: Asgi | None = None
    """Answers every other path, when there is a window."""

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if not _from_here(dict(scope["headers"])):
            await respond(json_reply(403, {"error": "only for pages of this address"}), send)
            return
        if self.window is not None and not scope["path"].startswith(RUN):
            await self.window(scope, receive, send)
            return
        body = await read_body(receive)
        if body is not None:
            await respond(self._reply(scope, body), send)

    def admits(self, authorization: str) -> bool:
        """Compare the Authorization header's value with our token, in constant time."""
        given = authorization.removeprefix("Bearer ")
        return hmac.compare_digest(given.encode(), self.token.encode())

    def _reply(self, scope: Message, body: bytes) -> Reply:
        given = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
        if not self.admits(given):
            return json_reply(401, {"error": "the admin token is missing or wrong"})
        if scope["method"] != "POST" or not scope["path"].startswith(RUN):
            return json_reply(404, {"error": "POST /run/{word}"})
        return self._run(scope["path"].removeprefix(RUN), body)

    def _run(self, word: str, body: bytes) -> Reply:
        try:
            given: Json = json.loads(body or b"{}")
            return json_reply(200, {"result": self.console.run(word, given)})
        except (KalshiError, ValueError) as error:
            return json_reply(400, {"error": str(error), "kind": type(error).__name__})


def _from_here(headers: Headers) -> bool:
    """Tell whether a request was meant for this machine, and not sent by another site's page.

    A name that an attacker points at loopback shows in Host (DNS rebinding), a page that is not
    ours in Origin.
    """
    host = headers.get(b"host", b"")
    if host.rpartition(b":")[0] not in (b"127.0.0.1", b"localhost"):
        return False
    return headers.get(b"origin", b"http://" + host) == b"http://" + host
