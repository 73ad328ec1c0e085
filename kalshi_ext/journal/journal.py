"""The journal as its users see it, over any store."""

from __future__ import annotations

import os
import socket
import threading
import uuid
import weakref
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Protocol, Self

from attrs import define, field

from kalshi_ext.bases import Printed
from kalshi_ext.errors import KalshiError, Misuse
from kalshi_ext.journal.commit import reservations_in
from kalshi_ext.journal.entry import Entry, Reservation, State, Transition
from kalshi_ext.journal.in_flight import InFlight
from kalshi_ext.journal.stop_record import Edit, Standing, change_or_fail
from kalshi_ext.journal.verbs import VERBS, JournalRequest, cancel_reservation
from kalshi_ext.journal.waiting import result_of

INHERITED: Final = "inherited by a forked process: open one of its own there"


class Runner(Protocol):
    """What serves requests: a queue with a thread, or the caller's own thread."""

    def submit(self, request: JournalRequest) -> None:
        """Take a request; its future learns of the outcome."""
        ...

    def mark_told(self, keys: Iterable[str]) -> None:
        """Mark verdicts as told, sooner or later; never waits or raises."""
        ...

    def stop(self) -> None:
        """Finish what was submitted, without waiting."""
        ...

    def close(self) -> None:
        """Finish what was submitted, and wait."""
        ...


def new_owner() -> str:
    """Name one journal instance: host, process id, and a random part."""
    # Random, because process ids come back: an owner that is gone must never seem alive.
    return f"{socket.gethostname()}/{os.getpid()}/{uuid.uuid4().hex[:16]}"


@define(eq=False, repr=False)
class OpenJournal(Printed):
    """What the handles of one open journal share. The last handle that goes closes the journal."""

    runner: Runner
    owner: str
    name: str
    in_flight: InFlight = field(factory=InFlight)
    handles: int = 0
    _pid: int = field(factory=os.getpid)
    # Reentrant: the collector may drop a handle in the thread that is inside.
    _lock: threading.RLock = field(factory=threading.RLock)

    def attach(self, *, first: bool = False) -> bool:
        """Count one more handle; False once the last one has gone."""
        with self._lock:
            if not first and not self.handles:
                return False
            self.handles += 1
            return True

    def detach(self) -> None:
        """Count one handle less."""
        if self._pid == os.getpid():  # a lock that a thread had during a fork is never released
            with self._lock:
                self.handles -= 1

    def drop(self) -> None:
        """Let a handle go that nobody closed, without waiting."""
        self.detach()
        if not self.handles:
            self.runner.stop()


