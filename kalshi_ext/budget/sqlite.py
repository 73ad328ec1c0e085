"""A shared budget in a file, for the processes of one machine."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from pathlib import Path

from attrs import define

from kalshi_ext.budget.store import ConnectionHolder, Demand, Grant, Row

_TIMEOUT = 1.0  # seconds; a lease takes less than a thousandth of one
_TABLE = """
CREATE TABLE IF NOT EXISTS budget (
    account TEXT, bucket TEXT, level REAL, urgent REAL, updated_at REAL, holds TEXT,
    PRIMARY KEY (account, bucket)
)
"""


@define(eq=False, repr=False)
class SqliteBudget(ConnectionHolder[sqlite3.Connection]):
    """The buckets of an account in a SQLite file."""

    path: Path
    account: str
    _file: tuple[int, int] | None = None

    def lease(self, demand: Demand) -> Grant:
        """Take tokens under the lock of the file."""
        with self._lock:
            connection = self._open()
            try:
                connection.execute("BEGIN IMMEDIATE")
                # Under the lock. All processes of a machine share this clock and nobody sets it;
                # after a restart of the machine it is behind, like one that was set back.
                now = time.monotonic()
                row = self._read(connection, demand) or Row.full(demand, now)
                grant = row.grant(demand, now)
                connection.execute(
                    "INSERT OR REPLACE INTO budget VALUES (?, ?, ?, ?, ?, ?)",
                    (
                        *(self.account, demand.bucket, row.level, row.urgent, row.updated_at),
                        json.dumps(row.holds),
                    ),
                )
                connection.commit()
            except BaseException:  # a full disk may refuse the commit alone: begin anew, next time
                self._drop()
                raise
            return grant

    def _read(self, connection: sqlite3.Connection, demand: Demand) -> Row | None:
        found = connection.execute(
            "SELECT level, urgent, updated_at, holds FROM budget WHERE account = ? AND bucket = ?",
            (self.account, demand.bucket),
        ).fetchone()
        if found is None:
            return None
        level, urgent, updated_at, holds = found
        pairs = {owner: (tokens, until) for owner, (tokens, until) in json.loads(holds).items()}
        return Row(level, urgent, updated_at, pairs)

    def _open(self) -> sqlite3.Connection:
        if self._connection is not None and (self._pid, self._file) != (os.getpid(), self._found()):
            self._drop()  # of a parent, or of a file that was removed: nobody else would share it
        if self._connection is None:
            connection = sqlite3.connect(
                self.path, timeout=_TIMEOUT, isolation_level=None, check_same_thread=False
            )
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = OFF")  # a budget is worth a second
                connection.execute(_TABLE)
            except BaseException:
                connection.close()
                raise
            self._connection, self._pid, self._file = connection, os.getpid(), self._found()
        return self._connection

    def _found(self) -> tuple[int, int] | None:
        """Return which file stands at the path, None for none."""
        try:
            status = self.path.stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino
