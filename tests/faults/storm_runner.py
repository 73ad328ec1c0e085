"""Storms, false answers and delayed requests around one write, on real TCP, judged by the books.

Unlike a cut, a storm may end in a refusal or in "unknown": both are right when they are true, and
an unknown must find its verdict once the faults have stopped.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Iterable
from typing import Any
from urllib.parse import urlsplit

from attrs import define, field
from fault_plans import OPERATIONS, FaultPlan
from tcp_cases import (
    WRITES,
    CaseRun,
    FaultCase,
    PerKeyFaultProxy,
    Tally,
    change_faults,
    make_client,
    make_write,
    open_case,
    orders_by_account,
    place_first_order,
    verdict,
)

from kalshi_ext.errors import KalshiError, NotSent, OutcomeUnknown, Refused
from kalshi_ext.journal import State
from kalshi_ext.models import OrderAck
from kalshi_ext.sandbox import Sandbox


@define
class PlanRun:
    """What a plan led to. `states` maps journal keys to what recover() found, for the report."""

    plan: FaultPlan
    run: CaseRun
    states: dict[str, str] = field(factory=dict)
    faults: list[str] = field(factory=list)
    fired: bool = False


async def run_plan(box: Sandbox, proxy: PerKeyFaultProxy, plan: FaultPlan) -> PlanRun:
    """Make one write under its plan, let the faults end, and settle what is left."""
    run = await asyncio.to_thread(open_case, box, FaultCase(plan.write, "none", 0))
    plan_run = PlanRun(plan, run)
    async with make_client("async", run, proxy.url, plan.policy) as client:
        await place_first_order(client, run)
        fault = asyncio.ensure_future(await _start_fault(box, proxy, plan_run))
        began = time.monotonic()
        try:
            run.result = await make_write(client, run)
        except KalshiError as error:
            run.result = error
        run.seconds = time.monotonic() - began
        await fault
        # The plan's own client may be impatient; the one that recovers over its journal is not.
        async with make_client("async", run, proxy.url, journal=client._journal) as patient:
            await _settle(patient, plan_run)
    return plan_run


async def _start_fault(
    box: Sandbox, proxy: PerKeyFaultProxy, plan_run: PlanRun
) -> Coroutine[Any, Any, None]:
    """Arm the fault, and return what happens besides while the write is under way."""
    plan, run = plan_run.plan, plan_run.run
    if plan.delay is not None:
        proxy.arm(run.key_id, "silence", WRITES[plan.write], forward=False)
        return _deliver_after(box, proxy, plan_run, plan.delay)
    rule = {"operation": OPERATIONS[plan.write], "account": run.account, **plan.rule}
    number = await asyncio.to_thread(box.faults.add, rule.pop("kind"), **rule)
    return _end_storm(box, plan_run, number)


async def _deliver_after(
    box: Sandbox, proxy: PerKeyFaultProxy, plan_run: PlanRun, seconds: float
) -> None:
    while proxy.faulted(plan_run.run.key_id) is None:  # noqa: ASYNC110 - set by another thread
        await asyncio.sleep(0.02)
    await asyncio.sleep(seconds)
    await deliver(box, proxy, plan_run)


async def _end_storm(box: Sandbox, plan_run: PlanRun, number: int) -> None:
    if plan_run.plan.seconds:
        await asyncio.sleep(plan_run.plan.seconds)
        plan_run.fired = True
        await asyncio.to_thread(box.faults.remove, number)


async def deliver(box: Sandbox, proxy: PerKeyFaultProxy, plan_run: PlanRun) -> None:
    """Let the swallowed request reach the exchange after all, on a connection of its own."""
    swallowed = proxy.faulted(plan_run.run.key_id)
    assert swallowed is not None
    plan_run.fired = True
    address = urlsplit(box.direct_url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(swallowed.request)
    plan_run.states["late copy"] = (await reader.readline()).decode().strip()
    writer.close()


async def _settle(client: Any, plan_run: PlanRun) -> None:
    run = plan_run.run
    for _ in range(3):
        resolutions = await client.recover()
        if all(resolution.state is not State.UNKNOWN for resolution in resolutions):
            break
    plan_run.states |= {str(r.key): f"{r.state}" for r in resolutions}
    plan_run.faults += [f"unsettled: {entry}" for entry in client._journal.open_entries()]
    # A cancel needs no journal: the way to settle an unknown one is to cancel again.
    if run.case.write == "cancel" and isinstance(run.result, OutcomeUnknown):
        run.result = await client.orders.cancel(run.order)


def judge(box: Sandbox, plan_runs: Iterable[PlanRun]) -> Tally:
    """Compare what was said in the end with the sandbox's books."""
    orders = orders_by_account(box)
    fired = {rule["account"] for rule in box.faults.list() if rule["fired"]}
    tally = Tally()
    for plan_run in plan_runs:
        run = plan_run.run
        plan_run.faults += _false_claims(plan_run, orders[run.account])
        tally.cases += 1
        tally.fired += plan_run.fired or run.account in fired
        tally.seconds.append(run.seconds)
        tally.verdicts[verdict(run.result)] += 1
        tally.faults += [f"{plan_run.plan}: {fault} {plan_run.states}" for fault in plan_run.faults]
    return tally


def _false_claims(plan_run: PlanRun, rows: list[dict[str, Any]]) -> list[str]:
    run, by_key = plan_run.run, {row["client_order_id"]: row for row in rows}
    faults = ["duplicate"] if len(by_key) != len(rows) else []
    if run.case.write in ("create", "batch"):
        keys = [run.client_order_id(n) for n in ([1] if run.case.write == "create" else [1, 2, 3])]
        results = run.result if isinstance(run.result, list) else [run.result] * len(keys)
        for key, result in zip(keys, results, strict=True):
            faults += _check_create(plan_run, result, by_key.get(key), key)
        return faults
    executed = not change_faults(run.case, by_key[run.client_order_id(0)])
    return faults + _check_result(plan_run, run.result, executed, run.order.order_id)


def _check_create(
    plan_run: PlanRun, result: Any, row: dict[str, Any] | None, key: str
) -> list[str]:
    if isinstance(result, OutcomeUnknown):
        state = plan_run.states.get(key, "never settled")
        return [] if (state == "resolved") == (row is not None) else [f"wrong verdict: {state}"]
    return _check_result(plan_run, result, row is not None, row["order_id"] if row else "")


def _check_result(plan_run: PlanRun, result: Any, executed: bool, order_id: str) -> list[str]:
    if isinstance(result, OrderAck):
        true_ack = executed and result.order_id == order_id
        return [] if true_ack else [f"wrong verdict: {result!r}"]
    if isinstance(result, OutcomeUnknown):
        states = [state for key, state in plan_run.states.items() if key.startswith("write-")]
        right = states == ["resolved" if executed else "not_sent"]
        return [] if right else [f"wrong verdict: {states}"]
    true_refusal = isinstance(result, NotSent | Refused) and not executed
    return [] if true_refusal else [f"wrong verdict: {result!r}"]


async def run_plans(box: Sandbox, plans: Iterable[FaultPlan], *, at_once: int) -> Tally:
    """Run plans, many side by side."""
    limit = asyncio.Semaphore(at_once)

    async def run_limited(plan: FaultPlan) -> PlanRun:
        async with limit:
            return await run_plan(box, proxy, plan)

    with PerKeyFaultProxy(box.direct_url) as proxy:
        plan_runs = await asyncio.gather(*(run_limited(plan) for plan in plans))
    return await asyncio.to_thread(judge, box, plan_runs)
