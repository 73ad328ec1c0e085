"""The tables of a SQLite journal and the way from every earlier version to the present one."""

from __future__ import annotations

import sqlite3
from typing import Final

from kalshi_ext.journal.errors import JournalUnusable

APPLICATION: Final = 0x4B4A4E4C  # "KJNL", in the header of the file: tells it from other databases

OPEN_STATES: Final = "'intent', 'sent', 'unknown'"
"""The states of the partial index, as it spells them: SQLite uses it only for the same words."""

# Version 1 was never released: it stands here so that the way from one version to the next is
# walked by every new file, and tested, before the first time it matters.
MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (
        """CREATE TABLE entry (
            seq INTEGER PRIMARY KEY,
            key TEXT NOT NULL UNIQUE,
            operation TEXT NOT NULL,
            ticker TEXT,
            subaccount INTEGER,
            fingerprint TEXT NOT NULL,
            ticket TEXT NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('intent', 'sent', 'unknown', 'acknowledged',
                                                 'refused', 'not_sent', 'resolved')),
            order_id TEXT,
            verdict TEXT,
            attempts INTEGER NOT NULL,
            owner TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            sent_at INTEGER,
            updated_at INTEGER NOT NULL)""",
        f"CREATE INDEX entry_open ON entry (ticker) WHERE state IN ({OPEN_STATES})",
    ),
    (
        "ALTER TABLE entry ADD COLUMN intent TEXT",
        "CREATE UNIQUE INDEX entry_intent ON entry (intent) WHERE intent IS NOT NULL",
    ),
)
CURRENT: Final = len(MIGRATIONS)


def version_of(link: sqlite3.Connection) -> int:
    """Read the schema's version, 0 for an empty file. Raises JournalUnusable."""
    (version,) = link.execute("PRAGMA user_version").fetchone()
    (application,) = link.execute("PRAGMA application_id").fetchone()
    (tables,) = link.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != APPLICATION and (application or version or tables):
        raise JournalUnusable("a SQLite database, but not a journal of this library")
    if version > CURRENT:
        raise JournalUnusable(f"written by a newer version (schema {version}, known {CURRENT})")
    return int(version)


def migrate(link: sqlite3.Connection) -> None:
    """Bring the schema to the current version, in one transaction."""
    if version_of(link) == CURRENT:
        return
    link.execute("BEGIN EXCLUSIVE")
    try:
        _apply(link)
    except BaseException:
        link.rollback()
        raise
    link.execute("COMMIT")


def _apply(link: sqlite3.Connection) -> None:
    for statements in MIGRATIONS[version_of(link) :]:
        for statement in statements:
            link.execute(statement)
    link.execute(f"PRAGMA application_id = {APPLICATION}")
    link.execute(f"PRAGMA user_version = {CURRENT}")
