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

The bytes come from outside: a length that is no plain number and a line without an end are not
HTTP/1.1, and each byte is looked at a bounded number of times.
"""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

from attrs import define, frozen

_LENGTH = re.compile(rb"\r\ncontent-length:([^\r\n]*)", re.IGNORECASE)
_CODINGS = re.compile(rb"\r\ntransfer-encoding:([^\r\n]*)", re.IGNORECASE)
_END_OF_HEAD = b"\r\n\r\n"
_MAX_HEAD = 65_536
_MAX_LINE = 8_192

# int() would also take a sign, 0x, underscores and the digits of every script. Fifteen of either
# kind are more bytes than any stream has.
_HEX = re.compile(rb"[0-9A-Fa-f]{1,15}")
_DIGITS = re.compile(rb"[0-9]{1,15}")

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
    _taken: int = 0
    """Bytes of the buffer that have passed; to cut off each part would take quadratic time."""
    _state: _State = "head"
    _remaining: int = 0
    """Bytes of the body or chunk still to come."""

    def feed(self, data: bytes) -> list[MessagePart]:
        """Take what arrived, give what may pass."""
        self._buffer, self._taken = self._buffer[self._taken :] + data, 0
        parts: list[MessagePart] = []
        while (part := self._next_part()) is not None:
            parts.append(part)
        return parts

    def rest(self) -> bytes:
        """Give what is still held back when the stream ends."""
        data, self._buffer, self._taken = self._buffer[self._taken :], b"", 0
        return data

    def _next_part(self) -> MessagePart | None:
        if self._waiting == 0:
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

    @property
    def _waiting(self) -> int:
        return len(self._buffer) - self._taken

    def _head(self) -> MessagePart | None:
        end = self._buffer.find(_END_OF_HEAD, self._taken)
        if end < 0:
            return None if self._waiting < _MAX_HEAD else self._opaque()
        head = self._take(end + len(_END_OF_HEAD) - self._taken)
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
        codings = _CODINGS.findall(head)
        if codings and codings[-1].rpartition(b",")[2].strip().lower() == b"chunked":
            return "chunk-size", 0
        lengths = {length.strip(b" \t") for length in _LENGTH.findall(head)}
        if codings or lengths:
            # Two lengths, or none that is a number: where the message ends is anybody's guess.
            length = lengths.pop() if len(lengths) == 1 and not codings else b""
            return ("length", int(length)) if _DIGITS.fullmatch(length) else ("rest", 0)
        # Without either, an answer lasts until the connection closes and a request has no body.
        # A first byte that no method begins with (a TLS handshake, say) is not HTTP.
        return ("rest", 0) if self.answers or not head[:1].isalpha() else ("length", 0)

    def _counted(self, *, then: Literal["head", "chunk-size"]) -> MessagePart:
        data = self._take(min(self._remaining, self._waiting))
        self._remaining -= len(data)
        if self._remaining == 0:
            self._state = then
        return MessagePart(data, ends=self._state == "head")

    def _chunk_size(self) -> MessagePart | None:
        line = self._line()
        if line is None:
            return self._unended()
        digits = line.partition(b";")[0].strip()
        if not _HEX.fullmatch(digits):
            self._state = "rest"
            return MessagePart(line)
        size = int(digits, 16)
        # The chunk's own CRLF belongs to it; a size of 0 leaves only the trailer.
        self._state, self._remaining = ("chunk", size + 2) if size else ("trailer", 0)
        return MessagePart(line)

    def _trailer(self) -> MessagePart | None:
        line = self._line()
        if line is None:
            return self._unended()
        if line == b"\r\n":
            self._state = "head"
        return MessagePart(line, ends=line == b"\r\n")

    def _line(self) -> bytes | None:
        """Take a line with its CRLF; None while it is not complete."""
        end = self._buffer.find(b"\r\n", self._taken)
        return None if end < 0 else self._take(end + 2 - self._taken)

    def _unended(self) -> MessagePart | None:
        """Wait for the end of a line, but not for ever."""
        if self._waiting < _MAX_LINE:
            return None
        self._state = "rest"
        return MessagePart(self.rest())

    def _take(self, size: int) -> bytes:
        begin, self._taken = self._taken, self._taken + size
        return self._buffer[begin : self._taken]
