"""The verbs of a journal as requests that wait in a queue.

A verb is built in the caller's thread: iterables are read and arguments checked there, and what
is wrong with them is raised there. Its `work` runs later, in the thread that has the store.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime
from enum import Enum
from functools import partial
from typing import Any, Final

from attrs import field, frozen

from kalshi_ext.bases import Printed
from kalshi_ext.errors import KalshiError
from kalshi_ext.journal import rules
from kalshi_ext.journal.entry import (
    FINAL,
    Entry,
    JournalUnusable,
    JournalUnwritable,
    State,
    Transition,
    TransitionUnwritten,
)
from kalshi_ext.journal.rules import View
from kalshi_ext.journal.store import UNTOLD, Selection, open_selection


class RequestKind(Enum):
    """What a request does; its failure says what the caller knows then."""

    RESERVE = "reserve"
    ADVANCE = "advance"
    CHECK = "check"  # reads in a writing transaction, so that what it saw stays true to its end
    READ = "read"

    def failure(self, why: str) -> KalshiError:
        """Build the error of a request when the journal itself fails."""
        # A reservation comes before the first byte, so its failure is a NotSent. A transition
        # records what happened already: its failure says nothing about the order.
        return _FAILURES[self](f"journal: {why}")


_FAILURES: Final[Mapping[RequestKind, type[KalshiError]]] = {
    RequestKind.RESERVE: JournalUnwritable,
    RequestKind.ADVANCE: TransitionUnwritten,
    RequestKind.CHECK: JournalUnusable,
    RequestKind.READ: JournalUnusable,
}


@frozen(eq=False, repr=False)
class JournalRequest(Printed):
    """One rule to apply, and the future that learns of its result after the commit.

    `keys` and `intents` are loaded before, together with those of the whole group. `asks_untold`
    makes the marks that wait be written before. `behind` does the same where its caller may go on
    before it is written: it raises nothing and returns what was refused; `known` are its entries as
    they are stored, where nobody else can change them. `keeps_intent`: entries stay intents.
    `goes_first`: it is done before what waits already.
    """

    kind: RequestKind
    work: Callable[[View], Any]
    keys: Sequence[str] = ()
    intents: Sequence[str] = ()
    asks_untold: bool = False
    behind: Callable[[View], list[str]] | None = None
    known: list[Entry] = field(factory=list[Entry])
    keeps_intent: bool = False
    goes_first: bool = False
    future: Future[Any] = field(factory=Future[Any])


def reserve(entry: Entry) -> JournalRequest:
    """Insert an entry by key and intent."""
    intents = [] if entry.intent is None else [entry.intent]
    return JournalRequest(
        RequestKind.RESERVE, lambda view: rules.reserve(view, entry), [entry.key], intents
    )


def reserve_many(entries: Iterable[Entry]) -> JournalRequest:
    """Insert entries, all or none."""
    listed = list(entries)
    keys = [entry.key for entry in listed]
    intents = [entry.intent for entry in listed if entry.intent is not None]
    return JournalRequest(
        RequestKind.RESERVE, lambda view: rules.reserve_many(view, listed), keys, intents
    )


def reopen(key: str) -> JournalRequest:
    """Make a refused or never sent entry an intent again."""
    return JournalRequest(RequestKind.RESERVE, lambda view: rules.reopen(view, key), [key])


def advance(
    key: str,
    state: State,
    *,
    order_id: str | None = None,
    verdict: str | None = None,
    sent_at: datetime | None = None,
    attempts: int | None = None,
    exchange_time: datetime | None = None,
    told: bool | None = None,
) -> JournalRequest:
    """Record what became of an entry."""
    values = {"sent_at": sent_at, "exchange_time": exchange_time}
    transition = Transition(
        key, state, order_id=order_id, verdict=verdict, attempts=attempts, told=told, **values
    )
    return JournalRequest(
        RequestKind.ADVANCE, lambda view: rules.advance_one(view, transition), [key]
    )


def advance_many(transitions: Iterable[Transition]) -> JournalRequest:
    """Record what became of several entries, all or none."""
    listed = list(transitions)
    keys = [transition.key for transition in listed]
    intents = all(transition.state is State.INTENT for transition in listed)
    work = partial(rules.advance_many, transitions=listed)
    return JournalRequest(RequestKind.ADVANCE, work, keys, keeps_intent=intents)


def conclude(transitions: Iterable[Transition]) -> JournalRequest:
    """Record verdicts, behind where all are such that their loss costs a look only."""
    listed = list(transitions)
    keys = [transition.key for transition in listed]
    final = all(transition.state in FINAL for transition in listed)
    return JournalRequest(
        RequestKind.ADVANCE,
        partial(rules.advance_many, transitions=listed),
        keys,
        behind=partial(rules.conclude, transitions=listed) if final else None,
    )


def cancel_reservation(reserved: Entry) -> JournalRequest:
    """Make a reservation not sent that nobody learned of."""
    # Not a RESERVE request: it must be written even when nobody waits for it any more. First, for
    # who asks for its key already would take it for an intent that may have been sent.
    work = partial(rules.cancel_reservation, reserved=reserved)
    return JournalRequest(RequestKind.ADVANCE, work, [reserved.key], goes_first=True)


def take_over(key: str, from_owner: str) -> JournalRequest:
    """Make an open entry of a dead owner ours."""
    return JournalRequest(
        RequestKind.ADVANCE, lambda view: rules.take_over(view, key, from_owner), [key]
    )


def settle(key: str, transition: Transition, from_owner: str) -> JournalRequest:
    """Take over and advance in one step."""
    return JournalRequest(
        RequestKind.ADVANCE, lambda view: rules.settle(view, key, transition, from_owner), [key]
    )


def renew(keys: Iterable[str]) -> JournalRequest:
    """Check that entries are still ours."""
    listed = list(keys)
    return JournalRequest(RequestKind.CHECK, lambda view: rules.renew(view, listed), listed)


def mark_told(keys: Iterable[str]) -> JournalRequest:
    """Note that callers know their verdicts."""
    listed = list(keys)
    return JournalRequest(RequestKind.ADVANCE, lambda view: rules.mark_told(view, listed), listed)


def bind(account: str) -> JournalRequest:
    """Make the journal an account's."""
    return JournalRequest(RequestKind.READ, lambda view: rules.bind(view, account))


