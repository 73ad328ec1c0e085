"""The judge of the simulated world: compares what was said with the engine's own books.

simulation_world lists the kinds of faults. Three moments are judged: an acknowledgement when it is
given, the journal once the faults have stopped and every late copy has arrived, and the orders in
the end.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import simulation_states
from simulation_process import Machine
from simulation_world import ACCOUNT, SimulatedWorld

from kalshi_ext.errors import NotSent, OutcomeUnknown, Refused
from kalshi_ext.journal import Entry, State
from kalshi_ext.models import OrderAck, OrderGroup
from kalshi_ext.writes.transfer import SUBACCOUNT_TRANSFER as KEYED

if TYPE_CHECKING:
    from simulation_bot import OrderChange, SeedRun, WantedOrder

EXECUTED = (State.ACKNOWLEDGED, State.RESOLVED)


def journal_entries(machine: Machine) -> list[tuple[Entry, dict[str, Any]]]:
    """Return the journal's entries with their tickets, oldest first."""
    return [(entry, json.loads(entry.ticket)) for entry in machine.journal.entries()]


def order_changes(machine: Machine, order_id: str) -> list[Entry]:
    """Return the journal's changes of one order."""
    return [
        entry for entry, ticket in journal_entries(machine) if ticket.get("order_id") == order_id
    ]


def has_open_decrease(machine: Machine, wanted: WantedOrder) -> bool:
    """Say whether a `decrease by` of this ticker is open, which rightly holds new orders back.

    It is left to a person where the journal failed to record its acknowledgement and the order
    changed since: the order no longer tells whether the difference was taken off.
    """
    open_tickets = [ticket for entry, ticket in journal_entries(machine) if entry.is_open]
    return any(
        ticket.get("by") and ticket.get("ticker") in (None, wanted.ticker)
        for ticket in open_tickets
    )


def check_ack(world: SimulatedWorld, wanted: WantedOrder, result: Any, run: SeedRun) -> None:
    """Judge an acknowledgement the moment it is given."""
    if not isinstance(result, OrderAck):
        return
    order_ids = [order["order_id"] for order in world.orders_of(wanted.ticket().client_order_id)]
    if result.order_id not in order_ids:
        run.faults.append(f"wrong verdict: {wanted.intent} was told {result.order_id}")


def check_change_ack(
    world: SimulatedWorld, wanted: WantedOrder, change: OrderChange, run: SeedRun
) -> None:
    """Judge a change said to be done, at once: later one cannot see that it was premature."""
    if change.verdict == "accepted":
        _check_change(world, wanted, change, True, run, "just now")


def check_journal(machine: Machine, wanted_orders: list[WantedOrder], run: SeedRun) -> None:
    """Judge the journal once the world is calm and every late copy has come."""
    for wanted in wanted_orders:
        ticket = wanted.ticket()
        entry = machine.journal.get(ticket.client_order_id)
        orders = machine.world.orders_of(ticket.client_order_id)
        run.faults.extend(_verdict_faults(wanted, entry, orders))
        change = run.changes.get(wanted.intent)
        if change is not None:
            _check_change_entry(machine, wanted, change, run)
    _check_extras(machine, run)


def check_told(machine: Machine, run: SeedRun) -> None:
    """Judge that each verdict of the journal reached a caller, or that recovery spoke of it."""
    for entry, _ in journal_entries(machine):
        if not entry.is_open and entry.key not in machine.heard:
            run.faults.append(f"untold: {entry.key} is {entry.state}, and nobody was told")


