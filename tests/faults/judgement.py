"""What truly is against what was said: the engine is the only witness."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from simulated_process import Machine
from world import ACCOUNT, World

from kalshi_ext.errors import NotSent, OutcomeUnknown, Refused
from kalshi_ext.journal import Entry, State
from kalshi_ext.models import OrderAck, OrderGroup
from kalshi_ext.writes.transfer import SUBACCOUNT_TRANSFER as KEYED

if TYPE_CHECKING:
    from scenario import Changed, Life, Wanted

DONE = (State.ACKNOWLEDGED, State.RESOLVED)


def entries(machine: Machine) -> list[tuple[Entry, dict[str, Any]]]:
    """Return the journal's entries with their tickets, oldest first."""
    return [(entry, json.loads(entry.ticket)) for entry in machine.journal.entries()]


def changes_of(machine: Machine, order_id: str) -> list[Entry]:
    """Return the journal's changes of one order."""
    return [entry for entry, said in entries(machine) if said.get("order_id") == order_id]


def is_left_open(machine: Machine, want: Wanted) -> bool:
    """Say whether a difference of this ticker is left to a person, which holds new orders back.

    So it is where the journal failed to record its acknowledgement and the order changed since.
    """
    rows = [said for entry, said in entries(machine) if entry.is_open]
    return any(said.get("by") and said.get("ticker") in (None, want.ticker) for said in rows)


def placed(world: World, want: Wanted, result: Any, life: Life) -> None:
    """Judge an acknowledgement the moment it is given."""
    if not isinstance(result, OrderAck):
        return
    known = [order["order_id"] for order in world.truth(want.ticket().client_order_id)]
    if result.order_id not in known:
        life.faults.append(f"wrong verdict: {want.intent} was told {result.order_id}")


def changed_now(world: World, want: Wanted, changed: Changed, life: Life) -> None:
    """Judge a change said to be done, at once: nothing of it may be on its way any more."""
    if changed.said == "accepted":
        _judge_change(world, want, changed, True, life, "just now")


def settled(machine: Machine, wanted: list[Wanted], life: Life) -> None:
    """Judge the journal once the world is calm and every late copy has come."""
    for want in wanted:
        ticket = want.ticket()
        entry = machine.journal.get(ticket.client_order_id)
        orders = machine.world.truth(ticket.client_order_id)
        life.faults.extend(_verdict_faults(want, entry, orders))
        changed = life.changed.get(want.intent)
        if changed is not None:
            _settled_change(machine, want, changed, life)
    _extras(machine, life)


def judge(machine: Machine, wanted: list[Wanted], life: Life) -> None:
    """Judge the end: each intent is one order at most, and the one its journal names."""
    world = machine.world
    for want in wanted:
        orders = world.truth(want.ticket().client_order_id)
        entry = machine.journal.get(want.ticket().client_order_id)
        if len(orders) > 1:
            life.faults.append(f"duplicate: {want.intent} made {len(orders)} orders")
        life.faults.extend(_verdict_faults(want, entry, orders))
        wrong = [
            o for o in orders if (o["ticker"], o["book_side"]) != (want.ticket().ticker, want.side)
        ]
        life.faults.extend(f"wrong order: {want.intent} became {order}" for order in wrong)
        life.counts["orders"] += len(orders)
    stray = len(world.engine.truth.orders(account=ACCOUNT)) - life.counts["orders"]
    if stray:
        life.faults.append(f"wrong order: {stray} orders nobody asked for")


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


def _settled_change(machine: Machine, want: Wanted, changed: Changed, life: Life) -> None:
    world = machine.world
    rows = changes_of(machine, changed.order_id)[changed.entries_before :]
    if rows and rows[-1].is_open:
        # A difference whose outcome the order does not tell is left to a person.
        if changed.kind != "by":
            life.faults.append(f"unsettled: {want.intent} {changed.kind} is {rows[-1].state}")
        return
    if rows:
        done = rows[-1].state in DONE
        if changed.said == "accepted" and not done:
            life.faults.append(f"wrong verdict: {want.intent} {changed.kind} is {rows[-1].state}")
        _judge_change(world, want, changed, done, life, rows[-1].state)
    elif changed.said in ("accepted", "not done"):
        _judge_change(world, want, changed, changed.said == "accepted", life, changed.said)


