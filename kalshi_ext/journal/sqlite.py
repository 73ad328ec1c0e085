"""A journal in one file, for one living process: SQLite, write-ahead log, full sync."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final

from attrs import define

from kalshi_ext.bases import Printed
from kalshi_ext.journal import sqlite_file
from kalshi_ext.journal.commit import GroupCommitter
from kalshi_ext.journal.entry import OPEN, Entry, JournalUnusable, utc_now
from kalshi_ext.journal.journal import Journal, new_owner
from kalshi_ext.journal.sqlite_file import OPEN_STATES, UNTOLD_ROWS, FileLock, FilePlace
from kalshi_ext.journal.stop_record import FileStopRecord
from kalshi_ext.journal.store import (
    CHANGING,
    COLUMNS,
    UNTOLD,
    EntryPage,
    InvalidData,
    Selection,
    StoreError,
    StoreUnavailable,
    from_row,
    row_problems,
    to_row,
)
from kalshi_ext.journal.writer import Writer

_LIST: Final = ", ".join(COLUMNS)
_NUMBERS: Final = {column: f"?{number}" for number, column in enumerate(COLUMNS, 1)}
_VALUES: Final = ", ".join(_NUMBERS.values())
_SCAN: Final = f"SELECT seq, {_LIST} FROM entry ORDER BY seq"  # noqa: S608 - column names
_SETS: Final = ", ".join(f"{column} = {_NUMBERS[column]}" for column in CHANGING)
_INSERT: Final = f"INSERT INTO entry ({_LIST}) VALUES ({_VALUES})"  # noqa: S608 - column names
_UPDATE: Final = f"UPDATE entry SET {_SETS} WHERE key = {_NUMBERS['key']}"  # noqa: S608 - column names
_CHANGING_TO: Final = 1 + max(map(COLUMNS.index, CHANGING))  # SQLite counts values to the last one
_LOAD: Final = (
    f"SELECT {_LIST} FROM entry WHERE key IN (SELECT value FROM json_each(?))"  # noqa: S608 - column names
    f" UNION SELECT {_LIST} FROM entry WHERE intent IN (SELECT value FROM json_each(?))"
)
_LOAD_ONE: Final = f"SELECT {_LIST} FROM entry WHERE key = ? OR intent = ?"  # noqa: S608 - column names
_TOLD: Final = (
    f"UPDATE entry SET told = 1 WHERE {UNTOLD_ROWS}"  # noqa: S608 - column and state names
    " AND key IN (SELECT value FROM json_each(?))"
)
_DATA_ERRORS: Final = frozenset(
    {sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH}
)


def _select(selection: Selection) -> str:
    source, rows = "entry", "state IN ({})".format(", ".join(map(repr, selection.state_names)))
    if selection.states == OPEN:
        source, rows = "entry INDEXED BY entry_open", f"state IN ({OPEN_STATES})"
    elif selection == UNTOLD:
        source, rows = "entry INDEXED BY entry_untold", UNTOLD_ROWS
    elif selection.untold:
        rows += f" AND {UNTOLD_ROWS}"
    ticker = "" if selection.ticker is None else "AND ticker = :ticker"
    return (
        f"SELECT seq, {_LIST} FROM {source} WHERE {rows} AND seq > :after {ticker}"  # noqa: S608 - column and state names
        " ORDER BY seq LIMIT :limit"
    )


class _StoreErrors:
    """Turns what SQLite raises into errors of a store; written out, for each commit enters it."""

    def __enter__(self) -> None:
        """Begin; nothing is kept."""

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, sqlite3.Error):
            raise _store_error(error) from error
        if isinstance(error, OverflowError | UnicodeEncodeError | ValueError):
            raise InvalidData(str(error)) from error


_store_errors: Final = _StoreErrors()


def _store_error(error: sqlite3.Error) -> StoreError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the low byte is the primary code
    if code in _DATA_ERRORS:
        return InvalidData(str(error))
    return StoreUnavailable(f"{error} ({getattr(error, 'sqlite_errorname', type(error).__name__)})")


@define(eq=False, repr=False)
class SqliteStore(Printed):
    """Entries in a SQLite file. Opened by one thread, then used by another one alone."""

    path: Path
    owner: str
    _connection: sqlite3.Connection
    _lock: FileLock | None  # None when it was opened for reading
    _place: FilePlace
    _account: str | None = None
    _former_account: str | None = None  # what the running transaction changed it from
    _writing: bool = False
    _newest: int | None = None  # the number of the newest entry this transaction makes

    @property
    def account(self) -> str:
        """The account it is bound to; that of its first entry is that of all."""
        # Read late: a damaged file must open for those who look at the damage.
        if self._account is None:
            with _store_errors:
                statement = "SELECT account FROM entry ORDER BY seq LIMIT 1"
                row = self._connection.execute(statement).fetchone()
            self._account = str(row[0]) if row else ""
        return self._account

    def begin(self, *, writing: bool) -> None:
        """Start a transaction; a writing one takes SQLite's write lock at once."""
        # At once, because a transaction that began by reading may fail to get the lock later.
        if writing and self._lock is None:
            raise StoreUnavailable(f"{self.path} was opened for reading only")
        self._writing, self._newest, self._former_account = writing, None, None
        with _store_errors:
            self._connection.execute("BEGIN IMMEDIATE" if writing else "BEGIN")

    def load(self, keys: Collection[str], intents: Collection[str]) -> list[Entry]:
        """Read entries by key and intent."""
        with _store_errors:
            if len(keys) == 1 and len(intents) <= 1:
                one = next(iter(keys)), next(iter(intents), None)  # nothing is equal to NULL
                return [from_row(row) for row in self._connection.execute(_LOAD_ONE, one)]
            # Two JSON arrays: the number of SQL parameters is limited, that of keys is not.
            wanted = (json.dumps(list(keys)), json.dumps(list(intents)))
            return [from_row(values) for values in self._connection.execute(_LOAD, wanted)]

    def save(self, new: Sequence[Entry], changed: Sequence[Entry]) -> None:
        """Insert and update rows."""
        with _store_errors:
            for entry in new:
                values = tuple(to_row(entry).values())
                self._newest = self._connection.execute(_INSERT, values).lastrowid
            for entry in changed:
                values = tuple(to_row(entry).values())[:_CHANGING_TO]
                self._connection.execute(_UPDATE, values)

    def select(self, selection: Selection, after: int, limit: int) -> EntryPage:
        """List entries by position."""
        parameters = {"ticker": selection.ticker, "after": after, "limit": limit}
        with _store_errors:
            rows = self._connection.execute(_select(selection), parameters)
            return [(row[0], from_row(row[1:])) for row in rows]

    def bind(self, account: str) -> None:
        """Make it this account's; the entries reserved from now on say so."""
        self._account = account

    def has_entries_of(self, account: str) -> bool:
        """Say whether there is an entry of an account."""
        statement = "SELECT EXISTS (SELECT 1 FROM entry WHERE account = ?)"
        with _store_errors:
            return bool(self._connection.execute(statement, [account]).fetchone()[0])

    def accounts(self) -> list[str]:
        """Name the account of the file, if it has entries."""
        with _store_errors:
            return [self.account] if sqlite_file.newest(self._connection) else []

    def adopt(self, account: str) -> int:
        """Move all entries to another account."""
        former = self.account
        with _store_errors:
            moved = self._connection.execute("UPDATE entry SET account = ?", [account]).rowcount
        self._former_account, self._account = former, account
        return moved

    def mark_told(self, keys: Collection[str]) -> None:
        """Mark verdicts as told."""
        with _store_errors:
            self._connection.execute(_TOLD, [json.dumps(list(keys))])

    def alive(self, owner: str) -> bool:
        """Say whether an owner is this journal: while it has the file there is no other."""
        if self._lock is not None:
            return owner == self.owner
        holder = sqlite_file.read_holder(self.path)
        return sqlite_file.is_locked(self.path) and holder.get("owner") == owner

    def verify(self) -> list[str]:
        """Let SQLite check its pages, then read every row as far as that goes."""
        problems: list[str] = []
        query = self._connection.execute
        try:
            problems.extend(row[0] for row in query("PRAGMA integrity_check(100)"))
            problems.extend(line for row in query(_SCAN) for line in row_problems(row))
        except sqlite3.Error as error:
            problems.append(str(_store_error(error)))  # the damage itself, and how far the scan got
        return [line for line in problems if line != "ok"]

    def commit(self) -> None:
        """Write and sync the log."""
        if not self._writing:
            self.rollback()  # nothing to keep; an error of a damaged page stays with its reader
            return
        # A commit into a file that was moved or removed succeeds, and nobody finds it again.
        if self._lock is not None and not self._place.is_kept():
            raise StoreUnavailable(
                f"{self.path}, its log or its lock file was moved, replaced or removed"
            )
        with _store_errors:
            self._connection.execute("COMMIT")
        if self._newest is not None and self._lock is not None:
            self._lock.write_newest(self._newest)

    def rollback(self) -> None:
        """Drop the transaction."""
        with suppress(sqlite3.Error):
            self._connection.rollback()
        if self._former_account is not None:
            self._account, self._former_account = self._former_account, None

    def close(self) -> None:
        """Close the database, then let the next process in."""
        with suppress(sqlite3.Error):
            self._connection.close()
        if self._lock is not None:
            self._lock.release()


