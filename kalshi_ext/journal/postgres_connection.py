"""One session with the server of a shared journal: opened, kept, renewed.

The session holds an advisory lock in its owner's name. Lock and transactions live on the same
connection on purpose: whoever could commit was known to be alive at that moment, and a session
that is gone can neither commit nor seem alive.
"""

from __future__ import annotations

import hashlib
import math
import re
import time
import warnings
from contextlib import suppress
from typing import Any, Final, TypeAlias

import psycopg
from attrs import define, field, frozen
from psycopg.conninfo import conninfo_to_dict

from kalshi_ext.bases import Printed, Value
from kalshi_ext.journal import postgres_schema
from kalshi_ext.journal.entry import JournalUnusable
from kalshi_ext.journal.store import StoreUnavailable
from kalshi_ext.redact import REDACTED, Secret, remember

Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]

_MIN_SERVER: Final = 130000  # PostgreSQL 13; nothing needs more, older ones are out of support
_CONNECT_WITHIN: Final = 10  # seconds; libpq takes whole ones, from 2 up
_CONNECT_OPTIONS: Final[dict[str, Any]] = {
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
# The server must notice a vanished client too, or its lock would outlive it; and a client that
# was stopped inside a transaction must not stop all others.
_SETTINGS: Final = {
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "lock_timeout": "10s",
    "statement_timeout": "60s",
    "idle_in_transaction_session_timeout": "60s",
    "default_transaction_isolation": "read committed",
}
_RETRY_S: Final = 0.05
# What no waiting changes. By its words: a refused connection carries no code. Where the server
# speaks another language, a wrong password is waited for as if it were a server that starts.
_LASTING: Final = re.compile(
    "authentication failed|no password supplied|pg_hba.conf|permission denied"
    "|(role|database|user) .* does not exist|does not support SSL|SSL error"
)


def owner_lock(schema: str, owner: str) -> int:
    """Return the number of the advisory lock that an owner holds while it lives."""
    digest = hashlib.sha256(f"kalshi_journal\n{schema}\n{owner}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


@frozen(eq=False, repr=False)
class ConnectFailure(Value):
    """Why there is no connection, and whether that may pass by itself."""

    why: str
    passing: bool


@define(eq=False, repr=False)
class PostgresConnection(Printed):
    """A connection that is waited for, and made again when it was lost, for `patience` seconds."""

    owner: str
    schema: str
    readonly: bool
    patience: float
    _url: Secret[str]
    _password: Secret[str] = field(init=False)
    _connection: Connection | None = None
    _backend: tuple[Any, ...] = ()  # process id and start of the server's process for us

    def __attrs_post_init__(self) -> None:
        self._password = remember(Secret(str(_url_parts(self._url).get("password") or "")))

    def __repr__(self) -> str:
        try:
            return self.describe()
        except JournalUnusable:  # of a URL that cannot be read; a traceback shows this object
            return f"{type(self).__name__}(unusable)"

    def describe(self) -> str:
        """Name the server, the database and the user."""
        parts = _url_parts(self._url)
        named = {name: parts.get(name) for name in ("host", "port", "dbname", "user")}
        return " ".join(f"{k}={v}" for k, v in (named | {"schema": self.schema}).items() if v)

    def open(self) -> None:
        """Connect and prepare everything; wait for a server that is starting.

        Raises JournalUnusable, after `patience` or where waiting would not help.
        """
        deadline = time.monotonic() + self.patience
        # Raised outside of the except block: psycopg's error carries the password, and even a
        # suppressed context would pass it on.
        while (failure := self._try_connect(deadline)) is not None:
            if not failure.passing or time.monotonic() >= deadline:
                raise JournalUnusable(f"journal at {self.describe()}: {failure.why}")
            time.sleep(_RETRY_S)

    def _try_connect(self, deadline: float) -> ConnectFailure | None:
        left = math.ceil(deadline - time.monotonic())
        try:
            self._connect(min(_CONNECT_WITHIN, max(left, 2)))
        except psycopg.Error as error:
            lost = self._connection is None or self._connection.closed
            self.close()
            why = self.describe_error(error)
            return ConnectFailure(why, passing=bool(lost) and not _LASTING.search(why))
        except JournalUnusable as error:
            self.close()
            return ConnectFailure(str(error.args[0]), passing=False)
        return None

    def connection(self) -> Connection:
        """Return the connection, a new one when it was lost.

        Raises StoreUnavailable after `patience`.
        """
        if self._connection is None or self._connection.closed:
            self._reconnect(time.monotonic() + self.patience)
        assert self._connection is not None  # noqa: S101 - _reconnect connects or raises
        return self._connection

    def _reconnect(self, deadline: float) -> None:
        while (failure := self._try_connect(deadline)) is not None:
            if time.monotonic() >= deadline:
                raise StoreUnavailable(f"no connection to {self.describe()}: {failure.why}")
            time.sleep(_RETRY_S)

    def _connect(self, within: int) -> None:
        name = f"kalshi-ext journal {self.owner}"[:63]
        options: dict[str, Any] = _CONNECT_OPTIONS | {
            "application_name": name,
            "connect_timeout": within,
        }
        connection: Connection = psycopg.connect(self._url.reveal(), autocommit=True, **options)
        self._connection = connection
        _check_server(connection, readonly=self.readonly)
        _apply_settings(connection)
        if not self.readonly:
            self._lock_owner(connection)
            postgres_schema.migrate(connection, self.schema)
        elif postgres_schema.version_of(connection, self.schema) != postgres_schema.CURRENT:
            raise JournalUnusable("not of this version: open it once for writing")

    def _lock_owner(self, connection: Connection) -> None:
        # A former backend of ours that the server takes for alive would keep the lock, and
        # perhaps a transaction. Holding the lock again means that its last commit is decided.
        if self._backend:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid = %s AND backend_start::text = %s AND usename = current_user",
                self._backend,
            )
        connection.execute("SELECT pg_advisory_lock(%s)", [owner_lock(self.schema, self.owner)])
        row = connection.execute(
            "SELECT pid, backend_start::text FROM pg_stat_activity WHERE pid = pg_backend_pid()"
        ).fetchone()
        self._backend = row or ()

    def describe_error(self, error: Exception) -> str:
        """Describe an error in one line, without the password."""
        primary = error.diag.message_primary if isinstance(error, psycopg.Error) else None
        text = (primary or str(error).strip() or type(error).__name__).splitlines()[0]
        password = self._password.reveal()
        return text.replace(password, REDACTED) if password else text

    def close(self) -> None:
        """Close the connection and free the owner's lock, without waiting for the server's end."""
        if self._connection is None or self._connection.closed:
            return
        with suppress(psycopg.Error):
            self._connection.execute("SELECT pg_advisory_unlock_all()")
        self._connection.close()


def _url_parts(url: Secret[str]) -> dict[str, Any]:
    with suppress(psycopg.Error):  # its text may quote the password
        parts = Secret(dict(conninfo_to_dict(url.reveal())))
        # A password that was not percent-encoded ends up in pieces in the other parts.
        names = ("user", "host", "dbname")
        at_home = not any("@" in str(parts.reveal().get(name) or "") for name in names)
        if at_home and re.fullmatch(r"[\d,]*", str(parts.reveal().get("port") or "")):
            return parts.reveal()
    raise JournalUnusable(
        "the postgresql:// URL cannot be read; user name and password must be percent-encoded"
    )


def _apply_settings(connection: Connection) -> None:
    for name, value in _SETTINGS.items():
        connection.execute("SELECT set_config(%s, %s, false)", [name, value])
    # remote_apply promises more than on; every other value promises less.
    connection.execute(
        "SELECT set_config('synchronous_commit', 'on', false)"
        " WHERE current_setting('synchronous_commit') <> 'remote_apply'"
    )


def _check_server(connection: Connection, *, readonly: bool) -> None:
    version = connection.info.server_version
    if version < _MIN_SERVER:
        raise JournalUnusable(f"PostgreSQL 13 or newer is needed, got {version}")
    statement = "SELECT name, setting FROM pg_settings WHERE name = ANY(%s)"
    settings: dict[str, str] = dict(connection.execute(statement, [_CHECKED]).fetchall())
    # SQL_ASCII would store bytes of any encoding and compare ids by them.
    if settings["server_encoding"] != "UTF8":
        raise JournalUnusable(f"its encoding must be UTF8, got {settings['server_encoding']}")
    if not readonly and settings["transaction_read_only"] == "on":
        raise JournalUnusable("the server is read-only (a standby?)")
    if settings["fsync"] == "off":
        warnings.warn("the journal's server runs with fsync=off: no crash safety", stacklevel=2)


_CHECKED: Final = ["server_encoding", "transaction_read_only", "fsync"]
