"""Interrupt a write at any line of this library that it runs: Ctrl-C, in virtual time.

The real client, driver and flows; only the wire, the waiting and the clock are replaced: requests
go straight into the exchange's engine and a sleep moves its clock.
"""

from __future__ import annotations

import gc
import linecache
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from attrs import define, field, frozen
from timeless import TICKER, Place, client

import kalshi_ext
from kalshi_ext import Kalshi, OrderTicket
from kalshi_ext.journal import Journal, State

ROOM = str(Path(kalshi_ext.__file__).parent)


WRITES = ("create", "batch", "amend", "to", "by", "cancel")


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
    """What an interruption led to; `where` is empty when the write ended before it."""

    blow: Blow
    where: str = ""
    faults: list[str] = field(factory=list)


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
    if blow.restart:
        kalshi = client(place, kalshi._journal)
    faults = _judge(kalshi, place, blow, order)
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
