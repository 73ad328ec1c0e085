"""A store that fails as scripted."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from kalshi_ext.journal.commit import GroupCommitter
from kalshi_ext.journal.entry import Entry, told
from kalshi_ext.journal.journal import Journal
from kalshi_ext.journal.memory import EntryTable
from kalshi_ext.journal.store import EntryPage, Selection
from kalshi_ext.journal.writer import Writer


class MemoryStore:
    """A store over dicts, for what is tested of a committer."""

    def __init__(self, owner: str) -> None:
        self.owner = owner
        self.table = EntryTable()

    def load(self, keys: Iterable[str], intents: Iterable[str]) -> list[Entry]:
        by_intent = self.table.intents
        wanted = dict.fromkeys([*keys, *(by_intent[name] for name in intents if name in by_intent)])
        return [self.table.rows[key] for key in wanted if key in self.table.rows]

    def save(self, new: Sequence[Entry], changed: Sequence[Entry]) -> None:
        self.table.write([*new, *changed])

    def select(self, selection: Selection, after: int, limit: int) -> EntryPage:
        return self.table.select(selection, after, limit)

    def alive(self, owner: str) -> bool:
        return owner == self.owner


class ScriptedStore:
    """Real transactions over memory. `faults[step]` lists what each call of a step raises.

    A fault is None (works), an exception, or ("after", exception): works, then raises. `log`
    keeps the steps; `gate` blocks every commit while it is cleared.
    """

    def __init__(self, owner: str = "me") -> None:
        self.rows = MemoryStore(owner)
        self.before: MemoryStore | None = None
        self.faults: dict[str, list[Any]] = {}
        self.log: list[str] = []
        self.gate = threading.Event()
        self.gate.set()
        self.waiting = threading.Event()

    def _step(self, name: str, work: Callable[[], Any]) -> Any:
        self.log.append(name)
        fault = self.faults[name].pop(0) if self.faults.get(name) else None
        if isinstance(fault, BaseException):
            raise fault
        result = work()
        if fault is not None:
            raise fault[1]
        return result

    def begin(self, *, writing: bool) -> None:
        assert self.before is None, "a transaction inside a transaction"
        self._step("begin" if writing else "look", lambda: None)
        self.before = copy.deepcopy(self.rows)

    def load(self, keys: Any, intents: Any) -> Any:
        return self._step("load", lambda: self.rows.load(keys, intents))

    def save(self, new: Any, changed: Any) -> None:
        self._step("save", lambda: self.rows.save(new, changed))

    def select(self, *args: Any) -> Any:
        return self._step("select", lambda: self.rows.select(*args))

    def alive(self, owner: str) -> bool:
        return self._step("alive", lambda: self.rows.alive(owner))

    @property
    def account(self) -> str:
        return self.rows.table.account

    def bind(self, account: str) -> None:
        self.rows.table.account = account

    def has_entries_of(self, account: str) -> bool:
        return any(row.account == account for row in self.rows.table.rows.values())

    def mark_told(self, keys: Iterable[str]) -> None:
        self._step("told", lambda: self._mark_told(keys))

    def _mark_told(self, keys: Iterable[str]) -> None:
        rows = [self.rows.table.rows[key] for key in keys if key in self.rows.table.rows]
        self.rows.table.write([told(row) for row in rows])

    def verify(self) -> list[str]:
        return self._step("verify", lambda: ["a finding"])

    def commit(self) -> None:
        self.waiting.set()
        assert self.gate.wait(20)
        self._step("commit", self._forget)

    def _forget(self) -> None:
        self.before = None

    def rollback(self) -> None:
        self.log.append("rollback")
        if self.before is not None:
            self.rows, self.before = self.before, None

    def close(self) -> None:
        self.log.append("close")


def scripted(now: Callable[[], Any]) -> tuple[Journal, ScriptedStore]:
    """Open a journal with its thread over a scripted store."""
    store = ScriptedStore()
    return Journal(Writer(GroupCommitter(store, "me", now)).start(), "me", "scripted"), store
