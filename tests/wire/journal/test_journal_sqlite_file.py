"""The file itself: whose it is, what it must look like, what is refused and in which words."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from journal_kitchen import entry

from kalshi_ext.errors import JournalUnwritable
from kalshi_ext.journal import (
    JournalBusy,
    JournalUnusable,
    NotOwner,
    State,
    Transition,
    TransitionUnwritten,
    open_journal,
    sqlite_file,
)
from kalshi_ext.journal.sqlite import SqliteJournal, _select
from kalshi_ext.journal.sqlite_file import _prepare_writing
from kalshi_ext.journal.store import open_selection

HERE = Path(__file__).parent


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "orders.db"


def start(script: str, *arguments: object, **options: Any) -> subprocess.Popen[str]:
    """Run a script in another process; its first line of output means that it is ready."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(HERE)},
        **options,
    )


HOLD = """
    import sys
    from journal_kitchen import entry
    from kalshi_ext.journal.sqlite import SqliteJournal
    journal = SqliteJournal(sys.argv[1])
    journal.reserve(entry("theirs"))
    print(journal.owner, flush=True)
    sys.stdin.read()
    journal.close()
"""


@pytest.fixture
def holder(path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Another process that has the journal open, and the name of its owner."""
    process = start(HOLD, path)
    assert process.stdout is not None
    owner = process.stdout.readline().strip()
    yield process, owner
    process.kill()
    process.communicate()


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
    process = start(
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
    process = start(
        """
        import gc, os, sys
        from journal_kitchen import entry
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
    )
    told, complaints = process.communicate(timeout=60)
    kinds = ["JournalUnwritable True", "TransitionUnwritten True", "JournalUnusable True"]
    assert told.splitlines() == [*kinds, *kinds, "busy True", "status 7", "40 []"], complaints
    with SqliteJournal(path) as journal:
        assert len(list(journal.entries())) == 40


def test_the_end_of_the_interpreter_finishes_what_was_submitted(path: Path) -> None:
    script = """
        import sys
        from journal_kitchen import entry
        from kalshi_ext.journal.sqlite import SqliteJournal
        journal = SqliteJournal(sys.argv[1])
        for number in range(50):
            journal.submit("reserve", entry(str(number)))
    """
    _, complaints = (process := start(script, path)).communicate(timeout=60)
    assert (process.returncode, complaints) == (0, "")
    with SqliteJournal(path) as journal:
        assert len(list(journal.entries())) == 50
    assert not path.with_name("orders.db-wal").exists(), "it was closed, not dropped"


def test_looking_on_is_possible_beside_a_living_holder_but_not_writing(
    path: Path, holder: Any
) -> None:
    process, owner = holder
    with open_journal(path, readonly=True) as looking:
        (found,) = looking.open_entries()
        assert found.owner == owner
        assert looking.owner_alive(owner)
        assert not looking.owner_alive("somebody else")
        assert looking.verify() == []
        with pytest.raises(JournalUnwritable, match="reading only"):
            looking.reserve(entry("mine"))
        with pytest.raises(TransitionUnwritten, match="reading only"):
            looking.advance("theirs", State.SENT)
        process.kill()
        process.wait(20)
        assert not looking.owner_alive(owner)


def test_looking_on_creates_and_changes_nothing(path: Path) -> None:
    with pytest.raises(JournalUnusable, match="unable to open"):
        open_journal(path, readonly=True)
    assert not path.exists()
    SqliteJournal(path).close()
    before = path.read_bytes()
    with open_journal(path, readonly=True) as looking:
        assert list(looking.entries()) == []
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", ["a b.db", "50%.db", "wh?at.db", "#1.db", "ünï-☃.db", "'q'.db"])
def test_any_name_of_a_file_will_do(tmp_path: Path, name: str) -> None:
    with SqliteJournal(str(tmp_path / name)) as journal:
        journal.reserve(entry("a"))
        assert repr(journal) == f"SqliteJournal({str(tmp_path / name)!r})"
    with SqliteJournal(tmp_path / name) as journal:
        assert journal.get("a") is not None
        assert (journal.durable, journal.shared) == (True, False)
    assert {one.name for one in tmp_path.iterdir()} == {name, name + ".lock"}


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
            modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in path.parent.iterdir()}
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
        link = journal._runner.committer.store._connection
        asked = {name: link.execute(f"PRAGMA {name}").fetchone()[0] for name in SETTINGS}
    assert asked == SETTINGS


def test_a_file_that_can_have_no_log_is_refused() -> None:
    refused = pytest.raises(JournalUnusable, match="cannot share memory")
    with closing(sqlite3.connect(":memory:")) as link, refused:
        _prepare_writing(link)


def test_opening_copies_the_log_into_the_database_even_beside_a_reader(path: Path) -> None:
    process = start(HOLD, path)  # killed, it leaves its log as it is
    assert process.stdout is not None
    process.stdout.readline()
    process.kill()
    process.communicate()
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM entry").fetchone() == (1,)
    link = _prepare_writing_of(path)
    copied = path.with_name("copied.db")
    copied.write_bytes(path.read_bytes())
    alone = sqlite3.connect(f"file:{copied}?immutable=1", uri=True)
    assert alone.execute("SELECT count(*) FROM entry").fetchone() == (1,)
    for opened in (alone, link, reader):
        opened.close()


def _prepare_writing_of(path: Path) -> sqlite3.Connection:
    link = sqlite3.connect(path, isolation_level=None, timeout=0.1)
    _prepare_writing(link)
    return link


DESCRIPTORS = Path("/proc/self/fd")


