"""The shared journal on a real server: races, deaths, lost connections."""

from __future__ import annotations

import json
import os
import pickle
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("psycopg", reason="psycopg is missing: the shared journal was NOT tested")

from journal_writers import entry
from postgres_server import PASSWORD, CuttableProxy, Server
from test_journal_sqlite_kills import check_promises

from kalshi_ext.errors import JournalUnwritable, Misuse
from kalshi_ext.journal import (
    IllegalTransition,
    Journal,
    JournalUnusable,
    MemoryJournal,
    NotOwner,
    State,
    Transition,
    TransitionUnwritten,
    open_journal,
    postgres_schema,
)
from kalshi_ext.journal.postgres import PostgresJournal
from kalshi_ext.journal.postgres_schema import Statements
from kalshi_ext.journal.store import open_selection

HERE = Path(__file__).parent
Open = Callable[..., PostgresJournal]


def wait_until(condition: Callable[[], Any]) -> None:
    """Wait until a condition holds; a test that waits for 30 s fails."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def open_journals(server: Server, schema: str) -> Iterator[Open]:
    """Return a function that opens journals of one schema; all are closed in the end."""
    opened: list[PostgresJournal] = []

    def open_one(**options: Any) -> PostgresJournal:
        url = server.url(options.pop("port", None))
        opened.append(PostgresJournal(url, schema=schema, **options))
        return opened[-1]

    yield open_one
    for journal in opened:
        journal.close()


@pytest.fixture
def wire(server: Server) -> Iterator[CuttableProxy]:
    proxy = CuttableProxy(server.port)
    yield proxy
    proxy.close()


def start_script(script: str, *arguments: object) -> subprocess.Popen[str]:
    """Run a script in another process."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(HERE)},
    )


def test_a_shared_journal_does_what_the_one_in_memory_does(open_journals: Open) -> None:
    def story(journal: Journal) -> list[Any]:
        results: list[Any] = []
        results += journal.reserve_many([entry("a"), entry("b"), entry("a")])
        results.append(journal.reserve(entry("c")))
        results += journal.advance_many(
            [Transition("a", State.SENT, attempts=1), Transition("b", State.REFUSED)]
        )
        results.append(journal.advance("a", State.ACKNOWLEDGED, order_id="o", verdict='{"é": "☃"}'))
        results.append(journal.advance("a", State.ACKNOWLEDGED))
        results += [journal.reopen("b"), journal.reopen("a")]
        results += [journal.take_over("b", journal.owner), journal.take_over("a", "x")]
        results += [journal.get("a"), journal.get("none"), journal.by_intent("intent-b")]
        results += [journal.open_entries(), journal.open_entries("T"), journal.open_entries("U")]
        results += [list(journal.entries()), list(journal.entries(states=[]))]
        results.append(list(journal.entries(states=[State.ACKNOWLEDGED], ticker="T")))
        results += [journal.owner_alive(journal.owner), journal.owner_alive("nobody")]
        results += [journal.verify()]
        for wrong in (State.SENT, State.REFUSED):
            with pytest.raises(IllegalTransition) as caught:
                journal.advance("a", wrong)
            results.append(str(caught.value))
        return results

    sample = entry("x")
    clock = lambda: sample.created_at  # noqa: E731
    shared, memory = open_journals(now=clock), MemoryJournal(now=clock)

    def plain(journal: Journal) -> str:
        times = re.sub(r"datetime\.datetime\([^)]*\)", "T", str(story(journal)))
        return times.replace(journal.owner, "OWNER")

    assert plain(shared) == plain(memory)
    assert (shared.durable, shared.shared) == (True, True)


RACE_FOR_RESERVATIONS = """
    import sys
    from journal_writers import entry
    from kalshi_ext.journal.postgres import PostgresJournal
    from attrs import evolve
    url, schema, name = sys.argv[1:]
    with PostgresJournal(url, schema=schema) as journal:
        print("ready", flush=True)
        sys.stdin.readline()
        futures = []
        for number in range(150):
            new = entry(str(number))
            if number % 2:  # half of them race for the intent alone
                new = evolve(new, key=f"{name}-{number}")
            futures.append(journal.submit("reserve", new))
        print(*(n for n, f in enumerate(futures) if f.result().acquired))
"""


def test_processes_that_race_for_keys_and_intents_get_each_once(
    server: Server, schema: str
) -> None:
    racers = [start_script(RACE_FOR_RESERVATIONS, server.url(), schema, name) for name in "abc"]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    won = [racer.communicate(timeout=100)[0].split() for racer in racers]
    assert sorted(number for numbers in won for number in numbers) == sorted(map(str, range(150)))
    with open_journal(server.url()) as other:
        assert other.get("1") is None, "another schema is another journal"


