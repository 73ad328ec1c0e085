"""Carry one connection both ways, message by message."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

from attrs import define, field

from kalshi_ext.sandbox.proxy.fate import Fate
from kalshi_ext.sandbox.proxy.framing import Framer, Piece
from kalshi_ext.sandbox.proxy.lanes import End, Lane, hold, reset
from kalshi_ext.sandbox.proxy.passage import Passage, Step, answer_steps, request_steps


class House(Protocol):
    """What a relay needs of its proxy."""

    target: tuple[str, int]
    opaque: bool

    def opened(self, relay: Relay) -> Fate:
        """Count the connection and decide what befalls it."""
        ...

    def closed(self, relay: Relay) -> None:
        """Forget the connection."""
        ...

    def passage(self, head: bytes, connection: int) -> Passage:
        """Begin to follow a request."""
        ...


@define(eq=False)
class Relay:
    """Join a client's connection with one to the server behind."""

    house: House
    _client: asyncio.Transport | None = None
    _server: asyncio.Transport | None = None
    _fate: Fate = field(factory=lambda: Fate(Passage("connection")))
    _requests: Framer = field(factory=Framer)
    _answers: Framer = field(factory=lambda: Framer(answers=True))
    _coming: Passage | None = None
    """The request that is arriving."""
    _open: deque[Passage] = field(factory=deque[Passage])
    """Requests whose answers are not complete, oldest first."""
    _up: Lane = field(init=False)
    _down: Lane = field(init=False)
    _connecting: asyncio.Task[None] | None = None
    _early: bytes = b""
    """What came before there was somebody to pass it to."""
    _leaving: bool = False
    _gone: bool = False
    """Whether the client has left."""
    _left: bool = False
    """Whether the server's side has ended, or never came to be."""

    def __attrs_post_init__(self) -> None:
        self._up = Lane(self._write_up, self._end_by_request)
        self._down = Lane(self._write_down, self._end_by_answer)

    def client_end(self) -> End:
        """Make the protocol of the client's side."""
        return End(
            made=self._accepted,
            data=self._from_client,
            lost=self._client_lost,
            hold=lambda on: hold(self._server, on=on),
        )

    def drop(self) -> None:
        """Break both sides."""
        for transport in (self._client, self._server):
            if transport is not None:
                transport.abort()

    def _accepted(self, transport: asyncio.Transport) -> None:
        self._client = transport
        self._fate = self.house.opened(self)
        if self._fate.refuses():
            reset(transport)
            return
        self._connecting = asyncio.ensure_future(self._connect())

    async def _connect(self) -> None:
        end = End(
            made=self._connected,
            data=self._from_server,
            lost=self._server_lost,
            hold=lambda on: hold(self._client, on=on),
        )
        try:
            await asyncio.get_running_loop().create_connection(lambda: end, *self.house.target)
        except OSError:
            self._left = True
            if self._client is not None:
                reset(self._client)

    def _connected(self, transport: asyncio.Transport) -> None:
        self._server = transport
        early, self._early = self._early, b""
        if early:
            transport.write(early)
        if self._leaving or (self._gone and not self._kept_for_answer()):
            transport.close()

    def _from_client(self, data: bytes) -> None:
        passed, cut = self._fate.upward(data)
        if self.house.opaque:
            self._up.take([Step(passed)])
        else:
            for piece in self._requests.feed(passed):
                self._up.take(self._request(piece))
        if cut:
            self._up.take([Step(self._requests.rest(), end="reset")])

    def _from_server(self, data: bytes) -> None:
        passed, cut = self._fate.downward(data)
        if self.house.opaque:
            self._down.take([Step(passed)])
        else:
            for piece in self._pieces_of_answers(passed):
                self._down.take(self._answer(piece))
        if cut:
            self._down.take([Step(self._answers.rest(), end=self._fate.last_words())])
        if self._gone and not self._open:
            self._leave_server()

    def _pieces_of_answers(self, data: bytes) -> list[Piece]:
        self._answers.bodiless = bool(self._open) and self._open[0].bodiless
        return self._answers.feed(data)

    def _request(self, piece: Piece) -> list[Step]:
        if piece.begins or self._coming is None:
            self._coming = self.house.passage(piece.data, self._fate.passage.connection)
            self._open.append(self._coming)
        return request_steps(self._coming, piece.data, ends=piece.ends)

    def _answer(self, piece: Piece) -> list[Step]:
        if not self._open:
            return [Step(piece.data)]
        steps = answer_steps(self._open[0], piece.data, ends=piece.ends)
        if piece.ends:
            self._open.popleft()
        return steps

    def _write_up(self, data: bytes) -> None:
        if self._server is None:
            self._early += data
        elif not self._server.is_closing():
            self._server.write(data)

    def _write_down(self, data: bytes) -> None:
        if self._client is not None and not self._client.is_closing():
            self._client.write(data)

    def _end_by_request(self, _how: str) -> None:
        # A request that arrived whole is carried out although its sender is gone: the server's
        # side stays open until it has answered.
        if self._client is not None:
            reset(self._client)
        if not self._kept_for_answer():
            self._leave_server()

    def _end_by_answer(self, how: str) -> None:
        if self._client is not None:
            if how == "reset":
                reset(self._client)
            else:
                self._client.close()
        self._leave_server()

    def _kept_for_answer(self) -> bool:
        return self._coming is not None and self._coming.outlives_sender()

    def _leave_server(self) -> None:
        self._leaving = True
        if self._server is not None:
            self._server.close()

    def _client_lost(self) -> None:
        self._gone = True
        self._down.stop()
        if not self._kept_for_answer():
            self._leave_server()
        self._perhaps_forgotten()

    def _perhaps_forgotten(self) -> None:
        # Not before both sides have ended: nothing else holds a relay that waits for an answer
        # nobody wants any more, and a collected one would take its request back.
        if self._gone and (self._left or self._connecting is None):
            self.house.closed(self)

    def _server_lost(self) -> None:
        self._left = True
        self._perhaps_forgotten()
        if self._client is not None and not any(one.kind() == "silence" for one in self._open):
            self._down.take([Step(self._answers.rest(), end="close")])
