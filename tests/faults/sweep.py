"""Cut the connection at a byte of a write, on real TCP, and let the exchange's truth judge.

Each case has an account of its own, so that hundreds run side by side against one exchange and a
fault hits its own case only.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from switchboard import Switchboard
from trials import (
    WRITES,
    Case,
    Tally,
    Trial,
    changed,
    client,
    prepare,
    prepare_sync,
    trial,
    verdict,
    write,
)

from kalshi_ext.errors import KalshiError
from kalshi_ext.models import OrderAck
from kalshi_ext.sandbox import Sandbox

# The connection dies after the answer before the write: the write meets it dead, or dying.
DIED = {"died_close": "close_response", "died_reset": "reset_response"}


def run_sync(one: Trial, board: Switchboard) -> None:
    """Live one case with the sync client."""
    with client("sync", one, board.url) as kalshi:
        prepare_sync(kalshi, one)
        if _arm(one, board):
            kalshi.orders.get(one.order.order_id)
            time.sleep(one.case.at / 1000)
        began = time.monotonic()
        try:
            one.result = write(kalshi, one)
        except KalshiError as error:
            one.result = error
        one.took = time.monotonic() - began
    one.struck = board.struck(one.key_id)


async def run_async(one: Trial, board: Switchboard) -> None:
    """Live one case with the async client."""
    async with client("async", one, board.url) as kalshi:
        await prepare(kalshi, one)
        if _arm(one, board):
            await kalshi.orders.get(one.order.order_id)
            await asyncio.sleep(one.case.at / 1000)
        began = time.monotonic()
        try:
            one.result = await write(kalshi, one)
        except KalshiError as error:
            one.result = error
        one.took = time.monotonic() - began
    one.struck = board.struck(one.key_id)


def _arm(one: Trial, board: Switchboard) -> bool:
    """Lay the fault; say whether a read comes before the write, on the connection that dies."""
    case = one.case
    if case.fault in DIED:
        board.arm(one.key_id, DIED[case.fault], "GET */portfolio/orders/*", at=10**9)
        return True
    parameters = {"forward": bool(case.at)} if case.fault == "silence" else {"at": case.at}
    board.arm(one.key_id, case.fault, WRITES[case.write], **parameters)
    return False


def judge(box: Sandbox, trials: Sequence[Trial]) -> Tally:
    """Compare what the clients say with what truly is."""
    there: dict[str, list[dict[str, Any]]] = {}
    for row in box.truth.orders():
        there.setdefault(row["account"], []).append(row)
    tally = Tally(cases=len(trials))
    for one in trials:
        tally.faults += [f"{one.case}: {fault}" for fault in wrong(one, there[one.account])]
        tally.verdicts[verdict(one.result)] += 1
        if one.struck is not None:
            tally.fired += 1
            tally.seconds.append(one.took)
    return tally


def wrong(one: Trial, there: list[dict[str, Any]]) -> list[str]:
    """Say what is not as it should be: each write was possible, so each must have happened once."""
    ids = Counter(row["client_order_id"] for row in there)
    found = [f"duplicate: {key} stands {n} times" for key, n in ids.items() if n > 1]
    if one.case.write in ("create", "batch"):
        asked = [1] if one.case.write == "create" else [1, 2, 3]
        found += [f"lost: {one.id(n)}" for n in asked if not ids[one.id(n)]]
        by_id = {row["client_order_id"]: row["order_id"] for row in there}
        results = one.result if isinstance(one.result, list) else [one.result]
        pairs = zip(asked, results, strict=False)
        right = [_names(ack, by_id.get(one.id(n))) for n, ack in pairs]
        return found if all(right) and len(right) == len(asked) else [*found, _said(one)]
    if not _names(one.result, one.order.order_id):
        return [*found, _said(one)]
    return found + changed(one.case, there[0])


def _said(one: Trial) -> str:
    return f"wrong verdict: {one.result!r}"


def _names(result: Any, order_id: str | None) -> bool:
    return isinstance(result, OrderAck) and result.order_id == order_id


def run(box: Sandbox, cases: Iterable[Case], *, at_once: int, threads: int = 48) -> Tally:
    """Live cases, many side by side: the async ones on a loop, the sync ones in threads."""
    trials = [trial(box, case) for case in cases]
    later = [one for one in trials if one.case.colour == "async"]
    with Switchboard(box.direct_url) as board, ThreadPoolExecutor(threads) as pool:
        sync = [pool.submit(run_sync, one, board) for one in trials if one.case.colour == "sync"]
        asyncio.run(_run_async(later, board, at_once))
        for done in sync:
            done.result()
    return judge(box, trials)


async def _run_async(trials: Iterable[Trial], board: Switchboard, at_once: int) -> None:
    gate = asyncio.Semaphore(at_once)

    async def one_by_one(one: Trial) -> None:
        async with gate:
            await run_async(one, board)

    await asyncio.gather(*(one_by_one(one) for one in trials))


def lengths(box: Sandbox, kind: str) -> tuple[int, int]:
    """Return how many bytes the request and the answer of a write have."""
    one = trial(box, Case(kind, "close_response", 10**6, "sync"))
    with Switchboard(box.direct_url) as board:
        run_sync(one, board)
    return one.struck.received, one.struck.answered
