"""Write bytes onward in order, wait where told, and end connections the way a rule wants."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable
from typing import cast

from attrs import define, field

from kalshi_ext.sandbox.proxy.passage import Step

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER with no time: close sends RST, not FIN


def reset(transport: asyncio.Transport) -> None:
    """Break a connection so that the other end sees "connection reset by peer"."""
    sock = transport.get_extra_info("socket")
    if sock is not None and not transport.is_closing():
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()


def hold(transport: asyncio.Transport | None, *, on: bool) -> None:
    """Stop or resume reading from a connection."""
    if transport is None or transport.is_closing():
        return
    if on:
        transport.pause_reading()
    else:
        transport.resume_reading()


@define
class Lane:
    """Do the steps of one direction in order; waiting ones hold up those behind them."""

    write: Callable[[bytes], None]
    finish: Callable[[str], None]
    _queue: deque[Step] = field(factory=deque[Step])
    _busy: asyncio.Task[None] | None = None

    def take(self, steps: list[Step]) -> None:
        """Do what needs no waiting now, the rest in its time."""
        if self._busy is None and not any(step.wait for step in steps):
            for step in steps:
                self._do(step)
            return
        self._queue.extend(steps)
        if self._busy is None:
            self._busy = asyncio.ensure_future(self._work())

    def stop(self) -> None:
        """Forget what is still waiting."""
        self._queue.clear()
        if self._busy is not None:
            self._busy.cancel()

    async def _work(self) -> None:
        while self._queue:
            step = self._queue.popleft()
            if step.wait:
                await asyncio.sleep(step.wait)
            self._do(step)
        self._busy = None

    def _do(self, step: Step) -> None:
        if step.data:
            self.write(step.data)
        if step.end is not None:
            self.finish(step.end)


class End(asyncio.Protocol):
    """Be one end of a relayed connection; the relay supplies what happens."""

    def __init__(
        self,
        *,
        made: Callable[[asyncio.Transport], None],
        data: Callable[[bytes], None],
        lost: Callable[[], None],
        hold: Callable[[bool], None],
    ) -> None:
        self._made, self._data, self._lost, self._hold = made, data, lost, hold

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hand the transport over."""
        # uvloop's transports do not descend from asyncio.Transport; they only behave like one.
        self._made(cast("asyncio.Transport", transport))

    def data_received(self, data: bytes) -> None:
        """Hand bytes over."""
        self._data(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Tell that this end is gone."""
        self._lost()

    def pause_writing(self) -> None:
        """Ask the other end to read no more: this one cannot keep up."""
        self._hold(True)

    def resume_writing(self) -> None:
        """Let the other end read again."""
        self._hold(False)
