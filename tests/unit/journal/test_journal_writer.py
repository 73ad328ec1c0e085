from __future__ import annotations

import asyncio
import gc
import signal
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest
from journal_samples import Clock, entry
from journal_stores import ScriptedStore, scripted

from kalshi_ext.journal import Journal, JournalUnusable, Reservation, State
from kalshi_ext.journal.entry import JournalUnwritable, TransitionUnwritten
from kalshi_ext.journal.store import StoreUnavailable

PATIENCE = 20  # seconds until a test that hangs fails


def block_commit(journal: Journal, store: ScriptedStore) -> Future[Reservation]:
    """Submit a reservation and wait until its commit is under way and blocked."""
    store.gate.clear()
    store.waiting.clear()
    blocked = journal.submit("reserve", entry("blocked"))
    assert store.waiting.wait(PATIENCE)
    return blocked


def test_a_caller_is_released_only_after_the_commit(opened: Any) -> None:
    journal, store = opened
    blocked = block_commit(journal, store)
    assert not blocked.done()
    store.gate.set()
    assert blocked.result(PATIENCE).acquired


def test_what_arrives_during_a_commit_shares_the_next_one(opened: Any) -> None:
    journal, store = opened
    blocked = block_commit(journal, store)
    others = [journal.submit("reserve", entry(f"{number}")) for number in range(100)]
    store.gate.set()
    assert all(future.result(PATIENCE).acquired for future in (blocked, *others))
    assert store.log.count("commit") == 2


def test_a_group_has_at_most_a_thousand_requests(opened: Any) -> None:
    journal, store = opened
    block_commit(journal, store)
    reads = [journal.submit("get", "blocked") for _ in range(1001)]
    store.gate.set()
    assert [future.result(PATIENCE).key for future in reads] == ["blocked"] * 1001
    assert store.log.count("commit") == 3


def test_requests_are_served_in_the_order_of_submission(opened: Any) -> None:
    journal, store = opened
    block_commit(journal, store)
    transitions = [
        journal.submit("advance", "blocked", state) for state in ("sent", "unknown", "resolved")
    ]
    store.gate.set()
    assert [future.result(PATIENCE).state for future in transitions] == [
        "sent",
        "unknown",
        "resolved",
    ]


def test_the_event_loop_runs_on_while_a_commit_is_blocked(opened: Any) -> None:
    journal, store = opened

    async def main() -> Reservation:
        store.gate.clear()
        pending = asyncio.ensure_future(asyncio.wrap_future(journal.submit("reserve", entry("a"))))
        for _ in range(50):  # the loop turns; were it blocked, the gate would never be opened
            await asyncio.sleep(0)
        assert not pending.done()
        store.gate.set()
        return await asyncio.wait_for(pending, PATIENCE)

    assert asyncio.run(main()).acquired


def test_many_tasks_share_a_commit(opened: Any) -> None:
    journal, store = opened

    async def reserve_and_advance(number: int) -> bool:
        reserved = await asyncio.wrap_future(journal.submit("reserve", entry(f"{number}")))
        advanced = await asyncio.wrap_future(journal.submit("advance", f"{number}", "acknowledged"))
        return reserved.acquired and advanced.state == "acknowledged"

    async def main() -> list[bool]:
        blocked = block_commit(journal, store)
        tasks = [asyncio.ensure_future(reserve_and_advance(number)) for number in range(100)]
        await asyncio.sleep(0)  # every task has submitted now
        store.gate.set()
        assert blocked.result(PATIENCE).acquired
        return await asyncio.gather(*tasks)

    assert all(asyncio.run(main()))
    assert [row.state for row in journal.entries()].count("acknowledged") == 100
    assert store.log.count("save") < 100


async def submitted(journal: Journal, verb: str, *args: Any, **options: Any) -> Any:
    """Await a verb as an async driver does: a reservation that is given up is cancelled."""
    future = journal.submit(verb, *args, **options)
    try:
        return await asyncio.wrap_future(future)
    except asyncio.CancelledError:
        if verb in ("reserve", "reserve_many", "reopen"):
            journal.cancel_reservation(future)
        raise


async def write_one(journal: Journal) -> None:
    await submitted(journal, "reserve", entry("a"))
    await submitted(journal, "advance", "a", State.SENT)
    await submitted(journal, "advance", "a", State.ACKNOWLEDGED, order_id="o")


@pytest.mark.parametrize("step", range(8))
@pytest.mark.parametrize("queued", [True, False])
def test_a_task_cancelled_at_any_await_leaves_a_true_record(
    opened: Any, step: int, queued: bool
) -> None:
    journal, store = opened

    async def main() -> None:
        blocked = block_commit(journal, store) if queued else None
        task = asyncio.ensure_future(write_one(journal))
        for _ in range(step):
            await asyncio.sleep(0)
            if not queued:  # let each commit end before the loop turns again
                await asyncio.wrap_future(journal.submit("get", "a"))
        task.cancel()
        store.gate.set()
        await asyncio.wait([task], timeout=PATIENCE)
        assert task.done()
        if blocked is not None:
            assert (await asyncio.wrap_future(blocked)).acquired

    asyncio.run(main())
    stored = journal.get("a")  # queued behind whatever the cancelled task left behind
    assert (None if stored is None else stored.state) in (None, "not_sent", "sent", "acknowledged")
    assert journal.reserve(entry("next")).acquired, "the queue still moves"