def check_orders(machine: Machine, wanted_orders: list[WantedOrder], run: SeedRun) -> None:
    """Judge the end: each intent is one order at most, and the one its journal names."""
    world = machine.world
    for wanted in wanted_orders:
        orders = world.orders_of(wanted.ticket().client_order_id)
        entry = machine.journal.get(wanted.ticket().client_order_id)
        if len(orders) > 1:
            run.faults.append(f"duplicate: {wanted.intent} made {len(orders)} orders")
        run.faults.extend(_verdict_faults(wanted, entry, orders))
        wrong_orders = [
            o
            for o in orders
            if (o["ticker"], o["book_side"]) != (wanted.ticket().ticker, wanted.side)
        ]
        run.faults.extend(f"wrong order: {wanted.intent} became {order}" for order in wrong_orders)
        run.counts["orders"] += len(orders)
    strays = len(world.engine.truth.orders(account=ACCOUNT)) - run.counts["orders"]
    if strays:
        run.faults.append(f"wrong order: {strays} orders nobody asked for")


def _verdict_faults(
    wanted: WantedOrder, entry: Entry | None, orders: list[dict[str, Any]]
) -> list[str]:
    if entry is None:
        return (
            [f"lost: {wanted.intent} made {len(orders)} orders without a record"] if orders else []
        )
    if entry.is_open:
        return [f"unsettled: {wanted.intent} is still {entry.state} in a calm world"]
    executed = entry.order_id is not None
    if executed and not orders:
        return [f"wrong verdict: {wanted.intent} is {entry.state} but no order exists"]
    if executed and orders[0]["order_id"] != entry.order_id:
        return [f"wrong verdict: {wanted.intent} names order {entry.order_id}"]
    if not executed and orders:
        return [f"lost: {wanted.intent} is {entry.state} but an order exists"]
    return []


def _check_change_entry(
    machine: Machine, wanted: WantedOrder, change: OrderChange, run: SeedRun
) -> None:
    world = machine.world
    entries = order_changes(machine, change.order_id)[change.entries_before :]
    if entries and entries[-1].is_open:
        # A difference whose outcome the order does not show is left to a person; so is a change
        # of an order that ended, where the end does not tell which of the two came first.
        order = world.engine.truth.order(change.order_id)
        ended = order is not None and order["status"] != "resting"
        if change.kind != "by" and not ended:
            run.faults.append(f"unsettled: {wanted.intent} {change.kind} is {entries[-1].state}")
        return
    if entries:
        executed = entries[-1].state in EXECUTED
        if change.verdict == "accepted" and not executed:
            run.faults.append(
                f"wrong verdict: {wanted.intent} {change.kind} is {entries[-1].state}"
            )
        _check_change(world, wanted, change, executed, run, entries[-1].state)
    elif change.verdict in ("accepted", "not done"):
        _check_change(world, wanted, change, change.verdict == "accepted", run, change.verdict)


def _check_change(
    world: SimulatedWorld,
    wanted: WantedOrder,
    change: OrderChange,
    executed: bool,
    run: SeedRun,
    when: str,
) -> None:
    order = world.engine.truth.order(change.order_id)
    if order is None:
        run.faults.append(f"lost: the order {change.order_id}")
        return
    if change.was_in_place and not executed:  # refused as no change at all
        return
    # The change before it may have made it so; and a difference is taken from what that one left.
    if change.after_doubt and (not executed or change.kind == "by"):
        return
    fault = contradiction(order, change, executed=executed)
    if fault:
        claim = "done" if executed else "not done"
        run.faults.append(
            f"wrong verdict: {wanted.intent} {change.kind} is said {claim} ({when}), but {fault}"
        )


def contradiction(order: dict[str, Any], change: OrderChange, *, executed: bool) -> str | None:
    """Say what of an order contradicts that a change is done, or is not."""
    is_resting = order["status"] == "resting"
    if change.kind in ("cancel", "cancel_many"):
        return "it rests" if executed and is_resting else None
    if not is_resting:
        return None
    remaining = Decimal(order["remaining_count_fp"])
    total = Decimal(order["fill_count_fp"]) + remaining
    if change.kind == "to":  # fills may bring it there without a decrease
        return f"{remaining} remain" if executed and remaining > change.expected else None
    if change.kind == "by":
        before, by = change.expected
        return (
            f"{before} became {total}" if total != (before - by if executed else before) else None
        )
    price, count, expires = change.expected
    is_as_wanted = (Decimal(order["yes_price_dollars"]), total) == (price, count)
    if expires is not None:
        is_as_wanted = is_as_wanted and str(order.get("expiration_time")).startswith(
            _to_the_second(expires)
        )
    return f"it is {order}" if is_as_wanted != executed else None


