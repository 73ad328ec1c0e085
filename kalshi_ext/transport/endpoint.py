"""The exchange as the drivers see it: its clock, and how a request of a flow is made and signed.

One request in two forms: an object of httpx, for a transport of the user's and for tools that look
at those, and plain data for ours, for which that object would cost more than the round trip.
"""

from __future__ import annotations

import math
import time
from functools import lru_cache
from typing import Any

from attrs import define, field, frozen

from kalshi_ext.bases import Printed, Value
from kalshi_ext.errors import DryRun, Misuse
from kalshi_ext.protocol.effects import Send
from kalshi_ext.protocol.messages import Lost, Reply, Request
from kalshi_ext.transport.family import Family, httpx
from kalshi_ext.transport.framing import Headers, plain_headers
from kalshi_ext.transport.request_bytes import BODY_HEADERS, HEADERS, RequestBytes
from kalshi_ext.transport.signing import Signer
from kalshi_ext.transport.target import plain_target, target_of

MAX_BODY = 64 * 1024 * 1024  # bytes; a page of 1000 orders is about 1 MB

# Where it exists it counts the time of a suspended machine too, in which an order grows old.
_BOOTTIME: int | None = getattr(time, "CLOCK_BOOTTIME", None)


@define(eq=False, repr=False)
class Clock(Printed):
    """This machine's clock in Unix seconds, with a correction towards the exchange's clock."""

    _offset: float = 0.0

    @property
    def correction(self) -> float:
        """The seconds by which this machine's clock was moved so far."""
        return self._offset

    def monotonic(self) -> float:
        """Return seconds of a clock that nobody sets."""
        return time.monotonic() if _BOOTTIME is None else time.clock_gettime(_BOOTTIME)

    def now(self) -> float:
        return time.time() + self._offset

    def adjust(self, seconds: float) -> None:
        """Move the clock forward by so many seconds, back when negative."""
        self._offset += seconds


@frozen(eq=False, repr=False)
class Endpoint(Value):
    """The exchange as both drivers see it: base URL without trailing slash, signer, clock.

    `max_body` is in bytes.
    """

    base_url: str
    signer: Signer
    clock: Any = field(factory=Clock)
    max_body: int = MAX_BODY
    dry_run: bool = False

    def prepare(
        self, send: Send, stamp: float | None = None, family: Family = httpx
    ) -> httpx.Request:
        """Build and sign the request of one attempt, by default with the time it is.

        `family` makes it, httpx or httpx2. Raises Misuse for a URL that is too long.
        """
        request = send.request
        url = self._url(request, family)
        headers = HEADERS if request.body is None else BODY_HEADERS
        if not send.public:
            seconds = self.clock.now() if stamp is None else stamp
            headers = {**headers, **self._signed(request.method, url.raw_path, seconds)}
        bounds = dict.fromkeys(("connect", "read", "write", "pool"), send.timeout)
        made: httpx.Request = family.Request(
            request.method,
            url,
            headers=headers,
            content=request.body,
            extensions={"timeout": bounds},
        )
        return made

    def bytes_of(self, send: Send, stamp: float) -> RequestBytes:
        """Build and sign the same request for a transport of ours, without an object of httpx.

        Raises Misuse for a URL that is too long.
        """
        request = send.request
        target = plain_target(self.base_url + request.path, request.query)
        target = target or target_of(self._url(request, httpx))
        headers: Headers = []
        if not send.public:
            signed = self._signed(request.method, target.raw_path, stamp)
            headers = [(n.encode("ascii"), v.encode("ascii")) for n, v in signed.items()]
        if request.body:
            headers.append((b"Content-Length", b"%d" % len(request.body)))
        return RequestBytes(request.method, target, headers, request.body, send.timeout)

    def _signed(self, method: str, raw_path: bytes, seconds: float) -> dict[str, str]:
        # Signed on every attempt: the exchange refuses old timestamps (30 s, observed).
        return self.signer.headers(method, raw_path.split(b"?")[0], int(seconds * 1000))

    def _url(self, request: Request, family: Family) -> httpx.URL:
        try:
            url = _parsed_url(family, self.base_url + request.path)
            return url.copy_with(params=request.query) if request.query else url
        except family.InvalidURL as error:  # above all: longer than 65,536 characters
            raise Misuse(f"this request makes no URL: {error}; ask for less at once") from None

    def reply(self, response: httpx.Response, body: bytes, sent_at: float, stamp: float) -> Reply:
        """Turn a response into plain data."""
        headers, received_at = plain_headers(response.headers.raw), self.clock.monotonic()
        return Reply(response.status_code, headers, body, sent_at, received_at, stamp=stamp)

    def wait_until(self, send: Send) -> float:
        """Return the moment of `time.monotonic` until which a connection may be waited for."""
        return time.monotonic() + min(send.wait, self._left(send))

    def timeout(self, send: Send) -> float:
        """Return the seconds of an attempt that begins now."""
        return min(send.timeout, self._left(send))

    def _left(self, send: Send) -> float:
        if send.deadline == math.inf:
            return math.inf
        left: float = send.deadline - self.clock.monotonic()
        return left

    def refusal(self, send: Send) -> Lost | None:
        """Look, after the wait for a connection, whether the request may still leave.

        Raises DryRun for a write of a client that sends none.
        """
        if self.dry_run and send.request.method != "GET":
            self.prepare(send)
            raise _dry_run(send.request)
        if send.refusal is None:
            return None
        now = self.clock.monotonic()
        reason = send.refusal(now)
        return None if reason is None else Lost(False, reason, now)


# Parsing a URL costs as much as signing with Ed25519, and most orders go to one.
@lru_cache(maxsize=256)
def _parsed_url(family: Family, text: str) -> httpx.URL:
    url: httpx.URL = family.URL(text)
    return url


def _dry_run(request: Request) -> DryRun:
    asked = {"method": request.method, "path": request.path, "body": request.body}
    return DryRun(f"dry run: {request.method} {request.path} was signed and not sent", **asked)
