"""Find where HTTP/1.1 messages begin and end in a stream of bytes, without changing a byte."""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

from attrs import define, field, frozen

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)[ \t]*\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[^\r\n]*chunked[ \t]*\r\n", re.IGNORECASE)
_END = b"\r\n\r\n"

_State: TypeAlias = Literal["head", "length", "chunk-size", "chunk", "trailer", "rest"]


@frozen
class Piece:
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
    _held: bytes = b""
    _state: _State = "head"
    _left: int = 0
    _begun: bool = field(default=False)

    def feed(self, data: bytes) -> list[Piece]:
        """Take what arrived, give what may pass."""
        self._held += data
        pieces: list[Piece] = []
        while (piece := self._next()) is not None:
            pieces.append(piece)
        return pieces

    def rest(self) -> bytes:
        """Give what is still held back when the stream ends."""
        held, self._held = self._held, b""
        return held

    def _next(self) -> Piece | None:
        if not self._held:
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
                return Piece(self.rest())

    def _head(self) -> Piece | None:
        end = self._held.find(_END)
        if end < 0:
            return None if len(self._held) < 65_536 else self._opaque()
        head = self._take(end + len(_END))
        self._state, self._left = self._body_of(head)
        if self._state == "length" and self._left == 0:
            self._state = "head"
        interim = self.answers and head[9:10] == b"1" and head[9:12] != b"101"
        return Piece(head, begins=True, ends=self._state == "head" and not interim)

    def _opaque(self) -> Piece:
        self._state = "rest"
        return Piece(self.rest(), begins=True)

    def _body_of(self, head: bytes) -> tuple[_State, int]:
        if self.answers and (self.bodiless or head[9:12] in (b"204", b"304") or head[9:10] == b"1"):
            return ("rest", 0) if head[9:12] == b"101" else ("length", 0)
        if _CHUNKED.search(head):
            return "chunk-size", 0
        length = _LENGTH.search(head)
        if length:
            return "length", int(length[1])
        return ("rest", 0) if self.answers or not head[:1].isalpha() else ("length", 0)

    def _counted(self, *, then: Literal["head", "chunk-size"]) -> Piece:
        data = self._take(min(self._left, len(self._held)))
        self._left -= len(data)
        if self._left == 0:
            self._state = then
        return Piece(data, ends=self._state == "head")

    def _chunk_size(self) -> Piece | None:
        end = self._held.find(b"\r\n")
        if end < 0:
            return None
        line = self._take(end + 2)
        try:
            size = int(line.partition(b";")[0], 16)
        except ValueError:
            self._state = "rest"
            return Piece(line)
        # The chunk's own CRLF belongs to it; a size of 0 leaves only the trailer.
        self._state, self._left = ("chunk", size + 2) if size else ("trailer", 0)
        return Piece(line)

    def _trailer(self) -> Piece | None:
        end = self._held.find(b"\r\n")
        if end < 0:
            return None
        line = self._take(end + 2)
        if line == b"\r\n":
            self._state = "head"
        return Piece(line, ends=line == b"\r\n")

    def _take(self, size: int) -> bytes:
        data, self._held = self._held[:size], self._held[size:]
        return data
