"""Carry one connection both ways, message by message, and end it the way a fault wants.

A relay joins a client's connection with one to the server behind. It has two channels:

```text
client ── bytes ──> ConnectionFault ──> Framer ──> MessageFault ──> up channel ────> server
client <──── down channel <── MessageFault <── Framer <── ConnectionFault <── bytes ── server
```

A channel performs steps in order: a step that waits holds up those behind it, in its direction
only. Requests and answers are matched by order: HTTP/1.1 answers in the order of the requests.

How a connection ends is part of a fault. A reset (RST) tells the client "connection reset by
peer", a close (FIN) "end of stream", and silence tells nothing: then the client's side stays open.
The two sides end apart. Example: reset_request(at=None) passes a whole request on and resets the
client's side; the server's side stays open until it has answered, so the order is executed.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable
from typing import Protocol, cast

from attrs import define, field

from kalshi_ext.sandbox.proxy.byte_faults import ConnectionFault, MessageFault, Step
from kalshi_ext.sandbox.proxy.framing import Framer, MessagePart

_LINGER_ZERO = struct.pack("ii", 1, 0)  # SO_LINGER with no time: close sends RST, not FIN


def reset(transport: asyncio.Transport) -> None:
    """Break a connection so that the other end sees "connection reset by peer"."""
    sock = transport.get_extra_info("socket")
    if sock is not None and not transport.is_closing():
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
    transport.abort()


def pause_reading(transport: asyncio.Transport | None, *, paused: bool) -> None:
    """Stop or resume reading from a connection."""
    if transport is None or transport.is_closing():
        return
    if paused:
        transport.pause_reading()
    else:
        transport.resume_reading()


@define
class Channel:
    """Perform the steps of one direction in order; waiting ones hold up those behind them."""

    write: Callable[[bytes], None]
    finish: Callable[[str], None]
    """Called with "reset" or "close"."""
    _queue: deque[Step] = field(factory=deque[Step])
    _worker: asyncio.Task[None] | None = None

    def submit(self, steps: list[Step]) -> None:
        """Perform what needs no waiting now, the rest in its time."""
        if self._worker is None and not any(step.wait for step in steps):
            for step in steps:
                self._perform(step)
            return
        self._queue.extend(steps)
        if self._worker is None:
            self._worker = asyncio.ensure_future(self._drain())

    def cancel(self) -> None:
        """Drop what is still waiting."""
        self._queue.clear()
        if self._worker is not None:
            self._worker.cancel()

    async def _drain(self) -> None:
        while self._queue:
            step = self._queue.popleft()
            if step.wait:
                await asyncio.sleep(step.wait)
            self._perform(step)
        self._worker = None

    def _perform(self, step: Step) -> None:
        if step.data:
            self.write(step.data)
        if step.end is not None:
            self.finish(step.end)


class RelayEndpoint(asyncio.Protocol):
    """Be one end of a relayed connection; the relay supplies what happens."""

    def __init__(
        self,
        *,
        connected: Callable[[asyncio.Transport], None],
        received: Callable[[bytes], None],
        lost: Callable[[], None],
        pause_peer: Callable[[bool], None],
    ) -> None:
        self._connected, self._received = connected, received
        self._lost, self._pause_peer = lost, pause_peer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hand the transport over."""
        # uvloop's transports do not descend from asyncio.Transport; they only behave like one.
        self._connected(cast("asyncio.Transport", transport))

    def data_received(self, data: bytes) -> None:
        """Hand bytes over."""
        self._received(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Tell that this end is gone."""
        self._lost()

    def pause_writing(self) -> None:
        """Ask the other end to read no more: this one cannot keep up."""
        self._pause_peer(True)

    def resume_writing(self) -> None:
        """Let the other end read again."""
        self._pause_peer(False)


class RelayHost(Protocol):
    """What a relay needs of its proxy."""

    target: tuple[str, int]
    opaque: bool

    def opened(self, relay: Relay) -> ConnectionFault:
        """Count the connection and choose its fault."""
        ...

    def closed(self, relay: Relay) -> None:
        """Forget the connection."""
        ...

    def message_fault(self, head: bytes, connection: int) -> MessageFault:
        """Begin to follow a request, with the fault chosen for it."""
        ...


@define(eq=False)
class Relay:
    """Join a client's connection with one to the server behind."""

    host: RelayHost
    _client: asyncio.Transport | None = None
    _server: asyncio.Transport | None = None
    _fault: ConnectionFault = field(factory=lambda: ConnectionFault(MessageFault("connection")))
    _requests: Framer = field(factory=Framer)
    _answers: Framer = field(factory=lambda: Framer(answers=True))
    _arriving: MessageFault | None = None
    """The request that is arriving, or arrived last."""
    _unanswered: deque[MessageFault] = field(factory=deque[MessageFault])
    """Requests whose answers are not complete, oldest first."""
    _up: Channel = field(init=False)
    _down: Channel = field(init=False)
    _connecting: asyncio.Task[None] | None = None
    _early: bytes = b""
    """What came before the server's side was connected."""
    _closing_server: bool = False
    _client_gone: bool = False
    _server_gone: bool = False
    """Whether the server's side has ended, or never came to be."""

    def __attrs_post_init__(self) -> None:
        self._up = Channel(self._write_to_server, self._end_by_request)
        self._down = Channel(self._write_to_client, self._end_by_answer)

    def client_endpoint(self) -> RelayEndpoint:
        """Make the protocol of the client's side."""
        return RelayEndpoint(
            connected=self._client_connected,
            received=self._from_client,
            lost=self._client_lost,
            pause_peer=lambda paused: pause_reading(self._server, paused=paused),
        )

    def drop(self) -> None:
        """Break both sides."""
        for transport in (self._client, self._server):
            if transport is not None:
                transport.abort()

    def _client_connected(self, transport: asyncio.Transport) -> None:
        self._client = transport
        self._fault = self.host.opened(self)
        if self._fault.refuses():
            reset(transport)
            return
        self._connecting = asyncio.ensure_future(self._connect())

    async def _connect(self) -> None:
        endpoint = RelayEndpoint(
            connected=self._server_connected,
            received=self._from_server,
            lost=self._server_lost,
            pause_peer=lambda paused: pause_reading(self._client, paused=paused),
        )
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: endpoint, *self.host.target)
        except OSError:
            self._server_gone = True
            if self._client is not None:
                reset(self._client)

    def _server_connected(self, transport: asyncio.Transport) -> None:
        self._server = transport
        early, self._early = self._early, b""
        if early:
            transport.write(early)
        if self._closing_server or (self._client_gone and not self._awaits_answer()):
            transport.close()

    def _from_client(self, data: bytes) -> None:
        passed, cut = self._fault.from_client(data)
        if self.host.opaque:
            self._up.submit([Step(passed)])
        else:
            for part in self._requests.feed(passed):
                self._up.submit(self._request_steps(part))
        if cut:
            # A head that was still held back goes first: the offset counts its bytes as passed.
            self._up.submit([Step(self._requests.rest(), end="reset")])

    def _from_server(self, data: bytes) -> None:
        passed, cut = self._fault.from_server(data)
        if self.host.opaque:
            self._down.submit([Step(passed)])
        else:
            for part in self._answer_parts(passed):
                self._down.submit(self._answer_steps(part))
        if cut:
            self._down.submit([Step(self._answers.rest(), end=self._fault.end())])
        if self._client_gone and not self._unanswered:
            self._close_server()

    def _answer_parts(self, data: bytes) -> list[MessagePart]:
        self._answers.bodiless = bool(self._unanswered) and self._unanswered[0].bodiless
        return self._answers.feed(data)

    def _request_steps(self, part: MessagePart) -> list[Step]:
        if part.begins or self._arriving is None:
            self._arriving = self.host.message_fault(part.data, self._fault.record.connection)
            self._unanswered.append(self._arriving)
        return self._arriving.request_steps(part.data, ends=part.ends)

    def _answer_steps(self, part: MessagePart) -> list[Step]:
        if not self._unanswered:  # a server that speaks without being asked
            return [Step(part.data)]
        steps = self._unanswered[0].answer_steps(part.data, ends=part.ends)
        if part.ends:
            self._unanswered.popleft()
        return steps

    def _write_to_server(self, data: bytes) -> None:
        if self._server is None:
            self._early += data
        elif not self._server.is_closing():
            self._server.write(data)

    def _write_to_client(self, data: bytes) -> None:
        if self._client is not None and not self._client.is_closing():
            self._client.write(data)

    def _end_by_request(self, _end: str) -> None:
        # A request that arrived whole is executed although its sender is gone: the server's side
        # stays open until it has answered.
        if self._client is not None:
            reset(self._client)
        if not self._awaits_answer():
            self._close_server()

    def _end_by_answer(self, end: str) -> None:
        if self._client is not None:
            if end == "reset":
                reset(self._client)
            else:
                self._client.close()
        self._close_server()

    def _awaits_answer(self) -> bool:
        return self._arriving is not None and self._arriving.outlives_sender()

    def _close_server(self) -> None:
        self._closing_server = True
        if self._server is not None:
            self._server.close()

    def _client_lost(self) -> None:
        self._client_gone = True
        self._down.cancel()
        if not self._awaits_answer():
            self._close_server()
        self._report_closed()

    def _report_closed(self) -> None:
        # Only when both sides have ended. After the client has left, the proxy's set may hold the
        # only reference to a relay: dropped earlier, it is collected with its delayed request.
        if self._client_gone and (self._server_gone or self._connecting is None):
            self.host.closed(self)

    def _server_lost(self) -> None:
        self._server_gone = True
        self._report_closed()
        silent = any(fault.kind == "silence" for fault in self._unanswered)
        if self._client is not None and not silent:
            self._down.submit([Step(self._answers.rest(), end="close")])
