"""Interrupt an async write at its n-th suspension, on real TCP, and judge what is left behind."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable
from pathlib import Path
from typing import Any

from attrs import define, evolve, field, frozen
from switchboard import Switchboard
from trials import POLICY, WRITES, Case, Tally, Trial, client, prepare, trial
from trials import write as write_of

from kalshi_ext import AsyncKalshi
from kalshi_ext.errors import KalshiError
from kalshi_ext.journal import State
from kalshi_ext.sandbox import Sandbox

FURTHEST = 200
PATIENT = evolve(POLICY, timeout=20.0)  # nothing is lost here but what is interrupted
# A connection that was collected half-way open can hold the next request up until its time is over.
HASTY = evolve(POLICY, timeout=4.0)


@define
class Interrupted(Awaitable[Any]):
    """Await a coroutine, but cancel or abandon it at its n-th suspension."""

    coroutine: Coroutine[Any, Any, Any]
    at: int
    how: str = "cancel"
    reached: bool = False

    def __await__(self) -> Generator[Any, Any, Any]:
        inner = self.coroutine.__await__()
        step: Callable[[], Any] = lambda: inner.send(None)  # noqa: E731
        for number in range(1, FURTHEST):
            try:
                waits_for = step()
            except StopIteration as stop:
                return stop.value
            if number == self.at:
                self.reached = True
                if self.how == "abandon":
                    return None
                current = asyncio.current_task()
                assert current is not None
                current.cancel()
            step = self._resumed(inner, (yield from self._waited(waits_for)))
        raise AssertionError("more suspensions than expected")

    def _waited(self, waits_for: Any) -> Generator[Any, Any, BaseException | None]:
        try:
            yield waits_for
        except BaseException as error:
            return error
        return None

    def _resumed(self, inner: Any, error: BaseException | None) -> Callable[[], Any]:
        return lambda: inner.send(None) if error is None else inner.throw(error)


@frozen
class Stop:
    """One interruption: which write, at which suspension, in which way, with which journal.

    `lost`: the write's first answer is lost, so that its looking is interrupted too. `restart`:
    what is left is settled by another client over the same journal.
    """

    write: str
    at: int
    how: str = "cancel"
    journal: Path | None = None
    restart: bool = False
    lost: bool = False


@define
class Stopped:
    """What an interruption led to."""

    stop: Stop
    one: Trial
    reached: bool = False
    faults: list[str] = field(factory=list)
    left: str = ""


async def live(box: Sandbox, board: Switchboard, stop: Stop) -> Stopped:
    """Interrupt a write once, settle what is left, and do it again."""
    one = await asyncio.to_thread(trial, box, Case(stop.write, "none", 0))
    found = Stopped(stop, one)
    journal = None if stop.journal is None else stop.journal / f"{one.account}.db"
    policy = HASTY if stop.how == "abandon" else PATIENT
    kalshi = client("async", one, board.url, policy, journal=journal)
    try:
        await prepare(kalshi, one)
        if stop.lost:
            board.arm(one.key_id, "reset_response", WRITES[stop.write], at=0)
        await _interrupt(kalshi, found)
        if stop.restart:
            await kalshi.aclose()
            kalshi = client("async", one, board.url, policy, journal=journal)
        await _settle(kalshi, found)
        if not found.faults:
            await _again(kalshi, found)
    finally:
        await kalshi.aclose()
    return found


async def _interrupt(kalshi: AsyncKalshi, found: Stopped) -> None:
    broken = Interrupted(write_of(kalshi, found.one), found.stop.at, found.stop.how)

    async def task() -> Any:
        return await broken

    try:
        found.one.result = await asyncio.ensure_future(task())
    except asyncio.CancelledError as error:
        found.one.result = error
    del broken.coroutine
    if found.stop.how == "abandon":
        gc.collect()
    found.reached = broken.reached


async def _settle(kalshi: AsyncKalshi, found: Stopped) -> None:
    """Recover; afterwards nothing may be open, and each verdict must be true."""
    resolutions = await kalshi.recover()
    found.left = ", ".join(sorted(str(one.state) for one in resolutions)) or "nothing"
    open_ones = kalshi._journal.open_entries()
    found.faults += [f"unsettled after recover: {entry}" for entry in open_ones]
    found.faults += [f"unknown: {one}" for one in resolutions if one.state is State.UNKNOWN]


async def _again(kalshi: AsyncKalshi, found: Stopped) -> None:
    """Do the write again, as a bot does that was interrupted."""
    one = found.one
    resolved = {entry.state for entry in kalshi._journal.entries() if "write-" in entry.key}
    done = resolved & {State.RESOLVED, State.ACKNOWLEDGED}
    if one.case.write in ("amend", "to", "by"):
        row = await kalshi.orders.get(one.order.order_id)
        changed = (row.price, row.remaining_count) != (one.order.price, one.order.remaining_count)
        if changed != bool(done):
            found.faults.append(f"wrong verdict: {resolved}, and the order is {row}")
        if changed:
            one.result = row
            return
    try:
        one.result = await write_of(kalshi, one)
    except KalshiError as error:
        found.faults.append(f"again: {error!r}")


def judge(box: Sandbox, found: Iterable[Stopped]) -> Tally:
    """Compare with what truly is: each write happened exactly once in the end."""
    there: dict[str, list[dict[str, Any]]] = {}
    for row in box.truth.orders():
        there.setdefault(row["account"], []).append(row)
    tally = Tally()
    gc.unfreeze()
    for each in found:
        rows = there[each.one.account]
        wanted = {"create": 2, "batch": 4}.get(each.stop.write, 1)
        if len(rows) != wanted:
            each.faults.append(f"{len(rows)} orders instead of {wanted}")
        if len({row["client_order_id"] for row in rows}) != len(rows):
            each.faults.append("duplicate")
        tally.cases += 1
        tally.fired += each.reached
        tally.verdicts[each.left] += 1
        tally.faults += [f"{each.stop}: {fault}" for fault in each.faults]
    return tally


async def run(box: Sandbox, stops: Iterable[Stop], *, at_once: int) -> Tally:
    """Live interruptions, many side by side."""
    gc.freeze()  # a collection then looks at little more than what a case left behind
    gate = asyncio.Semaphore(at_once)

    async def gated(stop: Stop) -> Stopped:
        async with gate:
            return await live(box, board, stop)

    with Switchboard(box.direct_url) as board:
        found = await asyncio.gather(*(gated(stop) for stop in stops))
    return await asyncio.to_thread(judge, box, found)
