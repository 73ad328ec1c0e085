"""A disk that fails: full, read-only, or unable to sync. Nothing unrecorded may be sent."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from kalshi_ext.journal import State
from kalshi_ext.journal.sqlite import SqliteJournal

WRITERS = Path(__file__).with_name("journal_writers.py")
STRACE = shutil.which("strace")
SYNCS = "fsync,fdatasync"


def strace_works() -> bool:
    """Say whether strace works here: a container may forbid it."""
    if STRACE is None:
        return False
    return subprocess.run([STRACE, "-o", "/dev/null", "true"], check=False).returncode == 0


needs_strace = pytest.mark.skipif(
    not strace_works(), reason="strace is missing or forbidden: failing syncs were NOT tested"
)


def run(path: Path, count: int, how: str, *prefix: str) -> list[tuple[str, str, str]]:
    """Run a writer whose disk fails; return its reports."""
    command = [*prefix, sys.executable, str(WRITERS), "disk", str(path), str(count), how]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


def check_promises(path: Path, reports: list[tuple[str, str, str]]) -> None:
    """Each promise is in the file, and what could not be written is at most an open intent."""
    promised = {key: state for kind, key, state in reports if kind == "promised"}
    with SqliteJournal(path) as journal:
        assert journal.verify() == []
        entries = {entry.key: entry for entry in journal.entries()}
    assert {key: entries[key].state for key in promised if promised[key] != "intent"} == {
        key: State(state) for key, state in promised.items() if state != "intent"
    }
    assert set(promised) <= set(entries)
    for kind, key, _ in reports:
        if kind == "unwritable" and key in entries:
            assert entries[key].state in ("intent", "not_sent")


def inject(calls: str, error: str, when: str) -> list[str]:
    """Let system calls of every thread fail."""
    assert STRACE is not None
    rule = f"inject={calls}:error={error}:when={when}"
    return [STRACE, "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}", "-e", rule]


@needs_strace
@pytest.mark.parametrize("nth", [8, 9, 13])
def test_a_sync_that_fails_once_fails_its_caller_alone(path: Path, nth: int) -> None:
    SqliteJournal(path).close()
    reports = run(path, 8, "", *inject(SYNCS, "EIO", str(nth)))
    failed = [report for report in reports if report[0] != "promised"]
    assert len(failed) == 1
    assert "SQLITE_IOERR" in failed[0][2]
    check_promises(path, reports)


@needs_strace
def test_syncs_that_fail_for_good_let_nothing_be_sent(path: Path) -> None:
    SqliteJournal(path).close()
    reports = run(path, 8, "", *inject(SYNCS, "EIO", "10+"))
    assert [kind for kind, *_ in reports[-5:]] == ["unwritable"] * 5
    check_promises(path, reports)


@needs_strace
@pytest.mark.parametrize("error", ["ENOSPC", "EIO", "EDQUOT"])
def test_a_write_that_fails_for_good_lets_nothing_be_sent(path: Path, error: str) -> None:
    SqliteJournal(path).close()
    reports = run(path, 8, "", *inject("pwrite64", error, "30+"))
    assert reports[-1][0] == "unwritable"
    assert "SQLITE_FULL" in reports[-1][2] or "SQLITE_IOERR" in reports[-1][2]
    assert reports[0][0] == "promised", "it failed too early to mean anything"
    check_promises(path, reports)


@needs_strace
def test_a_promise_is_given_after_the_sync_of_what_it_promises(path: Path) -> None:
    log = path.with_suffix(".strace")
    names = f"trace={SYNCS},pwrite64,write"
    run(path, 12, "", str(STRACE), "-f", "-y", "-s", "40", "-o", str(log), "-e", names)
    dirty, promises, writes = False, 0, 0
    for line in log.read_text().splitlines():
        if "orders.db-wal>" in line:
            writes += "pwrite64(" in line
            dirty = "pwrite64(" in line or (dirty and not re.search(r"f(data)?sync\(", line))
        elif re.search(r"write\(1<.*promised", line):
            promises += 1
            assert not dirty, "a promise was reported before the log was synced"
    assert promises == 24
    assert writes >= 24


def test_a_full_disk_lets_nothing_be_sent_and_recovers_when_there_is_room(path: Path) -> None:
    reports = run(path, 5, "limit")
    assert [kind for kind, *_ in reports] == ["unwritable"] * 5 + ["promised"] * 2
    assert "SQLITE_FULL" in reports[0][2] or "SQLITE_IOERR" in reports[0][2]
    assert "nothing was sent" in reports[0][2]
    check_promises(path, reports)


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A directory that a process without rights can get to: tmp_path is closed to others."""
    directory = Path(tempfile.mkdtemp(dir="/tmp"))
    directory.chmod(0o755)
    yield directory
    directory.chmod(0o755)
    shutil.rmtree(directory)


@pytest.mark.parametrize("target", ["file", "directory", "lock"])
def test_what_may_not_be_written_is_refused_at_opening(reachable: Path, target: str) -> None:
    path = reachable / "orders.db"
    if target != "directory":
        SqliteJournal(path).close()
        for file in reachable.iterdir():
            file.chmod(0o666)
        (path if target == "file" else Path(f"{path}.lock")).chmod(0o444)
        reachable.chmod(0o777)
    else:
        reachable.chmod(0o555)
    ((kind, _, message),) = run(path, 1, "readonly")
    assert kind == "unusable"
    assert str(path) in message
    assert "ermission denied" in message or "readonly" in message or "unable to open" in message
