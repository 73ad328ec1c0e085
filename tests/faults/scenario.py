"""One seeded life of a bot in the simulated world."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from functools import lru_cache
from typing import Any

import judgement
from attrs import define, field, frozen
from simulated_process import Abandoned, Crash, Machine, Process
from world import TICKERS, World

from kalshi_ext import writes
from kalshi_ext.contracts.interface import InstanceTransferTicket
from kalshi_ext.errors import (
    DuplicateIdConflict,
    EarlierWriteUnsettled,
    KalshiError,
    NotSent,
    OutcomeUnknown,
    Refused,
)
from kalshi_ext.journal import JournalError, State
from kalshi_ext.models import OrderAck
from kalshi_ext.requests import AmendTicket, DecreaseTicket, OrderTicket, Target

DEDUPES = ("forever", "while_open", "seconds")
LIVES = 5  # how often a bot is started anew before its world calms down
CHANGES = ("amend", "expire", "to", "by", "cancel", "cancel_many")
EXTRAS = ("group", "delete_group", "transfer", "subaccount", "keyed")


@frozen
class Wanted:
    """One order the bot wants, and what it does to it afterwards."""

    intent: str
    ticker: str
    side: str
    price: str
    count: int
    time_in_force: str
    changes: tuple[str, ...]

    def ticket(self) -> OrderTicket:
        """Return the ticket; the same each time."""
        return _ticket(self)


@lru_cache(maxsize=16)
def _ticket(want: Wanted) -> OrderTicket:
    return OrderTicket.of(
        want.ticker,
        side=want.side,  # type: ignore[arg-type]
        count=want.count,
        price=want.price,
        intent=want.intent,
        time_in_force=want.time_in_force,
    )


@define
class Changed:
    """The last change made to an order: what was said of it, and what it should lead to."""

    kind: str
    order_id: str
    expected: Any
    entries_before: int
    said: str = "nothing"
    done: int = 1
    already: bool = False


@define
class Life:
    """What one seed led to."""

    seed: int
    faults: list[str] = field(factory=list)
    counts: Counter[str] = field(factory=Counter)
    resolution_seconds: list[float] = field(factory=list)
    changed: dict[str, Changed] = field(factory=dict)
    extras: dict[str, Any] = field(factory=dict, eq=False)  # errors among them


def play(seed: int) -> Life:
    """Live one seed and judge it. Deterministic."""
    world = World(seed, dedupe=DEDUPES[seed % 3])
    life, machine = Life(seed), Machine(world)
    wanted = _wanted(world)
    extras = [name for name in EXTRAS if world.rng.random() < 0.2]
    for _ in range(LIVES):
        try:
            _bot(Process(machine), wanted, extras, life)
            break
        except Crash:
            life.counts["crashes"] += 1
    _calm(machine, wanted, life)
    judgement.judge(machine, wanted, life)
    life.counts["requests"] += world.requests
    life.counts["intents"] += len(wanted)
    life.counts.update({f"happened {name}": n for name, n in world.happened.items()})
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
            changes=tuple(rng.choice(CHANGES) for _ in range(rng.choice((0, 0, 1, 1, 2, 3)))),
        )
        for number in range(rng.choice((1, 1, 2, 2, 3, 4)))
    ]


def _bot(process: Process, wanted: list[Wanted], extras: list[str], life: Life) -> None:
    """Run the bot's script from the start, as a restarted bot does."""
    world = process.world
    try:
        process.run(writes.recover(world.contract, process.context))
    except (JournalError, Abandoned):
        life.counts["recovery failed"] += 1
    if len(wanted) > 2 and world.rng.random() < 0.5:
        tickets = [want.ticket() for want in wanted]
        results = attempt(
            life, process, writes.place_many(world.contract, tickets, process.context)
        )
        for want, result in zip(wanted, results if isinstance(results, list) else (), strict=False):
            judgement.placed(world, want, result, life)
    for want in wanted:
        ack = _place(process, want, life)
        if isinstance(ack, OrderAck):
            _change_all(process, want, ack.order_id, life)
    for name in extras:
        _extra(process, name, life)


def _place(process: Process, want: Wanted, life: Life) -> Any:
    world, began = process.world, process.world.time
    flow = writes.place(world.contract, want.ticket(), process.context)
    result = attempt(life, process, flow)
    judgement.placed(world, want, result, life)
    if isinstance(result, OrderAck) and result.replayed and world.time > began:
        life.resolution_seconds.append(world.time - began)
    return result


def attempt(life: Life, process: Process, flow: Any) -> Any:
    """Run a flow and return what it gave or raised."""
    try:
        result = process.run(flow)
    except OutcomeUnknown as error:
        life.counts["unknown"] += 1
        return error
    except DuplicateIdConflict as error:
        life.faults.append(f"wrong verdict: {error.args[0]}")
        return error
    except (Refused, NotSent) as error:
        life.counts[type(error).__name__] += 1
        return error
    except KalshiError as error:
        life.faults.append(f"no verdict: {error!r}")
        return error
    except Abandoned:
        life.counts["abandoned"] += 1
        return None
    life.counts["done"] += 1
    return result


def _change_all(process: Process, want: Wanted, order_id: str, life: Life) -> None:
    known = life.changed.get(want.intent)
    first = 0 if known is None else known.done
    for number, kind in enumerate(want.changes[first:], first + 1):
        known = life.changed.get(want.intent)
        if known is not None and known.said != "accepted":
            return  # what became of the change before is not known yet
        if not _change(process, want, kind, order_id, number, life):
            return


