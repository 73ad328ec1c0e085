"""One write of one account against a sandbox on real TCP: what every proof here is made of.

Each case has an account of its own, and PerKeyFaultProxy aims a fault at the requests of one API
key alone. So hundreds of cases run side by side against one sandbox, and a fault hits its own case
only. A case goes: open_case, place_first_order (what amend, decrease and cancel act on), arm the
fault, make_write, compare the result with the sandbox's books.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any, Self

from attrs import define, field, frozen

from kalshi_ext import AsyncKalshi, Kalshi, OrderTicket, Policy
from kalshi_ext.errors import KalshiError
from kalshi_ext.models import OrderAck
from kalshi_ext.protocol.rate_limits import Backoff
from kalshi_ext.sandbox import NetworkProxy, Sandbox
from kalshi_ext.sandbox.engine import admin
from kalshi_ext.sandbox.faults import FaultRule
from kalshi_ext.sandbox.proxy.byte_faults import MessageFault
from kalshi_ext.sandbox.proxy.proxy import Proxy, _request_line

TICKER = "KXRAIN-26DEC31-CHI"
# The exchange takes signatures for 5 s here and the client counts on 6 (30 and 60 by default), so
# that waiting until no copy can be accepted takes seconds. Both read the same clock.
CLOCK_TOLERANCE = 5.0
POLICY = Policy(
    timeout=5.0,
    attempts=3,
    signature_life=6.0,
    resolve_within=300.0,  # a loaded machine is no reason to give up
    resend_within=300.0,  # what is absent goes again: that is what is proven here
    poll=0.5,
    poll_ceiling=4.0,
    backoff=Backoff(first=0.01, ceiling=0.05),
)
# Each kind of write with the pattern of its request, as fault rules match it.
WRITES = {
    "create": "POST */events/orders",
    "batch": "POST */events/orders/batched",
    "amend": "POST */amend",
    "to": "POST */decrease",
    "by": "POST */decrease",
    "cancel": "DELETE */events/orders/*",
}
DEDUPES = ("forever", "while_open", "seconds")
CLIENT_KINDS = ("async", "sync")


@frozen
class FaultCase:
    """One cut: which write, which fault, at which byte.

    For a dead connection `at` is the wait in milliseconds, for "silence" whether the request is
    forwarded.
    """

    write: str
    fault: str
    at: int
    client_kind: str = "async"


@define
class Tally:
    """What the cases led to."""

    cases: int = 0
    fired: int = 0
    faults: list[str] = field(factory=list)
    verdicts: Counter[str] = field(factory=Counter)
    seconds: list[float] = field(factory=list)

    def add(self, more: Tally) -> None:
        """Take the figures of more cases in."""
        self.cases += more.cases
        self.fired += more.fired
        self.faults += more.faults
        self.verdicts += more.verdicts
        self.seconds += more.seconds


@define
class CaseRun:
    """One case under way: its account, the order that is there before, what came of it.

    `faulted` is the request that the fault acted on, None while it has not.
    """

    case: FaultCase
    account: str
    key_id: str
    private_key: str = field(repr=False)
    order: Any = None
    result: Any = None
    seconds: float = 0.0
    faulted: Any = None

    def client_order_id(self, number: int) -> str:
        """Return the client_order_id of one of the case's orders."""
        return f"{self.account}-{number}"


@contextlib.contextmanager
def start_sandbox(dedupe: str, seed: int = 1, **options: Any) -> Iterator[Sandbox]:
    """Run a sandbox that refuses signatures after CLOCK_TOLERANCE seconds."""
    settings = {"dedupe": dedupe, "dedupe_seconds": 1, "log_events": False, "rate_limits": False}
    merged = {"clock_tolerance": CLOCK_TOLERANCE, "record": False, "proxy": False, **options}
    with Sandbox(seed=seed, settings=settings | merged.pop("settings", {}), **merged) as box:
        yield box


_case_numbers = itertools.count(1)


def open_case(box: Sandbox, case: FaultCase, funds: str = "1000") -> CaseRun:
    """Open an account for a case."""
    name = f"case-{next(_case_numbers)}"
    box.do(admin.add_account(name, funds=funds))
    key = box.link.run(
        "keys.issue", account=name, kind="ed25519", scopes=["read", "write"], subaccount=None
    )
    return CaseRun(case, name, key["key_id"], key["private_key"])


def make_client(
    client_kind: str, run: CaseRun, url: str, policy: Policy = POLICY, **options: Any
) -> Any:
    """Make the client of a case."""
    client: Callable[..., Any] = AsyncKalshi if client_kind == "async" else Kalshi
    return client(
        key_id=run.key_id, private_key=run.private_key, environment=url, policy=policy, **options
    )


def _place_first_order(client: Any, run: CaseRun) -> Any:
    key = run.client_order_id(0)
    return client.orders.place(TICKER, side="bid", count=10, price="0.10", client_order_id=key)


