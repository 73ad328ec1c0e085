"""What each verb of a journal does to the entries it sees.

A rule works on a `View`: it reads entries, puts changed ones, or raises. It does not know where
they are kept, so a file, a table and memory follow the same rules. A rule that raises leaves no
trace: the view drops what it put.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final, Protocol

from kalshi_ext.errors import Misuse
from kalshi_ext.journal.binding import mismatch, unadopted
from kalshi_ext.journal.entry import (
    REOPENABLE,
    Entry,
    IllegalTransition,
    JournalError,
    NotOwner,
    Reservation,
    State,
    Transition,
    UnknownKey,
    advance,
    changed,
    reopened,
    told,
)
from kalshi_ext.journal.store import EntryPage, Selection, open_selection
from kalshi_ext.redact import redacted_repr


class View(Protocol):
    """The entries as one request sees them, with what it and those before it put."""

    @property
    def owner(self) -> str:
        """The journal instance that asks."""
        ...

    @property
    def account(self) -> str:
        """The account it is bound to; empty for none."""
        ...

    @property
    def now(self) -> Callable[[], datetime]:
        """Its clock."""
        ...

    def find(self, key: str) -> Entry | None:
        """Return the entry under a key."""
        ...

    def find_intent(self, intent: str) -> Entry | None:
        """Return the entry of an intent."""
        ...

    def put(self, entry: Entry) -> Entry:
        """Insert or replace an entry, unless the request fails; return it."""
        ...

    def select(self, selection: Selection, after: int, limit: int) -> EntryPage:
        """List entries by position."""
        ...

    def alive(self, owner: str) -> bool:
        """Say whether the journal instance of this name may still be running."""
        ...

    def bind(self, account: str) -> None:
        """Give and take the entries of this account from now on."""
        ...

    def has_entries_of(self, account: str) -> bool:
        """Say whether any entry belongs to an account; the empty one is nobody's."""
        ...

    def accounts(self) -> list[str]:
        """Name the accounts that have entries."""
        ...

    def adopt(self, account: str) -> int:
        """Move the entries of its account to another; return how many there were."""
        ...

    def verify(self) -> list[str]:
        """Return what is wrong with the stored data, one line a finding."""
        ...


def reserve(view: View, entry: Entry) -> Reservation:
    """Insert an entry unless its key, or else its intent, is taken."""
    if entry.state is not State.INTENT:
        raise Misuse(f"state: a claim starts as intent, got {entry.state}")
    # The key first: it names one entry for certain, where key and intent name two.
    existing = view.find(entry.key)
    if existing is None and entry.intent is not None:
        existing = view.find_intent(entry.intent)
    if existing is not None:
        return Reservation(existing, acquired=False)
    if entry.owner != view.owner or entry.account != view.account:
        entry = changed(entry, owner=view.owner, account=view.account)
    return Reservation(view.put(entry), acquired=True)


def reserve_many(view: View, entries: Iterable[Entry]) -> list[Reservation]:
    """Insert entries, all or none."""
    return [reserve(view, entry) for entry in entries]


def reopen(view: View, key: str) -> Reservation:
    """Make a refused or never sent entry an intent of ours; not acquired when it is neither."""
    existing = _existing(view, key)
    if existing.state not in REOPENABLE:
        return Reservation(existing, acquired=False)
    entry = reopened(existing, owner=view.owner, now=view.now())
    return Reservation(view.put(entry), acquired=True)


def advance_one(view: View, transition: Transition) -> Entry:
    """Apply a transition to an entry of ours."""
    existing = _existing(view, transition.key)
    if existing.owner != view.owner:
        why = f"entry {transition.key} is driven by {existing.owner}"
        raise NotOwner(why, owner=existing.owner)
    advanced = advance(existing, transition, now=view.now())
    # An equal entry is not put: a transition repeated must cost no write.
    is_equal = advanced.state is existing.state and advanced == existing
    return existing if is_equal else view.put(advanced)


def advance_many(view: View, transitions: Iterable[Transition]) -> list[Entry]:
    """Apply several transitions, all or none."""
    return [advance_one(view, transition) for transition in transitions]


