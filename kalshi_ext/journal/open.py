"""Open the journal that a path, a URL or nothing names.

A file that this process has open already is not opened again: its journal gets one more handle,
whichever name of the file was given. So a client of another event loop, or of a new key, sees
the keys that the first one has in flight.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from kalshi_ext.arguments import must_be, plain
from kalshi_ext.errors import INSTALL, Misuse
from kalshi_ext.journal.entry import JournalUnusable, utc_now
from kalshi_ext.journal.journal import Journal, OpenJournal
from kalshi_ext.journal.memory import MemoryJournal
from kalshi_ext.journal.sqlite import SqliteJournal
from kalshi_ext.journal.sqlite_file import file_identity, resolved
from kalshi_ext.redact import Secret, as_secret, redacted_repr


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
    place = plain(where.reveal())
    if isinstance(place, Journal):
        return place
    if place is None:
        return MemoryJournal(now=now)
    if not isinstance(place, str | Path):
        raise must_be("journal", place, "a path, a postgresql:// URL or a Journal")
    if isinstance(place, str) and "://" in place:
        del place
        return _by_url(where, readonly=readonly, now=now)
    return _in_file(place, readonly=readonly, now=now)


def _in_file(place: str | Path, *, readonly: bool, now: Callable[[], datetime]) -> Journal:
    if isinstance(place, str) and place and not (place.strip() and place.isprintable()):
        shown = redacted_repr(place)
        raise Misuse(f"journal: expected a path of printable characters, got {shown}")
    try:
        if readonly:
            return SqliteJournal(place, readonly=True, now=now)
        return _shared_file(resolved(place), now)
    except (OSError, RuntimeError, UnicodeError) as error:  # a name too long, a home of nobody
        reason = str(getattr(error, "strerror", None) or error)
    raise JournalUnusable(f"journal: {redacted_repr(str(place))} cannot be opened: {reason}")


_lock = threading.RLock()
# By what identifies a file, not by its name: a hard link has another one. Weak: a journal that
# was dropped without being closed must not live on in here.
_open: weakref.WeakValueDictionary[tuple[int, int], OpenJournal] = weakref.WeakValueDictionary()


def _forget_inherited() -> None:
    # The journals of the parent are not usable in a forked child, nor is a lock it had.
    global _lock
    _lock = threading.RLock()
    _open.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_inherited)


def _shared_file(path: Path, now: Callable[[], datetime]) -> Journal:
    closed: OpenJournal | None = None
    while True:
        with _lock:
            opened = _find(path)
            if opened is None or opened is closed:
                return _first_handle(path, now)
            handle = SqliteJournal.handle_of(opened)
            if handle is not None:
                return handle
        opened.runner.close()  # its last handle has gone: wait until the file is free
        closed = opened


def _find(path: Path) -> OpenJournal | None:
    try:
        return _open.get(file_identity(path))
    except OSError:
        return None


def _first_handle(path: Path, now: Callable[[], datetime]) -> Journal:
    journal = SqliteJournal(path, now=now)
    _open[file_identity(path)] = journal.opened
    return journal


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