class SqliteJournal(Journal):
    """A journal in a file that one living process has to itself.

    Raises JournalBusy when another one has it, JournalUnusable when the file cannot be used.
    With `readonly` it reads beside a living holder and cannot write.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        readonly: bool = False,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        owner = new_owner()
        store = _open_store(sqlite_file.resolved(path), owner, readonly=readonly)
        super().__init__(
            Writer(GroupCommitter(store, owner, now)).start(), owner, repr(str(store.path))
        )
        self.stops.record = FileStopRecord.beside(store.path)


def _open_store(path: Path, owner: str, *, readonly: bool) -> SqliteStore:
    lock = None if readonly else _locked(path, owner)
    try:
        written = lock.record["last"] if lock else None
        connection = sqlite_file.connect(path, readonly=readonly, written=written)
        return SqliteStore(path, owner, connection, lock, _place_of(path, lock))
    except BaseException:
        if lock is not None:
            # The number a dead holder left must meet the next opening too.
            lock.release(erase=lock.record["last"] is None)
        raise


def _place_of(path: Path, lock: FileLock | None) -> FilePlace:
    # The log too: a commit into a log without a name is gone with the process. SQLite keeps log
    # and index for as long as a connection is open.
    suffixes = ("",) if lock is None else ("", "-wal", "-shm")
    files = [path.with_name(path.name + suffix) for suffix in suffixes]
    known = {str(place): sqlite_file.file_identity(place) for place in files}
    return FilePlace(known if lock is None else known | {str(lock.path): lock.identity})


def _locked(path: Path, owner: str) -> FileLock:
    try:
        return sqlite_file.lock_file(path, owner)
    except OSError as error:
        raise JournalUnusable(f"{path}: its lock file cannot be used: {error}") from error