def test_claims_in_opposite_order_do_not_stop_each_other_for_good(open_journals: Open) -> None:
    keys = [str(number) for number in range(40)]
    won: list[str] = []

    def race(journal: Journal, order: list[str]) -> None:
        for at in range(0, 40, 8):
            claims = journal.reserve_many([entry(key) for key in order[at : at + 8]])
            won.extend(each.entry.key for each in claims if each.acquired)

    journals = (open_journals(), open_journals())
    orders = (keys, keys[::-1])
    threads = [
        threading.Thread(target=race, args=both) for both in zip(journals, orders, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(won) == sorted(keys)


def test_an_entry_belongs_to_the_one_who_claimed_it(open_journals: Open) -> None:
    owner, other = open_journals(), open_journals()
    first = owner.reserve(entry("a"))
    second = other.reserve(entry("a"))
    assert not second.acquired
    assert second.entry == first.entry
    with pytest.raises(NotOwner, match=re.escape(owner.owner)):
        other.advance("a", State.SENT)
    assert other.owner_alive(owner.owner)
    assert not other.take_over("a", owner.owner)
    with pytest.raises(IllegalTransition, match="driven by a living process"):
        other.settle("a", Transition("a", State.RESOLVED), owner.owner)
    assert owner.advance("a", State.SENT).owner == owner.owner


HOLD_RESERVATION = """
    import sys
    from journal_writers import entry
    from kalshi_ext.journal.postgres import PostgresJournal
    journal = PostgresJournal(sys.argv[1], schema=sys.argv[2])
    journal.reserve(entry("theirs"))
    print(journal.owner, flush=True)
    sys.stdin.read()
"""


def test_the_entries_of_a_killed_process_are_taken_over_by_exactly_one(
    server: Server, schema: str, open_journals: Open
) -> None:
    journals = [open_journals() for _ in range(4)]
    process = start_script(HOLD_RESERVATION, server.url(), schema)
    assert process.stdout is not None
    owner = process.stdout.readline().strip()
    assert journals[0].owner_alive(owner)
    assert not journals[0].take_over("theirs", owner)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    wait_until(lambda: not journals[0].owner_alive(owner))
    asked = [journal.submit("take_over", "theirs", owner) for journal in journals]
    taken = [future.result(30) for future in asked]
    assert sorted(taken) == [False, False, False, True]
    new = journals[taken.index(True)]
    assert new.advance("theirs", State.RESOLVED).owner == new.owner


def test_a_closed_journal_counts_as_gone_at_once(open_journals: Open) -> None:
    first, second = open_journals(), open_journals()
    first.reserve(entry("a"))
    first.close()
    assert not second.owner_alive(first.owner)
    assert second.take_over("a", first.owner)


def on_commit(actions: list[str]) -> Callable[[bytes], str]:
    """Do to each COMMIT what the list says; "look" cuts the lookup of what became of it."""

    def act(data: bytes) -> str:
        if actions and actions[0] == "look":
            return "cut" if b"ANY(" in data and actions.pop(0) else "pass"
        return actions.pop(0) if b"COMMIT\0" in data and actions else "pass"

    return act


@pytest.mark.parametrize(
    "actions", [["mute"], ["cut"], ["mute", "cut", "mute"], ["cut"] * 4, ["mute", "look", "look"]]
)
def test_a_connection_lost_around_a_commit_is_not_guessed_about(
    open_journals: Open, wire: CuttableProxy, actions: list[str]
) -> None:
    """mute: the server committed and nobody heard. cut: the COMMIT never reached it."""
    journal, witness = open_journals(port=wire.port), open_journals()
    left = list(actions)
    wire.on_client_data = on_commit(left)
    first = journal.reserve(entry("a"))
    second = journal.reserve(entry("b"))
    assert (first.acquired, second.acquired) == (True, True)
    assert journal.advance("a", State.ACKNOWLEDGED).state == "acknowledged"
    assert left == []
    assert [each.key for each in witness.entries()] == ["a", "b"]
    assert witness.open_entries() == [second.entry]
    assert journal.owner_alive(journal.owner)
    assert witness.owner_alive(journal.owner), "the new session holds its owner's lock"


def test_a_connection_lost_between_requests_is_renewed(open_journals: Open, server: Server) -> None:
    journal, witness = open_journals(), open_journals()
    journal.reserve(entry("a"))
    for _ in range(3):
        server.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE %s",
            f"kalshi-ext journal {journal.owner}"[:63] + "%",
        )
        wait_until(lambda: not witness.owner_alive(journal.owner))
        assert journal.advance("a", State.UNKNOWN).state == "unknown"
        assert witness.owner_alive(journal.owner)


def test_who_lost_an_entry_while_its_connection_was_gone_learns_of_it(
    open_journals: Open, server: Server
) -> None:
    journal, other = open_journals(), open_journals()
    journal.reserve(entry("a"))
    server.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE %s",
        f"kalshi-ext journal {journal.owner}"[:63] + "%",
    )
    wait_until(lambda: other.take_over("a", journal.owner))
    with pytest.raises(NotOwner):
        journal.advance("a", State.ACKNOWLEDGED)


