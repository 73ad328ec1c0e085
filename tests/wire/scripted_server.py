"""A real TCP server that does exactly what a test's script says, and clients of both transports."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from attrs import define, field

from kalshi_ext.transport import (
    AsyncDeadlineTransport,
    DeadlineTransport,
    DeliveryTrace,
    aread_limited,
    async_transports,
    read_limited,
    trace_delivery,
    transports,
)
from kalshi_ext.transport.codec_h11 import H11Reader
from kalshi_ext.transport.codec_httptools import HttptoolsReader
from kalshi_ext.transport.failures import TransportFailure
from kalshi_ext.transport.family import as_httpx
from kalshi_ext.transport.request_bytes import BODY_HEADERS, RequestBytes
from kalshi_ext.transport.target import target_of

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
LIMIT = 1_000_000


@define
class Connection:
    """One accepted connection, as the script sees it."""

    socket: socket.socket
    number: int
    closing: threading.Event
    received: bytearray = field(factory=bytearray)
    sent: int = 0

    def request(self) -> bytes:
        """Read one request whole: head and, by its content-length, body."""
        while b"\r\n\r\n" not in self.received:
            self._receive_more()
        head = bytes(self.received).partition(b"\r\n\r\n")[0]
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        while len(self.received) < len(head) + 4 + length:
            self._receive_more()
        request = bytes(self.received)
        self.received.clear()
        return request

    def _receive_more(self) -> None:
        # Short waits, so that the end of the test is noticed; a stall within a request is an error.
        self.socket.settimeout(0.05)
        while not self.closing.is_set():
            with contextlib.suppress(TimeoutError):
                chunk = self.socket.recv(65536)
                if not chunk:
                    break
                self.received += chunk
                self.socket.settimeout(10)
                return
        raise ConnectionResetError("closed by the client, or the test is over")

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)
        self.sent += len(data)

    def drip(self, data: bytes, interval: float = 0.02) -> None:
        """Send byte by byte until the client leaves."""
        for n in range(len(data)):
            self.send(data[n : n + 1])
            if self.closing.wait(interval):
                return

    def silence(self) -> None:
        """Do nothing until the client leaves or the test ends."""
        self.socket.settimeout(0.05)
        while not self.closing.is_set():
            with contextlib.suppress(TimeoutError):
                if not self.socket.recv(65536):
                    return

    def reset(self) -> None:
        """Close with RST instead of FIN."""
        # A linger time of zero drops what is unsent and sends RST.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


Script = Callable[[Connection], None]


class Server:
    """Serve a script on a free port of 127.0.0.1, every connection on its own thread."""

    def __init__(self, script: Script, context: ssl.SSLContext | None = None) -> None:
        self.connections: list[Connection] = []
        # Released once for each connection whose script has ended and whose socket is closed.
        self.closed_connections = threading.Semaphore(0)
        self._script, self._context = script, context
        self._closing = threading.Event()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.05)
        self.port: int = self._listener.getsockname()[1]
        self._accepting = threading.Thread(target=self._accept)

    def url(self, path: str = "/x", *, host: str = "127.0.0.1") -> str:
        scheme = "https" if self._context else "http"
        return f"{scheme}://{host}:{self.port}{path}"

    def __enter__(self) -> Server:
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._accepting.join()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while not self._closing.is_set():
            with contextlib.suppress(TimeoutError):
                accepted, _ = self._listener.accept()
                thread = threading.Thread(target=self._serve, args=(accepted,))
                self._threads.append(thread)
                thread.start()

    def _serve(self, accepted: socket.socket) -> None:
        accepted.settimeout(10)
        with contextlib.suppress(OSError), contextlib.closing(accepted):
            if self._context is not None:
                accepted = self._context.wrap_socket(accepted, server_side=True)
            connection = Connection(accepted, len(self.connections), self._closing)
            self.connections.append(connection)
            with contextlib.closing(accepted):
                self._script(connection)
        self.closed_connections.release()


@define
class RoundTrip:
    """One request with its status and body, or its error; and the trace of its delivery."""

    trace: DeliveryTrace
    status: int = 0
    body: bytes = b""
    error: Exception | None = None


def bytes_of(request: httpx.Request) -> RequestBytes:
    """Return a request as the driver hands it to our transports."""
    body = request.content or None
    headers = [pair for pair in request.headers.raw if pair[0].lower() not in WRITTEN_BY_ITSELF]
    if body:
        headers.append((b"Content-Length", b"%d" % len(body)))
    return RequestBytes(request.method, target_of(request.url), headers, body, 10)


WRITTEN_BY_ITSELF = {b"host", b"content-length", *(name.encode() for name in BODY_HEADERS)}


class TransportClient:
    """Sends requests through one transport, with the same interface for sync and async."""

    client_kind = ""
    # Whether requests go as the driver sends them: bytes, without httpx's objects.
    as_bytes = False

    def send(self, request: httpx.Request, seconds: float = 10) -> RoundTrip:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError

    def idle(self) -> int:
        raise NotImplementedError

    def get(self, url: str, seconds: float = 10) -> RoundTrip:
        return self.send(httpx.Request("GET", url), seconds)

    def post(self, url: str, body: bytes, seconds: float = 10) -> RoundTrip:
        return self.send(httpx.Request("POST", url, content=body), seconds)


def in_httpx(error: Exception) -> Exception:
    """Return a failure of ours as httpx's exception, whichever way the request took."""
    try:
        with as_httpx():
            raise error
    except Exception as translated:
        return translated


