"""The tables of a PostgreSQL journal, their migrations, and the statements on them."""

from __future__ import annotations

from typing import Any, Final

from attrs import frozen
from psycopg import Connection, sql

from kalshi_ext.journal.entry import OPEN
from kalshi_ext.journal.errors import JournalUnusable
from kalshi_ext.journal.serialization import COLUMNS
from kalshi_ext.journal.sqlite_file import OPEN_STATES
from kalshi_ext.journal.store import Selection

_GUARD: Final = 0x4B4A4E4C  # advisory lock: one process at a time changes a schema

# As in the SQLite schema, version 1 was never released: it keeps the way between versions walked.
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


def version_of(link: Connection[Any], schema: str) -> int:
    """Read the schema's version, 0 when there is none. Raises JournalUnusable for a newer one."""
    there = link.execute("SELECT to_regclass(%s)", [f"{schema}.version"]).fetchone()
    if there is None or there[0] is None:
        return 0
    found = link.execute(_named("SELECT max(version) FROM {schema}.version", schema)).fetchone()
    version = int(found[0]) if found else 0
    if version > CURRENT:
        raise JournalUnusable(f"written by a newer version (schema {version}, known {CURRENT})")
    return version


def migrate(link: Connection[Any], schema: str) -> None:
    """Bring the schema to the current version, in one transaction."""
    if version_of(link, schema) == CURRENT:
        return
    with link.transaction():
        link.execute("SELECT pg_advisory_xact_lock(%s)", [_GUARD])
        if not _exists(link, schema):
            link.execute(_named("CREATE SCHEMA {schema}", schema))
        for statements in MIGRATIONS[version_of(link, schema) :]:
            for statement in statements:
                link.execute(_named(statement, schema))
        link.execute(_named("UPDATE {schema}.version SET version = %s", schema), [CURRENT])


def _exists(link: Connection[Any], schema: str) -> bool:
    found = link.execute("SELECT to_regnamespace(%s) IS NOT NULL", [schema]).fetchone()
    return bool(found and found[0])


def _named(statement: str, schema: str) -> bytes:
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
        """Read by keys and intents. In the order of keys, so that two lockers never deadlock."""
        end = "ORDER BY key FOR UPDATE" if lock else ""
        where = "WHERE key = ANY(%s) OR intent = ANY(%s)"
        return self._build(f"SELECT {_LIST} FROM {{table}} {where} {end}")  # noqa: S608 - names

    def insert(self) -> bytes:
        """Insert rows given as JSON; a taken key or intent gives no row back."""
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
