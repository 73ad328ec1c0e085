"""The judge of what names a state: what was told done last is what stands in the end.

    told done, and every copy has arrived     the books are as that call wanted them
    a later call was not told done            as that one wanted, or as the last that was
    the network kept a copy of what it had    judged no more: no client can know of it
    answered

A late copy of an earlier call is the client's to wait for, where the call was made on the same
journal since that was opened: by this client or another, repeated, out of time, or stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from attrs import frozen
from hostile_books import BookGroup, BookOrder
from hostile_scenario import ALLOCATIONS, AMENDS, DECREASES_TO, LIMITS, NETTINGS, SLOTS, Run, Told
from hostile_verdicts import DENIALS, Dishonesty


@frozen
class Subject:
    """One state: the words that name it, what each of them wants, what stands in the end.

    `attempts` are the requests that changed it, oldest first. A word in `words` that `wants` leaves
    out (a difference) names no state.
    """

    name: str
    words: tuple[str, ...]
    wants: Callable[[Told], Any]
    stands: Any
    attempts: list[int]
    order_id: str | None = None  # None for what is no order


def of_states(run: Run) -> list[Dishonesty]:
    """Return what was told done of a state and is not so in the end."""
    return [found for subject in _subjects(run) for found in _of_subject(run, subject)]


def _of_subject(run: Run, subject: Subject) -> Iterator[Dishonesty]:
    calls = [
        t for t in run.told if t.word in subject.words and subject.order_id in (None, t.order_id)
    ]
    done = [t for t in calls if t.verdict == "done"]
    if not done or run.copied.intersection(subject.attempts[-1:]):
        return
    last = done[-1]
    # Of what came beside or after it, and is not denied, nobody knows whether it came last.
    open_still = [
        t for t in calls if t is not last and t.step >= last.step and t.verdict not in DENIALS
    ]
    # Copies from before the journal was opened anew are beyond it.
    open_still += [t for t in calls if t.step < last.step and t.life != last.life]
    allowed = [subject.wants(each) for each in (last, *open_still)]
    if None in allowed or subject.stands in allowed:
        return
    words = f"{last.word} was told done, wants {allowed[0]}, and {subject.name} is {subject.stands}"
    yield Dishonesty("wrong", f"{words} in the end")


def _subjects(run: Run) -> Iterator[Subject]:
    # Words name the group that was made last, so that only one of them can be judged.
    groups = [group for group in run.books.groups if group.made_by >= 0]
    if len(groups) == 1 and groups[0].deleted_at is None:
        yield from _of_group(groups[0])
    for word, name, values in (
        ("set_netting", "netting", NETTINGS),
        ("set_allocation", "allocation", ALLOCATIONS),
    ):
        settings = [each for each in run.purse.settings if each.name == name]
        if settings:
            attempts = [each.attempt for each in settings]
            wants = _indexed(values)
            yield Subject(f"the {name}", (word,), wants, settings[-1].value, attempts)
    for order in run.books.orders:
        if order.made_by() >= 0 and order.now.status == "resting":
            yield from _of_order(order)


def _indexed(values: Any) -> Callable[[Told], Any]:
    return lambda told: values[told.state]


def _of_group(group: BookGroup) -> Iterator[Subject]:
    def stops(told: Told) -> bool:
        return told.word == "trigger_group"

    stopped = [a for word, a, _ in group.changes if word in ("trigger", "reset")]
    words, name = ("trigger_group", "reset_group"), f"{group.group_id}.triggered"
    yield Subject(name, words, stops, group.triggered, stopped)
    limited = [a for word, a, _ in group.changes if word == "limit"]
    wants = _indexed([Decimal(limit) for limit in LIMITS])
    yield Subject(f"{group.group_id}.limit", ("set_limit",), wants, group.limit, limited)


def _of_order(order: BookOrder) -> Iterator[Subject]:
    placed = next(s for s in SLOTS if s.client_order_id == order.request.client_order_id)
    changes = [c for c in order.changes if c.kind in ("amend", "decrease")]

    def wants_price(told: Told) -> Any:
        return AMENDS[told.state][0]

    def wants_total(told: Told) -> Any:
        if told.word == "amend":
            return Decimal(placed.count + AMENDS[told.state][1])
        return None  # what remains depends on fills, and a difference on what there was

    amends = [c.attempt for c in changes if c.kind == "amend"]
    name, order_id = f"the order {order.order_id}", order.order_id
    yield Subject(f"{name}'s price", ("amend",), wants_price, order.now.price, amends, order_id)
    words, attempts = ("amend", "decrease_to", "decrease_by"), [c.attempt for c in changes]
    yield Subject(f"{name}'s total", words, wants_total, order.now.total, attempts, order_id)
    # Fills may bring it below: then it is as wanted all the same.
    remains = order.now.remaining

    def wants_rest(told: Told) -> Any:
        to = Decimal(DECREASES_TO[told.state])
        return max(min(to, remains), Decimal(0)) if told.word == "decrease_to" else None

    yield Subject(f"the rest of {name}", words, wants_rest, remains, attempts, order_id)