def _judge_change(
    world: World, want: Wanted, changed: Changed, done: bool, life: Life, when: str
) -> None:
    order = world.engine.truth.order(changed.order_id)
    if order is None:
        life.faults.append(f"lost: the order {changed.order_id}")
        return
    if changed.already and not done:  # refused as no change at all
        return
    fault = change_fault(order, changed, done=done)
    if fault:
        said = "done" if done else "not done"
        life.faults.append(
            f"wrong verdict: {want.intent} {changed.kind} is said {said} ({when}), but {fault}"
        )


def change_fault(order: dict[str, Any], changed: Changed, *, done: bool) -> str | None:
    """Say what of an order contradicts that a change is done, or is not."""
    rests = order["status"] == "resting"
    if changed.kind in ("cancel", "cancel_many"):
        return "it rests" if done and rests else None
    if not rests:
        return None
    left = Decimal(order["remaining_count_fp"])
    total = Decimal(order["fill_count_fp"]) + left
    if changed.kind == "to":  # fills may bring it there without a decrease
        return f"{left} remain" if done and left > changed.expected else None
    if changed.kind == "by":
        before, by = changed.expected
        return f"{before} became {total}" if total != (before - by if done else before) else None
    price, count, expires = changed.expected
    as_wanted = (Decimal(order["yes_price_dollars"]), total) == (price, count)
    if expires is not None:
        as_wanted = as_wanted and str(order.get("expiration_time")).startswith(_minute(expires))
    return f"it is {order}" if as_wanted != done else None


def _minute(seconds: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _extras(machine: Machine, life: Life) -> None:
    """Judge what was made without a key."""
    world, number = machine.world, 100 + machine.world.seed % 1000
    groups = [
        row["id"]
        for row in world.engine.truth.groups(account=ACCOUNT)
        if Decimal(row["limit"]) == number
    ]
    moves = [
        row["transfer_id"]
        for row in world.ask("GetIntraExchangeInstanceTransfers").get("transfers") or []
        if Decimal(str(row["amount"])) == Decimal(number) / 100
    ]
    numbers = [
        str(row["subaccount_number"])
        for row in world.ask("GetSubaccountBalances").get("subaccount_balances") or []
        if row["subaccount_number"] > 1
    ]
    if "deleted" not in life.extras:
        _one(machine, life, "group", groups)
    elif life.extras.get("delete_group") == "gone" and groups:
        life.faults.append("wrong verdict: the group is said deleted and is there")
    _one(machine, life, "transfer", moves)
    _one(machine, life, "subaccount", sorted(set(numbers)))
    _keyed(machine, life, number)


def _no(result: Any) -> bool:
    """Say whether a result says that nothing happened."""
    return isinstance(result, NotSent | Refused) and not isinstance(result, OutcomeUnknown)


def _one(machine: Machine, life: Life, kind: str, made: list[str]) -> None:
    rows = [entry for entry, said in entries(machine) if said.get("kind") == kind]
    if len(made) > 1:
        life.faults.append(f"duplicate: {kind} was made {len(made)} times")
    if not rows:
        if made:
            life.faults.append(f"lost: {kind} was made without a record")
        return
    row, result = rows[-1], life.extras.get(kind)
    if row.is_open:
        life.faults.append(f"unsettled: {kind} is {row.state}")
    elif (row.state in DONE) != bool(made):
        life.faults.append(f"wrong verdict: {kind} is {row.state}, made {made}")
    elif made and row.order_id != made[0]:
        life.faults.append(f"wrong verdict: {kind} is {row.order_id}, made {made}")
    if _no(result) and made:
        life.faults.append(f"wrong verdict: {kind} was said {result!r}, made {made}")
    if isinstance(result, OrderGroup) and [result.id] != made:
        life.faults.append(f"wrong verdict: {kind} was said {result.id}, made {made}")


def _keyed(machine: Machine, life: Life, number: int) -> None:
    if "keyed" not in life.extras:
        return
    rows = machine.world.ask("GetSubaccountTransfers").get("transfers") or []
    made = sum(1 for row in rows if row["amount_cents"] == number)
    result = life.extras["keyed"]
    if made > 1:
        life.faults.append(f"duplicate: the keyed transfer was made {made} times")
    if result is None and made != 1:
        life.faults.append("wrong verdict: the keyed transfer is said done and is not")
    if _no(result) and made:
        life.faults.append(f"wrong verdict: the keyed transfer was said {result!r} and is done")
    for entry, said in entries(machine):
        if said.get("kind") != KEYED:
            continue
        if entry.is_open:
            life.faults.append(f"unsettled: the keyed transfer is {entry.state}")
        elif (entry.state in DONE) != bool(made):
            life.faults.append(f"wrong verdict: the keyed transfer is {entry.state}, made {made}")
