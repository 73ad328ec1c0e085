"""Header lines and chunks read by h11, for machines without httptools; tests compare the two."""

from __future__ import annotations

import h11
from attrs import define

from kalshi_ext.transport.framing import MAX_HEAD, AnswerReader, Headers, broken

_HEAD_LIMIT = MAX_HEAD + 4


@define(eq=False, repr=False)
class H11Reader(AnswerReader):
    """An answer read by h11, with a connection object of its own."""

    _connection: h11.Connection | None = None

    def _headers(self, head: bytes) -> Headers:
        if self._connection is None:
            self._connection = _asking(self.method)
        try:
            self._connection.receive_data(head)
            event = self._connection.next_event()
        except h11.RemoteProtocolError as error:
            raise broken(str(error)) from None
        if not isinstance(event, h11.Response | h11.InformationalResponse):
            raise broken("its head is none")
        return event.headers.raw_items()

    def _dechunk(self, data: bytes) -> tuple[list[bytes], bool, bool]:
        assert self._connection is not None  # noqa: S101 - the head came first
        parts: list[bytes] = []
        try:
            self._connection.receive_data(data)
            while isinstance(event := self._connection.next_event(), h11.Data):
                parts.append(bytes(event.data))
        except h11.RemoteProtocolError as error:
            raise broken(str(error)) from None
        complete = isinstance(event, h11.EndOfMessage)
        return parts, complete, complete and bool(self._connection.trailing_data[0])


def _asking(method: str) -> h11.Connection:
    """Return a connection that has sent a request of this method."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD_LIMIT)
    connection.send(h11.Request(method=method, target="/", headers=[("host", "x")]))
    connection.send(h11.EndOfMessage())
    return connection
