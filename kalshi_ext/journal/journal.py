"""The journal as its users see it, over any store."""

from __future__ import annotations

import os
import socket
import uuid
import weakref
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Protocol, Self

from kalshi_ext.errors import KalshiError, Misuse
from kalshi_ext.journal.commit import reservations_in
from kalshi_ext.journal.entry import Entry, Reservation, State, Transition
from kalshi_ext.journal.verbs import VERBS, JournalRequest, cancel_reservation

INHERITED: Final = "inherited by a forked process: open one of its own there"
_RESERVATION_VERBS: Final = frozenset({"reserve", "reserve_many", "reopen"})


class Runner(Protocol):
    """What serves requests: a queue with a thread, or the caller's own thread."""

    def submit(self, request: JournalRequest) -> None:
        """Take a request; its future learns of the outcome."""
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


class Journal:
    """The write-ahead record of write intents.

    Every change is durable before its method returns (see `durable`). Each method blocks (see
    `blocking`); what must not block uses `submit`, whose futures are served in the order of
    submission.
    """

    durable: bool = True
    """Whether entries survive this process."""
    shared: bool = False
    """Whether other living processes may work on the same entries."""
    blocking: bool = True
    """Whether its methods wait for storage; then an event loop has to use `submit`."""

    def __init__(self, runner: Runner, owner: str, name: str) -> None:
        self.owner = owner
        self._name = name
        self._runner = runner
        self._pid = os.getpid()
        self._finalizer = weakref.finalize(self, runner.stop)
        self._finalizer.atexit = False  # a runner with a thread closes itself then, and waits

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._name})"

    def submit(self, verb: str, *args: Any, **options: Any) -> Future[Any]:
        """Queue a verb (the name of a method, with its arguments) and return at once.

        Only a reservation can be cancelled, and only while it waits in the queue; a caller that
        stops waiting for one calls `cancel_reservation(future)`.
        """
        if verb not in VERBS:
            raise Misuse(f"verb: expected one of {', '.join(sorted(VERBS))}, got {verb!r}")
        request = VERBS[verb](*args, **options)
        # A forked child has no writer's thread and must not use its parent's connection.
        if self._pid != os.getpid():
            raise request.kind.failure(INHERITED)
        self._runner.submit(request)
        return request.future

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
        future = self.submit(verb, *args, **options)
        try:
            return future.result()
        except BaseException as error:
            # Interrupted (Ctrl-C), not failed: its caller sends nothing, so the entry must not
            # stay behind as an intent that may have been sent.
            failed = future.done() and future.exception() is error
            if verb in _RESERVATION_VERBS and not failed:
                self.cancel_reservation(future)
            raise

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
    ) -> Entry:
        """Record what became of an entry of ours.

        Raises TransitionUnwritten, UnknownKey, NotOwner, IllegalTransition.
        """
        values = {"order_id": order_id, "verdict": verdict, "sent_at": sent_at}
        entry: Entry = self._call("advance", key, state, attempts=attempts, **values)
        return entry

    def advance_many(self, transitions: Iterable[Transition]) -> list[Entry]:
        """Record what became of several entries, all or none."""
        advanced: list[Entry] = self._call("advance_many", transitions)
        return advanced

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
        """Finish what was submitted and release the store. Closing twice does no harm."""
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