def test_a_cancelled_transition_is_written_all_the_same(opened: Any) -> None:
    journal, store = opened

    async def main() -> None:
        block_commit(journal, store)
        pending = asyncio.ensure_future(
            asyncio.wrap_future(journal.submit("advance", "blocked", "acknowledged"))
        )
        await asyncio.sleep(0)
        pending.cancel()
        await asyncio.wait([pending])
        store.gate.set()

    asyncio.run(main())
    assert journal.get("blocked").state == "acknowledged"


def test_a_reservation_cancelled_before_its_turn_is_never_written(opened: Any) -> None:
    journal, store = opened
    block_commit(journal, store)
    pending = journal.submit("reserve", entry("a"))
    journal.cancel_reservation(pending)
    store.gate.set()
    assert journal.get("a") is None
    with pytest.raises(CancelledError):
        pending.result(PATIENCE)


@pytest.mark.parametrize("verb", ["reserve", "reserve_many"])
def test_a_reservation_cancelled_during_its_commit_becomes_not_sent(opened: Any, verb: str) -> None:
    journal, store = opened
    store.gate.clear()
    argument = entry("a") if verb == "reserve" else [entry("a"), entry("b")]
    pending = journal.submit(verb, argument)
    assert store.waiting.wait(PATIENCE)
    journal.cancel_reservation(pending)
    store.gate.set()
    assert pending.result(PATIENCE)
    assert journal.get("a") is not None  # the end of its group; the cancellation follows
    assert {row.state for row in journal.entries()} == {"not_sent"}


def test_cancelling_a_reservation_that_was_not_acquired_touches_nothing(opened: Any) -> None:
    journal, _ = opened
    journal.reserve(entry("a"))
    second = journal.submit("reserve", entry("a"))
    assert not second.result(PATIENCE).acquired
    journal.cancel_reservation(second)
    assert journal.get("a").state == "intent"


def test_cancelling_a_reservation_that_went_on_touches_nothing(opened: Any) -> None:
    journal, _ = opened
    reserved = journal.submit("reserve", entry("a"))
    reserved.result(PATIENCE)
    journal.advance("a", State.SENT)
    journal.cancel_reservation(reserved)
    assert journal.get("a").state == "sent"


def test_cancelling_a_reservation_that_failed_touches_nothing(
    opened: Any, caplog: pytest.LogCaptureFixture
) -> None:
    journal, store = opened
    store.faults["commit"] = [StoreUnavailable("full")]
    failed = journal.submit("reserve", entry("a"))
    assert isinstance(failed.exception(PATIENCE), JournalUnwritable)
    journal.cancel_reservation(failed)
    assert journal.get("a") is None
    assert caplog.records == []


def test_cancelling_after_the_end_is_harmless(opened: Any) -> None:
    journal, store = opened
    reserved = journal.submit("reserve", entry("a"))
    reserved.result(PATIENCE)
    journal.close()
    journal.cancel_reservation(reserved)
    assert [row.state for row in store.rows.load("a", ())] == ["intent"]


class Interrupt(Exception):
    """Raised into a waiting caller, as KeyboardInterrupt is."""


@contextmanager
def interrupt_while_waiting(ready: threading.Event) -> Iterator[None]:
    """Send this thread signals, once ready, until one meets it inside Future.result."""
    met = threading.Event()

    def handle(number: int, frame: FrameType | None) -> None:
        while frame is not None and not met.is_set():
            if frame.f_code is Future.result.__code__:
                met.set()
                raise Interrupt
            frame = frame.f_back

    def send() -> None:
        assert ready.wait(PATIENCE)
        while not met.wait(0.01):
            signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)

    former = signal.signal(signal.SIGUSR1, handle)
    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield
    finally:
        met.set()
        sender.join()
        signal.signal(signal.SIGUSR1, former)


@pytest.mark.parametrize(
    ("method", "argument"), [("reserve", entry("a")), ("reserve_many", [entry("a")])]
)
def test_an_interrupt_while_waiting_for_a_reservation_cancels_it(
    opened: Any, method: str, argument: Any
) -> None:
    journal, store = opened
    store.gate.clear()
    with interrupt_while_waiting(store.waiting), pytest.raises(Interrupt):
        getattr(journal, method)(argument)
    store.gate.set()
    assert journal.get("a") is not None  # the end of its group; the cancellation follows
    assert journal.get("a").state == "not_sent"


