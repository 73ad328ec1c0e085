"""Pagination: read a list page by page and stop where it ends.

A page carries the cursor of the next; an absent, null or empty one ends the list (documented). An
unknown cursor is answered with page 1 again (observed), so a loop that trusts cursors may never
end: a cursor that comes back raises CursorRepeated.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

from attrs import define, field

from kalshi_ext.errors import KalshiError
from kalshi_ext.protocol.flow import CallLimits, Context, Flow, request
from kalshi_ext.protocol.messages import Call, InvalidRow, Page
from kalshi_ext.requests.filters import positive

T = TypeVar("T")


class CursorRepeated(KalshiError):
    """The exchange returned a cursor twice: the list would never end."""

    advice = "start the list again; rows read so far are good but may be incomplete"


@define
class Paginator(Generic[T]):
    """Request a list page by page: `next_page`, then `take`, until `next_page` returns None.

    `limit` bounds the rows returned, `max_pages` the pages requested; None is no bound.
    `invalid_rows` collects the rows that could not be decoded, `keyed` says whether every page had
    the list's key. Raises Misuse for a bad bound.
    """

    call: Call[Page[T]]
    context: Context
    limit: int | None = None
    max_pages: int | None = None
    limits: CallLimits | None = field(default=None, kw_only=True)  # of the call that reads it
    invalid_rows: list[InvalidRow] = field(factory=list[InvalidRow], init=False)
    keyed: bool = field(default=True, init=False)
    # All of them, not the last: a circle may have any length.
    _seen: set[str] = field(factory=set[str], init=False)
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
        """Count a page and return its rows, cut to `limit`."""
        self._pages += 1
        self.invalid_rows.extend(page.invalid_rows)
        self.keyed = self.keyed and page.keyed
        self._advance(page.cursor)
        remaining = None if self.limit is None else self.limit - self._returned
        rows = page.items[:remaining]
        self._returned += len(rows)
        return rows

    def _advance(self, cursor: str | None) -> None:
        if not cursor:  # None or ""
            self._done = True
            return
        self._cursor_repeated = cursor in self._seen
        self._seen.add(cursor)
        self.call = self.call.with_cursor(cursor)


def collect(paginator: Paginator[T]) -> Flow[list[T]]:
    """Read a list to its end inside another flow."""
    rows: list[T] = []
    while (page_flow := paginator.next_page()) is not None:
        page = yield from page_flow
        rows.extend(paginator.take(page))
    return rows
