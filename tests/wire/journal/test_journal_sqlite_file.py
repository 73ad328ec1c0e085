"""The file itself: what it must look like, what is refused and in which words, its migrations."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import stat
import time
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from journal_writers import HOLD_FILE, entry, start_script

from kalshi_ext.errors import JournalUnwritable
from kalshi_ext.journal import (
    JournalBusy,
    JournalUnusable,
    State,
    Transition,
    open_journal,
    sqlite_file,
)
from kalshi_ext.journal.sqlite import SqliteJournal, _select
from kalshi_ext.journal.sqlite_file import _prepare_writing
from kalshi_ext.journal.store import open_selection


@pytest.mark.parametrize("name", ["a b.db", "50%.db", "wh?at.db", "#1.db", "ünï-☃.db", "'q'.db"])
def test_any_name_of_a_file_will_do(tmp_path: Path, name: str) -> None:
    with SqliteJournal(str(tmp_path / name)) as journal:
        journal.reserve(entry("a"))
        assert repr(journal) == f"SqliteJournal({str(tmp_path / name)!r})"
    with SqliteJournal(tmp_path / name) as journal:
        assert journal.get("a") is not None
        assert (journal.durable, journal.shared) == (True, False)
    assert {file.name for file in tmp_path.iterdir()} == {name, name + ".lock"}


def test_the_name_of_the_file_is_synced_too(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(os.fstat(fd).st_ino) or real(fd))
    SqliteJournal(path).close()
    assert path.parent.stat().st_ino in synced


def test_the_files_are_for_their_owner_alone(path: Path) -> None:
    former = os.umask(0)
    try:
        with SqliteJournal(path) as journal:
            journal.reserve(entry("a"))
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    finally:
        os.umask(former)
    assert set(modes) == {"orders.db", "orders.db-wal", "orders.db-shm", "orders.db.lock"}
    assert set(modes.values()) == {0o600}


def test_a_file_that_others_could_read_is_closed_to_them(path: Path) -> None:
    SqliteJournal(path).close()
    path.chmod(0o644)
    SqliteJournal(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_settings_that_make_it_durable_are_in_force(path: Path) -> None:
    with SqliteJournal(path) as journal:
        connection = journal._runner.committer.store._connection
        asked = {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in SETTINGS}
    assert asked == SETTINGS


def test_a_file_that_can_have_no_log_is_refused() -> None:
    refused = pytest.raises(JournalUnusable, match="cannot share memory")
    with closing(sqlite3.connect(":memory:")) as connection, refused:
        _prepare_writing(connection)


def test_opening_copies_the_log_into_the_database_even_beside_a_reader(path: Path) -> None:
    process = start_script(HOLD_FILE, path)  # killed, it leaves its log as it is
    assert process.stdout is not None
    process.stdout.readline()
    process.kill()
    process.communicate()
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM entry").fetchone() == (1,)
    connection = open_for_writing(path)
    copied = path.with_name("copied.db")
    copied.write_bytes(path.read_bytes())
    alone = sqlite3.connect(f"file:{copied}?immutable=1", uri=True)
    assert alone.execute("SELECT count(*) FROM entry").fetchone() == (1,)
    for opened in (alone, connection, reader):
        opened.close()


def open_for_writing(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, timeout=0.1)
    _prepare_writing(connection)
    return connection


DESCRIPTORS = Path("/proc/self/fd")


@pytest.mark.skipif(not DESCRIPTORS.is_dir(), reason="NO /proc: descriptors NOT counted")
def test_opening_and_closing_leaves_no_descriptor_open(path: Path) -> None:
    SqliteJournal(path).close()
    before, locks = len(list(DESCRIPTORS.iterdir())), set(sqlite_file._descriptors)
    for _ in range(5):
        SqliteJournal(path).close()
    assert len(list(DESCRIPTORS.iterdir())) == before
    assert sqlite_file._descriptors == locks  # a forked child would close what has its number now


@pytest.mark.skipif(not DESCRIPTORS.is_dir(), reason="NO /proc: descriptors NOT counted")
def test_a_refused_opening_leaves_no_descriptor_open(path: Path) -> None:
    with SqliteJournal(path):
        before = len(list(DESCRIPTORS.iterdir()))
        for _ in range(5):
            with pytest.raises(JournalBusy):
                SqliteJournal(path)
        assert len(list(DESCRIPTORS.iterdir())) == before


SETTINGS = {"journal_mode": "wal", "synchronous": 2, "fullfsync": 1, "checkpoint_fullfsync": 1}


def foreign_database(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE other (x)")
    connection.close()


def newer_journal(path: Path) -> None:
    SqliteJournal(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()


def another_application(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA application_id = 77")
    connection.close()


UNUSABLE = {
    "text": (lambda path: path.write_text("key,state\n" * 500), "file is not a database"),
    "zeros": (lambda path: path.write_bytes(bytes(8192)), "file is not a database"),
    "cut": (lambda path: path.write_bytes(b"SQLite format 3\0" + bytes(84)), "database"),
    "foreign": (foreign_database, "not a journal of this library"),
    "application": (another_application, "not a journal of this library"),
    "newer": (newer_journal, f"newer version (schema 99, known {sqlite_file.CURRENT})"),
    "directory": (lambda path: path.mkdir(), "not a regular file"),
    "fifo": (lambda path: os.mkfifo(path), "not a regular file"),
}


@pytest.mark.parametrize("case", UNUSABLE)
@pytest.mark.parametrize("readonly", [False, True])
def test_what_is_no_journal_is_refused_clearly_and_left_as_it_is(
    path: Path, case: str, readonly: bool
) -> None:
    make, words = UNUSABLE[case]
    make(path)
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(JournalUnusable) as caught:
        open_journal(path, readonly=readonly)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)
    assert not isinstance(caught.value, JournalBusy)
    assert (path.read_bytes() if path.is_file() else b"") == before


def test_a_refusal_says_once_what_is_wrong_with_which_file(path: Path) -> None:
    foreign_database(path)
    with pytest.raises(JournalUnusable) as caught:
        SqliteJournal(path)
    assert caught.value.args == (f"{path}: a SQLite database, but not a journal of this library",)


def test_a_lock_file_that_cannot_be_used_is_refused(path: Path) -> None:
    path.with_name("orders.db.lock").mkdir()
    with pytest.raises(JournalUnusable, match="its lock file cannot be used"):
        SqliteJournal(path)


def test_a_missing_directory_is_named_not_made(tmp_path: Path) -> None:
    with pytest.raises(JournalUnusable, match="directory does not exist"):
        SqliteJournal(tmp_path / "none" / "orders.db")
    assert not (tmp_path / "none").exists()


def test_a_refused_file_is_not_left_locked(path: Path) -> None:
    path.write_text("x" * 5000)
    for _ in range(2):
        with pytest.raises(JournalUnusable, match="not a database"):
            SqliteJournal(path)
    path.unlink()
    SqliteJournal(path).close()


def test_an_empty_file_is_a_new_journal(path: Path) -> None:
    path.touch()
    with SqliteJournal(path) as journal:
        assert journal.reserve(entry("a")).acquired


def test_damage_inside_the_file_is_found_and_not_answered_with_half_an_answer(path: Path) -> None:
    with SqliteJournal(path) as journal:
        journal.reserve_many([entry(f"{number}") for number in range(300)])
    # The first pages stay, so that the file still opens.
    damaged = bytearray(path.read_bytes())
    for page in range(4, len(damaged) // 4096, 3):
        damaged[page * 4096 : page * 4096 + 100] = b"\xff" * 100
    path.write_bytes(damaged)
    with SqliteJournal(path) as journal:
        assert "malformed" in journal.verify()[-1]
        with pytest.raises(JournalUnusable):
            list(journal.entries())


def test_an_index_that_lacks_its_rows_is_found(path: Path) -> None:
    with SqliteJournal(path) as journal:
        journal.reserve(entry("a"))
    with closing(sqlite3.connect(path)) as connection:
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        named = "SELECT rootpage FROM sqlite_master WHERE name = 'entry_open'"
        (root,) = connection.execute(named).fetchone()
    # The header of a leaf page of an index (type 10) without cells.
    empty_leaf = bytes((10, 0, 0, 0, 0, *size.to_bytes(2, "big"), 0))
    with path.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(empty_leaf)
    with SqliteJournal(path) as journal:
        assert journal.get("a") is not None
        assert journal.verify()[0] == "row 1 missing from index entry_open"


def test_a_row_changed_by_hand_is_found(path: Path) -> None:
    with SqliteJournal(path) as journal:
        journal.reserve_many([entry("good"), entry("bad")])
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE entry SET fingerprint = 'x' WHERE key = 'bad'")
    connection.close()
    with SqliteJournal(path) as journal:
        (line,) = journal.verify()
        assert line.startswith("row 2: fingerprint")
        assert journal.get("good") is not None
        with pytest.raises(JournalUnusable, match="fingerprint"):
            journal.get("bad")


def remove(path: Path) -> None:
    path.unlink()


def replace(path: Path) -> None:
    path.rename(path.with_suffix(".moved"))
    path.write_bytes(path.with_suffix(".moved").read_bytes())


def settle(journal: SqliteJournal) -> None:
    """Commit until the directory's date is older than the clock's grain."""
    for key in ("early", "later", "last"):
        journal.reserve(entry(key))
        time.sleep(0.02)


@pytest.fixture
def settles_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_file, "_SETTLED_S", 0.015)


@pytest.mark.usefixtures("settles_soon")
@pytest.mark.parametrize("settled", [False, True])
@pytest.mark.parametrize("change", [remove, replace])
@pytest.mark.parametrize("name", ["orders.db", "orders.db.lock", "orders.db-wal", "orders.db-shm"])
def test_a_file_moved_away_under_a_living_journal_refuses_to_send(
    path: Path, change: Any, name: str, settled: bool
) -> None:
    with SqliteJournal(path) as journal:
        journal.reserve(entry("a"))
        if settled:
            settle(journal)
        change(path.with_name(name))
        for key in ("b", "c"):
            with pytest.raises(JournalUnwritable, match="moved, replaced or removed"):
                journal.reserve(entry(key))
            time.sleep(0.02)
        with pytest.raises(JournalUnwritable, match="moved, replaced or removed"):
            journal.reserve(entry("d"))


@pytest.mark.usefixtures("settles_soon")
def test_a_directory_replaced_under_a_living_journal_refuses_to_send(tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    with SqliteJournal(place / "orders.db") as journal:
        settle(journal)
        place.rename(tmp_path / "moved")
        shutil.copytree(tmp_path / "moved", place)
        with pytest.raises(JournalUnwritable, match="moved, replaced or removed"):
            journal.reserve(entry("b"))


@pytest.mark.usefixtures("settles_soon")
def test_a_file_system_that_dates_by_whole_seconds_is_waited_for(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.stat

    def dated(place: Any, *args: Any, **options: Any) -> Any:
        status = real(place, *args, **options)
        if place != str(path.parent):
            return status
        date = 1_700_000_000_000_000_000  # each change is within the same second
        return SimpleNamespace(
            st_dev=status.st_dev, st_ino=status.st_ino, st_mtime_ns=date, st_ctime_ns=date
        )

    with SqliteJournal(path) as journal, monkeypatch.context() as patch:
        patch.setattr(os, "stat", dated)
        settle(journal)
        path.with_name("orders.db-wal").unlink()
        with pytest.raises(JournalUnwritable, match="moved, replaced or removed"):
            journal.reserve(entry("b"))


@pytest.mark.usefixtures("settles_soon")
def test_a_directory_whose_date_is_put_back_is_looked_at_all_the_same(path: Path) -> None:
    with SqliteJournal(path) as journal:
        settle(journal)
        status = path.parent.stat()
        replace(path)
        os.utime(path.parent, ns=(status.st_atime_ns, status.st_mtime_ns))  # as rsync -a does
        with pytest.raises(JournalUnwritable, match="moved, replaced or removed"):
            journal.reserve(entry("b"))


@pytest.mark.usefixtures("settles_soon")
def test_a_settled_directory_is_looked_at_once_a_commit(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[object] = []
    with SqliteJournal(path) as journal:
        settle(journal)
        look = sqlite_file.file_identity
        monkeypatch.setattr(
            sqlite_file, "file_identity", lambda place: (looks.append(place), look(place))[1]
        )
        journal.reserve(entry("a"))
        assert looks == []


def test_data_that_the_database_refuses_fail_alone(path: Path) -> None:
    SqliteJournal(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TRIGGER no BEFORE INSERT ON entry WHEN NEW.key = 'bad'"
            " BEGIN SELECT RAISE(ABORT, 'not this one'); END"
        )
    connection.close()
    with SqliteJournal(path) as journal:
        futures = [journal.submit("reserve", entry(key)) for key in ("a", "b", "bad", "c")]
        assert isinstance(error := futures.pop(2).exception(20), JournalUnwritable)
        assert "not this one" in str(error)
        assert all(future.result(20).acquired for future in futures)
        assert [each.key for each in journal.entries()] == ["a", "b", "c"]


def test_marks_of_a_batch_come_back_in_order(path: Path) -> None:
    with SqliteJournal(path) as journal:
        journal.reserve_many([entry("a"), entry("b")])
        marked = journal.advance_many(
            [Transition("b", State.REFUSED), Transition("a", State.ACKNOWLEDGED)]
        )
        assert [(each.key, each.state) for each in marked] == [
            ("b", "refused"),
            ("a", "acknowledged"),
        ]
        assert [each.key for each in journal.entries()] == ["a", "b"]


def test_listing_open_entries_does_not_walk_through_the_verdicts(path: Path) -> None:
    with SqliteJournal(path) as journal:
        store = journal._runner.committer.store
        for ticker in (None, "T"):
            bound = {"ticker": ticker, "after": -1, "limit": 1}
            plan = store._connection.execute(
                "EXPLAIN QUERY PLAN " + _select(open_selection(ticker)), bound
            ).fetchall()
            assert "entry_open" in plan[0][3]


VERSION_1 = """
    CREATE TABLE entry (seq INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, operation TEXT NOT NULL,
        ticker TEXT, subaccount INTEGER, fingerprint TEXT NOT NULL, ticket TEXT NOT NULL,
        state TEXT NOT NULL, order_id TEXT, verdict TEXT, attempts INTEGER NOT NULL,
        owner TEXT NOT NULL, created_at INTEGER NOT NULL, sent_at INTEGER,
        updated_at INTEGER NOT NULL);
    CREATE INDEX entry_open ON entry (ticker) WHERE state IN ('intent', 'sent', 'unknown');
    INSERT INTO entry VALUES (1, 'old', 'CreateOrderV2', 'T', 0, '{0}', '{{}}', 'sent', NULL, NULL,
                              1, 'gone', 1000000, 2000000, 3000000);
    PRAGMA application_id = {1};
    PRAGMA user_version = 1;