class InterruptedFuture(Future[Any]):
    """A future that is done, and whose waiter is interrupted the first time."""

    interrupted = False

    def result(self, timeout: float | None = None) -> Any:
        if not self.interrupted:
            self.interrupted = True
            raise Interrupt
        return super().result(timeout)


def test_an_interrupt_just_after_a_reservation_was_recorded_cancels_it(opened: Any) -> None:
    journal, _ = opened
    future = InterruptedFuture()
    future.set_result(journal.reserve(entry("a")))
    journal.submit = lambda *_: future
    with pytest.raises(Interrupt):
        journal.reserve(entry("a"))
    del journal.submit
    assert journal.get("a").state == "not_sent"


def test_an_interrupt_while_waiting_for_a_transition_does_not_undo_it(opened: Any) -> None:
    journal, store = opened
    journal.reserve(entry("a"))
    store.gate.clear()
    store.waiting.clear()
    with interrupt_while_waiting(store.waiting), pytest.raises(Interrupt):
        journal.advance("a", State.ACKNOWLEDGED)
    store.gate.set()
    assert journal.get("a").state == "acknowledged"


def test_a_failed_reservation_raises_its_error_and_cancels_nothing(opened: Any) -> None:
    journal, store = opened
    store.faults["commit"] = [StoreUnavailable("full")]
    with pytest.raises(JournalUnwritable, match="full"):
        journal.reserve(entry("a"))


def test_close_finishes_what_was_submitted(opened: Any) -> None:
    journal, store = opened
    blocked = block_commit(journal, store)
    pending = [journal.submit("reserve", entry(f"{number}")) for number in range(5)]
    closer = threading.Thread(target=journal.close)
    closer.start()
    store.gate.set()
    closer.join(PATIENCE)
    assert not closer.is_alive()
    assert all(future.result(0).acquired for future in (blocked, *pending))
    assert store.log[-1] == "close"


def test_after_close_everything_is_refused_at_once(opened: Any) -> None:
    journal, store = opened
    journal.close()
    journal.close()
    for call, error in (
        (lambda: journal.reserve(entry("a")), JournalUnwritable),
        (lambda: journal.reopen("a"), JournalUnwritable),
        (lambda: journal.advance("a", State.SENT), TransitionUnwritten),
        (lambda: journal.get("a"), JournalUnusable),
    ):
        with pytest.raises(error, match="closed"):
            call()
    assert store.log == ["close"]


def test_submissions_racing_with_close_end_one_way_or_the_other() -> None:
    for _ in range(30):
        journal, _ = scripted(Clock())
        started = threading.Barrier(3)
        futures: list[Future[Any]] = []

        def submit(
            name: str,
            journal: Journal = journal,
            started: threading.Barrier = started,
            futures: list[Future[Any]] = futures,
        ) -> None:
            started.wait(PATIENCE)
            for number in range(20):
                try:
                    futures.append(journal.submit("reserve", entry(f"{name}{number}")))
                except JournalUnwritable:
                    return

        threads = [threading.Thread(target=submit, args=(name,)) for name in "ab"]
        for thread in threads:
            thread.start()
        started.wait(PATIENCE)
        journal.close()
        for thread in threads:
            thread.join(PATIENCE)
        assert all(future.result(PATIENCE).acquired for future in futures)


def test_a_dropped_journal_lets_go_of_its_store() -> None:
    journal, store = scripted(Clock())
    pending = journal.submit("reserve", entry("a"))
    thread = journal._runner._thread
    reference = weakref.ref(journal)
    del journal
    gc.collect()
    assert reference() is None
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert pending.result(0).acquired, "what was submitted is still done"
    assert store.log[-1] == "close"


def test_a_callback_may_close_the_journal_that_calls_it(opened: Any) -> None:
    journal, store = opened
    ended: Future[str] = Future()

    def close(_: Future[Any]) -> None:
        journal.close()  # in the writer's own thread: waiting for itself would never end
        ended.set_result("closed")

    block_commit(journal, store).add_done_callback(close)
    store.gate.set()
    assert ended.result(PATIENCE) == "closed"


def test_a_callback_that_raises_does_not_stop_the_queue(
    opened: Any, caplog: pytest.LogCaptureFixture
) -> None:
    journal, store = opened

    def fail(_: Future[Any]) -> None:
        raise RuntimeError("callback")

    block_commit(journal, store).add_done_callback(fail)
    store.gate.set()
    assert journal.reserve(entry("a")).acquired
    assert "exception calling callback" in caplog.text


def test_concurrent_threads_get_each_key_once(opened: Any) -> None:
    journal, _ = opened
    won: list[str] = []

    def race(reserve: Callable[[str], Reservation]) -> None:
        won.extend(f"{number}" for number in range(50) if reserve(f"{number}").acquired)

    threads = [
        threading.Thread(target=race, args=(lambda key: journal.reserve(entry(key)),))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert sorted(won) == sorted(f"{number}" for number in range(50))
