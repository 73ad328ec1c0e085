"""One list over live and historical rows, while the cutoff between them moves.

How none is missed or given twice stands in `protocol/tiers`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from datetime import datetime
from typing import Generic, TypeVar

from attrs import evolve

from kalshi_ext._async.rows import AsyncRows
from kalshi_ext.errors import Misuse
from kalshi_ext.models import HistoricalCutoff
from kalshi_ext.protocol.messages import InvalidRow, Page
from kalshi_ext.protocol.tiers import PAGES_BETWEEN_CUTOFFS, Tiers
from kalshi_ext.protocol.windows import MORE

T = TypeVar("T")


class AsyncCompleteRows(Generic[T]):
    """Iterate over live and historical rows, each once. A second iteration raises Misuse.

    `live` and `historical` start a fresh list each; `cutoff_time` picks the cutoff of this kind of
    row, `tiers` tells which rows of history are new.
    """

    def __init__(
        self,
        *,
        live: Callable[[], AsyncRows[T]],
        historical: Callable[[], AsyncRows[T]],
        cutoff: Callable[[], Awaitable[HistoricalCutoff]],
        cutoff_time: Callable[[HistoricalCutoff], datetime],
        tiers: Callable[[datetime], Tiers[T]],
    ) -> None:
        self._live = live
        self._historical = historical
        self._cutoff = cutoff
        self._cutoff_time = cutoff_time
        self._tiers = tiers
        self._invalid_rows: list[InvalidRow] = []
        self._started = False

    @property
    def invalid_rows(self) -> tuple[InvalidRow, ...]:
        """The rows fetched so far that could not be decoded, as received, with the reason."""
        return tuple(self._invalid_rows)

    async def __aiter__(self) -> AsyncIterator[T]:
        async with aclosing(self._read()) as pages:
            async for page in pages:
                for row in page.items:
                    yield row

    def pages(self) -> AsyncIterator[Page[T]]:
        """Iterate over pages: live ones, then historical ones, and an empty one at the end."""
        return self._read()

    async def _read(self) -> AsyncGenerator[Page[T]]:
        if self._started:
            raise Misuse("these rows were read before: ask for the list again")
        self._started = True
        before = await self._read_cutoff()
        tiers = self._tiers(before)
        async with aclosing(self._live_pages(tiers)) as pages:
            async for page in pages:
                yield page
        moved = new = True  # history is read at least once
        while moved and new:
            new = False
            tiers.begin_pass()
            async for page in self._historical().pages():
                rows = tuple(tiers.new_in_history(page.items))
                new = new or bool(rows)
                yield self._part(page, rows)
            after = await self._read_cutoff()
            moved, before = after != before, after
        yield Page((), None)

    async def _live_pages(self, tiers: Tiers[T]) -> AsyncGenerator[Page[T]]:
        number = 0
        async for page in self._live().pages():
            number += 1
            tiers.add_live(page.items)
            yield self._part(page, page.items)
            if number % PAGES_BETWEEN_CUTOFFS == 0:
                tiers.read_cutoff(await self._read_cutoff())
        tiers.read_cutoff(await self._read_cutoff(), end=True)

    async def _read_cutoff(self) -> datetime:
        return self._cutoff_time(await self._cutoff())

    def _part(self, page: Page[T], rows: tuple[T, ...]) -> Page[T]:
        # Invalid rows have no id; one that history repeats is known by its content.
        invalid = tuple(row for row in page.invalid_rows if row not in self._invalid_rows)
        self._invalid_rows.extend(invalid)
        return evolve(page, items=rows, invalid_rows=invalid, cursor=page.cursor or MORE)

    async def all(self) -> list[T]:
        """Fetch every page and return the rows as a list."""
        rows: list[T] = []
        async for page in self.pages():
            rows += page.items
        return rows
