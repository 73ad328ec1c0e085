"""Pagination: read a list page by page and stop where it ends.

A page carries the cursor of the next; an absent, null or empty one ends the list (documented). An
unknown cursor is answered with page 1 again (observed), so a loop that trusts cursors may never
end. CursorRepeated ends it: where a cursor comes back, where a page holds only rows that were
returned before, whatever its cursor, and after too many pages without a row.

A page of which no row can be read is an error, never an empty list: an account that holds positions
would look like one that holds none.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from operator import attrgetter
from typing import Final, Generic, Literal, TypeVar

from attrs import define, field

from kalshi_ext.bases import Printed
from kalshi_ext.errors import KalshiError, Unintelligible
from kalshi_ext.protocol.flow import CallLimits, Context, Flow, request
from kalshi_ext.protocol.messages import Call, InvalidRow, Operation, Page
from kalshi_ext.redact import without_known_values
from kalshi_ext.requests.filters import positive

T = TypeVar("T")


# In a row, of one list. A filter may leave some pages empty; no list is known to have two.
MAX_EMPTY_PAGES: Final = 100

# What names a row, in the order it is looked for: a fill names its order too.
_IDS: Final = ("fill_id", "order_id", "transfer_id", "trade_id", "id")


# Rows of which all are known by themselves, twice: the rest is known as pages. A million of them
# would take 70 MB.
KEPT_ROWS: Final = 16_384


class CursorRepeated(KalshiError):
    """The exchange returned a cursor or a page twice: the list would never end."""

    advice = "start the list again; rows read so far are good but may be incomplete"


@define(eq=False, repr=False)
class _EarlierRows(Printed):
    """What was returned before, as hashes: every page, and the rows of the latest pages.

    A circle is met at its first page of old rows where it is short, or where its pages are cut as
    they were before; a long one that is cut otherwise, once it comes to an earlier cut again.
    """

    _pages: set[int] = field(factory=set[int])
    _latest: set[int] = field(factory=set[int])
    _before: set[int] = field(factory=set[int])

    def add(self, rows: set[int]) -> bool:
        """Remember the rows of a page; say whether all of them were there before."""
        latest, before, page = self._latest, self._before, hash(frozenset(rows))
        is_known = page in self._pages or all(row in latest or row in before for row in rows)
        self._pages.add(page)
        latest |= rows
        if len(latest) > KEPT_ROWS:
            self._before, self._latest = latest, set()
        return is_known


@define(eq=False, repr=False)
class Paginator(Printed, Generic[T]):
    """Request a list page by page: `next_page`, then `take`, until `next_page` returns None.

    `limit` bounds the rows returned, `max_pages` the pages requested; None is no bound.
    `invalid_rows` collects the rows that could not be decoded, `keyed` says whether every page had
    the list's key. `invalid` says what is an error: a page without a row that can be read, any row
    that cannot, or neither, for a caller who looks at `invalid_rows`. Raises Misuse for a bad
    bound.
    """

    call: Call[Page[T]]
    context: Context
    limit: int | None = None
    max_pages: int | None = None
    limits: CallLimits | None = field(default=None, kw_only=True)  # of the call that reads it
    invalid: Literal["whole_page", "any_row", "allowed"] = field(default="whole_page", kw_only=True)
    invalid_rows: list[InvalidRow] = field(factory=list[InvalidRow], init=False)
    keyed: bool = field(default=True, init=False)
    # All of them, not the last: a circle may have any length.
    _seen: set[str] = field(factory=set[str], init=False)
    _earlier: _EarlierRows = field(factory=_EarlierRows, init=False)
    _empty_pages: int = field(default=0, init=False)
    _returned: int = field(default=0, init=False)
    _pages: int = field(default=0, init=False)
    _done: bool = field(default=False, init=False)
    _cursor_repeated: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self.limit = positive(self.limit, "limit")
        self.max_pages = positive(self.max_pages, "max_pages")

    def next_page(self) -> Flow[Page[T]] | None:
        """Return the flow that reads the next page, None at the end or a bound.

        Raises CursorRepeated when the last page's cursor was returned before.
        """
        if self._done or self._pages == self.max_pages or self._returned == self.limit:
            return None
        # Only now, so that the rows of the page with that cursor were returned.
        if self._cursor_repeated:
            raise CursorRepeated(
                f"{self.call.operation.facade}: the cursor of page {self._pages} was given before"
            )
        return request(self.call, self.context, limits=self.limits)

    def take(self, page: Page[T]) -> Sequence[T]:
        """Count a page and return its rows, cut to `limit`.

        Raises CursorRepeated for a page of rows returned before, and Unintelligible by `invalid`.
        """
        self._pages += 1
        self.invalid_rows.extend(page.invalid_rows)
        self.keyed = self.keyed and page.keyed
        self._check_readable(page)
        self._check_progress(page)
        self._advance(page.cursor)
        remaining = None if self.limit is None else self.limit - self._returned
        rows = page.items[:remaining]
        self._returned += len(rows)
        return rows

    def _check_readable(self, page: Page[T]) -> None:
        invalid = page.invalid_rows
        if not invalid or self.invalid == "allowed" or (page.items and self.invalid != "any_row"):
            return
        raise unreadable_rows(self.call.operation, invalid, len(invalid) + len(page.items))

    def _check_progress(self, page: Page[T]) -> None:
        """Raise CursorRepeated for a page that brings nothing new."""
        facade, rows = self.call.operation.facade, _row_hashes(page.items)
        if rows and self._earlier.add(rows):
            raise CursorRepeated(f"{facade}: page {self._pages} holds rows of earlier pages only")
        self._empty_pages = 0 if rows else self._empty_pages + 1
        if page.cursor and self._empty_pages >= MAX_EMPTY_PAGES:
            raise CursorRepeated(f"{facade}: {self._empty_pages} pages in a row were empty")

    def _advance(self, cursor: str | None) -> None:
        if not cursor:  # None or ""
            self._done = True
            return
        self._cursor_repeated = cursor in self._seen
        self._seen.add(cursor)
        self.call = self.call.with_cursor(cursor)


def unreadable_rows(
    operation: Operation, invalid: Sequence[InvalidRow], total: int
) -> Unintelligible:
    """Build the error of rows of which too many cannot be read."""
    reason = f"{len(invalid)} of {total} rows: {invalid[0].reason}"
    return Unintelligible(
        f"{operation.facade} ({operation.id}): rows cannot be read: {reason}",
        operation=operation.id,
        status=200,
        body=without_known_values(_json_of([each.row for each in invalid])),
        reason=reason,
    )


def _row_hashes(rows: Sequence[object]) -> set[int]:
    """Return what tells rows apart: their ids, or all of them where they have none."""
    if not rows:
        return set()
    name = next((name for name in _IDS if hasattr(rows[0], name)), None)
    if hasattr(rows[0], "price_grid"):
        name = "ticker"  # a market: its prices move between two reads of the same page
    if name is None:
        return set(map(_hash, rows))
    return set(map(hash, map(attrgetter(name), rows)))


def _hash(row: object) -> int:
    try:
        return hash(row)
    except TypeError:  # a model may hold a mapping
        return hash(repr(row))


def _json_of(rows: list[object]) -> bytes:
    try:
        return json.dumps(rows, default=str).encode()
    except (ValueError, RecursionError):  # nested too deeply to be written again
        return b""


def collect(paginator: Paginator[T]) -> Flow[list[T]]:
    """Read a list to its end inside another flow."""
    rows: list[T] = []
    while (page_flow := paginator.next_page()) is not None:
        page = yield from page_flow
        rows.extend(paginator.take(page))
    return rows
