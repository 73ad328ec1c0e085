"""The connection cut at a byte of a write, on real TCP: each write happens once, and is said so.

Bounded here to some bytes; `make faults` sweeps all of them.
"""

from __future__ import annotations

from functools import partial

from connection_cuts import DEAD_CONNECTION, case_faults, run_cases
from tcp_cases import (
    CLIENT_KINDS,
    DEDUPES,
    WRITES,
    CaseRun,
    FaultCase,
    Tally,
    run_in_parallel,
    start_sandbox,
)

CUTS = ("reset_request", "reset_response", "close_response")
BYTES = {"forever": (0, 230), "while_open": (1, 10_000), "seconds": (30, 440)}


def cut_cases(dedupe: str) -> list[FaultCase]:
    """List two bytes of each direction of each write; sync and async take turns."""
    return [
        FaultCase(write, fault, at, CLIENT_KINDS[(number + at) % 2])
        for number, write in enumerate(WRITES)
        for fault in CUTS
        for at in BYTES[dedupe]
    ]


def run_on_new_sandbox(dedupe: str, cases: list[FaultCase]) -> Tally:
    """Run cases against a sandbox of their own."""
    with start_sandbox(dedupe) as box:
        return run_cases(box, cases, at_once=40, threads=24)


def test_a_write_cut_anywhere_happens_once_and_its_outcome_is_found() -> None:
    cases = {dedupe: cut_cases(dedupe) for dedupe in DEDUPES}
    cases["while_open"] += [FaultCase("create", "silence", forward) for forward in (0, 1)]
    tally = run_in_parallel(
        *(partial(run_on_new_sandbox, dedupe, each) for dedupe, each in cases.items())
    )
    assert tally.faults == []
    assert tally.fired == tally.cases == sum(map(len, cases.values()))


def test_a_write_on_a_kept_connection_that_died_happens_once() -> None:
    cases = [
        FaultCase(write, fault, wait, client_kind)
        for write in WRITES
        for fault in DEAD_CONNECTION
        for wait in (0, 2)
        for client_kind in CLIENT_KINDS
    ]
    tally = run_on_new_sandbox("while_open", cases)
    assert tally.faults == []
    assert tally.fired == len(cases)


def test_the_judge_sees_duplicates_losses_and_wrong_verdicts() -> None:
    case = FaultCase("create", "reset_request", 0)
    run = CaseRun(case, "a", "key", "", result=KeyError("nothing"))
    row = {"client_order_id": "a-1", "order_id": "x"}
    assert case_faults(run, []) == ["lost: a-1", "wrong verdict: KeyError('nothing')"]
    assert case_faults(run, [row, row])[0] == "duplicate: a-1 stands 2 times"
    assert case_faults(run, [row]) == ["wrong verdict: KeyError('nothing')"]
    assert Tally().faults == []
