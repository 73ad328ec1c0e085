"""Rows of a list, read page by page as they are asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Generic, TypeVar

from kalshi_ext.errors import Misuse
from kalshi_ext.protocol.messages import InvalidRow, Page
from kalshi_ext.protocol.pagination import Paginator
from kalshi_ext.transport.driver import AsyncDriver

T = TypeVar("T")


class AsyncRows(Generic[T]):
    """Iterate over the rows of a list; pages are fetched as the loop reaches them.

    One pass only; a second one raises Misuse, as it would miss rows. `invalid_rows` holds the rows
    met so far that could not be read. Raises CursorRepeated when the exchange's cursors run in a
    circle, and what a read raises.
    """

    def __init__(self, driver: AsyncDriver, paginator: Paginator[T]) -> None:
        self._driver = driver
        self._paginator = paginator
        self._begun = False

    @property
    def invalid_rows(self) -> tuple[InvalidRow, ...]:
        """Return the rows met so far that could not be read, as received, with the reason."""
        return tuple(self._paginator.invalid_rows)

    async def __aiter__(self) -> AsyncIterator[T]:
        async for page in self.pages():
            for row in page.items:
                yield row

    async def pages(self) -> AsyncIterator[Page[T]]:
        """Iterate over whole pages, cut to `limit`; only the rows differ from what was sent."""
        if self._begun:
            raise Misuse("these rows were read before: ask for the list again")
        self._begun = True
        while (step := self._paginator.next_page()) is not None:
            page = await self._driver.run(step)
            rows = tuple(self._paginator.take(page))
            yield Page(rows, page.cursor, page.invalid_rows)

    async def all(self) -> list[T]:
        """Read to the end and return the rows as a list."""
        return [row async for row in self]
