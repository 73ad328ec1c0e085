"""The verbs of a journal as requests: one line each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import Final

from kalshi_ext.journal import commit
from kalshi_ext.journal.commit import Kind, Request
from kalshi_ext.journal.entry import Entry, Mark, State
from kalshi_ext.journal.store import Selection, open_selection


def claim(entry: Entry) -> Request:
    """Insert an entry by key and intent."""
    intents = [] if entry.intent is None else [entry.intent]
    return Request(Kind.CLAIM, lambda sheet: commit.claim(sheet, entry), [entry.key], intents)


def claim_many(entries: Iterable[Entry]) -> Request:
    """Insert entries, all or none."""
    listed = list(entries)
    intents = [entry.intent for entry in listed if entry.intent is not None]
    return Request(
        Kind.CLAIM,
        lambda sheet: [commit.claim(sheet, entry) for entry in listed],
        [entry.key for entry in listed],
        intents,
    )


def reopen(key: str) -> Request:
    """Make a refused or never sent entry an intent again."""
    return Request(Kind.CLAIM, lambda sheet: commit.reopen(sheet, key), [key])


def mark(
    key: str,
    state: State,
    *,
    order_id: str | None = None,
    verdict: str | None = None,
    sent_at: datetime | None = None,
    attempts: int | None = None,
) -> Request:
    """Record what became of an entry."""
    made = Mark(key, state, order_id=order_id, verdict=verdict, sent_at=sent_at, attempts=attempts)
    return Request(Kind.MARK, lambda sheet: commit.mark(sheet, made), [key])


def mark_many(marks: Iterable[Mark]) -> Request:
    """Record what became of several entries, all or none."""
    listed = list(marks)
    keys = [made.key for made in listed]
    return Request(Kind.MARK, lambda sheet: [commit.mark(sheet, made) for made in listed], keys)


def withdraw(claimed: Entry) -> Request:
    """Take back a claim that nobody learned of."""
    return Request(Kind.MARK, lambda sheet: commit.withdraw(sheet, claimed), [claimed.key])


def take_over(key: str, from_owner: str) -> Request:
    """Move an open entry of a dead owner to this journal."""
    return Request(Kind.MARK, lambda sheet: commit.take_over(sheet, key, from_owner), [key])


def settle(key: str, made: Mark, from_owner: str) -> Request:
    """Take over and mark in one step."""
    return Request(Kind.MARK, lambda sheet: commit.settle(sheet, key, made, from_owner), [key])


def get(key: str) -> Request:
    """Read the entry under a key."""
    return Request(Kind.READ, lambda sheet: sheet.find(key), [key])


def by_intent(intent: str) -> Request:
    """Read the entry of an intent."""
    return Request(Kind.READ, lambda sheet: sheet.find_intent(intent), [], [intent])


def open_entries(ticker: str | None = None) -> Request:
    """List the entries without a verdict."""
    selection = open_selection(ticker)
    return Request(Kind.READ, lambda sheet: commit.everything(sheet, selection))


def page(
    states: Collection[State] | None = None,
    ticker: str | None = None,
    *,
    after: int = -1,
    limit: int = 500,
) -> Request:
    """List entries with their positions."""
    wanted = None if states is None else frozenset(State(state) for state in states)
    selection = Selection(states=wanted, ticker=ticker)
    return Request(Kind.READ, lambda sheet: commit.page(sheet, selection, after, limit))


def owner_alive(owner: str) -> Request:
    """Ask whether a journal instance may still be running."""
    return Request(Kind.READ, lambda sheet: sheet.store.alive(owner))


def verify() -> Request:
    """Look for damage in what is stored."""
    return Request(Kind.READ, lambda sheet: sheet.store.verify())


VERBS: Final[Mapping[str, Callable[..., Request]]] = {
    verb.__name__: verb
    for verb in (
        *(claim, claim_many, reopen, mark, mark_many, take_over, settle),
        *(get, by_intent, open_entries, page, owner_alive, verify),
    )
}
