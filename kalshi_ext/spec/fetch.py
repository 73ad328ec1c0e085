"""Fetch a document over HTTP: no redirect is followed, size and time are bounded."""

from __future__ import annotations

import time
from typing import Final

import httpx

from kalshi_ext.spec.bounds import MAX_BYTES
from kalshi_ext.spec.errors import Unreadable

CONNECT_SECONDS: Final = 10.0
TOTAL_SECONDS: Final = 60.0


def fetch(url: str) -> bytes:
    """Get the bytes behind a URL; anything but a plain 200 raises Unreadable."""
    deadline = time.monotonic() + TOTAL_SECONDS
    try:
        with (
            httpx.Client(follow_redirects=False, timeout=CONNECT_SECONDS) as client,
            client.stream("GET", url) as response,
        ):
            _check_status(url, response)
            return _body(url, response, deadline)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Unreadable(f"{url}: {type(error).__name__}: {error}") from error


def _check_status(url: str, response: httpx.Response) -> None:
    if response.is_redirect:
        to = response.headers.get("location", "nowhere")
        raise Unreadable(f"{url}: redirects to {to}, which is not followed: give that URL")
    if response.status_code != 200:
        raise Unreadable(f"{url}: answered status {response.status_code}")


def _body(url: str, response: httpx.Response, deadline: float) -> bytes:
    body = bytearray()
    for chunk in response.iter_bytes(65536):
        body += chunk
        if len(body) > MAX_BYTES:
            raise Unreadable(f"{url}: larger than {MAX_BYTES} bytes")
        if time.monotonic() > deadline:
            raise Unreadable(f"{url}: took longer than {TOTAL_SECONDS:.0f} seconds")
    return bytes(body)
