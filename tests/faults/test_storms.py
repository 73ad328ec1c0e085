"""Storms of failures and lying answers around a write: what is said in the end is true.

Bounded here: each lie and storm goes round the writes. `make faults` tries each on each write.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial

import pytest
from skies import Weather, cases, storms
from trials import Tally, exchange, side_by_side
from weather import run


def weather(dedupe: str, lag: float, some: list[Weather]) -> Tally:
    """Live some weathers against an exchange of their own."""
    with exchange(dedupe, settings={"read_lag_seconds": lag}) as box:
        return asyncio.run(run(box, some, at_once=30))


def test_what_is_said_in_the_end_of_a_lie_or_a_storm_is_true(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.CRITICAL, "kalshi_ext")
    tally = side_by_side(
        partial(weather, "while_open", 0, cases()[0::6]),
        partial(weather, "forever", 1.5, cases()[3::6]),
        partial(weather, "seconds", 0.5, storms()[::3]),
    )
    assert tally.faults == []
    assert tally.fired == tally.cases > 60
    assert len(tally.verdicts) > 3, "too little happened to prove anything"
