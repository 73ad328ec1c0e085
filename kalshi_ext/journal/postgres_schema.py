"""The tables of a PostgreSQL journal, their migrations, and the statements on them."""

from __future__ import annotations

from typing import Any, Final

from attrs import frozen
from psycopg import Connection, sql

from kalshi_ext.journal.entry import OPEN, JournalUnusable
from kalshi_ext.journal.sqlite_file import OPEN_STATES
from kalshi_ext.journal.store import COLUMNS, Selection

_MIGRATION_LOCK: Final = 0x4B4A4E4C  # advisory lock: one process at a time changes a schema

# As in the SQLite schema, version 1 was never released: it keeps the migration exercised.
MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (
        "CREATE TABLE {schema}.version (version integer NOT NULL)",
        "INSERT INTO {schema}.version VALUES (0)",
        """CREATE TABLE {schema}.entry (
            seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            key text NOT NULL UNIQUE,
            operation text NOT NULL,
            ticker text,
            subaccount integer,
            fingerprint text NOT NULL,
            ticket text NOT NULL,
            state text NOT NULL CHECK (state IN ('intent', 'sent', 'unknown', 'acknowledged',
                                                 'refused', 'not_sent', 'resolved')),
            order_id text,
            verdict text,
            attempts integer NOT NULL,
            owner text NOT NULL,
            created_at bigint NOT NULL,
            sent_at bigint,
            updated_at bigint NOT NULL)""",
        f"CREATE INDEX entry_open ON {{schema}}.entry (ticker) WHERE state IN ({OPEN_STATES})",
    ),
    ("ALTER TABLE {schema}.entry ADD COLUMN intent text UNIQUE",),
)
CURRENT: Final = len(MIGRATIONS)


def version_of(connection: Connection[Any], schema: str) -> int:
    """Read the schema's version, 0 when there is none. Raises JournalUnusable for a newer one."""
    # Looked up first: to select from a table that is missing would fail the transaction.
    table = connection.execute("SELECT to_regclass(%s)", [f"{schema}.version"]).fetchone()
    if table is None or table[0] is None:
        return 0
    statement = _in_schema("SELECT max(version) FROM {schema}.version", schema)
    row = connection.execute(statement).fetchone()
    version = int(row[0]) if row else 0
    if version > CURRENT:
        raise JournalUnusable(f"written by a newer version (schema {version}, known {CURRENT})")
    return version


def migrate(connection: Connection[Any], schema: str) -> None:
    """Bring the schema to the current version, in one transaction."""
    if version_of(connection, schema) == CURRENT:
        return
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [_MIGRATION_LOCK])
        # Not CREATE SCHEMA IF NOT EXISTS: that needs the right to create even where it exists.
        if not _exists(connection, schema):
            connection.execute(_in_schema("CREATE SCHEMA {schema}", schema))
        for statements in MIGRATIONS[version_of(connection, schema) :]:
            for statement in statements:
                connection.execute(_in_schema(statement, schema))
        update = _in_schema("UPDATE {schema}.version SET version = %s", schema)
        connection.execute(update, [CURRENT])


def _exists(connection: Connection[Any], schema: str) -> bool:
    row = connection.execute("SELECT to_regnamespace(%s) IS NOT NULL", [schema]).fetchone()
    return bool(row and row[0])


def _in_schema(statement: str, schema: str) -> bytes:
    # The statements stand in this module; only the schema's name comes from outside.
    return statement.format(schema=sql.Identifier(schema).as_string()).encode()


_TYPES: Final = {
    "subaccount": "integer",
    "attempts": "integer",
    "created_at": "bigint",
    "sent_at": "bigint",
    "updated_at": "bigint",
}
_LIST: Final = ", ".join(COLUMNS)
_TYPED: Final = ", ".join(f"{name} {_TYPES.get(name, 'text')}" for name in COLUMNS)
_SETS: Final = ", ".join(f"{name} = x.{name}" for name in COLUMNS if name != "key")


@frozen
class Statements:
    """Build statements for the tables of a schema. One statement takes any number of rows."""

    schema: str

    def _build(self, text: str) -> bytes:
        # Column and state names come from this library; the schema's name is quoted.
        return text.format(table=sql.Identifier(self.schema, "entry").as_string()).encode()

    def load(self, *, lock: bool) -> bytes:
        """Read by keys and intents; `lock` keeps the rows to this transaction."""
        # In the order of keys, so that two that lock never deadlock.
        end = "ORDER BY key FOR UPDATE" if lock else ""
        where = "WHERE key = ANY(%s) OR intent = ANY(%s)"
        return self._build(f"SELECT {_LIST} FROM {{table}} {where} {end}")  # noqa: S608 - names

    def insert(self) -> bytes:
        """Insert rows given as JSON; a taken key or intent returns no row."""
        # DO NOTHING, because a violated constraint would fail the whole transaction.
        return self._build(
            f"INSERT INTO {{table}} ({_LIST}) SELECT {_LIST} FROM json_to_recordset(%s::json)"  # noqa: S608 - names
            f" AS x({_TYPED}) ORDER BY key ON CONFLICT DO NOTHING RETURNING key"
        )

    def update(self) -> bytes:
        """Update rows given as JSON."""
        return self._build(
            f"UPDATE {{table}} e SET {_SETS} FROM json_to_recordset(%s::json) AS x({_TYPED})"  # noqa: S608 - names
            " WHERE e.key = x.key RETURNING e.key"
        )

    def select(self, selection: Selection) -> bytes:
        """List rows of a selection by position."""
        names = ", ".join(f"'{name}'" for name in selection.state_names)
        states = OPEN_STATES if selection.states == OPEN else names or "NULL"
        ticker = "" if selection.ticker is None else "AND ticker = %(ticker)s"
        return self._build(
            f"SELECT seq, {_LIST} FROM {{table}} WHERE state IN ({states}) AND seq > %(after)s"  # noqa: S608 - names
            f" {ticker} ORDER BY seq LIMIT %(limit)s"
        )
