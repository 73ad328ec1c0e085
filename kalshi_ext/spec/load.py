"""Read an OpenAPI document, JSON or YAML 1.2, from anywhere, within fixed bounds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn

from kalshi_ext.spec.bounds import MAX_BYTES, MAX_DEPTH, MAX_NODES
from kalshi_ext.spec.errors import Unreadable
from kalshi_ext.spec.fetch import fetch
from kalshi_ext.spec.tree import children, is_mapping


def load(source: str | Path | bytes) -> dict[str, Any]:
    """Read a document from a path, an http(s) URL or, as bytes, from its own text.

    Keys are always text, so an unquoted `200:` is "200". YAML is read by the 1.2 core rules:
    yes, no and dates stay text. Raises Unreadable; nothing of the content runs.
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
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise Unreadable(f"{path.name}: cannot be read: {error.strerror}") from error


def _parse(data: bytes, name: str) -> Any:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(f"{name}: not UTF-8 at byte {error.start}") from error
    if text.lstrip()[:1] in ("{", "["):
        return _parse_json(text, name)
    from kalshi_ext.spec.yaml import parse_yaml  # JSON needs no YAML library

    return parse_yaml(text, name)


def _parse_json(text: str, name: str) -> Any:
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except RecursionError as error:
        raise Unreadable(f"{name}: nested deeper than {MAX_DEPTH} levels") from error
    except ValueError as error:
        raise Unreadable(f"{name}: not JSON: {error}") from error
    check_bounds(value, name)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [key for key, _ in pairs]
        twice = next(key for key in names if names.count(key) > 1)
        raise ValueError(f"the key {twice!r} is there twice")
    return found


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a JSON number")


def check_bounds(value: Any, name: str) -> None:
    """Refuse a tree of too many nodes or too many levels, without recursion."""
    level, count = [value], 0
    for _ in range(MAX_DEPTH):
        count += len(level)
        if count > MAX_NODES:
            raise Unreadable(f"{name}: more than {MAX_NODES} values")
        level = [child for node in level for child in children(node)]
        if not level:
            return
    raise Unreadable(f"{name}: nested deeper than {MAX_DEPTH} levels")
