"""Read an OpenAPI document, JSON or YAML 1.2, from a file, a URL or bytes, within fixed limits.

    load("openapi.yaml")                         a file
    load("https://docs.kalshi.com/openapi.yaml") a plain 200 within a minute; no redirect
    load(b'{"openapi": "3.0.0"}')                the text itself

All three give dicts with text keys, lists and scalars, or raise Unreadable. Nothing of the content
runs, and no value becomes a date.
"""

from __future__ import annotations

import json
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Final, NoReturn

import httpx

from kalshi_ext.drift.limits import MAX_BYTES, MAX_DEPTH, Unreadable, check_bounds, is_mapping

CONNECT_SECONDS: Final = 10.0
TOTAL_SECONDS: Final = 60.0


def load(source: str | Path | bytes) -> dict[str, Any]:
    """Read a document from a path, an http(s) URL or, as bytes, from its own text.

    Keys are always text, so an unquoted `200:` is "200". YAML is read by the 1.2 core rules:
    yes, no and dates stay text. Raises Unreadable.
    """
    data, name = _read(source)
    document = _parse(data, name)
    if not is_mapping(document):
        raise Unreadable(f"{name}: the document is a {type(document).__name__}, not a mapping")
    return document


def _read(source: str | Path | bytes) -> tuple[bytes, str]:
    if isinstance(source, bytes):
        data, name = source, "document"
    elif isinstance(source, str) and source.startswith(("http://", "https://")):
        data, name = fetch(source), source
    else:
        data, name = _read_file(Path(source)), Path(source).name
    if len(data) > MAX_BYTES:
        raise Unreadable(f"{name}: larger than {MAX_BYTES} bytes")
    return data, name


def _read_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            # One byte more than allowed tells that the file is too large without reading it all.
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise Unreadable(f"{path.name}: cannot be read: {error.strerror}") from error


def fetch(url: str) -> bytes:
    """Get the body behind a URL. Anything but a plain 200 raises Unreadable.

    A redirect is refused, so that nothing is fetched which the user did not name.
    """
    outcome: SimpleQueue[bytes | Exception] = SimpleQueue()
    try:
        with httpx.Client(follow_redirects=False, timeout=CONNECT_SECONDS) as client:
            # httpx's timeout is for one read, in the headers too: a server that sends a byte now
            # and then never meets it. Leaving the client closes the connection, which ends the
            # thread at its next read.
            Thread(target=_download, args=(client, url, outcome), daemon=True).start()
            result = outcome.get(timeout=TOTAL_SECONDS)
    except Empty:
        raise Unreadable(f"{url}: took longer than {TOTAL_SECONDS:.0f} seconds") from None
    if isinstance(result, httpx.HTTPError | httpx.InvalidURL):
        raise Unreadable(f"{url}: {type(result).__name__}: {result}") from result
    if isinstance(result, Exception):
        raise result
    return result


def _download(client: httpx.Client, url: str, outcome: SimpleQueue[bytes | Exception]) -> None:
    try:
        with client.stream("GET", url) as response:
            _check_status(url, response)
            outcome.put(_read_body(url, response))
    except Exception as error:  # noqa: BLE001  raised by the thread that waits for it
        outcome.put(error)


def _check_status(url: str, response: httpx.Response) -> None:
    if response.is_redirect:
        location = response.headers.get("location", "nowhere")
        raise Unreadable(f"{url}: redirects to {location}, which is not followed: give that URL")
    if response.status_code != 200:
        raise Unreadable(f"{url}: answered status {response.status_code}")


def _read_body(url: str, response: httpx.Response) -> bytes:
    body = bytearray()
    # As the chunks come: with a chunk size httpx would wait for it to fill.
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > MAX_BYTES:
            raise Unreadable(f"{url}: larger than {MAX_BYTES} bytes")
    return bytes(body)


def _parse(data: bytes, name: str) -> Any:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(f"{name}: not UTF-8 at byte {error.start}") from error
    if text.lstrip()[:1] in ("{", "["):
        return _parse_json(text, name)
    from kalshi_ext.drift.yaml import parse_yaml  # JSON needs no YAML library

    return parse_yaml(text, name)


def _parse_json(text: str, name: str) -> Any:
    try:
        value = json.loads(
            text, object_pairs_hook=_without_duplicates, parse_constant=_refuse_constant
        )
    except RecursionError as error:
        raise Unreadable(f"{name}: nested deeper than {MAX_DEPTH} levels") from error
    except ValueError as error:
        raise Unreadable(f"{name}: not JSON: {error}") from error
    check_bounds(value, name)
    return value


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # json.loads would keep the last of two equal keys, and other readers the first.
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [key for key, _ in pairs]
        duplicate = next(key for key in names if names.count(key) > 1)
        raise ValueError(f"the key {duplicate!r} is there twice")
    return members


def _refuse_constant(text: str) -> NoReturn:
    # json.loads accepts NaN and Infinity, which are no JSON.
    raise ValueError(f"{text} is not a JSON number")
