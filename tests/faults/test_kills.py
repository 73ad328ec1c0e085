"""Bots killed at boundaries and at random: each order stands once, and what was told was true.

Bounded here to some boundaries, and to signatures that live shortly, so that recovery waits less;
`make faults` takes each boundary.
"""

from __future__ import annotations

import random
from pathlib import Path

from kill_cases import KillSuite, count_boundaries, random_deaths, start_sandbox

KILLS = 2  # at boundaries, of the sync and of the async client each
TOLERANCE, LIFE = 2.0, 2.5  # seconds: of the exchange's clock, and what the clients count on


def test_a_bot_killed_anywhere_goes_on_and_each_order_stands_once(tmp_path: Path) -> None:
    rng = random.Random(20261123)
    with start_sandbox(
        "seconds", clock_tolerance=TOLERANCE, read_lag_seconds=0.2, batch_answers="shuffled"
    ) as box:
        suite = KillSuite(box, tmp_path, signature_life=LIFE)
        # Counted before any is added: what counts runs all that were added, one by one.
        boundaries = {kind: count_boundaries(suite, kind) - 8 for kind in ("sync", "async")}
        for client_kind, last in boundaries.items():
            for number in range(KILLS):
                at = 1 + (last * number + rng.randrange(last)) // KILLS
                suite.add(client_kind, [{"at": at}], recover=number % 3 > 0)
            suite.add(client_kind, random_deaths(rng, 1, 0.4))
        suite.run(at_once=8)
    assert suite.tally.faults == []
    # Not all: how many commits a life needs, and so its boundaries, depends on how fast it is.
    assert suite.tally.kills >= KILLS
    assert sum(suite.tally.recovered.values()) > 0


def test_the_judge_sees_what_a_bot_does_that_loses_its_journal(tmp_path: Path) -> None:
    # A judge that cannot fail would prove nothing. Here the exchange forgets ids after a second.
    with start_sandbox("seconds", clock_tolerance=TOLERANCE) as box:
        suite = KillSuite(box, tmp_path, signature_life=LIFE)
        last = count_boundaries(suite, "sync")
        assert suite.tally.faults == []
        for part in range(1, 6):  # some of them between sending and answer
            suite.add("sync", [{"at": last * part // 6}], last={"forget": True})
        suite.run(at_once=5)
    assert suite.tally.kills == 5
    assert suite.tally.duplicates != []
