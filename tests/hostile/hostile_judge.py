"""The judge: is what the caller was told, and what the journal says, true of the books?

For each wish one of three outcomes is honest:

    exactly one order (or change, or group), and the caller was told so;
    none, the caller was told so, and none ever comes;
    the caller was told that it is not known, and the journal has it open for `recover()`.

What each of them means of money and groups stands at the top of `hostile_unkeyed`. Everything else
is dishonest, by kind:

    double     two requests of the client made the same wish stand twice
    lost       something stands of which neither caller nor journal knows
    wrong      a verdict (told, recovered or recorded) that the books contradict
    foreign    the caller was given an order that is not the one asked for
    unopened   the caller was told "unknown", and the journal does not have it open
    unsettled  still open when every fault is over and every list can be read
    no verdict an error that says neither refused, not sent nor unknown
    late       a wish of then, sent again after the time its caller allows, or alive after it
    after kill something that came to rest by a request sent after a kill switch was confirmed
    endless    a call that went on after its deadline, or its patience and one timeout
    untold     executed, its caller was interrupted, and recovery does not speak of it

A doubled delivery of one and the same request is the network's, not the client's: no client can
tell (docs/reliability.md). So things are counted by the attempts that made them.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

from hostile_books import STRANGER, BookOrder
from hostile_scenario import (
    ACCOUNT,
    AMENDS,
    DECREASE_BY,
    DECREASES_TO,
    SLOTS,
    Run,
    Told,
    verdict_of,
)
from hostile_states import of_states
from hostile_unkeyed import OF_WORDS, of_money, of_rows
from hostile_verdicts import DENIALS, DONE_STATES, KINDS, OPEN_STATES, Dishonesty

__all__ = ["KINDS", "Dishonesty", "judge"]

PATIENCE = 6.4  # seconds: the bots' resolve_within and one timeout
STALL = 1.0  # seconds that a busy machine may take from a decision to the exchange


def judge(run: Run) -> list[Dishonesty]:
    """Return everything dishonest in a run."""
    found: list[Dishonesty] = []
    for told in run.told:
        found += _endless(run, told)
        if told.verdict == "broken":
            found.append(Dishonesty("no verdict", f"{told.word} raised {told.error!r}"))
        elif told.word in ("place", "place_many"):
            for slot in told.slots:
                found += _of_create(run, told, slot)
        elif told.word == "recover":
            found += _of_recovery(run, told)
        elif told.word in _CHANGES:
            found += _CHANGES[told.word](run, told)
    for slot in range(len(SLOTS)):
        found += _of_slot(run, slot)
    return found + _after_kill(run) + of_rows(run) + of_money(run) + of_states(run)


# Orders


def _made(run: Run, slot: int, until_step: int | None = None) -> list[BookOrder]:
    """Return the orders that requests of the client made for a slot, up to a step's requests."""
    named = run.books.named(ACCOUNT, SLOTS[slot].client_order_id)
    named = [order for order in named if order.made_by() != STRANGER]
    last = len(run.scenario.steps) if until_step is None else until_step
    return [o for o in named if run.attempts[o.made_by()].attempt.step <= last]


def _result(told: Told, slot: int) -> tuple[str, Any]:
    """Return the verdict of one order and its acknowledgement; a batch has one for each."""
    if told.verdict != "done" or told.word != "place_many":
        return told.verdict, told.value
    value = told.value[told.slots.index(slot)]
    if isinstance(value, Exception):
        return verdict_of(value), None
    return "done", value


def _of_create(run: Run, told: Told, slot: int) -> list[Dishonesty]:
    verdict, ack = _result(told, slot)
    name, made = SLOTS[slot].client_order_id, _made(run, slot, told.step)
    if verdict == "done":
        return _of_ack(slot, ack, made)
    if verdict in DENIALS and not _made_by_a_twin(run, told, slot):
        # Held back says only that this call sent nothing.
        mine = [o for o in made if run.attempts[o.made_by()].attempt.step == told.step]
        standing = mine if verdict == "held_back" else made
        if standing:
            return [Dishonesty("wrong", f"{name} was told {verdict} and stands")]
        return []
    state = told.states.get(slot)
    if verdict == "unknown" and state not in OPEN_STATES:
        # Beside a twin: "what has no verdict stays open", and the twin's call has found one since.
        if state is not None and _twins(run, told, slot):
            return []
        return [Dishonesty("unopened", f"{name} was told unknown, the journal says {state}")]
    return []


