"""The shared journal on a real server: opening it, its schema and migrations, its statements."""

from __future__ import annotations

import pickle
import re
import threading
from collections.abc import Callable

import pytest

pytest.importorskip("psycopg", reason="psycopg is missing: the shared journal was NOT tested")

from journal_writers import entry
from postgres_server import PASSWORD, OpenJournals, Server

from kalshi_ext.errors import JournalUnwritable, Misuse
from kalshi_ext.journal import (
    JournalUnusable,
    State,
    postgres_schema,
)
from kalshi_ext.journal.postgres import PostgresJournal
from kalshi_ext.journal.postgres_schema import Statements
from kalshi_ext.journal.store import open_selection


def error_texts(error: BaseException | None) -> str:
    """Return everything an error shows, with its causes."""
    texts = ""
    while error is not None:
        texts += f"{error!s} {error!r} {error.__dict__!r} "
        error = error.__cause__ or error.__context__
    return texts


@pytest.mark.parametrize(
    "change",
    [
        lambda url: url.replace("boss", "nobody"),
        lambda url: url.replace("/postgres", "/none"),
        lambda url: re.sub(r":\d+/", ":1/", url),
        lambda url: re.sub(r":\d+/", ":port/", url),
        lambda url: url + "?nonsense=1",
        lambda url: url.replace("%2F", "%00"),
        lambda url: url.replace("%2F", "/"),
    ],
)
def test_what_cannot_be_opened_says_why_without_the_password(
    server: Server, change: Callable[[str], str]
) -> None:
    with pytest.raises(JournalUnusable) as caught:
        PostgresJournal(change(server.url()), patience=0.2)
    text = error_texts(caught.value) + str(pickle.loads(pickle.dumps(caught.value)))
    assert "s3cret" not in text
    assert PASSWORD not in text


def test_a_repr_names_the_server_and_not_the_password(
    open_journals: OpenJournals, server: Server
) -> None:
    journal = open_journals()
    committer = journal._runner.committer
    for thing in (journal, journal._runner, committer, committer.store, committer.store.session):
        assert "s3cret" not in repr(thing)
        assert PASSWORD not in repr(thing)
    assert f"host=127.0.0.1 port={server.port} dbname=postgres user=boss" in repr(journal)


@pytest.mark.parametrize("schema", ["", "Upper", "a b", "a;b", "x" * 64, '"q"', "1a"])
def test_a_schema_that_is_no_identifier_is_a_misuse(schema: str) -> None:
    with pytest.raises(Misuse, match=r"^schema: "):
        PostgresJournal("postgresql://nowhere", schema=schema)


def test_looking_on_changes_nothing(
    open_journals: OpenJournals, server: Server, schema: str
) -> None:
    with pytest.raises(JournalUnusable, match="open it once for writing"):
        open_journals(readonly=True)
    assert server.query("SELECT to_regnamespace(%s)", schema) == [(None,)]
    writer = open_journals()
    writer.reserve(entry("a"))
    reader = open_journals(readonly=True)
    assert [each.key for each in reader.entries()] == ["a"]
    assert reader.owner_alive(writer.owner)
    with pytest.raises(JournalUnwritable, match="reading only"):
        reader.reserve(entry("b"))
    assert not writer.owner_alive(reader.owner)


def downgrade(server: Server, schema: str) -> None:
    """Make a journal of version 1, as its migration once left it."""
    for statement in (
        "CREATE SCHEMA {0}",
        "CREATE TABLE {0}.version (version integer NOT NULL)",
        "INSERT INTO {0}.version VALUES (1)",
        "CREATE TABLE {0}.entry (seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
        " key text NOT NULL UNIQUE, operation text NOT NULL, ticker text, subaccount integer,"
        " fingerprint text NOT NULL, ticket text NOT NULL, state text NOT NULL, order_id text,"
        " verdict text, attempts integer NOT NULL, owner text NOT NULL,"
        " created_at bigint NOT NULL, sent_at bigint, updated_at bigint NOT NULL)",
        "CREATE INDEX entry_open ON {0}.entry (ticker)"
        " WHERE state IN ('intent', 'sent', 'unknown')",
        "INSERT INTO {0}.entry (key, operation, fingerprint, ticket, state, attempts, owner,"
        " created_at, updated_at) VALUES ('old', 'op', repeat('0', 64), '1', 'sent', 1, 'gone',"
        " 1000000, 2000000)",
    ):
        server.query(statement.format(schema))


