"""Documents behind URLs: a real server that answers well, badly or not at all."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from driftsuite.bounded_process import run
from driftsuite.small_contract import files, small

from kalshi_ext.drift import load
from kalshi_ext.drift.check import check
from kalshi_ext.drift.errors import CannotCompare
from kalshi_ext.drift.limits import MAX_BYTES

ended = threading.Event()


class Upstream(BaseHTTPRequestHandler):
    """Answers what the path asks for."""

    def do_GET(self) -> None:
        if self.path.startswith("/drip"):
            self.drip()
            return
        status, _, kind = self.path.strip("/").partition("-")
        body = {"fine": json.dumps(small()).encode(), "text": b"\xff\xfe", "long": b"x" * 99}.get(
            kind, b""
        )
        self.send_response(int(status))
        if status == "302":
            self.send_header("location", "/200-fine")
        self.send_header("content-length", str(MAX_BYTES * 2 if kind == "huge" else len(body)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(b" " * MAX_BYTES * 2 if kind == "huge" else body)

    def drip(self) -> None:
        """Send a byte now and then, of the headers or of the body, without end."""
        if self.path == "/drip-body":
            self.send_response(200)
            self.end_headers()
        with contextlib.suppress(OSError):
            while not ended.wait(0.05):
                self.wfile.write(b"x")
                self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        return


@pytest.fixture(scope="module")
def upstream() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Upstream) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        ended.set()
        server.shutdown()
        thread.join()


def test_a_url_is_compared_like_a_file(upstream: str, tmp_path: Path) -> None:
    assert check(files(tmp_path)[0], f"{upstream}/200-fine").exit == 0


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("404-", "answered status 404"),
        ("500-fine", "answered status 500"),
        ("204-", "answered status 204"),
        ("302-", "redirects to /200-fine, which is not followed"),
        ("200-text", "not UTF-8"),
        ("200-huge", f"larger than {MAX_BYTES} bytes"),
        ("200-", "not a mapping"),
    ],
)
def test_a_url_that_gives_no_contract_is_named(
    upstream: str, path: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(CannotCompare) as error:
        check(files(tmp_path)[0], f"{upstream}/{path}")
    assert message in str(error.value)
    assert f"{upstream}/{path}" in str(error.value)


def test_a_port_where_nobody_listens_and_a_bad_url_are_named(tmp_path: Path) -> None:
    with socket.socket() as free:  # bound and not listening: refused
        free.bind(("127.0.0.1", 0))
        for url in (f"http://127.0.0.1:{free.getsockname()[1]}/x", "http://[nonsense"):
            with pytest.raises(CannotCompare) as error:
                check(files(tmp_path)[0], url)
            assert url in str(error.value)


def test_an_http_error_ends_the_process_with_status_3(upstream: str, tmp_path: Path) -> None:
    process = run(files(tmp_path)[0], f"{upstream}/503-")
    assert (process.returncode, process.stdout) == (3, "")
    assert "answered status 503" in process.stderr


@pytest.mark.parametrize("part", ["headers", "body"])
def test_a_server_that_drips_ends_at_the_promised_time(
    upstream: str, part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kalshi_ext.drift.load.TOTAL_SECONDS", 0.5)
    with pytest.raises(CannotCompare, match="took longer than"):
        check(files(tmp_path)[0], f"{upstream}/drip-{part}")


def test_the_promised_time_is_a_minute() -> None:
    assert load.TOTAL_SECONDS == 60
