"""The judge of money and groups: writes that carry no key, and transfers that carry one.

Without a key (groups, transfers between instances, subaccounts) the honest outcomes are

    exactly one row, and the caller was told its id;
    none, the caller was told so, and none ever comes;
    it is not known, and the journal has it open: that no list shows a row proves nothing, ever.

A transfer between subaccounts carries a key, so that one who was told "not known" may call again
under it: once the world is calm that call is told what became of it, and the money in the books has
moved once, by what was asked for. What changes a group names the wanted state: told done, the books
have been in it; denied, no request of the call has changed anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from hostile_money import Movement
from hostile_scenario import LIMITS, TRANSFERS, Run, Told
from hostile_verdicts import DENIALS, DONE_STATES, OPEN_STATES, Dishonesty

# Each word that makes a row without a key, and its operation in the journal, on either contract.
OPERATIONS = {
    "create_group": ("CreateOrderGroup", "createOrderGroup"),
    "transfer_instances": ("IntraExchangeInstanceTransfer",),
    "create_subaccount": ("CreateSubaccount",),
}
CHANGES = {
    "set_limit": "limit", "reset_group": "reset", "trigger_group": "trigger",
    "delete_group": "delete",
}  # fmt: skip
Row = tuple[str, int]  # its id and the attempt that made it


def _step_of(run: Run, attempt: int) -> int:
    return run.attempts[attempt].attempt.step


def _rows(run: Run, word: str) -> list[Row]:
    """Return what requests of the client made of one kind, a row for each request."""
    rows: Iterator[Row]
    if word == "create_group":
        rows = ((group.group_id, group.made_by) for group in run.books.groups)
    elif word == "create_subaccount":
        rows = ((str(each.number), each.made_by) for each in run.purse.subaccounts)
    else:
        moves = (move for move in run.purse.movements if not move.is_between_subaccounts())
        rows = ((move.transfer_id, move.made_by) for move in moves)
    return [row for row in rows if row[1] >= 0]


def _id_told(told: Told) -> str:
    return str(getattr(told.value, "id", told.value))


def of_unkeyed(run: Run, told: Told) -> list[Dishonesty]:
    """Compare what a call told with the rows that requests of its step made."""
    rows = _rows(run, told.word)
    mine = {attempt for _, attempt in rows if _step_of(run, attempt) == told.step}
    calls = [other for other in run.told if (other.step, other.word) == (told.step, told.word)]
    most = sum(call.verdict not in DENIALS for call in calls)
    if len(mine) > most:
        kind = "double" if most else "wrong"
        verdicts = [call.verdict for call in calls]
        return [Dishonesty(kind, f"{told.word} told {verdicts} made {len(mine)}")]
    if told.verdict == "unknown" and not told.open_entries:
        return [Dishonesty("unopened", f"{told.word} was told unknown, and nothing is open")]
    return _of_id(told, rows, calls, mine) if told.verdict == "done" else []


def _of_id(told: Told, rows: list[Row], calls: list[Told], mine: set[int]) -> list[Dishonesty]:
    told_id = _id_told(told)
    made_by = {attempt for row_id, attempt in rows if row_id == told_id}
    if not made_by & mine:
        kind = "foreign" if mine else "wrong"
        return [Dishonesty(kind, f"{told.word} was told {told_id}, made: {len(mine)}")]
    ids = [_id_told(call) for call in calls if call.verdict == "done"]
    if ids.count(told_id) > 1:
        return [Dishonesty("foreign", f"{told_id} was told to two calls of {told.word}")]
    return []


def of_rows(run: Run) -> list[Dishonesty]:
    """Find a row of which neither caller nor journal knows, and what was recovered by guess."""
    found: list[Dishonesty] = []
    for word, operations in OPERATIONS.items():
        rows = _rows(run, word)
        told = {_id_told(t) for t in run.told if (t.word, t.verdict) == (word, "done")}
        spoken = [
            resolution
            for each in run.told
            if each.word == "recover" and isinstance(each.value, list)
            for resolution in each.value
            if resolution.operation in operations
        ]
        done = {r.order_id for r in spoken if str(r.state) in DONE_STATES}
        ids = {row_id for row_id, _ in rows}
        if done - ids:
            found.append(Dishonesty("wrong", f"{word} was recovered as {done - ids}, made {ids}"))
        left = {a for row_id, a in rows} - {a for row_id, a in rows if row_id in told | done}
        still_open = sum(operation in operations for operation in run.open_operations)
        if len(left) > still_open and not _may_be_forgotten(run, word):
            words = f"{len(left)} of {word} stand untold, the journal has {still_open} open"
            found.append(Dishonesty("lost", words))
    return found


def _may_be_forgotten(run: Run, word: str) -> bool:
    """Say whether a caller was interrupted whose journal lives no longer than its process."""
    interrupted = any((t.word, t.verdict) == (word, "interrupted") for t in run.told)
    return interrupted and run.scenario.journal == "memory"


def of_group_change(run: Run, told: Told) -> list[Dishonesty]:
    """Compare what a change of a group told with what was done to it."""
    word = CHANGES[told.word]
    all_changes = [c for group in run.books.groups for c in group.changes if c[0] == word]
    changes = [c for c in all_changes if _step_of(run, c[1]) <= told.step]
    if told.verdict == "done" and not changes:
        return [Dishonesty("wrong", f"{told.word} was told done and was not")]
    limit = LIMITS[told.state]
    if told.verdict == "done" and word == "limit" and all(c[2] != limit for c in changes):
        return [Dishonesty("wrong", f"the limit was told {limit}, and never was")]
    mine = [change for change in changes if _step_of(run, change[1]) == told.step]
    if told.verdict in DENIALS and mine:
        return [Dishonesty("wrong", f"{told.word} was told {told.verdict} and was executed")]
    return []


# Transfers under a key


def _moves(run: Run, slot: int) -> list[Movement]:
    """Return what moved under a slot's key, by the amount that the slot asks for."""
    moves = [move for move in run.purse.movements if move.is_between_subaccounts()]
    wanted = TRANSFERS[slot]
    return [m for m in moves if (m.key, m.amount) == (wanted.key, wanted.amount)]