"""


def version_1(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.executescript(VERSION_1.format("0" * 64, sqlite_file.APPLICATION))
    connection.close()


def test_a_journal_of_version_1_is_brought_up_to_date_with_its_entries(path: Path) -> None:
    version_1(path)
    with pytest.raises(JournalUnusable, match="schema 1 is older"):
        open_journal(path, readonly=True)
    for _ in range(2):
        with SqliteJournal(path) as journal:
            found = journal.get("old")
            assert found is not None
            assert (found.intent, found.state, found.attempts) == (None, "sent", 1)
            assert found.sent_at is not None
            assert found.sent_at.timestamp() == 2
            assert journal.verify() == []
            journal.reserve(entry("new"))
            assert journal.by_intent("intent-new") is not None
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone() == (sqlite_file.CURRENT,)
    connection.close()


def schema_of(path: Path) -> list[Any]:
    connection = sqlite3.connect(path)
    columns = connection.execute("SELECT name FROM pragma_table_info('entry')").fetchall()
    indexes = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index'"
    ).fetchall()
    connection.close()
    return [columns, sorted(indexes)]


def test_a_migrated_journal_and_a_new_one_have_the_same_schema(tmp_path: Path) -> None:
    version_1(tmp_path / "old.db")
    for name in ("old.db", "new.db"):
        SqliteJournal(tmp_path / name).close()
    assert schema_of(tmp_path / "old.db") == schema_of(tmp_path / "new.db")


def test_a_migration_that_is_killed_half_way_leaves_the_old_version(path: Path) -> None:
    version_1(path)
    script = """
        import os, signal, sqlite3, sys
        from kalshi_ext.journal import sqlite_file
        from kalshi_ext.journal.sqlite import SqliteJournal
        statements = sqlite_file.MIGRATIONS[1]
        def killed_half_way():
            yield statements[0]
            os.kill(os.getpid(), signal.SIGKILL)
        sqlite_file.MIGRATIONS = (sqlite_file.MIGRATIONS[0], killed_half_way())
        SqliteJournal(sys.argv[1])
    """
    process = start_script(script, path)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    connection.close()
    with SqliteJournal(path) as journal:
        assert journal.get("old") is not None
        assert journal.verify() == []


def test_a_migration_that_fails_leaves_the_old_version(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version_1(path)
    broken = (*sqlite_file.MIGRATIONS[:1], (sqlite_file.MIGRATIONS[1][0], "NONSENSE"))
    with monkeypatch.context() as patched:
        patched.setattr(sqlite_file, "MIGRATIONS", broken)
        with pytest.raises(JournalUnusable, match="syntax error"):
            SqliteJournal(path)
    with SqliteJournal(path) as journal:
        assert journal.get("old") is not None
