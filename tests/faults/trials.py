"""One write of one account against a sandbox of its own kind: what every proof here is made of."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

from attrs import define, field, frozen

from kalshi_ext import AsyncKalshi, Kalshi, OrderTicket, Policy
from kalshi_ext.errors import KalshiError
from kalshi_ext.models import OrderAck
from kalshi_ext.protocol.rate_limits import Backoff
from kalshi_ext.sandbox import Sandbox
from kalshi_ext.sandbox.engine import admin

TICKER = "KXRAIN-26DEC31-CHI"
# The exchange takes signatures for 5 s here and the client counts on 6 (30 and 60 by default), so
# that waiting until no copy can be accepted takes seconds. Both read the same clock.
TOLERANCE = 5.0
POLICY = Policy(
    timeout=5.0,
    attempts=3,
    signature_life=6.0,
    resolve_within=300.0,  # a loaded machine is no reason to give up
    poll=0.5,
    poll_ceiling=4.0,
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
COLOURS = ("async", "sync")


@frozen
class Case:
    """One cut: which write, which fault, at which byte (after which milliseconds, where died)."""

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

    def add(self, other: Tally) -> None:
        """Take the figures of other cases in."""
        self.cases += other.cases
        self.fired += other.fired
        self.faults += other.faults
        self.verdicts += other.verdicts
        self.seconds += other.seconds


@define
class Trial:
    """One case being lived: who, what is there before, what came of it."""

    case: Case
    account: str
    key_id: str
    private_key: str = field(repr=False)
    order: Any = None
    result: Any = None
    took: float = 0.0
    struck: Any = None

    def id(self, number: int) -> str:
        """Return the client_order_id of one of the case's orders."""
        return f"{self.account}-{number}"


@contextlib.contextmanager
def exchange(dedupe: str, seed: int = 1, **options: Any) -> Iterator[Sandbox]:
    """Run a sandbox whose signatures die quickly."""
    settings = {"dedupe": dedupe, "dedupe_seconds": 1, "log_events": False}
    given = {"clock_tolerance": TOLERANCE, "record": False, "proxy": False, **options}
    with Sandbox(seed=seed, settings=settings | given.pop("settings", {}), **given) as box:
        yield box


_numbers = itertools.count(1)


def trial(box: Sandbox, case: Case, funds: str = "1000") -> Trial:
    """Open an account for a case."""
    name = f"case-{next(_numbers)}"
    box.do(admin.add_account(name, funds=funds))
    key = box.link.run(
        "keys.issue", account=name, kind="ed25519", scopes=["read", "write"], subaccount=None
    )
    return Trial(case, name, key["key_id"], key["private_key"])


def client(colour: str, one: Trial, url: str, policy: Policy = POLICY, **options: Any) -> Any:
    """Make the client of a case."""
    kind: Callable[..., Any] = AsyncKalshi if colour == "async" else Kalshi
    return kind(
        key_id=one.key_id, private_key=one.private_key, environment=url, policy=policy, **options
    )


def first(kalshi: Any, one: Trial) -> Any:
    """Place the order that is there before."""
    key = one.id(0)
    return kalshi.orders.place(TICKER, side="bid", count=10, price="0.10", client_order_id=key)


async def prepare(kalshi: Any, one: Trial) -> None:
    """Place it and read it, however long a loaded machine takes; reads may lag."""
    for _ in range(200):
        with contextlib.suppress(KalshiError):
            one.order = await kalshi.orders.get((await first(kalshi, one)).order_id)
            return
        await asyncio.sleep(0.3)
    raise AssertionError(f"{one} could not begin")


def prepare_sync(kalshi: Any, one: Trial) -> None:
    """Do the same with the sync client."""
    for _ in range(200):
        with contextlib.suppress(KalshiError):
            one.order = kalshi.orders.get(first(kalshi, one).order_id)
            return
        time.sleep(0.3)
    raise AssertionError(f"{one} could not begin")


def write(kalshi: Any, one: Trial) -> Any:
    """Make the write a case is about."""
    kind = one.case.write
    if kind == "create":
        return kalshi.orders.place(
            TICKER, side="bid", count=10, price="0.11", client_order_id=one.id(1)
        )
    if kind == "batch":
        return kalshi.orders.place_many([_entry(one, number) for number in (1, 2, 3)])
    if kind == "amend":
        return kalshi.orders.amend(one.order, price="0.13", count=12)
    if kind == "to":
        return kalshi.orders.decrease(one.order, to=4)
    if kind == "by":
        return kalshi.orders.decrease(one.order, by=3)
    return kalshi.orders.cancel(one.order)


def _entry(one: Trial, number: int) -> OrderTicket:
    key = one.id(number)
    return OrderTicket.of(TICKER, side="bid", count=number, price="0.12", client_order_id=key)


def verdict(result: Any) -> str:
    """Name what a write ended in."""
    acks = result if isinstance(result, list) else [result]
    if any(not isinstance(ack, OrderAck) for ack in acks):
        return type(next(ack for ack in acks if not isinstance(ack, OrderAck))).__name__
    return "found by looking" if any(ack.replayed for ack in acks) else "answered"


def changed(case: Case, row: dict[str, Any]) -> list[str]:
    price, remaining = Decimal(row["yes_price_dollars"]), Decimal(row["remaining_count_fp"])
    is_so = {
        "amend": (price, remaining) == (Decimal("0.13"), Decimal(12)),
        "to": remaining == 4,
        "by": remaining == 7,
        "cancel": row["status"] == "canceled",
    }[case.write]
    return [] if is_so else [f"wrong verdict: {case.write} left {price} x {remaining}"]


def side_by_side(*works: Callable[[], Tally]) -> Tally:
    """Do several pieces at once, for they mostly wait, and add up what they led to."""
    total = Tally()
    with ThreadPoolExecutor(len(works)) as pool:
        for done in [pool.submit(work) for work in works]:
            total.add(done.result())
    return total
