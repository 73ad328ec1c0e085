"""Open the journal that a path, a URL or nothing names.

A file that this process has open already is not opened again: its journal gets one more handle,
whichever name of the file was given. So a client of another event loop, or of a new key, sees
the keys that the first one has in flight.
"""

from __future__ import annotations

import os
import re
import threading
import weakref
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final, cast

from kalshi_ext.arguments import is_storable, plain
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
    if isinstance(where.reveal(), Journal):
        return cast("Journal", where.reveal())
    if where.reveal() is None:
        return MemoryJournal(now=now)
    if (fault := _fault_of(where)) is not None:
        raise Misuse(fault)
    if "://" in str(where.reveal()):
        return _by_url(where, readonly=readonly, now=now)
    return _in_file(plain(where.reveal()), readonly=readonly, now=now)


# How pathlib leaves a URL, and what psycopg takes besides one; either may hold a password.
_URL_AS_PATH: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,20}:/")
_PARAMETER: Final = re.compile(r"(?:^|\s)(?:host|hostaddr|port|dbname|user|password|service)\s?=")


def _fault_of(where: Secret[Any]) -> str | None:
    """Say why a place is none. Not raised here: the frames of an error show their locals."""
    place = plain(where.reveal())
    if not isinstance(place, str | Path):
        expected = "a path, a postgresql:// URL or a Journal"
        return f"journal must be {expected}, not {redacted_repr(place)}"
    if isinstance(place, Path) and _URL_AS_PATH.match(str(place).strip()):
        return "journal: a URL is given as a text, not as a Path (value not shown)"
    if len(_PARAMETER.findall(str(place)[:_LONGEST])) > 1:
        return "journal: say a connection as a postgresql:// URL (value not shown)"
    if isinstance(place, str) and place and not _is_readable(place):
        return f"journal: expected a path of printable characters, got {redacted_repr(place)}"
    return None


def _is_readable(place: str) -> bool:
    return bool(place.strip()) and (place.isprintable() or ("://" in place and is_storable(place)))


_LONGEST: Final = 4096  # characters of a path on the systems of today


def _in_file(place: str | Path, *, readonly: bool, now: Callable[[], datetime]) -> Journal:
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
