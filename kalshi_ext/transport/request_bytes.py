"""A request as bytes, checked so that nothing in it can begin another header or another request."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from attrs import frozen

from kalshi_ext.bases import Value
from kalshi_ext.transport import failures
from kalshi_ext.transport.family import httpx
from kalshi_ext.transport.framing import Headers
from kalshi_ext.transport.target import Target

USER_AGENT: Final = "kalshi-ext"
HEADERS: Final = {
    "accept": "application/json",
    "accept-encoding": "gzip",  # a page of 1000 fills is 507 kB plain and 85 kB packed
    "user-agent": USER_AGENT,
}
BODY_HEADERS: Final = {**HEADERS, "content-type": "application/json"}
_WITH_LENGTH: Final = frozenset({"POST", "PUT", "PATCH"})  # they say so without a body, too

# Method, target and header names are tokens or visible characters; a value holds no line break.
_FIRST_LINE = re.compile(rb"[A-Z]{1,16} [!-\xff]+ HTTP/1\.1\r\n")
_LINES = re.compile(rb"\A(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+: [^\r\n\x00]*\r\n)*")


@frozen(eq=False, repr=False)
class RequestBytes(Value):
    """What a request of the driver's is written of: no object of httpx is made for it.

    `headers` are those of this attempt, beside what every request has. `timeout` bounds each step
    of it, in seconds.
    """

    method: str
    target: Target
    headers: Headers
    body: bytes | None
    timeout: float

    def head(self) -> bytes:
        """Write its head. Raises LocalProtocolError, before a byte of it is sent."""
        target, body = self.target, self.body
        begin = _begin(self.method, target.raw_path, target.host, body is None, not body)
        return b"%b%b\r\n" % (begin, _lines(self.headers))


# Most orders go to one URL: what all their heads have is written and checked once.
@lru_cache(maxsize=256)
def _begin(method: str, raw_path: bytes, host: bytes, is_bare: bool, is_empty: bool) -> bytes:
    headers = [(b"Host", host)]
    if is_empty and method in _WITH_LENGTH:
        headers.append((b"Content-Length", b"0"))
    common = HEADERS if is_bare else BODY_HEADERS
    headers += [(name.encode("ascii"), value.encode("ascii")) for name, value in common.items()]
    return _first_line(method, raw_path) + _lines(headers)


def request_head(method: str, target: bytes, headers: Headers) -> bytes:
    """Write the head of a request. Raises LocalProtocolError, before a byte of it is sent."""
    return b"%b%b\r\n" % (_first_line(method, target), _lines(headers))


def _first_line(method: str, target: bytes) -> bytes:
    line = b"%b %b HTTP/1.1\r\n" % (method.encode("ascii"), target)
    if not _FIRST_LINE.fullmatch(line):
        raise _cannot_carry()
    return line


def _lines(headers: Headers) -> bytes:
    lines = b"".join([b"%b: %b\r\n" % pair for pair in headers])
    # A look at the whole, for what was joined is what is sent; and one line for each header.
    if not _LINES.fullmatch(lines) or lines.count(b"\r\n") != len(headers):
        raise _cannot_carry()
    return lines


def _cannot_carry() -> failures.LocalProtocolError:
    return failures.LocalProtocolError("a method, path or header holds what HTTP cannot carry")


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
