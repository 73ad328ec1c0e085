"""A journal whose process was killed: promises are kept, nothing is torn."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field

from kalshi_ext.journal import Entry, State
from kalshi_ext.journal.sqlite import SqliteJournal

WRITERS = Path(__file__).with_name("journal_writers.py")
SIGKILL = 9
POINTS = [
    f"{step}{side}{nth}"
    for step in ("begin", "load", "save", "commit")
    for side in "-+"
    for nth in (1, 2, 3, 7, 12)
]


@define
class WriterForker:
    """Talks to the process that forks the writers."""

    process: subprocess.Popen[str] = field(
        factory=lambda: subprocess.Popen(
            [sys.executable, str(WRITERS), "fork"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
    )

    def run(self, path: Path, seed: int, point: str) -> tuple[list[list[Any]], int]:
        """Let one child live and die; return its reports and its wait status."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([str(path), seed, point]) + "\n")
        self.process.stdin.flush()
        reports = []
        while (report := json.loads(self.process.stdout.readline()))[0] != "exit":
            reports.append(report)
        return reports, report[2]

    def close(self) -> None:
        """End the process."""
        self.process.communicate(timeout=20)


@pytest.fixture(scope="module")
def forker() -> Iterator[WriterForker]:
    started = WriterForker()
    yield started
    started.close()


def check_promises(reports: list[list[Any]], entries: dict[str, Entry], seed: int) -> None:
    """Each promise is kept; nothing stands that was not asked for; groups are whole."""
    promised = {key: state for kind, key, state in reports if kind == "promised"}
    requested = [(key, state) for kind, key, state in reports if kind == "asked"]
    for key, state in promised.items():
        entry = entries[key]
        assert entry.state == state or (key, entry.state) in requested
        assert state == "intent" or entry.order_id == f"o-{key}"
    for key, entry in entries.items():
        assert (key, "intent") in requested or not key.startswith(f"{seed}-")
        assert entry.intent == f"intent-{key}"
        assert json.loads(entry.ticket)["key"] == key
    groups: dict[str, set[str]] = {}
    for key, _ in requested:
        groups.setdefault(key.rpartition("-")[0], set()).add(key)
    for group in groups.values():
        assert group <= set(entries) or not group & set(entries), "a batch of claims was torn"


@pytest.mark.parametrize("point", POINTS)
def test_a_kill_around_any_step_of_a_transaction_breaks_no_promise(
    forker: WriterForker, tmp_path: Path, point: str
) -> None:
    path = tmp_path / "orders.db"
    for seed in (1, 2):  # the second opens what the first one's death left behind
        reports, status = forker.run(path, seed, point)
        assert status == SIGKILL
        with SqliteJournal(path) as journal:
            assert journal.verify() == []
            entries = {entry.key: entry for entry in journal.entries()}
            check_promises(reports, entries, seed)
            for entry in journal.open_entries():
                assert not journal.owner_alive(entry.owner)
                assert journal.take_over(entry.key, entry.owner)
                journal.advance(entry.key, State.RESOLVED)


def test_a_kill_at_any_moment_breaks_no_promise(forker: WriterForker, tmp_path: Path) -> None:
    path = tmp_path / "orders.db"
    killed = 0
    for seed in range(40):
        reports, status = forker.run(path, seed, str(0.0005 * (seed + 1)))
        killed += status == SIGKILL
        with SqliteJournal(path) as journal:
            assert journal.verify() == []
            check_promises(reports, {entry.key: entry for entry in journal.entries()}, seed)
    assert killed >= 10, "too few were killed to mean anything"


def test_a_process_that_is_not_killed_keeps_every_promise(
    forker: WriterForker, tmp_path: Path
) -> None:
    reports, status = forker.run(tmp_path / "orders.db", 5, "")
    assert status == 0
    assert reports[-1][0] == "ended"
    with SqliteJournal(tmp_path / "orders.db") as journal:
        entries = {one.key: one for one in journal.entries()}
    check_promises(reports, entries, 5)
    assert len(entries) == len({key for _, key, _ in reports if key})
