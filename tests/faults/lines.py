"""Interrupt a write at any line of this library that it runs: Ctrl-C, in virtual time.

The real client, driver and flows; only the wire, the waiting and the clock are replaced: requests
go straight into the exchange's engine and a sleep moves its clock.
"""

from __future__ import annotations

import gc
import json
import linecache
import re
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import formatdate
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import unquote

import httpx
from attrs import define, field, frozen

import kalshi_ext
from kalshi_ext import Kalshi, OrderTicket, Policy
from kalshi_ext.contracts import contract
from kalshi_ext.drive import Driver
from kalshi_ext.flow import Effect, Sleep
from kalshi_ext.journal import Journal, State
from kalshi_ext.sandbox.engine import Call, Caller, Engine, Settings, admin

ROOM = str(Path(kalshi_ext.__file__).parent)
TICKER = "KXRAIN-26DEC31-NYC"
POLICY = Policy(poll=1.0, poll_ceiling=30.0)
START = 1_790_000_000.0
WRITES = ("create", "batch", "amend", "to", "by", "cancel")


def _routes() -> list[tuple[str, re.Pattern[str], str]]:
    operations = sorted(contract("current").operations.values(), key=lambda o: o.path.count("{"))
    return [
        (o.method, re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", o.path) + r"\Z"), o.id)
        for o in operations
    ]


ROUTES = _routes()


@define
class Place(httpx.BaseTransport):
    """The exchange's engine behind a transport; time stands still but for sleeps.

    `lose` is the number of the write whose answer is lost, 0 for none.
    """

    dedupe: str = "while_open"
    time: float = START
    lose: int = 0
    engine: Engine = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.engine = Engine(Settings(seed=1, dedupe=self.dedupe, log_events=False))
        for command in (admin.add_account("trader", funds="1000"), admin.add_market(TICKER)):
            self.engine.execute(command, now=self.moment())

    def moment(self) -> datetime:
        """Return the exchange's time."""
        return datetime.fromtimestamp(self.time, UTC)

    def now(self) -> float:
        """Return the client's time: the same."""
        return self.time

    def adjust(self, seconds: float) -> None:
        """Refuse a correction: the clocks agree."""
        raise AssertionError(seconds)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Execute a request, and answer unless the answer is to be lost."""
        self.time += 0.001
        answer = self.engine.execute(self._call(request), now=self.moment())
        self.time += 0.001
        if request.method != "GET" and self.lose:
            self.lose -= 1
            if not self.lose:
                raise httpx.ReadError("the answer is lost")
        content = b"" if answer.body is None else json.dumps(answer.body).encode()
        return httpx.Response(
            answer.status, headers={"date": formatdate(self.time, usegmt=True)}, content=content
        )

    def _call(self, request: httpx.Request) -> Call:
        path = request.url.raw_path.split(b"?")[0].decode().removeprefix("/trade-api/v2")
        for method, pattern, operation in ROUTES:
            if method == request.method and (found := pattern.match(path)):
                names = {name: unquote(value) for name, value in found.groupdict().items()}
                body = json.loads(request.content) if request.content else None
                kind = "json" if request.content else "absent"
                query = dict(request.url.params)
                return Call(operation, Caller("trader"), names, query, body, kind)
        raise AssertionError(request)


@define
class TimelessDriver(Driver):
    """Sleeps by moving the exchange's clock."""

    def _perform(self, effect: Effect) -> Any:
        if isinstance(effect, Sleep):
            self.transport.time += effect.seconds  # type: ignore[attr-defined]
            return None
        return Driver._perform(self, effect)


def client(place: Place, journal: Journal | None = None) -> Kalshi:
    """Make the real client over a place."""
    kalshi = Kalshi(
        bearer_token="t", environment="http://127.0.0.1:1/trade-api/v2", policy=POLICY,
        transport=place, journal=journal,
    )  # fmt: skip
    object.__setattr__(kalshi.session.line, "clock", place)
    kalshi.driver = TimelessDriver(kalshi.session.line, place, kalshi._journal)
    return kalshi


@frozen
class Blow:
    """One interruption: which write, at which line it runs, its first answer lost or not."""

    write: str
    line: int
    lost: bool = False
    restart: bool = False


@define
class Tracer:
    """Raise KeyboardInterrupt when the n-th line of the library is about to run.

    Not where a `with` is left: the interpreter handles no signal between the end of its body and
    the call of `__exit__`, and an exception raised there by a tracer leaves a lock locked for ever.
    """

    line: int
    count: int = 0
    where: str = ""

    def __call__(self, frame: FrameType, event: str, arg: Any) -> Any:
        path = frame.f_code.co_filename
        if not path.startswith(ROOM) or "/sandbox/" in path:
            return None
        return self._frame(set())

    def _frame(self, seen: set[int]) -> Callable[[FrameType, str, Any], Any]:
        def local(frame: FrameType, event: str, arg: Any) -> Any:
            if event == "line":
                path, line = frame.f_code.co_filename, frame.f_lineno
                leaving = line in seen and linecache.getline(path, line).lstrip()[:5] == "with "
                seen.add(line)
                self.count += not leaving
                if self.count == self.line and not leaving:
                    self.where = f"{path[len(ROOM) :]}:{line}"
                    raise KeyboardInterrupt
            return local

        return local


@define
class Struck:
    """What an interruption led to; `where` is empty when the write ended before it.

    `anew`: only a new client over the same journal could settle it.
    """

    blow: Blow
    where: str = ""
    faults: list[str] = field(factory=list)
    anew: bool = False


def strike(blow: Blow, journal: Journal | None = None) -> Struck:
    """Interrupt a write once, settle what is left, do it again, and judge."""
    place = Place()
    kalshi = client(place, journal)
    first = kalshi.orders.place(TICKER, side="bid", count=10, price="0.10", client_order_id="first")
    order = kalshi.orders.get(first.order_id)
    place.lose = int(blow.lost)
    found = Struck(blow)
    tracer = Tracer(blow.line)
    before = sys.gettrace()
    gc.disable()  # what earlier cases left behind is not to be interrupted in their stead
    sys.settrace(tracer)
    try:
        write(kalshi, blow.write, order)
    except KeyboardInterrupt:
        found.where = tracer.where
    finally:
        sys.settrace(before)
        gc.enable()
    faults = list(_judge(kalshi, place, blow, order)) if not blow.restart else ["restarted"]
    if faults:  # an interrupt in the middle of cleaning up keeps this client from trying again
        found.anew = True
        faults = list(_judge(client(place, kalshi._journal), place, blow, order))
    found.faults = [f"{blow} {found.where}: {fault}" for fault in faults]
    return found


def write(kalshi: Kalshi, kind: str, order: Any) -> Any:
    """Make a write."""
    if kind == "create":
        return kalshi.orders.place(TICKER, side="bid", count=5, price="0.11", intent="new")
    if kind == "batch":
        return kalshi.orders.place_many(_ticket(name) for name in ("a", "b"))
    if kind == "amend":
        return kalshi.orders.amend(order, price="0.13", count=12)
    if kind == "to":
        return kalshi.orders.decrease(order, to=4)
    if kind == "by":
        return kalshi.orders.decrease(order, by=3)
    return kalshi.orders.cancel(order)


def _ticket(name: str) -> OrderTicket:
    return OrderTicket.of(TICKER, side="bid", count=2, price="0.12", client_order_id=name)


def _judge(kalshi: Kalshi, place: Place, blow: Blow, order: Any) -> Iterator[str]:
    resolutions = kalshi.recover()
    yield from (f"unknown in a calm world: {r}" for r in resolutions if r.state is State.UNKNOWN)
    yield from (f"open after recover: {entry}" for entry in kalshi._journal.open_entries())
    yield from _untrue(kalshi, place)
    now = _row(place, order.order_id)
    if blow.write in ("create", "batch", "cancel", "to") or _same(now, order):
        try:
            write(kalshi, blow.write, order)
        except Exception as error:
            yield f"again: {error!r}"
    rows = place.engine.truth.orders()
    names = sorted(row["client_order_id"] for row in rows)
    if len(set(names)) != len(names):
        yield f"duplicate: {names}"
    if len(names) != {"create": 2, "batch": 3}.get(blow.write, 1):
        yield f"orders: {names}"
    wanted = {"amend": ("0.1300", "12.00"), "to": ("0.1000", "4.00"), "by": ("0.1000", "7.00")}
    now = _row(place, order.order_id)
    if blow.write in wanted and now != wanted[blow.write]:
        yield f"{blow.write} ended in {now}"


def _row(place: Place, order_id: str) -> tuple[str, str]:
    row = place.engine.truth.order(order_id)
    assert row is not None
    return row["yes_price_dollars"], row["remaining_count_fp"]


def _same(now: tuple[str, str], order: Any) -> bool:
    return now == (f"{order.price:.4f}", f"{order.remaining_count:.2f}")


def _untrue(kalshi: Kalshi, place: Place) -> Iterator[str]:
    """Compare every verdict in the journal with the exchange's books."""
    for entry in kalshi._journal.entries():
        there = place.engine.truth.orders(client_order_id=entry.key)
        said = entry.order_id is not None
        if not entry.key.startswith("write-") and said != bool(there):
            yield f"wrong verdict: {entry}, and there {len(there)}"
