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

from journal_kitchen import entry
from postgres_server import PASSWORD, Server, Wire
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


def until(truth: Callable[[], Any]) -> None:
    """Wait until something becomes true; a test that waits in vain fails."""
    deadline = time.monotonic() + 30
    while not truth():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def opening(server: Server, schema: str) -> Iterator[Open]:
    """Open journals of one schema; all are closed in the end."""
    opened: list[PostgresJournal] = []

    def open_one(**options: Any) -> PostgresJournal:
        url = server.url(options.pop("port", None))
        opened.append(PostgresJournal(url, schema=schema, **options))
        return opened[-1]

    yield open_one
    for journal in opened:
        journal.close()


@pytest.fixture
def wire(server: Server) -> Iterator[Wire]:
    cuttable = Wire(server.port)
    yield cuttable
    cuttable.close()


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    """Run a script in another process."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(HERE)},
    )


def test_a_shared_journal_does_what_the_one_in_memory_does(opening: Open) -> None:
    def story(journal: Journal) -> list[Any]:
        told: list[Any] = []
        told += journal.reserve_many([entry("a"), entry("b"), entry("a")])
        told.append(journal.reserve(entry("c")))
        told += journal.advance_many(
            [Transition("a", State.SENT, attempts=1), Transition("b", State.REFUSED)]
        )
        told.append(journal.advance("a", State.ACKNOWLEDGED, order_id="o", verdict='{"é": "☃"}'))
        told.append(journal.advance("a", State.ACKNOWLEDGED))
        told += [journal.reopen("b"), journal.reopen("a")]
        told += [journal.take_over("b", journal.owner), journal.take_over("a", "x")]
        told += [journal.get("a"), journal.get("none"), journal.by_intent("intent-b")]
        told += [journal.open_entries(), journal.open_entries("T"), journal.open_entries("U")]
        told += [list(journal.entries()), list(journal.entries(states=[]))]
        told.append(list(journal.entries(states=[State.ACKNOWLEDGED], ticker="T")))
        told += [journal.owner_alive(journal.owner), journal.owner_alive("nobody")]
        told += [journal.verify()]
        for wrong in (State.SENT, State.REFUSED):
            with pytest.raises(IllegalTransition) as caught:
                journal.advance("a", wrong)
            told.append(str(caught.value))
        return told

    one = entry("x")
    clock = lambda: one.created_at  # noqa: E731
    shared, memory = opening(now=clock), MemoryJournal(now=clock)

    def plain(journal: Journal) -> str:
        times = re.sub(r"datetime\.datetime\([^)]*\)", "T", str(story(journal)))
        return times.replace(journal.owner, "OWNER")

    assert plain(shared) == plain(memory)
    assert (shared.durable, shared.shared) == (True, True)


RACE = """
    import sys
    from journal_kitchen import entry
    from kalshi_ext.journal.postgres import PostgresJournal
    from attrs import evolve
    url, schema, mine = sys.argv[1:]
    with PostgresJournal(url, schema=schema) as journal:
        print("ready", flush=True)
        sys.stdin.readline()
        futures = []
        for number in range(150):
            new = entry(str(number))
            if number % 2:  # half of them race for the intent alone
                new = evolve(new, key=f"{mine}-{number}")
            futures.append(journal.submit("reserve", new))
        print(*(n for n, f in enumerate(futures) if f.result().acquired))
"""


def test_processes_that_race_for_keys_and_intents_get_each_once(
    server: Server, schema: str
) -> None:
    racers = [start(RACE, server.url(), schema, name) for name in "abc"]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    won = [racer.communicate(timeout=100)[0].split() for racer in racers]
    assert sorted(number for one in won for number in one) == sorted(map(str, range(150)))
    with open_journal(server.url()) as other:
        assert other.get("1") is None, "another schema is another journal"


def test_claims_in_opposite_order_do_not_stop_each_other_for_good(opening: Open) -> None:
    keys = [str(number) for number in range(40)]
    won: list[str] = []

    def race(journal: Journal, order: list[str]) -> None:
        for at in range(0, 40, 8):
            claims = journal.reserve_many([entry(key) for key in order[at : at + 8]])
            won.extend(one.entry.key for one in claims if one.acquired)

    journals = (opening(), opening())
    orders = (keys, keys[::-1])
    threads = [
        threading.Thread(target=race, args=both) for both in zip(journals, orders, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(won) == sorted(keys)


def test_an_entry_belongs_to_the_one_who_claimed_it(opening: Open) -> None:
    mine, theirs = opening(), opening()
    claimed = mine.reserve(entry("a"))
    second = theirs.reserve(entry("a"))
    assert not second.acquired
    assert second.entry == claimed.entry
    with pytest.raises(NotOwner, match=re.escape(mine.owner)):
        theirs.advance("a", State.SENT)
    assert theirs.owner_alive(mine.owner)
    assert not theirs.take_over("a", mine.owner)
    with pytest.raises(IllegalTransition, match="driven by a living process"):
        theirs.settle("a", Transition("a", State.RESOLVED), mine.owner)
    assert mine.advance("a", State.SENT).owner == mine.owner


HOLD = """
    import sys
    from journal_kitchen import entry
    from kalshi_ext.journal.postgres import PostgresJournal
    journal = PostgresJournal(sys.argv[1], schema=sys.argv[2])
    journal.reserve(entry("theirs"))
    print(journal.owner, flush=True)
    sys.stdin.read()
