"""A journal belongs to one exchange and account: in memory, in a file and in a table."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from journal_writers import entry, start_script

from kalshi_ext.journal import (
    IllegalTransition,
    Journal,
    JournalMismatch,
    JournalUnadopted,
    MemoryJournal,
    State,
    Transition,
    UnknownKey,
)
from kalshi_ext.journal.sqlite import SqliteJournal

A, B = "demo key:aaaaaaaaaaaaaaaa", "production key:bbbbbbbbbbbbbbbb"
Opener = Callable[[], Journal]


def bound(journal: Journal, account: str) -> Journal:
    journal.bind(account)
    return journal


def test_every_entry_says_whose_it_is(reopen: Opener) -> None:
    journal = bound(reopen(), A)
    assert journal.reserve(entry("a")).entry.account == A
    journal.advance("a", State.REFUSED)
    assert journal.reopen("a").entry.account == A
    assert [each.account for each in journal.entries()] == [A]
    assert journal.accounts() == [A]


def test_the_same_account_goes_on(reopen: Opener) -> None:
    bound(reopen(), A).reserve(entry("a"))
    journal = bound(reopen(), A)
    journal.bind(A)
    assert [each.key for each in journal.open_entries()] == ["a"]
    assert not journal.reserve(entry("a")).acquired


def test_a_journal_without_entries_is_anybodys(reopen: Opener, request: Any) -> None:
    if request.node.callspec.params["reopen"] == "memory":
        pytest.skip("memory is not opened anew")
    bound(reopen(), A)
    assert bound(reopen(), B).reserve(entry("a")).entry.account == B


def test_one_open_journal_serves_one_account_even_before_its_first_entry(reopen: Opener) -> None:
    journal = bound(reopen(), A)
    with pytest.raises(JournalMismatch):
        journal.bind(B)
    assert journal.reserve(entry("a")).entry.account == A


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_another_account_is_refused_and_both_are_named(kind: str, path: Path) -> None:
    first = MemoryJournal() if kind == "memory" else SqliteJournal(path)
    bound(first, A).reserve(entry("a"))
    if kind == "file":
        first.close()
    journal = first if kind == "memory" else SqliteJournal(path)
    with journal:
        for _ in range(2):
            with pytest.raises(JournalMismatch, match=r"of \[demo key.* client is \[production"):
                journal.bind(B)
        assert [each.key for each in journal.entries()] == ["a"]


def test_in_a_table_each_account_sees_its_own_entries_only(open_journals: Any) -> None:
    ours, theirs = bound(open_journals(), A), bound(open_journals(), B)
    first = ours.reserve(entry("a"))
    assert (first.acquired, theirs.reserve(entry("a")).acquired) == (True, True), "the same intent"
    ours.advance("a", State.ACKNOWLEDGED, order_id="ours")
    for found in (theirs.get("a"), theirs.by_intent("intent-a"), *theirs.open_entries()):
        assert found is not None
        assert (found.account, found.state, found.order_id) == (B, "intent", None)
    assert [each.account for each in theirs.entries()] == [B]
    assert [each.account for each in ours.untold()] == [A]
    assert theirs.untold() == []
    ours.reserve(entry("b"))
    with pytest.raises(UnknownKey):
        theirs.advance("b", State.REFUSED)
    assert not theirs.take_over("b", ours.owner)
    assert theirs.accounts() == [A, B]


def test_a_verdict_told_to_one_account_is_not_told_to_the_other(open_journals: Any) -> None:
    journals = [bound(open_journals(), account) for account in (A, B)]
    for journal in journals:
        journal.reserve(entry("a"))
        journal.advance("a", State.REFUSED)
    journals[0].mark_told(["a"])
    journals[0].reserve(entry("b"))
    assert [len(journal.untold()) for journal in journals] == [0, 1]


def test_entries_that_are_nobodys_are_refused_until_they_are_adopted(reopen: Opener) -> None:
    old = reopen()
    old.reserve_many([entry("a-open"), entry("done")])
    old.advance("done", State.ACKNOWLEDGED, order_id="o")
    journal = reopen()
    with pytest.raises(JournalUnadopted, match="kalshi-ext journal adopt") as caught:
        journal.bind(A)
    assert caught.value.asked == A
    assert journal.adopt(A) == 2
    journal = bound(reopen(), A)
    assert [(each.key, each.account) for each in journal.entries()] == [("a-open", A), ("done", A)]
    assert [each.key for each in journal.open_entries()] == ["a-open"]
    assert journal.reserve(entry("new")).entry.account == A
    assert journal.adopt(A, source=A) == 3, "done again it changes nothing"


def test_adopting_never_takes_what_is_somebodys(reopen: Opener) -> None:
    bound(reopen(), A).reserve(entry("a"))
    journal = reopen()
    if journal.shared:
        assert journal.adopt(B) == 0
    else:
        with pytest.raises(JournalMismatch):
            journal.adopt(B)
        with pytest.raises(JournalMismatch):
            journal.adopt(B, source="demo key:of another one")
    assert bound(reopen(), A).get("a") is not None


def test_entries_move_to_another_name_of_their_account(reopen: Opener) -> None:
    bound(reopen(), A).reserve(entry("a"))
    journal = reopen()
    assert journal.adopt("demo account:main", source=A) == 1
    assert bound(reopen(), "demo account:main").get("a") is not None


def test_what_a_living_process_drives_is_not_adopted(open_journals: Any) -> None:
    alive = open_journals()
    alive.reserve(entry("a"))
    other = open_journals()
    with pytest.raises(IllegalTransition, match="driven by a living process"):
        other.adopt(A)
    alive.close()
    assert other.adopt(A) == 1


def test_an_adoption_that_meets_the_same_intent_changes_nothing(open_journals: Any) -> None:
    bound(open_journals(), A).reserve(entry("a"))
    old = open_journals()
    old.reserve(entry("a"))
    old.close()
    journal = open_journals()
    with pytest.raises(Exception, match="duplicate key"):
        journal.adopt(A)
    assert [each.account for each in journal.entries()] == [""]
    with pytest.raises(JournalUnadopted):
        journal.bind(A)


KILLED_ADOPTION = """
    import os, signal, sys
    from kalshi_ext.journal.sqlite import SqliteJournal, SqliteStore
    step, path = sys.argv[1:]
    real = getattr(SqliteStore, step)
    def killed(self, *args):
        if step == "commit":
            os.kill(os.getpid(), signal.SIGKILL)
        real(self, *args)
        os.kill(os.getpid(), signal.SIGKILL)
    setattr(SqliteStore, step, killed)
    SqliteJournal(path).adopt("demo key:aaaaaaaaaaaaaaaa")
