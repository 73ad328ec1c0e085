"""The state file: a log of commands in SQLite, from which an exchange is built again.

Not the state is stored but what led to it. The engine is deterministic, so the same commands at
the same times give the same books.

A command is appended before it is executed. What each kind of end loses:

| the process ends | lost |
|---|---|
| by an exception, SIGTERM or SIGKILL | no command; the last one may be logged and not answered |
| by a power cut | the last commands, answered ones too (synchronous=NORMAL) |
| in any way | the request log, the fault rules and what a proxy still held |
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from kalshi_ext.errors import KalshiError
from kalshi_ext.sandbox.engine import Command, command_from_data, command_to_data

_SCHEMA = """
create table if not exists meta (name text primary key, value text not null);
create table if not exists commands (
    seq integer primary key, at text not null, command text not null);
"""


class StateMismatch(KalshiError):
    """The state file was written by an exchange with other settings, or is none."""


class StateFile:
    """Append commands and keep a few named values."""

    def __init__(self, path: Path) -> None:
        path.touch(mode=0o600, exist_ok=True)  # it holds the accounts' private keys
        try:
            # isolation_level=None: each statement commits by itself, before the command runs.
            self._db = sqlite3.connect(path, isolation_level=None)
            self._db.execute("pragma journal_mode=wal")
            self._db.execute("pragma synchronous=normal")
            self._db.executescript(_SCHEMA)
        except sqlite3.Error as error:
            raise StateMismatch(f"state: {path} cannot be used: {error}") from error

    def append(self, command: Command, *, at: datetime) -> None:
        """Log a command; on return it survives this process."""
        text = json.dumps(command_to_data(command), separators=(",", ":"))
        self._db.execute("insert into commands (at, command) values (?, ?)", (at.isoformat(), text))

    def commands(self) -> Iterator[tuple[datetime, Command]]:
        """Read the log, oldest first."""
        rows = self._db.execute("select at, command from commands order by seq")
        for at, text in rows:
            yield datetime.fromisoformat(at), command_from_data(json.loads(text))

    def put(self, name: str, value: Any) -> None:
        """Keep a JSON value under a name."""
        self._db.execute(
            "insert or replace into meta (name, value) values (?, ?)", (name, json.dumps(value))
        )

    def get(self, name: str) -> Any:
        """Read a kept value; None when there is none."""
        row = self._db.execute("select value from meta where name = ?", (name,)).fetchone()
        return json.loads(row[0]) if row else None

    def clear(self) -> None:
        """Delete every command; kept values stay."""
        self._db.execute("delete from commands")

    def begin(self) -> None:
        """Start a transaction around many appends: one commit for the seed data, not hundreds."""
        self._db.execute("begin")

    def commit(self) -> None:
        """End the transaction that begin started."""
        self._db.execute("commit")

    def close(self) -> None:
        """Release the file."""
        self._db.close()
