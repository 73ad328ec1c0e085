# Derived from kalshi_ext/_async/rows.py by scripts/unasync.py; do not edit.
"""The rows of a list, fetched page by page as a loop reaches them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

from kalshi_ext.errors import Misuse
from kalshi_ext.protocol.messages import InvalidRow, Page
from kalshi_ext.protocol.pagination import Paginator
from kalshi_ext.transport.driver import Driver

T = TypeVar("T")


class Rows(Generic[T]):
    """Iterate over the rows of a list once; a second iteration raises Misuse.

    Raises CursorRepeated when the exchange returns a cursor or a page twice, Unintelligible when
    no row of a page can be read, and what a read raises.
    """

    def __init__(self, driver: Driver, paginator: Paginator[T]) -> None:
        self._driver = driver
        self._paginator = paginator
        self._started = False

    @property
    def invalid_rows(self) -> tuple[InvalidRow, ...]:
        """The rows fetched so far that could not be decoded, as received, with the reason."""
        return tuple(self._paginator.invalid_rows)

    def __iter__(self) -> Iterator[T]:
        for page in self.pages():
            for row in page.items:
                yield row

    def pages(self) -> Iterator[Page[T]]:
        """Iterate over pages. The last one is cut to `limit`."""
        # The paginator has moved on: a second pass would silently miss rows.
        if self._started:
            raise Misuse("these rows were read before: ask for the list again")
        self._started = True
        while (page_flow := self._paginator.next_page()) is not None:
            page = self._driver.run(page_flow)
            rows = tuple(self._paginator.take(page))
            yield Page(rows, page.cursor, page.invalid_rows)

    def all(self) -> list[T]:
        """Fetch every page and return the rows as a list."""
        return [row for row in self]
