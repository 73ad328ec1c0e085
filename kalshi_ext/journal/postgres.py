"""A journal that several processes and machines share: PostgreSQL, by URL."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Collection, Generator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from typing import Any, Final
from weakref import WeakValueDictionary

import psycopg
from attrs import define, field
from psycopg import errors

from kalshi_ext.bases import Printed
from kalshi_ext.errors import Misuse
from kalshi_ext.journal.commit import GroupCommitter
from kalshi_ext.journal.entry import Entry, utc_now
from kalshi_ext.journal.held import Held
from kalshi_ext.journal.in_flight import StopMarks
from kalshi_ext.journal.journal import Journal, new_owner
from kalshi_ext.journal.postgres_connection import Connection, PostgresConnection, owner_lock
from kalshi_ext.journal.postgres_schema import Statements
from kalshi_ext.journal.stop_record import Edit, Standing
from kalshi_ext.journal.store import (
    EntryPage,
    InvalidData,
    Selection,
    StoreError,
    StoreUnavailable,
    TransientError,
    from_row,
    row_problems,
    to_row,
)
from kalshi_ext.journal.verbs import JournalRequest, RequestKind
from kalshi_ext.journal.writer import Writer
from kalshi_ext.redact import Secret, as_secret, redacted_repr

SCHEMA: Final = "kalshi_journal"
_PAGE: Final = 1000  # rows
_COMMIT_CHECKS: Final = 5

# Seconds after which another process may have taken an entry over, had this one lost its session:
# as long as `protocol/flow.py` sends without a renewal.
_OWNED_FOR: Final = 3.0

# The stops of a process, by server, schema and account: each journal here is an owner of its own,
# and a stop by one client holds up what another one was still going to send.
_stops: Final[dict[tuple[int, str, str], WeakValueDictionary[int, StopMarks]]] = {}


@define(eq=False, repr=False)
class PostgresStore(Printed):
    """Entries in a table. `_written` is what the running transaction wrote, by key."""

    session: PostgresConnection
    _sql: Statements
    _connection: Connection
    account: str = ""
    _former_account: str | None = None  # what the running transaction changed it from
    _writing: bool = False
    _written: dict[str, Entry] = field(factory=dict[str, Entry])

    @contextmanager
    def _store_errors(self) -> Generator[None]:
        try:
            yield
        except (errors.SerializationFailure, errors.DeadlockDetected) as error:
            raise TransientError(self.session.describe_error(error)) from error
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            raise InvalidData(self.session.describe_error(error)) from error
        except psycopg.Error as error:
            # A lost session cannot commit any more, so its group may run again on a new one;
            # only a COMMIT whose answer was lost is different (see `commit`).
            kind = TransientError if self._connection.closed else StoreUnavailable
            raise kind(self.session.describe_error(error)) from error
        except ValueError as error:
            raise InvalidData(str(error)) from error

    def begin(self, *, writing: bool) -> None:
        """Start a transaction, on a new connection when the last one was lost."""
        if writing and self.session.readonly:
            raise StoreUnavailable("opened for reading only")
        self._writing, self._former_account = writing, None
        self._written.clear()
        self._connection = self.session.connection()
        with self._store_errors():
            self._connection.execute("BEGIN" if writing else "BEGIN READ ONLY")

    def load(self, keys: Collection[str], intents: Collection[str]) -> list[Entry]:
        """Read entries by key and intent; a writing transaction locks them."""
        statement = self._sql.load(lock=self._writing, scoped=self._scoped)
        return self._load(statement, [*keys], [*intents])

    def _load(self, statement: bytes, keys: list[str], intents: list[str]) -> list[Entry]:
        wanted = {"keys": keys, "intents": intents, "account": self.account}
        with self._store_errors():
            rows = self._connection.execute(statement, wanted).fetchall()
            return [from_row(values) for values in rows]

    @property
    def _scoped(self) -> bool:
        # Who only looks, and said nothing of an account, looks at everybody's.
        return bool(self.account) or not self.session.readonly

    def save(self, new: Sequence[Entry], changed: Sequence[Entry]) -> None:
        """Insert and update rows. Raises TransientError when another one took a key."""
        # A key that was free at `load` has no row to lock. The group runs again and finds it.
        if new and self._write(self._sql.insert(), new) < len(new):
            raise TransientError("another process claimed the same at the same time")
        if changed and self._write(self._sql.update(), changed) < len(changed):
            raise StoreUnavailable("an entry has been deleted by hand")

    def _write(self, statement: bytes, entries: Sequence[Entry]) -> int:
        rows = json.dumps([to_row(entry) for entry in entries])
        with self._store_errors():
            written = self._connection.execute(statement, [rows]).fetchall()
        self._written.update((entry.key, entry) for entry in entries)
        return len(written)

    def select(self, selection: Selection, after: int, limit: int) -> EntryPage:
        """List entries by position."""
        return [(row[0], from_row(row[1:])) for row in self._rows(selection, after, limit)]

    def _rows(self, selection: Selection, after: int, limit: int) -> list[tuple[Any, ...]]:
        parameters = {"ticker": selection.ticker, "after": after, "limit": limit}
        return self._fetch(self._sql.select(selection, scoped=self._scoped), **parameters)

    def _fetch(self, statement: bytes, **parameters: Any) -> list[tuple[Any, ...]]:
        with self._store_errors():
            return self._connection.execute(
                statement, {"account": self.account} | parameters
            ).fetchall()

    def bind(self, account: str) -> None:
        """Give and take this account's rows from now on."""
        self.account = account

    def has_entries_of(self, account: str) -> bool:
        """Say whether there is a row of an account."""
        return self._fetch(self._sql.has_entries_of(), account=account) == [(True,)]

    def accounts(self) -> list[str]:
        """Name the accounts that have rows."""
        return [row[0] for row in self._fetch(self._sql.accounts())]

    def adopt(self, account: str) -> int:
        """Move the rows of its account to another."""
        parameters = {"account": self.account, "new": account}
        with self._store_errors():
            moved = self._connection.execute(self._sql.adopt(), parameters).rowcount
        self._former_account, self.account = self.account, account
        return moved

    def mark_told(self, keys: Collection[str]) -> None:
        """Mark verdicts as told."""
        with self._store_errors():
            parameters = {"keys": [*keys], "account": self.account}
            self._connection.execute(self._sql.mark_told(), parameters)

    def read_stops(self) -> Standing:
        """Read the account's record of stops; a writing transaction locks it."""
        lock = " FOR UPDATE" if self._writing else ""
        statement = f"SELECT record FROM {{stop}} WHERE account = %s{lock}"  # noqa: S608 - a name
        with self._store_errors():
            sent = self._connection.execute(self._sql.stop_record(statement), [self.account])
            row = sent.fetchone()
        return Standing() if row is None else Standing.of_text(str(row[0]))

    def change_stops(self, edit: Edit) -> Standing:
        """Change the account's record of stops."""
        insert = "INSERT INTO {stop} VALUES (%s, %s) ON CONFLICT DO NOTHING"
        update = "UPDATE {stop} SET record = %(record)s WHERE account = %(account)s"
        with self._store_errors():
            first = [self.account, Standing().to_text()]
            self._connection.execute(self._sql.stop_record(insert), first)
            changed = edit(self.read_stops())
            values = {"record": changed.to_text(), "account": self.account}
            self._connection.execute(self._sql.stop_record(update), values)
        return changed

    def alive(self, owner: str) -> bool:
        """Say whether an owner's session still holds its lock."""
        if owner == self.session.owner:
            return True
        number = owner_lock(self.session.schema, owner)
        with self._store_errors():
            # Shared: two that ask about one owner must not take each other for it.
            statement = "SELECT pg_try_advisory_xact_lock_shared(%s)"
            return self._connection.execute(statement, [number]).fetchone() != (True,)

    def verify(self) -> list[str]:
        """Read every row."""
        problems: list[str] = []
        after = -1
        while rows := self._rows(Selection(), after, _PAGE):
            problems += [line for row in rows for line in row_problems(row)]
            after = rows[-1][0]
        return problems

    def commit(self) -> None:
        """Commit, and find out whether it took place when the answer was lost."""
        try:
            with self._store_errors():
                status = self._connection.execute("COMMIT").statusmessage
        except TransientError:
            if not self._written or not self._was_committed():
                raise
            return
        if status != "COMMIT":  # a transaction that failed before is answered with ROLLBACK
            raise StoreUnavailable(f"the server answered {status} to COMMIT")

    def _was_committed(self) -> bool:
        # By what can be read, not by pg_xact_status: a server that crashed may give the number
        # of a transaction it forgot to another one, and then call it committed.
        unknown = "whether the last commit took place is unknown"
        for _ in range(_COMMIT_CHECKS):
            try:
                self._connection = self.session.connection()
                stored = self._load(self._sql.load(lock=False), [*self._written], [])
            except TransientError as error:
                unknown = f"{unknown}: {error}"
            except StoreError as error:
                raise StoreUnavailable(f"{unknown}: {error}") from error
            else:
                return {entry.key: entry for entry in stored} == self._written
        raise StoreUnavailable(unknown)

    def rollback(self) -> None:
        """Drop the transaction."""
        with suppress(psycopg.Error):
            if not self._connection.closed:
                self._connection.execute("ROLLBACK")
        if self._former_account is not None:
            self.account, self._former_account = self._former_account, None

    def close(self) -> None:
        """End the session; its owner counts as gone from then on."""
        self.session.close()


