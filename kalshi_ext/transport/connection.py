"""One connection of a thread: a blocking socket under the deadline of the request that uses it."""

from __future__ import annotations

import select
import socket
import ssl
from typing import Any, Final

from attrs import define

from kalshi_ext.bases import Printed
from kalshi_ext.transport import failures
from kalshi_ext.transport.deadline import DeliveryTrace
from kalshi_ext.transport.framing import AnswerReader

# Bytes. A blocking write is bounded by the time left when it begins and cannot be stopped; a long
# body is therefore written in chunks.
WRITE_CHUNK: Final = 16 * 1024
READ_CHUNK: Final = 64 * 1024

Message = tuple[bytes, ...]
"""A request as bytes: one part, or head and body where joining them would copy much."""

Steps = dict[str, float | None]
"""httpx's bounds of single steps, in seconds: connect, read, write, pool."""


@define(eq=False, repr=False)
class Connection(Printed):
    """A connected socket, with TLS or without; used by one request at a time."""

    socket: socket.socket
    idle_until: float = 0.0
    _spoiled: bool = False

    def ask(
        self, message: Message, reader: AnswerReader, trace: DeliveryTrace, steps: Steps
    ) -> None:
        """Write a request and read until the head of its answer is whole."""
        failed: Exception | None = None
        try:
            for data in message:
                self._write(data, trace, steps.get("write"))
        except failures.WriteError as error:
            # The peer may have answered before it stopped reading: a refusal of a large body.
            failed, self._spoiled = error, True
        try:
            while not reader.status:
                self.read(reader, trace, steps)
        except (failures.ReadError, failures.RemoteProtocolError):
            if failed is not None:
                raise failed from None
            raise

    def _write(self, data: bytes, trace: DeliveryTrace, at_most: float | None) -> None:
        for start in range(0, len(data), WRITE_CHUNK):
            chunk = data[start : start + WRITE_CHUNK]
            limit = trace.remaining(at_most, failures.WriteTimeout)
            trace.bytes_written += len(chunk)  # first: an error during the write proves nothing
            try:
                self.socket.settimeout(limit)
                self.socket.sendall(chunk)
            except TimeoutError:
                raise failures.WriteTimeout("the request was not taken in time") from None
            except OSError as error:
                raise failures.WriteError(str(error)) from error

    def read(self, reader: AnswerReader, trace: DeliveryTrace, steps: Steps) -> None:
        """Hand the next bytes to a reader, or the end of the connection."""
        limit = trace.remaining(steps.get("read"), failures.ReadTimeout)
        try:
            self.socket.settimeout(limit)
            data = self.socket.recv(READ_CHUNK)
        except TimeoutError:
            raise failures.ReadTimeout("no answer in time") from None
        except OSError as error:
            raise failures.ReadError(str(error)) from error
        if data:
            reader.feed(data)
        else:
            reader.end()

    def reusable_after(self, reader: AnswerReader) -> bool:
        """Tell whether another request may follow this answer."""
        return reader.reusable and not self._spoiled

    def quiet(self) -> bool:
        """Tell whether nothing has come since the last answer, not even the end."""
        if isinstance(self.socket, ssl.SSLSocket) and self.socket.pending():
            return False
        try:
            return not readable(self.socket.fileno())
        except (OSError, ValueError):  # closed
            return False

    def close(self) -> None:
        """Close the socket; another thread may do it, too."""
        self.socket.close()


def readable(descriptor: int) -> bool:
    """Tell whether bytes, an end or an error wait at a socket."""
    if _POLL is None:  # Windows
        return bool(select.select([descriptor], [], [], 0)[0])
    poll = _POLL()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


_POLL: Final[Any] = getattr(select, "poll", None)


def secure(
    connected: socket.socket, context: ssl.SSLContext, host: str, limit: float | None
) -> socket.socket:
    """Put TLS on a socket, within `limit` seconds for the whole handshake."""
    connected.settimeout(limit)
    try:
        return context.wrap_socket(connected, server_hostname=host)
    except TimeoutError:
        raise failures.ConnectTimeout("no TLS handshake in time") from None
    except OSError as error:
        raise failures.ConnectError(str(error)) from error