def adopt(source: str, account: str) -> JournalRequest:
    """Give the entries of one account to another."""
    return JournalRequest(RequestKind.CHECK, lambda view: rules.adopt(view, source, account))


def accounts() -> JournalRequest:
    """Name the accounts that have entries."""
    return JournalRequest(RequestKind.READ, lambda view: view.accounts())


def get(key: str) -> JournalRequest:
    """Read the entry under a key."""
    return JournalRequest(RequestKind.READ, lambda view: view.find(key), [key])


def by_intent(intent: str) -> JournalRequest:
    """Read the entry of an intent."""
    return JournalRequest(RequestKind.READ, lambda view: view.find_intent(intent), [], [intent])


def open_entries(ticker: str | None = None) -> JournalRequest:
    """List the entries without a verdict."""
    selection = open_selection(ticker)
    return JournalRequest(RequestKind.READ, lambda view: rules.list_all(view, selection))


def untold() -> JournalRequest:
    """List the verdicts whose callers were not told."""
    return JournalRequest(
        RequestKind.READ, lambda view: rules.list_all(view, UNTOLD), asks_untold=True
    )


def page(
    states: Collection[State] | None = None,
    ticker: str | None = None,
    after: int = -1,
    *,
    limit: int = 500,
) -> JournalRequest:
    """List entries with their positions."""
    wanted = None if states is None else frozenset(State(state) for state in states)
    selection = Selection(states=wanted, ticker=ticker)
    # A verb for those who ask for page after page.
    return JournalRequest(RequestKind.READ, lambda view: view.select(selection, after, limit))


def owner_alive(owner: str) -> JournalRequest:
    """Ask whether a journal instance may still be running."""
    return JournalRequest(RequestKind.READ, lambda view: view.alive(owner))


def verify() -> JournalRequest:
    """Look for damage in what is stored."""
    return JournalRequest(RequestKind.READ, lambda view: view.verify())


VERBS: Final[Mapping[str, Callable[..., JournalRequest]]] = {
    verb.__name__: verb
    for verb in (
        *(reserve, reserve_many, reopen, advance, advance_many, conclude, take_over, settle),
        *(get, by_intent, open_entries, untold, page, owner_alive, verify),
        *(renew, bind, adopt, accounts),
    )
}
"""What `Journal.submit` takes, by name; `cancel_reservation` and `mark_told` are no such verbs."""