async def place_first_order(client: Any, run: CaseRun) -> None:
    """Place the order that is there before and read it; repeated, as reads may lag."""
    for _ in range(200):
        with contextlib.suppress(KalshiError):
            run.order = await client.orders.get((await _place_first_order(client, run)).order_id)
            return
        await asyncio.sleep(0.3)
    raise AssertionError(f"{run} could not begin")


def place_first_order_sync(client: Any, run: CaseRun) -> None:
    """Do the same with the sync client."""
    for _ in range(200):
        with contextlib.suppress(KalshiError):
            run.order = client.orders.get(_place_first_order(client, run).order_id)
            return
        time.sleep(0.3)
    raise AssertionError(f"{run} could not begin")


def make_write(client: Any, run: CaseRun) -> Any:
    """Make the write a case is about."""
    kind = run.case.write
    if kind == "create":
        return client.orders.place(
            TICKER, side="bid", count=10, price="0.11", client_order_id=run.client_order_id(1)
        )
    if kind == "batch":
        return client.orders.place_many([_ticket(run, number) for number in (1, 2, 3)])
    if kind == "amend":
        return client.orders.amend(run.order, price="0.13", count=12)
    if kind == "to":
        return client.orders.decrease(run.order, to=4)
    if kind == "by":
        return client.orders.decrease(run.order, by=3)
    return client.orders.cancel(run.order)


def _ticket(run: CaseRun, number: int) -> OrderTicket:
    key = run.client_order_id(number)
    return OrderTicket.of(TICKER, side="bid", count=number, price="0.12", client_order_id=key)


def verdict(result: Any) -> str:
    """Name what a write ended in: an error's class, or how its acknowledgement was come by."""
    acks = result if isinstance(result, list) else [result]
    if any(not isinstance(ack, OrderAck) for ack in acks):
        return type(next(ack for ack in acks if not isinstance(ack, OrderAck))).__name__
    return "found by looking" if any(ack.replayed for ack in acks) else "answered"


def change_faults(case: FaultCase, row: dict[str, Any]) -> list[str]:
    """Say what of an order is not as the case's change should have left it."""
    price, remaining = Decimal(row["yes_price_dollars"]), Decimal(row["remaining_count_fp"])
    as_wanted = {
        "amend": (price, remaining) == (Decimal("0.13"), Decimal(12)),
        "to": remaining == 4,
        "by": remaining == 7,
        "cancel": row["status"] == "canceled",
    }[case.write]
    return [] if as_wanted else [f"wrong verdict: {case.write} left {price} x {remaining}"]


def orders_by_account(box: Sandbox) -> dict[str, list[dict[str, Any]]]:
    """Read every order from the sandbox's own books."""
    orders: dict[str, list[dict[str, Any]]] = {}
    for row in box.truth.orders():
        orders.setdefault(row["account"], []).append(row)
    return orders


def run_in_parallel(*parts: Callable[[], Tally]) -> Tally:
    """Run several parts at once, for they mostly wait, and add up what they led to."""
    total = Tally()
    with ThreadPoolExecutor(len(parts)) as pool:
        for future in [pool.submit(part) for part in parts]:
            total.add(future.result())
    return total


_KEY_HEADER = re.compile(rb"\r\nkalshi-access-key:[ \t]*([^\r\n]+)", re.IGNORECASE)


@define
class _KeyedProxy(Proxy):
    """Chooses the fault of a request by the key that signed it."""

    rules: dict[str, FaultRule] = field(factory=dict)
    faulted: dict[str, MessageFault] = field(factory=dict)

    def message_fault(self, head: bytes, connection: int) -> MessageFault:
        """Begin to follow a request, with the fault that awaits its sender."""
        method, path = _request_line(head)
        name = f"{method} {path}"
        header = _KEY_HEADER.search(head)
        key = header[1].decode() if header else ""
        rule = self.rules.get(key)
        if rule is None or not rule.matches("network", (name,), None) or not rule.fires():
            return MessageFault(name, None, connection)
        fault = self.faulted[key] = MessageFault(name, rule, connection)
        return fault


class PerKeyFaultProxy:
    """The network in front of a sandbox, for the length of a with-block."""

    def __init__(self, target: str) -> None:
        self._network = NetworkProxy(target)
        self._proxy = self._network._proxy = _KeyedProxy(self._network._proxy.target)
        self.url = self._network.url

    def __enter__(self) -> Self:
        self._network.__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._network.__exit__(*exception)

    def arm(self, key: str, kind: str, operation: str, **parameters: Any) -> None:
        """Let a fault hit the next request of a key that matches, instead of an earlier fault.

        One dict entry is set, which needs no lock against the proxy's thread.
        """
        rule = FaultRule.from_data({"kind": kind, "operation": operation, "times": 1, **parameters})
        self._proxy.rules[key] = rule

    def faulted(self, key: str) -> MessageFault | None:
        """Return the request that the fault of a key acted on."""
        return self._proxy.faulted.get(key)
