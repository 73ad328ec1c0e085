"""Pages of a list, newest first, behind opaque cursors.

A cursor names the last row of its page by (created, id), so rows that arrive later move nothing:
the next page starts below that row whatever came on top, and asking again gives the same page
(observed). Example: of rows 1..5, limit 2, page one is [5, 4]; row 6 arrives; page two is [3, 2].
"""

from __future__ import annotations

import base64
import binascii
from bisect import bisect_left
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import frozen

from kalshi_ext.sandbox.engine.commands import Answer
from kalshi_ext.sandbox.engine.request_parsing import query_integer
from kalshi_ext.sandbox.engine.state import sort_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from kalshi_ext.sandbox.engine.records import Row
    from kalshi_ext.sandbox.engine.settings import Settings

R = TypeVar("R", bound="Row")


@frozen
class PageRequest:
    """Say which page of a list is asked for."""

    kind: str
    """The list: a cursor of another one is garbage."""
    limit: int
    after: tuple[int, str] | None
    """(created, id) of the last row of the page before; None: page one."""


def parse_page_request(query: Mapping[str, str], kind: str, *, most: int = 1000) -> PageRequest:
    """Read limit and cursor; 400 for a limit over the maximum (observed: it is not clamped)."""
    limit = query_integer(query, "limit", least=1, most=most)
    return PageRequest(kind, limit or min(100, most), decode_cursor(query.get("cursor", ""), kind))


def encode_cursor(kind: str, row: Row) -> str:
    return base64.urlsafe_b64encode(f"{kind}:{row.created}:{row.id}".encode()).decode()


def decode_cursor(text: str, kind: str) -> tuple[int, str] | None:
    """Read a cursor of this kind of list; None for any other text."""
    # observed: garbage is not refused, it answers page one again
    try:
        list_kind, created, row_id = base64.urlsafe_b64decode(text.encode()).decode().split(":", 2)
        valid = list_kind == kind and created.isdecimal() and len(created) < 20
    except (ValueError, binascii.Error):
        return None
    return (int(created), row_id) if valid else None


def newest_first(rows: Sequence[R], page: PageRequest) -> Iterator[R]:
    """Walk back over rows sorted by (created, id), from where the page starts."""
    end = len(rows) if page.after is None else bisect_left(rows, page.after, key=sort_key)
    for index in range(end - 1, -1, -1):
        yield rows[index]


def take_page(rows: Iterable[R], page: PageRequest, settings: Settings) -> tuple[list[R], str]:
    """Take one page; return its rows and the cursor ("" at the end)."""
    taken = list(islice(rows, page.limit + 1))  # one more, to know whether a page follows
    more = len(taken) > page.limit
    taken = taken[: page.limit]
    # observed: a full page may name a cursor although nothing follows (`full_page_cursor`)
    if more or (settings.full_page_cursor == "always" and len(taken) == page.limit):
        return taken, encode_cursor(page.kind, taken[-1])
    return taken, ""


def list_field(name: str, rows: list[Any], settings: Settings) -> dict[str, Any]:
    """Write a list; an empty one is [], null or left out (observed; `empty_lists`)."""
    if rows or settings.empty_lists == "array":
        return {name: rows}
    return {} if settings.empty_lists == "omit" else {name: None}


def page_answer(
    name: str,
    rows: Iterable[R],
    page: PageRequest,
    settings: Settings,
    write_row: Callable[[R], Any],
) -> Answer:
    """Answer one page of a list."""
    page_rows, cursor = take_page(rows, page, settings)
    if not page_rows and settings.empty_lists == "omit":
        return Answer(200, {})
    body = list_field(name, [write_row(row) for row in page_rows], settings)
    return Answer(200, {**body, "cursor": cursor})
