"""The connection cut at a byte of a write, on real TCP: each write happens once, and is said so.

Bounded here to some bytes; `make faults` sweeps all of them.
"""

from __future__ import annotations

from functools import partial

from sweep import DIED, run, wrong
from trials import COLOURS, DEDUPES, WRITES, Case, Tally, Trial, exchange, side_by_side

CUTS = ("reset_request", "reset_response", "close_response")
BYTES = {"forever": (0, 230), "while_open": (1, 10_000), "seconds": (30, 440)}


def cases(dedupe: str) -> list[Case]:
    """List two bytes of each direction of each write, in turns of colour; other bytes per mode."""
    return [
        Case(write, fault, at, COLOURS[(number + at) % 2])
        for number, write in enumerate(WRITES)
        for fault in CUTS
        for at in BYTES[dedupe]
    ]


def cut(dedupe: str, listed: list[Case]) -> Tally:
    """Live cases against an exchange of their own."""
    with exchange(dedupe) as box:
        return run(box, listed, at_once=40, threads=24)


def test_a_write_cut_anywhere_happens_once_and_its_outcome_is_found() -> None:
    listed = {dedupe: cases(dedupe) for dedupe in DEDUPES}
    listed["while_open"] += [Case("create", "silence", forward) for forward in (0, 1)]
    tally = side_by_side(*(partial(cut, dedupe, each) for dedupe, each in listed.items()))
    assert tally.faults == []
    assert tally.fired == tally.cases == sum(map(len, listed.values()))


def test_a_write_on_a_kept_connection_that_died_happens_once() -> None:
    listed = [
        Case(write, fault, wait, colour)
        for write in WRITES
        for fault in DIED
        for wait in (0, 2)
        for colour in COLOURS
    ]
    tally = cut("while_open", listed)
    assert tally.faults == []
    assert tally.fired == len(listed)


def test_the_judge_sees_duplicates_losses_and_wrong_verdicts() -> None:
    one = Trial(Case("create", "reset_request", 0), "a", "key", "", result=KeyError("nothing"))
    row = {"client_order_id": "a-1", "order_id": "x"}
    assert wrong(one, []) == ["lost: a-1", "wrong verdict: KeyError('nothing')"]
    assert wrong(one, [row, row])[0] == "duplicate: a-1 stands 2 times"
    assert wrong(one, [row]) == ["wrong verdict: KeyError('nothing')"]
    assert Tally().faults == []
