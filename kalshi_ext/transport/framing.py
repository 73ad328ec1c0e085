"""Where one answer ends: its framing, its caps, and whether the connection can be used again.

A client that misplaces the end of an answer takes its rest for the answer to the next order. So
the framing is decided here, once, by rules narrower than HTTP's, and two codecs do the rest: they
read header lines and chunks (`codec_httptools.py`, `codec_h11.py`).

    what came                                          then
    one Content-Length of digits                       that many bytes
    one Transfer-Encoding, `chunked`, in HTTP/1.1      chunks, up to the last one and its trailers
    neither                                            up to the end of the connection
    both, or one of them twice, or any other value     RemoteProtocolError
    1xx                                                skipped, at most MAX_INTERIM times; never 101
    204, 304, an answer to HEAD, a 2xx to CONNECT      no body
    anything after the end, seen now or while idle     the connection is closed, the answer stands
    the connection ends before the answer does         RemoteProtocolError

Invariant: `reusable` is True only once the whole answer has come, nothing came after it, and the
peer said nothing against it. A reader belongs to one answer; nothing of it survives into the next.
"""

from __future__ import annotations

import math
import re
from typing import Final

from attrs import define, field

from kalshi_ext.bases import Printed
from kalshi_ext.transport import failures

MAX_HEAD: Final = 64 * 1024  # bytes of one head
MAX_HEADERS: Final = 200
MAX_INTERIM: Final = 16  # answers with a status of 1xx before the answer itself
# Chunk lines, chunk extensions and trailers, in bytes: this much, and this much for a byte of body.
MAX_FRAMING: Final = 64 * 1024
MAX_FRAMING_RATIO: Final = 16

Headers = list[tuple[bytes, bytes]]

