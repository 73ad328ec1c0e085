"""Verdicts that are written behind their callers: what waits for the disk, and what does not."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest
from journal_samples import Clock, entry
from journal_stores import ScriptedStore, scripted

from kalshi_ext.journal import Journal, JournalUnwritable, State, Transition, writer
from kalshi_ext.journal import held as held_module
from kalshi_ext.journal.entry import TransitionUnwritten, UnknownKey, changed
from kalshi_ext.journal.held import Held
from kalshi_ext.journal.store import InvalidData, StoreUnavailable
from kalshi_ext.protocol.flow import Flow, Record
from kalshi_ext.transport.async_driver import AsyncDriver

PATIENCE = 20  # seconds until a test that hangs fails
DONE = Transition("a", State.ACKNOWLEDGED, order_id="o")


@pytest.fixture
def opened(opened: tuple[Journal, ScriptedStore]) -> tuple[Journal, ScriptedStore]:
    opened[0].reserve(entry("a"))
    return opened


def until(condition: Callable[[], bool]) -> None:
    """Wait for the writer's thread."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def stored(store: ScriptedStore, key: str = "a") -> State:
    return store.rows.table.rows[key].state


def is_behind(journal: Journal, *transitions: Transition) -> bool:
    """Conclude; say whether its future was done before anything could be written."""
    waiting: Future[Any] = journal.submit("conclude", transitions)
    done = waiting.done()
    waiting.result(PATIENCE)
    return done


def test_a_verdict_waits_for_no_commit(opened: Any) -> None:
    journal, store = opened
    store.gate.clear()
    journal.conclude([DONE])
    assert store.log.count("commit") == 1
    store.gate.set()
    assert journal.get("a").order_id == "o"


def test_an_event_loop_goes_on_at_once_with_a_verdict_behind(opened: Any) -> None:
    journal, store = opened
    driver = AsyncDriver(None, None, journal)  # type: ignore[arg-type]

    def conclude() -> Flow[str]:
        yield Record("conclude", ([DONE],))
        return "told"

    store.gate.clear()
    assert asyncio.run(driver.run(conclude())) == "told"
    assert store.log.count("commit") == 1


def test_an_order_costs_one_commit(opened: Any) -> None:
    journal, store = opened
    for number in range(10):
        journal.conclude([Transition("a" if not number else f"{number}", State.ACKNOWLEDGED)])
        journal.reserve(entry(f"{number + 1}"))
        assert stored(store, "a" if not number else f"{number}") is State.ACKNOWLEDGED
    assert store.log.count("commit") == 11


def test_a_verdict_is_written_soon_though_nothing_follows(opened: Any) -> None:
    journal, store = opened
    journal.conclude([DONE])
    until(lambda: stored(store) is State.ACKNOWLEDGED)


def test_a_verdict_long_after_its_reservation_is_written_soon(opened: Any) -> None:
    journal, store = opened
    journal._runner._expects_until = 0.0
    time.sleep(0.15)  # the thread waits for a request now
    journal.conclude([DONE])
    until(lambda: stored(store) is State.ACKNOWLEDGED)


def test_closing_writes_the_verdicts(opened: Any) -> None:
    journal, store = opened
    journal.conclude([DONE])
    journal.close()
    assert stored(store) is State.ACKNOWLEDGED


def test_every_read_shows_a_verdict_that_waits(opened: Any) -> None:
    journal, _ = opened
    journal.conclude([DONE])
    assert journal.open_entries() == []
    assert [each.key for each in journal.untold()] == ["a"]


def test_a_reservation_finds_the_verdict_of_its_id_and_a_refused_one_is_reopened(
    opened: Any,
) -> None:
    journal, _ = opened
    journal.conclude([Transition("a", State.NOT_SENT)])
    assert journal.reopen("a").acquired
    journal.conclude([Transition("a", State.REFUSED)])
    assert journal.reserve(entry("a")).entry.state is State.REFUSED
    assert journal.reopen("a").acquired
    assert is_behind(journal, DONE)
    assert journal.get("a").order_id == "o"


