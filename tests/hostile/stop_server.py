"""A stop's world on real TCP, in real time: a server that may be gone for a while, or silent.

Its clock is the world's, days away from this machine's.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from attrs import define, field
from stop_worlds import EPOCH, Answer, StopWorld, coded

from kalshi_ext.protocol.messages import Request

ROOT = "/trade-api/v2"
LIFE = 30.0  # seconds for which a signature is accepted


@define
class StopServer:
    """Serves a world; `requests` are all that came, method and path."""

    world: StopWorld
    requests: list[str] = field(factory=list)
    began: float = field(factory=time.monotonic)
    _lock: Any = field(factory=threading.Lock)
    _port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}{ROOT}"

    @contextmanager
    def reachable_after(self, seconds: float) -> Iterator[None]:
        """Refuse connections for a while, then serve."""
        with socket.create_server(("127.0.0.1", 0)) as found:  # a port that is free
            self._port = found.getsockname()[1]
        serving: list[ThreadingHTTPServer] = []
        timer = threading.Timer(seconds, lambda: serving.append(self._serve()))
        timer.start()
        try:
            yield
        finally:
            timer.join()
            for server in serving:
                server.shutdown()
                server.server_close()

    def _serve(self) -> ThreadingHTTPServer:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _handle(self) -> None:
                outer._answer(self)

            do_GET = do_POST = do_PUT = do_DELETE = _handle  # noqa: N815

            def log_message(self, *args: Any) -> None:
                del args

        server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
        return server

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("content-length") or 0))
        parts = urlsplit(handler.path)
        path, query = parts.path.removeprefix(ROOT), tuple(parse_qsl(parts.query))
        stamp = int(handler.headers.get("kalshi-access-timestamp") or 0) / 1000
        with self._lock:
            self.world.time = time.monotonic() - self.began
            self.world.arrive()
            self.requests.append(f"{handler.command} {path}")
            now = EPOCH + self.world.time
            answered: Answer | None = coded(401, "header_timestamp_expired")
            if abs(stamp - now) <= LIFE or path == "/exchange/user_data_timestamp":
                answered = self.world.respond(Request(handler.command or "", path, query, body))
        if answered is None:
            handler.close_connection = True
            return
        status, text, headers = answered
        handler.send_response_only(status)
        for name, value in (headers | {"Date": formatdate(now, usegmt=True)}).items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(text)))
        with suppress(OSError):  # the client may have left
            handler.end_headers()
            handler.wfile.write(b"" if status == 204 else text)