def test_a_server_that_stays_away_lets_nothing_be_sent_and_nothing_be_claimed_twice(
    open_journals: Open, wire: CuttableProxy
) -> None:
    journal, witness = open_journals(port=wire.port, patience=0.3), open_journals()
    journal.reserve(entry("old"))
    down = threading.Event()
    down.set()

    # The commit goes through unheard, then nothing gets through at all.
    heard: list[bytes] = []

    def unheard(data: bytes) -> str:
        heard.append(data)
        if any(b"COMMIT\0" in each for each in heard[:-1]):
            return "cut" if down.is_set() else "pass"
        return "mute" if b"COMMIT\0" in data else "pass"

    wire.on_client_data = unheard
    with pytest.raises(JournalUnwritable, match="whether the last commit took place is unknown"):
        journal.reserve(entry("a"))
    assert [each.key for each in witness.open_entries()] == ["old", "a"]
    with pytest.raises(TransitionUnwritten, match="no connection to"):
        journal.advance("old", State.ACKNOWLEDGED)
    with pytest.raises(JournalUnusable, match="no connection to"):
        journal.get("old")
    down.clear()
    found = journal.get("a")
    assert found is not None
    assert found.state == "not_sent", "the caller was told that it was not written"
    assert journal.reopen("a").acquired
    assert journal.advance("old", State.ACKNOWLEDGED).state == "acknowledged"


WRITE_RANDOM = """
    import sys
    from journal_writers import report, write_random
    from kalshi_ext.journal.postgres import PostgresJournal
    url, schema, seed = sys.argv[1:]
    with PostgresJournal(url, schema=schema, patience=30) as journal:
        write_random(journal, int(seed))
    report("ended", "", "")
"""


def read_reports(process: subprocess.Popen[str]) -> Iterator[list[Any]]:
    """Yield what a process reports until it ends."""
    with process:
        assert process.stdout is not None
        yield from map(json.loads, process.stdout)


def test_a_server_killed_and_started_again_mid_commit_keeps_every_promise(
    server: Server, schema: str
) -> None:
    reports: list[list[Any]] = []
    for report in read_reports(start_script(WRITE_RANDOM, server.url(), schema, 1)):
        reports.append(report)
        if len(reports) in (3, 20, 37):
            server.kill()
            server.start()
    assert reports[-1][0] == "ended", "the writer outlived its server"
    with PostgresJournal(server.url(), schema=schema) as journal:
        check_promises(reports, {each.key: each for each in journal.entries()}, 1)
        assert journal.verify() == []


def test_writers_killed_at_random_leave_whole_batches_and_kept_promises(
    server: Server, schema: str, open_journals: Open
) -> None:
    journal = open_journals()
    for seed in range(4):
        process = start_script(WRITE_RANDOM, server.url(), schema, seed)
        reports: list[list[Any]] = []
        for report in read_reports(process):
            reports.append(report)
            if len(reports) == 7 + 5 * seed:
                process.kill()
        wait_until(lambda: not [o for o in journal.open_entries() if journal.owner_alive(o.owner)])
        check_promises(reports, {each.key: each for each in journal.entries()}, seed)
        for each in journal.open_entries():
            assert journal.take_over(each.key, each.owner)
            journal.advance(each.key, State.RESOLVED)


def test_a_forked_child_is_refused_and_leaves_the_session_alone(
    server: Server, schema: str
) -> None:
    process = start_script(
        """
        import gc, os, sys
        from journal_writers import entry
        from kalshi_ext.journal.postgres import PostgresJournal
        with PostgresJournal(sys.argv[1], schema=sys.argv[2]) as journal:
            journal.reserve(entry("a"))
            child = os.fork()
            if child == 0:
                try:
                    journal.reserve(entry("b"))
                except Exception as error:
                    print(type(error).__name__, "forked" in str(error), flush=True)
                journal.close()
                del journal
                gc.collect()
                sys.exit(7)
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
            print(journal.reserve(entry("b")).acquired, journal._runner.desk.store._link.closed)
        """,
        server.url(),
        schema,
    )
    output, _ = process.communicate(timeout=60)
    assert output.splitlines() == ["JournalUnwritable True", "7", "True False"]


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
        open_journal(change(server.url()))
    text = error_texts(caught.value) + str(pickle.loads(pickle.dumps(caught.value)))
    assert "s3cret" not in text
    assert PASSWORD not in text