def test_verdicts_keep_their_order(opened: Any) -> None:
    journal, store = opened
    journal.reserve_many([entry("b"), entry("c")])
    saved: list[str] = []
    save = store.save

    def noted(new: Any, changed: Any) -> None:
        saved.extend(each.key for each in changed)
        save(new, changed)

    store.save = noted
    for key in "bca":
        journal.conclude([Transition(key, State.ACKNOWLEDGED)])
    journal.close()
    assert saved == ["b", "c", "a"]


def test_a_mark_goes_with_the_verdict_it_is_of(opened: Any) -> None:
    journal, store = opened
    journal.conclude([DONE])
    journal.mark_told(["a"])
    journal.reserve(entry("b"))
    assert store.rows.table.rows["a"].told
    assert store.log.count("commit") == 2
    assert "told" not in store.log


@pytest.mark.parametrize("state", [State.INTENT, State.SENT, State.UNKNOWN])
def test_what_is_no_verdict_is_waited_for(opened: Any, state: State) -> None:
    journal, store = opened
    assert not is_behind(journal, Transition("a", state))
    assert stored(store) is state


@pytest.mark.parametrize("state", [State.SENT, State.UNKNOWN])
def test_a_verdict_after_more_than_a_reservation_is_waited_for(opened: Any, state: State) -> None:
    journal, _ = opened
    journal.advance("a", state)
    assert not is_behind(journal, DONE)


def test_verdicts_of_which_one_has_to_be_waited_for_are_waited_for_together(opened: Any) -> None:
    journal, _ = opened
    journal.reserve(entry("b"))
    journal.advance("b", State.UNKNOWN)
    assert not is_behind(journal, DONE, Transition("b", State.RESOLVED))
    with pytest.raises(UnknownKey):
        journal.conclude([Transition("nothing", State.REFUSED)])


def test_a_date_that_was_renewed_is_kept_in_the_verdict(opened: Any) -> None:
    journal, _ = opened
    moment = Clock()()
    journal.advance_many([Transition("a", State.INTENT, sent_at=moment)])
    journal._runner.committer.store.log.clear()
    assert is_behind(journal, DONE)
    journal.close()
    rows = journal._runner.committer.store.rows.table.rows
    assert (rows["a"].sent_at, rows["a"].order_id) == (moment, "o")
    assert "load" not in journal._runner.committer.store.log  # it was known


def test_a_failing_store_keeps_the_verdict_and_writes_it_later(
    opened: Any, caplog: pytest.LogCaptureFixture
) -> None:
    journal, store = opened
    store.faults["begin"] = [StoreUnavailable("full"), StoreUnavailable("full")]
    journal.conclude([DONE])
    with pytest.raises(JournalUnwritable):
        journal.reserve(entry("b"))
    assert caplog.text.count("could not record 1 outcomes") == 1
    with pytest.raises(JournalUnwritable):
        journal.reserve(entry("b"))
    assert journal.reserve(entry("c")).acquired
    until(lambda: stored(store) is State.ACKNOWLEDGED)
    assert caplog.text.count("could not record") == 1


def test_a_verdict_that_the_store_did_not_take_is_tried_again_though_nothing_follows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(writer, "_EXPECTING", 0.0)
    monkeypatch.setattr(writer, "_RETRY_AFTER", 0.01)
    journal, store = scripted(Clock())
    journal.reserve(entry("a"))
    store.faults["begin"] = [StoreUnavailable("full")] * 2
    journal.conclude([DONE])
    until(lambda: stored(store) is State.ACKNOWLEDGED)
    journal.close()


def test_nobody_fails_with_a_verdict_that_fails_again(opened: Any) -> None:
    journal, store = opened
    store.faults["save"] = [StoreUnavailable("x")]
    journal.conclude([DONE])
    until(lambda: not store.faults["save"])
    store.faults["save"] = [None, StoreUnavailable("x")]
    assert journal.reserve(entry("b")).acquired
    journal.close()
    assert stored(store) is State.ACKNOWLEDGED