"""


def test_the_entries_of_a_killed_process_are_taken_over_by_exactly_one(
    server: Server, schema: str, opening: Open
) -> None:
    journals = [opening() for _ in range(4)]
    process = start(HOLD, server.url(), schema)
    assert process.stdout is not None
    owner = process.stdout.readline().strip()
    assert journals[0].owner_alive(owner)
    assert not journals[0].take_over("theirs", owner)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    until(lambda: not journals[0].owner_alive(owner))
    asked = [journal.submit("take_over", "theirs", owner) for journal in journals]
    taken = [future.result(30) for future in asked]
    assert sorted(taken) == [False, False, False, True]
    new = journals[taken.index(True)]
    assert new.advance("theirs", State.RESOLVED).owner == new.owner


def test_a_closed_journal_counts_as_gone_at_once(opening: Open) -> None:
    first, second = opening(), opening()
    first.reserve(entry("a"))
    first.close()
    assert not second.owner_alive(first.owner)
    assert second.take_over("a", first.owner)


def on_commit(verdicts: list[str]) -> Callable[[bytes], str]:
    """Do to each COMMIT what the list says; "look" cuts the look at what became of it."""

    def judge(data: bytes) -> str:
        if verdicts and verdicts[0] == "look":
            return "cut" if b"ANY(" in data and verdicts.pop(0) else "pass"
        return verdicts.pop(0) if b"COMMIT\0" in data and verdicts else "pass"

    return judge


@pytest.mark.parametrize(
    "verdicts", [["mute"], ["cut"], ["mute", "cut", "mute"], ["cut"] * 4, ["mute", "look", "look"]]
)
def test_a_connection_lost_around_a_commit_is_not_guessed_about(
    opening: Open, wire: Wire, verdicts: list[str]
) -> None:
    """mute: the server committed and nobody heard. cut: the COMMIT never reached it."""
    journal, witness = opening(port=wire.port), opening()
    left = list(verdicts)
    wire.on_client = on_commit(left)
    first = journal.reserve(entry("a"))
    second = journal.reserve(entry("b"))
    assert (first.acquired, second.acquired) == (True, True)
    assert journal.advance("a", State.ACKNOWLEDGED).state == "acknowledged"
    assert left == []
    assert [one.key for one in witness.entries()] == ["a", "b"]
    assert witness.open_entries() == [second.entry]
    assert journal.owner_alive(journal.owner)
    assert witness.owner_alive(journal.owner), "the new session holds its owner's lock"


def test_a_connection_lost_between_requests_is_renewed(opening: Open, server: Server) -> None:
    journal, witness = opening(), opening()
    journal.reserve(entry("a"))
    for _ in range(3):
        server.ask(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE %s",
            f"kalshi-ext journal {journal.owner}"[:63] + "%",
        )
        until(lambda: not witness.owner_alive(journal.owner))
        assert journal.advance("a", State.UNKNOWN).state == "unknown"
        assert witness.owner_alive(journal.owner)


def test_who_lost_an_entry_while_its_connection_was_gone_learns_of_it(
    opening: Open, server: Server
) -> None:
    journal, other = opening(), opening()
    journal.reserve(entry("a"))
    server.ask(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE %s",
        f"kalshi-ext journal {journal.owner}"[:63] + "%",
    )
    until(lambda: other.take_over("a", journal.owner))
    with pytest.raises(NotOwner):
        journal.advance("a", State.ACKNOWLEDGED)


def test_a_server_that_stays_away_lets_nothing_be_sent_and_nothing_be_claimed_twice(
    opening: Open, wire: Wire
) -> None:
    journal, witness = opening(port=wire.port, patience=0.3), opening()
    journal.reserve(entry("old"))
    down = threading.Event()
    down.set()

    # The commit goes through unheard, then nothing gets through at all.
    heard: list[bytes] = []

    def unheard(data: bytes) -> str:
        heard.append(data)
        if any(b"COMMIT\0" in one for one in heard[:-1]):
            return "cut" if down.is_set() else "pass"
        return "mute" if b"COMMIT\0" in data else "pass"

    wire.on_client = unheard
    with pytest.raises(JournalUnwritable, match="whether the last commit took place is unknown"):
        journal.reserve(entry("a"))
    assert [one.key for one in witness.open_entries()] == ["old", "a"]
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


STORY = """
    import sys
    from journal_kitchen import cook_in, tell
    from kalshi_ext.journal.postgres import PostgresJournal
    url, schema, seed = sys.argv[1:]
    with PostgresJournal(url, schema=schema, patience=30) as journal:
        cook_in(journal, int(seed))
    tell("ended", "", "")