def test_a_repr_names_the_server_and_not_the_password(open_journals: Open, server: Server) -> None:
    journal = open_journals()
    committer = journal._runner.desk
    for thing in (journal, journal._runner, committer, committer.store, committer.store.session):
        assert "s3cret" not in repr(thing)
        assert PASSWORD not in repr(thing)
    assert f"host=127.0.0.1 port={server.port} dbname=postgres user=boss" in repr(journal)


@pytest.mark.parametrize("schema", ["", "Upper", "a b", "a;b", "x" * 64, '"q"', "1a"])
def test_a_schema_that_is_no_identifier_is_a_misuse(schema: str) -> None:
    with pytest.raises(Misuse, match=r"^schema: "):
        PostgresJournal("postgresql://nowhere", schema=schema)


def test_looking_on_changes_nothing(open_journals: Open, server: Server, schema: str) -> None:
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
    open_journals: Open, server: Server, schema: str
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
    open_journals: Open, server: Server, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    downgrade(server, schema)
    broken = (postgres_schema.MIGRATIONS[0], (postgres_schema.MIGRATIONS[1][0], "NONSENSE"))
    with monkeypatch.context() as patched:
        patched.setattr(postgres_schema, "MIGRATIONS", broken)
        with pytest.raises(JournalUnusable, match="syntax error"):
            open_journals()
    assert server.query(f"SELECT version FROM {schema}.version") == [(1,)]
    assert open_journals().get("old") is not None


def test_a_newer_version_is_refused(open_journals: Open, server: Server, schema: str) -> None:
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


def test_the_session_is_as_durable_as_it_says(open_journals: Open, server: Server) -> None:
    server.query("ALTER ROLE boss SET synchronous_commit = off")
    try:
        link = open_journals()._runner.desk.store._link
        assert link.execute("SHOW synchronous_commit").fetchone() == ("on",)
        assert link.execute("SHOW lock_timeout").fetchone() == ("10s",)
    finally:
        server.query("ALTER ROLE boss RESET synchronous_commit")


def test_reading_locks_no_rows(open_journals: Open, server: Server, schema: str) -> None:
    journal = open_journals()
    journal.reserve(entry("a"))
    before = server.query(f"SELECT xmax FROM {schema}.entry")
    journal.get("a")
    journal.by_intent("intent-a")
    journal.open_entries()
    assert server.query(f"SELECT xmax FROM {schema}.entry") == before, "a lock costs a sync"
    journal.take_over("a", "nobody")
    assert server.query(f"SELECT xmax FROM {schema}.entry") != before


def test_a_row_changed_by_hand_is_found(open_journals: Open, server: Server, schema: str) -> None:
    journal = open_journals()
    journal.reserve_many([entry("good"), entry("bad")])
    server.query(f"UPDATE {schema}.entry SET fingerprint = 'x' WHERE key = 'bad'")
    (line,) = journal.verify()
    assert "fingerprint" in line
    with pytest.raises(JournalUnusable, match="fingerprint"):
        journal.get("bad")
    assert journal.get("good") is not None


def test_data_that_the_database_refuses_fail_alone(
    open_journals: Open, server: Server, schema: str
) -> None:
    journal = open_journals()
    server.query(f"ALTER TABLE {schema}.entry ADD CHECK (key <> 'bad')")
    futures = [journal.submit("reserve", entry(key)) for key in ("a", "b", "bad", "c")]
    assert isinstance(error := futures.pop(2).exception(30), JournalUnwritable)
    assert "violates check constraint" in str(error)
    assert all(future.result(30).acquired for future in futures)


def test_an_entry_deleted_by_hand_cannot_be_marked(
    open_journals: Open, server: Server, schema: str
) -> None:
    journal = open_journals()
    journal.reserve(entry("a"))
    server.query(f"DELETE FROM {schema}.entry")
    with pytest.raises(Exception, match="no entry has the key 'a'"):
        journal.advance("a", State.SENT)


def test_listing_open_entries_can_use_their_index(
    open_journals: Open, server: Server, schema: str
) -> None:
    link = open_journals()._runner.desk.store._link
    link.execute("SET enable_seqscan = off")
    bound = {"ticker": "T", "after": -1, "limit": 500}
    plan = link.execute(b"EXPLAIN " + Statements(schema).select(open_selection("T")), bound)
    assert "entry_open" in str(plan.fetchall())
