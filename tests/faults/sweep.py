"""Cut the connection at a byte of a write, on real TCP, and let the exchange's truth judge.

Each case has an account of its own, so that hundreds run side by side against one exchange and a
fault hits its own case only.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

from attrs import define, field, frozen
from switchboard import Switchboard

from kalshi_ext import AsyncKalshi, Kalshi, OrderTicket, Policy
from kalshi_ext.errors import KalshiError, NoAnswer, NotSent
from kalshi_ext.models import OrderAck
from kalshi_ext.pacing import Backoff
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
    resolve_within=30.0,
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
# The connection dies after the answer before the write: the write meets it dead, or dying.
DIED = {"died_close": "close_response", "died_reset": "reset_response"}


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


def run_sync(one: Trial, board: Switchboard) -> None:
    """Live one case with the sync client."""
    with client("sync", one, board.url) as kalshi:
        while one.order is None:
            with contextlib.suppress(NotSent, NoAnswer):  # a machine under load
                one.order = kalshi.orders.get(_first(kalshi, one).order_id)
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
        while one.order is None:
            with contextlib.suppress(NotSent, NoAnswer):
                one.order = await kalshi.orders.get((await _first(kalshi, one)).order_id)
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


def _first(kalshi: Any, one: Trial) -> Any:
    return kalshi.orders.place(
        TICKER, side="bid", count=10, price="0.10", client_order_id=one.id(0)
    )


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


def verdict(result: Any) -> str:
    """Name what a write ended in."""
    acks = result if isinstance(result, list) else [result]
    if any(not isinstance(ack, OrderAck) for ack in acks):
        return type(next(ack for ack in acks if not isinstance(ack, OrderAck))).__name__
    return "found by looking" if any(ack.replayed for ack in acks) else "answered"


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
    return found + _changed(one.case, there[0])


def _said(one: Trial) -> str:
    return f"wrong verdict: {one.result!r}"


def _names(result: Any, order_id: str | None) -> bool:
    return isinstance(result, OrderAck) and result.order_id == order_id


def _changed(case: Case, row: dict[str, Any]) -> list[str]:
    price, remaining = Decimal(row["yes_price_dollars"]), Decimal(row["remaining_count_fp"])
    is_so = {
        "amend": (price, remaining) == (Decimal("0.13"), Decimal(12)),
        "to": remaining == 4,
        "by": remaining == 7,
        "cancel": row["status"] == "canceled",
    }[case.write]
    return [] if is_so else [f"wrong verdict: {case.write} left {price} x {remaining}"]


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
