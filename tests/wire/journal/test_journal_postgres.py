"""The shared journal on a real server: races, deaths, lost connections."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("psycopg", reason="psycopg is missing: the shared journal was NOT tested")

from journal_writers import entry, start_script
from postgres_server import CuttableProxy, OpenJournals, Server
from test_journal_sqlite_kills import check_promises

from kalshi_ext.errors import JournalUnwritable
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
)
from kalshi_ext.journal.postgres import PostgresJournal


def wait_until(condition: Callable[[], Any]) -> None:
    """Wait until a condition holds; a test that waits for 30 s fails."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def wire(server: Server) -> Iterator[CuttableProxy]:
    proxy = CuttableProxy(server.port)
    yield proxy
    proxy.close()


def test_a_shared_journal_does_what_the_one_in_memory_does(open_journals: OpenJournals) -> None:
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
    from journal_writers import entry, start_script
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


def test_claims_in_opposite_order_do_not_stop_each_other_for_good(
    open_journals: OpenJournals,
) -> None:
    # Row locks taken in opposite order would be a deadlock.
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


def test_an_entry_belongs_to_the_one_who_claimed_it(open_journals: OpenJournals) -> None:
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
    from journal_writers import entry, start_script
    from kalshi_ext.journal.postgres import PostgresJournal
    journal = PostgresJournal(sys.argv[1], schema=sys.argv[2])
    journal.reserve(entry("theirs"))
    print(journal.owner, flush=True)
    sys.stdin.read()
"""


def test_the_entries_of_a_killed_process_are_taken_over_by_exactly_one(
    server: Server, schema: str, open_journals: OpenJournals
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


def test_a_closed_journal_counts_as_gone_at_once(open_journals: OpenJournals) -> None:
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
    open_journals: OpenJournals, wire: CuttableProxy, actions: list[str]
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


def test_a_connection_lost_between_requests_is_renewed(
    open_journals: OpenJournals, server: Server
) -> None:
    journal, witness = open_journals(), open_journals()
    journal.reserve(entry("a"))
    for _ in range(3):
        server.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE %s",
            f"kalshi-ext journal {journal.owner}"[:63] + "%",  # PostgreSQL cuts names at 63 bytes
        )
        wait_until(lambda: not witness.owner_alive(journal.owner))
        assert journal.advance("a", State.UNKNOWN).state == "unknown"
        assert witness.owner_alive(journal.owner)


def test_who_lost_an_entry_while_its_connection_was_gone_learns_of_it(
    open_journals: OpenJournals, server: Server
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
    open_journals: OpenJournals, wire: CuttableProxy
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
    server: Server, schema: str, open_journals: OpenJournals
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
        from journal_writers import entry, start_script
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
    output, _ = process.communicate(timeout=60)
    assert output.splitlines() == ["JournalUnwritable True", "7", "True False"]
