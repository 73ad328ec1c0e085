"""Storms, lies and late copies around one write, on real TCP, judged by the exchange's truth.

Unlike a cut, a storm may end in a refusal or in "unknown": both are right when they are true, and
an unknown must find its verdict once the faults have stopped.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from attrs import define, evolve, field, frozen
from sweep import POLICY, WRITES, Case, Tally, Trial, _changed, client, trial, verdict
from sweep import write as write_of
from switchboard import Switchboard

from kalshi_ext import Policy
from kalshi_ext.errors import KalshiError, NoAnswer, NotFound, NotSent, OutcomeUnknown, Refused
from kalshi_ext.journal import State
from kalshi_ext.models import OrderAck
from kalshi_ext.sandbox import Sandbox

OPERATIONS = {
    "create": "CreateOrderV2",
    "batch": "BatchCreateOrdersV2",
    "amend": "AmendOrderV2",
    "to": "DecreaseOrderV2",
    "by": "DecreaseOrderV2",
    "cancel": "CancelOrderV2",
}
NUMBERS = {"fill_count": "0.00", "remaining_count": "10.00", "ts_ms": 1}
IMPOSSIBLE = {"order_id": "no-such-order", "fill_count": "999.00", "remaining_count": "-3.00"}


def _both(kind: str, **parameters: Any) -> list[dict[str, Any]]:
    return [{"kind": kind, "executed": executed, **parameters} for executed in (True, False)]


# What the answer to the write is, the request executed or not.
LIES: list[dict[str, Any]] = [
    *(rule for status in (500, 502, 503, 504, 520) for rule in _both("html", status=status)),
    *_both("status", status=503),
    *_both("status", status=500, content_type="text/plain", body=""),
    *_both("error_in_success"),
    *({"kind": "wrong_type", "to": to} for to in ("list", "null", "text")),
    *_both("garbage_body"),
    *_both("truncated_body"),
    {"kind": "another_order"},
    *_both("status", status=201, body=NUMBERS),
    *_both("status", status=201, body={**IMPOSSIBLE, "ts_ms": 1}),
    {"kind": "throttle", "times": 2},
    {"kind": "skew", "seconds": -60.0},
    *({"kind": "zombie", "later": later} for later in (0, 1, 3)),
]
BATCHES: list[dict[str, Any]] = [
    {"kind": "lost_entries", "entries": lost} for lost in ([0], [1], [0, 2], [0, 1, 2])
] + [{"kind": "reordered"}]
STORMS: list[dict[str, Any]] = [
    {"kind": kind, "chance": chance, "times": None, "operation": None, **more}
    for chance in (0.5, 1.0)
    for kind, more in (
        ("html", {"status": 502, "executed": True}),
        ("html", {"status": 520}),
        ("status", {"status": 503}),
        ("throttle", {}),
        ("truncated_body", {}),
    )
]
# Gives up looking while the storm still blows, so that a verdict is left to recover().
IMPATIENT = evolve(POLICY, resolve_within=1.0, poll_ceiling=0.5)
LATE = (0.3, 1.5, 3.0, 4.5, 5.6)  # seconds; the exchange takes signatures for 5, the client says 6

# Beyond any client: two copies of the same difference cannot be told apart by the exchange, nor a
# believable acknowledgement of another order from a true one. `docs/reliability.md` says so.
BEYOND = {("by", "zombie"), ("create", "another_order"), ("batch", "another_order")}


@frozen
class Weather:
    """One write and the rule that befalls it.

    A storm lasts `seconds`. `late`: the request is swallowed and arrives so many seconds later.
    """

    write: str
    rule: Mapping[str, Any] = field(factory=dict)
    seconds: float = 0.0
    late: float | None = None
    policy: Policy = POLICY

    def __str__(self) -> str:
        return f"{self.write} {dict(self.rule)} for {self.seconds} late {self.late}"


@define
class Met:
    """What a case led to."""

    weather: Weather
    one: Trial
    before: Any = None
    states: dict[str, str] = field(factory=dict)
    faults: list[str] = field(factory=list)
    struck: bool = False


def cases(writes: Iterable[str] = WRITES) -> list[Weather]:
    """List every lie for every write it makes sense for."""
    found = [Weather(w, rule) for w in writes for rule in LIES if (w, rule["kind"]) not in BEYOND]
    return found + [Weather("batch", rule) for rule in BATCHES]


def storms(writes: Iterable[str] = WRITES, *, seconds: float = 3.0) -> list[Weather]:
    """List every storm over every write, waited out or not."""
    return [
        Weather(w, rule, seconds=seconds, policy=policy)
        for w in writes
        for rule in STORMS
        for policy in (POLICY, IMPATIENT)
    ]


def late_copies(writes: Iterable[str] = WRITES) -> list[Weather]:
    """List late arrivals of every write."""
    return [Weather(w, late=late) for w in writes for late in LATE]


async def live(box: Sandbox, board: Switchboard, weather: Weather) -> Met:
    """Make one write in its weather, let the sky clear, and settle what is left."""
    one = trial(box, Case(weather.write, "none", 0))
    met = Met(weather, one)
    async with client("async", one, board.url, weather.policy) as kalshi:
        await _prepare(kalshi, one)
        began = time.monotonic()
        stop = asyncio.ensure_future(_weather(box, board, met))
        try:
            one.result = await write_of(kalshi, one)
        except KalshiError as error:
            one.result = error
        one.took = time.monotonic() - began
        await stop
        async with client("async", one, board.url, journal=kalshi._journal) as patient:
            await _settle(patient, met)
    return met


async def _prepare(kalshi: Any, one: Trial) -> None:
    first = await kalshi.orders.place(
        "KXRAIN-26DEC31-CHI", side="bid", count=10, price="0.10", client_order_id=one.id(0)
    )
    while one.order is None:
        try:
            one.order = await kalshi.orders.get(first.order_id)
        except (NotFound, NoAnswer, NotSent):  # reads lag; a machine under load
            await asyncio.sleep(0.3)


async def _weather(box: Sandbox, board: Switchboard, met: Met) -> None:
    weather, one = met.weather, met.one
    if weather.late is not None:
        board.arm(one.key_id, "silence", WRITES[weather.write], forward=False)
        while board.struck(one.key_id) is None:  # noqa: ASYNC110 - told by another thread
            await asyncio.sleep(0.02)
        await asyncio.sleep(weather.late)
        await deliver(box, board, met)
        return
    rule = {"operation": OPERATIONS[weather.write], "account": one.account, **weather.rule}
    number = box.faults.add(rule.pop("kind"), **rule)
    if not weather.seconds:
        return
    await asyncio.sleep(weather.seconds)
    met.struck = True
    box.faults.remove(number)


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
    is_so = not _changed(one.case, by_id[one.id(0)])
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