def _made_by_a_twin(run: Run, told: Told, slot: int) -> bool:
    """Say whether another call of the same step may have made what this one denies."""
    return any(_result(twin, slot)[0] not in DENIALS for twin in _twins(run, told, slot))


def _twins(run: Run, told: Told, slot: int) -> list[Told]:
    """Return the other calls of the same step about the same order."""
    return [t for t in run.told if t.step == told.step and t is not told and slot in t.slots]


def _of_ack(slot: int, ack: Any, made: list[BookOrder]) -> list[Dishonesty]:
    name, wanted = SLOTS[slot].client_order_id, SLOTS[slot]
    ours = [order for order in made if order.order_id == ack.order_id]
    if not ours:
        kind = "foreign" if made else "wrong"
        return [Dishonesty(kind, f"{name} was told {ack.order_id}, made: {len(made)}")]
    request = ours[0].request
    asked = (wanted.ticker, wanted.side, Decimal(wanted.price), Decimal(wanted.count))
    if (request.ticker, request.side, request.price, request.count) != asked:
        return [Dishonesty("foreign", f"{name} was told an order of {request}")]
    return []


def _of_recovery(run: Run, told: Told) -> list[Dishonesty]:
    if told.verdict != "done":
        return [] if told.verdict in ("interrupted", "unknown") else [
            Dishonesty("no verdict", f"recover raised {told.error!r}")
        ]  # fmt: skip
    found: list[Dishonesty] = []
    keys = {wanted.client_order_id: slot for slot, wanted in enumerate(SLOTS)}
    for resolution in told.value:
        slot = keys.get(resolution.key)
        if slot is None:
            continue
        made, state = _made(run, slot, told.step), str(resolution.state)
        ids = {order.order_id for order in made}
        if state in DONE_STATES and resolution.order_id not in ids:
            found.append(
                Dishonesty("wrong", f"recovered {resolution.key} as done: {ids or 'none'}")
            )
        if state in ("not_sent", "refused") and made:
            found.append(Dishonesty("wrong", f"recovered {resolution.key} as {state}, it stands"))
    return found


def _of_slot(run: Run, slot: int) -> list[Dishonesty]:
    """Judge one wish over all calls, lives and late copies."""
    name, made, state = SLOTS[slot].client_order_id, _made(run, slot), run.states.get(slot)
    found: list[Dishonesty] = []
    if len({order.made_by() for order in made}) > 1:
        found.append(Dishonesty("double", f"{name} stands {len(made)} times"))
    asked = [told for told in run.told if slot in told.slots and told.word.startswith("place")]
    known = any(_result(told, slot)[0] == "done" for told in asked)
    if made and not known and state not in OPEN_STATES | DONE_STATES:
        found.append(Dishonesty("lost", f"{name} stands, the journal says {state}"))
    if state in DONE_STATES and run.entry_order_ids.get(slot) not in {o.order_id for o in made}:
        found.append(Dishonesty("wrong", f"the journal says {state} of {name}, it was not made"))
    if state in ("not_sent", "refused") and made:
        found.append(Dishonesty("wrong", f"the journal says {state} of {name}, it stands"))
    if state in OPEN_STATES and asked and _is_readable(run):
        found.append(Dishonesty("unsettled", f"{name} is {state} in a calm world"))
    found += _outlives(run, slot, asked)
    return found + _late(run, slot, asked) + _untold(run, slot, asked)


def _is_readable(run: Run) -> bool:
    """Say whether an exchange shows enough for every order to be settled once it is calm."""
    free = run.scenario.freedoms
    # Without a true Date nothing is known of the exchange's time, and no absence can be proven.
    fresh = free.watermark == "true" and free.date == "true"
    lists = free.row_ids == "full" and free.empty_list in ("array", "null")
    return fresh and lists and free.strangers in ("none", "other")