def _change(
    process: Process, want: Wanted, kind: str, order_id: str, number: int, life: Life
) -> bool:
    world = process.world
    before = world.engine.truth.order(order_id)
    if before is None or before["status"] != "resting":
        return False
    expected, flow = _flow(process, want, kind, before)
    entries = len(judgement.changes_of(process.machine, order_id))
    changed = Changed(kind, order_id, expected, entries, done=number)
    changed.already = judgement.change_fault(before, changed, done=True) is None
    life.changed[want.intent] = changed
    result = attempt(life, process, flow)
    if isinstance(result, list):
        result = result[0]
    changed.said = _said(result)
    life.counts[f"change {changed.said}"] += 1
    judgement.changed_now(world, want, changed, life)
    return True


def _said(result: Any) -> str:
    if isinstance(result, OrderAck):
        return "accepted"
    if isinstance(result, OutcomeUnknown) or result is None:
        return "unknown"
    return "not done" if isinstance(result, Refused | NotSent) else type(result).__name__


def _flow(process: Process, want: Wanted, kind: str, before: dict[str, Any]) -> tuple[Any, Any]:
    contract, context, rng = process.world.contract, process.context, process.world.rng
    target = Target.of(before["order_id"], ticker=want.ticker if rng.random() < 0.7 else None)
    total = Decimal(before["fill_count_fp"]) + Decimal(before["remaining_count_fp"])
    if kind in ("amend", "expire"):
        price = before["yes_price_dollars"] if kind == "expire" else _price(want, rng)
        count = total if kind == "expire" else total + rng.choice((0, 1, 2))
        expires = int(process.world.time) + 900_000 + rng.randrange(9) if kind == "expire" else None
        ticket = AmendTicket.of(
            before["order_id"],
            ticker=want.ticker,
            side=want.side,  # type: ignore[arg-type]
            price=price,
            count=count,
            expires=expires,
        )
        return (ticket.price, ticket.count, expires), writes.amend(contract, ticket, context)
    if kind == "cancel":
        return None, writes.cancel(contract, target, context)
    if kind == "cancel_many":
        return None, writes.cancel_many(contract, [target], context)
    if kind == "to":
        left = Decimal(before["remaining_count_fp"])
        to = max(left - rng.choice((1, 2)), Decimal(1))
        ticket_to = DecreaseTicket.of(target, to=str(to))
        return to, writes.decrease(contract, ticket_to, context)
    by = DecreaseTicket.of(target, by=1)
    return (total, Decimal(1)), writes.decrease(contract, by, context)


def _price(want: Wanted, rng: Any) -> str:
    return str(rng.choice(("0.41", "0.42") if want.side == "bid" else ("0.58", "0.59")))


def _extra(process: Process, name: str, life: Life) -> None:
    """Make one of the writes without a key, once in a life; the keyed one in every run."""
    world, context = process.world, process.context
    contract, number = world.contract, 100 + world.seed % 1000
    if name == "keyed":
        life.extras[name] = "perhaps"
        life.extras[name] = attempt(life, process, _keyed_transfer(process))
        if life.extras[name] is None and life.counts["abandoned"]:
            life.extras[name] = "perhaps"
        return
    if name in life.extras:
        return
    life.extras[name] = "started"
    if name == "group":
        flow: Any = writes.create_group(contract, Decimal(number), None, None, context)
    elif name == "transfer":
        ticket = InstanceTransferTicket(
            source="event_contract",
            destination="event_contract",
            amount=number * 100,
            source_exchange_shard=0,
            destination_exchange_shard=2,
        )
        flow = writes.transfer_between_instances(contract, ticket, context)
    elif name == "subaccount":
        flow = writes.create_subaccount(contract, None, context)
    else:
        group = getattr(life.extras.get("group"), "id", None)
        if group is None:
            return
        flow = writes.delete_group(contract, group, None, None, context)
        life.extras["deleted"] = group
        result = attempt(life, process, flow)
        life.extras[name] = "gone" if result is None else result
        if life.counts["abandoned"] and result is None:
            life.extras[name] = "perhaps"
        return
    life.extras[name] = attempt(life, process, flow)


def _keyed_transfer(process: Process) -> Any:
    seed = process.world.seed
    key = f"00000000-0000-4000-8000-{seed:012d}"
    call = process.world.contract.subaccounts.transfer(key, 0, 1, 100 + seed % 1000, 0)
    return writes.transfer_between_subaccounts(call, process.context)


def _calm(machine: Machine, wanted: list[Wanted], life: Life) -> None:
    """Let the faults stop; then everything must find its verdict, and the script can end."""
    world = machine.world
    world.calm()
    process = Process(machine, may_fail=False)
    began = world.time
    for _ in range(3):
        resolutions = process.run(writes.recover(world.contract, process.context))
        if all(found.state is not State.UNKNOWN for found in resolutions):
            break
    life.counts["recovered"] += len(resolutions)
    if resolutions:
        life.resolution_seconds.append(world.time - began)
    if "keyed" in life.extras:  # what recovery cannot tell, as it sends nothing, the repeat does
        life.extras["keyed"] = attempt(life, process, _keyed_transfer(process))
    world.advance(200.0)  # whatever copy is still on its way arrives now
    judgement.settled(machine, wanted, life)
    for want in wanted:
        result = _place(process, want, life)
        held = isinstance(result, EarlierWriteUnsettled) and judgement.is_left_open(machine, want)
        if not held and not isinstance(result, OrderAck | Refused):
            life.faults.append(f"unsettled: {want.intent} in a calm world: {result!r}")