def of_transfer(run: Run, told: Told) -> list[Dishonesty]:
    """Compare what a keyed transfer told with the money that moved under its key."""
    (slot,) = told.slots
    moved = [move for move in _moves(run, slot) if _step_of(run, move.made_by) <= told.step]
    name, state = f"the transfer of {TRANSFERS[slot].amount}", told.states.get(slot)
    if told.verdict == "done" and not moved:
        return [Dishonesty("wrong", f"{name} was told done and was not")]
    twins = [t for t in run.told if (t.step, t.word) == (told.step, told.word) and t is not told]
    moves = [m for m in run.purse.movements if m.is_between_subaccounts()]
    mine = {m.made_by for m in moves if _step_of(run, m.made_by) == told.step}
    if len(mine) > 1 + len(twins):
        return [Dishonesty("double", f"{name} moved money {len(mine)} times")]
    if told.verdict in DENIALS and moved and all(t.verdict in DENIALS for t in twins):
        return [Dishonesty("wrong", f"{name} was told {told.verdict} and was executed")]
    if told.verdict == "unknown" and state not in OPEN_STATES and not twins:
        return [Dishonesty("unopened", f"{name} was told unknown, the journal says {state}")]
    return []


def of_money(run: Run) -> list[Dishonesty]:
    """Compare the money of the books with what all calls were told, over all lives."""
    found: list[Dishonesty] = []
    moves = [move for move in run.purse.movements if move.is_between_subaccounts()]
    for key in {move.key for move in moves}:
        times = len({move.made_by for move in moves if move.key == key})
        found += [Dishonesty("double", f"money moved {times} times under {key}")] * (times > 1)
    for slot, state in run.transfer_states.items():
        last = [t for t in run.told if t.word == "transfer" and t.slots == (slot,)][-1]
        moved = bool(_moves(run, slot))
        if moved and last.verdict != "done" and state not in OPEN_STATES | DONE_STATES:
            found.append(Dishonesty("lost", f"{TRANSFERS[slot].amount} moved, it is {state}"))
        if state in OPEN_STATES and last.verdict != "conflict" and _is_calm(run):
            found.append(Dishonesty("unsettled", f"{TRANSFERS[slot].amount} is {state}"))
    known = {t.slots[0] for t in run.told if (t.word, t.verdict) == ("transfer", "done")}
    told = sum((TRANSFERS[slot].amount for slot in known), Decimal(0))
    if run.transfer_states and not _any_open(run) and run.purse.moved() != told:
        found.append(Dishonesty("wrong", f"${told} was told, ${run.purse.moved()} moved"))
    return found


def _any_open(run: Run) -> bool:
    return any(state in OPEN_STATES for state in run.transfer_states.values())


def _is_calm(run: Run) -> bool:
    """Say whether a client can set its clock right once the faults are over."""
    return run.scenario.freedoms.date == "true"


OF_WORDS: dict[str, Callable[[Run, Told], list[Any]]] = {
    **dict.fromkeys(OPERATIONS, of_unkeyed),
    **dict.fromkeys(CHANGES, of_group_change),
    "transfer": of_transfer,
}
