# Derived from kalshi_ext/_async/rows.py by scripts/unasync.py; do not edit.
"""The rows of a list, fetched page by page as a loop reaches them, or a few pages ahead of it."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Generic, TypeVar

from kalshi_ext.errors import Misuse
from kalshi_ext.protocol.messages import InvalidRow, Page
from kalshi_ext.protocol.pagination import Paginator
from kalshi_ext.transport.driver import Driver

if TYPE_CHECKING:
    from kalshi_ext.protocol.windows import Piece, Windows

T = TypeVar("T")


class Rows(Generic[T]):
    """Iterate over the rows of a list once; a second iteration raises Misuse.

    Raises CursorRepeated when the exchange returns a cursor or a page twice, Unintelligible when
    no row of a page can be read, and what a read raises.
    """

    def __init__(self, driver: Driver, pages: Paginator[T] | Windows[T]) -> None:
        self._driver = driver
        self._pages = pages
        self._started = False

    @property
    def invalid_rows(self) -> tuple[InvalidRow, ...]:
        """The rows fetched so far that could not be decoded, as received, with the reason."""
        return tuple(self._pages.invalid_rows)

    def __iter__(self) -> Iterator[T]:
        with closing(self._read()) as pages:
            for page in pages:
                for row in page.items:
                    yield row

    def pages(self) -> Iterator[Page[T]]:
        """Iterate over pages. The last one is cut to `limit`."""
        return self._read()

    def _read(self) -> Generator[Page[T]]:
        # The paginator has moved on: a second pass would silently miss rows.
        if self._started:
            raise Misuse("these rows were read before: ask for the list again")
        self._started = True
        if not isinstance(self._pages, Paginator):
            with closing(self._side_by_side(self._pages)) as pages:
                for page in pages:
                    yield page
            return
        while (page_flow := self._pages.next_page()) is not None:
            page = self._driver.run(page_flow)
            rows = tuple(self._pages.take(page))
            yield Page(rows, page.cursor, page.invalid_rows)

    def _side_by_side(self, windows: Windows[T]) -> Generator[Page[T]]:
        from kalshi_ext.protocol.windows import MAX_WIDTH
        from kalshi_ext.transport.side_by_side import Running

        running: Running[Piece[T], Page[T]] = Running(self._driver, MAX_WIDTH + 1)
        try:
            while not windows.done:
                while (started := windows.start()) is not None:
                    running.start(*started)
                if (page := windows.ready()) is not None:
                    if page.items or page.invalid_rows or windows.done:
                        yield page
                    continue
                for piece, result in running.wait():
                    if isinstance(result, Exception):
                        windows.fail(piece, result)
                    else:
                        windows.take(piece, result)
        finally:
            running.close()

    def all(self) -> list[T]:
        """Fetch every page and return the rows as a list."""
        rows: list[T] = []
        for page in self.pages():
            rows += page.items
        return rows
