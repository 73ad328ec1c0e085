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

from kalshi_ext.drift.check import check
from kalshi_ext.drift.errors import CannotCompare
from kalshi_ext.drift.limits import MAX_BYTES


class Upstream(BaseHTTPRequestHandler):
    """Answers what the path asks for."""

    def do_GET(self) -> None:
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

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        return


@pytest.fixture(scope="module")
def upstream() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Upstream) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
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
