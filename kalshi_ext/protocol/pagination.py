"""Pages as data: a walk asks for one page after another and never twice for the same cursor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

from attrs import define, field

from kalshi_ext.errors import KalshiError
from kalshi_ext.protocol.flow import Context, Flow, request
from kalshi_ext.protocol.messages import Call, InvalidRow, Page
from kalshi_ext.requests.filters import positive

T = TypeVar("T")


class CursorRepeated(KalshiError):
    """The exchange handed out a cursor twice: going on would never end."""

    advice = "start the list again; rows read so far are good but may be incomplete"


@define
class Paginator(Generic[T]):
    """Walk a list page by page.

    `limit` bounds the rows handed out, `max_pages` the pages asked for; None is no bound.
    `invalid_rows` gathers the rows that could not be read.
    """

    call: Call[Page[T]]
    context: Context
    limit: int | None = None
    max_pages: int | None = None
    invalid_rows: list[InvalidRow] = field(factory=list[InvalidRow], init=False)
    _seen: set[str] = field(factory=set[str], init=False)
    _returned: int = field(default=0, init=False)
    _pages: int = field(default=0, init=False)
    _done: bool = field(default=False, init=False)
    _cursor_repeated: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        positive(self.limit, "limit")
        positive(self.max_pages, "max_pages")

    def next_page(self) -> Flow[Page[T]] | None:
        """Return the flow that reads the next page, None when the walk is over.

        Raises CursorRepeated when the last page pointed back to an earlier one; the rows of
        that page have been handed out by then.
        """
        if self._done or self._pages == self.max_pages or self._returned == self.limit:
            return None
        if self._cursor_repeated:
            raise CursorRepeated(
                f"{self.call.operation.facade}: the cursor of page {self._pages} was given before"
            )
        return request(self.call, self.context)

    def take(self, page: Page[T]) -> Sequence[T]:
        """Take a page in and return the rows to hand out."""
        self._pages += 1
        self.invalid_rows.extend(page.invalid_rows)
        self._advance(page.cursor)
        room = None if self.limit is None else self.limit - self._returned
        rows = page.items[:room]
        self._returned += len(rows)
        return rows

    def _advance(self, cursor: str | None) -> None:
        if not cursor:
            self._done = True
            return
        self._cursor_repeated = cursor in self._seen
        self._seen.add(cursor)
        self.call = self.call.with_cursor(cursor)


def collect(walk: Paginator[T]) -> Flow[list[T]]:
    """Read a walk to its end inside another flow."""
    rows: list[T] = []
    while (step := walk.next_page()) is not None:
        page = yield from step
        rows.extend(walk.take(page))
    return rows