def conclude(view: View, transitions: Iterable[Transition]) -> list[str]:
    """Apply verdicts one by one; return why some were refused.

    One that the entry has already, whoever ended it, is none of them.
    """
    refusals: list[str] = []
    for transition in transitions:
        try:
            advance_one(view, transition)
        except JournalError as error:
            existing = view.find(transition.key)
            if existing is None or not _says_the_same(existing, transition):
                refusals.append(str(error.args[0]))
    return refusals


def _says_the_same(entry: Entry, transition: Transition) -> bool:
    same_order = entry.order_id is not None and entry.order_id == transition.order_id
    return not entry.is_open and (same_order or entry.state is transition.state)


def renew(view: View, keys: Iterable[str]) -> None:
    """Do nothing where every entry is open and ours; else raise NotOwner or UnknownKey.

    In a table the rows stay locked to the commit, so nobody took them over at that moment.
    """
    for key in keys:
        existing = _existing(view, key)
        if existing.owner != view.owner or not existing.is_open:
            why = f"driven by {existing.owner}" if existing.is_open else f"already {existing.state}"
            raise NotOwner(f"entry {key} is {why}", owner=existing.owner)


def mark_told(view: View, keys: Iterable[str]) -> None:
    """Note that the callers of these verdicts know them; keys without one are passed over."""
    # Whoever drove it: the caller was told, and nobody else can be.
    for key in keys:
        existing = view.find(key)
        if existing is not None and (known := told(existing)) is not existing:
            view.put(known)


def bind(view: View, account: str) -> None:
    """Make the journal this account's. Raises JournalMismatch, JournalUnadopted."""
    if view.account == account:
        return
    if view.account:
        raise mismatch(view.account, account)
    if view.has_entries_of(""):
        raise unadopted(account)
    view.bind(account)


def adopt(view: View, source: str, account: str) -> int:
    """Give the entries of `source` (empty: nobody's) to an account; return how many.

    Raises JournalMismatch, and IllegalTransition while a living process drives one of them.
    """
    if source:
        bind(view, source)
    if view.account != source:
        raise mismatch(view.account, account)
    for entry in list_all(view, open_selection()):
        if entry.owner != view.owner and view.alive(entry.owner):
            why = f"entry {entry.key} is driven by a living process: {entry.owner}"
            raise IllegalTransition(why, entry=entry)
    return view.adopt(account)


def _existing(view: View, key: str) -> Entry:
    entry = view.find(key)
    if entry is None:
        raise UnknownKey(f"no entry has the key {redacted_repr(key)}")
    return entry


def cancel_reservation(view: View, reserved: Entry) -> None:
    """Make a reservation not sent whose caller never learned of it."""
    existing = view.find(reserved.key)
    # Only while the entry is exactly as reserved: anything else means that somebody went on
    # with it, who then knows more than this cancellation.
    if existing is not None and existing == reserved:
        # Nothing was sent, so there is nothing to tell.
        not_sent = Transition(existing.key, State.NOT_SENT, told=True)
        view.put(advance(existing, not_sent, now=view.now()))


def take_over(view: View, key: str, from_owner: str) -> bool:
    """Move an open entry of a dead owner to us; say whether it is open and ours now."""
    existing = view.find(key)
    if existing is None or not existing.is_open:
        return False
    if existing.owner == view.owner:
        return True
    # The caller names the owner it saw: of two that take over at once the second must not
    # take the entry from the first.
    if existing.owner != from_owner or view.alive(from_owner):
        return False
    updated_at = max(view.now(), existing.updated_at)
    view.put(changed(existing, owner=view.owner, updated_at=updated_at))
    return True


def settle(view: View, key: str, transition: Transition, from_owner: str) -> Entry:
    """Take an entry over and give it a person's verdict, in one step."""
    if not take_over(view, key, from_owner):
        existing = _existing(view, key)
        state = "driven by a living process" if existing.is_open else f"already {existing.state}"
        raise IllegalTransition(f"entry {key} is {state}", entry=existing)
    return advance_one(view, transition)


_PAGE: Final = 500


def list_all(view: View, selection: Selection) -> list[Entry]:
    """List all entries of a selection at once."""
    entries: EntryPage = []
    while page := view.select(selection, entries[-1][0] if entries else -1, _PAGE):
        entries += page
    return [entry for _, entry in entries]
