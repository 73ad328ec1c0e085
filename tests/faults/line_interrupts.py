"""Interrupt a write at any line of this library that it runs: Ctrl-C, in virtual time.

The client, its driver and its flows are the real ones. Only the wire, the waiting and the clock are
replaced (virtual_exchange), so that an interrupt at each of some thousand lines takes seconds.
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
from virtual_exchange import TICKER, VirtualExchange, make_client

import kalshi_ext
from kalshi_ext import Kalshi, OrderTicket
from kalshi_ext.journal import Journal, State

LIBRARY = str(Path(kalshi_ext.__file__).parent)
WRITES = ("create", "batch", "amend", "to", "by", "cancel")


@frozen
class LineInterrupt:
    """Which write is interrupted, and when the n-th line of the library is about to run.

    `lost`: the write's first answer is lost, so that its lookup is interrupted too. `restart`:
    another client over the same journal settles what is left.
    """

    write: str
    line: int
    lost: bool = False
    restart: bool = False


@define
class LineTracer:
    """Raise KeyboardInterrupt when the n-th line of the library is about to run.

    Not where a `with` is left: the interpreter handles no signal between the end of its body and
    the call of `__exit__`, and an exception raised there by a tracer leaves a lock locked for ever.
    """

    line: int
    count: int = 0
    location: str = ""

    def __call__(self, frame: FrameType, event: str, arg: Any) -> Any:
        path = frame.f_code.co_filename
        # The engine stands for another machine: it is not interrupted.
        if not path.startswith(LIBRARY) or "/sandbox/" in path:
            return None
        return self._local_trace(set())

    def _local_trace(self, seen_lines: set[int]) -> Callable[[FrameType, str, Any], Any]:
        def trace(frame: FrameType, event: str, arg: Any) -> Any:
            if event == "line":
                path, line = frame.f_code.co_filename, frame.f_lineno
                # The line of a `with` is reported a second time when the block is left.
                code = linecache.getline(path, line).lstrip()
                leaves_with = line in seen_lines and code.startswith("with ")
                seen_lines.add(line)
                self.count += not leaves_with
                if self.count == self.line and not leaves_with:
                    self.location = f"{path[len(LIBRARY) :]}:{line}"
                    raise KeyboardInterrupt
            return trace

        return trace


@define
class InterruptResult:
    """What an interrupt led to; `location` is empty when the write ended before it."""

    interrupt: LineInterrupt
    location: str = ""
    faults: list[str] = field(factory=list)


def interrupt_write(interrupt: LineInterrupt, journal: Journal | None = None) -> InterruptResult:
    """Interrupt a write once, settle what is left, make the write again, and judge."""
    exchange = VirtualExchange()
    client = make_client(exchange, journal)
    ack = client.orders.place(TICKER, side="bid", count=10, price="0.10", client_order_id="first")
    order = client.orders.get(ack.order_id)
    exchange.lose_answer_of = int(interrupt.lost)
    result = InterruptResult(interrupt)
    tracer = LineTracer(interrupt.line)
    previous_trace = sys.gettrace()
    gc.disable()  # a finalizer of an earlier case would run under the tracer and be interrupted
    sys.settrace(tracer)
    try:
        make_write(client, interrupt.write, order)
    except KeyboardInterrupt:
        result.location = tracer.location
    finally:
        sys.settrace(previous_trace)
        gc.enable()
    if interrupt.restart:
        client = make_client(exchange, client._journal)
    faults = _judge(client, exchange, interrupt, order)
    result.faults = [f"{interrupt} {result.location}: {fault}" for fault in faults]
    return result


def make_write(client: Kalshi, kind: str, order: Any) -> Any:
    """Make one of WRITES."""
    if kind == "create":
        return client.orders.place(TICKER, side="bid", count=5, price="0.11", intent="new")
    if kind == "batch":
        return client.orders.place_many(_ticket(name) for name in ("a", "b"))
    if kind == "amend":
        return client.orders.amend(order, price="0.13", count=12)
    if kind == "to":
        return client.orders.decrease(order, to=4)
    if kind == "by":
        return client.orders.decrease(order, by=3)
    return client.orders.cancel(order)


def _ticket(name: str) -> OrderTicket:
    return OrderTicket.of(TICKER, side="bid", count=2, price="0.12", client_order_id=name)


def _judge(
    client: Kalshi, exchange: VirtualExchange, interrupt: LineInterrupt, order: Any
) -> Iterator[str]:
    resolutions = client.recover()
    yield from (f"unknown in a calm world: {r}" for r in resolutions if r.state is State.UNKNOWN)
    yield from (f"open after recover: {entry}" for entry in client._journal.open_entries())
    yield from _false_verdicts(client, exchange)
    current = _price_and_remaining(exchange, order.order_id)
    # A relative decrease or an amend that was already made must not be made again; the others
    # are harmless to repeat.
    if interrupt.write in ("create", "batch", "cancel", "to") or _is_unchanged(current, order):
        try:
            make_write(client, interrupt.write, order)
        except Exception as error:
            yield f"again: {error!r}"
    rows = exchange.engine.truth.orders()
    names = sorted(row["client_order_id"] for row in rows)
    if len(set(names)) != len(names):
        yield f"duplicate: {names}"
    if len(names) != {"create": 2, "batch": 3}.get(interrupt.write, 1):
        yield f"orders: {names}"
    wanted = {"amend": ("0.1300", "12.00"), "to": ("0.1000", "4.00"), "by": ("0.1000", "7.00")}
    current = _price_and_remaining(exchange, order.order_id)
    if interrupt.write in wanted and current != wanted[interrupt.write]:
        yield f"{interrupt.write} ended in {current}"


def _price_and_remaining(exchange: VirtualExchange, order_id: str) -> tuple[str, str]:
    row = exchange.engine.truth.order(order_id)
    assert row is not None
    return row["yes_price_dollars"], row["remaining_count_fp"]


def _is_unchanged(current: tuple[str, str], order: Any) -> bool:
    return current == (f"{order.price:.4f}", f"{order.remaining_count:.2f}")


def _false_verdicts(client: Kalshi, exchange: VirtualExchange) -> Iterator[str]:
    """Compare every verdict in the journal with the exchange's books."""
    for entry in client._journal.entries():
        orders = exchange.engine.truth.orders(client_order_id=entry.key)
        says_executed = entry.order_id is not None
        # Keys of changes begin with "write-" and are no client_order_id.
        if not entry.key.startswith("write-") and says_executed != bool(orders):
            yield f"wrong verdict: {entry}, and there {len(orders)}"
