"""One seeded life of a bot in the simulated world, and the judgement over it."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

from attrs import define, field, frozen
from world import TICKERS, Chances, Crash, Process, World

from kalshi_ext import writes
from kalshi_ext.errors import KalshiError, NotSent, OutcomeUnknown, Refused
from kalshi_ext.journal import Entry, MemoryJournal, State
from kalshi_ext.models import OrderAck
from kalshi_ext.tickets import AmendTicket, DecreaseTicket, OrderTicket, Target

DEDUPES = ("forever", "while_open", "seconds")
LIVES = 6  # how often a bot is started anew before its world calms down


@frozen
class Wanted:
    """One order the bot wants, and what it does to it afterwards."""

    intent: str
    ticker: str
    side: str
    price: str
    count: int
    time_in_force: str
    change: str

    def ticket(self) -> OrderTicket:
        """Return the ticket; the same each time."""
        return OrderTicket.of(
            self.ticker,
            side=self.side,  # type: ignore[arg-type]
            count=self.count,
            price=self.price,
            intent=self.intent,
            time_in_force=self.time_in_force,
        )


@define
class Life:
    """What one seed led to."""

    seed: int
    faults: list[str] = field(factory=list)
    counts: Counter[str] = field(factory=Counter)
    resolution_seconds: list[float] = field(factory=list)
    changed: dict[str, tuple[str, Any, str]] = field(factory=dict)


def play(seed: int) -> Life:
    """Live one seed and judge it. Deterministic."""
    world = World(seed, dedupe=DEDUPES[seed % 3])
    life = Life(seed)
    journal = MemoryJournal(now=world.moment)
    wanted = _wanted(world)
    for _ in range(LIVES):
        try:
            _bot(Process(world, journal), wanted, life)
            break
        except Crash:
            life.counts["crashes"] += 1
    _calm(world, journal, life)
    _judge(world, journal, wanted, life)
    life.counts["requests"] += world.requests
    life.counts["intents"] += len(wanted)
    return life


def _wanted(world: World) -> list[Wanted]:
    rng = world.rng
    return [
        Wanted(
            intent=f"{world.seed}/{number}",
            ticker=rng.choice(TICKERS),
            side=rng.choice(("bid", "ask")),
            price=rng.choice(("0.35", "0.45", "0.55", "0.65")),
            count=rng.randint(1, 60),
            time_in_force=rng.choice(
                ("good_till_canceled",) * 3 + ("immediate_or_cancel", "fill_or_kill")
            ),
            change=rng.choice(("none", "none", "amend", "to", "by", "cancel")),
        )
        for number in range(rng.randint(1, 4))
    ]


def _bot(process: Process, wanted: list[Wanted], life: Life) -> None:
    """Run the bot's script from the start, as a restarted bot does."""
    world = process.world
    _attempt(life, process, writes.recover(world.contract, process.context))
    batch = len(wanted) > 2 and world.rng.random() < 0.5
    if batch:
        tickets = [want.ticket() for want in wanted]
        _attempt(life, process, writes.place_many(world.contract, tickets, process.context))
    for want in wanted:
        began = world.time
        ack = _attempt(life, process, writes.place(world.contract, want.ticket(), process.context))
        if isinstance(ack, OrderAck):
            if ack.replayed:
                life.resolution_seconds.append(world.time - began)
            _change(process, want, ack, life)


def _attempt(life: Life, process: Process, flow: Any) -> Any:
    try:
        result = process.run(flow)
    except OutcomeUnknown as error:
        life.counts["unknown"] += 1
        return error
    except (Refused, NotSent) as error:
        life.counts[type(error).__name__] += 1
        return error
    except KalshiError as error:
        life.counts[type(error).__name__] += 1
        return error
    life.counts["done"] += 1
    return result


