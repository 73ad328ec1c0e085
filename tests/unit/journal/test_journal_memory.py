from __future__ import annotations

import asyncio
import linecache
import sys
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from journal_samples import START, Clock, entry
from journal_stores import scripted
from racing_threads import race

import kalshi_ext.journal
from kalshi_ext.errors import Misuse
from kalshi_ext.journal import Journal, JournalUnusable, MemoryJournal, State, open_journal
from kalshi_ext.journal.entry import JournalUnwritable, Transition, TransitionUnwritten, UnknownKey
from kalshi_ext.protocol.flow import Record
from kalshi_ext.transport.async_driver import AsyncDriver

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


@pytest.mark.parametrize(
    "where", ["", ":memory:", "a\0b", "mysql://u:secret@h/d", "postgresql://secret/" + "d" * 4096]
)
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
    table = journal._memory.table
    assert (len(table.intents), len(table._positions), len(table.rows)) == (2, 3, 3)
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


def test_a_call_sees_what_it_put_itself() -> None:
    journal = MemoryJournal(now=Clock())
    first, again, same_intent = journal.reserve_many(
        [entry("a", intent="i"), entry("a"), entry("b", intent="i")]
    )
    assert [result.acquired for result in (first, again, same_intent)] == [True, False, False]
    assert first.entry == again.entry == same_intent.entry
    sent, unknown = journal.advance_many(
        [Transition("a", State.SENT, attempts=1), Transition("a", State.UNKNOWN)]
    )
    assert (sent.state, unknown.state, unknown.attempts) == ("sent", "unknown", 1)
    assert journal.get("a") == unknown


def test_of_a_call_that_fails_nothing_is_kept() -> None:
    journal = MemoryJournal(now=Clock())
    with pytest.raises(Misuse, match="a claim starts as intent"):
        journal.reserve_many([entry("a", intent="i"), entry("b", state="sent")])
    assert (journal.get("a"), journal.by_intent("i"), list(journal.entries())) == (None, None, [])
    journal.reserve(entry("a"))
    with pytest.raises(UnknownKey):
        journal.advance_many([Transition("a", State.SENT), Transition("none", State.SENT)])
    assert journal.get("a").state == "intent"


def test_a_submitted_verb_is_done_when_its_future_is_returned() -> None:
    journal = MemoryJournal(now=Clock())
    assert journal.submit("reserve_many", [entry("a")]).result(0)[0].acquired
    assert journal.submit("get", "a").result(0).state == "intent"
    unknown = journal.submit("advance", "none", State.SENT)
    assert isinstance(unknown.exception(0), UnknownKey)
    with pytest.raises(Misuse, match="got 'delete'"):
        journal.submit("delete", "a")
    with pytest.raises(Misuse, match="attempts"):
        journal.submit("advance", "a", State.SENT, attempts=-1)


@pytest.mark.parametrize("verb", ["reserve", "reserve_many", "reopen"])
def test_a_submitted_reservation_that_is_cancelled_becomes_not_sent(verb: str) -> None:
    journal = MemoryJournal(now=Clock())
    if verb == "reopen":
        journal.reserve(entry("a"))
        journal.advance("a", State.REFUSED)
    argument = {"reserve": entry("a"), "reserve_many": [entry("a")], "reopen": "a"}[verb]
    journal.cancel_reservation(journal.submit(verb, argument))
    assert journal.get("a").state == "not_sent"


def test_a_cancelled_reservation_that_went_on_or_was_not_acquired_is_left_alone() -> None:
    journal = MemoryJournal(now=Clock())
    first, second = (journal.submit("reserve", entry("a")) for _ in range(2))
    journal.cancel_reservation(second)
    assert journal.get("a").state == "intent"
    journal.advance("a", State.SENT)
    journal.cancel_reservation(first)
    assert journal.get("a").state == "sent"
    journal.close()
    journal.cancel_reservation(first)  # closed: nothing to do, and no error


def test_a_clock_that_uses_the_journal_meets_no_lock() -> None:
    def now() -> datetime:
        assert journal.get("a").state == "intent"
        return START

    journal = MemoryJournal(now=now)
    journal.reserve(entry("a"))
    assert journal.advance("a", State.SENT).state == "sent"


def test_of_threads_that_reserve_the_same_keys_one_acquires_each() -> None:
    journal, acquired = MemoryJournal(), list[str]()
    names = [f"{number}" for number in range(300)]

    def reserve_all(_: int) -> None:
        for name in names:
            (reservation,) = journal.reserve_many([entry(name, intent=f"i-{name}")])
            if reservation.acquired:
                journal.advance_many([Transition(name, State.ACKNOWLEDGED)])
                acquired.append(name)

    race(reserve_all, 4)
    assert sorted(acquired) == sorted(names)
    assert [row.key for row in journal.entries()] == sorted(names, key=int)
    assert journal.open_entries() == []


def drive(journal: Any, *steps: Record) -> Any:
    """Run a flow that records, on the async driver; return the last result."""

    def flow() -> Any:
        result = None
        for step in steps:
            result = yield step
        return result

    return AsyncDriver(Any, Any, journal).run(flow())


def test_the_async_driver_calls_a_journal_in_memory_without_a_future(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    journal = MemoryJournal(now=Clock())
    monkeypatch.delattr(Journal, "submit")
    (reservation,) = asyncio.run(drive(journal, Record("reserve_many", ([entry("a")],))))
    assert reservation.acquired
    assert [row.key for row in journal.open_entries()] == ["a"]


def test_a_task_cancelled_while_its_reservation_is_committed_sends_nothing() -> None:
    journal, store = scripted(Clock())

    async def main() -> None:
        store.gate.clear()
        task = asyncio.ensure_future(drive(journal, Record("reserve_many", ([entry("a")],))))
        assert await asyncio.to_thread(store.waiting.wait, 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        store.gate.set()

    with journal:
        asyncio.run(main())
        assert journal.get("a") is not None  # the end of its group; the cancellation follows
        assert journal.get("a").state == "not_sent"


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

    def local(seen: set[int]) -> Any:
        def line(frame: FrameType, event: str, arg: Any) -> Any:
            nonlocal left
            # Not where a `with` is left: the interpreter handles no signal there.
            text = linecache.getline(frame.f_code.co_filename, frame.f_lineno)
            if event == "line" and not (frame.f_lineno in seen and text.lstrip()[:5] == "with "):
                left -= 1
                if left == 0:
                    raise Interrupted
            seen.add(frame.f_lineno)
            return line

        return line

    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        return local(set()) if frame.f_code.co_filename.startswith(PACKAGE) else None

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

        reserved: list[Any] = []

        def work(
            journal: Journal = journal, new: list[Any] = new, reserved: list[Any] = reserved
        ) -> None:
            reserved += journal.reserve_many(new)
            journal.advance("a", State.ACKNOWLEDGED, order_id="o")

        interrupted = interrupt_at(line, work)
        check_whole(journal)
        assert reserved or not journal.open_entries(), "a reservation nobody learned of is open"
        repeated = journal.reserve_many([*new, entry("c", intent="i-c")])
        assert repeated[2].acquired
        assert [reservation.entry.key for reservation in repeated] == ["a", "b", "c"]
        journal.advance("c", State.REFUSED)
        check_whole(journal)
    assert line > 100, "the interrupt came at too few places to mean anything"
