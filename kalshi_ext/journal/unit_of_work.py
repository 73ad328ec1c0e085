"""The view of one group of requests on a store."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, TypeVar

from attrs import define, field

from kalshi_ext.bases import Printed
from kalshi_ext.journal.entry import Entry
from kalshi_ext.journal.store import EntryPage, Selection, Store

T = TypeVar("T")


# One view for each group: dict[str, Entry]() takes several times as long as {}.
def _nothing() -> dict[str, Any]:
    return {}


@define(eq=False, repr=False)
class UnitOfWork(Printed):
    """The view of one group: rows of a store, loaded once, changed here, written at the end.

    A rule that raises leaves no trace in it. That keeps the other requests of the group whole
    without a savepoint in the store.
    """

    store: Store
    owner: str
    now: Callable[[], datetime]
    _rows: dict[str, Entry | None] = field(factory=_nothing)
    _keys_by_intent: dict[str, str | None] = field(factory=_nothing)
    _staged: dict[str, Entry] = field(factory=_nothing)
    _staged_intents: dict[str, str] = field(factory=_nothing)
    # dicts keep the order of arrival, sets do not
    _new: dict[str, None] = field(factory=_nothing)
    _changed: dict[str, None] = field(factory=_nothing)

    def know(self, entries: Iterable[Entry]) -> None:
        """Take entries that are stored like this into the view, without loading them."""
        for entry in entries:
            self._index(entry)

    def fetch(self, keys: Iterable[str], intents: Iterable[str]) -> None:
        """Load what is not in the view yet, in one query to the store."""
        missing = [key for key in dict.fromkeys(keys) if key not in self._rows]
        unnamed = [name for name in dict.fromkeys(intents) if name not in self._keys_by_intent]
        if not missing and not unnamed:
            return
        # What the store does not have is remembered too, so that it is asked for once.
        self._rows.update(dict.fromkeys(missing))
        self._keys_by_intent.update(dict.fromkeys(unnamed))
        for entry in self.store.load(missing, unnamed):
            self._index(entry)

    def _index(self, entry: Entry) -> None:
        # An entry loaded by its intent may be in the view by its key, and changed since.
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

    def select(self, selection: Selection, after: int, limit: int) -> EntryPage:
        """List entries of the store, with what this group changed so far."""
        self.flush()
        return self.store.select(selection, after, limit)

    def alive(self, owner: str) -> bool:
        """Say whether the journal instance of this name may still be running."""
        return self.store.alive(owner)

    @property
    def account(self) -> str:
        """The account the store is bound to."""
        return self.store.account

    def bind(self, account: str) -> None:
        """Bind the store; before anything of another account was loaded."""
        self.store.bind(account)

    def has_entries_of(self, account: str) -> bool:
        """Say whether any entry belongs to an account."""
        self.flush()
        return self.store.has_entries_of(account)

    def accounts(self) -> list[str]:
        """Name the accounts that have entries."""
        self.flush()
        return self.store.accounts()

    def adopt(self, account: str) -> int:
        """Move the store's entries to another account."""
        self.flush()
        count = self.store.adopt(account)
        self._rows.clear()  # they have another account now
        self._keys_by_intent.clear()
        return count

    def verify(self) -> list[str]:
        """Return what is wrong with the stored data."""
        return self.store.verify()

    def attempt(self, work: Callable[[UnitOfWork], T]) -> T:
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
            is_new = self._rows.get(key) is None or key in self._new
            (self._new if is_new else self._changed)[key] = None
            self._index(entry)
            self._rows[key] = entry

    def flush(self) -> None:
        """Write what changed into the store's transaction."""
        new = [entry for key in self._new if (entry := self._rows[key])]
        changed = [entry for key in self._changed if (entry := self._rows[key])]
        if new or changed:
            self.store.save(new, changed)
        self._new.clear()
        self._changed.clear()
