"""Cut the connection at a byte of a write, on real TCP, and let the exchange's truth judge.

Each case has an account of its own and a proxy to itself while it runs, so that many run side by
side and a fault hits only its own case.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import queue
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

from attrs import define, field, frozen

from kalshi_ext import AsyncKalshi, Kalshi, OrderTicket, Policy
from kalshi_ext.errors import KalshiError
from kalshi_ext.models import OrderAck
from kalshi_ext.pacing import Backoff
from kalshi_ext.sandbox import NetworkProxy, Sandbox

TICKER = "KXRAIN-26DEC31-CHI"
# The exchange takes signatures for 3 s here, the client counts on 4: the ratio of the defaults.
TOLERANCE = 3.0
POLICY = Policy(
    timeout=2.0,
    attempts=3,
    signature_life=4.0,
    resolve_within=20.0,
    poll=0.1,
    poll_ceiling=1.0,
    backoff=Backoff(first=0.01, ceiling=0.05),
)
WRITES = {
    "create": "POST */events/orders",
    "batch": "POST */events/orders/batched",
    "amend": "POST */amend",
    "to": "POST */decrease",
    "by": "POST */decrease",
    "cancel": "DELETE */events/orders/*",
}
DEDUPES = ("forever", "while_open", "seconds")


@frozen
class Case:
    """One cut: which write, which fault, at which byte."""

    write: str
    fault: str
    at: int
    colour: str = "async"


@define
class Tally:
    """What the cases led to."""

    cases: int = 0
    fired: int = 0
    faults: list[str] = field(factory=list)
    verdicts: Counter[str] = field(factory=Counter)
    seconds: list[float] = field(factory=list)

    def add(self, case: Case, fired: bool, result: Any, took: float, wrong: list[str]) -> None:
        """Count one case."""
        self.cases += 1
        self.fired += fired
        replayed = isinstance(result, OrderAck) and result.replayed
        self.verdicts["found" if replayed else type(result).__name__] += 1
        if fired:
            self.seconds.append(took)
        self.faults += [f"{case}: {fault}" for fault in wrong]


@contextlib.contextmanager
def exchange(dedupe: str, seed: int = 1) -> Iterator[Sandbox]:
    """Run a sandbox whose signatures die quickly."""
    settings = {"dedupe": dedupe, "dedupe_seconds": 1, "log_events": False}
    with Sandbox(seed=seed, settings=settings, clock_tolerance=TOLERANCE) as box:
        yield box


_accounts = itertools.count(1)


@define
class Cutter:
    """Runs cases against one sandbox, each through a free proxy."""

    box: Sandbox
    lanes: queue.SimpleQueue[NetworkProxy] = field(factory=queue.SimpleQueue)
    tally: Tally = field(factory=Tally)

    def _account(self) -> Any:
        name = f"cut-{next(_accounts)}"
        return self.box.account(name, funds="1000", kind="ed25519")

    def _client(self, colour: type[Any], account: Any, lane: NetworkProxy) -> Any:
        return colour(
            key_id=account.key_id,
            private_key=account.private_key,
            environment=lane.url,
            policy=POLICY,
        )

    def run_sync(self, case: Case) -> None:
        """Run one case with the sync client."""
        lane, account = self.lanes.get(), self._account()
        try:
            with self._client(Kalshi, account, lane) as client:
                order = None
                if case.write not in ("create", "batch"):
                    order = client.orders.get(_first(client, account).order_id)
                self._arm(case, lane)
                began = time.monotonic()
                try:
                    result = _write(client, case, account, order)
                except KalshiError as error:
                    result = error
                took = time.monotonic() - began
            self._judge(case, lane, account, order, result, took)
        finally:
            self.lanes.put(lane)

    async def run_async(self, case: Case) -> None:
        """Run one case with the async client."""
        lane = await asyncio.to_thread(self.lanes.get)
        account = await asyncio.to_thread(self._account)
        try:
            async with self._client(AsyncKalshi, account, lane) as client:
                order = None
                if case.write not in ("create", "batch"):
                    first = await _first(client, account)
                    order = await client.orders.get(first.order_id)
                self._arm(case, lane)
                began = time.monotonic()
                try:
                    result = await _write(client, case, account, order)
                except KalshiError as error:
                    result = error
                took = time.monotonic() - began
            judge = self._judge
            await asyncio.to_thread(judge, case, lane, account, order, result, took)
        finally:
            self.lanes.put(lane)

    def _arm(self, case: Case, lane: NetworkProxy) -> None:
        lane.faults.remove()
        lane.faults.add(case.fault, operation=WRITES[case.write], at=case.at, times=1)

    def _judge(
        self, case: Case, lane: NetworkProxy, account: Any, order: Any, result: Any, took: float
    ) -> None:
        there = self.box.truth.orders(account=account.account)
        fired = any(rule["fired"] for rule in lane.faults.list())
        self.tally.add(case, fired, result, took, _wrong(case, account, order, result, there))


def _id(account: Any, number: int) -> str:
    return f"{account.account}-{number}"


def _first(client: Any, account: Any) -> Any:
    return client.orders.place(
        TICKER, side="bid", count=10, price="0.10", client_order_id=_id(account, 0)
    )


def _write(client: Any, case: Case, account: Any, order: Any) -> Any:
    """Make the write a case is about."""
    if case.write == "create":
        return client.orders.place(
            TICKER, side="bid", count=10, price="0.11", client_order_id=_id(account, 1)
        )
    if case.write == "batch":
        return client.orders.place_many([_entry(account, number) for number in (1, 2, 3)])
    if case.write == "amend":
        return client.orders.amend(order, price="0.13", count=12)
    if case.write == "to":
        return client.orders.decrease(order, to=4)
    if case.write == "by":
        return client.orders.decrease(order, by=3)
    return client.orders.cancel(order)


def _entry(account: Any, number: int) -> OrderTicket:
    key = _id(account, number)
    return OrderTicket.of(TICKER, side="bid", count=number, price="0.12", client_order_id=key)


def _wrong(
    case: Case, account: Any, order: Any, result: Any, there: list[dict[str, Any]]
) -> list[str]:
    """Compare what the client says with what truly is."""
    ids = Counter(row["client_order_id"] for row in there)
    wrong = [f"duplicate: {key} stands {n} times" for key, n in ids.items() if n > 1]
    if case.write in ("create", "batch"):
        asked = [1] if case.write == "create" else [1, 2, 3]
        wrong += [f"lost: {_id(account, n)}" for n in asked if not ids[_id(account, n)]]
        results = result if isinstance(result, list) else [result]
        known = {row["order_id"] for row in there}
        said = [each for each in results if not _names(each, known)]
        return wrong + [f"wrong verdict: {each!r}" for each in said]
    if not _names(result, {order.order_id}):
        return [*wrong, f"wrong verdict: {result!r}"]
    return wrong + _changed(case, there[0])


def _names(result: Any, known: set[str]) -> bool:
    return isinstance(result, OrderAck) and result.order_id in known


def _changed(case: Case, row: dict[str, Any]) -> list[str]:
    price = Decimal(row["yes_price_dollars"])
    remaining = Decimal(row["remaining_count_fp"])
    is_so = {
        "amend": (price, remaining) == (Decimal("0.13"), Decimal(12)),
        "to": remaining == 4,
        "by": remaining == 7,
        "cancel": row["status"] == "canceled",
    }[case.write]
    return [] if is_so else [f"wrong verdict: {case.write} left {price} x {remaining}"]


@contextlib.contextmanager
def lanes(box: Sandbox, number: int) -> Iterator[Cutter]:
    """Put so many proxies in front of a sandbox."""
    with contextlib.ExitStack() as stack:
        cutter = Cutter(box)
        for _ in range(number):
            cutter.lanes.put(stack.enter_context(NetworkProxy(box.direct_url)))
        yield cutter


def run(box: Sandbox, cases: Iterable[Case], *, at_once: int) -> Tally:
    """Run cases, so many side by side: the async ones on a loop, the sync ones in threads."""
    listed = list(cases)
    with lanes(box, at_once) as cutter:
        asyncio.run(_run_async(cutter, [case for case in listed if case.colour == "async"]))
        with ThreadPoolExecutor(at_once) as pool:
            list(pool.map(cutter.run_sync, [case for case in listed if case.colour == "sync"]))
        return cutter.tally


async def _run_async(cutter: Cutter, cases: list[Case]) -> None:
    await asyncio.gather(*(cutter.run_async(case) for case in cases))


def lengths(box: Sandbox, write: str) -> tuple[int, int]:
    """Return how many bytes the request and the answer of a write have."""
    with lanes(box, 1) as cutter:
        lane = cutter.lanes.get()
        cutter.lanes.put(lane)
        cutter.run_sync(Case(write, "close_response", 1_000_000, "sync"))
        (passage,) = lane.faults.fired()
    return passage["received"], passage["answered"]
