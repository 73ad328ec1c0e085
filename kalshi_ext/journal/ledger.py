"""What the requests of a journal do, on a view of the store that is written once a group.

A request changes the view or raises, and a raised one leaves no trace in it: that is what keeps
the others of its group whole, without a savepoint in the store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TypeVar

from attrs import define, field

from kalshi_ext.errors import Misuse
from kalshi_ext.journal.entry import (
    REOPENABLE,
    Claimed,
    Entry,
    Mark,
    State,
    advance,
    changed,
    reopened,
)
from kalshi_ext.journal.errors import IllegalTransition, NotOwner, UnknownKey
from kalshi_ext.journal.store import Selection, Store

T = TypeVar("T")


@define
class Sheet:
    """The rows one group of requests sees and changes."""

    store: Store
    owner: str
    now: Callable[[], datetime]
    _rows: dict[str, Entry | None] = field(factory=dict[str, Entry | None])
    _keys_by_intent: dict[str, str | None] = field(factory=dict[str, str | None])
    _staged: dict[str, Entry] = field(factory=dict[str, Entry])
    _staged_intents: dict[str, str] = field(factory=dict[str, str])
    # dicts keep the order of arrival, sets do not
    _new: dict[str, None] = field(factory=dict[str, None])
    _changed: dict[str, None] = field(factory=dict[str, None])

    def fetch(self, keys: Iterable[str], intents: Iterable[str]) -> None:
        """Load what is not in the view yet, in one question to the store."""
        unseen = [key for key in dict.fromkeys(keys) if key not in self._rows]
        unnamed = [name for name in dict.fromkeys(intents) if name not in self._keys_by_intent]
        if not unseen and not unnamed:
            return
        self._rows.update(dict.fromkeys(unseen))
        self._keys_by_intent.update(dict.fromkeys(unnamed))
        for entry in self.store.load(unseen, unnamed):
            self._notice(entry)

    def _notice(self, entry: Entry) -> None:
        if self._rows.get(entry.key) is None:
            self._rows[entry.key] = entry
        if entry.intent is not None:
            self._keys_by_intent[entry.intent] = entry.key

    def find(self, key: str) -> Entry | None:
        """Return the entry under a key."""
        if key in self._staged:
            return self._staged[key]
        if key not in self._rows:
            self.fetch([key], ())
        return self._rows[key]

    def find_intent(self, intent: str) -> Entry | None:
        """Return the entry of an intent."""
        if intent not in self._keys_by_intent:
            self.fetch((), [intent])
        key = self._staged_intents.get(intent) or self._keys_by_intent[intent]
        return None if key is None else self.find(key)

    def put(self, entry: Entry) -> Entry:
        """Stage an entry until the running request has ended well."""
        self._staged[entry.key] = entry
        if entry.intent is not None:
            self._staged_intents[entry.intent] = entry.key
        return entry

    def attempt(self, work: Callable[[Sheet], T]) -> T:
        """Run one request; keep what it staged only when it returns."""
        try:
            result = work(self)
            self._keep()
        finally:
            self._staged.clear()
            self._staged_intents.clear()
        return result

    def _keep(self) -> None:
        for key, entry in self._staged.items():
            fresh = self._rows.get(key) is None or key in self._new
            (self._new if fresh else self._changed)[key] = None
            self._notice(entry)
            self._rows[key] = entry

    def flush(self) -> None:
        """Write what changed into the store's transaction."""
        new = [entry for key in self._new if (entry := self._rows[key])]
        old = [entry for key in self._changed if (entry := self._rows[key])]
        if new or old:
            self.store.save(new, old)
        self._new.clear()
        self._changed.clear()


def claim(sheet: Sheet, entry: Entry) -> Claimed:
    """Insert an entry unless its key, or else its intent, is taken."""
    if entry.state is not State.INTENT:
        raise Misuse(f"state: a claim starts as intent, got {entry.state}")
    found = sheet.find(entry.key)
    if found is None and entry.intent is not None:
        found = sheet.find_intent(entry.intent)
    if found is not None:
        return Claimed(found, mine=False)
    return Claimed(sheet.put(changed(entry, owner=sheet.owner)), mine=True)


def reopen(sheet: Sheet, key: str) -> Claimed:
    """Make a refused or never sent entry an intent of ours; not mine when it is neither."""
    found = _known(sheet, key)
    if found.state not in REOPENABLE:
        return Claimed(found, mine=False)
    return Claimed(sheet.put(reopened(found, owner=sheet.owner, now=sheet.now())), mine=True)


def mark(sheet: Sheet, made: Mark) -> Entry:
    """Apply a mark to an entry of ours."""
    found = _known(sheet, made.key)
    if found.owner != sheet.owner:
        raise NotOwner(f"entry {made.key} is driven by {found.owner}", owner=found.owner)
    advanced = advance(found, made, now=sheet.now())
    return found if advanced == found else sheet.put(advanced)


def _known(sheet: Sheet, key: str) -> Entry:
    found = sheet.find(key)
    if found is None:
        raise UnknownKey(f"no entry has the key {key!r}")
    return found


def withdraw(sheet: Sheet, claimed: Entry) -> None:
    """Take back a claim whose caller never learned of it; does nothing once it went on."""
    found = sheet.find(claimed.key)
    if found is not None and found == claimed:
        sheet.put(advance(found, Mark(found.key, State.NOT_SENT), now=sheet.now()))


def take_over(sheet: Sheet, key: str, from_owner: str) -> bool:
    """Move an open entry of a dead owner to us; say whether it is open and ours now."""
    found = sheet.find(key)
    if found is None or not found.is_open:
        return False
    if found.owner == sheet.owner:
        return True
    if found.owner != from_owner or sheet.store.alive(from_owner):
        return False
    sheet.put(changed(found, owner=sheet.owner, updated_at=max(sheet.now(), found.updated_at)))
    return True


Page = list[tuple[int, Entry]]


def page(sheet: Sheet, selection: Selection, after: int, limit: int) -> Page:
    """List entries of the store, with what this group changed so far."""
    sheet.flush()
    return sheet.store.select(selection, after, limit)


_PAGE = 500


def everything(sheet: Sheet, selection: Selection) -> list[Entry]:
    """List all entries of a selection at once."""
    listed: Page = []
    while part := page(sheet, selection, listed[-1][0] if listed else -1, _PAGE):
        listed += part
    return [entry for _, entry in listed]


def settle(sheet: Sheet, key: str, made: Mark, from_owner: str) -> Entry:
    """Take an entry over and give it a person's verdict, in one step."""
    if not take_over(sheet, key, from_owner):
        found = _known(sheet, key)
        state = "driven by a living process" if found.is_open else f"already {found.state}"
        raise IllegalTransition(f"entry {key} is {state}", entry=found)
    return mark(sheet, made)
