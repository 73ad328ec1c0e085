"""Open the journal that a path, a URL or nothing names."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from kalshi_ext.errors import INSTALL, Misuse
from kalshi_ext.journal.entry import JournalUnusable, utc_now
from kalshi_ext.journal.journal import Journal
from kalshi_ext.journal.memory import MemoryJournal
from kalshi_ext.journal.sqlite import SqliteJournal


def open_journal(
    where: str | Path | Journal | None,
    *,
    readonly: bool = False,
    now: Callable[[], datetime] = utc_now,
) -> Journal:
    """Open a journal: None is memory, a path a file, postgresql://... a shared one.

    A Journal is returned as it is; whoever opened it closes it. Blocks while it opens. Raises
    Misuse, JournalBusy, JournalUnusable.
    """
    if isinstance(where, Journal):
        return where
    if where is None:
        return MemoryJournal(now=now)
    if isinstance(where, str) and "://" in where:
        return _by_url(where, readonly=readonly, now=now)
    return SqliteJournal(where, readonly=readonly, now=now)


def _by_url(url: str, *, readonly: bool, now: Callable[[], datetime]) -> Journal:
    scheme = url.partition("://")[0]
    if scheme not in ("postgresql", "postgres"):
        raise Misuse(f"journal: expected a path or a postgresql:// URL, got {scheme}://...")
    # Imported here: psycopg is an extra, and a journal in a file must work without it.
    try:
        from kalshi_ext.journal.postgres import PostgresJournal
    except ImportError as error:
        raise JournalUnusable(
            f"a postgresql:// journal needs psycopg ({error}); {INSTALL.format(extra='postgres')}"
        ) from error
    return PostgresJournal(url, readonly=readonly, now=now)
