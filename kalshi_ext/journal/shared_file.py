"""The journals in files, one for each file.

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

from kalshi_ext.journal.journal import Journal, OpenJournal
from kalshi_ext.journal.sqlite import SqliteJournal
from kalshi_ext.journal.sqlite_file import file_identity, resolved


def open_file(place: str | Path, *, readonly: bool, now: Callable[[], datetime]) -> Journal:
    """Open a journal in a file. Raises Misuse, JournalBusy, JournalUnusable, OSError."""
    if readonly:
        return SqliteJournal(place, readonly=True, now=now)
    return _shared_file(resolved(place), now)


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
