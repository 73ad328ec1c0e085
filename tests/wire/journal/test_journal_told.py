"""Who was told what, and who still owns what: in memory, in a file and in a table."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from journal_writers import entry, start_script

from kalshi_ext.errors import Misuse
from kalshi_ext.journal import (
    IllegalTransition,
    Journal,
    JournalUnusable,
    NotOwner,
    State,
    Transition,
    UnknownKey,
)
from kalshi_ext.journal.sqlite import SqliteJournal, SqliteStore

Opener = Callable[[], Journal]
EARLY = datetime(2026, 11, 26, 12, 0, 0, 250000, tzinfo=UTC)
LATE = datetime(2026, 11, 26, 12, 0, 5, tzinfo=UTC)


def keys(entries: Any) -> list[str]:
    return sorted(each.key for each in entries)


def test_a_verdict_is_untold_until_its_caller_was_told(reopen: Opener) -> None:
    journal = reopen()
    journal.reserve_many([entry(key) for key in "abcd"])
    journal.advance_many(
        [
            Transition("a", State.ACKNOWLEDGED, order_id="o-a"),
            Transition("b", State.REFUSED),
            Transition("c", State.RESOLVED, told=True),
        ]
    )
    assert keys(journal.untold()) == ["a", "b"]
    journal.mark_told(["a", "none", "d"])
    journal.reserve(entry("e"))  # the next group takes the mark along
    assert keys(journal.untold()) == ["b"]
    assert [each.told for each in map(journal.get, "abcd") if each] == [True, False, True, False]


def test_an_open_entry_cannot_be_told() -> None:
    with pytest.raises(Misuse, match="told: only of a verdict, got state unknown"):
        Transition("a", State.UNKNOWN, told=True)


def test_a_mark_is_written_at_the_latest_when_the_journal_is_closed(reopen: Opener) -> None:
    journal = reopen()
    journal.reserve(entry("a"))
    journal.advance("a", State.REFUSED)
    journal.mark_told(["a"])
    assert reopen().untold() == []


def test_a_mark_is_written_soon_where_nothing_else_is(reopen: Opener) -> None:
    journal = reopen()
    journal.reserve(entry("a"))
    journal.advance("a", State.REFUSED)
    journal.mark_told(["a"])
    deadline = time.monotonic() + 20

    def is_told() -> bool:
        found = journal.get("a")
        return found is not None and found.told

    while not is_told():  # this read does not take it along: it costs no sync
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_what_was_told_a_moment_ago_is_not_untold(reopen: Opener) -> None:
    journal = reopen()
    journal.reserve(entry("a"))
    journal.advance("a", State.REFUSED)
    journal.mark_told(["a"])
    assert journal.untold() == []


def test_a_repeated_verdict_may_say_that_it_was_told(reopen: Opener) -> None:
    journal = reopen()
    journal.reserve(entry("a"))
    journal.advance("a", State.ACKNOWLEDGED, order_id="o", exchange_time=EARLY)
    journal.advance("a", State.ACKNOWLEDGED, order_id="o", exchange_time=LATE)
    assert keys(journal.untold()) == ["a"]
    journal.advance("a", State.ACKNOWLEDGED, order_id="o", told=True)
    assert journal.untold() == []
    journal.advance("a", State.ACKNOWLEDGED, told=False)
    assert journal.untold() == [], "what was told stays told"
    with pytest.raises(IllegalTransition):
        journal.advance("a", State.ACKNOWLEDGED, order_id="other", told=True)
    assert journal.get("a").exchange_time == EARLY  # type: ignore[union-attr]


def test_a_reopened_entry_has_no_verdict_to_tell_and_no_time_of_its_sending(reopen: Opener) -> None:
    journal = reopen()
    journal.reserve(entry("a"))
    journal.advance("a", State.REFUSED, exchange_time=EARLY, told=True)
    reopened = journal.reopen("a").entry
    assert (reopened.told, reopened.exchange_time) == (False, None)
    journal.mark_told(["a"])
    journal.advance("a", State.REFUSED)
    assert keys(journal.untold()) == ["a"], "a mark of an open entry means nothing"


def test_the_exchanges_time_is_kept_and_moves_with_each_transition(reopen: Opener) -> None:
    from attrs import evolve

    journal = reopen()
    journal.reserve_many([evolve(entry("a"), exchange_time=EARLY), entry("b")])
    journal.advance("a", State.UNKNOWN, exchange_time=LATE)
    journal.advance("b", State.UNKNOWN)
    journal = reopen()
    assert [each.exchange_time for each in map(journal.get, "ab") if each] == [LATE, None]


def test_a_cancelled_reservation_has_nothing_to_tell(reopen: Opener) -> None:
    journal = reopen()
    future = journal.submit("reserve_many", [entry("a")])
    future.result(20)
    journal.cancel_reservation(future)
    journal.reserve(entry("b"))
    assert journal.get("a").state == State.NOT_SENT  # type: ignore[union-attr]
    assert journal.untold() == []


def test_a_mark_costs_no_commit_of_its_own_while_there_is_work(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits: list[int] = []
    real = SqliteStore.commit
    monkeypatch.setattr(SqliteStore, "commit", lambda store: commits.append(1) or real(store))
    with SqliteJournal(path) as journal:
        for number in range(20):
            journal.reserve(entry(str(number)))
            journal.advance(str(number), State.ACKNOWLEDGED)
            journal.mark_told([str(number)])
        assert len(commits) == 40
        assert journal.untold() == []  # asking for it writes the mark that waits
        assert len(commits) == 41


def test_marks_of_many_threads_all_arrive(path: Path) -> None:
    with SqliteJournal(path) as journal:
        names = [str(number) for number in range(200)]
        journal.reserve_many([entry(name) for name in names])
        journal.advance_many([Transition(name, State.REFUSED) for name in names])
        threads = [
            threading.Thread(target=lambda part=part: [journal.mark_told([n]) for n in part])
            for part in (names[:100], names[100:])
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    with SqliteJournal(path) as journal:
        assert journal.untold() == []


def test_marking_never_raises(path: Path) -> None:
    with SqliteJournal(path) as journal:
        journal.reserve(entry("a"))
        journal.mark_told([])
        journal.mark_told(["\0", "\ud800", "none"])
        journal.reserve(entry("b"))
    journal.mark_told(["a"])  # closed


def test_a_store_that_cannot_write_marks_goes_on(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SqliteJournal(path) as journal:
        journal.reserve(entry("a"))
        journal.advance("a", State.REFUSED)
        monkeypatch.setattr(SqliteStore, "mark_told", lambda *_: 1 / 0)
        journal.mark_told(["a"])
        with pytest.raises(Exception, match="division"):
            journal.reserve(entry("b"))
        assert journal.reserve(entry("c")).acquired, "a mark that fails is not tried again"


def test_untold_verdicts_are_found_without_walking_through_the_told(path: Path) -> None:
    from kalshi_ext.journal.sqlite import _select
    from kalshi_ext.journal.store import UNTOLD

    with SqliteJournal(path) as journal:
        store = journal._runner.committer.store  # type: ignore[attr-defined]
        bound = {"ticker": None, "after": -1, "limit": 1}
        plan = store._connection.execute("EXPLAIN QUERY PLAN " + _select(UNTOLD), bound).fetchall()
        assert "entry_untold" in plan[0][3]


def test_what_is_open_and_ours_is_renewed(reopen: Opener) -> None:
    journal = reopen()
    journal.reserve_many([entry("a"), entry("b")])
    journal.advance("b", State.UNKNOWN, attempts=1)
    before = list(journal.entries())
    journal.renew(["a", "b"])
    journal.renew([])
    assert list(journal.entries()) == before
    with pytest.raises(UnknownKey):
        journal.renew(["a", "none"])


def test_what_has_ended_is_not_renewed(reopen: Opener) -> None:
    journal = reopen()
    journal.reserve(entry("a"))
    journal.advance("a", State.NOT_SENT)
    with pytest.raises(NotOwner, match="entry a is already not_sent"):
        journal.renew(["a"])


def test_what_another_instance_drives_is_not_renewed(reopen: Opener, request: Any) -> None:
    if request.node.callspec.params["reopen"] == "memory":
        pytest.skip("memory has one instance")
    former = reopen().reserve(entry("a")).entry.owner
    journal = reopen()
    with pytest.raises(NotOwner) as caught:
        journal.renew(["a"])
    assert caught.value.owner == former
    assert journal.take_over("a", former)
    journal.renew(["a"])


def test_a_closed_journal_renews_nothing(reopen: Opener) -> None:
    journal = reopen()
    journal.reserve(entry("a"))
    journal.close()
    with pytest.raises(JournalUnusable, match="closed"):
        journal.renew(["a"])


def end_session(server: Any, journal: Journal) -> None:
    server.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE %s",
        f"kalshi-ext journal {journal.owner}"[:63] + "%",
    )


def test_a_session_lost_and_regained_before_anybody_took_over_renews(
    open_journals: Any, server: Any
) -> None:
    journal = open_journals()
    journal.reserve(entry("a"))
    end_session(server, journal)
    journal.renew(["a"])
    assert open_journals().owner_alive(journal.owner)


def test_a_session_lost_while_another_process_took_over_renews_nothing(
    open_journals: Any, server: Any
) -> None:
    journal, other = open_journals(), open_journals()
    journal.reserve_many([entry("a"), entry("b"), entry("c")])
    end_session(server, journal)
    deadline = time.monotonic() + 20
    while not other.take_over("a", journal.owner):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert other.take_over("b", journal.owner)
    other.advance("b", State.NOT_SENT)
    for key in ("a", "b"):
        with pytest.raises(NotOwner) as caught:
            journal.renew(["c", key])
        assert caught.value.owner == other.owner
    journal.renew(["c"])


def test_without_its_server_a_renewal_fails_as_something_not_known(
    open_journals: Any, server: Any
) -> None:
    journal = open_journals(patience=0.2)
    journal.reserve(entry("a"))
    server.kill()
    try:
        with pytest.raises(JournalUnusable, match="no connection to"):
            journal.renew(["a"])
    finally:
        server.start()
    journal.renew(["a"])


SUSPENDED = """
    import sys
    from journal_writers import entry
    from kalshi_ext.journal import NotOwner
    from kalshi_ext.journal.postgres import PostgresJournal
    journal = PostgresJournal(sys.argv[1], schema=sys.argv[2])
    journal.reserve(entry("a"))
    print(journal.owner, flush=True)
    sys.stdin.readline()
    try:
        journal.renew(["a"])
    except NotOwner as error:
        print("not owner", error.owner, flush=True)
