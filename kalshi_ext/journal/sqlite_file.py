"""Open the file of a SQLite journal: private, durable, sound and up to date."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Final

from kalshi_ext.errors import Misuse
from kalshi_ext.journal.errors import JournalUnusable
from kalshi_ext.journal.lock import lock_path

_BUSY_S: Final = 5.0  # a reader may hold a lock for a moment while it opens or closes
_SETTINGS: Final = (
    "PRAGMA synchronous = FULL",  # one sync of the log a commit; NORMAL would lose some
    "PRAGMA fullfsync = ON",  # only macOS knows it: there fsync alone does not reach the disk
    "PRAGMA checkpoint_fullfsync = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
)


def resolved(path: str | Path) -> Path:
    """Return the absolute path without links, so that one file has one lock. Raises Misuse."""
    if not str(path) or str(path) == ":memory:" or "\0" in str(path):
        raise Misuse(f"journal: expected a file's path, got {str(path)!r}")
    place = Path(path).expanduser().resolve()
    if not place.parent.is_dir():
        raise JournalUnusable(f"{place}: its directory does not exist")
    if place.exists() and not place.is_file():
        raise JournalUnusable(f"{place} is not a regular file")
    return place


def connect(path: Path, *, readonly: bool, written: object = None) -> sqlite3.Connection:
    """Open the database. Raises JournalUnusable.

    `written` is how many entries a holder that died had written, None where none did.
    """
    try:
        if not readonly:
            _make_private(path)
        return _prepared(path, readonly=readonly, written=written)
    except (sqlite3.Error, OSError, JournalUnusable) as error:
        raise JournalUnusable(f"{path}: {error}") from error


def _make_private(path: Path) -> None:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)  # SQLite gives its side files the mode of the main one
    if os.name == "posix":
        _sync(path.parent)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)  # the file's name must survive a power loss, not only its bytes
    finally:
        os.close(descriptor)


def _prepared(path: Path, *, readonly: bool, written: object) -> sqlite3.Connection:
    # No thread check: the opening thread hands the connection to the writer and lets go of it.
    link = sqlite3.connect(
        f"{path.as_uri()}?mode={'ro' if readonly else 'rw'}",
        uri=True,
        isolation_level=None,
        timeout=_BUSY_S,
        check_same_thread=False,
    )
    try:
        (_for_reading if readonly else _for_writing)(link)
        if isinstance(written, int):
            _check_complete(link, path, written)
    except BaseException:
        link.close()
        raise
    return link


def newest(link: sqlite3.Connection) -> int:
    """Return the number of the newest entry, 0 of none."""
    (last,) = link.execute("SELECT max(seq) FROM entry").fetchone()
    return last or 0


def _check_complete(link: sqlite3.Connection, path: Path, written: int) -> None:
    """Refuse a file that lacks entries which a holder that died had written."""
    there = newest(link)
    if there < written:
        raise JournalUnusable(
            f"it holds {there} entries, and {written} were written: its log {path.name}-wal is "
            "gone, or an old copy was put in its place. Bring it back. If it is lost, look at the "
            f"exchange for orders it does not know, then remove {lock_path(path).name} to go on"
        )


def _for_reading(link: sqlite3.Connection) -> None:
    version = version_of(link)
    if version != CURRENT:
        raise JournalUnusable(f"schema {version} is older: open it once for writing")


def _for_writing(link: sqlite3.Connection) -> None:
    version_of(link)  # a foreign database is left as it is
    (mode,) = link.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise JournalUnusable("its file system cannot share memory, which SQLite's log needs")
    for setting in _SETTINGS:
        link.execute(setting)
    migrate(link)
    # After a failed sync the kernel may take lost pages of the log for clean ones. Copying the
    # log into the database writes them anew, and a sync that succeeds then means what it says.
    # It is done even where a reader keeps the log from being cut ("busy").
    link.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()


APPLICATION: Final = 0x4B4A4E4C  # "KJNL", in the header of the file: tells it from other databases

OPEN_STATES: Final = "'intent', 'sent', 'unknown'"
"""The states of the partial index, as it spells them: SQLite uses it only for the same words."""

# Version 1 was never released: it stands here so that the way from one version to the next is
# walked by every new file, and tested, before the first time it matters.
MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (
        """CREATE TABLE entry (
            seq INTEGER PRIMARY KEY,
            key TEXT NOT NULL UNIQUE,
            operation TEXT NOT NULL,
            ticker TEXT,
            subaccount INTEGER,
            fingerprint TEXT NOT NULL,
            ticket TEXT NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('intent', 'sent', 'unknown', 'acknowledged',
                                                 'refused', 'not_sent', 'resolved')),
            order_id TEXT,
            verdict TEXT,
            attempts INTEGER NOT NULL,
            owner TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            sent_at INTEGER,
            updated_at INTEGER NOT NULL)""",
        f"CREATE INDEX entry_open ON entry (ticker) WHERE state IN ({OPEN_STATES})",
    ),
    (
        "ALTER TABLE entry ADD COLUMN intent TEXT",
        "CREATE UNIQUE INDEX entry_intent ON entry (intent) WHERE intent IS NOT NULL",
    ),
)
CURRENT: Final = len(MIGRATIONS)


def version_of(link: sqlite3.Connection) -> int:
    """Read the schema's version, 0 for an empty file. Raises JournalUnusable."""
    (version,) = link.execute("PRAGMA user_version").fetchone()
    (application,) = link.execute("PRAGMA application_id").fetchone()
    (tables,) = link.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != APPLICATION and (application or version or tables):
        raise JournalUnusable("a SQLite database, but not a journal of this library")
    if version > CURRENT:
        raise JournalUnusable(f"written by a newer version (schema {version}, known {CURRENT})")
    return int(version)


def migrate(link: sqlite3.Connection) -> None:
    """Bring the schema to the current version, in one transaction."""
    if version_of(link) == CURRENT:
        return
    link.execute("BEGIN EXCLUSIVE")
    try:
        _apply(link)
    except BaseException:
        link.rollback()
        raise
    link.execute("COMMIT")


def _apply(link: sqlite3.Connection) -> None:
    for statements in MIGRATIONS[version_of(link) :]:
        for statement in statements:
            link.execute(statement)
    link.execute(f"PRAGMA application_id = {APPLICATION}")
    link.execute(f"PRAGMA user_version = {CURRENT}")