def _to_the_second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _check_extras(machine: Machine, run: SeedRun) -> None:
    """Judge the writes that are no orders. Each seed's amount names what the seed has made."""
    world, amount = machine.world, 100 + machine.world.seed % 1000
    rows = world.engine.truth.groups(account=ACCOUNT)
    groups = [row["id"] for row in rows]
    for row in rows:
        run.faults += simulation_states.contradictions(row, run.states)
    transfers = [
        row["transfer_id"]
        for row in world.read("GetIntraExchangeInstanceTransfers").get("transfers") or []
        if Decimal(str(row["amount"])) == Decimal(amount) / 100
    ]
    numbers = [
        str(row["subaccount_number"])
        for row in world.read("GetSubaccountBalances").get("subaccount_balances") or []
        if row["subaccount_number"] > 1
    ]
    if "deleted" not in run.extras:
        _check_keyless_write(machine, run, "group", groups)
    elif run.extras.get("delete_group") == "gone" and groups:
        run.faults.append("wrong verdict: the group is said deleted and is there")
    _check_keyless_write(machine, run, "transfer", transfers)
    _check_keyless_write(machine, run, "subaccount", sorted(set(numbers)))
    _check_keyed_transfer(machine, run, amount)


def _denies_execution(result: Any) -> bool:
    """Say whether a result says that nothing happened."""
    return isinstance(result, NotSent | Refused) and not isinstance(result, OutcomeUnknown)


def _check_keyless_write(machine: Machine, run: SeedRun, kind: str, created: list[str]) -> None:
    entries = [entry for entry, ticket in journal_entries(machine) if ticket.get("kind") == kind]
    if len(created) > 1:
        run.faults.append(f"duplicate: {kind} was made {len(created)} times")
    if not entries:
        if created:
            run.faults.append(f"lost: {kind} was made without a record")
        return
    entry, result = entries[-1], run.extras.get(kind)
    if entry.is_open:
        # Not seen is unknown for ever: nothing says how fresh these lists are. A group is known by
        # its limit, which may be another by now.
        if created and not (kind == "group" and run.states):
            run.faults.append(f"unsettled: {kind} is {entry.state}, made {created}")
    elif (entry.state in EXECUTED) != bool(created):
        run.faults.append(f"wrong verdict: {kind} is {entry.state}, made {created}")
    elif created and entry.order_id != created[0]:
        run.faults.append(f"wrong verdict: {kind} is {entry.order_id}, made {created}")
    if _denies_execution(result) and created:
        run.faults.append(f"wrong verdict: {kind} was said {result!r}, made {created}")
    if isinstance(result, OrderGroup) and [result.id] != created:
        run.faults.append(f"wrong verdict: {kind} was said {result.id}, made {created}")


def _check_keyed_transfer(machine: Machine, run: SeedRun, amount_cents: int) -> None:
    if "keyed" not in run.extras:
        return
    rows = machine.world.read("GetSubaccountTransfers").get("transfers") or []
    count = sum(1 for row in rows if row["amount_cents"] == amount_cents)
    result = run.extras["keyed"]
    if count > 1:
        run.faults.append(f"duplicate: the keyed transfer was made {count} times")
    if result is None and count != 1:
        run.faults.append("wrong verdict: the keyed transfer is said done and is not")
    if _denies_execution(result) and count:
        run.faults.append(f"wrong verdict: the keyed transfer was said {result!r} and is done")
    for entry, ticket in journal_entries(machine):
        if ticket.get("kind") != KEYED:
            continue
        # Left open it is for a repeat under its key to settle: no read names the key.
        if not entry.is_open and (entry.state in EXECUTED) != bool(count):
            run.faults.append(f"wrong verdict: the keyed transfer is {entry.state}, made {count}")
