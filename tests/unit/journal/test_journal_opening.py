"""What names a journal, how one ends, and what a group of requests sees of itself."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import pytest
from journal_samples import Clock, entry
from journal_stores import ScriptedStore

from kalshi_ext.errors import Misuse
from kalshi_ext.journal import (
    JournalUnusable,
    JournalUnwritable,
    MemoryJournal,
    State,
    open_journal,
    writer,
)
from kalshi_ext.journal.beside import BesideJournal
from kalshi_ext.journal.memory import EntryTable
from kalshi_ext.journal.unit_of_work import UnitOfWork


def test_nothing_names_a_journal_in_memory_and_a_journal_is_itself() -> None:
    journal = open_journal(None)
    assert isinstance(journal, MemoryJournal)
    assert open_journal(journal) is journal


@pytest.mark.parametrize(
    "where", ["mysql://me:hidden@host/db", "http://hidden.example", "://hidden"]
)
def test_a_url_that_is_no_journal_is_refused_by_its_scheme_and_nothing_else(where: str) -> None:
    with pytest.raises(Misuse) as caught:
        open_journal(where)
    scheme = where.partition("://")[0]
    assert str(caught.value).startswith(
        f"journal: expected a path or a postgresql:// URL, got {scheme}://..."
    )
    assert "hidden" not in str(caught.value)


def test_a_scheme_without_end_is_cut_in_the_refusal() -> None:
    with pytest.raises(Misuse) as caught:
        open_journal("x" * 1_000 + "://")
    assert f"got {'x' * 20}://..." in str(caught.value)


@pytest.mark.parametrize(
    "where", ["postgresql://me:hidden@host/db", "postgres://me:hidden@host/db"]
)
def test_a_table_without_its_driver_says_what_to_install(
    where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "kalshi_ext.journal.postgres", None)
    with pytest.raises(JournalUnusable, match=r"needs psycopg .*\[postgres\]") as caught:
        open_journal(where)
    assert "hidden" not in str(caught.value)


def test_a_name_that_no_file_can_have_is_refused_with_the_systems_reason(tmp_path: Path) -> None:
    with pytest.raises(JournalUnusable, match="cannot be opened: File name too long"):
        open_journal(tmp_path / ("x" * 300))
    with pytest.raises(JournalUnusable, match="cannot be opened: "):
        open_journal("~nobody-has-this-name/orders.db")


def test_a_stop_beside_the_holder_of_a_file_sees_the_open_entries_of_it(tmp_path: Path) -> None:
    path = tmp_path / "orders.db"
    beside = BesideJournal(path)
    assert beside.open_entries() == []  # the file is made with the first order
    with open_journal(path) as holder:
        holder.reserve(entry("a"))
        holder.reserve(entry("b", ticker="OTHER"))
        assert [each.key for each in beside.open_entries()] == ["a", "b"]
        assert [each.key for each in beside.open_entries("OTHER")] == ["b"]
        beside.reserve(entry("c"))  # of its own: in memory, and in no file
        assert {each.key for each in beside.open_entries()} == {"a", "b", "c"}
        assert holder.get("c") is None


# The end


def test_a_journal_that_closes_in_time_has_nothing_to_say(
    opened: Any, caplog: pytest.LogCaptureFixture
) -> None:
    journal, store = opened
    with caplog.at_level(logging.WARNING):
        journal.reserve(entry("a"))
        journal.close()
    assert (caplog.messages, store.log[-1]) == ([], "close")


def test_a_journal_closed_while_its_store_stands_still_names_what_may_be_unwritten(
    opened: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, store = opened
    monkeypatch.setattr(writer, "_CLOSE_WITHIN", 0.02)
    store.gate.clear()
    begun = journal.submit("reserve", entry("a"))
    assert store.waiting.wait(10)
    later = journal.submit("reserve", entry("b"))
    with caplog.at_level(logging.ERROR):
        journal.close()
    assert "not known to be written: 2 entries (a, b)" in caplog.text
    with pytest.raises(JournalUnwritable, match="closed while its store stood still"):
        later.result(0)
    store.gate.set()  # what was begun is written all the same, should the store go on
    assert begun.result(10).acquired


# A group of requests


def group() -> tuple[UnitOfWork, ScriptedStore]:
    store = ScriptedStore()
    return UnitOfWork(store, "me", Clock()), store  # type: ignore[arg-type]


def test_what_a_group_reserved_counts_for_what_it_asks_next() -> None:
    view, _ = group()
    assert not view.has_entries_of("mine")
    view.attempt(lambda each: each.put(entry("a", account="mine")))
    assert view.has_entries_of("mine")
    assert not view.has_entries_of("yours")


def test_what_a_group_reserved_goes_to_another_account_with_the_rest() -> None:
    view, store = group()
    store.adopt = lambda account: len(store.rows.table.rows)  # type: ignore[attr-defined]
    view.attempt(lambda each: each.put(entry("a")))
    assert view.adopt("theirs") == 1


def test_a_reservation_in_memory_whose_caller_was_interrupted_was_not_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    journal, write, interrupts = MemoryJournal(), EntryTable.write, [KeyboardInterrupt()]

    def interrupted(table: EntryTable, entries: Any) -> None:
        write(table, entries)
        if interrupts:
            raise interrupts.pop()

    monkeypatch.setattr(EntryTable, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        journal.reserve(entry("a"))
    found = journal.get("a")
    assert found is not None
    assert found.state is State.NOT_SENT


def test_a_request_that_fails_leaves_no_trace_in_its_group() -> None:
    view, store = group()
    view.attempt(lambda each: each.put(entry("a", intent="first")))

    def broken(each: UnitOfWork) -> None:
        each.put(entry("b", intent="second"))
        assert each.find("b") is not None
        raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        view.attempt(broken)
    assert (view.find("b"), view.find_intent("second")) == (None, None)
    assert view.find_intent("first") == view.find("a") is not None
    view.flush()
    assert list(store.rows.table.rows) == ["a"]


def test_what_is_new_is_saved_as_new_and_what_changed_as_changed() -> None:
    view, store = group()
    saved: list[tuple[list[str], list[str]]] = []
    save = store.save

    def noted(new: Any, changed: Any) -> None:
        saved.append(([each.key for each in new], [each.key for each in changed]))
        save(new, changed)

    store.save = noted  # type: ignore[method-assign]
    view.attempt(lambda each: each.put(entry("a")))
    view.attempt(lambda each: each.put(entry("a", state=State.SENT)))
    view.flush()
    view.flush()
    view.attempt(lambda each: each.put(entry("a", state=State.UNKNOWN)))
    view.flush()
    assert saved == [(["a"], []), ([], ["a"])]