class SyncTransportClient(TransportClient):
    client_kind = "sync"

    def __init__(self, **options: object) -> None:
        self.transport = DeadlineTransport(**options)

    @property
    def codec(self) -> object:
        """Return the reader of answers in use."""
        return self.transport._options.opening.codec

    def idle(self) -> int:
        """Count the idle connections."""
        return self.transport._idle._count

    def send(self, request: httpx.Request, seconds: float = 10) -> RoundTrip:
        with trace_delivery(time.monotonic() + seconds) as trace:
            try:
                if self.as_bytes and self.transport.takes_bytes():
                    with self.transport.places.wait(trace.deadline):
                        answer = self.transport.round_trip(bytes_of(request), trace, LIMIT)
                    return RoundTrip(trace, answer[0], answer[2])
                response = self.transport.handle_request(request)
                return RoundTrip(trace, response.status_code, read_limited(response, LIMIT))
            except (httpx.HTTPError, TransportFailure) as error:
                return RoundTrip(trace, error=in_httpx(error))

    def two_at_once(
        self, url: str, arrived: threading.Event, release: threading.Event
    ) -> list[RoundTrip]:
        """Send a request; once it has `arrived` a second one, for 0.3 s; then set `release`."""
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(self.get, url)
            arrived.wait(10)
            second = self.get(url, 0.3)
            release.set()
            return [first.result(), second]

    def close(self) -> None:
        self.transport.close()


class AsyncTransportClient(TransportClient):
    client_kind = "async"

    def __init__(self, **options: object) -> None:
        self.runner = asyncio.Runner()
        self.transport = AsyncDeadlineTransport(**options)

    def send(self, request: httpx.Request, seconds: float = 10) -> RoundTrip:
        return self.runner.run(self.send_async(request, seconds))

    @property
    def codec(self) -> object:
        """Return the reader of answers in use."""
        return self.transport._options.opening.codec

    def idle(self) -> int:
        """Count the idle connections."""
        return self.transport._idle._count

    async def send_async(self, request: httpx.Request, seconds: float) -> RoundTrip:
        with trace_delivery(time.monotonic() + seconds) as trace:
            try:
                if self.as_bytes and self.transport.takes_bytes():
                    with await self.transport.places.wait(trace.deadline):
                        answer = await self.transport.round_trip(bytes_of(request), trace, LIMIT)
                    return RoundTrip(trace, answer[0], answer[2])
                response = await self.transport.handle_async_request(request)
                return RoundTrip(trace, response.status_code, await aread_limited(response, LIMIT))
            except (httpx.HTTPError, TransportFailure) as error:
                return RoundTrip(trace, error=in_httpx(error))

    def two_at_once(
        self, url: str, arrived: threading.Event, release: threading.Event
    ) -> list[RoundTrip]:
        """Like SyncWire's."""

        async def run() -> list[RoundTrip]:
            first = asyncio.create_task(self.send_async(httpx.Request("GET", url), 10))
            await asyncio.to_thread(arrived.wait, 10)
            second = await self.send_async(httpx.Request("GET", url), 0.3)
            release.set()
            return [await first, second]

        return self.runner.run(run())

    def close(self) -> None:
        self.runner.run(self.transport.aclose())
        self.runner.close()


TRANSPORT_CLIENTS: dict[str, type[SyncTransportClient] | type[AsyncTransportClient]] = {
    "sync": SyncTransportClient,
    "async": AsyncTransportClient,
}


CODECS = {"httptools": HttptoolsReader, "h11": H11Reader}
# Sync and async with both codecs, and the way around them that an https proxy takes. Requests go as
# bytes with httptools, as the driver sends them, and as httpx's objects with h11.
PATHS = [*(f"{kind} {codec}" for kind in ("sync", "async") for codec in CODECS)]
HTTPCORE_PATHS = ["sync httpcore", "async httpcore"]


@contextlib.contextmanager
def open_path(path: str, **options: object) -> Iterator[SyncTransportClient | AsyncTransportClient]:
    """Open a transport by a name of PATHS or HTTPCORE_PATHS."""
    kind, way = path.split()
    with (
        pytest.MonkeyPatch.context() as patched,
        open_client(kind, codec=CODECS.get(way), **options) as client,
    ):
        client.as_bytes = way == "httptools"
        if way == "httpcore":
            for module in (transports, async_transports):
                patched.setattr(module, "is_patched", lambda _: True)
        yield client


@contextlib.contextmanager
def open_client(
    client_kind: str, **options: object
) -> Iterator[SyncTransportClient | AsyncTransportClient]:
    """Open a sync or an async transport and close it at the end."""
    client = TRANSPORT_CLIENTS[client_kind](**options)
    try:
        yield client
    finally:
        client.close()