def _endless(run: Run, told: Told) -> list[Dishonesty]:
    """Find a call that returned, or sent something, when its time was long over."""
    steps = run.scenario.steps
    deadline = steps[told.step].deadline if told.step < len(steps) and not told.twin else None
    if deadline is not None and steps[told.step].aware and not _agrees(run):
        deadline = None  # a moment by a clock that is wrong
    bound = PATIENCE if deadline is None else deadline
    sent = [r.attempt.arrived for r in run.attempts if r.attempt.step == told.step]
    if told.step < len(steps) and steps[told.step].beside is not None:
        sent = []  # the call beside it has no deadline
    last = max([told.ended - 2 * STALL, *sent], default=0.0) - told.began
    if last > bound + STALL + run.stalled and told.word != "recover":
        return [Dishonesty("endless", f"{told.word} went on for {last:.1f} s of {bound} s")]
    return []


def _late(run: Run, slot: int, asked: list[Told]) -> list[Dishonesty]:
    """Find a price-bearing request that left again long after its call began."""
    name = SLOTS[slot].client_order_id.encode()
    calls = Counter(told.step for told in asked)
    for told in asked:
        if calls[told.step] > 1:
            continue  # the second of two calls begins when the first is over
        creates = [
            request.attempt.arrived - told.began
            for request in run.attempts
            if request.kind == "create" and request.attempt.step == told.step
            and name in request.body
        ]  # fmt: skip
        if len(creates) > 1 and max(creates) > run.scenario.resend_within + STALL + run.stalled:
            words = f"{name.decode()} was sent again {max(creates):.1f} s after its call"
            return [Dishonesty("late", words)]
    return []


def _agrees(run: Run) -> bool:
    """Say whether the clocks of this machine and of the exchange were never far apart."""
    return run.scenario.clock_step is None and abs(run.scenario.freedoms.clock_ahead) < 1


def _outlives(run: Run, slot: int, asked: list[Told]) -> list[Dishonesty]:
    """Find an order that may rest past the deadline at which it was to die at the exchange."""
    steps, made = run.scenario.steps, _made(run, slot)
    for told in asked:
        step = steps[told.step]
        if not step.expires or step.deadline is None or told.twin or not _can_tell_time(run):
            continue
        # Expiries are whole seconds, and the exchange's clock is known to one.
        latest = told.began_there + step.deadline + 2 + STALL
        for order in made:
            expires = order.request.expires
            of_step = run.attempts[order.made_by()].attempt.step == told.step
            if of_step and (expires is None or expires > latest):
                left = None if expires is None else round(expires - told.began_there, 1)
                words = f"{order.order_id} dies after {left} s, its deadline is {step.deadline} s"
                return [Dishonesty("late", words)]
    return []


def _can_tell_time(run: Run) -> bool:
    date = run.scenario.freedoms.date
    return date == "true" or (date in ("absent", "garbled") and _agrees(run))


def _untold(run: Run, slot: int, asked: list[Told]) -> list[Dishonesty]:
    """Find an order that stands, of which no call and no recovery ever told."""
    name, made = SLOTS[slot].client_order_id, _made(run, slot)
    if not made or not asked or run.scenario.journal == "memory":
        return []
    interrupted = any(_result(told, slot)[0] == "interrupted" for told in asked)
    told_done = any(_result(told, slot)[0] == "done" for told in asked)
    recoveries = [told.value for told in run.told if told.word == "recover" and told.value]
    spoken = any(resolution.key == name for value in recoveries for resolution in value)
    if interrupted and not told_done and not spoken:
        return [Dishonesty("untold", f"{name} stands and recovery does not speak of it")]
    return []


def _after_kill(run: Run) -> list[Dishonesty]:
    if run.killed_at is None:
        return []
    step = next(n for n, step in enumerate(run.scenario.steps) if step.killed_after is not None)
    for order in run.books.orders:
        if order.made_by() < 0:
            continue
        attempt = run.attempts[order.made_by()].attempt
        if attempt.step == step and attempt.arrived > run.killed_at:
            return [Dishonesty("after kill", f"{order.order_id} was sent after cancel_all")]
    return []


# Changes


def _by_step(run: Run, told: Told, kind: str) -> list[Any]:
    """Return the changes of one kind that requests of a step made, one for each request."""
    return list({c.attempt: c for c in reversed(_of_step(run, told, kind))}.values())


