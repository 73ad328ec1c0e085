"""A journal in this process's memory: the same behaviour, without crash safety."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from itertools import islice
from typing import Final

from attrs import define, field

from kalshi_ext.journal.commit import GroupCommitter
from kalshi_ext.journal.entry import OPEN, Entry, utc_now
from kalshi_ext.journal.journal import Journal, new_owner
from kalshi_ext.journal.store import EntryPage, Selection
from kalshi_ext.journal.verbs import JournalRequest

KEEP: Final = 100_000


@define
class MemoryStore:
    """Entries in a dict. At most `keep` stay: the verdicts longest known are forgotten first."""

    owner: str
    keep: int = KEEP
    _rows: dict[str, Entry] = field(factory=dict[str, Entry])
    _positions: dict[str, int] = field(factory=dict[str, int])
    _intents: dict[str, str] = field(factory=dict[str, str])
    _open: dict[str, None] = field(factory=dict[str, None])
    _ended: deque[str] = field(factory=deque[str])
    _count: int = 0

    def begin(self, *, writing: bool) -> None:
        """Do nothing: a request changes nothing here before it is sure to succeed."""

    def commit(self) -> None:
        """Do nothing: what was saved stays."""

    rollback = close = commit

    def load(self, keys: Collection[str], intents: Collection[str]) -> list[Entry]:
        """Look up entries."""
        wanted = dict.fromkeys(keys)
        wanted |= dict.fromkeys(self._intents[name] for name in intents if name in self._intents)
        return [self._rows[key] for key in wanted if key in self._rows]

    def save(self, new: Sequence[Entry], changed: Sequence[Entry]) -> None:
        """Keep entries, forgetting the verdicts longest known beyond the limit."""
        for entry in new:
            self._count += 1
            self._positions[entry.key] = self._count
        for entry in (*new, *changed):
            self._keep(entry)
        while len(self._rows) > self.keep and self._ended:
            self._forget(self._ended.popleft())

    def _keep(self, entry: Entry) -> None:
        # The row is what counts and an interrupt may come anywhere: an open entry is listed
        # before it has a row, a final one is unlisted after, and readers go by the row.
        if entry.intent is not None:
            self._intents[entry.intent] = entry.key
        if entry.is_open:
            self._open[entry.key] = None
        self._rows[entry.key] = entry
        if not entry.is_open and self._open.pop(entry.key, 0) is None:
            self._ended.append(entry.key)

    def _forget(self, key: str) -> None:
        if key in self._open:  # reopened since
            return
        entry = self._rows.pop(key, None)
        self._positions.pop(key, None)
        if entry is not None and entry.intent is not None:
            self._intents.pop(entry.intent, None)

    def select(self, selection: Selection, after: int, limit: int) -> EntryPage:
        """List entries in the order of their arrival."""
        only_open = selection.states is not None and selection.states <= OPEN
        keys = sorted(self._open, key=self._positions.__getitem__) if only_open else self._rows
        rows = ((self._positions[key], self._rows[key]) for key in keys if key in self._rows)
        return list(islice((r for r in rows if r[0] > after and selection.matches(r[1])), limit))

    def alive(self, owner: str) -> bool:
        """Say whether an owner is this journal: there is no other in here."""
        return owner == self.owner

    def verify(self) -> list[str]:
        """Find nothing: there is nothing to be damaged."""
        return []


@define
class Inline:
    """Serve each request at once, in the caller's thread."""

    committer: GroupCommitter
    _lock: threading.RLock = field(factory=threading.RLock)
    _closed: bool = False

    def submit(self, request: JournalRequest) -> None:
        """Serve a request. Raises its failure once closed."""
        with self._lock:
            if self._closed:
                raise request.kind.failure("closed")
            self.committer.serve([request])

    def close(self) -> None:
        """Take no more requests."""
        self._closed = True

    stop = close


class MemoryJournal(Journal):
    """A journal that dies with its process: NO crash safety.

    What was under way when the process dies is forgotten, and the exchange has to be asked by a
    person. Within the process it does all that the others do. It keeps the latest 100,000
    entries, so an id or intent older than that is not recognised.
    """

    durable = False

    def __init__(self, *, now: Callable[[], datetime] = utc_now, keep: int = KEEP) -> None:
        owner = new_owner()
        super().__init__(Inline(GroupCommitter(MemoryStore(owner, keep), owner, now)), owner, "")
