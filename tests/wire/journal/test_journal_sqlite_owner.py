"""Whose the file is: second processes, killed and forked holders, crashed journals, lock files."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from journal_writers import HOLD_FILE, entry, start_script

from kalshi_ext.errors import JournalUnwritable
from kalshi_ext.journal import (
    JournalBusy,
    JournalUnusable,
    NotOwner,
    State,
    TransitionUnwritten,
    open_journal,
)
from kalshi_ext.journal.sqlite import SqliteJournal


def test_a_second_process_is_refused_and_told_who_holds_the_file(path: Path, holder: Any) -> None:
    process, owner = holder
    with pytest.raises(JournalBusy) as caught:
        SqliteJournal(path)
    assert caught.value.pid == process.pid
    assert caught.value.host == owner.split("/")[0]
    assert f"process {process.pid} on {caught.value.host} since 20" in str(caught.value)
    assert "postgresql://" in str(caught.value)


def test_a_second_opening_in_the_same_process_is_refused_too(path: Path) -> None:
    with SqliteJournal(path), pytest.raises(JournalBusy) as caught:
        SqliteJournal(path)
    assert caught.value.pid == os.getpid()
    SqliteJournal(path).close()


def test_one_file_by_another_name_is_still_one_file(path: Path, tmp_path: Path) -> None:
    SqliteJournal(path).close()
    (tmp_path / "link.db").symlink_to(path)
    with SqliteJournal(tmp_path / "link.db"), pytest.raises(JournalBusy):
        SqliteJournal(tmp_path / "sub" / ".." / "orders.db")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_holder_frees_the_file_and_its_entries(
    path: Path, holder: Any, how: signal.Signals
) -> None:
    process, owner = holder
    process.send_signal(how)
    process.wait(20)
    with SqliteJournal(path) as journal:
        assert not journal.owner_alive(owner)
        with pytest.raises(NotOwner):
            journal.advance("theirs", State.SENT)
        assert journal.take_over("theirs", owner)
        journal.advance("theirs", State.RESOLVED)
        assert journal.open_entries() == []


def test_a_child_forked_by_the_holder_does_not_keep_the_file_after_its_death(path: Path) -> None:
    process = start_script(
        """
        import os, sys, time
        from kalshi_ext.journal.sqlite import SqliteJournal
        journal = SqliteJournal(sys.argv[1])
        child = os.fork()
        if child == 0:
            print(os.getpid(), flush=True)
            time.sleep(60)
        sys.stdin.read()
        """,
        path,
    )
    assert process.stdout is not None
    child = int(process.stdout.readline())
    try:
        process.kill()
        process.wait(20)
        os.kill(child, 0)  # still there
        SqliteJournal(path).close()
    finally:
        os.kill(child, signal.SIGKILL)
        process.communicate()


def test_a_forked_child_is_refused_and_harms_nothing_when_it_ends(path: Path) -> None:
    process = start_script(
        """
        import gc, os, sys
        from journal_writers import HOLD_FILE, entry, start_script
        from kalshi_ext.journal import JournalBusy, MemoryJournal, State
        from kalshi_ext.journal.sqlite import SqliteJournal
        memory = MemoryJournal()
        with SqliteJournal(sys.argv[1]) as journal:
            for number in range(20):
                journal.reserve(entry(f"before-{number}"))
            child = os.fork()
            if child == 0:
                for inherited in (journal, memory):
                    for ask in (lambda: inherited.reserve(entry("child")),
                                lambda: inherited.advance("before-1", State.SENT),
                                lambda: inherited.get("before-1")):
                        try:
                            ask()
                        except Exception as error:
                            print(type(error).__name__, "forked" in str(error), flush=True)
                try:
                    SqliteJournal(sys.argv[1])
                except JournalBusy as error:
                    print("busy", error.pid == os.getppid(), flush=True)
                journal.close()
                del inherited, ask, journal
                gc.collect()
                sys.exit(7)  # an orderly end: destructors and exit handlers run
            print("status", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
            for number in range(20):
                journal.reserve(entry(f"after-{number}"))
            print(len(list(journal.entries())), journal.verify(), flush=True)
        """,
        path,
        stderr=subprocess.PIPE,
    )
    output, errors = process.communicate(timeout=60)
    kinds = ["JournalUnwritable True", "TransitionUnwritten True", "JournalUnusable True"]
    assert output.splitlines() == [*kinds, *kinds, "busy True", "status 7", "40 []"], errors
    with SqliteJournal(path) as journal:
        assert len(list(journal.entries())) == 40


def test_the_end_of_the_interpreter_finishes_what_was_submitted(path: Path) -> None:
    script = """
        import sys
        from journal_writers import HOLD_FILE, entry, start_script
        from kalshi_ext.journal.sqlite import SqliteJournal
        journal = SqliteJournal(sys.argv[1])
        for number in range(50):
            journal.submit("reserve", entry(str(number)))
    """
    _, errors = (process := start_script(script, path, stderr=subprocess.PIPE)).communicate(
        timeout=60
    )
    assert (process.returncode, errors) == (0, "")
    with SqliteJournal(path) as journal:
        assert len(list(journal.entries())) == 50
    assert not path.with_name("orders.db-wal").exists(), "it was closed, not dropped"


def test_looking_on_is_possible_beside_a_living_holder_but_not_writing(
    path: Path, holder: Any
) -> None:
    process, owner = holder
    with open_journal(path, readonly=True) as reader:
        (found,) = reader.open_entries()
        assert found.owner == owner
        assert reader.owner_alive(owner)
        assert not reader.owner_alive("somebody else")
        assert reader.verify() == []
        with pytest.raises(JournalUnwritable, match="reading only"):
            reader.reserve(entry("mine"))
        with pytest.raises(TransitionUnwritten, match="reading only"):
            reader.advance("theirs", State.SENT)
        process.kill()
        process.wait(20)
        assert not reader.owner_alive(owner)


def test_looking_on_creates_and_changes_nothing(path: Path) -> None:
    with pytest.raises(JournalUnusable, match="unable to open"):
        open_journal(path, readonly=True)
    assert not path.exists()
    SqliteJournal(path).close()
    before = path.read_bytes()
    with open_journal(path, readonly=True) as reader:
        assert list(reader.entries()) == []
    assert path.read_bytes() == before


@pytest.fixture
def crashed(path: Path, holder: tuple[subprocess.Popen[str], str]) -> Path:
    """A journal whose only entry stands in its log, as its holder was killed."""
    holder[0].kill()
    holder[0].wait()
    return path


def test_a_crashed_journal_whose_log_is_gone_is_refused_until_a_person_says_so(
    crashed: Path,
) -> None:
    log, lock = crashed.with_name("orders.db-wal"), crashed.with_name("orders.db.lock")
    log.unlink()
    for _ in range(2):
        with pytest.raises(JournalUnusable, match="holds 0 entries, and 1 were written") as caught:
            SqliteJournal(crashed)
    assert "remove orders.db.lock" in str(caught.value)
    lock.unlink()
    with SqliteJournal(crashed) as journal:
        assert list(journal.entries()) == []


def test_a_crashed_journal_whose_log_came_back_is_whole(crashed: Path) -> None:
    log = crashed.with_name("orders.db-wal")
    log.rename(log.with_suffix(".away"))
    with pytest.raises(JournalUnusable):
        SqliteJournal(crashed)
    for file in crashed.parent.glob("orders.db-*"):
        file.unlink()
    log.with_suffix(".away").rename(log)
    with SqliteJournal(crashed) as journal:
        assert [each.key for each in journal.entries()] == ["theirs"]


def test_a_crashed_journal_that_another_program_folded_its_log_into_is_whole(crashed: Path) -> None:
    with closing(sqlite3.connect(crashed)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    assert not crashed.with_name("orders.db-wal").exists()
    with SqliteJournal(crashed) as journal:
        assert [each.key for each in journal.entries()] == ["theirs"]


def test_a_journal_knows_that_it_lives_and_nobody_else_does(path: Path) -> None:
    with SqliteJournal(path) as journal:
        assert journal.owner_alive(journal.owner)
        assert not journal.owner_alive("somebody else")


def test_the_lock_file_tells_how_many_entries_were_written(path: Path) -> None:
    lock = path.with_name("orders.db.lock")
    with SqliteJournal(path) as journal:
        assert json.loads(lock.read_text())["last"] is None
        for number, key in enumerate(("a", "b"), 1):
            journal.reserve(entry(key))
            assert json.loads(lock.read_text())["last"] == number
            journal.advance(key, State.ACKNOWLEDGED)
            assert json.loads(lock.read_text())["last"] == number


def test_a_crashed_journal_whose_entries_cannot_be_counted_is_refused(crashed: Path) -> None:
    SqliteJournal(crashed).close()
    with closing(sqlite3.connect(crashed)) as connection:
        (root,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name='entry'"
        ).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    with crashed.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xff" * 100)
    SqliteJournal(crashed).close()  # closed in order, so that nothing is to be counted
    crashed.with_name("orders.db.lock").write_text(json.dumps({"last": 1}))
    with pytest.raises(JournalUnusable, match="malformed"):
        SqliteJournal(crashed)


def test_an_older_copy_in_the_place_of_a_crashed_journal_is_refused(path: Path) -> None:
    SqliteJournal(path).close()
    older = path.read_bytes()
    process = start_script(HOLD_FILE, path)
    assert process.stdout is not None
    process.stdout.readline()
    process.kill()
    process.communicate()
    for file in path.parent.glob("orders.db-*"):
        file.unlink()
    path.write_bytes(older)
    with pytest.raises(JournalUnusable, match="an old copy was put in its place"):
        SqliteJournal(path)


def test_the_lock_file_names_the_holder_only_while_there_is_one(path: Path) -> None:
    lock = path.with_name("orders.db.lock")
    with SqliteJournal(path) as journal:
        content = json.loads(lock.read_text())
        assert content["owner"] == journal.owner
        assert content["pid"] == os.getpid()
    assert lock.read_text() == ""