def _of_step(run: Run, told: Told, kind: str) -> list[Any]:
    """Return the changes of one kind that requests of a step made, those of copies too."""
    orders = [o for o in run.books.orders if o.order_id == told.order_id]
    changes = [change for order in orders for change in order.changes if change.kind == kind]
    return [
        change
        for change in changes
        if change.attempt >= 0 and run.attempts[change.attempt].attempt.step == told.step
    ]


def _denied(run: Run, told: Told, changes: list[Any]) -> list[Dishonesty]:
    same = [t for t in run.told if (t.step, t.word) == (told.step, told.word)]
    twins = [t.verdict for t in same if t.twin != told.twin]
    if told.verdict in DENIALS and changes and all(verdict in DENIALS for verdict in twins):
        return [Dishonesty("wrong", f"{told.word} was told {told.verdict} and was executed")]
    return []


def _of_amend(run: Run, told: Told) -> list[Dishonesty]:
    changes = _by_step(run, told, "amend")
    if told.verdict != "done":
        return _denied(run, told, changes)
    price, more = AMENDS[told.state]
    total = Decimal(SLOTS[told.slots[0]].count + more)
    (order,) = (o for o in run.books.orders if o.order_id == told.order_id)
    if not any((v.price, v.total) == (price, total) for v in order.versions):
        return [Dishonesty("wrong", f"amend of {told.order_id} was told done and is not")]
    return []


def _of_decrease_by(run: Run, told: Told) -> list[Dishonesty]:
    """Compare what was taken off with what all calls of the step were told."""
    off = sum(change.amount for change in _by_step(run, told, "decrease"))
    verdicts = [t.verdict for t in run.told if (t.step, t.word) == (told.step, told.word)]
    least = verdicts.count("done") * DECREASE_BY
    most = sum(verdict not in DENIALS for verdict in verdicts) * DECREASE_BY
    if off > most:
        kind = "wrong" if told.verdict in DENIALS else "double"
        return [Dishonesty(kind, f"decreases told {verdicts} took off {off}")]
    # A copy took off what it took off: a read cannot tell it from the call that found it done.
    with_copies = sum(change.amount for change in _of_step(run, told, "decrease"))
    if with_copies < least:
        return [Dishonesty("wrong", f"decreases told {verdicts} took off {with_copies}")]
    return []


def _of_decrease_to(run: Run, told: Told) -> list[Dishonesty]:
    (order,) = (o for o in run.books.orders if o.order_id == told.order_id)
    to = DECREASES_TO[told.state]
    if told.verdict == "done" and min(v.remaining for v in order.versions) > to:
        return [Dishonesty("wrong", f"decrease to {to} was told done and is not")]
    return _denied(run, told, _by_step(run, told, "decrease"))


def _of_cancel(run: Run, told: Told) -> list[Dishonesty]:
    changes = _by_step(run, told, "cancel")
    (order,) = (o for o in run.books.orders if o.order_id == told.order_id)
    result = told.value[0] if told.word == "cancel_many" and told.value else told.value
    if isinstance(result, Exception):
        told = Told(told.step, told.word, verdict_of(result), told.slots, told.order_id)
    if told.verdict == "done" and order.now.status == "resting":
        return [Dishonesty("wrong", f"cancel of {told.order_id} was told done and it rests")]
    return _denied(run, told, changes)


def _of_cancel_all(run: Run, told: Told) -> list[Dishonesty]:
    steps = [run.attempts[attempt].attempt.step for _, attempt in run.books.sweeps]
    if (told.verdict == "done") > (told.step in steps):
        return [Dishonesty("wrong", "cancel_all was told done and was not")]
    if told.verdict in DENIALS and told.step in steps:
        return [Dishonesty("wrong", f"cancel_all was told {told.verdict} and was executed")]
    return []


_CHANGES = {
    "amend": _of_amend,
    "decrease_by": _of_decrease_by,
    "decrease_to": _of_decrease_to,
    "cancel": _of_cancel,
    "cancel_many": _of_cancel,
    "cancel_all": _of_cancel_all,
    **OF_WORDS,
}
