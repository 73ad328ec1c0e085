"""Storms, false answers and delayed requests around a write: what is said in the end is true.

Bounded here: the plans go round the writes. `make faults` tries each on each write.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial

import pytest
from attrs import evolve
from fault_plans import DELAYS, FaultPlan, delayed_requests, false_answers, storms
from storm_runner import PlanRun, deliver, run_plans
from tcp_cases import (
    POLICY,
    TICKER,
    WRITES,
    FaultCase,
    PerKeyFaultProxy,
    Tally,
    make_client,
    make_write,
    open_case,
    run_in_parallel,
    start_sandbox,
)

from kalshi_ext.sandbox import Sandbox


def run_on_new_sandbox(dedupe: str, lag: float, plans: list[FaultPlan]) -> Tally:
    """Run some plans against a sandbox of their own, whose reads lag."""
    with start_sandbox(dedupe, settings={"read_lag_seconds": lag}) as box:
        return asyncio.run(run_plans(box, plans, at_once=30))


def test_what_is_said_in_the_end_of_a_false_answer_or_a_storm_is_true(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.CRITICAL, "kalshi_ext")
    tally = run_in_parallel(
        partial(run_on_new_sandbox, "while_open", 0, false_answers()[0::15]),
        partial(run_on_new_sandbox, "forever", 1.5, false_answers()[5::15]),
        partial(run_on_new_sandbox, "seconds", 0.5, storms()[::7]),
    )
    assert tally.faults == []
    assert tally.fired == tally.cases > 30
    assert len(tally.verdicts) > 3, "too little happened to prove anything"


# Requests that arrive after their sender gave them up. The rule: an unanswered write is seen to be
# done, or no copy of it can be accepted any more, before it is sent again. How long a copy can be
# accepted is an assumption (`Policy.signature_life`).


def test_a_request_that_arrives_late_is_found_or_refused_and_never_doubled() -> None:
    lagging = [plan for plan in delayed_requests() if plan.delay in (DELAYS[1], DELAYS[-1])]
    tally = run_in_parallel(
        partial(run_on_new_sandbox, "seconds", 0, delayed_requests()),
        partial(run_on_new_sandbox, "seconds", 1.0, lagging),
    )
    assert tally.faults == []
    assert tally.fired == tally.cases == len(WRITES) * (len(DELAYS) + 2)


async def outlive_signature(box: Sandbox) -> list[str]:
    """Lose a create, place it anew, cancel it, and let the lost copy arrive after all."""
    policy = evolve(POLICY, timeout=1.0, signature_life=2.0)
    run = open_case(box, FaultCase("create", "silence", 0))
    plan_run = PlanRun(FaultPlan("create", policy=policy), run)
    with PerKeyFaultProxy(box.direct_url) as proxy:
        async with make_client("async", run, proxy.url, policy) as client:
            proxy.arm(run.key_id, "silence", WRITES["create"], forward=False)
            ack = await make_write(client, run)
            assert not ack.replayed  # it was proven absent, and sent again
            await client.orders.cancel(ack.order_id, ticker=TICKER)
        await asyncio.sleep(1.1)  # the exchange forgets the ids of ended orders after a second
        await deliver(box, proxy, plan_run)
    return [row["status"] for row in box.truth.orders(account=run.account)]


def outlive_signature_in(dedupe: str, statuses: dict[str, list[str]]) -> Tally:
    """Do the above in a dedupe mode, on an exchange that takes timestamps for a minute."""
    with start_sandbox(dedupe, clock_tolerance=60.0) as box:
        statuses[dedupe] = asyncio.run(outlive_signature(box))
    return Tally()


def test_a_copy_that_outlives_the_signature_life_is_beyond_the_promise() -> None:
    # The client was told two seconds. Where the id is forgotten too, the copy makes a second
    # order: this is why signature_life must not be too short. Where ids are kept it is refused.
    statuses: dict[str, list[str]] = {}
    modes = ("seconds", "forever")
    run_in_parallel(*(partial(outlive_signature_in, dedupe, statuses) for dedupe in modes))
    assert statuses == {"seconds": ["canceled", "resting"], "forever": ["canceled"]}
