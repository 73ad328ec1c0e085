"""Interrupt an async write at its n-th suspension, on real TCP, and judge what is left behind."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable
from pathlib import Path
from typing import Any

from attrs import define, evolve, field, frozen
from tcp_cases import (
    POLICY,
    WRITES,
    CaseRun,
    FaultCase,
    PerKeyFaultProxy,
    Tally,
    make_client,
    make_write,
    open_case,
    orders_by_account,
    place_first_order,
)

from kalshi_ext import AsyncKalshi
from kalshi_ext.errors import KalshiError
from kalshi_ext.journal import State
from kalshi_ext.sandbox import Sandbox

MAX_SUSPENSIONS = 200
LONG_TIMEOUT = evolve(POLICY, timeout=20.0)  # nothing is lost here but what is interrupted
# A connection that was collected half-way open can hold the next request up until its time is over.
SHORT_TIMEOUT = evolve(POLICY, timeout=4.0)


@define
class InterruptedAwait(Awaitable[Any]):
    """Await a coroutine, but cancel or abandon it at its n-th suspension."""

    coroutine: Coroutine[Any, Any, Any]
    at: int
    how: str = "cancel"
    reached: bool = False

    def __await__(self) -> Generator[Any, Any, Any]:
        inner = self.coroutine.__await__()
        step: Callable[[], Any] = lambda: inner.send(None)  # noqa: E731
        for number in range(1, MAX_SUSPENSIONS):
            try:
                future = step()
            except StopIteration as stop:
                return stop.value
            if number == self.at:
                self.reached = True
                if self.how == "abandon":
                    return None  # the caller drops the coroutine, and it is collected
                current = asyncio.current_task()
                assert current is not None
                current.cancel()
            step = self._next_step(inner, (yield from self._wait(future)))
        raise AssertionError("more suspensions than expected")

    def _wait(self, future: Any) -> Generator[Any, Any, BaseException | None]:
        try:
            yield future
        except BaseException as error:
            return error
        return None

    def _next_step(self, inner: Any, error: BaseException | None) -> Callable[[], Any]:
        return lambda: inner.send(None) if error is None else inner.throw(error)


@frozen
class Interruption:
    """One interruption: which write, at which suspension, in which way, with which journal.

    `how`: "cancel" or "abandon". `lost`: the write's first answer is lost, so that its lookup is
    interrupted too. `restart`: another client over the same journal settles what is left.
    """

    write: str
    at: int
    how: str = "cancel"
    journal: Path | None = None
    restart: bool = False
    lost: bool = False


@define
class InterruptedRun:
    """What an interruption led to. `recovered` names the states that recover() found."""

    interruption: Interruption
    run: CaseRun
    reached: bool = False
    faults: list[str] = field(factory=list)
    recovered: str = ""


async def run_interruption(
    box: Sandbox, proxy: PerKeyFaultProxy, interruption: Interruption
) -> InterruptedRun:
    """Interrupt a write once, settle what is left, and make it again."""
    run = await asyncio.to_thread(open_case, box, FaultCase(interruption.write, "none", 0))
    interrupted = InterruptedRun(interruption, run)
    directory = interruption.journal
    journal = None if directory is None else directory / f"{run.account}.db"
    policy = SHORT_TIMEOUT if interruption.how == "abandon" else LONG_TIMEOUT
    client = make_client("async", run, proxy.url, policy, journal=journal)
    try:
        await place_first_order(client, run)
        # On a kept connection a write has no await between its entry and its first byte.
        for connection in client.driver.transport._idle.clear():
            connection.close()
        if interruption.lost:
            proxy.arm(run.key_id, "reset_response", WRITES[interruption.write], at=0)
        await _interrupt(client, interrupted)
        if interruption.restart:
            await client.aclose()
            client = make_client("async", run, proxy.url, policy, journal=journal)
        await _recover(client, interrupted)
        if not interrupted.faults:
            await _write_again(client, interrupted)
    finally:
        await client.aclose()
    return interrupted


async def _interrupt(client: AsyncKalshi, interrupted: InterruptedRun) -> None:
    interruption, run = interrupted.interruption, interrupted.run
    awaitable = InterruptedAwait(make_write(client, run), interruption.at, interruption.how)

    async def task() -> Any:
        return await awaitable

    try:
        run.result = await asyncio.ensure_future(task())
    except asyncio.CancelledError as error:
        run.result = error
    # The last reference: an abandoned coroutine is closed here or by the collection below.
    del awaitable.coroutine
    if interruption.how == "abandon":
        gc.collect()
    interrupted.reached = awaitable.reached


async def _recover(client: AsyncKalshi, interrupted: InterruptedRun) -> None:
    """Recover; afterwards nothing may be open, and each verdict must be true."""
    resolutions = await client.recover()
    interrupted.recovered = ", ".join(sorted(str(r.state) for r in resolutions)) or "nothing"
    open_entries = client._journal.open_entries()
    interrupted.faults += [f"unsettled after recover: {entry}" for entry in open_entries]
    interrupted.faults += [f"unknown: {r}" for r in resolutions if r.state is State.UNKNOWN]


async def _write_again(client: AsyncKalshi, interrupted: InterruptedRun) -> None:
    """Make the write again, as a bot does that was interrupted."""
    run = interrupted.run
    states = {entry.state for entry in client._journal.entries() if "write-" in entry.key}
    executed = states & {State.RESOLVED, State.ACKNOWLEDGED}
    if run.case.write in ("amend", "to", "by"):
        row = await client.orders.get(run.order.order_id)
        changed = (row.price, row.remaining_count) != (run.order.price, run.order.remaining_count)
        if changed != bool(executed):
            interrupted.faults.append(f"wrong verdict: {states}, and the order is {row}")
        if changed:
            run.result = row
            return
    try:
        run.result = await make_write(client, run)
    except KalshiError as error:
        interrupted.faults.append(f"again: {error!r}")


def judge(box: Sandbox, interrupted_runs: Iterable[InterruptedRun]) -> Tally:
    """Compare with the sandbox's books: each write happened exactly once in the end."""
    orders = orders_by_account(box)
    tally = Tally()
    gc.unfreeze()
    for interrupted in interrupted_runs:
        rows = orders[interrupted.run.account]
        # The order that was there before, and what the write itself adds.
        wanted = {"create": 2, "batch": 4}.get(interrupted.interruption.write, 1)
        if len(rows) != wanted:
            interrupted.faults.append(f"{len(rows)} orders instead of {wanted}")
        if len({row["client_order_id"] for row in rows}) != len(rows):
            interrupted.faults.append("duplicate")
        tally.cases += 1
        tally.fired += interrupted.reached
        tally.verdicts[interrupted.recovered] += 1
        tally.faults += [f"{interrupted.interruption}: {fault}" for fault in interrupted.faults]
    return tally


async def run_interruptions(
    box: Sandbox, interruptions: Iterable[Interruption], *, at_once: int
) -> Tally:
    """Run interruptions, many side by side."""
    gc.freeze()  # a collection then looks at little more than what a case left behind
    limit = asyncio.Semaphore(at_once)

    async def run_limited(interruption: Interruption) -> InterruptedRun:
        async with limit:
            return await run_interruption(box, proxy, interruption)

    try:
        with PerKeyFaultProxy(box.direct_url) as proxy:
            interrupted = await asyncio.gather(*(run_limited(each) for each in interruptions))
    finally:
        gc.unfreeze()  # what is collected in later tests is none of ours
    return await asyncio.to_thread(judge, box, interrupted)
