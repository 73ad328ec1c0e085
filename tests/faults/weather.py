"""Storms, lies and late copies around one write, on real TCP, judged by the exchange's truth.

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
from skies import OPERATIONS, Weather
from switchboard import Switchboard
from trials import WRITES, Case, Tally, Trial, changed, client, prepare, trial, verdict
from trials import write as write_of

from kalshi_ext.errors import KalshiError, NotSent, OutcomeUnknown, Refused
from kalshi_ext.journal import State
from kalshi_ext.models import OrderAck
from kalshi_ext.sandbox import Sandbox


@define
class Met:
    """What a case led to."""

    weather: Weather
    one: Trial
    before: Any = None
    states: dict[str, str] = field(factory=dict)
    faults: list[str] = field(factory=list)
    struck: bool = False


async def live(box: Sandbox, board: Switchboard, weather: Weather) -> Met:
    """Make one write in its weather, let the sky clear, and settle what is left."""
    one = await asyncio.to_thread(trial, box, Case(weather.write, "none", 0))
    met = Met(weather, one)
    async with client("async", one, board.url, weather.policy) as kalshi:
        await prepare(kalshi, one)
        stop = asyncio.ensure_future(await _lay(box, board, met))
        began = time.monotonic()
        try:
            one.result = await write_of(kalshi, one)
        except KalshiError as error:
            one.result = error
        one.took = time.monotonic() - began
        await stop
        async with client("async", one, board.url, journal=kalshi._journal) as patient:
            await _settle(patient, met)
    return met


async def _lay(box: Sandbox, board: Switchboard, met: Met) -> Coroutine[Any, Any, None]:
    """Lay the fault, and return what happens besides while the write is under way."""
    weather, one = met.weather, met.one
    if weather.late is not None:
        board.arm(one.key_id, "silence", WRITES[weather.write], forward=False)
        return _arrive(box, board, met, weather.late)
    rule = {"operation": OPERATIONS[weather.write], "account": one.account, **weather.rule}
    number = await asyncio.to_thread(box.faults.add, rule.pop("kind"), **rule)
    return _clear(box, met, number)


async def _arrive(box: Sandbox, board: Switchboard, met: Met, seconds: float) -> None:
    while board.struck(met.one.key_id) is None:  # noqa: ASYNC110 - told by another thread
        await asyncio.sleep(0.02)
    await asyncio.sleep(seconds)
    await deliver(box, board, met)


async def _clear(box: Sandbox, met: Met, number: int) -> None:
    if met.weather.seconds:
        await asyncio.sleep(met.weather.seconds)
        met.struck = True
        await asyncio.to_thread(box.faults.remove, number)


async def deliver(box: Sandbox, board: Switchboard, met: Met) -> None:
    """Let the swallowed request reach the exchange after all, on a connection of its own."""
    passage = board.struck(met.one.key_id)
    assert passage is not None
    met.struck = True
    place = urlsplit(box.direct_url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    writer.write(passage.request)
    met.states["late copy"] = (await reader.readline()).decode().strip()
    writer.close()


async def _settle(kalshi: Any, met: Met) -> None:
    one = met.one
    for _ in range(3):
        resolutions = await kalshi.recover()
        if all(found.state is not State.UNKNOWN for found in resolutions):
            break
    met.states |= {str(r.key): f"{r.state}" for r in resolutions}
    met.faults += [f"unsettled: {entry}" for entry in kalshi._journal.open_entries()]
    if one.case.write == "cancel" and isinstance(one.result, OutcomeUnknown):
        one.result = await kalshi.orders.cancel(one.order)  # the way to settle a cancel


def judge(box: Sandbox, lived: Iterable[Met]) -> Tally:
    """Compare what was said in the end with what truly is."""
    there: dict[str, list[dict[str, Any]]] = {}
    for row in box.truth.orders():
        there.setdefault(row["account"], []).append(row)
    fired = {rule["account"] for rule in box.faults.list() if rule["fired"]}
    tally = Tally()
    for met in lived:
        met.faults += _untrue(met, there[met.one.account])
        tally.cases += 1
        tally.fired += met.struck or met.one.account in fired
        tally.seconds.append(met.one.took)
        tally.verdicts[verdict(met.one.result)] += 1
        tally.faults += [f"{met.weather}: {fault} {met.states}" for fault in met.faults]
    return tally


def _untrue(met: Met, there: list[dict[str, Any]]) -> list[str]:
    one, by_id = met.one, {row["client_order_id"]: row for row in there}
    found = ["duplicate"] if len(by_id) != len(there) else []
    if one.case.write in ("create", "batch"):
        asked = [1] if one.case.write == "create" else [1, 2, 3]
        results = one.result if isinstance(one.result, list) else [one.result] * len(asked)
        for number, result in zip(asked, results, strict=True):
            found += _placed(met, result, by_id.get(one.id(number)), one.id(number))
        return found
    is_so = not changed(one.case, by_id[one.id(0)])
    return found + _said(met, one.result, is_so, one.order.order_id)


def _placed(met: Met, result: Any, row: dict[str, Any] | None, key: str) -> list[str]:
    if isinstance(result, OutcomeUnknown):
        said = met.states.get(key, "never settled")
        return [] if (said == "resolved") == (row is not None) else [f"wrong verdict: {said}"]
    return _said(met, result, row is not None, row["order_id"] if row else "")


def _said(met: Met, result: Any, is_so: bool, order_id: str) -> list[str]:
    if isinstance(result, OrderAck):
        return [] if is_so and result.order_id == order_id else [f"wrong verdict: {result!r}"]
    if isinstance(result, OutcomeUnknown):
        told = [state for key, state in met.states.items() if key.startswith("write-")]
        right = told == ["resolved" if is_so else "not_sent"]
        return [] if right else [f"wrong verdict: {told}"]
    honest = isinstance(result, NotSent | Refused) and not is_so
    return [] if honest else [f"wrong verdict: {result!r}"]


async def run(box: Sandbox, weathers: Iterable[Weather], *, at_once: int) -> Tally:
    """Live cases, many side by side."""
    gate = asyncio.Semaphore(at_once)

    async def gated(weather: Weather) -> Met:
        async with gate:
            return await live(box, board, weather)

    with Switchboard(box.direct_url) as board:
        lived = await asyncio.gather(*(gated(weather) for weather in weathers))
    return await asyncio.to_thread(judge, box, lived)
