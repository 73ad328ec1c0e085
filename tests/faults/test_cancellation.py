"""Writes interrupted half way: what is left is an unknown that `recover()` settles.

Tasks cancelled at an await and coroutines that are collected, on real TCP; Ctrl-C at a line of the
library, in virtual time. Never an order lost and never two. Bounded here; `make faults` takes each
await and each line.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from functools import partial
from pathlib import Path

import pytest
from async_interrupts import Interruption, run_interruptions
from line_interrupts import WRITES as LINE_WRITES
from line_interrupts import InterruptResult, LineInterrupt, interrupt_write
from tcp_cases import WRITES, Tally, run_in_parallel, start_sandbox

from kalshi_ext.journal import open_journal

DEEPEST = 7  # awaits of a write whose answer comes; the lookup after a lost answer has more
STRIDE = 167  # of the lines of a write; `make faults` takes every one


def interrupt(dedupe: str, interruptions: list[Interruption]) -> Tally:
    """Run interruptions against a sandbox of their own."""
    with start_sandbox(dedupe) as box:
        return asyncio.run(run_interruptions(box, interruptions, at_once=40))


def test_a_task_cancelled_at_any_await_leaves_what_recover_settles(tmp_path: Path) -> None:
    depths = range(1, DEEPEST + 1)
    answered = [Interruption(write, at, journal=tmp_path) for write in WRITES for at in depths]
    answered += [Interruption("create", at, journal=tmp_path, restart=True) for at in depths]
    answered += [Interruption("by", at) for at in depths]
    during_lookup = [
        Interruption(write, at, journal=tmp_path, lost=True)
        for write in ("create", "batch", "amend")
        for at in range(6, 30, 6)
    ]
    tally = run_in_parallel(
        partial(interrupt, "while_open", answered), partial(interrupt, "seconds", during_lookup)
    )
    assert tally.faults == []
    assert tally.cases // 2 < tally.fired < tally.cases, "every write must be seen to its end"
    assert {"nothing", "not_sent", "resolved"} <= tally.verdicts.keys()


def test_a_coroutine_that_is_collected_half_way_leaves_what_recover_settles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Libraries under the client complain when their coroutines are collected, and pytest would make
    # an error of that.
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)
    interruptions = [
        Interruption(write, at, "abandon", journal)
        for write in ("create", "by")
        for at in range(1, 10)
        for journal in ((None, tmp_path)[at % 2],)
    ]
    tally = interrupt("while_open", interruptions)
    assert tally.faults == []
    assert {"nothing", "not_sent", "resolved"} <= tally.verdicts.keys()


def sweep_lines(write: str, *, lost: bool, start: int, stride: int) -> list[InterruptResult]:
    """Interrupt a write at a line further on each time, until it ends before it is interrupted.

    A look-up that waits passes the same lines again and again: the deeper, the longer the steps.
    """
    line = start
    results = [interrupt_write(LineInterrupt(write, line, lost))]
    while results[-1].location:
        line += max(stride, line // 6)
        results.append(interrupt_write(LineInterrupt(write, line, lost)))
    return results


@pytest.mark.parametrize("write", LINE_WRITES)
def test_an_interrupt_at_any_line_loses_nothing_and_does_nothing_twice(
    write: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "kalshi_ext")
    for lost in (False, True):
        results = sweep_lines(write, lost=lost, start=5, stride=STRIDE)
        assert [fault for result in results for fault in result.faults] == []
        assert len(results) > 5


def test_an_interrupt_leaves_a_journal_file_that_settles_it(tmp_path: Path) -> None:
    for line in range(40, 900, 172):
        with open_journal(tmp_path / f"{line}.db") as journal:
            interrupt = LineInterrupt("create", line, restart=True)
            assert interrupt_write(interrupt, journal).faults == []


def test_the_judge_sees_what_a_forgetful_client_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    # A client that forgets its open entries when it is interrupted: the sweep must say so.
    from kalshi_ext.journal import MemoryJournal

    monkeypatch.setattr(MemoryJournal, "open_entries", lambda self, ticker=None: [])
    monkeypatch.setattr(MemoryJournal, "reopen", lambda self, key: self.get(key))
    results = sweep_lines("create", lost=False, start=300, stride=97)
    assert [fault for result in results for fault in result.faults] != []