@pytest.mark.skipif(not DESCRIPTORS.is_dir(), reason="NO /proc: descriptors NOT counted")
def test_opening_and_closing_leaves_no_descriptor_open(path: Path) -> None:
    SqliteJournal(path).close()
    before = len(list(DESCRIPTORS.iterdir()))
    for _ in range(5):
        SqliteJournal(path).close()
    assert len(list(DESCRIPTORS.iterdir())) == before


SETTINGS = {"journal_mode": "wal", "synchronous": 2, "fullfsync": 1, "checkpoint_fullfsync": 1}


def foreign_database(path: Path) -> None:
    with sqlite3.connect(path) as link:
        link.execute("CREATE TABLE other (x)")
    link.close()


def newer_journal(path: Path) -> None:
    SqliteJournal(path).close()
    with sqlite3.connect(path) as link:
        link.execute("PRAGMA user_version = 99")
    link.close()


def another_application(path: Path) -> None:
    with sqlite3.connect(path) as link:
        link.execute("PRAGMA application_id = 77")
    link.close()


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
    with closing(sqlite3.connect(path)) as link:
        (size,) = link.execute("PRAGMA page_size").fetchone()
        named = "SELECT rootpage FROM sqlite_master WHERE name = 'entry_open'"
        (root,) = link.execute(named).fetchone()
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
    with sqlite3.connect(path) as link:
        link.execute("UPDATE entry SET fingerprint = 'x' WHERE key = 'bad'")
    link.close()
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


@pytest.mark.parametrize("change", [remove, replace])
@pytest.mark.parametrize("name", ["orders.db", "orders.db.lock", "orders.db-wal", "orders.db-shm"])
def test_a_file_moved_away_under_a_living_journal_refuses_to_send(
    path: Path, change: Any, name: str
) -> None:
    with SqliteJournal(path) as journal:
        journal.reserve(entry("a"))
        change(path.with_name(name))
        with pytest.raises(JournalUnwritable, match="moved, replaced or removed"):
            journal.reserve(entry("b"))


def test_data_that_the_database_refuses_fail_alone(path: Path) -> None:
    SqliteJournal(path).close()
    with sqlite3.connect(path) as link:
        link.execute(
            "CREATE TRIGGER no BEFORE INSERT ON entry WHEN NEW.key = 'bad'"
            " BEGIN SELECT RAISE(ABORT, 'not this one'); END"
        )
    link.close()
    with SqliteJournal(path) as journal:
        futures = [journal.submit("reserve", entry(key)) for key in ("a", "b", "bad", "c")]
        assert isinstance(error := futures.pop(2).exception(20), JournalUnwritable)
        assert "not this one" in str(error)
        assert all(future.result(20).acquired for future in futures)
        assert [one.key for one in journal.entries()] == ["a", "b", "c"]


def test_marks_of_a_batch_come_back_in_order(path: Path) -> None:
    with SqliteJournal(path) as journal:
        journal.reserve_many([entry("a"), entry("b")])
        marked = journal.advance_many(
            [Transition("b", State.REFUSED), Transition("a", State.ACKNOWLEDGED)]
        )
        assert [(one.key, one.state) for one in marked] == [("b", "refused"), ("a", "acknowledged")]
        assert [one.key for one in journal.entries()] == ["a", "b"]


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
    link = sqlite3.connect(path)
    link.executescript(VERSION_1.format("0" * 64, sqlite_file.APPLICATION))
    link.close()


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
    link = sqlite3.connect(path)
    assert link.execute("PRAGMA user_version").fetchone() == (sqlite_file.CURRENT,)
    link.close()


def schema_of(path: Path) -> list[Any]:
    link = sqlite3.connect(path)
    columns = link.execute("SELECT name FROM pragma_table_info('entry')").fetchall()
    indexes = link.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index'").fetchall()
    link.close()
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
        def trap():
            yield statements[0]
            os.kill(os.getpid(), signal.SIGKILL)
        sqlite_file.MIGRATIONS = (sqlite_file.MIGRATIONS[0], trap())
        SqliteJournal(sys.argv[1])
    """
    process = start(script, path)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    link = sqlite3.connect(path)
    assert link.execute("PRAGMA user_version").fetchone() == (1,)
    link.close()
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
    for left in crashed.parent.glob("orders.db-*"):
        left.unlink()
    log.with_suffix(".away").rename(log)
    with SqliteJournal(crashed) as journal:
        assert [one.key for one in journal.entries()] == ["theirs"]


def test_a_crashed_journal_that_another_program_folded_its_log_into_is_whole(crashed: Path) -> None:
    with closing(sqlite3.connect(crashed)) as link:
        link.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    assert not crashed.with_name("orders.db-wal").exists()
    with SqliteJournal(crashed) as journal:
        assert [one.key for one in journal.entries()] == ["theirs"]


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
    with closing(sqlite3.connect(crashed)) as link:
        (root,) = link.execute("SELECT rootpage FROM sqlite_master WHERE name='entry'").fetchone()
        (size,) = link.execute("PRAGMA page_size").fetchone()
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
    process = start(HOLD, path)
    assert process.stdout is not None
    process.stdout.readline()
    process.kill()
    process.communicate()
    for left in path.parent.glob("orders.db-*"):
        left.unlink()
    path.write_bytes(older)
    with pytest.raises(JournalUnusable, match="an old copy was put in its place"):
        SqliteJournal(path)


def test_the_lock_file_names_the_holder_only_while_there_is_one(path: Path) -> None:
    lock = path.with_name("orders.db.lock")
    with SqliteJournal(path) as journal:
        said = json.loads(lock.read_text())
        assert said["owner"] == journal.owner
        assert said["pid"] == os.getpid()
    assert lock.read_text() == ""
