"""A bot that places, changes and cancels orders, and does all of it again after each death.

Orders carry intent keys, so placing them again is harmless. A change has no such key: the bot
asks the journal whether it was made.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Set
from typing import Any

from attrs import define, field
from kills_trap import write_line

from kalshi_ext import AsyncKalshi, Kalshi, OrderTicket, Policy
from kalshi_ext.errors import KalshiError
from kalshi_ext.journal import OPEN, Journal, State
from kalshi_ext.protocol.rate_limits import Backoff

# The exchange takes signatures for 5 s here, and the client counts on 6.
TOLERANCE = 5.0
POLICY = Policy(
    timeout=15.0,
    signature_life=6.0,
    resolve_within=60.0,
    poll=0.05,
    poll_ceiling=0.4,
    backoff=Backoff(first=0.02, ceiling=0.2),
)

# Name, price, count, time in force; all of them bids. The exchange quotes an ask at 0.60.
SINGLES = (
    ("rest", "0.10", "10", "good_till_canceled"),
    ("take", "0.60", "2", "immediate_or_cancel"),
)
BATCH = tuple((name, "0.12", "10", "good_till_canceled") for name in "CDEFG")
LAST = ("kill", "0.60", "1", "fill_or_kill")
WANTED = (*SINGLES, *BATCH, LAST)
DONE = frozenset({State.ACKNOWLEDGED, State.RESOLVED})
# What is true of each order in the end: status, price, filled, remaining.
END = {
    "rest": ("resting", "0.13", "0", "12"),
    "take": ("executed", "0.60", "2", "0"),
    "C": ("resting", "0.12", "0", "7"),
    "D": ("resting", "0.12", "0", "2"),
    "E": ("canceled", "0.12", "0", "0"),
    "F": ("canceled", "0.12", "0", "0"),
    "G": ("canceled", "0.12", "0", "0"),
    "kill": ("executed", "0.60", "1", "0"),
}


def words(case: dict[str, Any], want: tuple[str, str, str, str]) -> dict[str, Any]:
    """Say an order in the words of `place`; the same in each life."""
    name, price, count, force = want
    said = {"side": "bid", "price": price, "count": count, "time_in_force": force}
    return {"ticker": case["ticker"], **said, "intent": f"{case['account']}/{name}"}


def key_of(case: dict[str, Any], want: tuple[str, str, str, str]) -> str:
    """Return the client_order_id that the intent gives."""
    return OrderTicket.of(**words(case, want)).client_order_id


def caught(call: Callable[[], Any]) -> Any:
    """Call; an error of the library is a result here."""
    try:
        return call()
    except KalshiError as error:
        return error


async def one_by_one(*calls: Callable[[], Any]) -> list[Any]:
    """Make calls of the sync client."""
    return [caught(call) for call in calls]


async def side_by_side(*calls: Callable[[], Any]) -> list[Any]:
    """Make calls of the async client, all at once."""
    results = await asyncio.gather(*(call() for call in calls), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, KalshiError):
            raise result
    return results


@define
class Bot:
    """One life."""

    case: dict[str, Any]
    log: int
    journal: Journal
    client: Any
    do: Callable[..., Any]
    acks: dict[str, Any] = field(factory=dict)

    def tell(self, *said: Any) -> None:
        """Write down what the bot was told."""
        write_line(self.log, list(said))

    async def live(self) -> None:
        """Run the whole script."""
        if self.case["recover"]:
            await self.recover("recovered")
        place = self.client.orders.place
        calls = [lambda want=want: place(**words(self.case, want)) for want in SINGLES]
        self.placed(SINGLES, await self.do(*calls))
        tickets = [OrderTicket.of(**words(self.case, want)) for want in BATCH]
        (outcomes,) = await self.do(lambda: self.client.orders.place_many(tickets))
        several = isinstance(outcomes, list)
        self.placed(BATCH, outcomes if several else [outcomes] * len(BATCH))
        await self.change()
        self.placed([LAST], await self.do(lambda: place(**words(self.case, LAST))))
        await self.recover("checked")

    async def recover(self, word: str) -> None:
        """Recover; tell how long it took and what was found."""
        began = time.monotonic()
        (found,) = await self.do(self.client.recover)
        if isinstance(found, KalshiError):
            return self.tell("failed", word, repr(found), None)
        rows = [[one.key, one.operation, one.state.value, one.order_id] for one in found]
        return self.tell(word, time.monotonic() - began, rows)

    def placed(self, wants: Any, outcomes: list[Any]) -> None:
        """Tell what came of orders."""
        for want, outcome in zip(wants, outcomes, strict=True):
            key = key_of(self.case, want)
            if isinstance(outcome, BaseException):
                self.tell("failed", want[0], repr(outcome), key)
            else:
                self.acks[want[0]] = outcome
                self.tell("placed", want[0], outcome.order_id, key)

    async def change(self) -> None:
        """Amend, decrease, cancel."""
        orders, ticker = self.client.orders, self.case["ticker"]
        wanted = {"ticker": ticker, "side": "bid", "price": "0.13", "count": 12}
        await self.once("rest", "amend", lambda order: orders.amend(order, **wanted))
        await self.once("C", "decrease", lambda order: orders.decrease(order, by=3))
        await self.once("D", "decrease", lambda order: orders.decrease(order, to=2))
        await self.once("E", "cancel", orders.cancel)
        many = [self.acks[name] for name in ("F", "G") if name in self.acks]
        (outcomes,) = await self.do(lambda: orders.cancel_many(many))
        for outcome in outcomes if isinstance(outcomes, list) else [outcomes]:
            self.changed("cancel_many", outcome)

    async def once(self, name: str, kind: str, change: Callable[[Any], Any]) -> None:
        """Change an order unless the journal says that it was changed."""
        ack = self.acks.get(name)
        if ack is None:
            return
        if self.recorded(OPEN, kind, ack.order_id):  # not known yet: first find out
            await self.recover("recovered")
        if not self.recorded(DONE, kind, ack.order_id):
            (outcome,) = await self.do(lambda: change(ack))
            self.changed(kind, outcome)

    def changed(self, kind: str, outcome: Any) -> None:
        """Tell what came of a change."""
        if isinstance(outcome, BaseException):
            self.tell("failed", kind, repr(outcome), None)
        else:
            self.tell("changed", kind, outcome.order_id)

    def recorded(self, states: Set[State], kind: str, order_id: str) -> bool:
        """Ask the journal for a change of an order."""
        for entry in self.journal.entries(states=states):
            said = json.loads(entry.ticket)
            if (said.get("kind"), said.get("order_id")) == (kind, order_id):
                return True
        return False


def run(case: dict[str, Any], log: int, journal: Journal) -> None:
    """Live once, in the colour of the case."""
    known = {"key_id": case["key_id"], "private_key": case["private_key"], "policy": POLICY}
    known |= {"environment": case["url"], "journal": journal}
    if case["colour"] == "async":
        return asyncio.run(_run_async(case, log, journal, known))
    with Kalshi(**known) as client:
        life = Bot(case, log, journal, client, one_by_one).live()
        try:
            life.send(None)  # nothing in it waits for an event loop
        except StopIteration:
            return None
    raise AssertionError("the sync bot waited for an event loop")


async def _run_async(
    case: dict[str, Any], log: int, journal: Journal, known: dict[str, Any]
) -> None:
    async with AsyncKalshi(**known) as client:
        await Bot(case, log, journal, client, side_by_side).live()
