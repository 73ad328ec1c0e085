"""The one thread that writes a journal, and what waits for it.

Whoever waits for a commit puts a request into the queue and wakes the thread. Verdicts that are
written behind, and marks, wait beside the queue: the thread takes them with whatever it serves, and
by itself once they are due. For a while after each reservation, whose verdict is to be expected,
it wakes by itself, so that a verdict wakes nobody.
"""

from __future__ import annotations

import atexit
import math
import os
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from enum import Enum
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, Final

from attrs import define, field

from kalshi_ext.bases import Printed
from kalshi_ext.journal.commit import GroupCommitter, log
from kalshi_ext.journal.verbs import JournalRequest, RequestKind

_MAX_GROUP: Final = 1000  # requests; bounds how long the first of a group waits for the last
_BEHIND_WITHIN: Final = 0.1  # seconds that a verdict may wait for a group to go with
_TOLD_WITHIN: Final = 0.5  # the same of a mark
_RETRY_AFTER: Final = 1.0  # seconds, where the store failed to write verdicts
_CLOSE_WITHIN: Final = 10.0  # seconds that closing waits for a store that gets nothing done
_EXPECTING: Final = 1.0  # seconds after a reservation in which the thread wakes by itself


class Signal(Enum):
    """What the queue has beside requests."""

    WAKE = "look again how long to wait"
    END = "nothing comes after this"


