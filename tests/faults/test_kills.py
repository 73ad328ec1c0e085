"""Bots killed at boundaries and at random: each order stands once, and what was told was true.

Bounded here to some boundaries; `make faults` takes each of them.
"""

from __future__ import annotations

import random
from pathlib import Path

from kills import Ward, boundaries, exchange, random_lives

KILLS = 9  # of each colour, at boundaries


def test_a_bot_killed_anywhere_goes_on_and_each_order_stands_once(tmp_path: Path) -> None:
    dice = random.Random(20261123)
    with exchange("seconds", read_lag_seconds=0.2, batch_answers="shuffled") as box:
        ward = Ward(box, tmp_path)
        for colour in ("sync", "async"):
            last = boundaries(ward, colour) - 8
            for number in range(KILLS):
                at = 1 + (last * number + dice.randrange(last)) // KILLS
                ward.add(colour, [{"at": at}], recover=number % 3 > 0)
            for _ in range(3):
                ward.add(colour, random_lives(dice, 2, 0.4))
        ward.run(at_once=20)
    assert ward.tally.faults == []
    assert ward.tally.kills >= 2 * KILLS
    assert sum(ward.tally.found.values()) > 0


def test_the_judge_sees_what_a_bot_does_that_loses_its_journal(tmp_path: Path) -> None:
    # A judge that cannot fail would prove nothing. Here the exchange forgets ids after a second.
    with exchange("seconds") as box:
        ward = Ward(box, tmp_path)
        last = boundaries(ward, "sync")
        assert ward.tally.faults == []
        ward.add("sync", [{"at": last - 4}], last={"forget": True})
        ward.add("sync", [{"at": last // 2}], last={"forget": True})
        ward.run(at_once=2)
    assert ward.tally.kills == 2
    assert ward.tally.duplicates != []
