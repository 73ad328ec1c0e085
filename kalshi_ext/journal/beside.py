"""A journal for a stop beside the process that holds the file.

The file has one holder. What a stop needs of it does not need the lock: the record of stops, which
lies beside the file, and the entries without a verdict, which anybody may read. What a stop writes
of its own, nothing but the record, goes there; an entry of anything else is kept in memory.
"""

from __future__ import annotations

from pathlib import Path

from kalshi_ext.journal.entry import Entry
from kalshi_ext.journal.memory import MemoryJournal
from kalshi_ext.journal.sqlite import SqliteJournal
from kalshi_ext.journal.sqlite_file import resolved
from kalshi_ext.journal.stop_record import FileStopRecord


class BesideJournal(MemoryJournal):
    """The record of stops of a file that another living process holds, and its open entries."""

    def __init__(self, path: str | Path) -> None:
        super().__init__()
        self._file = resolved(path)
        self.stops.record = FileStopRecord.beside(self._file)

    def open_entries(self, ticker: str | None = None) -> list[Entry]:
        """Return the entries without a verdict, of the file too. Raises JournalUnusable."""
        if not self._file.exists():  # it is made when a journal opens, before its first order
            return super().open_entries(ticker)
        with SqliteJournal(self._file, readonly=True) as beside:
            return [*super().open_entries(ticker), *beside.open_entries(ticker)]
