"""Find where HTTP/1.1 messages begin and end in a stream of bytes, without changing a byte.

The states of one direction of a connection, and what ends each:

| state | holds | until |
|---|---|---|
| head | request or status line and headers | an empty line |
| length | a body of known length | its last byte, then head |
| chunk-size | the line with a chunk's size | its CRLF, then chunk, or trailer after a 0 |
| chunk | a chunk and its CRLF | its last byte, then chunk-size |
| trailer | lines after the last chunk | an empty line, then head |
| rest | what has no end of its own, or is not HTTP/1.1 | the connection closes |
"""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

from attrs import define, frozen

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)[ \t]*\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[^\r\n]*chunked[ \t]*\r\n", re.IGNORECASE)
_END_OF_HEAD = b"\r\n\r\n"
_MAX_HEAD = 65_536

_State: TypeAlias = Literal["head", "length", "chunk-size", "chunk", "trailer", "rest"]


@frozen
class MessagePart:
    """Carry bytes of one message."""

    data: bytes
    begins: bool = False
    """Whether the message starts here; then data holds its whole head."""
    ends: bool = False


@define
class Framer:
    """Cut one direction of a connection into messages.

    Bytes of an unfinished head are held back until it is complete. What is not HTTP/1.1 passes
    as one endless message.
    """

    answers: bool = False
    """Whether this is the direction of the answers."""
    bodiless: bool = False
    """Set before an answer's head arrives when its request was a HEAD."""
    _buffer: bytes = b""
    _state: _State = "head"
    _remaining: int = 0
    """Bytes of the body or chunk still to come."""

    def feed(self, data: bytes) -> list[MessagePart]:
        """Take what arrived, give what may pass."""
        self._buffer += data
        parts: list[MessagePart] = []
        while (part := self._next_part()) is not None:
            parts.append(part)
        return parts

    def rest(self) -> bytes:
        """Give what is still held back when the stream ends."""
        data, self._buffer = self._buffer, b""
        return data

    def _next_part(self) -> MessagePart | None:
        if not self._buffer:
            return None
        match self._state:
            case "head":
                return self._head()
            case "length":
                return self._counted(then="head")
            case "chunk-size":
                return self._chunk_size()
            case "chunk":
                return self._counted(then="chunk-size")
            case "trailer":
                return self._trailer()
            case _:
                return MessagePart(self.rest())

    def _head(self) -> MessagePart | None:
        end = self._buffer.find(_END_OF_HEAD)
        if end < 0:
            return None if len(self._buffer) < _MAX_HEAD else self._opaque()
        head = self._take(end + len(_END_OF_HEAD))
        self._state, self._remaining = self._body_of(head)
        if self._state == "length" and self._remaining == 0:
            self._state = "head"
        # 1xx: the true answer to the same request follows. 101 ends HTTP on this connection.
        interim = self.answers and head[9:10] == b"1" and head[9:12] != b"101"
        return MessagePart(head, begins=True, ends=self._state == "head" and not interim)

    def _opaque(self) -> MessagePart:
        self._state = "rest"
        return MessagePart(self.rest(), begins=True)

    def _body_of(self, head: bytes) -> tuple[_State, int]:
        # The order is that of RFC 9112, 6.3: status and method first, chunked before a length.
        if self.answers and (self.bodiless or head[9:12] in (b"204", b"304") or head[9:10] == b"1"):
            return ("rest", 0) if head[9:12] == b"101" else ("length", 0)
        if _CHUNKED.search(head):
            return "chunk-size", 0
        length = _LENGTH.search(head)
        if length:
            return "length", int(length[1])
        # Without either, an answer lasts until the connection closes and a request has no body.
        # A first byte that no method begins with (a TLS handshake, say) is not HTTP.
        return ("rest", 0) if self.answers or not head[:1].isalpha() else ("length", 0)

    def _counted(self, *, then: Literal["head", "chunk-size"]) -> MessagePart:
        data = self._take(min(self._remaining, len(self._buffer)))
        self._remaining -= len(data)
        if self._remaining == 0:
            self._state = then
        return MessagePart(data, ends=self._state == "head")

    def _chunk_size(self) -> MessagePart | None:
        end = self._buffer.find(b"\r\n")
        if end < 0:
            return None
        line = self._take(end + 2)
        try:
            size = int(line.partition(b";")[0], 16)
        except ValueError:
            self._state = "rest"
            return MessagePart(line)
        # The chunk's own CRLF belongs to it; a size of 0 leaves only the trailer.
        self._state, self._remaining = ("chunk", size + 2) if size else ("trailer", 0)
        return MessagePart(line)

    def _trailer(self) -> MessagePart | None:
        end = self._buffer.find(b"\r\n")
        if end < 0:
            return None
        line = self._take(end + 2)
        if line == b"\r\n":
            self._state = "head"
        return MessagePart(line, ends=line == b"\r\n")

    def _take(self, size: int) -> bytes:
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data
