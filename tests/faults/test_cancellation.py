"""Tasks cancelled and coroutines abandoned in the middle of a write, at every await.

What is left is an unknown that `recover()` settles, never a lost order and never two.
"""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from pathlib import Path

import pytest
from interrupting import Stop, run
from trials import WRITES, Tally, exchange, side_by_side

DEEPEST = 12  # awaits of a write whose answer comes; the looking after a lost one has more


def interrupt(dedupe: str, stops: list[Stop]) -> Tally:
    """Live interruptions against an exchange of their own."""
    with exchange(dedupe) as box:
        return asyncio.run(run(box, stops, at_once=40))


def test_a_task_cancelled_at_any_await_leaves_what_recover_settles(tmp_path: Path) -> None:
    deep = range(1, DEEPEST + 1)
    stops = [Stop(write, at, journal=tmp_path) for write in WRITES for at in deep]
    stops += [Stop("create", at, journal=tmp_path, restart=True) for at in deep]
    stops += [Stop("by", at) for at in deep]
    looking = [
        Stop(write, at, journal=tmp_path, lost=True)
        for write in ("create", "batch", "amend")
        for at in range(6, 30, 3)
    ]
    tally = side_by_side(
        partial(interrupt, "while_open", stops), partial(interrupt, "seconds", looking)
    )
    assert tally.faults == []
    assert tally.cases // 2 < tally.fired < tally.cases, "every write must be seen to its end"
    assert {"nothing", "not_sent", "resolved"} <= tally.verdicts.keys()


def test_a_coroutine_that_is_collected_half_way_leaves_what_recover_settles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Libraries below complain about being collected; that is said here, not hidden elsewhere.
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)
    stops = [
        Stop(write, at, "abandon", journal)
        for write in ("create", "by")
        for at in range(1, 10)
        for journal in (None, tmp_path)
    ]
    tally = interrupt("while_open", stops)
    assert tally.faults == []
    assert {"nothing", "not_sent", "resolved"} <= tally.verdicts.keys()
