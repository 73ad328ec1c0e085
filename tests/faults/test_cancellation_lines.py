"""Ctrl-C at any line of the library while a write runs: what it leaves, recover() settles."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from lines import WRITES, Blow, Struck, strike

from kalshi_ext.journal import open_journal

STRIDE = 31  # of the lines of a write; `make faults` takes every one


def sweep(write: str, *, lost: bool, start: int, stride: int) -> list[Struck]:
    """Interrupt a write at each stride-th line until it ends before it is interrupted."""
    found = [strike(Blow(write, start, lost))]
    while found[-1].where:
        found.append(strike(Blow(write, start + stride * len(found), lost)))
    return found


@pytest.mark.parametrize("write", WRITES)
def test_an_interrupt_at_any_line_loses_nothing_and_does_nothing_twice(
    write: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "kalshi_ext")
    for lost in (False, True):
        found = sweep(write, lost=lost, start=5, stride=STRIDE)
        assert [fault for one in found for fault in one.faults] == []
        assert len(found) > 5


def test_an_interrupt_leaves_a_journal_file_that_settles_it(tmp_path: Path) -> None:
    for line in range(40, 900, 86):
        with open_journal(tmp_path / f"{line}.db") as journal:
            assert strike(Blow("create", line, restart=True), journal).faults == []


def test_the_judge_sees_what_a_forgetful_client_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    # A client that forgets its claims when it is interrupted: the sweep must say so.
    from kalshi_ext.journal import MemoryJournal

    monkeypatch.setattr(MemoryJournal, "open_entries", lambda self, ticker=None: [])
    monkeypatch.setattr(MemoryJournal, "reopen", lambda self, key: self.get(key))
    found = sweep("create", lost=False, start=300, stride=97)
    assert [fault for one in found for fault in one.faults] != []