"""


def listen(process: subprocess.Popen[str]) -> Iterator[list[Any]]:
    """Yield what a process tells until it ends."""
    with process:
        assert process.stdout is not None
        yield from map(json.loads, process.stdout)


def test_a_server_killed_and_started_again_mid_commit_keeps_every_promise(
    server: Server, schema: str
) -> None:
    told: list[list[Any]] = []
    for said in listen(start(STORY, server.url(), schema, 1)):
        told.append(said)
        if len(told) in (3, 20, 37):
            server.kill()
            server.start()
    assert told[-1][0] == "ended", "the writer outlived its server"
    with PostgresJournal(server.url(), schema=schema) as journal:
        check_promises(told, {one.key: one for one in journal.entries()}, 1)
        assert journal.verify() == []


def test_writers_killed_at_random_leave_whole_batches_and_kept_promises(
    server: Server, schema: str, opening: Open
) -> None:
    journal = opening()
    for seed in range(4):
        process = start(STORY, server.url(), schema, seed)
        told: list[list[Any]] = []
        for said in listen(process):
            told.append(said)
            if len(told) == 7 + 5 * seed:
                process.kill()
        until(lambda: not [o for o in journal.open_entries() if journal.owner_alive(o.owner)])
        check_promises(told, {one.key: one for one in journal.entries()}, seed)
        for one in journal.open_entries():
            assert journal.take_over(one.key, one.owner)
            journal.advance(one.key, State.RESOLVED)


def test_a_forked_child_is_refused_and_leaves_the_session_alone(
    server: Server, schema: str
) -> None:
    process = start(
        """
        import gc, os, sys
        from journal_kitchen import entry
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
            connection = journal._runner.committer.store._connection
            print(journal.reserve(entry("b")).acquired, connection.closed)
        """,
        server.url(),
        schema,
    )
    told, _ = process.communicate(timeout=60)
    assert told.splitlines() == ["JournalUnwritable True", "7", "True False"]


def shown(error: BaseException | None) -> str:
    """Everything an error says, with its causes."""
    said = ""
    while error is not None:
        said += f"{error!s} {error!r} {error.__dict__!r} "
        error = error.__cause__ or error.__context__
    return said


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
    said = shown(caught.value) + str(pickle.loads(pickle.dumps(caught.value)))
    assert "s3cret" not in said
    assert PASSWORD not in said


def test_a_repr_names_the_server_and_not_the_password(opening: Open, server: Server) -> None:
    journal = opening()
    committer = journal._runner.committer
    for thing in (journal, journal._runner, committer, committer.store, committer.store.session):
        assert "s3cret" not in repr(thing)
        assert PASSWORD not in repr(thing)
    assert f"host=127.0.0.1 port={server.port} dbname=postgres user=boss" in repr(journal)


@pytest.mark.parametrize("schema", ["", "Upper", "a b", "a;b", "x" * 64, '"q"', "1a"])
def test_a_schema_that_is_no_identifier_is_a_misuse(schema: str) -> None:
    with pytest.raises(Misuse, match=r"^schema: "):
        PostgresJournal("postgresql://nowhere", schema=schema)


def test_looking_on_changes_nothing(opening: Open, server: Server, schema: str) -> None:
    with pytest.raises(JournalUnusable, match="open it once for writing"):
        opening(readonly=True)
    assert server.ask("SELECT to_regnamespace(%s)", schema) == [(None,)]
    writing = opening()
    writing.reserve(entry("a"))
    looking = opening(readonly=True)
    assert [one.key for one in looking.entries()] == ["a"]
    assert looking.owner_alive(writing.owner)
    with pytest.raises(JournalUnwritable, match="reading only"):
        looking.reserve(entry("b"))
    assert not writing.owner_alive(looking.owner)


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
        server.ask(statement.format(schema))


def test_a_journal_of_version_1_is_brought_up_to_date_with_its_entries(
    opening: Open, server: Server, schema: str
) -> None:
    downgrade(server, schema)
    with pytest.raises(JournalUnusable, match="open it once for writing"):
        opening(readonly=True)
    journal = opening()
    found = journal.get("old")
    assert found is not None
    assert (found.state, found.intent, found.attempts) == ("sent", None, 1)
    assert journal.take_over("old", "gone")
    journal.reserve(entry("new"))
    assert journal.by_intent("intent-new") is not None
    versions = server.ask(f"SELECT version FROM {schema}.version")
    assert versions == [(postgres_schema.CURRENT,)]


def test_a_migration_that_fails_leaves_the_old_version(
    opening: Open, server: Server, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    downgrade(server, schema)
    broken = (postgres_schema.MIGRATIONS[0], (postgres_schema.MIGRATIONS[1][0], "NONSENSE"))
    with monkeypatch.context() as patched:
        patched.setattr(postgres_schema, "MIGRATIONS", broken)
        with pytest.raises(JournalUnusable, match="syntax error"):
            opening()
    assert server.ask(f"SELECT version FROM {schema}.version") == [(1,)]
    assert opening().get("old") is not None


def test_a_newer_version_is_refused(opening: Open, server: Server, schema: str) -> None:
    opening()
    server.ask(f"UPDATE {schema}.version SET version = 99")
    for readonly in (False, True):
        with pytest.raises(JournalUnusable, match=r"newer version \(schema 99, known"):
            opening(readonly=readonly)


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


def test_the_session_is_as_durable_as_it_says(opening: Open, server: Server) -> None:
    server.ask("ALTER ROLE boss SET synchronous_commit = off")
    try:
        link = opening()._runner.committer.store._connection
        assert link.execute("SHOW synchronous_commit").fetchone() == ("on",)
        assert link.execute("SHOW lock_timeout").fetchone() == ("10s",)
    finally:
        server.ask("ALTER ROLE boss RESET synchronous_commit")


def test_reading_locks_no_rows(opening: Open, server: Server, schema: str) -> None:
    journal = opening()
    journal.reserve(entry("a"))
    before = server.ask(f"SELECT xmax FROM {schema}.entry")
    journal.get("a")
    journal.by_intent("intent-a")
    journal.open_entries()
    assert server.ask(f"SELECT xmax FROM {schema}.entry") == before, "a lock costs a sync"
    journal.take_over("a", "nobody")
    assert server.ask(f"SELECT xmax FROM {schema}.entry") != before


def test_a_row_changed_by_hand_is_found(opening: Open, server: Server, schema: str) -> None:
    journal = opening()
    journal.reserve_many([entry("good"), entry("bad")])
    server.ask(f"UPDATE {schema}.entry SET fingerprint = 'x' WHERE key = 'bad'")
    (line,) = journal.verify()
    assert "fingerprint" in line
    with pytest.raises(JournalUnusable, match="fingerprint"):
        journal.get("bad")
    assert journal.get("good") is not None


def test_data_that_the_database_refuses_fail_alone(
    opening: Open, server: Server, schema: str
) -> None:
    journal = opening()
    server.ask(f"ALTER TABLE {schema}.entry ADD CHECK (key <> 'bad')")
    futures = [journal.submit("reserve", entry(key)) for key in ("a", "b", "bad", "c")]
    assert isinstance(error := futures.pop(2).exception(30), JournalUnwritable)
    assert "violates check constraint" in str(error)
    assert all(future.result(30).acquired for future in futures)


def test_an_entry_deleted_by_hand_cannot_be_marked(
    opening: Open, server: Server, schema: str
) -> None:
    journal = opening()
    journal.reserve(entry("a"))
    server.ask(f"DELETE FROM {schema}.entry")
    with pytest.raises(Exception, match="no entry has the key 'a'"):
        journal.advance("a", State.SENT)


def test_listing_open_entries_can_use_their_index(
    opening: Open, server: Server, schema: str
) -> None:
    link = opening()._runner.committer.store._connection
    link.execute("SET enable_seqscan = off")
    bound = {"ticker": "T", "after": -1, "limit": 500}
    plan = link.execute(b"EXPLAIN " + Statements(schema).select(open_selection("T")), bound)
    assert "entry_open" in str(plan.fetchall())