class PostgresJournal(Journal):
    """A journal in a PostgreSQL database, for any number of processes on one account.

    `schema` separates accounts that share a database; `patience` is how many seconds a lost
    connection may take to come back before requests fail. Raises JournalUnusable.
    """

    shared = True

    def __init__(
        self,
        url: str | Secret[str],
        *,
        schema: str = SCHEMA,
        readonly: bool = False,
        patience: float = 10.0,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        url = as_secret(url)  # a traceback shows the locals of its frames
        if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", schema):
            raise Misuse(f"schema: expected a lower-case identifier, got {redacted_repr(schema)}")
        owner = new_owner()
        session = PostgresConnection(owner, schema, readonly, patience, url)
        session.open()
        store = PostgresStore(session, Statements(schema), session.connection())
        committer = GroupCommitter(store, owner, now, held=Held(_OWNED_FOR))
        super().__init__(Writer(committer).start(), owner, session.describe())
        self._store = store

    def bind(self, account: str) -> None:
        """Make the journal an account's, and read what stops that account has."""
        super().bind(account)
        # A child of a fork begins its own: what it inherited belongs to calls it does not have.
        of_process = (os.getpid(), self.opened.name, account)
        self.stops.peers.pop(id(self.stops), None)
        self.stops.peers = _stops.setdefault(of_process, WeakValueDictionary())
        self.stops.peers[id(self.stops)] = self.stops
        self.read_stops()

    def _submit_stops(self, edit: Edit | None) -> Future[Standing]:
        # In the writer's thread, as everything on its connection.
        if edit is None:
            request = JournalRequest(RequestKind.READ, lambda _: self._store.read_stops())
        else:
            change = partial(self._store.change_stops, edit)
            request = JournalRequest(RequestKind.CHECK, lambda _: change())
        request.future.add_done_callback(self._remember)
        self._runner.submit(request)
        return request.future

    def _remember(self, future: Future[Standing]) -> None:
        if not future.cancelled() and future.exception() is None:
            standing = future.result()
            self.stops.record.change(lambda _: standing)