def test_a_full_disk_can_be_read_though_verdicts_wait(opened: Any) -> None:
    journal, store = opened
    store.faults["begin"] = [StoreUnavailable("full")] * 3
    journal.conclude([DONE])
    assert journal.get("a").is_open
    store.faults.clear()
    until(lambda: stored(store) is State.ACKNOWLEDGED)


def test_a_journal_closed_without_its_verdicts_says_so(
    opened: Any, caplog: pytest.LogCaptureFixture
) -> None:
    journal, store = opened
    store.faults["commit"] = [StoreUnavailable("full")] * 9
    journal.conclude([DONE])
    journal.close()
    assert "closed without 1 outcomes" in caplog.text
    assert stored(store) is State.INTENT


def test_data_that_the_store_refuses_hurt_their_verdict_alone(
    opened: Any, caplog: pytest.LogCaptureFixture
) -> None:
    journal, store = opened
    journal.reserve(entry("b"))
    store.faults["save"] = [InvalidData("odd"), InvalidData("odd")]
    journal.conclude([DONE])
    journal.conclude([Transition("b", State.ACKNOWLEDGED)])
    assert journal.reserve(entry("c")).acquired
    assert (stored(store), stored(store, "b")) == (State.INTENT, State.ACKNOWLEDGED)
    assert "refused an outcome" in caplog.text


@pytest.mark.parametrize(("state", "told_apart"), [(State.ACKNOWLEDGED, 0), (State.NOT_SENT, 1)])
def test_a_verdict_that_somebody_else_gave_differently_is_logged(
    opened: Any, caplog: pytest.LogCaptureFixture, state: State, told_apart: int
) -> None:
    journal, store = opened
    journal._runner.committer.held.fresh_for = 3.0  # shared: what is stored is read
    row = changed(store.rows.table.rows["a"], state=state, owner="another", order_id=None)
    store.rows.table.write([row])
    assert is_behind(journal, DONE)
    with caplog.at_level(logging.ERROR):
        journal.close()
    assert caplog.text.count("refused an outcome: entry a is driven by another") == told_apart


def test_a_closed_journal_takes_no_verdict(opened: Any) -> None:
    journal, _ = opened
    journal.close()
    with pytest.raises(TransitionUnwritten, match="closed"):
        journal.conclude([DONE])


@pytest.mark.parametrize("passed", [(9.0, 0.0), (0.0, 9.0), (0.0, -9.0)])
def test_a_shared_entry_is_concluded_behind_while_nobody_can_have_taken_it(
    opened: Any, monkeypatch: pytest.MonkeyPatch, passed: tuple[float, float]
) -> None:
    journal, _ = opened
    journal._runner.committer.held = Held(3.0)
    journal.reserve_many([entry("b"), entry("c"), entry("d")])
    assert is_behind(journal, Transition("b", State.ACKNOWLEDGED))
    later = tuple(a + b for a, b in zip(held_module.clocks(), passed, strict=True))
    monkeypatch.setattr(held_module, "clocks", lambda: later)
    assert not is_behind(journal, Transition("c", State.ACKNOWLEDGED))


def test_a_renewal_makes_a_shared_entry_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(3.0)
    held.add([entry("a"), entry("b")], (100.0, 100.0))
    held.renew(["a", "unknown"], (108.0, 108.0))
    monkeypatch.setattr(held_module, "clocks", lambda: (109.0, 109.0))
    assert [each.key for each in held.take(["a", "b", "unknown"])] == ["a"]


def test_what_is_held_is_bounded() -> None:
    held = Held()
    held.add((entry("a") for _ in range(1)), (0.0, 0.0))
    first = entry("k")
    held.add((changed(first, key=f"{number}") for number in range(10_000)), (0.0, 0.0))
    assert held.take(["a"]) == []
    assert len(held.take(f"{number}" for number in range(10_000))) == 10_000


def test_entries_that_went_to_another_account_are_not_taken_for_known(opened: Any) -> None:
    journal, store = opened
    store.adopt = lambda account: 0
    store.rows.table.account = ""
    journal.adopt("demo account:x")
    assert not is_behind(journal, DONE)