def _change(process: Process, want: Wanted, ack: OrderAck, life: Life) -> None:
    if want.change == "none" or want.intent in life.changed:
        return
    world, context = process.world, process.context
    before = world.engine.truth.order(ack.order_id)
    if before is None or before["status"] != "resting":
        return
    target = Target.of(ack.order_id, ticker=want.ticker)
    life.changed[want.intent] = ("started", None, ack.order_id)
    total = Decimal(before["fill_count_fp"]) + Decimal(before["remaining_count_fp"])
    if want.change == "amend":
        ticket = AmendTicket.of(
            ack.order_id,
            ticker=want.ticker,
            side=want.side,  # type: ignore[arg-type]
            price="0.41" if want.side == "bid" else "0.59",
            count=total + 1,
        )
        expected: Any = (ticket.price, ticket.count)
        flow: Any = writes.amend(world.contract, ticket, context)
    elif want.change == "cancel":
        expected = None
        flow = writes.cancel(world.contract, target, context)
    elif want.change == "to":
        expected = Decimal(1)
        flow = writes.decrease(world.contract, DecreaseTicket.of(target, to=1), context)
    else:
        expected = (total, Decimal(1))
        flow = writes.decrease(world.contract, DecreaseTicket.of(target, by=1), context)
    result = _attempt(life, process, flow)
    said = "accepted" if isinstance(result, OrderAck) else type(result).__name__
    life.changed[want.intent] = (said, expected, ack.order_id)


def _calm(world: World, journal: MemoryJournal, life: Life) -> None:
    """Let the faults stop; then everything must find its verdict."""
    world.chances = Chances.calm()
    process = Process(world, journal, may_crash=False)
    world.advance(0.0)
    began = world.time
    for _ in range(3):
        resolutions = process.run(writes.recover(world.contract, process.context))
        if all(found.state is not State.UNKNOWN for found in resolutions):
            break
    life.counts["recovered"] += len(resolutions)
    if world.time > began:
        life.resolution_seconds.append(world.time - began)
    world.advance(200.0)  # whatever copy is still on its way arrives now


def _judge(world: World, journal: MemoryJournal, wanted: list[Wanted], life: Life) -> None:
    for want in wanted:
        ticket = want.ticket()
        orders = world.truth(ticket.client_order_id)
        entry = journal.get(ticket.client_order_id)
        if len(orders) > 1:
            life.faults.append(f"duplicate: {want.intent} made {len(orders)} orders")
        life.faults.extend(_verdict_faults(want, entry, orders))
        life.faults.extend(_content_faults(want, orders))
        life.faults.extend(_change_faults(world, want, life))
        life.counts["orders"] += len(orders)


def _verdict_faults(want: Wanted, entry: Entry | None, orders: list[dict[str, Any]]) -> list[str]:
    if entry is None:
        return [f"lost: {want.intent} made {len(orders)} orders without a record"] if orders else []
    if entry.is_open:
        return [f"unsettled: {want.intent} is still {entry.state} in a calm world"]
    executed = entry.order_id is not None
    if executed and not orders:
        return [f"wrong verdict: {want.intent} is {entry.state} but no order exists"]
    if executed and orders[0]["order_id"] != entry.order_id:
        return [f"wrong verdict: {want.intent} names order {entry.order_id}"]
    if not executed and orders:
        return [f"lost: {want.intent} is {entry.state} but an order exists"]
    return []


def _content_faults(want: Wanted, orders: list[dict[str, Any]]) -> list[str]:
    wrong = [o for o in orders if (o["ticker"], o["book_side"]) != (want.ticker, want.side)]
    return [f"wrong order: {want.intent} became {order}" for order in wrong]


def _change_faults(world: World, want: Wanted, life: Life) -> list[str]:
    said, expected, order_id = life.changed.get(want.intent, ("", None, ""))
    order = world.engine.truth.order(order_id) if order_id else None
    if order is None or said not in ("accepted", "NotSent"):
        return []
    price = Decimal(order["yes_price_dollars"])
    total = Decimal(order["fill_count_fp"]) + Decimal(order["remaining_count_fp"])
    fault: str | None = None
    if want.change == "cancel" and said == "accepted" and order["status"] == "resting":
        fault = "is said cancelled and rests"
    elif order["status"] == "resting" and want.change == "amend":
        if ((price, total) == expected) != (said == "accepted"):
            fault = f"amend said {said}, order has {price} {total}, wanted {expected}"
    elif order["status"] == "resting" and want.change == "by":
        before, by = expected
        if total != (before - by if said == "accepted" else before):
            fault = f"decrease by {by} said {said}: {before} became {total}"
    elif order["status"] == "resting" and (want.change, said) == ("to", "accepted"):
        left = Decimal(order["remaining_count_fp"])
        fault = "is said decreased and is not" if left > expected else None
    return [] if fault is None else [f"wrong verdict: {want.intent} {fault}"]