_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: ([^\r\n\x00]*))?\r\n")
_IDLE = re.compile(rb"timeout=([0-9]{1,9})", re.IGNORECASE)
# As written: h11 makes one length of several equal ones.
_LENGTHS = re.compile(rb"\r\ncontent-length[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE)
_LENGTH = re.compile(rb"[0-9]{1,18}")
_START: Final = b"HTTP/1."
_NO_BODY: Final = frozenset({204, 304})


def broken(reason: str) -> failures.RemoteProtocolError:
    """Build the error of an answer that breaks the rules above."""
    return failures.RemoteProtocolError(f"the answer cannot be read: {reason}")


# One reader for each answer: Headers() takes several times as long as [].
def no_headers() -> Headers:
    return []


def no_parts() -> list[bytes]:
    return []


@define(eq=False, repr=False)
class AnswerReader(Printed):
    """Read one answer from the bytes as they come; each codec adds `_headers` and `_dechunk`.

    `method` is that of the request. `headers` are raw pairs, `reason` the status line's words.
    """

    method: str
    status: int = 0
    reason: bytes = b""
    headers: Headers = field(factory=no_headers)
    done: bool = False
    parts: list[bytes] = field(factory=no_parts)
    buffered: int = 0
    """Bytes of body in `parts`."""
    left_over: bool = False
    """Whether bytes came after the end."""
    idle_limit: float = math.inf
    """Seconds for which the peer keeps the connection, where it says so."""

    _keep: bool = False
    _head: bytes = b""
    _interim: int = 0
    _length: int | None = 0
    _chunked: bool = False
    _framing: int = 0
    _body: int = 0

    @property
    def reusable(self) -> bool:
        """Whether the connection may carry another request."""
        return self.done and self._keep and not self.left_over

    def feed(self, data: bytes) -> None:
        """Take bytes as received. Raises RemoteProtocolError."""
        while data and not self.status:
            data = self._read_head(data)
        if data and self.done:
            self.left_over = True
        elif data:
            self._read_body(data)

    def end(self) -> None:
        """Take the end of the connection. Raises RemoteProtocolError in the midst of an answer."""
        self._keep = False
        if not self.done and not (self.status and self._length is None and not self._chunked):
            raise broken("the connection was closed before its end")
        self.done = True

    def take(self) -> list[bytes]:
        """Return the parts of the body that came since the last call."""
        parts, self.parts, self.buffered = self.parts, [], 0
        return parts

    def _headers(self, head: bytes) -> Headers:
        """Read the header lines of a whole head."""
        raise NotImplementedError

    def _dechunk(self, data: bytes) -> tuple[list[bytes], bool, bool]:
        """Read chunks: their content, whether the last one came, and whether more came after."""
        raise NotImplementedError

    def _read_head(self, data: bytes) -> bytes:
        """Take bytes of a head; return what follows it."""
        searched = max(len(self._head) - 3, 0)
        self._head = head = self._head + data if self._head else data
        end = head.find(b"\r\n\r\n", searched)
        if not head.startswith(_START[: len(head)]):
            raise broken("it is not HTTP/1")
        if max(end, 0) > MAX_HEAD or (end < 0 and len(head) > MAX_HEAD):
            raise broken(f"its head is larger than {MAX_HEAD:,} bytes")
        if end < 0:
            return b""
        self._head = b""
        self._begin(head[: end + 4])
        return head[end + 4 :]

    def _begin(self, head: bytes) -> None:
        line = _STATUS_LINE.match(head)
        if line is None:
            raise broken("its status line is none")
        status = int(line[2])
        headers = self._checked_headers(head)
        if status < 200:
            return self._skip(status)
        self.reason, self.headers = line[3] or b"", headers
        self._frame(status, _LENGTHS.findall(head), http_1_1=line[1] == b"1")
        self.status = status
        return None

    def _checked_headers(self, head: bytes) -> Headers:
        if b"\r\n " in head or b"\r\n\t" in head:
            raise broken("a header line is folded")
        headers = self._headers(head)
        if len(headers) > MAX_HEADERS:
            raise broken(f"it has more than {MAX_HEADERS} headers")
        return headers

    def _skip(self, status: int) -> None:
        self._interim += 1
        if status == 101:
            raise broken("it switches to another protocol")
        if self._interim > MAX_INTERIM:
            raise broken(f"more than {MAX_INTERIM} interim answers came before it")

    def _frame(self, status: int, lengths: list[bytes], *, http_1_1: bool) -> None:
        """Decide where the body ends."""
        encodings: list[bytes] = []
        options: list[bytes] = []
        for name, value in self.headers:
            lowered = name.lower()
            if lowered == b"transfer-encoding":
                encodings.append(value.strip().lower())
            elif lowered == b"connection":
                options.append(value.lower())
            elif lowered == b"keep-alive" and (seconds := _IDLE.search(value)):
                self.idle_limit = float(seconds[1])
        _check_framing(lengths, encodings, http_1_1=http_1_1)
        self._chunked = bool(encodings)
        self._length = int(lengths[0]) if lengths else None
        self._keep = http_1_1 and b"close" not in b",".join(options)
        if status in _NO_BODY or self.method == "HEAD" or self._opens_tunnel(status):
            self._chunked, self._length = False, 0
        self.done = self._length == 0 and not self._chunked
        # The end of the connection is the end of such a body; nothing can follow it.
        self._keep = self._keep and (self._chunked or self._length is not None)

    def _opens_tunnel(self, status: int) -> bool:
        return self.method == "CONNECT" and status < 300

    def _read_body(self, data: bytes) -> None:
        if self._chunked:
            self._read_chunks(data)
        elif self._length is None:
            self._add(data)
        else:
            self.left_over = len(data) > self._length
            self._add(data[: self._length] if self.left_over else data)
            self._length = max(self._length - len(data), 0)
            self.done = self._length == 0

    def _read_chunks(self, data: bytes) -> None:
        parts, self.done, self.left_over = self._dechunk(data)
        for part in parts:
            self._add(part)
        self._framing += len(data) - sum(map(len, parts))
        if self._framing > MAX_FRAMING + MAX_FRAMING_RATIO * self._body:
            raise broken("its chunk lines or trailers are larger than any server's")

    def _add(self, part: bytes) -> None:
        self.parts.append(part)
        self.buffered += len(part)
        self._body += len(part)


def _check_framing(lengths: list[bytes], encodings: list[bytes], *, http_1_1: bool) -> None:
    if len(lengths) + len(encodings) > 1:
        raise broken("its length is given more than once")
    if lengths and not _LENGTH.fullmatch(lengths[0].rstrip()):
        raise broken("its Content-Length is no number")
    if encodings and (encodings[0] != b"chunked" or not http_1_1):
        raise broken("its Transfer-Encoding is not chunked")


def plain_headers(raw: Headers) -> dict[str, str]:
    """Return headers by their names in lower case; several of one name are joined."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in raw:
        name, value = raw_name.decode("latin-1").lower(), _text(raw_value)
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")
