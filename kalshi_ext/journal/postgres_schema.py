"""The tables of a PostgreSQL journal and the way from every earlier version to the present one."""

from __future__ import annotations

from typing import Any, Final

from psycopg import Connection, sql

from kalshi_ext.journal.errors import JournalUnusable
from kalshi_ext.journal.sqlite_schema import OPEN_STATES

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
