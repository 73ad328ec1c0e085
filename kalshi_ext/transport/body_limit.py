"""Read a response's body up to a limit, before and after decompression.

httpx decompresses a whole chunk at once: 64 kB of gzip can become 64 MB. Here decompression stops
at the limit. Only gzip and deflate are supported, which servers and proxies also send unasked.
"""

from __future__ import annotations

import math
import time
import zlib
from collections.abc import Mapping
from typing import Final, Protocol

from attrs import define, field

from kalshi_ext.bases import Printed
from kalshi_ext.redact import redacted_repr
from kalshi_ext.transport import failures
from kalshi_ext.transport.deadline import current_trace
from kalshi_ext.transport.family import httpx
from kalshi_ext.transport.framing import no_parts

_GOES_ON: Final = "the packed body goes on after its end"
_ENCODINGS: Final = {"gzip", "x-gzip", "deflate"}


def read_limited(response: httpx.Response, limit: int) -> bytes:
    """Read, decompress and close a response; return its body.

    Raises BodyTooLarge over `limit` bytes, DecodingError for a body that cannot be
    decompressed, ReadTimeout after the deadline, and what the transport raises.
    """
    try:
        body = LimitedBody.of(response.headers, limit, _deadline())
        # A response made in this process (by a mock transport) has its content already.
        if response.is_stream_consumed:
            return body.checked(response.content)
        for chunk in response.iter_raw():
            body.add(chunk)
        return body.finish()
    finally:
        response.close()


async def aread_limited(response: httpx.Response, limit: int) -> bytes:
    """Read, decompress and close a response on an event loop; otherwise like `read_limited`."""
    try:
        body = LimitedBody.of(response.headers, limit, _deadline())
        if response.is_stream_consumed:
            return body.checked(response.content)
        async for chunk in response.aiter_raw():
            body.add(chunk)
        return body.finish()
    finally:
        await response.aclose()


def _deadline() -> float:
    trace = current_trace()
    return math.inf if trace is None else trace.deadline


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


@define(eq=False, repr=False)
class LimitedBody(Printed):
    """Collect the chunks of one body, counting decompressed bytes.

    `limit` is in bytes, `deadline` in seconds of `time.monotonic()`.
    """

    limit: int
    decompressor: _Decompressor | None
    deadline: float = math.inf
    parts: list[bytes] = field(factory=no_parts)
    size: int = 0

    @classmethod
    def of(cls, headers: Mapping[str, str], limit: int, deadline: float) -> LimitedBody:
        """Begin a body by its headers. Raises BodyTooLarge, DecodingError."""
        # An honest large body is refused before a byte of it is read.
        length = headers.get("content-length", "")
        if length.isascii() and length.isdigit() and int(length) > limit:
            raise _too_large(limit)
        return cls(limit, _decompressor(headers.get("content-encoding", "")), deadline)

    def add(self, chunk: bytes) -> None:
        """Add one chunk as received. Raises ReadTimeout, BodyTooLarge, DecodingError."""
        # Our streams keep the deadline by themselves; another transport may not.
        if time.monotonic() >= self.deadline:
            raise failures.ReadTimeout("the time for this request is over")
        data = chunk if self.decompressor is None else self._decompressed(self.decompressor, chunk)
        self.size += len(data)
        if self.size > self.limit:
            raise _too_large(self.limit)
        self.parts.append(data)

    def finish(self) -> bytes:
        """Return the whole body. Raises DecodingError."""
        # An empty body may be labelled gzip: HEAD, 204.
        if self.decompressor is not None and self.parts:
            if not self.decompressor.eof:
                raise failures.DecodingError("the packed body was cut short")
            if self.decompressor.unused_data:
                raise failures.DecodingError(_GOES_ON)
        return b"".join(self.parts)

    def checked(self, content: bytes) -> bytes:
        if len(content) > self.limit:
            raise _too_large(self.limit)
        return content

    def _decompressed(self, decompressor: _Decompressor, chunk: bytes) -> bytes:
        if decompressor.eof and chunk:
            raise failures.DecodingError(_GOES_ON)
        try:
            # One byte over the limit is enough to know that the body is too large.
            return decompressor.decompress(chunk, self.limit - self.size + 1)
        except zlib.error as error:
            raise failures.DecodingError(f"the packed body is damaged: {error}") from error


def _too_large(limit: int) -> failures.BodyTooLarge:
    return failures.BodyTooLarge(f"the body is larger than {limit:,} bytes")


def _decompressor(encoding: str) -> _Decompressor | None:
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return None
    if name not in _ENCODINGS:
        raise failures.DecodingError(
            f"content-encoding {redacted_repr(name, 40)} was not asked for"
        )
    # 32: detect the gzip or zlib header, whatever the label says.
    return zlib.decompressobj(32 + zlib.MAX_WBITS)
