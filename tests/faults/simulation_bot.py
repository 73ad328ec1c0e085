"""One seed of the simulated world: a bot's script, its deaths, and the calm at the end.

A seed draws one to four orders, what is done to each afterwards, and some writes beside. The bot
runs its script, is started anew after each crash (MAX_LIVES times), and then the faults stop: now
recovery must find every verdict and the whole script must come to its end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any

import simulation_oracle
from attrs import define, field, frozen
from simulation_process import Crash, FlowCancelled, Machine, Process
from simulation_states import STATES, StateCall, state_flow
from simulation_world import TICKERS, SimulatedWorld

from kalshi_ext import bulk, writes
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
from kalshi_ext.requests import (
    AmendTicket,
    DecreaseTicket,
    InstanceTransferTicket,
    OrderTicket,
    Target,
)

DEDUPES = ("forever", "while_open", "seconds")
MAX_LIVES = 5  # of a bot before the faults stop
CHANGES = ("amend", "expire", "to", "by", "cancel", "cancel_many")
EXTRAS = ("group", "states", "delete_group", "transfer", "subaccount", "keyed")


@frozen
class WantedOrder:
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
def _ticket(wanted: WantedOrder) -> OrderTicket:
    return OrderTicket.of(
        wanted.ticker,
        side=wanted.side,  # type: ignore[arg-type]
        count=wanted.count,
        price=wanted.price,
        intent=wanted.intent,
        time_in_force=wanted.time_in_force,
    )


@define
class OrderChange:
    """The last change made to an order: the verdict the bot was given, and what it asked for.

    `number` counts the order's changes. `was_in_place`: the order was as wanted before the change,
    so that "not done" is true as well. `after_doubt`: nobody knew what became of one before it.
    """

    kind: str
    order_id: str
    expected: Any
    entries_before: int
    verdict: str = "nothing"
    number: int = 1
    was_in_place: bool = False
    after_doubt: bool = False

    @property
    def leaves_doubt(self) -> bool:
        """Say whether a change that follows is made in doubt."""
        return self.after_doubt or self.verdict != "accepted"


@define
class SeedRun:
    """What one seed led to. `changes` is by intent, `extras` by the name of the write."""

    seed: int
    faults: list[str] = field(factory=list)
    counts: Counter[str] = field(factory=Counter)
    resolution_seconds: list[float] = field(factory=list)
    changes: dict[str, OrderChange] = field(factory=dict)
    states: list[StateCall] = field(factory=list)
    extras: dict[str, Any] = field(factory=dict, eq=False)  # errors among them


def run_seed(seed: int, *, only: Sequence[str] = ()) -> SeedRun:
    """Run one seed and judge it; `only` these of EXTRAS, and no orders. Deterministic."""
    world = SimulatedWorld(seed, dedupe=DEDUPES[seed % 3])
    run, machine = SeedRun(seed), Machine(world)
    wanted_orders = [] if only else _draw_orders(world)
    extras = [*only] or [name for name in EXTRAS if world.rng.random() < 0.2]
    if "states" in extras and "group" not in extras:
        extras.insert(0, "group")
    for _ in range(MAX_LIVES):
        try:
            _run_bot(Process(machine), wanted_orders, extras, run)
            break
        except Crash:
            run.counts["crashes"] += 1
    _settle(machine, wanted_orders, run)
    simulation_oracle.check_orders(machine, wanted_orders, run)
    simulation_oracle.check_told(machine, run)
    run.counts["requests"] += world.requests
    run.counts["intents"] += len(wanted_orders)
    run.counts.update({f"happened {name}": n for name, n in world.happened.items()})
    if world.engine.settings.empty_lists == "omit":
        # A list without its key proves no absence: a write that never arrived stays unknown there,
        # and holds back what comes after it. Duplicates, losses and wrong verdicts still count.
        unsettled = [fault for fault in run.faults if fault.startswith("unsettled")]
        run.counts["left open"] += len(unsettled)
        run.faults = [fault for fault in run.faults if fault not in unsettled]
    return run


def _draw_orders(world: SimulatedWorld) -> list[WantedOrder]:
    rng = world.rng
    return [
        WantedOrder(
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


def _run_bot(
    process: Process, wanted_orders: list[WantedOrder], extras: list[str], run: SeedRun
) -> None:
    """Run the bot's script from the start, as a restarted bot does."""
    world = process.world
    try:
        process.run(writes.recover(world.contract, process.context))
    except (JournalError, FlowCancelled):
        run.counts["recovery failed"] += 1
    if len(wanted_orders) > 2 and world.rng.random() < 0.5:
        tickets = [wanted.ticket() for wanted in wanted_orders]
        results = attempt(run, process, bulk.place_many(world.contract, tickets, process.context))
        for wanted, result in zip(
            wanted_orders, results if isinstance(results, list) else (), strict=False
        ):
            simulation_oracle.check_ack(world, wanted, result, run)
    for wanted in wanted_orders:
        ack = _place(process, wanted, run)
        if isinstance(ack, OrderAck):
            _make_changes(process, wanted, ack.order_id, run)
    for name in extras:
        _make_extra_write(process, name, run)


