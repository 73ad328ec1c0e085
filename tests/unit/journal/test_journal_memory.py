from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from journal_samples import Clock, entry

import kalshi_ext.journal
from kalshi_ext.errors import Misuse
from kalshi_ext.journal import Journal, JournalUnusable, MemoryJournal, State, open_journal
from kalshi_ext.journal.entry import JournalUnwritable, TransitionUnwritten

PACKAGE = str(Path(kalshi_ext.journal.__file__).parent)


def test_nothing_named_is_memory_and_says_that_it_does_not_last() -> None:
    journal = open_journal(None)
    assert isinstance(journal, MemoryJournal)
    assert (journal.durable, journal.shared) == (False, False)
    assert "NO crash safety" in (MemoryJournal.__doc__ or "")
    assert repr(journal) == "MemoryJournal()"


def test_an_open_journal_is_handed_through() -> None:
    journal = MemoryJournal()
    assert open_journal(journal) is journal


@pytest.mark.parametrize("where", ["", ":memory:", "a\0b", "mysql://u:secret@h/d"])
def test_what_names_no_journal_is_a_misuse_that_tells_no_secret(where: str) -> None:
    with pytest.raises(Misuse, match=r"^journal: ") as caught:
        open_journal(where)
    assert "secret" not in str(caught.value)


def test_verdicts_longest_known_are_forgotten_first_and_open_entries_never() -> None:
    journal = MemoryJournal(now=Clock(), keep=3)
    journal.reserve(entry("open"))
    for key in ("a", "b", "c", "d"):
        journal.reserve(entry(key, intent=f"i-{key}"))
        journal.advance(key, State.ACKNOWLEDGED)
    assert [row.key for row in journal.entries()] == ["open", "c", "d"]
    assert journal.get("a") is None
    assert journal.by_intent("i-a") is None
    store = journal._runner.committer.store
    assert (len(store._intents), len(store._positions), len(store._rows)) == (2, 3, 3)
    assert journal.reserve(entry("z", intent="i-a")).acquired


def test_a_reopened_entry_is_not_forgotten_for_its_former_verdict() -> None:
    journal = MemoryJournal(now=Clock(), keep=2)
    journal.reserve(entry("a"))
    journal.advance("a", State.REFUSED)
    journal.reopen("a")
    for key in ("b", "c", "d"):
        journal.reserve(entry(key))
        journal.advance(key, State.REFUSED)
    assert [row.key for row in journal.entries()] == ["a", "d"]
    journal.advance("a", State.REFUSED)
    journal.reserve(entry("e"))
    journal.reserve(entry("f"))
    assert [row.key for row in journal.entries()] == ["e", "f"]


def test_memory_is_never_damaged() -> None:
    assert MemoryJournal().verify() == []


def test_a_closed_journal_says_so_by_what_was_asked() -> None:
    with MemoryJournal() as journal:
        journal.reserve(entry("a"))
    journal.close()
    with pytest.raises(JournalUnwritable, match="closed"):
        journal.reserve(entry("b"))
    with pytest.raises(TransitionUnwritten, match="closed"):
        journal.advance("a", State.SENT)
    with pytest.raises(JournalUnusable, match="closed"):
        journal.get("a")


def test_entries_come_in_the_order_of_their_arrival_over_many_pages() -> None:
    journal = MemoryJournal()
    keys = [f"{number:04}" for number in range(1203)]
    journal.reserve_many([entry(key) for key in keys])
    assert [row.key for row in journal.entries()] == keys
    assert [row.key for row in journal.open_entries()] == keys


class Interrupted(BaseException):
    """Stands for KeyboardInterrupt, which pytest takes for its own."""


def interrupt_at(count: int, work: Any) -> bool:
    """Run work; raise at the `count`th line of the journal's code. False when it ran through."""
    left = count

    def local(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal left
        if event == "line":
            left -= 1
            if left == 0:
                raise Interrupted
        return local

    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        return local if frame.f_code.co_filename.startswith(PACKAGE) else None

    former = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    except Interrupted:
        return True
    finally:
        sys.settrace(former)
    return False


def check_whole(journal: Journal) -> None:
    """Compare what the listings return with what each single read returns."""
    listed = list(journal.entries())
    assert {row.key for row in journal.open_entries()} == {row.key for row in listed if row.is_open}
    for row in listed:
        assert journal.get(row.key) == row
        assert row.intent is None or journal.by_intent(row.intent) == row


def test_an_interrupt_at_any_line_leaves_the_memory_journal_whole() -> None:
    line = 0
    interrupted = True
    while interrupted:
        line += 1
        journal = MemoryJournal(now=Clock(), keep=2)
        journal.reserve(entry("old", intent="i-old"))
        journal.advance("old", State.REFUSED)
        new = [entry("a", intent="i-a"), entry("b", intent="i-b")]

        def work(journal: Journal = journal, new: list[Any] = new) -> None:
            journal.reserve_many(new)
            journal.advance("a", State.ACKNOWLEDGED, order_id="o")

        interrupted = interrupt_at(line, work)
        check_whole(journal)
        repeated = journal.reserve_many([*new, entry("c", intent="i-c")])
        assert repeated[2].acquired
        assert [reservation.entry.key for reservation in repeated] == ["a", "b", "c"]
        journal.advance("c", State.REFUSED)
        check_whole(journal)
    assert line > 100, "the interrupt came at too few places to mean anything"
