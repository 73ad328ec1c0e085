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
                                a transition, JournalUnusable for a read

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
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from datetime import datetime
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar, cast

from attrs import define, field, frozen

from kalshi_ext.journal.entry import Entry, Reservation
from kalshi_ext.journal.rules import cancel_reservation
from kalshi_ext.journal.store import (
    EntryPage,
    InvalidData,
    Selection,
    Store,
    StoreError,
    TransientError,
)
from kalshi_ext.journal.verbs import JournalRequest, RequestKind

T = TypeVar("T")


@define
class UnitOfWork:
    """The view of one group: rows of a store, loaded once, changed here, written at the end.

    A rule that raises leaves no trace in it. That keeps the other requests of the group whole
    without a savepoint in the store.
    """

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
    _pending_rollbacks: list[Entry] = field(factory=list[Entry])

    def serve(self, requests: Sequence[JournalRequest]) -> None:
        """Do the requests in order, commit once, then release their callers."""
        live = [request for request in requests if _started(request.future)]
        for request, result in zip(live, self._results(live), strict=True):
            result.deliver(request.future)

    def _results(self, requests: Sequence[JournalRequest]) -> list[RequestResult]:
        reason = ""
        for _ in range(_MAX_RUNS):
            try:
                return self._run(requests)
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

    def _run(self, requests: Sequence[JournalRequest]) -> list[RequestResult]:
        unit = UnitOfWork(self.store, self.owner, self.now)
        results: list[RequestResult] = []
        try:
            self.store.begin(writing=self._is_writing(requests))
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


@define(eq=False)
class Writer:
    """The one thread that writes a journal, and its queue.

    A journal is left by `close` (waits), by being dropped (`stop`, does not wait) or by the end
    of the interpreter (`close`). In a forked child, where the thread does not exist, all three
    do nothing: the store belongs to the parent.
    """

    committer: GroupCommitter
    _queue: SimpleQueue[JournalRequest | None] = field(factory=SimpleQueue[JournalRequest | None])
    # Reentrant: a signal handler may use the journal in the thread that is inside `submit`.
    _lock: threading.RLock = field(factory=threading.RLock)
    _closed: bool = False
    _pid: int = field(factory=os.getpid)
    _thread: threading.Thread = field(init=False)

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
            if group:
                committer.serve(group)
            del group  # its futures must not live on while this thread waits for the next one
        with suppress(Exception):
            store.close()
        atexit.unregister(self.close)

    def _next_group(self) -> tuple[list[JournalRequest], bool]:
        group: list[JournalRequest] = []
        request = self._queue.get()
        while request is not None:
            group.append(request)
            if len(group) == _MAX_GROUP:
                return group, False
            try:
                request = self._queue.get_nowait()
            except Empty:
                return group, False
        return group, True