def _place(process: Process, wanted: WantedOrder, run: SeedRun) -> Any:
    world, began = process.world, process.world.time
    flow = writes.place(world.contract, wanted.ticket(), process.context)
    result = attempt(run, process, flow)
    simulation_oracle.check_ack(world, wanted, result, run)
    if isinstance(result, OrderAck) and result.replayed and world.time > began:
        run.resolution_seconds.append(world.time - began)
    return result


def attempt(run: SeedRun, process: Process, flow: Any) -> Any:
    """Run a flow and return its result or its error; None when it was cancelled."""
    try:
        result = process.run(flow)
    except OutcomeUnknown as error:
        run.counts["unknown"] += 1
        return error
    except DuplicateIdConflict as error:
        run.faults.append(f"wrong verdict: {error.args[0]}")
        return error
    except (Refused, NotSent) as error:
        run.counts[type(error).__name__] += 1
        return error
    except KalshiError as error:
        run.faults.append(f"no verdict: {error!r}")
        return error
    except FlowCancelled:
        run.counts["abandoned"] += 1
        return None
    run.counts["done"] += 1
    return result


def _make_changes(process: Process, wanted: WantedOrder, order_id: str, run: SeedRun) -> None:
    last_change = run.changes.get(wanted.intent)
    made = 0 if last_change is None else last_change.number
    for number, kind in enumerate(wanted.changes[made:], made + 1):
        last_change = run.changes.get(wanted.intent)
        in_doubt = last_change is not None and last_change.leaves_doubt
        # What became of the change before is not known yet: some bots go on all the same.
        if in_doubt and process.world.rng.random() < 0.5:
            return
        if not _make_change(process, wanted, kind, order_id, number, run):
            return


def _make_change(
    process: Process, wanted: WantedOrder, kind: str, order_id: str, number: int, run: SeedRun
) -> bool:
    world = process.world
    row = world.engine.truth.order(order_id)
    if row is None or row["status"] != "resting":
        return False  # filled or expired meanwhile: nothing of it can be changed any more
    expected, flow = _change_flow(process, wanted, kind, row)
    entries = len(simulation_oracle.order_changes(process.machine, order_id))
    change = OrderChange(kind, order_id, expected, entries, number=number)
    before = run.changes.get(wanted.intent)
    change.after_doubt = before is not None and before.leaves_doubt
    change.was_in_place = simulation_oracle.contradiction(row, change, executed=True) is None
    run.changes[wanted.intent] = change
    result = attempt(run, process, flow)
    if isinstance(result, list):
        result = result[0]
    change.verdict = _verdict_of(result)
    run.counts[f"change {change.verdict}"] += 1
    simulation_oracle.check_change_ack(world, wanted, change, run)
    return True


def _verdict_of(result: Any) -> str:
    if isinstance(result, OrderAck):
        return "accepted"
    if isinstance(result, OutcomeUnknown) or result is None:
        return "unknown"
    return "not done" if isinstance(result, Refused | NotSent) else type(result).__name__


def _change_flow(
    process: Process, wanted: WantedOrder, kind: str, row: dict[str, Any]
) -> tuple[Any, Any]:
    contract, context, rng = process.world.contract, process.context, process.world.rng
    target = Target.of(row["order_id"], ticker=wanted.ticker if rng.random() < 0.7 else None)
    total = Decimal(row["fill_count_fp"]) + Decimal(row["remaining_count_fp"])
    limit = {"deadline": rng.choice((None, None, None, 3.0))}  # over before a copy comes
    if kind in ("amend", "expire"):
        price = row["yes_price_dollars"] if kind == "expire" else _amended_price(wanted, rng)
        count = total if kind == "expire" else total + rng.choice((0, 1, 2))
        expires = int(process.world.time) + 900_000 + rng.randrange(9) if kind == "expire" else None
        ticket = AmendTicket.of(
            row["order_id"],
            ticker=wanted.ticker,
            side=wanted.side,  # type: ignore[arg-type]
            price=price,
            count=count,
            expires=expires,
        )
        return (ticket.price, ticket.count, expires), writes.amend(
            contract, ticket, context, **limit
        )
    if kind == "cancel":
        return None, writes.cancel(contract, target, context)
    if kind == "cancel_many":
        return None, bulk.cancel_many(contract, [target], context)
    if kind == "to":
        remaining = Decimal(row["remaining_count_fp"])
        to = max(remaining - rng.choice((1, 2)), Decimal(1))
        to_size = DecreaseTicket.of(target, to=str(to))
        return to, writes.decrease(contract, to_size, context, **limit)
    by_one = DecreaseTicket.of(target, by=1)
    return (total, Decimal(1)), writes.decrease(contract, by_one, context)