"""


@pytest.mark.parametrize("step", ["adopt", "commit"])
def test_an_adoption_that_is_killed_took_place_for_all_entries_or_for_none(
    path: Path, step: str
) -> None:
    with SqliteJournal(path) as journal:
        journal.reserve_many([entry("a"), entry("b")])
    process = start_script(KILLED_ADOPTION, step, path)
    process.communicate(timeout=60)
    with SqliteJournal(path) as journal:
        assert {each.account for each in journal.entries()} == {""}
        assert journal.adopt(A) == 2


def test_a_version_that_knows_no_accounts_can_write_no_entry_beside_this_one(
    open_journals: Any, server: Any, schema: str
) -> None:
    open_journals()
    old_columns = (
        "INSERT INTO {}.entry (key, operation, fingerprint, ticket, state, attempts, owner,"
        " created_at, updated_at) VALUES ('old', 'op', repeat('0', 64), '1', 'intent', 0, 'o',"
        " 1, 1)"
    )
    with pytest.raises(psycopg.errors.NotNullViolation):
        server.query(old_columns.format(schema))


def test_who_only_looks_sees_the_entries_of_all_accounts(open_journals: Any) -> None:
    for account in (A, B):
        bound(open_journals(), account).reserve(entry("a"))
    reader = open_journals(readonly=True)
    assert [each.account for each in reader.entries()] == [A, B]
    reader.bind(B)
    assert [each.account for each in reader.entries()] == [B]


def test_of_threads_that_bind_at_once_one_account_wins(path: Path) -> None:
    with SqliteJournal(path) as journal:
        won: list[str] = []

        def bind(account: str) -> None:
            try:
                journal.bind(account)
            except JournalMismatch:
                return
            won.append(account)

        threads = [threading.Thread(target=bind, args=(f"demo key:{n}",)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) == 1
        assert journal.reserve(entry("a")).entry.account == won[0]


def test_a_group_that_adopts_and_reads_sees_its_own_changes(path: Path) -> None:
    with SqliteJournal(path) as journal:
        journal.reserve(entry("a"))
        futures = [
            journal.submit("get", "a"),
            journal.submit("adopt", "", A),
            journal.submit("get", "a"),
            journal.submit("advance_many", [Transition("a", State.REFUSED)]),
        ]
        results = [future.result(20) for future in futures]
        assert [results[0].account, results[2].account] == ["", A]
        assert results[3][0].account == A
        assert journal.get("a").account == A  # type: ignore[union-attr]