class Journal:
    """The write-ahead record of write intents.

    Every change is durable before its method returns (see `durable`), but for `conclude`. Each
    method blocks (see `blocking`); what must not block uses `submit`, whose futures are served in
    the order of submission. Several handles may stand for one open journal (see `open_journal`);
    each is closed by itself.
    """

    durable: bool = True
    """Whether entries survive this process."""
    shared: bool = False
    """Whether other living processes may work on the same entries."""
    blocking: bool = True
    """Whether its methods wait for storage; then an event loop has to use `submit`."""

    def __init__(self, runner: Runner, owner: str, name: str) -> None:
        opened = OpenJournal(runner, owner, name)
        opened.attach(first=True)
        self._handle(opened)

    def _handle(self, opened: OpenJournal) -> None:
        self.opened = opened
        self.owner = opened.owner
        self.locks = opened.in_flight.locks
        self.pending_writes = opened.in_flight.pending_writes
        self.recent_writes = opened.in_flight.recent_writes
        self.stops = opened.in_flight.stops
        self.stray_writes = opened.in_flight.stray_writes
        self._runner = opened.runner
        self._pid = os.getpid()
        self._closed = False
        self._finalizer = weakref.finalize(self, opened.drop)
        self._finalizer.atexit = False  # a runner with a thread closes itself then, and waits

    @classmethod
    def handle_of(cls, opened: OpenJournal) -> Self | None:
        """Make one more handle of an open journal; None once it was closed."""
        if not opened.attach():
            return None
        handle = object.__new__(cls)
        handle._handle(opened)
        return handle

    def __repr__(self) -> str:
        # Also of one that could not be opened: a traceback shows it.
        opened: OpenJournal | None = getattr(self, "opened", None)
        return f"{type(self).__name__}({'not opened' if opened is None else opened.name})"

    def submit(self, verb: str, *args: Any, **options: Any) -> Future[Any]:
        """Queue a verb (the name of a method, with its arguments) and return at once.

        Only a reservation can be cancelled, and only while it waits in the queue; a caller that
        stops waiting for one calls `cancel_reservation(future)`.
        """
        if verb in ("change_stops", "read_stops"):
            return self._submit_stops(args[0] if args else None)
        if verb not in VERBS:
            raise Misuse(f"verb: expected one of {', '.join(sorted(VERBS))}, got {verb!r}")
        request = VERBS[verb](*args, **options)
        # A forked child has no writer's thread and must not use its parent's connection.
        if self._pid != os.getpid():
            raise request.kind.failure(INHERITED)
        if self._closed:
            raise request.kind.failure("closed")
        self._runner.submit(request)
        return request.future

    def change_stops(self, edit: Edit) -> Standing:
        """Change the record of stops (see stop_record.py), durably. Raises JournalUnusable."""
        standing: Standing = self.submit("change_stops", edit).result()
        return standing

    def read_stops(self) -> Standing:
        """Read the record of stops anew where other processes share it. Raises JournalUnusable."""
        standing: Standing = self.submit("read_stops").result()
        return standing

    def _submit_stops(self, edit: Edit | None) -> Future[Standing]:
        # In the thread that asks, also of an event loop: a stop waits for no queue, and nothing
        # else of its process goes on until it is durable.
        future = Future[Standing]()
        try:
            record = self.stops.record
            future.set_result(record.read() if edit is None else change_or_fail(record, edit))
        except KalshiError as error:
            future.set_exception(error)
        return future

    def cancel_reservation(self, future: Future[Any]) -> None:
        """Give up a submitted reservation or reopening: what it recorded becomes not sent."""
        if not future.cancel():
            future.add_done_callback(self._roll_back)

    def _roll_back(self, future: Future[Any]) -> None:
        if future.cancelled() or future.exception() is not None:
            return
        for entry in reservations_in(future.result()):
            with suppress(KalshiError):  # closed meanwhile: then recovery finds it open
                self._runner.submit(cancel_reservation(entry))

    def _call(self, verb: str, *args: Any, **options: Any) -> Any:
        """Submit a verb and wait for its result."""
        return result_of(self, verb, self.submit(verb, *args, **options))

    def reserve(self, entry: Entry) -> Reservation:
        """Record an intent, unless its key, or else its intent key, is taken.

        Raises JournalUnwritable: then nothing may be sent.
        """
        reservation: Reservation = self._call("reserve", entry)
        return reservation

    def reserve_many(self, entries: Iterable[Entry]) -> list[Reservation]:
        """Record several intents, all or none; the reservations come in their order."""
        reservations: list[Reservation] = self._call("reserve_many", entries)
        return reservations

    def reopen(self, key: str) -> Reservation:
        """Make a refused or never sent entry an intent again; one of two callers acquires it."""
        reservation: Reservation = self._call("reopen", key)
        return reservation

    def advance(
        self,
        key: str,
        state: State,
        *,
        order_id: str | None = None,
        verdict: str | None = None,
        sent_at: datetime | None = None,
        attempts: int | None = None,
        exchange_time: datetime | None = None,
        told: bool | None = None,
    ) -> Entry:
        """Record what became of an entry of ours.

        Raises TransitionUnwritten, UnknownKey, NotOwner, IllegalTransition.
        """
        values = {"order_id": order_id, "verdict": verdict, "attempts": attempts, "told": told}
        times = {"sent_at": sent_at, "exchange_time": exchange_time}
        entry: Entry = self._call("advance", key, state, **values, **times)
        return entry

    def advance_many(self, transitions: Iterable[Transition]) -> list[Entry]:
        """Record what became of several entries, all or none."""
        advanced: list[Entry] = self._call("advance_many", transitions)
        return advanced

    def conclude(self, transitions: Iterable[Transition]) -> None:
        """Record verdicts of ours, of writes that a look at the exchange would give one too.

        Of entries that are still as they were reserved it is written behind: this returns at once,
        and within a tenth of a second, or with the next change or `close`, it is durable. Whatever
        is read meanwhile shows it; what then fails is logged. Else it is `advance_many`.
        """
        self._call("conclude", transitions)

    def renew(self, keys: Iterable[str]) -> None:
        """Make sure, at the cost of one commit where it is shared, that entries are still ours.

        Raises NotOwner where one was taken over or ended, UnknownKey, and JournalUnusable where
        that cannot be known. Until some seconds after it returned nobody can have declared them
        absent.
        """
        self._call("renew", keys)

    def mark_told(self, keys: Iterable[str]) -> None:
        """Note that the callers of these verdicts know them. Never blocks, waits or raises.

        It is written with the next change, after half a second, or when the journal is closed.
        Where it is lost, `untold` names the verdict once more.
        """
        self._runner.mark_told(keys)

    def untold(self) -> list[Entry]:
        """Return the verdicts whose callers were not told, oldest first."""
        entries: list[Entry] = self._call("untold")
        return entries

    def bind(self, account: str) -> None:
        """Make the journal an account's (see `account_label`); done again it does no harm.

        A file belongs to one account, and a shared journal gives and takes only its entries.
        Raises JournalMismatch, and JournalUnadopted for entries that are nobody's.
        """
        self._call("bind", account)

    def adopt(self, account: str, *, source: str = "") -> int:
        """Give the entries of `source`, by default nobody's, to an account; return how many.

        Raises JournalMismatch, and IllegalTransition while a living process drives one of them.
        """
        count: int = self._call("adopt", source, account)
        return count

    def accounts(self) -> list[str]:
        """Name the accounts that have entries; an empty name stands for nobody's."""
        names: list[str] = self._call("accounts")
        return names

    def get(self, key: str) -> Entry | None:
        """Return the entry under a key."""
        entry: Entry | None = self._call("get", key)
        return entry

    def by_intent(self, intent: str) -> Entry | None:
        """Return the entry of an intent key."""
        entry: Entry | None = self._call("by_intent", intent)
        return entry

    def open_entries(self, ticker: str | None = None) -> list[Entry]:
        """Return the entries without a verdict, oldest first."""
        entries: list[Entry] = self._call("open_entries", ticker)
        return entries

    def entries(
        self, *, states: Collection[State] | None = None, ticker: str | None = None
    ) -> Iterator[Entry]:
        """Iterate over the entries, oldest first; those added meanwhile come too."""
        # By pages: a read of everything at once would hold up the writes queued behind it.
        after = -1
        while rows := self.page(states, ticker, after):
            yield from (entry for _, entry in rows)
            after = rows[-1][0]

    def page(
        self, states: Collection[State] | None, ticker: str | None, after: int
    ) -> list[tuple[int, Entry]]:
        """Return the next entries after a position, oldest first; none where there are no more."""
        rows: list[tuple[int, Entry]] = self._call("page", states, ticker, after)
        return rows

    def take_over(self, key: str, from_owner: str) -> bool:
        """Take an open entry from an owner that is gone; say whether it is open and ours now."""
        is_ours: bool = self._call("take_over", key, from_owner)
        return is_ours

    def owner_alive(self, owner: str) -> bool:
        """Say whether the journal instance of that name may still be running."""
        alive: bool = self._call("owner_alive", owner)
        return alive

    def settle(self, key: str, transition: Transition, from_owner: str) -> Entry:
        """Give an entry of an owner that is gone a person's verdict.

        Raises IllegalTransition when the entry has a verdict or its owner lives.
        """
        settled: Entry = self._call("settle", key, transition, from_owner)
        return settled

    def verify(self) -> list[str]:
        """Look for damage; return one line a finding."""
        problems: list[str] = self._call("verify")
        return problems

    def close(self) -> None:
        """Finish what was submitted; the last handle releases the store. Twice does no harm."""
        self._closed = True
        if self._finalizer.detach() is not None:
            self.opened.detach()
        if not self.opened.handles:
            self._runner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
