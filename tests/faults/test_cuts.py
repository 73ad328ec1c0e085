"""The connection cut at a byte of a write, on real TCP: each write happens once, and is said so.

Bounded here to some bytes; `make faults` sweeps all of them, in both colours and each mode.
"""

from __future__ import annotations

import pytest
from sweep import DIED, run, wrong
from trials import COLOURS, DEDUPES, WRITES, Case, Tally, Trial, exchange

CUTS = ("reset_request", "reset_response", "close_response")
BYTES = {"forever": (0, 230), "while_open": (1, 10_000), "seconds": (30, 440)}


@pytest.mark.parametrize("dedupe", DEDUPES)
def test_a_write_cut_anywhere_happens_once_and_its_outcome_is_found(dedupe: str) -> None:
    cases = [
        Case(write, fault, at, COLOURS[(number + at) % 2])
        for number, write in enumerate(WRITES)
        for fault in CUTS
        for at in BYTES[dedupe]
    ]
    cases += [Case("create", "silence", forward, "async") for forward in (0, 1)]
    with exchange(dedupe) as box:
        tally = run(box, cases, at_once=40, threads=40)
    assert tally.faults == []
    assert (tally.cases, tally.fired) == (len(cases), len(cases))


@pytest.mark.parametrize("colour", COLOURS)
def test_a_write_on_a_kept_connection_that_died_happens_once(colour: str) -> None:
    cases = [Case(w, fault, wait, colour) for w in WRITES for fault in DIED for wait in (0, 2)]
    with exchange("while_open") as box:
        tally = run(box, cases, at_once=24, threads=24)
    assert tally.faults == []
    assert tally.fired == len(cases)


def test_the_judge_sees_duplicates_losses_and_wrong_verdicts() -> None:
    one = Trial(Case("create", "reset_request", 0), "a", "key", "", result=KeyError("nothing"))
    row = {"client_order_id": "a-1", "order_id": "x"}
    assert wrong(one, []) == ["lost: a-1", "wrong verdict: KeyError('nothing')"]
    assert wrong(one, [row, row])[0] == "duplicate: a-1 stands 2 times"
    assert wrong(one, [row]) == ["wrong verdict: KeyError('nothing')"]
    assert Tally().faults == []
