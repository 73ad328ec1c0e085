"""A migration that is cut off at any step leaves the old version whole; the next one goes on."""

from __future__ import annotations

import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from case_samples import sampled
from journal_writers import start_script

from kalshi_ext.journal import Entry, Journal, State, sqlite_file
from kalshi_ext.journal.sqlite import SqliteJournal

sys.path.insert(0, str(Path(__file__).parents[2] / "faults"))
JOURNALS = Path(__file__).parents[2] / "faults" / "journals"

# Walks through the statements of every migration, and dies before the one whose number is given.
KILL_AT = """
    import os, signal, sys
    from kalshi_ext.journal import {module} as schema
    at = int(sys.argv[1])
    def counted(statements):
        global at
        for statement in statements:
            if at == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            at -= 1
            yield statement
        if at == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        at -= 1
    schema.MIGRATIONS = tuple(counted(each) for each in schema.MIGRATIONS)
    {opening}
"""
STEPS = {  # from each version: the statements left to run, and the end of each migration
    version: sum(len(each) + 1 for each in sqlite_file.MIGRATIONS[version:]) for version in (1, 2)
}

TABLE_STEPS = 13  # the same of a table of version 2; without psycopg they cannot be counted


def summary(journal: Journal) -> list[tuple[Any, ...]]:
    """Return what no migration may change, in the order of insertion."""
    return [
        (each.key, each.state, each.attempts, each.ticket, each.verdict, each.created_at, each.told)
        for each in journal.entries()
    ]


def unpacked(name: str, directory: Path) -> Path:
    from journal_corpus import unpack

    return unpack(JOURNALS / name, directory)


@pytest.mark.parametrize(
    ("version", "step"),
    [(v, step) for v, count in STEPS.items() for step in sampled(range(count), 3)],
)
def test_a_file_whose_migration_is_killed_at_any_step_is_of_the_old_version_and_whole(
    tmp_path: Path, version: int, step: int
) -> None:
    name = {1: "sqlite-1.tar.xz", 2: "sqlite-2-last.tar.xz"}[version]
    (tmp_path / "whole").mkdir()
    with SqliteJournal(unpacked(name, tmp_path / "whole")) as journal:
        wanted = summary(journal)
    path = unpacked(name, tmp_path)
    opening = "from kalshi_ext.journal.sqlite import SqliteJournal; SqliteJournal(sys.argv[2])"
    script = KILL_AT.format(module="sqlite_file", opening=opening)
    process = start_script(script, step, path)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (version,)
    with SqliteJournal(path) as journal:
        assert summary(journal) == wanted
        assert len(wanted) == 8
        assert journal.verify() == []
        assert journal.untold() == []


@pytest.mark.parametrize("step", sampled(range(TABLE_STEPS), 3))
def test_a_table_whose_migration_is_killed_at_any_step_is_of_the_old_version_and_whole(
    server: Any, step: int
) -> None:
    from kalshi_ext.journal import postgres_schema
    from kalshi_ext.journal.postgres import PostgresJournal

    assert sum(len(each) + 1 for each in postgres_schema.MIGRATIONS[2:]) == TABLE_STEPS
    server.query("DROP SCHEMA IF EXISTS kalshi_journal CASCADE")
    server.query((JOURNALS / "postgres-2-last.sql").read_text())
    before = server.query("SELECT * FROM kalshi_journal.entry ORDER BY seq")
    opening = (
        "from kalshi_ext.journal.postgres import PostgresJournal; PostgresJournal(sys.argv[2])"
    )
    script = KILL_AT.format(module="postgres_schema", opening=opening)
    process = start_script(script, step, server.url())
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert server.query("SELECT version FROM kalshi_journal.version") == [(2,)]
    assert server.query("SELECT * FROM kalshi_journal.entry ORDER BY seq") == before
    with PostgresJournal(server.url()) as journal:
        assert len(summary(journal)) == len(before) == 8
        assert journal.verify() == []
        assert journal.untold() == []


def schema_of(server: Any) -> list[Any]:
    """Describe columns, indexes and constraints."""
    columns = (
        "SELECT column_name, data_type, is_nullable, column_default FROM"
        " information_schema.columns WHERE table_schema = 'kalshi_journal' ORDER BY table_name, 1"
    )
    indexes = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'kalshi_journal'"
    return [server.query(columns), sorted(server.query(indexes))]


def test_a_migrated_table_and_a_new_one_have_the_same_schema(server: Any) -> None:
    from kalshi_ext.journal.postgres import PostgresJournal

    schemas: list[Any] = []
    for text in ((JOURNALS / "postgres-2-first.sql").read_text(), ""):
        server.query("DROP SCHEMA IF EXISTS kalshi_journal CASCADE")
        if text:
            server.query(text)
        PostgresJournal(server.url()).close()
        schemas.append(schema_of(server))
    assert schemas[0] == schemas[1]


def test_an_old_session_that_goes_on_can_end_its_entries_and_reserve_none(
    server: Any, open_journals: Any, schema: str
) -> None:
    """A process of an older version that runs on while a newer one migrates the table."""
    import psycopg
    from journal_writers import entry

    journal = open_journals()
    journal.reserve(entry("a"))
    # The statements of schema 2, which name its columns only.
    server.query(f"UPDATE {schema}.entry SET state = 'acknowledged' WHERE key = 'a'")
    with pytest.raises(psycopg.errors.NotNullViolation):
        server.query(
            f"INSERT INTO {schema}.entry (key, operation, fingerprint, ticket, state, attempts,"
            " owner, created_at, updated_at, intent)"
            " VALUES ('b', 'op', repeat('0', 64), '1', 'intent', 0, 'o', 1, 1, 'i')"
            " ON CONFLICT DO NOTHING"
        )
    assert [each.key for each in journal.untold()] == ["a"], "told once more at worst"


def test_an_entry_of_an_older_version_has_no_time_of_the_exchange(tmp_path: Path) -> None:
    with SqliteJournal(unpacked("sqlite-2-last.tar.xz", tmp_path)) as journal:
        entries: list[Entry] = list(journal.entries())
        assert {each.exchange_time for each in entries} == {None}
        assert {each.told for each in entries if not each.is_open} == {True}
        assert {each.told for each in entries if each.is_open} == {False}
        assert State.INTENT in {each.state for each in entries}
