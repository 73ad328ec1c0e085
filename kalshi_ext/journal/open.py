"""Open the journal that a path, a URL or nothing names."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from kalshi_ext.arguments import place_fault, plain
from kalshi_ext.errors import INSTALL, Misuse
from kalshi_ext.journal.entry import JournalUnusable, utc_now
from kalshi_ext.journal.journal import Journal
from kalshi_ext.journal.memory import MemoryJournal
from kalshi_ext.redact import Secret, as_secret, is_a, redacted_repr


def open_journal(
    where: str | Path | Journal | Secret[Any] | None,
    *,
    readonly: bool = False,
    now: Callable[[], datetime] = utc_now,
) -> Journal:
    """Open a journal: None is memory, a path a file, postgresql://... a shared one.

    A Journal is returned as it is; whoever opened it closes it. A file that is open in this
    process gives another handle of the same journal, to be closed by itself. Blocks while it
    opens. Raises Misuse, JournalBusy, JournalUnusable.
    """
    where = as_secret(where)  # a URL may hold a password, and a traceback shows locals
    if is_a(where.reveal(), Journal):
        return cast("Journal", where.reveal())
    if where.reveal() is None:
        return MemoryJournal(now=now)
    expected = "a path, a postgresql:// URL or a Journal"
    if (fault := place_fault("journal", where, expected)) is not None:
        raise Misuse(fault)
    if "://" in str(plain(where.reveal())):
        return _by_url(Secret(str(plain(where.reveal()))), readonly=readonly, now=now)
    return _in_file(plain(where.reveal()), readonly=readonly, now=now)


def _in_file(place: str | Path, *, readonly: bool, now: Callable[[], datetime]) -> Journal:
    # Imported here: a client whose journal is in memory needs no SQLite.
    from kalshi_ext.journal.shared_file import open_file

    try:
        return open_file(place, readonly=readonly, now=now)
    except (OSError, RuntimeError, UnicodeError) as error:  # a name too long, a home of nobody
        reason = str(getattr(error, "strerror", None) or error)
    raise JournalUnusable(f"journal: {redacted_repr(str(place))} cannot be opened: {reason}")


def _by_url(url: Secret[str], *, readonly: bool, now: Callable[[], datetime]) -> Journal:
    scheme = str(url.reveal().partition("://")[0])[:20]
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
