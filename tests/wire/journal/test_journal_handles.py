"""One file is one journal in a process, whatever it is called and whoever opens it."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from journal_writers import entry, start_script

from kalshi_ext.journal import (
    Journal,
    JournalBusy,
    JournalMismatch,
    JournalUnwritable,
    State,
    open_journal,
)
from kalshi_ext.journal.sqlite import SqliteJournal

A, B = "demo key:aaaaaaaaaaaaaaaa", "demo key:bbbbbbbbbbbbbbbb"


def spellings(path: Path, base: Path) -> dict[str, str | Path]:
    """Name one file in several ways."""
    (base / "sub").mkdir()
    (base / "link.db").symlink_to(path)
    (base / "dir").symlink_to(base)
    os.link(path, base / "hard.db")
    return {
        "text": str(path),
        "dots": base / "sub" / ".." / path.name,
        "relative": os.path.relpath(path),
        "symlink": base / "link.db",
        "a linked directory": base / "dir" / path.name,
        "hard link": base / "hard.db",
        "symlink beside": base / "dir" / "link.db",
    }


def test_every_spelling_of_a_file_gives_the_same_journal(path: Path, tmp_path: Path) -> None:
    with open_journal(path) as first:
        first.reserve(entry("a"))
        for name, spelling in spellings(path, tmp_path).items():
            with open_journal(spelling) as second:
                assert second.owner == first.owner, name
                assert second.locks is first.locks
                assert second.pending_writes is first.pending_writes
                assert second.recent_writes is first.recent_writes
                assert second.advance("a", State.UNKNOWN).owner == first.owner
        assert first.advance("a", State.REFUSED).state == State.REFUSED


def test_the_last_handle_closes_the_file_and_no_other_does(path: Path) -> None:
    first, second = open_journal(path), open_journal(path)
    first.close()
    first.close()  # twice does no harm, to the other handle neither
    with pytest.raises(JournalUnwritable, match="closed"):
        first.reserve(entry("a"))
    assert second.reserve(entry("a")).acquired
    with pytest.raises(JournalBusy):
        SqliteJournal(path)
    second.close()
    with open_journal(path) as third:
        assert third.owner != second.owner
        assert third.get("a") is not None


def test_a_handle_that_is_dropped_counts_as_closed(path: Path) -> None:
    first, second = open_journal(path), open_journal(path)
    del first
    gc.collect()
    assert second.reserve(entry("a")).acquired
    second.close()
    SqliteJournal(path).close()


def test_two_handles_of_one_file_are_of_one_account(path: Path) -> None:
    with open_journal(path) as first, open_journal(path) as second:
        first.bind(A)
        second.bind(A)
        with pytest.raises(JournalMismatch):
            second.bind(B)
    with open_journal(path) as again:
        again.bind(B)


def test_of_threads_that_open_at_once_all_get_the_same_journal(path: Path) -> None:
    for _ in range(20):
        opened: list[Journal] = []
        barrier = threading.Barrier(8)

        def open_one(opened: list[Journal] = opened, barrier: Any = barrier) -> None:
            barrier.wait()
            opened.append(open_journal(path))

        threads = [threading.Thread(target=open_one) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert len({journal.owner for journal in opened}) == 1
        assert len(opened) == 8
        for journal in opened:
            journal.close()


def test_threads_that_open_and_close_in_turn_never_meet_a_busy_file(path: Path) -> None:
    failures: list[BaseException] = []

    def work(name: str) -> None:
        try:
            for number in range(25):
                with open_journal(path) as journal:
                    assert journal.reserve(entry(f"{name}-{number}")).acquired
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(str(n),)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    with open_journal(path) as journal:
        assert len(list(journal.entries())) == 100
        assert journal.verify() == []


def test_a_reader_beside_is_a_journal_of_its_own(path: Path) -> None:
    with open_journal(path) as writer, open_journal(path, readonly=True) as reader:
        writer.reserve(entry("a"))
        assert reader.owner != writer.owner
        assert [each.key for each in reader.entries()] == ["a"]
        with pytest.raises(JournalUnwritable, match="reading only"):
            reader.reserve(entry("b"))


def test_a_file_put_in_the_place_of_an_open_one_is_not_taken_for_it(path: Path) -> None:
    with open_journal(path) as first:
        first.reserve(entry("a"))
        path.rename(path.with_suffix(".away"))
        with pytest.raises(JournalBusy):
            open_journal(path)


def test_a_failed_opening_leaves_nothing_behind(path: Path) -> None:
    path.write_text("x" * 5000)
    for _ in range(2):
        with pytest.raises(Exception, match="not a database"):
            open_journal(path)
    path.unlink()
    open_journal(path).close()


def test_a_forked_child_gets_no_handle_of_its_parents_journal(path: Path) -> None:
    process = start_script(
        """
        import os, sys, threading
        from journal_writers import entry
        from kalshi_ext.journal import JournalBusy, open_journal, shared_file
        journal = open_journal(sys.argv[1])
        twin = open_journal(sys.argv[1])
        journal.reserve(entry("a"))
        held, go = threading.Event(), threading.Event()
        def hold():  # a thread that is inside an opening when the fork comes
            with shared_file._lock:
                held.set()
                go.wait()
        threading.Thread(target=hold, daemon=True).start()
        held.wait()
        child = os.fork()
        if child == 0:
            for opened in (journal, twin):
                try:
                    opened.reserve(entry("b"))
                except Exception as error:
                    print(type(error).__name__, "forked" in str(error), flush=True)
                opened.mark_told(["a"])
            try:
                open_journal(sys.argv[1])
            except JournalBusy as error:
                print("busy", error.pid == os.getppid(), flush=True)
            journal.close()
            twin.close()
            os._exit(7)
        print("status", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
        go.set()
        print(journal.reserve(entry("b")).acquired, flush=True)
        journal.close()
        print(twin.reserve(entry("c")).acquired, flush=True)
        twin.close()
        """,
        path,
    )
    output, _ = process.communicate(timeout=60)
    assert output.splitlines() == [
        *("JournalUnwritable True", "JournalUnwritable True", "busy True", "status 7"),
        *("True", "True"),
    ]


def test_event_loops_share_the_keys_in_flight(path: Path) -> None:
    taken: list[set[str]] = []

    async def main() -> None:
        with open_journal(path) as journal:
            owner = object.__new__(type("Owner", (), {"__slots__": ("__weakref__",)}))
            taken.append(journal.locks.acquire(["k"], owner))
            held.append(owner)
            ready.wait(20)

    held: list[Any] = []
    ready = threading.Barrier(2)
    threads = [threading.Thread(target=lambda: asyncio.run(main())) for _ in range(2)]
    with open_journal(path):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert sorted(map(len, taken)) == [0, 1]