@define(eq=False, repr=False)
class Writer(Printed):
    """The thread that writes a journal, and its queue.

    A journal is left by `close` (waits while something gets done), by being dropped (`stop`, does
    not wait) or by the end of the interpreter (`close`). In a forked child, where the thread does
    not exist, all three do nothing: the store belongs to the parent.
    """

    committer: GroupCommitter
    _queue: SimpleQueue[JournalRequest | Signal] = field(factory=SimpleQueue[Any])
    # Reentrant: a signal handler may use the journal in the thread that is inside `submit`.
    _lock: threading.RLock = field(factory=threading.RLock)
    _closed: bool = False
    _pid: int = field(factory=os.getpid)
    _thread: threading.Thread = field(init=False)
    # What waits beside the queue, by when it has to be written, and when the thread wakes by
    # itself (monotonic seconds); all of it under the lock.
    _behind: list[JournalRequest] = field(factory=list[JournalRequest])
    _told: list[str] = field(factory=list[str])
    _first: list[JournalRequest] = field(factory=list[JournalRequest])
    _due: float = math.inf
    _wakes_at: float = math.inf
    _expects_until: float = 0.0
    _serving: list[JournalRequest] = field(factory=list[JournalRequest])  # what is being written
    _groups: int = 0  # that were served

    def start(self) -> Writer:
        self._thread = threading.Thread(target=self._serve, name="kalshi-journal", daemon=True)
        self._thread.start()
        atexit.register(self.close)
        return self

    def submit(self, request: JournalRequest) -> None:
        """Queue a request; never blocks. Raises the request's failure when that is impossible.

        The future of a verdict that is written behind is done when this returns.
        """
        is_behind = False
        with self._lock:  # nothing may be queued behind the END
            if self._closed:
                raise request.kind.failure("closed")
            if request.kind is RequestKind.ADVANCE and not request.keeps_intent:
                held = self.committer.held.take(request.keys)
                request.known.extend(held)
                is_behind = request.behind is not None and len(held) == len(request.keys)
            if is_behind:
                self._behind.append(request)
                self._wake_within(_BEHIND_WITHIN)
            else:
                if request.kind is not RequestKind.RESERVE:
                    # A transition says what happened, whoever still listens: no cancelling it.
                    request.future.set_running_or_notify_cancel()
                if request.goes_first:
                    self._first.append(request)
                    self._wake_within(0.0)
                else:
                    self._queue.put(request)
        if is_behind:
            request.future.set_result(None)

    def mark_told(self, keys: Iterable[str]) -> None:
        """Mark verdicts as told with the next group, or soon; never waits, raises or blocks."""
        if self._pid != os.getpid():  # a lock that a thread had during a fork is never released
            return
        with self._lock:
            if not self._closed:
                self._told.extend(keys)
                self._wake_within(_TOLD_WITHIN)

    def _wake_within(self, seconds: float) -> None:
        due = time.monotonic() + seconds
        self._due = min(self._due, due)
        if due < self._wakes_at:
            self._wakes_at = due
            self._queue.put(Signal.WAKE)

    def stop(self) -> None:
        """Finish what is queued, then release the store; does not wait for it."""
        if self._pid != os.getpid():
            return
        with self._lock:
            if not self._closed:
                self._closed = True
                self._queue.put(Signal.END)

    def close(self) -> None:
        """Finish what is queued, release the store, and wait for it.

        A store that stands still (a database whose process was stopped breaks no connection) is
        waited for a while; then what was not begun fails, and the log says what is not known to be
        written. The thread writes verdicts all the same, should the store go on.
        """
        self.stop()
        # A future's callback runs in the writer's thread and may close the journal.
        if self._pid != os.getpid() or threading.current_thread() is self._thread:
            return
        served = -1
        while self._thread.is_alive() and served != self._groups:
            served = self._groups
            self._thread.join(_CLOSE_WITHIN)
        if self._thread.is_alive():
            atexit.unregister(self.close)
            self._give_up()

    def _give_up(self) -> None:
        """Fail what was not begun, and log what is not known to be written."""
        requests: list[JournalRequest] = []
        with suppress(Empty):
            while True:
                item = self._queue.get_nowait()
                requests += [item] if isinstance(item, JournalRequest) else []
        self._queue.put(Signal.END)
        for request in requests:
            if request.future.running() or request.future.set_running_or_notify_cancel():
                why = "closed while its store stood still"
                request.future.set_exception(request.kind.failure(why))
        with self._lock:
            requests += [*self._serving, *self._behind, *self.committer.behind]
        writing = (each for each in requests if each.kind is not RequestKind.READ)
        keys = sorted({key for each in writing for key in each.keys})
        named = f"{len(keys)} entries ({', '.join(keys[:5])})" if keys else "no entry"
        log.error(
            "the journal is closed while its store stands still; not known to be written: %s", named
        )

    def _serve(self) -> None:
        # The local names keep the store alive in a forked child: its frame there is never
        # unwound, so no destructor closes, and thereby harms, what the parent still uses.
        committer, store = self.committer, self.committer.store
        last = False
        while not last:
            group, last = self._next_group()
            due = self._take_waiting(group)
            if group or committer.behind or committer.told:
                self._serving = [*group, *committer.behind]
                committer.serve(group, partial(self._note_served, group, due))
                self._serving = []
            del group  # its futures must not live on while this thread waits for the next one
        if committer.behind:
            log.error("the journal was closed without %d outcomes", len(committer.behind))
        with suppress(Exception):
            store.close()
        atexit.unregister(self.close)

    def _next_group(self) -> tuple[list[JournalRequest], bool]:
        """Wait for the next requests, none where others are due; say whether it is the end."""
        group: list[JournalRequest] = []
        while len(group) < _MAX_GROUP:
            try:
                item = self._queue.get_nowait() if group else self._queue.get(timeout=self._wait())
            except Empty:
                break
            if item is Signal.END:
                return group, True
            if isinstance(item, JournalRequest):
                group.append(item)
        return group, False

    def _wait(self) -> float | None:
        with self._lock:
            now = time.monotonic()
            expected = now + _BEHIND_WITHIN if now < self._expects_until else math.inf
            self._wakes_at = min(self._due, expected)
            return None if self._wakes_at == math.inf else max(0.0, self._wakes_at - now)

    def _take_waiting(self, group: list[JournalRequest]) -> float:
        """Give the committer and its group what waits beside the queue; return when it was due."""
        committer = self.committer
        with self._lock:
            group[:0], self._first = self._first, []
            committer.behind += self._behind
            committer.told += self._told
            self._behind, self._told = [], []
            due, self._due, self._wakes_at = self._due, math.inf, 0.0  # it is awake
        return due

    def _note_served(self, group: list[JournalRequest], due: float) -> None:
        now, self._groups = time.monotonic(), self._groups + 1
        with self._lock:
            if any(request.kind is RequestKind.RESERVE for request in group):
                self._expects_until = now + _EXPECTING
            if self.committer.behind:
                self._due = min(self._due, now + _RETRY_AFTER)
            elif self.committer.told:  # those of a group that only read
                self._due = min(self._due, due)
