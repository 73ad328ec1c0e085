"""A journal in this process's memory: the same rules and errors, without crash safety.

No queue, no thread, no future: a call takes the lock, applies its rule to the entries and returns.
A rule stages what it puts, and the entries are written once it has returned: of a call that fails
nothing is kept.

An interrupt (Ctrl-C) may come at any line. Before the writing, nothing was done. During it, what a
reservation wrote so far becomes not_sent, for its caller never learns of it, and transitions
written so far stay, for they say what happened. Reads go by the rows, so an index that was
interrupted half-way is never wrong, only longer than it need be.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import islice
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from attrs import define, field

from kalshi_ext.bases import Printed
from kalshi_ext.errors import KalshiError
from kalshi_ext.journal import rules
from kalshi_ext.journal.commit import reservations_in
from kalshi_ext.journal.entry import OPEN, Entry, Reservation, Transition, changed, utc_now
from kalshi_ext.journal.journal import INHERITED, Journal, new_owner
from kalshi_ext.journal.store import UNTOLD, EntryPage, Selection, open_selection
from kalshi_ext.journal.verbs import VERBS, JournalRequest, RequestKind

P = ParamSpec("P")
T = TypeVar("T")

KEEP: Final = 100_000  # entries


@define(eq=False, repr=False)
class EntryTable(Printed):
    """Entries in the order of their arrival; at most `keep` of them, the open ones aside.

    Beyond that the oldest verdicts are forgotten, in constant time for each entry written.
    """

    keep: int = KEEP
    account: str = ""
    rows: dict[str, Entry] = field(factory=dict[str, Entry])
    intents: dict[str, str] = field(factory=dict[str, str])
    _positions: dict[str, int] = field(factory=dict[str, int])
    _open: dict[str, None] = field(factory=dict[str, None])
    _ended: deque[str] = field(factory=deque[str])
    _count: int = 0

    def write(self, entries: Iterable[Entry]) -> None:
        """Insert and replace entries, then forget the oldest verdicts beyond the limit."""
        for entry in entries:
            self._write(entry)
        while len(self.rows) > self.keep and self._ended:
            self._forget(self._ended.popleft())

    def _write(self, entry: Entry) -> None:
        key, is_open = entry.key, entry.is_open
        if key not in self.rows:
            self._count += 1
            self._positions[key] = self._count
        # The row is what counts and an interrupt may come anywhere: an open entry is listed
        # before it has a row, a final one is unlisted after, and readers go by the row.
        if entry.intent is not None:
            self.intents[entry.intent] = key
        if is_open:
            self._open[key] = None
        self.rows[key] = entry
        if not is_open and self._open.pop(key, 0) is None:
            self._ended.append(key)

    def _forget(self, key: str) -> None:
        if key in self._open:  # reopened since
            return
        entry = self.rows.pop(key, None)
        self._positions.pop(key, None)
        if entry is not None and entry.intent is not None:
            self.intents.pop(entry.intent, None)

    def select(self, selection: Selection, after: int, limit: int) -> EntryPage:
        """List entries in the order of their arrival."""
        only_open = selection.states is not None and selection.states <= OPEN
        keys = sorted(self._open, key=self._positions.__getitem__) if only_open else self.rows
        rows = ((self._positions[key], self.rows[key]) for key in keys if key in self.rows)
        matching = (row for row in rows if row[0] > after and selection.matches(row[1]))
        return list(islice(matching, limit))


# One view for each call: dict[str, Entry]() takes several times as long as {}.
def _no_entries() -> dict[str, Entry]:
    return {}


def _no_keys() -> dict[str, str]:
    return {}


@define(eq=False, repr=False)
class MemoryView(Printed):
    """A table as one call sees it, with what the call put."""

    table: EntryTable
    owner: str
    now: Callable[[], datetime]
    staged: dict[str, Entry] = field(factory=_no_entries)
    _staged_intents: dict[str, str] = field(factory=_no_keys)

    def find(self, key: str) -> Entry | None:
        """Return the entry under a key."""
        return self.staged.get(key) or self.table.rows.get(key)

    def find_intent(self, intent: str) -> Entry | None:
        """Return the entry of an intent."""
        key = self._staged_intents.get(intent) or self.table.intents.get(intent)
        return None if key is None else self.find(key)

    def put(self, entry: Entry) -> Entry:
        """Stage an entry until the call has ended well."""
        self.staged[entry.key] = entry
        if entry.intent is not None:
            self._staged_intents[entry.intent] = entry.key
        return entry

    def select(self, selection: Selection, after: int, limit: int) -> EntryPage:
        """List entries by position."""
        return self.table.select(selection, after, limit)

    def alive(self, owner: str) -> bool:
        """Say whether an owner is this journal: no other one sees its entries."""
        return owner == self.owner

    @property
    def account(self) -> str:
        """The account it is bound to."""
        return self.table.account

    def bind(self, account: str) -> None:
        """Make it this account's."""
        self.table.account = account

    def has_entries_of(self, account: str) -> bool:
        """Say whether any entry belongs to an account."""
        return any(entry.account == account for entry in self.table.rows.values())

    def accounts(self) -> list[str]:
        """Name the accounts that have entries."""
        return sorted({entry.account for entry in self.table.rows.values()})

    def adopt(self, account: str) -> int:
        """Move all entries to another account."""
        for entry in self.table.rows.values():
            self.put(changed(entry, account=account))
        self.table.account = account
        return len(self.staged)

    def verify(self) -> list[str]:
        """Return no problem: memory has no file to be damaged."""
        return []