"""


def test_a_process_that_was_suspended_and_lost_its_entry_learns_it_before_it_sends(
    open_journals: Any, server: Any, schema: str
) -> None:
    process = start_script(SUSPENDED, server.url(), schema)
    assert process.stdin is not None
    assert process.stdout is not None
    owner = process.stdout.readline().strip()
    process.send_signal(signal.SIGSTOP)
    other = open_journals()
    assert not other.take_over("a", owner), "its session is still there"
    server.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE %s",
        f"kalshi-ext journal {owner}"[:63] + "%",
    )
    deadline = time.monotonic() + 20
    while not other.take_over("a", owner):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGCONT)
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline().strip() == f"not owner {other.owner}"
    process.communicate(timeout=20)


def test_a_crash_loses_marks_and_nothing_else(path: Path) -> None:
    script = """
        import os, signal, sys
        from journal_writers import entry
        from kalshi_ext.journal import State
        from kalshi_ext.journal.sqlite import SqliteJournal
        journal = SqliteJournal(sys.argv[1])
        journal.reserve(entry("a"))
        journal.advance("a", State.ACKNOWLEDGED, order_id="o")
        journal.mark_told(["a"])
        os.kill(os.getpid(), signal.SIGKILL)
    """
    process = start_script(script, path, stderr=subprocess.DEVNULL)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    with SqliteJournal(path) as journal:
        found = journal.get("a")
        assert found is not None
        assert (found.state, found.order_id) == (State.ACKNOWLEDGED, "o")
        assert keys(journal.untold()) in (["a"], [])
