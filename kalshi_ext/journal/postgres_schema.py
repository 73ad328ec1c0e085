"""The tables of a PostgreSQL journal, their migrations, and the statements on them."""

from __future__ import annotations

from typing import Any, Final

from attrs import frozen
from psycopg import Connection, sql

from kalshi_ext.bases import Value
from kalshi_ext.journal.entry import OPEN, JournalUnusable
from kalshi_ext.journal.sqlite_file import OPEN_STATES, UNTOLD_ROWS
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
    (
        "ALTER TABLE {schema}.entry ADD COLUMN exchange_time bigint",
        # Whoever ended an entry in an older version told its caller, as far as anybody knows.
        "ALTER TABLE {schema}.entry ADD COLUMN told integer NOT NULL DEFAULT 1",
        f"UPDATE {{schema}}.entry SET told = 0 WHERE state IN ({OPEN_STATES})",  # noqa: S608 - state names
        "ALTER TABLE {schema}.entry ADD COLUMN account text NOT NULL DEFAULT ''",
        # Without defaults the insertion of an older version that still runs fails: its entries
        # would be nobody's, and its keys could be reserved once more.
        "ALTER TABLE {schema}.entry ALTER COLUMN told DROP DEFAULT,"
        " ALTER COLUMN account DROP DEFAULT,"
        " DROP CONSTRAINT entry_key_key, DROP CONSTRAINT entry_intent_key",
        "CREATE UNIQUE INDEX entry_key ON {schema}.entry (account, key)",
        "CREATE UNIQUE INDEX entry_intent ON {schema}.entry (account, intent)"
        " WHERE intent IS NOT NULL",
        "DROP INDEX {schema}.entry_open",
        f"CREATE INDEX entry_open ON {{schema}}.entry (account, ticker)"
        f" WHERE state IN ({OPEN_STATES})",
        f"CREATE INDEX entry_untold ON {{schema}}.entry (account) WHERE {UNTOLD_ROWS}",
    ),
    # See stop_record.py. An older version would send behind a latch: it refuses this one's schema.
    ("CREATE TABLE {schema}.stop (account text PRIMARY KEY, record text NOT NULL)",),
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
    "exchange_time": "bigint",
    "told": "integer",
}
_LIST: Final = ", ".join(COLUMNS)
_TYPED: Final = ", ".join(f"{name} {_TYPES.get(name, 'text')}" for name in COLUMNS)
_SETS: Final = ", ".join(f"{name} = x.{name}" for name in COLUMNS if name != "key")


@frozen(eq=False, repr=False)
class Statements(Value):
    """Build statements for the tables of a schema, on the rows of one account.

    Without `scoped` they read the rows of all accounts, for those who only look.
    """

    schema: str

    def stop_record(self, statement: str) -> bytes:
        """Build a statement on the record of stops, `{stop}`."""
        return statement.format(stop=sql.Identifier(self.schema, "stop").as_string()).encode()

    def _build(self, text: str) -> bytes:
        # Column and state names come from this library; the schema's name is quoted.
        return text.format(table=sql.Identifier(self.schema, "entry").as_string()).encode()

    def load(self, *, lock: bool, scoped: bool = True) -> bytes:
        """Read by keys and intents; `lock` keeps the rows to this transaction."""
        # In the order of keys, so that two that lock never deadlock.
        end = "ORDER BY key FOR UPDATE" if lock else ""
        where = "WHERE (key = ANY(%(keys)s) OR intent = ANY(%(intents)s))"
        where += _of_account(scoped=scoped)
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
            " WHERE e.key = x.key AND e.account = x.account RETURNING e.key"
        )

    def mark_told(self) -> bytes:
        """Mark verdicts as told, without those whose rows are locked."""
        return self._build(
            "UPDATE {table} SET told = 1 WHERE seq IN (SELECT seq FROM {table}"  # noqa: S608 - names
            f" WHERE key = ANY(%(keys)s) AND {UNTOLD_ROWS} {_of_account(scoped=True)}"
            " FOR UPDATE SKIP LOCKED)"
        )

    def has_entries_of(self) -> bytes:
        """Ask whether an account has entries."""
        return self._build("SELECT EXISTS (SELECT 1 FROM {table} WHERE account = %(account)s)")

    def accounts(self) -> bytes:
        """Name the accounts that have entries."""
        return self._build("SELECT DISTINCT account FROM {table} ORDER BY account")

    def adopt(self) -> bytes:
        """Move the rows of the account to another one."""
        return self._build("UPDATE {table} SET account = %(new)s WHERE account = %(account)s")

    def select(self, selection: Selection, *, scoped: bool = True) -> bytes:
        """List rows of a selection by position."""
        names = ", ".join(f"'{name}'" for name in selection.state_names)
        rows = f"state IN ({OPEN_STATES if selection.states == OPEN else names or 'NULL'})"
        if selection.untold:
            rows += f" AND {UNTOLD_ROWS}"
        ticker = "" if selection.ticker is None else "AND ticker = %(ticker)s"
        return self._build(
            f"SELECT seq, {_LIST} FROM {{table}} WHERE {rows} AND seq > %(after)s"  # noqa: S608 - names
            f" {_of_account(scoped=scoped)} {ticker} ORDER BY seq LIMIT %(limit)s"
        )


def _of_account(*, scoped: bool) -> str:
    return " AND account = %(account)s" if scoped else ""
