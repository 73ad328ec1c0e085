"""The one thread that writes a journal, and its queue.

Whatever arrives while a commit is under way forms the next group: a sync is shared by as many
requests as there is demand, and none waits for a timer.
"""

from __future__ import annotations

import atexit
import os
import threading
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Final

from attrs import define, field

from kalshi_ext.journal.commit import GroupCommitter, JournalRequest, RequestKind

_LARGEST_GROUP: Final = 1000


@define(eq=False)
class Writer:
    """Serve requests by a desk in a thread of its own until closed.

    A journal is left by `close` (waits), by being dropped (`stop`, does not wait) or by the end
    of the interpreter (`close`). In a forked child, where the thread does not exist, all three
    do nothing: the store belongs to the parent.
    """

    desk: GroupCommitter
    _queue: SimpleQueue[JournalRequest | None] = field(factory=SimpleQueue[JournalRequest | None])
    _gate: threading.RLock = field(factory=threading.RLock)
    _closed: bool = False
    _pid: int = field(factory=os.getpid)
    _thread: threading.Thread = field(init=False)

    def start(self) -> Writer:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="kalshi-journal", daemon=True)
        self._thread.start()
        atexit.register(self.close)
        return self

    def submit(self, request: JournalRequest) -> None:
        """Queue a request; never blocks. Raises the request's failure when that is impossible."""
        if request.kind is not RequestKind.RESERVE:
            # Only a claim may be cancelled: a mark says what happened, whoever still listens.
            request.future.set_running_or_notify_cancel()
        with self._gate:
            if self._closed:
                raise request.failure("closed")
            self._queue.put(request)

    def stop(self) -> None:
        """Finish what is queued, then let go; does not wait for it."""
        if self._pid != os.getpid():
            return
        with self._gate:
            if not self._closed:
                self._closed = True
                self._queue.put(None)

    def close(self) -> None:
        """Finish what is queued, let go, and wait for it."""
        self.stop()
        if self._pid == os.getpid() and threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        # The local names keep the store alive in a forked child: its frame there is never
        # unwound, so no destructor closes, and thereby harms, what the parent still uses.
        desk, store = self.desk, self.desk.store
        last = False
        while not last:
            group, last = self._gather()
            if group:
                desk.serve(group)
            del group
        with suppress(Exception):
            store.close()
        atexit.unregister(self.close)

    def _gather(self) -> tuple[list[JournalRequest], bool]:
        group: list[JournalRequest] = []
        request = self._queue.get()
        while request is not None:
            group.append(request)
            if len(group) == _LARGEST_GROUP:
                return group, False
            try:
                request = self._queue.get_nowait()
            except Empty:
                return group, False
        return group, True
