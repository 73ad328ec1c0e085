"""Pages: newest first, keyed on (created_time, id), behind opaque cursors."""

from __future__ import annotations

import base64
import binascii
from bisect import bisect_left
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import frozen

from kalshi_ext.sandbox.engine.request_parsing import query_integer
from kalshi_ext.sandbox.engine.state import sort_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from kalshi_ext.sandbox.engine.records import Row
    from kalshi_ext.sandbox.engine.settings import Settings

R = TypeVar("R", bound="Row")


@frozen
class PageRequest:
    """Say which part of a list is asked for."""

    kind: str
    limit: int
    after: tuple[int, str] | None


def parse_page_request(query: Mapping[str, str], kind: str, *, most: int = 1000) -> PageRequest:
    """Read limit (400 over the maximum) and cursor (garbage is page 1 again)."""
    limit = query_integer(query, "limit", least=1, most=most)
    return PageRequest(kind, limit or min(100, most), decode_cursor(query.get("cursor", ""), kind))


def encode_cursor(kind: str, row: Row) -> str:
    """Name a row opaquely."""
    return base64.urlsafe_b64encode(f"{kind}:{row.created}:{row.id}".encode()).decode()


def decode_cursor(text: str, kind: str) -> tuple[int, str] | None:
    """Read a cursor of this kind of list; None for any other text."""
    try:
        name, created, row_id = base64.urlsafe_b64decode(text.encode()).decode().split(":", 2)
        known = name == kind and created.isdecimal() and len(created) < 20
    except (ValueError, binascii.Error):
        return None
    return (int(created), row_id) if known else None


def newest_first(rows: Sequence[R], page: PageRequest) -> Iterator[R]:
    """Walk back over rows sorted by (created, id), from where the page starts."""
    end = len(rows) if page.after is None else bisect_left(rows, page.after, key=sort_key)
    for at in range(end - 1, -1, -1):
        yield rows[at]


def take_page(found: Iterable[R], page: PageRequest, settings: Settings) -> tuple[list[R], str]:
    """Take one page; give its rows and the cursor ("" at the end)."""
    rows = list(islice(found, page.limit + 1))
    more = len(rows) > page.limit
    rows = rows[: page.limit]
    if more or (settings.full_page_cursor == "always" and len(rows) == page.limit):
        return rows, encode_cursor(page.kind, rows[-1])
    return rows, ""


def list_field(name: str, rows: list[Any], settings: Settings) -> dict[str, Any]:
    """Write a list under its name; an empty one as the settings say."""
    if rows or settings.empty_lists == "array":
        return {name: rows}
    return {} if settings.empty_lists == "omit" else {name: None}


def page_body(
    name: str, found: Iterable[R], page: PageRequest, settings: Settings, write: Callable[[R], Any]
) -> dict[str, Any]:
    """Write one page of a list as an answer's body."""
    rows, cursor = take_page(found, page, settings)
    if not rows and settings.empty_lists == "omit":
        return {}
    return {**list_field(name, [write(row) for row in rows], settings), "cursor": cursor}