def _amended_price(wanted: WantedOrder, rng: Any) -> str:
    return str(rng.choice(("0.41", "0.42") if wanted.side == "bid" else ("0.58", "0.59")))


def _make_extra_write(process: Process, name: str, run: SeedRun) -> None:
    """Make a write that is no order; the keyed transfer in every life, the others only once.

    The others carry no key, so that a second call would rightly make a second one.
    """
    world, context = process.world, process.context
    contract, amount = world.contract, 100 + world.seed % 1000
    if name == "keyed":
        run.extras[name] = "perhaps"
        run.extras[name] = attempt(run, process, _keyed_transfer(process))
        if run.extras[name] is None and run.counts["abandoned"]:
            run.extras[name] = "perhaps"
        return
    if name in run.extras:
        return
    run.extras[name] = "started"
    if name == "states":
        _ask_for_states(process, run)
        return
    if name == "group":
        flow: Any = writes.create_group(contract, Decimal(amount), None, None, context)
    elif name == "transfer":
        ticket = InstanceTransferTicket(
            source="event_contract",
            destination="event_contract",
            amount=amount * 100,
            source_exchange_shard=0,
            destination_exchange_shard=2,
        )
        flow = writes.transfer_between_instances(contract, ticket, context)
    elif name == "subaccount":
        flow = writes.create_subaccount(contract, None, context)
    else:
        group = getattr(run.extras.get("group"), "id", None)
        if group is None:
            return
        flow = writes.delete_group(contract, group, None, None, context)
        run.extras["deleted"] = group
        result = attempt(run, process, flow)
        run.extras[name] = "gone" if result is None else result
        if run.counts["abandoned"] and result is None:
            run.extras[name] = "perhaps"
        return
    run.extras[name] = attempt(run, process, flow)


def _ask_for_states(process: Process, run: SeedRun) -> None:
    """Ask for two or three states of the group in a row, in one life."""
    rng, group = process.world.rng, getattr(run.extras.get("group"), "id", None)
    if group is None:
        return
    for word in [rng.choice(STATES) for _ in range(rng.choice((2, 2, 3)))]:
        wanted = Decimal(rng.choice((20, 30, 40))) if word == "set_limit" else word == "trigger"
        asked = StateCall(word, wanted)
        run.states.append(asked)
        abandoned = run.counts["abandoned"]
        result = attempt(run, process, state_flow(process, group, asked))
        if result is None and run.counts["abandoned"] == abandoned:
            asked.verdict = "accepted"
        elif isinstance(result, Refused | NotSent) and not isinstance(result, OutcomeUnknown):
            asked.verdict = "not done"
        run.counts[f"state {asked.verdict}"] += 1


def _keyed_transfer(process: Process) -> Any:
    seed = process.world.seed
    key = f"00000000-0000-4000-8000-{seed:012d}"
    call = process.world.contract.subaccounts.transfer(key, 0, 1, 100 + seed % 1000, 0)
    return writes.transfer_between_subaccounts(call, process.context)


def _settle(machine: Machine, wanted_orders: list[WantedOrder], run: SeedRun) -> None:
    """Let the faults stop; then everything must find its verdict, and the script can end."""
    world = machine.world
    world.stop_faults()
    process = Process(machine, may_fail=False)
    began = world.time
    for _ in range(3):
        resolutions = process.run(writes.recover(world.contract, process.context))
        if all(resolution.state is not State.UNKNOWN for resolution in resolutions):
            break
    run.counts["recovered"] += len(resolutions)
    if resolutions:
        run.resolution_seconds.append(world.time - began)
    if "keyed" in run.extras:
        # Recovery sends nothing, and no read shows a transfer's key: only the repeat can tell.
        run.extras["keyed"] = attempt(run, process, _keyed_transfer(process))
    world.advance(200.0)  # whatever copy is still on its way arrives now
    simulation_oracle.check_journal(machine, wanted_orders, run)
    for wanted in wanted_orders:
        result = _place(process, wanted, run)
        is_held_back = isinstance(
            result, EarlierWriteUnsettled
        ) and simulation_oracle.has_open_decrease(machine, wanted)
        if not is_held_back and not isinstance(result, OrderAck | Refused):
            run.faults.append(f"unsettled: {wanted.intent} in a calm world: {result!r}")
