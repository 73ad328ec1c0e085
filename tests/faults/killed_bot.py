"""A bot that places, changes and cancels orders, and does all of it again after each death.

Orders carry intent keys, so placing them again is harmless. A change has no such key: the bot
asks the journal whether it was made.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable, Set
from typing import Any

from attrs import define, evolve, field

from kalshi_ext import AsyncKalshi, Kalshi, OrderTicket, Policy
from kalshi_ext.errors import KalshiError
from kalshi_ext.journal import OPEN, Journal, State
from kalshi_ext.protocol.rate_limits import Backoff

# The exchange takes signatures for 5 s here, and the client counts on 6.
CLOCK_TOLERANCE = 5.0
POLICY = Policy(
    timeout=15.0,
    signature_life=6.0,
    resolve_within=60.0,
    resend_within=60.0,
    poll=0.05,
    poll_ceiling=0.4,
    backoff=Backoff(first=0.02, ceiling=0.2),
)

# Name, price, count, time in force; all of them bids. The exchange quotes an ask at 0.60.
WantedOrder = tuple[str, str, str, str]
SINGLES: tuple[WantedOrder, ...] = (
    ("rest", "0.10", "10", "good_till_canceled"),
    ("take", "0.60", "2", "immediate_or_cancel"),
)
BATCH: tuple[WantedOrder, ...] = tuple(
    (name, "0.12", "10", "good_till_canceled") for name in "CDEFG"
)
LAST: WantedOrder = ("kill", "0.60", "1", "fill_or_kill")
WANTED = (*SINGLES, *BATCH, LAST)
EXECUTED = frozenset({State.ACKNOWLEDGED, State.RESOLVED})
# What is true of each order in the end: status, price, filled, remaining.
FINAL_STATE = {
    "rest": ("resting", "0.13", "0", "12"),
    "take": ("executed", "0.60", "2", "0"),
    "C": ("resting", "0.12", "0", "7"),
    "D": ("resting", "0.12", "0", "2"),
    "E": ("canceled", "0.12", "0", "0"),
    "F": ("canceled", "0.12", "0", "0"),
    "G": ("canceled", "0.12", "0", "0"),
    "kill": ("executed", "0.60", "1", "0"),
}


def write_line(log: int, values: list[Any]) -> None:
    """Write a line, with the time. One unbuffered write: a kill can no longer take it back."""
    os.write(log, (json.dumps([*values, time.time()]) + "\n").encode())


def place_arguments(case: dict[str, Any], wanted: WantedOrder) -> dict[str, Any]:
    """Return the arguments of `place`; the same in each life."""
    name, price, count, force = wanted
    order = {"side": "bid", "price": price, "count": count, "time_in_force": force}
    return {"ticker": case["ticker"], **order, "intent": f"{case['account']}/{name}"}


def client_order_id_of(case: dict[str, Any], wanted: WantedOrder) -> str:
    """Return the client_order_id that the intent gives."""
    return OrderTicket.of(**place_arguments(case, wanted)).client_order_id


def result_or_error(call: Callable[[], Any]) -> Any:
    """Call; an error of the library is a result here."""
    try:
        return call()
    except KalshiError as error:
        return error


async def call_in_sequence(*calls: Callable[[], Any]) -> list[Any]:
    """Make calls of the sync client."""
    return [result_or_error(call) for call in calls]


async def call_concurrently(*calls: Callable[[], Any]) -> list[Any]:
    """Make calls of the async client, all at once."""
    results = await asyncio.gather(*(call() for call in calls), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, KalshiError):
            raise result
    return results


@define
class Bot:
    """One life. `log` is a file descriptor, `make_calls` one of the two functions above."""

    case: dict[str, Any]
    log: int
    journal: Journal
    client: Any
    make_calls: Callable[..., Any]
    acks: dict[str, Any] = field(factory=dict)

    def log_event(self, *values: Any) -> None:
        """Write down what the bot was told; the judge holds it against the exchange's books."""
        write_line(self.log, list(values))

    async def live(self) -> None:
        """Run the whole script."""
        if self.case["recover"]:
            await self.recover("recovered")
        place = self.client.orders.place
        calls = [lambda wanted=wanted: place(**self.arguments(wanted)) for wanted in SINGLES]
        self.log_placed(SINGLES, await self.make_calls(*calls))
        tickets = [OrderTicket.of(**self.arguments(wanted)) for wanted in BATCH]
        (outcomes,) = await self.make_calls(lambda: self.client.orders.place_many(tickets))
        per_order = outcomes if isinstance(outcomes, list) else [outcomes] * len(BATCH)
        self.log_placed(BATCH, per_order)
        await self.change()
        self.log_placed([LAST], await self.make_calls(lambda: place(**self.arguments(LAST))))
        await self.recover("checked")

    def arguments(self, wanted: WantedOrder) -> dict[str, Any]:
        """Return the arguments of `place` for an order of this case."""
        return place_arguments(self.case, wanted)

    async def recover(self, event: str) -> None:
        """Recover; log how long it took and what was found."""
        began = time.monotonic()
        (outcome,) = await self.make_calls(self.client.recover)
        if isinstance(outcome, KalshiError):
            return self.log_event("failed", event, repr(outcome), None)
        rows = [[r.key, r.operation, r.state.value, r.order_id] for r in outcome]
        return self.log_event(event, time.monotonic() - began, rows)

    def log_placed(self, orders: Any, outcomes: list[Any]) -> None:
        """Log what came of orders."""
        for wanted, outcome in zip(orders, outcomes, strict=True):
            key = client_order_id_of(self.case, wanted)
            if isinstance(outcome, BaseException):
                self.log_event("failed", wanted[0], repr(outcome), key)
            else:
                self.acks[wanted[0]] = outcome
                self.log_event("placed", wanted[0], outcome.order_id, key)

    async def change(self) -> None:
        """Amend, decrease, cancel."""
        orders, ticker = self.client.orders, self.case["ticker"]
        amended = {"ticker": ticker, "side": "bid", "price": "0.13", "count": 12}
        await self.change_once("rest", "amend", lambda order: orders.amend(order, **amended))
        await self.change_once("C", "decrease", lambda order: orders.decrease(order, by=3))
        await self.change_once("D", "decrease", lambda order: orders.decrease(order, to=2))
        await self.change_once("E", "cancel", orders.cancel)
        several = [self.acks[name] for name in ("F", "G") if name in self.acks]
        (outcomes,) = await self.make_calls(lambda: orders.cancel_many(several))
        for outcome in outcomes if isinstance(outcomes, list) else [outcomes]:
            self.log_changed("cancel_many", outcome)

    async def change_once(self, name: str, kind: str, change: Callable[[Any], Any]) -> None:
        """Change an order unless the journal says that it was changed."""
        ack = self.acks.get(name)
        if ack is None:
            return
        if self.is_recorded(OPEN, kind, ack.order_id):  # not known yet: first find out
            await self.recover("recovered")
        if not self.is_recorded(EXECUTED, kind, ack.order_id):
            (outcome,) = await self.make_calls(lambda: change(ack))
            self.log_changed(kind, outcome)

    def log_changed(self, kind: str, outcome: Any) -> None:
        """Log what came of a change."""
        if isinstance(outcome, BaseException):
            self.log_event("failed", kind, repr(outcome), None)
        else:
            self.log_event("changed", kind, outcome.order_id)

    def is_recorded(self, states: Set[State], kind: str, order_id: str) -> bool:
        """Ask the journal for a change of an order in one of some states."""
        for entry in self.journal.entries(states=states):
            ticket = json.loads(entry.ticket)
            if (ticket.get("kind"), ticket.get("order_id")) == (kind, order_id):
                return True
        return False


def run(case: dict[str, Any], log: int, journal: Journal) -> None:
    """Live once, with the sync or the async client as the case says."""
    options: dict[str, Any] = {"key_id": case["key_id"], "private_key": case["private_key"]}
    options["policy"] = evolve(POLICY, signature_life=case["signature_life"])
    options |= {"environment": case["url"], "journal": journal}
    if case["client_kind"] == "async":
        return asyncio.run(_run_async(case, log, journal, options))
    with Kalshi(**options) as client:
        life = Bot(case, log, journal, client, call_in_sequence).live()
        try:
            life.send(None)  # nothing in it waits for an event loop
        except StopIteration:
            return None
    raise AssertionError("the sync bot waited for an event loop")


async def _run_async(
    case: dict[str, Any], log: int, journal: Journal, options: dict[str, Any]
) -> None:
    async with AsyncKalshi(**options) as client:
        await Bot(case, log, journal, client, call_concurrently).live()
