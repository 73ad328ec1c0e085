"""The write flows in a simulated world: each seed is one life of a bot, judged by the engine."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import pytest
import simulation_bot
import simulation_states
from attrs import evolve, fields
from case_samples import examples
from simulation_bot import run_seed
from simulation_process import Process
from simulation_world import CLOCK_TOLERANCE, FaultRates, SimulatedWorld

from kalshi_ext.contracts import contract
from kalshi_ext.journal.in_flight import StrayWrites
from kalshi_ext.protocol.flow import Flow, Send

# `make simulate` runs 100,000. Mutation testing takes other numbers.
SEEDS = int(os.environ.get("SIMULATED_SEEDS", str(examples(80))))
BLOCKS = 4


@pytest.mark.parametrize("block", range(BLOCKS))
def test_no_seed_makes_an_order_twice_loses_one_or_says_what_is_not_so(block: int) -> None:
    size = SEEDS // BLOCKS
    runs = [run_seed(seed) for seed in range(block * size, (block + 1) * size)]
    assert [fault for run in runs for fault in run.faults] == []
    assert sum(run.counts["orders"] for run in runs) > size // 2


def test_a_seed_can_be_replayed() -> None:
    first, second = run_seed(7), run_seed(7)
    assert first == second


def test_a_few_hundred_seeds_meet_every_fault_the_world_has() -> None:
    counts: Counter[str] = Counter()
    missing = [part.name for part in fields(FaultRates)]
    for seed in range(SEEDS, SEEDS + 120):
        counts += run_seed(seed).counts
        missing = [name for name in missing if not counts[f"happened {name}"]]
        if not missing:
            break
    assert missing == []


def test_a_calm_world_has_no_faults() -> None:
    rates = FaultRates.none()
    assert all(getattr(rates, part.name) == 0 for part in fields(FaultRates))


def test_the_judge_sees_a_duplicate_when_a_client_makes_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A client that sends again at once, under the same id, without looking: duplicates appear
    # where the exchange forgets ids. A judge that cannot fail would prove nothing.
    from kalshi_ext.protocol import flow

    monkeypatch.setattr(
        flow, "_is_transient", lambda operation, outcome, retry: _is_failure(outcome)
    )
    faults = (fault for seed in range(1, 400, 3) for fault in run_seed(seed).faults)
    assert any(fault.startswith("duplicate") for fault in faults)


def test_the_judge_sees_a_verdict_that_nobody_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from kalshi_ext.writes import recovery

    def nothing(*_: object) -> Flow[list[object]]:
        yield from ()
        return []

    monkeypatch.setattr(recovery, "_untold", nothing)
    faults = (fault for seed in range(100) for fault in run_seed(seed).faults)
    assert any(fault.startswith("untold") for fault in faults)


def test_the_judge_sees_what_a_late_copy_undid(monkeypatch: pytest.MonkeyPatch) -> None:
    # A client that does not remember what it sent of a group.
    def forgetting(process: Process, *asked: Any) -> Any:
        process.context = evolve(process.context, stray_writes=StrayWrites())
        return simulation_states.state_flow(process, *asked)

    monkeypatch.setattr(simulation_bot, "state_flow", forgetting)
    faults = (f for seed in range(400) for f in run_seed(seed, only=("group", "states")).faults)
    assert any("was said done, and its" in fault for fault in faults)


def test_no_late_copy_undoes_what_a_group_was_told() -> None:
    runs = [run_seed(seed, only=("group", "states")) for seed in range(SEEDS)]
    assert [fault for run in runs for fault in run.faults] == []


def _is_failure(outcome: object) -> bool:
    status = getattr(outcome, "status", None)
    return status is None or status >= 500


def test_late_copies_are_refused_once_their_signature_is_too_old() -> None:
    world = SimulatedWorld(1, rates=FaultRates.none())
    call = contract("current").orders.cancel_all(None)
    send = Send(call.request, False, 10.0)
    late, _ = world.deliver(send, world.time - CLOCK_TOLERANCE - 1)
    fresh, _ = world.deliver(send, world.time - CLOCK_TOLERANCE + 1)
    assert (late, fresh) == (401, 204)
