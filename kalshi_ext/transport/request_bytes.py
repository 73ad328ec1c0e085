"""A request as bytes, checked so that nothing in it can begin another header or another request."""

from __future__ import annotations

import re

from attrs import frozen

from kalshi_ext.bases import Value
from kalshi_ext.transport import failures
from kalshi_ext.transport.family import httpx
from kalshi_ext.transport.idle import Origin

# Method, target and header names are tokens or visible characters; a value holds no line break.
_HEAD = re.compile(
    rb"[A-Z]{1,16} [!-\xff]+ HTTP/1\.1\r\n(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+: [^\r\n\x00]*\r\n)+\r\n"
)


@frozen(eq=False, repr=False)
class RequestBytes(Value):
    """What a request of the driver's is written of: no object of httpx is made for it.

    `timeout` bounds each step of it, in seconds.
    """

    origin: Origin
    method: str
    target: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes
    timeout: float


def request_head(method: str, target: bytes, headers: list[tuple[bytes, bytes]]) -> bytes:
    """Write the head of a request. Raises LocalProtocolError, before a byte of it is sent."""
    lines = [b"%b %b HTTP/1.1" % (method.encode("ascii"), target)]
    lines += [b"%b: %b" % pair for pair in headers]
    head = b"\r\n".join([*lines, b"", b""])
    # A look at the whole, for what was joined is what is sent; and one line for each header.
    if not _HEAD.fullmatch(head) or head.count(b"\r\n") != len(headers) + 2:
        raise failures.LocalProtocolError("a method, path or header holds what HTTP cannot carry")
    return head


def whole_body(request: httpx.Request) -> bytes | None:
    """Return the body of a request, None for one that is made while it is sent.

    Raises LocalProtocolError for a Content-Length that is not the body's: what is missing would be
    taken from the next request, and what is too much for one.
    """
    if not isinstance(request.stream, httpx.ByteStream):
        return None
    if "transfer-encoding" in request.headers:
        return None
    body = b"".join(request.stream)
    lengths = request.headers.get_list("content-length")
    if lengths != [str(len(body))] and (lengths or body):
        raise failures.LocalProtocolError(f"Content-Length is not the body's: {len(body)} bytes")
    return body
