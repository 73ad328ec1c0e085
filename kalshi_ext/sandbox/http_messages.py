"""HTTP requests and responses as plain values, and their way from and to ASGI.

Everything behind the socket works on these values: a test can hand an exchange a request without
a server, and a fault can replace a response before any byte of it is written.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Literal, TypeAlias
from urllib.parse import parse_qsl

from attrs import define, field, frozen

Json: TypeAlias = Any
Headers: TypeAlias = Mapping[bytes, bytes]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Asgi: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]

JSON_TYPE = "application/json"
MAX_BODY = 8 * 1024 * 1024
"""Bytes of a request body that are read; a longer one is answered 413."""


@define
class HttpRequest:
    """Carry one HTTP request as received."""

    method: str
    path: str
    """Raw, as on the request line, without the query."""
    query: bytes
    headers: Headers = field(repr=False)
    """Names in lower case; of a repeated header the last value."""
    body: bytes = field(repr=False)

    @property
    def target(self) -> str:
        """Path and query."""
        return f"{self.path}?{self.query.decode('latin-1')}" if self.query else self.path

    def parameters(self) -> dict[str, str]:
        """Read the query; of a repeated name the last value."""
        if not self.query:
            return {}
        return dict(parse_qsl(self.query.decode("latin-1"), keep_blank_values=True))

    def content(self) -> tuple[Json, Literal["absent", "json", "garbage"]]:
        """Read the body as JSON; a body of another declared type counts as absent."""
        if not self.body or not _declares_json(self.headers.get(b"content-type", b"")):
            return None, "absent"
        try:
            return _DECODER.decode(self.body.decode()), "json"
        except (ValueError, RecursionError):  # a body nested too deep ends in RecursionError
            return None, "garbage"


@frozen
class HttpResponse:
    status: int
    body: bytes = b""
    content_type: str = JSON_TYPE
    headers: Mapping[str, str] = field(factory=dict[str, str])


def json_response(status: int, body: Json) -> HttpResponse:
    """Render JSON; None gives a response without a body."""
    if body is None:
        return HttpResponse(status, b"", "")
    return HttpResponse(status, _ENCODER.encode(body).encode())


def error_response(status: int, code: str, details: str | None = None) -> HttpResponse:
    """Render an error in the nested shape that Kalshi's HTTP edge uses."""
    error = {"code": code, "message": code.replace("_", " ")}
    if details is not None:
        error["details"] = details
    return json_response(status, {"error": error})


def request_from_asgi(scope: Message, body: bytes) -> HttpRequest:
    """Build a request from an ASGI scope and its whole body."""
    return HttpRequest(
        method=scope["method"],
        # "path" is percent-decoded: %2F in an id would look like a separator, and the signature
        # covers the path as it stood on the request line.
        path=scope["raw_path"].decode("latin-1").partition("?")[0],
        query=scope["query_string"],
        headers=dict(scope["headers"]),
        body=body,
    )


async def read_body(receive: Receive) -> bytes | None:
    """Read the whole body, or MAX_BODY and a little more; None: the client left before its end."""
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
        if len(body) > MAX_BODY:
            break
    return None if message["type"] == "http.disconnect" else body


async def send_response(
    response: HttpResponse, send: Send, *extra_headers: tuple[bytes, bytes]
) -> None:
    """Write a response to ASGI."""
    headers = list(extra_headers)
    headers += [(name.encode(), value.encode()) for name, value in response.headers.items()]
    if response.content_type:
        headers.append((b"content-type", response.content_type.encode()))
    if response.status != 204:  # RFC 9110, 8.6: no Content-Length in a 204
        headers.append((b"content-length", str(len(response.body)).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})


def _declares_json(content_type: bytes) -> bool:
    media_type = content_type.partition(b";")[0].strip().lower()
    return media_type == b"application/json" or media_type.endswith(b"+json")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


# Python reads NaN and Infinity as numbers; JSON has neither.
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
_ENCODER = json.JSONEncoder(separators=(",", ":"))
