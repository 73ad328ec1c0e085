"""Tasks of one event loop that wait for a journal: what they share, and what each has alone."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from attrs import define, field
from journal_samples import entry

from kalshi_ext.journal import Journal, State
from kalshi_ext.journal.entry import JournalUnwritable, UnknownKey
from kalshi_ext.protocol.flow import Record
from kalshi_ext.transport.async_records import AsyncRecords, Waiting

PATIENCE = 20  # seconds until a test that hangs fails


@define
class Records:
    """The tasks' records of a journal."""

    journal: Journal
    records: AsyncRecords = field(factory=AsyncRecords)

    async def reserve(self, key: str, within: float | None = PATIENCE) -> Any:
        record = Record("reserve_many", ([entry(key)],))
        return await self.records.perform(self.journal, record, within)


def test_what_tasks_reserve_in_one_turn_is_one_commit(opened: Any) -> None:
    journal, store = opened
    records = Records(journal)

    async def main() -> list[Any]:
        return await asyncio.gather(*(records.reserve(f"{number}") for number in range(50)))

    assert all(reserved.acquired for (reserved,) in asyncio.run(main()))
    assert store.log.count("commit") == 1


def test_a_loop_is_woken_once_for_the_tasks_of_a_commit(
    opened: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, _ = opened
    records = Records(journal)
    woken: list[Any] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        wake = loop.call_soon_threadsafe

        def noted(callback: Any, *args: Any) -> Any:
            woken.append(callback)
            return wake(callback, *args)

        monkeypatch.setattr(loop, "call_soon_threadsafe", noted)
        await asyncio.gather(*(records.reserve(f"{number}") for number in range(50)))

    asyncio.run(main())
    assert len(woken) == 1


def test_a_task_that_is_cancelled_in_the_turn_it_reserves_in_writes_nothing(opened: Any) -> None:
    journal, store = opened
    records = Records(journal)

    async def main() -> None:
        tasks = [asyncio.ensure_future(records.reserve(key)) for key in "ab"]
        asyncio.get_running_loop().call_soon(tasks[0].cancel)
        assert (await tasks[1])[0].acquired
        assert tasks[0].cancelled()

    asyncio.run(main())
    assert list(store.rows.table.rows) == ["b"]


@pytest.mark.parametrize("gone", [0, 1])
def test_a_task_cancelled_during_the_commit_leaves_the_others_their_results(
    opened: Any, gone: int
) -> None:
    journal, store = opened
    records = Records(journal)

    async def main() -> None:
        store.gate.clear()
        tasks = [asyncio.ensure_future(records.reserve(key)) for key in "ab"]
        assert await asyncio.to_thread(store.waiting.wait, PATIENCE)
        tasks[gone].cancel()
        await asyncio.sleep(0.01)
        store.gate.set()
        results: list[Any] = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(results[gone], asyncio.CancelledError)
        assert results[1 - gone][0].acquired

    asyncio.run(main())
    expected = [State.INTENT, State.INTENT]
    expected[gone] = State.NOT_SENT
    assert [journal.get(key).state for key in "ab"] == expected


@pytest.mark.parametrize("impatient", [0, 1])
def test_a_store_that_stands_still_holds_each_task_up_no_longer_than_its_own_time(
    opened: Any, impatient: int
) -> None:
    journal, store = opened
    records = Records(journal)

    async def main() -> None:
        store.gate.clear()
        within: list[float] = [PATIENCE, PATIENCE]
        within[impatient] = 0.05
        tasks = [
            asyncio.ensure_future(records.reserve(key, seconds))
            for key, seconds in zip("ab", within, strict=True)
        ]
        with pytest.raises(JournalUnwritable, match=r"does not answer in 0\.05 s"):
            await tasks[impatient]
        store.gate.set()
        assert (await tasks[1 - impatient])[0].acquired

    asyncio.run(main())
    assert journal.get("ab"[impatient]).state is State.NOT_SENT


def test_a_journal_that_is_closed_in_the_turn_of_a_reservation_fails_it(opened: Any) -> None:
    journal, _ = opened
    records = Records(journal)

    async def main() -> None:
        task = asyncio.ensure_future(records.reserve("a"))
        asyncio.get_running_loop().call_soon(journal.close)
        with pytest.raises(JournalUnwritable, match="closed"):
            await task

    asyncio.run(main())


def test_each_task_gets_the_error_of_its_own_verb(opened: Any) -> None:
    journal, _ = opened
    records = AsyncRecords()

    async def main() -> list[Any]:
        verbs = [Record("reopen", ("absent",)), Record("reserve_many", ([entry("a")],))]
        waiting = (records.perform(journal, record, PATIENCE) for record in verbs)
        return await asyncio.gather(*waiting, return_exceptions=True)

    failed, reserved = asyncio.run(main())
    assert isinstance(failed, UnknownKey)
    assert reserved[0].acquired


def test_a_loop_that_ended_with_a_reservation_asked_for_keeps_no_later_one_waiting(
    opened: Any,
) -> None:
    journal, _ = opened
    records = Records(journal)
    loop = asyncio.new_event_loop()
    task = loop.create_task(records.reserve("a"))
    loop.call_soon(loop.stop)
    loop.run_forever()  # the task has asked, and nothing was submitted
    assert asyncio.run(records.reserve("b"))[0].acquired
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(task)
    loop.close()
    assert [each.key for each in journal.open_entries()] == ["b"]


def test_loops_of_two_threads_take_no_reservation_of_each_other(
    opened: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, _ = opened
    records = Records(journal)

    async def main() -> Any:
        loop = asyncio.get_running_loop()
        soon = loop.call_soon

        def meanwhile(callback: Any, *args: Any, **options: Any) -> Any:
            if callback == records.records._submit:
                other = threading.Thread(target=lambda: asyncio.run(records.reserve("b")))
                other.start()
                other.join(PATIENCE)
            return soon(callback, *args, **options)

        monkeypatch.setattr(loop, "call_soon", meanwhile)
        return await records.reserve("a")

    assert asyncio.run(main())[0].acquired
    assert sorted(each.key for each in journal.open_entries()) == ["a", "b"]


@pytest.mark.parametrize("name", ["submit", "release"])
def test_an_interrupt_between_two_reservations_of_a_turn_leaves_no_task_waiting(
    opened: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    journal, store = opened
    records, loop = Records(journal), asyncio.new_event_loop()
    step, calls = getattr(Waiting, name), iter(range(1000))

    def interrupted(waiting: Waiting, *args: Any) -> Any:
        if next(calls) == 1:
            raise KeyboardInterrupt
        return step(waiting, *args)

    monkeypatch.setattr(Waiting, name, interrupted)
    tasks = [loop.create_task(records.reserve(key)) for key in "abc"]
    with pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(asyncio.wait(tasks))
    loop.run_until_complete(asyncio.wait(tasks))  # goes on, as a bot does that says goodbye
    assert all(task.result()[0].acquired for task in tasks)
    loop.close()
    assert list(store.rows.table.rows) == ["a", "b", "c"]
