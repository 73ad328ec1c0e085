"""Cut the connection at a byte of a write, on real TCP, and let the exchange's books judge."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

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
    place_first_order_sync,
    verdict,
)

from kalshi_ext.errors import KalshiError
from kalshi_ext.models import OrderAck
from kalshi_ext.sandbox import Sandbox

# The connection dies after the answer before the write: the write meets it dead, or dying.
DEAD_CONNECTION = {"died_close": "close_response", "died_reset": "reset_response"}


def run_sync(run: CaseRun, proxy: PerKeyFaultProxy) -> None:
    """Run one case with the sync client."""
    with make_client("sync", run, proxy.url) as client:
        place_first_order_sync(client, run)
        if _arm(run, proxy):
            client.orders.get(run.order.order_id)
            time.sleep(run.case.at / 1000)
        began = time.monotonic()
        try:
            run.result = make_write(client, run)
        except KalshiError as error:
            run.result = error
        run.seconds = time.monotonic() - began
    run.faulted = proxy.faulted(run.key_id)


async def run_async(run: CaseRun, proxy: PerKeyFaultProxy) -> None:
    """Run one case with the async client."""
    async with make_client("async", run, proxy.url) as client:
        await place_first_order(client, run)
        if _arm(run, proxy):
            await client.orders.get(run.order.order_id)
            await asyncio.sleep(run.case.at / 1000)
        began = time.monotonic()
        try:
            run.result = await make_write(client, run)
        except KalshiError as error:
            run.result = error
        run.seconds = time.monotonic() - began
    run.faulted = proxy.faulted(run.key_id)


def _arm(run: CaseRun, proxy: PerKeyFaultProxy) -> bool:
    """Arm the fault; say whether a read must come before the write, to kill its connection."""
    case = run.case
    if case.fault in DEAD_CONNECTION:
        # Beyond the last byte: the whole answer arrives, then the connection dies.
        fault = DEAD_CONNECTION[case.fault]
        proxy.arm(run.key_id, fault, "GET */portfolio/orders/*", at=10**9)
        return True
    parameters = {"forward": bool(case.at)} if case.fault == "silence" else {"at": case.at}
    proxy.arm(run.key_id, case.fault, WRITES[case.write], **parameters)
    return False


def judge(box: Sandbox, runs: Sequence[CaseRun]) -> Tally:
    """Compare what the clients say with the sandbox's books."""
    orders = orders_by_account(box)
    tally = Tally(cases=len(runs))
    for run in runs:
        faults = case_faults(run, orders[run.account])
        tally.faults += [f"{run.case}: {fault}" for fault in faults]
        tally.verdicts[verdict(run.result)] += 1
        if run.faulted is not None:
            tally.fired += 1
            tally.seconds.append(run.seconds)
    return tally


def case_faults(run: CaseRun, rows: list[dict[str, Any]]) -> list[str]:
    """Say what is wrong. Every write here is possible, so each must have happened exactly once."""
    counts = Counter(row["client_order_id"] for row in rows)
    faults = [f"duplicate: {key} stands {n} times" for key, n in counts.items() if n > 1]
    wrong_verdict = f"wrong verdict: {run.result!r}"
    if run.case.write in ("create", "batch"):
        numbers = [1] if run.case.write == "create" else [1, 2, 3]
        keys = [run.client_order_id(number) for number in numbers]
        faults += [f"lost: {key}" for key in keys if not counts[key]]
        by_key = {row["client_order_id"]: row["order_id"] for row in rows}
        results = run.result if isinstance(run.result, list) else [run.result]
        pairs = zip(keys, results, strict=False)
        true_acks = [_acknowledges(result, by_key.get(key)) for key, result in pairs]
        all_true = all(true_acks) and len(true_acks) == len(keys)
        return faults if all_true else [*faults, wrong_verdict]
    if not _acknowledges(run.result, run.order.order_id):
        return [*faults, wrong_verdict]
    return faults + change_faults(run.case, rows[0])


def _acknowledges(result: Any, order_id: str | None) -> bool:
    return isinstance(result, OrderAck) and result.order_id == order_id


def run_cases(
    box: Sandbox, cases: Iterable[FaultCase], *, at_once: int, threads: int = 48
) -> Tally:
    """Run cases, many side by side: the async ones on a loop, the sync ones in threads."""
    runs = [open_case(box, case) for case in cases]
    on_loop = [run for run in runs if run.case.client_kind == "async"]
    in_threads = [run for run in runs if run.case.client_kind == "sync"]
    with PerKeyFaultProxy(box.direct_url) as proxy, ThreadPoolExecutor(threads) as pool:
        futures = [pool.submit(run_sync, run, proxy) for run in in_threads]
        asyncio.run(_run_all_async(on_loop, proxy, at_once))
        for future in futures:
            future.result()
    return judge(box, runs)


async def _run_all_async(runs: Iterable[CaseRun], proxy: PerKeyFaultProxy, at_once: int) -> None:
    limit = asyncio.Semaphore(at_once)

    async def run_limited(run: CaseRun) -> None:
        async with limit:
            await run_async(run, proxy)

    await asyncio.gather(*(run_limited(run) for run in runs))


def message_sizes(box: Sandbox, write: str) -> tuple[int, int]:
    """Return how many bytes the request and the answer of a write have."""
    run = open_case(box, FaultCase(write, "close_response", 10**6, "sync"))
    with PerKeyFaultProxy(box.direct_url) as proxy:
        run_sync(run, proxy)
    return run.faulted.received, run.faulted.answered