@define(eq=False, repr=False)
class MemoryRunner(Printed):
    """Applies a rule at once, in the caller's thread."""

    table: EntryTable
    owner: str
    now: Callable[[], datetime]
    # Reentrant: a signal handler may use the journal in the thread that is inside a call.
    _lock: threading.RLock = field(factory=threading.RLock)
    _closed: bool = False
    _pid: int = field(factory=os.getpid)

    def run(
        self,
        kind: RequestKind,
        rule: Callable[Concatenate[MemoryView, P], T],
        *args: P.args,
        **options: P.kwargs,
    ) -> T:
        """Apply a rule and write what it put. Raises its error, or the kind's once closed."""
        # Before the lock: one that another thread had during a fork is never released there.
        if self._pid != os.getpid():
            raise kind.failure(INHERITED)
        if self._closed:
            raise kind.failure("closed")
        with self._lock:
            view = MemoryView(self.table, self.owner, self.now, {}, {})
            result = rule(view, *args, **options)
            try:
                self.table.write(view.staged.values())
                return result  # noqa: TRY300 - an interrupt at this line must roll back too
            except BaseException:
                self._roll_back(result)
                raise

    def _roll_back(self, result: object) -> None:
        view = MemoryView(self.table, self.owner, self.now)
        for entry in reservations_in(result):
            rules.cancel_reservation(view, entry)
        self.table.write(view.staged.values())

    def submit(self, request: JournalRequest) -> None:
        """Do a request; its future is done when this returns. Raises its failure once closed."""
        if self._closed:
            raise request.kind.failure("closed")
        try:
            request.future.set_result(self.run(request.kind, request.work))
        except Exception as error:  # noqa: BLE001 - it belongs to whoever reads the future
            request.future.set_exception(error)

    def mark_told(self, keys: Iterable[str]) -> None:
        """Mark verdicts as told; in a closed journal or a forked child it does nothing."""
        try:
            self.run(RequestKind.ADVANCE, rules.mark_told, keys)
        except KalshiError:
            return

    def close(self) -> None:
        """Take no more calls."""
        self._closed = True

    stop = close


class MemoryJournal(Journal):
    """A journal that dies with its process: NO crash safety.

    What was under way when the process dies is forgotten, and a person has to ask the exchange.
    Within the process it does all that the others do. It keeps the latest 100,000 entries, so an
    id or intent older than that is not recognised.
    """

    durable = False
    blocking = False

    def __init__(self, *, now: Callable[[], datetime] = utc_now, keep: int = KEEP) -> None:
        owner = new_owner()
        self._memory = MemoryRunner(EntryTable(keep), owner, now)
        super().__init__(self._memory, owner, "")

    def _call(self, verb: str, *args: Any, **options: Any) -> Any:
        request = VERBS[verb](*args, **options)
        return self._memory.run(request.kind, request.work)

    # The verbs that flows use do not even build a request: they run for each order placed.

    def reserve_many(self, entries: Iterable[Entry]) -> list[Reservation]:
        """Record several intents, all or none; the reservations come in their order."""
        return self._memory.run(RequestKind.RESERVE, rules.reserve_many, list(entries))

    def reopen(self, key: str) -> Reservation:
        """Make a refused or never sent entry an intent again; one of two callers acquires it."""
        return self._memory.run(RequestKind.RESERVE, rules.reopen, key)

    def advance_many(self, transitions: Iterable[Transition]) -> list[Entry]:
        """Record what became of several entries, all or none."""
        return self._memory.run(RequestKind.ADVANCE, rules.advance_many, list(transitions))

    def conclude(self, transitions: Iterable[Transition]) -> None:
        """Record verdicts at once."""
        self.advance_many(transitions)

    def take_over(self, key: str, from_owner: str) -> bool:
        """Take an open entry from an owner that is gone; say whether it is open and ours now."""
        return self._memory.run(RequestKind.ADVANCE, rules.take_over, key, from_owner)

    def renew(self, keys: Iterable[str]) -> None:
        """Check that entries are open and ours; raises NotOwner, UnknownKey."""
        self._memory.run(RequestKind.CHECK, rules.renew, list(keys))

    def untold(self) -> list[Entry]:
        """Return the verdicts whose callers were not told, oldest first."""
        return self._memory.run(RequestKind.READ, rules.list_all, UNTOLD)

    def get(self, key: str) -> Entry | None:
        """Return the entry under a key."""
        return self._memory.run(RequestKind.READ, MemoryView.find, key)

    def open_entries(self, ticker: str | None = None) -> list[Entry]:
        """Return the entries without a verdict, oldest first."""
        return self._memory.run(RequestKind.READ, rules.list_all, open_selection(ticker))
