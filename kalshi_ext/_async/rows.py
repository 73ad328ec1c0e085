"""The rows of a list, fetched page by page as a loop reaches them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Generic, TypeVar

from kalshi_ext.errors import Misuse
from kalshi_ext.protocol.messages import InvalidRow, Page
from kalshi_ext.protocol.pagination import Paginator
from kalshi_ext.transport.driver import AsyncDriver

T = TypeVar("T")


class AsyncRows(Generic[T]):
    """Iterate over the rows of a list once; a second iteration raises Misuse.

    Raises CursorRepeated when the exchange returns a cursor or a page twice, Unintelligible when
    no row of a page can be read, and what a read raises.
    """

    def __init__(self, driver: AsyncDriver, paginator: Paginator[T]) -> None:
        self._driver = driver
        self._paginator = paginator
        self._started = False

    @property
    def invalid_rows(self) -> tuple[InvalidRow, ...]:
        """The rows fetched so far that could not be decoded, as received, with the reason."""
        return tuple(self._paginator.invalid_rows)

    async def __aiter__(self) -> AsyncIterator[T]:
        async for page in self.pages():
            for row in page.items:
                yield row

    async def pages(self) -> AsyncIterator[Page[T]]:
        """Iterate over pages. The last one is cut to `limit`."""
        # The paginator has moved on: a second pass would silently miss rows.
        if self._started:
            raise Misuse("these rows were read before: ask for the list again")
        self._started = True
        while (page_flow := self._paginator.next_page()) is not None:
            page = await self._driver.run(page_flow)
            rows = tuple(self._paginator.take(page))
            yield Page(rows, page.cursor, page.invalid_rows)

    async def all(self) -> list[T]:
        """Fetch every page and return the rows as a list."""
        return [row async for row in self]
