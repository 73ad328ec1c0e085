"""The file of a SQLite journal: kept to one living process, private, durable and up to date.

One process at a time: the lock is `flock` (Windows: a byte-range lock) on `FILE.lock`, and the
kernel drops it however the process ends. SQLite's own exclusive mode would shut out readers too.
A POSIX record lock would be dropped by any other code of the process that reads and closes the
lock file. What `flock` lacks, that a forked child does not share it, is done here by hand.

The lock file says who holds it, as JSON, and how many entries the database has. After a crash
the newest entries are in `FILE-wal`, and SQLite cannot tell when that file is gone: an opening
that finds fewer entries than the lock file names is refused.
"""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, cast

from attrs import define, field

from kalshi_ext.bases import Printed
from kalshi_ext.errors import Misuse
from kalshi_ext.journal.entry import JournalBusy, JournalUnusable
from kalshi_ext.redact import redacted_repr

if sys.platform == "win32":  # unverified: no test has run there
    import msvcrt

    # Windows locks forbid reading: lock a byte behind the text that names the holder.
    def _acquire(descriptor: int) -> None:
        os.lseek(descriptor, 1 << 20, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        os.lseek(descriptor, 0, os.SEEK_SET)

else:
    import fcntl

    def _acquire(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


_WIDTH: Final = 512
_ENCODER: Final = json.JSONEncoder()
_descriptors: set[int] = set()  # of the locks that this process holds


def _close_inherited() -> None:
    # A child that kept the descriptor open would keep the lock beyond its parent's death.
    while _descriptors:
        with suppress(OSError):
            os.close(_descriptors.pop())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_inherited)


def file_identity(path: Path | str | int) -> tuple[int, int]:
    """Return what distinguishes a file from any other: device and inode."""
    status = os.stat(path)  # noqa: PTH116 - a descriptor has no Path
    return status.st_dev, status.st_ino


@define(eq=False, repr=False)
class FileLock(Printed):
    """A lock that this process holds. `path` is the lock file, `record` its content."""

    path: Path
    record: dict[str, Any]
    identity: tuple[int, int]
    _descriptor: int

    def write_newest(self, number: int) -> None:
        """Leave the number of the newest entry for the next holder, should this one die."""
        self.record["last"] = number
        with suppress(OSError):  # then only a check is missing
            _write(self._descriptor, self.record)

    def release(self, *, erase: bool = True) -> None:
        """Let the next process in; `erase` leaves an empty lock file.

        The file stays: removing it would race with a process that locks it.
        """
        if self._descriptor not in _descriptors:
            return
        _descriptors.discard(self._descriptor)
        if erase:
            with suppress(OSError):
                os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)


# How long a directory must be unchanged until a further change surely has another date: some ticks
# of the kernel's clock; or more than the two seconds of a file system that dates by whole ones.
_SETTLED_S: Final = 0.05
_SETTLED_COARSE_S: Final = 2.5


@define(eq=False, repr=False)
class FilePlace(Printed):
    """The names of files in one directory, and which file each had when it was opened."""

    known: dict[str, tuple[int, int]]
    _directory: str = field(init=False)
    # The directory with its latest change, since when (monotonic) and whether it is settled.
    _seen: tuple[int, ...] | None = None
    _seen_at: float = 0.0
    _is_settled: bool = False

    def __attrs_post_init__(self) -> None:
        self._directory = os.path.dirname(next(iter(self.known)))  # noqa: PTH120 - asked for often

    def is_kept(self) -> bool:
        """Say whether each name still has its file: none was moved, replaced or removed."""
        # One look for all where nothing in their directory changed since the last. Its dates have
        # a clock's grain: a second change within one leaves them. `rsync -a` resets the first.
        try:
            status = os.stat(self._directory)  # noqa: PTH116 - asked at each commit
            seen = status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns
            if self._is_settled and seen == self._seen:
                return True
            return self._look(seen)
        except OSError:
            return False

    def _look(self, seen: tuple[int, ...]) -> bool:
        self._is_settled = False  # also where a look at a file raises
        now, is_same = time.monotonic(), seen == self._seen
        if not is_same:
            self._seen, self._seen_at = seen, now
        is_kept = all(file_identity(name) == known for name, known in self.known.items())
        grain = _SETTLED_S if seen[2] % 1_000_000_000 else _SETTLED_COARSE_S
        self._is_settled = is_kept and is_same and now - self._seen_at > grain
        return is_kept


def lock_path(path: Path) -> Path:
    """Return the lock file that belongs to a file."""
    return path.with_name(path.name + ".lock")


def lock_file(path: Path, owner: str) -> FileLock:
    """Lock a file for this process. Raises JournalBusy, naming the holder, and OSError."""
    place = lock_path(path)
    descriptor = os.open(place, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
    try:
        _acquire(descriptor)
        # What a dead holder wrote of the newest entry stays until the database was checked.
        record = _holder_record(owner) | {"last": read_holder(path).get("last")}
        os.ftruncate(descriptor, 0)
        _write(descriptor, record)
    except BlockingIOError as error:
        os.close(descriptor)
        raise _busy(path) from error
    except BaseException:
        os.close(descriptor)
        raise
    _descriptors.add(descriptor)
    return FileLock(place, record, file_identity(descriptor), descriptor)


def _holder_record(owner: str) -> dict[str, Any]:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    return {"pid": os.getpid(), "host": socket.gethostname(), "since": since, "owner": owner}


def _write(descriptor: int, record: Mapping[str, Any]) -> None:
    text = _ENCODER.encode(record).ljust(_WIDTH)  # one length: one write replaces the former
    if hasattr(os, "pwrite"):
        os.pwrite(descriptor, text.encode(), 0)
        return
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, text.encode())


