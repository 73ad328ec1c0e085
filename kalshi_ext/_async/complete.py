"""One list over live and historical rows, while the cutoff between them moves.

The exchange moves rows out of the live list into history, also while one reads (documented). A row
leaves the live list only for history, so reading live first and history after it misses none:

    cutoff -> live rows -> historical rows -> cutoff, and while it moved: historical rows again

History is read again because it may show a moved row late. That stops at the first pass without a
new row, as a cutoff may move all the time. A row met twice is skipped by its id.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Generic, TypeVar

from kalshi_ext._async.rows import AsyncRows
from kalshi_ext.errors import Misuse
from kalshi_ext.models import HistoricalCutoff
from kalshi_ext.protocol.messages import InvalidRow

T = TypeVar("T")


class AsyncCompleteRows(Generic[T]):
    """Iterate over live and historical rows, each once. A second iteration raises Misuse.

    `live` and `historical` start a fresh list each; `cutoff_time` picks the cutoff of this kind of
    row, `row_id` identifies a row.
    """

    def __init__(
        self,
        *,
        live: Callable[[], AsyncRows[T]],
        historical: Callable[[], AsyncRows[T]],
        cutoff: Callable[[], Awaitable[HistoricalCutoff]],
        cutoff_time: Callable[[HistoricalCutoff], datetime],
        row_id: Callable[[T], str],
    ) -> None:
        self._live = live
        self._historical = historical
        self._cutoff = cutoff
        self._cutoff_time = cutoff_time
        self._row_id = row_id
        self._seen: set[str] = set()
        self._invalid_rows: list[InvalidRow] = []
        self._started = False

    @property
    def invalid_rows(self) -> tuple[InvalidRow, ...]:
        """The rows fetched so far that could not be decoded, as received, with the reason."""
        return tuple(self._invalid_rows)

    async def __aiter__(self) -> AsyncIterator[T]:
        if self._started:
            raise Misuse("these rows were read before: ask for the list again")
        self._started = True
        before = self._cutoff_time(await self._cutoff())
        async for row in self._new_rows(self._live()):
            yield row
        moved = new = True  # history is read at least once
        while moved and new:
            seen_before = len(self._seen)
            async for row in self._new_rows(self._historical()):
                yield row
            after = self._cutoff_time(await self._cutoff())
            moved, new, before = after != before, len(self._seen) > seen_before, after

    async def _new_rows(self, rows: AsyncRows[T]) -> AsyncIterator[T]:
        async for row in rows:
            row_id = self._row_id(row)
            if row_id not in self._seen:
                self._seen.add(row_id)
                yield row
        # Invalid rows have no id; one that history repeats is known by its content.
        self._invalid_rows.extend(row for row in rows.invalid_rows if row not in self._invalid_rows)

    async def all(self) -> list[T]:
        """Fetch every page and return the rows as a list."""
        return [row async for row in self]
