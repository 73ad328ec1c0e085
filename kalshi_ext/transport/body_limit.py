"""Read a response's body up to a limit, however it is packed.

httpx unpacks a whole chunk at once: 64 kB of gzip can become 64 MB. Here unpacking stops at the
limit too. Only what a server may send unasked is unpacked: gzip and deflate.
"""

from __future__ import annotations

import time
import zlib
from typing import Final, Protocol

import httpx
from attrs import define, field

from kalshi_ext.transport.deadline import current_trace

_PACKED: Final = {"gzip", "x-gzip", "deflate"}


class BodyTooLarge(httpx.DecodingError):
    """The body is larger than the limit; the connection was closed."""


def read_limited(response: httpx.Response, limit: int) -> bytes:
    """Read, unpack and close a response.

    Raises BodyTooLarge over `limit` bytes, httpx.DecodingError for a body that cannot be
    unpacked, and what the transport raises.
    """
    try:
        body = _Body.of(response, limit)
        if response.is_stream_consumed:  # an answer made in this process has its content already
            return body.whole(response.content)
        for chunk in response.iter_raw():
            body.add(chunk)
        return body.finish()
    finally:
        response.close()


async def aread_limited(response: httpx.Response, limit: int) -> bytes:
    """Read, unpack and close a response on an event loop; otherwise like `read_capped`."""
    try:
        body = _Body.of(response, limit)
        if response.is_stream_consumed:
            return body.whole(response.content)
        async for chunk in response.aiter_raw():
            body.add(chunk)
        return body.finish()
    finally:
        await response.aclose()


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


def _no_parts() -> list[bytes]:
    return []


@define
class _Body:
    limit: int
    decompressor: _Decompressor | None
    parts: list[bytes] = field(factory=_no_parts)
    size: int = 0

    @classmethod
    def of(cls, response: httpx.Response, limit: int) -> _Body:
        length = response.headers.get("content-length", "")
        if length.isascii() and length.isdigit() and int(length) > limit:
            raise _too_large(limit)
        return cls(limit, _decompressor(response.headers.get("content-encoding", "")))

    def add(self, chunk: bytes) -> None:
        """Take one chunk as it came. Checks the time as well: a foreign transport may not."""
        trace = current_trace()
        if trace is not None and time.monotonic() >= trace.deadline:
            raise httpx.ReadTimeout("the time for this request is over")
        plain = chunk if self.decompressor is None else self._decompressed(self.decompressor, chunk)
        self.size += len(plain)
        if self.size > self.limit:
            raise _too_large(self.limit)
        self.parts.append(plain)

    def finish(self) -> bytes:
        if self.decompressor is not None and self.parts and not self.decompressor.eof:
            raise httpx.DecodingError("the packed body was cut short")
        return b"".join(self.parts)

    def whole(self, content: bytes) -> bytes:
        if len(content) > self.limit:
            raise _too_large(self.limit)
        return content

    def _decompressed(self, unpack: _Decompressor, chunk: bytes) -> bytes:
        try:
            return unpack.decompress(chunk, self.limit - self.size + 1)
        except zlib.error as error:
            raise httpx.DecodingError(f"the packed body is damaged: {error}") from error


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"the body is larger than {limit:,} bytes")


def _decompressor(encoding: str) -> _Decompressor | None:
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return None
    if name not in _PACKED:
        raise httpx.DecodingError(f"content-encoding {name[:40]!r} was not asked for")
    return zlib.decompressobj(32 + zlib.MAX_WBITS)  # finds out gzip or zlib by itself