def read_holder(path: Path) -> Mapping[str, Any]:
    """Read who wrote the lock file last; empty when nobody, or when it cannot be read."""
    try:
        record = json.loads(lock_path(path).read_text())
    except (OSError, ValueError):
        return {}
    return cast("dict[str, Any]", record) if isinstance(record, dict) else {}


def is_locked(path: Path) -> bool:
    """Say whether a living process holds the lock of a file now."""
    # By trying: the text of the lock file outlives a process that was killed.
    try:
        descriptor = os.open(lock_path(path), os.O_RDWR)
    except OSError:
        return False
    try:
        _acquire(descriptor)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _busy(path: Path) -> JournalBusy:
    holder = read_holder(path)
    known = {name: holder.get(name) for name in ("pid", "host", "since")}
    who = "process {pid} on {host} since {since}".format(**known) if holder else "another process"
    return JournalBusy(f"{path} is in use by {who}", path=str(path), **known)


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
        raise Misuse(f"journal: expected a file's path, got {redacted_repr(str(path))}")
    place = Path(path).expanduser().resolve()
    if not place.parent.is_dir():
        raise JournalUnusable(f"{place}: its directory does not exist")
    if place.exists() and not place.is_file():
        raise JournalUnusable(f"{place} is not a regular file")
    return place


def connect(path: Path, *, readonly: bool, written: object = None) -> sqlite3.Connection:
    """Open the database. Raises JournalUnusable.

    `written` is the number of entries that a holder which died had written; None without one.
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
    # No thread check: the opening thread hands the connection to the writer and drops it.
    connection = sqlite3.connect(
        f"{path.as_uri()}?mode={'ro' if readonly else 'rw'}",
        uri=True,
        isolation_level=None,
        timeout=_BUSY_S,
        check_same_thread=False,
    )
    try:
        (_check_version if readonly else _prepare_writing)(connection)
        if isinstance(written, int):
            _check_complete(connection, path, written)
    except BaseException:
        connection.close()
        raise
    return connection


def newest(connection: sqlite3.Connection) -> int:
    """Return the number of the newest entry, 0 of none."""
    (number,) = connection.execute("SELECT max(seq) FROM entry").fetchone()
    return number or 0


def _check_complete(connection: sqlite3.Connection, path: Path, written: int) -> None:
    """Refuse a file that lacks entries which a holder that died had written."""
    stored = newest(connection)
    if stored < written:
        raise JournalUnusable(
            f"it holds {stored} entries, and {written} were written: its log {path.name}-wal is "
            "gone, or an old copy was put in its place. Bring it back. If it is lost, look at the "
            f"exchange for orders it does not know, then remove {lock_path(path).name} to go on"
        )


def _check_version(connection: sqlite3.Connection) -> None:
    version = version_of(connection)
    if version != CURRENT:
        raise JournalUnusable(f"schema {version} is older: open it once for writing")


def _prepare_writing(connection: sqlite3.Connection) -> None:
    version_of(connection)  # a foreign database is left as it is
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise JournalUnusable("its file system cannot share memory, which SQLite's log needs")
    for setting in _SETTINGS:
        connection.execute(setting)
    migrate(connection)
    # After a failed sync the kernel may take lost pages of the log for clean ones. Copying the
    # log into the database writes them anew, and a sync that succeeds then means what it says.
    # It is done even where a reader keeps the log from being cut ("busy").
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()


APPLICATION: Final = 0x4B4A4E4C  # "KJNL", in the header of the file: tells it from other databases

OPEN_STATES: Final = "'intent', 'sent', 'unknown'"
"""The states of the partial index, as it spells them: SQLite uses it only for the same words."""

UNTOLD_ROWS: Final = f"told = 0 AND state NOT IN ({OPEN_STATES})"
"""The rows of the other partial index."""

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
    (
        "ALTER TABLE entry ADD COLUMN exchange_time INTEGER",
        # Whoever ended an entry in an older version told its caller, as far as anybody knows.
        "ALTER TABLE entry ADD COLUMN told INTEGER NOT NULL DEFAULT 1",
        f"UPDATE entry SET told = 0 WHERE state IN ({OPEN_STATES})",  # noqa: S608 - state names
        "ALTER TABLE entry ADD COLUMN account TEXT NOT NULL DEFAULT ''",
        f"CREATE INDEX entry_untold ON entry (seq) WHERE {UNTOLD_ROWS}",
    ),
)
CURRENT: Final = len(MIGRATIONS)


def version_of(connection: sqlite3.Connection) -> int:
    """Read the schema's version, 0 for an empty file. Raises JournalUnusable."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != APPLICATION and (application or version or tables):
        raise JournalUnusable("a SQLite database, but not a journal of this library")
    if version > CURRENT:
        raise JournalUnusable(f"written by a newer version (schema {version}, known {CURRENT})")
    return int(version)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the schema to the current version, in one transaction."""
    if version_of(connection) == CURRENT:
        return
    connection.execute("BEGIN EXCLUSIVE")
    try:
        _apply(connection)
    except BaseException:
        connection.rollback()
        raise
    connection.execute("COMMIT")


def _apply(connection: sqlite3.Connection) -> None:
    for statements in MIGRATIONS[version_of(connection) :]:
        for statement in statements:
            connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
    connection.execute(f"PRAGMA user_version = {CURRENT}")