def test_a_journal_of_version_1_is_brought_up_to_date_with_its_entries(
    open_journals: OpenJournals, server: Server, schema: str
) -> None:
    downgrade(server, schema)
    with pytest.raises(JournalUnusable, match="open it once for writing"):
        open_journals(readonly=True)
    journal = open_journals()
    found = journal.get("old")
    assert found is not None
    assert (found.state, found.intent, found.attempts) == ("sent", None, 1)
    assert journal.take_over("old", "gone")
    journal.reserve(entry("new"))
    assert journal.by_intent("intent-new") is not None
    versions = server.query(f"SELECT version FROM {schema}.version")
    assert versions == [(postgres_schema.CURRENT,)]


def test_a_migration_that_fails_leaves_the_old_version(
    open_journals: OpenJournals, server: Server, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    downgrade(server, schema)
    broken = (postgres_schema.MIGRATIONS[0], (postgres_schema.MIGRATIONS[1][0], "NONSENSE"))
    with monkeypatch.context() as patched:
        patched.setattr(postgres_schema, "MIGRATIONS", broken)
        with pytest.raises(JournalUnusable, match="syntax error"):
            open_journals()
    assert server.query(f"SELECT version FROM {schema}.version") == [(1,)]
    assert open_journals().get("old") is not None


def test_a_newer_version_is_refused(
    open_journals: OpenJournals, server: Server, schema: str
) -> None:
    open_journals()
    server.query(f"UPDATE {schema}.version SET version = 99")
    for readonly in (False, True):
        with pytest.raises(JournalUnusable, match=r"newer version \(schema 99, known"):
            open_journals(readonly=readonly)


def test_many_may_open_a_new_journal_at_once(server: Server, schema: str) -> None:
    opened: list[PostgresJournal] = []
    threads = [
        threading.Thread(target=lambda: opened.append(PostgresJournal(server.url(), schema=schema)))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(opened) == 6
    assert sum(journal.reserve(entry("a")).acquired for journal in opened) == 1
    for journal in opened:
        journal.close()


def test_the_session_is_as_durable_as_it_says(open_journals: OpenJournals, server: Server) -> None:
    server.query("ALTER ROLE boss SET synchronous_commit = off")
    try:
        link = open_journals()._runner.committer.store._connection
        assert link.execute("SHOW synchronous_commit").fetchone() == ("on",)
        assert link.execute("SHOW lock_timeout").fetchone() == ("10s",)
    finally:
        server.query("ALTER ROLE boss RESET synchronous_commit")


def test_reading_locks_no_rows(open_journals: OpenJournals, server: Server, schema: str) -> None:
    journal = open_journals()
    journal.reserve(entry("a"))
    before = server.query(f"SELECT xmax FROM {schema}.entry")
    journal.get("a")
    journal.by_intent("intent-a")
    journal.open_entries()
    assert server.query(f"SELECT xmax FROM {schema}.entry") == before, "a lock costs a sync"
    journal.take_over("a", "nobody")
    assert server.query(f"SELECT xmax FROM {schema}.entry") != before


def test_a_row_changed_by_hand_is_found(
    open_journals: OpenJournals, server: Server, schema: str
) -> None:
    journal = open_journals()
    journal.reserve_many([entry("good"), entry("bad")])
    server.query(f"UPDATE {schema}.entry SET fingerprint = 'x' WHERE key = 'bad'")
    (line,) = journal.verify()
    assert "fingerprint" in line
    with pytest.raises(JournalUnusable, match="fingerprint"):
        journal.get("bad")
    assert journal.get("good") is not None


def test_data_that_the_database_refuses_fail_alone(
    open_journals: OpenJournals, server: Server, schema: str
) -> None:
    journal = open_journals()
    server.query(f"ALTER TABLE {schema}.entry ADD CHECK (key <> 'bad')")
    futures = [journal.submit("reserve", entry(key)) for key in ("a", "b", "bad", "c")]
    assert isinstance(error := futures.pop(2).exception(30), JournalUnwritable)
    assert "violates check constraint" in str(error)
    assert all(future.result(30).acquired for future in futures)


def test_an_entry_deleted_by_hand_cannot_be_marked(
    open_journals: OpenJournals, server: Server, schema: str
) -> None:
    journal = open_journals()
    journal.reserve(entry("a"))
    server.query(f"DELETE FROM {schema}.entry")
    with pytest.raises(Exception, match="no entry has the key 'a'"):
        journal.advance("a", State.SENT)


def test_listing_open_entries_can_use_their_index(
    open_journals: OpenJournals, server: Server, schema: str
) -> None:
    link = open_journals()._runner.committer.store._connection
    link.execute("SET enable_seqscan = off")
    bound = {"ticker": "T", "after": -1, "limit": 500, "account": ""}
    plan = link.execute(b"EXPLAIN " + Statements(schema).select(open_selection("T")), bound)
    assert "entry_open" in str(plan.fetchall())
