"""A journal in one file, for one living process: SQLite, write-ahead log, full sync."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Final

from attrs import define

from kalshi_ext.journal import lock
from kalshi_ext.journal.commit import GroupCommitter
from kalshi_ext.journal.entry import OPEN, Entry, utc_now
from kalshi_ext.journal.errors import JournalUnusable
from kalshi_ext.journal.journal import Journal, new_owner
from kalshi_ext.journal.lock import FileLock
from kalshi_ext.journal.serialization import COLUMNS, from_row, row_problems, to_row
from kalshi_ext.journal.sqlite_file import OPEN_STATES, connect, newest, resolved
from kalshi_ext.journal.store import InvalidData, Selection, StoreError, StoreUnavailable
from kalshi_ext.journal.writer import Writer

_LIST: Final = ", ".join(COLUMNS)
_NAMES: Final = ", ".join(f":{column}" for column in COLUMNS)
_SCAN: Final = f"SELECT seq, {_LIST} FROM entry ORDER BY seq"  # noqa: S608 - column names
_SETS: Final = ", ".join(f"{column} = :{column}" for column in COLUMNS if column != "key")
_INSERT: Final = f"INSERT INTO entry ({_LIST}) VALUES ({_NAMES})"  # noqa: S608 - column names
_UPDATE: Final = f"UPDATE entry SET {_SETS} WHERE key = :key"  # noqa: S608 - column names
_LOAD: Final = (
    f"SELECT {_LIST} FROM entry WHERE key IN (SELECT value FROM json_each(?))"  # noqa: S608 - column names
    f" UNION SELECT {_LIST} FROM entry WHERE intent IN (SELECT value FROM json_each(?))"
)
_FAULTY_DATA: Final = frozenset(
    {sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH}
)


def _select(selection: Selection) -> str:
    only_open = selection.states == OPEN
    states = OPEN_STATES if only_open else ", ".join(f"'{n}'" for n in selection.state_names)
    source = "entry INDEXED BY entry_open" if only_open else "entry"
    ticker = "" if selection.ticker is None else "AND ticker = :ticker"
    return (
        f"SELECT seq, {_LIST} FROM {source} WHERE state IN ({states}) AND seq > :after {ticker}"  # noqa: S608 - column and state names
        " ORDER BY seq LIMIT :limit"
    )


@contextmanager
def _explained() -> Generator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise _explain(error) from error
    except (OverflowError, UnicodeEncodeError, ValueError) as error:
        raise InvalidData(str(error)) from error


def _explain(error: sqlite3.Error) -> StoreError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the low byte is the primary code
    if code in _FAULTY_DATA:
        return InvalidData(str(error))
    return StoreUnavailable(f"{error} ({getattr(error, 'sqlite_errorname', type(error).__name__)})")


@define(eq=False)
class SqliteStore:
    """Entries in a SQLite file. Opened by one thread, then used by another one alone."""

    path: Path
    owner: str
    _link: sqlite3.Connection
    _lock: FileLock | None
    _files: dict[Path, tuple[int, int]]
    _writing: bool = False
    _last: int | None = None  # the number of the newest entry this transaction makes

    def begin(self, *, writing: bool) -> None:
        """Start a transaction; a writing one takes SQLite's write lock at once."""
        if writing and self._lock is None:
            raise StoreUnavailable(f"{self.path} was opened for reading only")
        self._writing, self._last = writing, None
        with _explained():
            self._link.execute("BEGIN IMMEDIATE" if writing else "BEGIN")

    def load(self, keys: Collection[str], intents: Collection[str]) -> list[Entry]:
        """Read entries by key and intent."""
        with _explained():
            wanted = (json.dumps(list(keys)), json.dumps(list(intents)))
            return [from_row(values) for values in self._link.execute(_LOAD, wanted)]

    def save(self, new: Sequence[Entry], changed: Sequence[Entry]) -> None:
        """Insert and update rows."""
        with _explained():
            self._link.executemany(_INSERT, map(to_row, new))
            self._link.executemany(_UPDATE, map(to_row, changed))
            if new:
                self._last = newest(self._link)

    def select(self, selection: Selection, after: int, limit: int) -> list[tuple[int, Entry]]:
        """List entries by position."""
        bound = {"ticker": selection.ticker, "after": after, "limit": limit}
        with _explained():
            found = self._link.execute(_select(selection), bound)
            return [(values[0], from_row(values[1:])) for values in found]

    def alive(self, owner: str) -> bool:
        """Say whether an owner is this journal: while it holds the file there is no other."""
        if self._lock is not None:
            return owner == self.owner
        return lock.is_held(self.path) and lock.holder(self.path).get("owner") == owner

    def verify(self) -> list[str]:
        """Let SQLite check its pages, then read every row as far as that goes."""
        found: list[str] = []
        try:
            found.extend(row[0] for row in self._link.execute("PRAGMA integrity_check(100)"))
            found.extend(line for row in self._link.execute(_SCAN) for line in row_problems(row))
        except sqlite3.Error as error:
            found.append(str(_explain(error)))
        return [line for line in found if line != "ok"]

    def commit(self) -> None:
        """Write and sync the log."""
        if not self._writing:
            self.rollback()  # nothing to keep, and what a damaged page cost stays with its reader
            return
        if self._lock is not None and not self._in_place():
            raise StoreUnavailable(
                f"{self.path}, its log or its lock file was moved, replaced or removed"
            )
        with _explained():
            self._link.execute("COMMIT")
        if self._last is not None and self._lock is not None:
            self._lock.note(self._last)

    def _in_place(self) -> bool:
        with suppress(OSError):
            same = all(lock.identity(path) == known for path, known in self._files.items())
            return same and self._lock is not None and self._lock.intact()
        return False

    def rollback(self) -> None:
        """Drop the transaction."""
        with suppress(sqlite3.Error):
            self._link.rollback()

    def close(self) -> None:
        """Close the database, then let the next process in."""
        with suppress(sqlite3.Error):
            self._link.close()
        if self._lock is not None:
            self._lock.release()


class SqliteJournal(Journal):
    """A journal in a file that one living process has to itself.

    Raises JournalBusy when another one has it, JournalUnusable when the file cannot serve.
    With `readonly` it looks on beside a living holder and cannot write.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        readonly: bool = False,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        owner = new_owner()
        store = _opened(resolved(path), owner, readonly=readonly)
        super().__init__(
            Writer(GroupCommitter(store, owner, now)).start(), owner, repr(str(store.path))
        )


def _opened(path: Path, owner: str, *, readonly: bool) -> SqliteStore:
    lock = None if readonly else _locked(path, owner)
    try:
        link = connect(path, readonly=readonly, written=lock.said["last"] if lock else None)
        return SqliteStore(path, owner, link, lock, _files(path, readonly=readonly))
    except BaseException:
        if lock is not None:
            lock.release(silent=lock.said["last"] is None)
        raise


def _files(path: Path, *, readonly: bool) -> dict[Path, tuple[int, int]]:
    # The log too: a commit into a log without a name is gone with the process. SQLite keeps log
    # and index for as long as a connection is open.
    ends = ("",) if readonly else ("", "-wal", "-shm")
    places = [path.with_name(path.name + end) for end in ends]
    return {place: lock.identity(place) for place in places}


def _locked(path: Path, owner: str) -> FileLock:
    try:
        return lock.hold(path, owner)
    except OSError as error:
        raise JournalUnusable(f"{path}: its lock file cannot be used: {error}") from error
