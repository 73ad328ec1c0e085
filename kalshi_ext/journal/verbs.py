"""The verbs of a journal as requests: one line each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import Final

from kalshi_ext.journal import commit
from kalshi_ext.journal.commit import JournalRequest, RequestKind
from kalshi_ext.journal.entry import Entry, State, Transition
from kalshi_ext.journal.store import Selection, open_selection


def reserve(entry: Entry) -> JournalRequest:
    """Insert an entry by key and intent."""
    intents = [] if entry.intent is None else [entry.intent]
    return JournalRequest(
        RequestKind.RESERVE, lambda sheet: commit.reserve(sheet, entry), [entry.key], intents
    )


def reserve_many(entries: Iterable[Entry]) -> JournalRequest:
    """Insert entries, all or none."""
    listed = list(entries)
    intents = [entry.intent for entry in listed if entry.intent is not None]
    return JournalRequest(
        RequestKind.RESERVE,
        lambda sheet: [commit.reserve(sheet, entry) for entry in listed],
        [entry.key for entry in listed],
        intents,
    )


def reopen(key: str) -> JournalRequest:
    """Make a refused or never sent entry an intent again."""
    return JournalRequest(RequestKind.RESERVE, lambda sheet: commit.reopen(sheet, key), [key])


def advance(
    key: str,
    state: State,
    *,
    order_id: str | None = None,
    verdict: str | None = None,
    sent_at: datetime | None = None,
    attempts: int | None = None,
) -> JournalRequest:
    """Record what became of an entry."""
    made = Transition(
        key, state, order_id=order_id, verdict=verdict, sent_at=sent_at, attempts=attempts
    )
    return JournalRequest(RequestKind.ADVANCE, lambda sheet: commit.apply(sheet, made), [key])


def advance_many(marks: Iterable[Transition]) -> JournalRequest:
    """Record what became of several entries, all or none."""
    listed = list(marks)
    keys = [made.key for made in listed]
    return JournalRequest(
        RequestKind.ADVANCE, lambda sheet: [commit.apply(sheet, made) for made in listed], keys
    )


def cancel_reservation(claimed: Entry) -> JournalRequest:
    """Take back a claim that nobody learned of."""
    return JournalRequest(
        RequestKind.ADVANCE, lambda sheet: commit.cancel_reservation(sheet, claimed), [claimed.key]
    )


def take_over(key: str, from_owner: str) -> JournalRequest:
    """Move an open entry of a dead owner to this journal."""
    return JournalRequest(
        RequestKind.ADVANCE, lambda sheet: commit.take_over(sheet, key, from_owner), [key]
    )


def settle(key: str, made: Transition, from_owner: str) -> JournalRequest:
    """Take over and mark in one step."""
    return JournalRequest(
        RequestKind.ADVANCE, lambda sheet: commit.settle(sheet, key, made, from_owner), [key]
    )


def get(key: str) -> JournalRequest:
    """Read the entry under a key."""
    return JournalRequest(RequestKind.READ, lambda sheet: sheet.find(key), [key])


def by_intent(intent: str) -> JournalRequest:
    """Read the entry of an intent."""
    return JournalRequest(RequestKind.READ, lambda sheet: sheet.find_intent(intent), [], [intent])


def open_entries(ticker: str | None = None) -> JournalRequest:
    """List the entries without a verdict."""
    selection = open_selection(ticker)
    return JournalRequest(RequestKind.READ, lambda sheet: commit.everything(sheet, selection))


def page(
    states: Collection[State] | None = None,
    ticker: str | None = None,
    *,
    after: int = -1,
    limit: int = 500,
) -> JournalRequest:
    """List entries with their positions."""
    wanted = None if states is None else frozenset(State(state) for state in states)
    selection = Selection(states=wanted, ticker=ticker)
    return JournalRequest(
        RequestKind.READ, lambda sheet: commit.page(sheet, selection, after, limit)
    )


def owner_alive(owner: str) -> JournalRequest:
    """Ask whether a journal instance may still be running."""
    return JournalRequest(RequestKind.READ, lambda sheet: sheet.store.alive(owner))


def verify() -> JournalRequest:
    """Look for damage in what is stored."""
    return JournalRequest(RequestKind.READ, lambda sheet: sheet.store.verify())


VERBS: Final[Mapping[str, Callable[..., JournalRequest]]] = {
    verb.__name__: verb
    for verb in (
        *(reserve, reserve_many, reopen, advance, advance_many, take_over, settle),
        *(get, by_intent, open_entries, page, owner_alive, verify),
    )
}
