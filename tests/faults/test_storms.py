"""Storms of failures and lying answers around a write: what is said in the end is true.

Bounded here: each lie and storm once. `make faults` tries each of them on each write.
"""

from __future__ import annotations

import asyncio
import logging

import pytest
from skies import cases, storms
from trials import exchange
from weather import run


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "kalshi_ext")


@pytest.mark.parametrize("part", [0, 1])
def test_a_lying_answer_is_not_believed_and_the_truth_is_found(part: int) -> None:
    # Every fifth of the lies goes round the writes; the two parts have different modes and lags.
    dedupe, lag = (("while_open", 0), ("seconds", 1.5))[part]
    some = cases()[part::5]
    with exchange(dedupe, settings={"read_lag_seconds": lag}) as box:
        tally = asyncio.run(run(box, some, at_once=40))
    assert tally.faults == []
    assert tally.fired == tally.cases > 20


def test_a_write_in_a_storm_says_what_is_so_once_the_storm_is_over() -> None:
    some = storms()[::3]
    with exchange("seconds", settings={"read_lag_seconds": 0.5}) as box:
        tally = asyncio.run(run(box, some, at_once=40))
    assert tally.faults == []
    assert tally.fired == tally.cases > 20
    assert len(tally.verdicts) > 3, "too little happened to prove anything"
