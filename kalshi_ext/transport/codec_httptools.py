"""Header lines and chunks read by httptools (llhttp), the codec that every installation has."""

from __future__ import annotations

import httptools
from attrs import define, field

from kalshi_ext.transport.framing import AnswerReader, Headers, broken, no_headers, no_parts


@define(eq=False, repr=False)
class HttptoolsReader(AnswerReader):
    """An answer read by llhttp, with a parser of its own: none carries state to the next answer."""

    _parser: httptools.HttpResponseParser | None = None
    _collected: Headers = field(factory=no_headers)
    _chunks: list[bytes] = field(factory=no_parts)
    _messages: int = 0
    _complete: bool = False
    _tail: bytes = b""

    def _headers(self, head: bytes) -> Headers:
        self._collected = []
        self._messages, self._complete = 0, False
        self._parser = parser = httptools.HttpResponseParser(self)
        try:
            parser.feed_data(head)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            raise broken(str(error)) from None
        return self._collected

    def _dechunk(self, data: bytes) -> tuple[list[bytes], bool, bool]:
        assert self._parser is not None  # noqa: S101 - the head came first
        self._chunks = []
        self._tail = (self._tail + data)[-6:]
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self._complete:
                raise broken(str(error)) from None
            self._messages += 1  # what follows the answer is not even HTTP
        if self._complete:
            self._parser = None  # see `_frame`
        return self._chunks, self._complete, self._complete and self._more_came()

    def _frame(self, status: int, lengths: list[bytes], *, http_1_1: bool) -> None:
        super()._frame(status, lengths, http_1_1=http_1_1)
        if not self._chunked:
            # It refers to this reader: a cycle would leave each answer to the garbage's collector.
            self._parser = None

    def _more_came(self) -> bool:
        # llhttp skips line breaks between two answers without a word, but an answer in chunks ends
        # with exactly one empty line.
        ends_there = self._tail.endswith(b"\r\n\r\n") and self._tail != b"\r\n\r\n\r\n"
        return self._messages > 1 or not ends_there

    # What llhttp calls, by these names.

    def on_message_begin(self) -> None:
        self._messages += 1

    def on_header(self, name: bytes, value: bytes) -> None:
        # Trailers, and the headers of an answer that should not be there, come here too.
        if not self.status:
            self._collected.append((name, value))

    def on_body(self, body: bytes) -> None:
        if not self._complete:
            self._chunks.append(body)

    def on_message_complete(self) -> None:
        self._complete = True
