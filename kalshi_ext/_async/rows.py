"""Rows of a list, read page by page as they are asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Generic, TypeVar

from kalshi_ext.errors import Misuse
from kalshi_ext.protocol.pagination import Page, SetAside, Walk
from kalshi_ext.transport.driver import AsyncDriver

T = TypeVar("T")


class AsyncRows(Generic[T]):
    """Iterate over the rows of a list; pages are fetched as the loop reaches them.

    One pass only; a second one raises Misuse, as it would miss rows. `set_aside` holds the rows
    met so far that could not be read. Raises CursorRepeated when the exchange's cursors run in a
    circle, and what a read raises.
    """

    def __init__(self, driver: AsyncDriver, walk: Walk[T]) -> None:
        self._driver = driver
        self._walk = walk
        self._begun = False

    @property
    def set_aside(self) -> tuple[SetAside, ...]:
        """Return the rows met so far that could not be read, as received, with the reason."""
        return tuple(self._walk.set_aside)

    async def __aiter__(self) -> AsyncIterator[T]:
        async for page in self.pages():
            for row in page.items:
                yield row

    async def pages(self) -> AsyncIterator[Page[T]]:
        """Iterate over whole pages, cut to `limit`; only the rows differ from what was sent."""
        if self._begun:
            raise Misuse("these rows were read before: ask for the list again")
        self._begun = True
        while (step := self._walk.step()) is not None:
            page = await self._driver.run(step)
            rows = tuple(self._walk.accept(page))
            yield Page(rows, page.cursor, page.set_aside)

    async def all(self) -> list[T]:
        """Read to the end and return the rows as a list."""
        return [row async for row in self]
