"""One connection of an event loop: a protocol that hands what comes to the reader of the answer.

    who waits               for what                              and is woken by
    `_written`              room in the write buffer              resume_writing, an answer, the end
    `ask`, `more`           more of the answer                    data_received, the end

Bytes that come while no request is under way end the connection at once: they belong to nothing.
"""

from __future__ import annotations

import asyncio
import math
import ssl
from typing import Final, cast

from attrs import define

from kalshi_ext.bases import Printed
from kalshi_ext.transport import failures
from kalshi_ext.transport.connection import Message, Steps, readable
from kalshi_ext.transport.deadline import DeliveryTrace
from kalshi_ext.transport.framing import AnswerReader

HIGH_WATER: Final = 256 * 1024  # bytes of body that may wait for whoever reads it


@define(eq=False, repr=False)
class AsyncConnection(Printed, asyncio.Protocol):
    """A connected transport of an event loop; used by one request at a time."""

    loop: asyncio.AbstractEventLoop
    idle_until: float = 0.0
    _transport: asyncio.Transport | None = None
    _reader: AnswerReader | None = None
    _waiter: asyncio.Future[bool] | None = None
    _error: Exception | None = None
    _ended: bool = False
    _write_paused: bool = False
    _read_paused: bool = False
    _wait_ends: float = math.inf  # by the loop's time
    _timer: asyncio.TimerHandle | None = None

    # What the event loop calls, by these names.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do not descend from asyncio.Transport; they only behave like one.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        reader = self._reader
        if reader is None:
            self.close()
            return
        try:
            reader.feed(data)
        except failures.RemoteProtocolError as error:
            self._error = error
        if reader.buffered > HIGH_WATER and not (reader.done or self._read_paused):
            self._pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        self._end(None)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(exc)

    def pause_writing(self) -> None:
        self._write_paused = True

    def resume_writing(self) -> None:
        self._write_paused = False
        self._wake()

    # What a request calls.

    async def ask(
        self, message: Message, reader: AnswerReader, trace: DeliveryTrace, steps: Steps
    ) -> None:
        """Write a request and wait until the head of its answer is whole."""
        assert self._transport is not None  # noqa: S101 - it was connected
        if not self._stands():  # it spoke or ended as soon as it was open
            raise failures.ReadError("the connection was closed before the request was written")
        self._reader = reader
        limit = trace.remaining(steps.get("write"), failures.WriteTimeout)
        for data in message:
            trace.bytes_written += len(data)  # first: whatever happens next proves nothing
            self._transport.write(data)
        while self._write_paused and not (reader.status or self._ended or self._error):
            if not await self._wait(limit):
                raise failures.WriteTimeout("the request was not taken in time")
            limit = trace.remaining(steps.get("write"), failures.WriteTimeout)
        while not reader.status:
            await self.more(trace, steps)

    async def more(self, trace: DeliveryTrace, steps: Steps) -> None:
        """Wait for more of the answer."""
        limit = trace.remaining(steps.get("read"), failures.ReadTimeout)
        self._raise_error()
        if self._read_paused:
            self._resume_reading()
        if self._ended:  # closed on this side
            raise failures.ReadError("the connection was closed")
        if not await self._wait(limit):
            raise failures.ReadTimeout("no answer in time")
        self._raise_error()

    async def secure(self, context: ssl.SSLContext, host: str) -> None:
        """Put TLS on the connection, for a tunnel that a proxy has opened."""
        assert self._transport is not None  # noqa: S101 - it was connected
        self._reader = None
        secured = await self.loop.start_tls(self._transport, self, context, server_hostname=host)
        self._transport = secured

    def finish(self, reader: AnswerReader) -> bool:
        """End the request; tell whether another one may follow it."""
        whole = self._reader is reader and reader.reusable and self._error is None
        self._reader = None
        return whole and not self._write_paused and self._stands()

    def quiet(self) -> bool:
        """Tell whether nothing has come since the last answer, not even the end."""
        if not self._stands():
            return False
        assert self._transport is not None  # noqa: S101 - it stands
        try:
            # What has arrived since the loop last looked is at the socket still.
            return not readable(self._transport.get_extra_info("socket").fileno())
        except (OSError, ValueError):  # closed
            return False

    def _stands(self) -> bool:
        transport = self._transport
        if self._ended or transport is None or transport.is_closing() or self._read_paused:
            return False
        return not self.loop.is_closed() and self.loop is asyncio.get_running_loop()

    def close(self) -> None:
        """Close the socket without a goodbye; nothing is written after this."""
        self._ended = True
        self._stop_timer()
        if self._transport is not None and not self.loop.is_closed():
            self._transport.abort()

    def _end(self, error: Exception | None) -> None:
        self._stop_timer()
        reader, self._ended = self._reader, True
        if reader is not None and self._error is None and not reader.done:
            try:
                reader.end() if error is None else None
            except failures.RemoteProtocolError as cut_short:
                self._error = cut_short
            if error is not None:
                self._error = failures.ReadError(str(error))
        self._wake()

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(True)

    async def _wait(self, limit: float | None) -> bool:
        """Wait until something comes, at most so many seconds; say whether it did."""
        waiter: asyncio.Future[bool] = self.loop.create_future()
        self._waiter = waiter
        if limit is not None:
            self._end_wait_at(self.loop.time() + limit)
        try:
            return await waiter
        finally:
            self._waiter, self._wait_ends = None, math.inf

    def _end_wait_at(self, moment: float) -> None:
        # One timer serves one request after another: it goes off too early for the later ones, and
        # is set anew then. A timer for each costs as much as the rest of the wait.
        self._wait_ends = moment
        timer = self._timer
        if timer is None or timer.when() > moment:
            self._stop_timer()
            self._timer = self.loop.call_at(moment, self._look_at_time)

    def _look_at_time(self) -> None:
        self._timer = None
        if self._waiter is None or self._wait_ends == math.inf:
            return
        if self.loop.time() < self._wait_ends:
            self._timer = self.loop.call_at(self._wait_ends, self._look_at_time)
        elif not self._waiter.done():
            self._waiter.set_result(False)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _pause_reading(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()
            self._read_paused = True

    def _resume_reading(self) -> None:
        self._read_paused = False
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
