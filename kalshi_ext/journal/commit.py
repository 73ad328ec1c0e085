"""The journal's commit: what is durable when, for requests that share a transaction.

Invariant: an entry is durable before the first byte of its write is sent. A flow reserves its
key and sends only after `reserve` returned with `acquired=True`; `reserve` returns only after the
transaction with the entry was synced. So after any crash each write that may be at the exchange
has an entry, and an entry without a verdict is a write to ask the exchange about.

States (`MOVES` in entry.py has every pair). The owner is the journal instance that reserved the
entry; a verdict is final.

    from                     to                       by
    -----------------------  -----------------------  ------------------------------------------
    (no entry)               intent                   anybody, `reserve`; it owns the entry then
    intent                   sent, unknown, verdict   the owner, `advance`
    intent, as reserved      not_sent                 the owner, `cancel_reservation`
    sent                     unknown, verdict         the owner, `advance`
    unknown                  verdict                  the owner, `advance`
    intent, sent, unknown    the same state           the owner, `advance`: a further attempt
    intent, sent, unknown    the same, another owner  anybody, `take_over`, once the owner is gone
    intent, sent, unknown    verdict                  a person, `settle`, once the owner is gone
    refused, not_sent        intent                   anybody, `reopen`; one of two callers gets it
    a verdict                the same, told           anybody, `mark_told`, or with the verdict
    a verdict                the same verdict         the owner, `advance`; it changes nothing

An unknown entry never becomes sent again: a resend stays unknown and raises `attempts`, for the
earlier attempt may still be executed.

Group commit: one thread (`Writer`) takes whatever is queued, applies each request's rule to one
`UnitOfWork`, saves what changed and commits once. What arrives during that sync forms the next
group: a sync serves as many requests as there is demand, and no request waits for a timer. Each
caller learns of its result after the commit:

    what failed                 what the callers learn
    --------------------------  ---------------------------------------------------------------
    one request's rule          its error, to its caller; the rest of the group is committed
    TransientError              nothing: the group runs again, ten times at most
    InvalidData                 each request runs alone; only the faulty one fails
    StoreUnavailable, or a bug  all fail by kind: JournalUnwritable (nothing was sent) for a
                                reservation, TransitionUnwritten (it happened all the same) for
                                a transition, JournalUnusable for a read or a renewal

Marks (`mark_told`) never make a caller wait and cost no commit of their own while there is work:
they go with the next group that writes, or after half a second, or at the end. A mark that is
lost only lets a verdict be told once more.

Pending rollbacks: a commit may be durable although its answer was lost. Its reservations were
reported as not written, so their callers send nothing. The committer keeps these entries and
makes each of them not_sent at the start of the next group, before a request can see it as an
intent that may have been sent. Transitions are not rolled back: they say what happened.

Example. While a sync is under way, A reserves k1, B reserves k2, C advances k0 to acknowledged.
They form one group: begin, load k0 k1 k2, save, commit. The connection is lost during that
commit. A and B get JournalUnwritable and may call again; C gets TransitionUnwritten and its order
stands. The next group begins with k1 and k2: if the commit was durable after all, both become
not_sent, and A, who calls again in this group, finds k1 not_sent and reopens it.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from datetime import datetime
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, Final, cast

from attrs import define, field, frozen

from kalshi_ext.journal.entry import Entry, Reservation
from kalshi_ext.journal.rules import cancel_reservation
from kalshi_ext.journal.store import InvalidData, Store, StoreError, TransientError
from kalshi_ext.journal.unit_of_work import UnitOfWork
from kalshi_ext.journal.verbs import JournalRequest, RequestKind

_MAX_RUNS: Final = 10  # of one group, when other processes keep getting in the way


@frozen
class RequestResult:
    """What a request came to."""

    value: Any = None
    error: BaseException | None = None

    def deliver(self, future: Future[Any]) -> None:
        """Let the waiting caller go on."""
        if self.error is not None:
            future.set_exception(self.error)
        else:
            future.set_result(self.value)


@define
class GroupCommitter:
    """Serves groups of requests on a store. Used by one thread at a time."""

    store: Store
    owner: str
    now: Callable[[], datetime]
    told: list[str] = field(factory=list[str])  # keys to mark with the next group that writes
    _pending_rollbacks: list[Entry] = field(factory=list[Entry])

    def serve(self, requests: Sequence[JournalRequest]) -> None:
        """Do the requests in order, commit once, then release their callers."""
        live = [request for request in requests if _started(request.future)]
        for request, result in zip(live, self._results(live, self._take_told(live)), strict=True):
            result.deliver(request.future)

    def _take_told(self, requests: Sequence[JournalRequest]) -> list[str]:
        # A group that only reads costs no sync, unless it asks for what was not told; one without
        # requests is made for them.
        reads_only = requests and not self._is_writing(requests)
        if reads_only and not any(request.asks_untold for request in requests):
            return []
        # Out of the list whatever comes: losing a mark is harmless, repeating a failure is not.
        told, self.told = self.told, []
        return told

    def _results(
        self, requests: Sequence[JournalRequest], told: Sequence[str] = ()
    ) -> list[RequestResult]:
        reason = ""
        for _ in range(_MAX_RUNS):
            try:
                return self._run(requests, told)
            except TransientError as error:
                reason = str(error)
            except InvalidData as error:
                # The store does not say whose data: the innocent must not fail with the culprit.
                if len(requests) > 1:
                    return [result for request in requests for result in self._results([request])]
                return _failures(requests, str(error))
            except StoreError as error:
                return _failures(requests, str(error))
            except Exception as error:  # noqa: BLE001 - a caller must never wait for ever
                return _failures(requests, f"unexpected {error!r}")
        return _failures(requests, f"gave up after {_MAX_RUNS} attempts: {reason}")

    def _run(self, requests: Sequence[JournalRequest], told: Sequence[str]) -> list[RequestResult]:
        unit = UnitOfWork(self.store, self.owner, self.now)
        results: list[RequestResult] = []
        try:
            self.store.begin(writing=bool(told) or self._is_writing(requests))
            if told:  # before anything is loaded, so that what is loaded has the marks
                self.store.mark_told(told)
            self._roll_back_pending(unit)
            unit.fetch(*_needs(requests))
            results += [_attempt(request, unit) for request in requests]
            unit.flush()
            self.store.commit()
        except BaseException:
            self.store.rollback()
            # Durable or not is unknown here; rolling back what is not stored does nothing.
            reserved = [entry for result in results for entry in reservations_in(result.value)]
            self._pending_rollbacks += reserved
            raise
        self._pending_rollbacks.clear()  # only now: a failed group leaves them to the next one
        return results

    def _is_writing(self, requests: Sequence[JournalRequest]) -> bool:
        reads_only = all(request.kind is RequestKind.READ for request in requests)
        return bool(self._pending_rollbacks) or not reads_only

    def _roll_back_pending(self, unit: UnitOfWork) -> None:
        if self._pending_rollbacks:
            unit.fetch([entry.key for entry in self._pending_rollbacks], ())
        for entry in self._pending_rollbacks:
            unit.attempt(partial(cancel_reservation, reserved=entry))


def _failures(requests: Sequence[JournalRequest], why: str) -> list[RequestResult]:
    return [RequestResult(error=request.kind.failure(why)) for request in requests]


def _started(future: Future[Any]) -> bool:
    # False for a reservation that was cancelled while it waited: it is not written at all.
    return future.running() or future.set_running_or_notify_cancel()


def _needs(requests: Sequence[JournalRequest]) -> tuple[list[str], list[str]]:
    keys = [key for request in requests for key in request.keys]
    return keys, [intent for request in requests for intent in request.intents]


def _attempt(request: JournalRequest, unit: UnitOfWork) -> RequestResult:
    try:
        return RequestResult(unit.attempt(request.work))
    except StoreError:  # the transaction is lost, and with it the whole group
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to this caller alone
        return RequestResult(error=error)


def reservations_in(value: object) -> list[Entry]:
    """Return the entries that a reservation, or several, acquired."""
    several = cast("list[object]", value) if isinstance(value, list) else [value]
    return [item.entry for item in several if isinstance(item, Reservation) and item.acquired]


_MAX_GROUP: Final = 1000  # requests; bounds how long the first of a group waits for the last
_TOLD_WITHIN: Final = 0.5  # seconds that a mark may wait for a group to go with


@frozen
class Told:
    """Keys of verdicts whose callers were told."""

    keys: Sequence[str]


@define(eq=False)
class Writer:
    """The one thread that writes a journal, and its queue.

    A journal is left by `close` (waits), by being dropped (`stop`, does not wait) or by the end
    of the interpreter (`close`). In a forked child, where the thread does not exist, all three
    do nothing: the store belongs to the parent.
    """

    committer: GroupCommitter
    _queue: SimpleQueue[JournalRequest | Told | None] = field(factory=SimpleQueue[Any])
    # Reentrant: a signal handler may use the journal in the thread that is inside `submit`.
    _lock: threading.RLock = field(factory=threading.RLock)
    _closed: bool = False
    _pid: int = field(factory=os.getpid)
    _thread: threading.Thread = field(init=False)
    _told_due: float = 0.0  # monotonic seconds

    def start(self) -> Writer:
        self._thread = threading.Thread(target=self._serve, name="kalshi-journal", daemon=True)
        self._thread.start()
        atexit.register(self.close)
        return self

    def submit(self, request: JournalRequest) -> None:
        """Queue a request; never blocks. Raises the request's failure when that is impossible."""
        if request.kind is not RequestKind.RESERVE:
            # A transition says what happened, whoever still listens: it cannot be cancelled.
            request.future.set_running_or_notify_cancel()
        with self._lock:  # nothing may be queued behind the None that ends the thread
            if self._closed:
                raise request.kind.failure("closed")
            self._queue.put(request)

    def mark_told(self, keys: Iterable[str]) -> None:
        """Mark verdicts as told with the next group, or soon; never waits, raises or blocks."""
        told = Told(list(keys))
        with self._lock:
            if told.keys and not self._closed and self._pid == os.getpid():
                self._queue.put(told)

    def stop(self) -> None:
        """Finish what is queued, then release the store; does not wait for it."""
        if self._pid != os.getpid():
            return
        with self._lock:
            if not self._closed:
                self._closed = True
                self._queue.put(None)

    def close(self) -> None:
        """Finish what is queued, release the store, and wait for it."""
        self.stop()
        # A future's callback runs in the writer's thread and may close the journal.
        if self._pid == os.getpid() and threading.current_thread() is not self._thread:
            self._thread.join()

    def _serve(self) -> None:
        # The local names keep the store alive in a forked child: its frame there is never
        # unwound, so no destructor closes, and thereby harms, what the parent still uses.
        committer, store = self.committer, self.committer.store
        last = False
        while not last:
            group, last = self._next_group()
            if group or committer.told:
                committer.serve(group)
            del group  # its futures must not live on while this thread waits for the next one
        with suppress(Exception):
            store.close()
        atexit.unregister(self.close)

    def _next_group(self) -> tuple[list[JournalRequest], bool]:
        """Wait for the next requests, none where only marks are due; say whether it is the end."""
        group: list[JournalRequest] = []
        while len(group) < _MAX_GROUP:
            try:
                item = self._queue.get_nowait() if group else self._queue.get(timeout=self._wait())
            except Empty:
                break
            if item is None:
                return group, True
            if isinstance(item, JournalRequest):
                group.append(item)
            else:
                self._note_told(item)
        return group, False

    def _wait(self) -> float | None:
        if not self.committer.told:
            return None
        return max(0.0, self._told_due - time.monotonic())

    def _note_told(self, told: Told) -> None:
        if not self.committer.told:
            self._told_due = time.monotonic() + _TOLD_WITHIN
        self.committer.told.extend(told.keys)
