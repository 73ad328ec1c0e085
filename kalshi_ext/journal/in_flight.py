"""What the flows of one process drive at the moment: the keys in flight, the writes to settle.

A journal keeps two processes apart. What is here keeps apart two flows of one process, which are
the same owner to a journal; so it lives with the journal, and every client that uses the journal
(sync beside async, two event loops, an old and a new key) shares it.
"""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Self, TypeAlias

from attrs import define, field, frozen

from kalshi_ext.bases import Printed, Value
from kalshi_ext.journal.stop_record import (
    Latch,
    MemoryStopRecord,
    StopRecord,
    market_scopes,
    with_latch,
)


class LockOwner:
    """The owner of journal keys, where no other object stands for the work."""

    __slots__ = ("__weakref__",)


class _Lease(weakref.ref[object]):
    """The keys of one owner, which it refers to weakly."""

    __slots__ = ("keys", "owner_id")
    keys: set[str]
    owner_id: int

    def __new__(cls, owner: object, gone: Callable[[Any], None]) -> Self:
        """Begin a lease without keys; `gone` is called with it once the owner is collected."""
        lease = super().__new__(cls, owner, gone)
        lease.keys, lease.owner_id = set(), id(owner)
        return lease


@define(eq=False, repr=False)
class LockRegistry(Printed):
    """The journal keys that running flows are driving; shared by threads.

    A key belongs to an owner, which is held weakly: an interrupt may end a flow anywhere, even in
    the middle of `release`, and its keys are free once the owner is collected. `abandoned` says
    that this happened. Every operation costs constant time for each key it takes or frees,
    however many keys other owners have.
    """

    abandoned: bool = False
    _owners: dict[str, _Lease] = field(factory=dict[str, _Lease])
    _leases: dict[int, _Lease] = field(factory=dict[int, _Lease])  # by id(): owners need no hash
    _gone: deque[_Lease] = field(factory=deque[_Lease])  # collected owners, not yet freed
    # Reentrant: the collector may end a flow, and thereby call `release`, inside `acquire`.
    _lock: threading.RLock = field(factory=threading.RLock, repr=False, eq=False)

    def acquire(self, keys: Iterable[str], owner: object) -> set[str]:
        """Take the keys that have no owner and return them."""
        with self._lock:
            self._free_abandoned()
            free = {key for key in keys if key not in self}
            if free:
                lease = self._lease(owner)
                # In the lease first: a key that an interrupt left out of it would never be freed.
                lease.keys |= free
                self._owners.update(dict.fromkeys(free, lease))
            return free

    def release(self, owner: object) -> None:
        """Free all keys of an owner."""
        with self._lock:
            self._free_abandoned()
            lease = self._leases.get(id(owner))
            if lease is not None and lease() is owner:
                self._free(lease)

    def _lease(self, owner: object) -> _Lease:
        lease = self._leases.get(id(owner))
        if lease is None or lease() is not owner:  # an id comes back once its object is gone
            lease = self._leases[id(owner)] = _Lease(owner, self._abandon)
        return lease

    def _abandon(self, lease: _Lease) -> None:
        # Called by the collector at any moment, also in a thread that has the lock: it may only
        # do what needs none.
        self._gone.append(lease)
        self.abandoned = True

    def _free_abandoned(self) -> None:
        while self._gone:
            try:
                lease = self._gone.popleft()
            except IndexError:  # a call inside this one was faster
                return
            self._free(lease)

    def _free(self, lease: _Lease) -> None:
        for key in lease.keys:
            if self._owners.get(key) is lease:  # else it was free, and has another owner by now
                self._owners.pop(key, None)
        if self._leases.get(lease.owner_id) is lease:
            self._leases.pop(lease.owner_id, None)

    def __contains__(self, key: object) -> bool:
        lease = self._owners.get(str(key))
        return lease is not None and lease() is not None


@define(eq=False, repr=False)
class PendingWrites(Printed):
    """Keys of earlier writes without a verdict, by ticker; `loaded` once the journal was read."""

    loaded: bool = False
    by_ticker: dict[str, set[str]] = field(factory=dict[str, set[str]])
    # When each left last (`reads.watermark.SentAt`), as far as this process knows.
    sent_times: dict[str, Any] = field(factory=dict[str, Any])
    # Those that were looked for until the time of a call was over.
    exhausted: set[str] = field(factory=set[str])

    def settle(self, key: str) -> None:
        """Forget what was known of an open write: it has a verdict now."""
        self.sent_times.pop(key, None)
        self.exhausted.discard(key)

    def add(self, ticker: str | None, key: str) -> None:
        """Remember a write whose outcome is not known."""
        self.by_ticker.setdefault(ticker or "", set()).add(key)

    def drop(self, ticker: str | None, key: str) -> None:
        """Forget a write that has a verdict now."""
        self.by_ticker.get(ticker or "", set()).discard(key)


_Change: TypeAlias = tuple[float, datetime | None]  # monotonic, and the exchange's time


@define(eq=False, repr=False)
class RecentWrites(Printed):
    """When this process last changed each order (monotonic seconds): reads may not show it yet.

    Beside it the exchange's own time of the change that was last seen executed, where it told one.

    A change is recent while its time and that of the latest change are at most `keep` seconds
    apart, in either direction: after the clock was set back, a change from before is dated ahead.
    Each addition looks at two of those kept and drops what is not recent. So it costs the same
    however many there are, and those long past go whatever the clock does.
    """

    keep: float = 600.0
    # Not a dict: finding its first key passes over all that were moved or dropped before.
    _times: OrderedDict[str, _Change] = field(factory=OrderedDict[str, Any])
    _latest: float = 0.0
    _lock: threading.RLock = field(factory=threading.RLock, repr=False, eq=False)

    def add(self, order_id: str, now: float, changed: datetime | None = None) -> None:
        """Remember a change; `changed` is the exchange's time of it, where it was executed."""
        with self._lock:
            self._latest = now
            self._times[order_id] = now, changed or self.changed_at(order_id)
            self._times.move_to_end(order_id)
            # Two, for one comes with each addition: those long past become fewer. In turn, not
            # from the oldest on, because after a step of the clock this is no order of time.
            self._examine_next()
            self._examine_next()

    def _examine_next(self) -> None:
        order_id, (time, _) = next(iter(self._times.items()))
        if self._is_recent(time):
            self._times.move_to_end(order_id)
        else:
            del self._times[order_id]

    def last_write_at(self, order_id: str) -> float | None:
        """Return when an order was changed; None where it was not, or long ago."""
        time, _ = self._times.get(order_id, (None, None))
        return time if time is not None and self._is_recent(time) else None

    def changed_at(self, order_id: str) -> datetime | None:
        """Return the exchange's time of an order's last change; None where it is not known."""
        return self._times.get(order_id, (None, None))[1]

    def _is_recent(self, time: float) -> bool:
        return abs(self._latest - time) <= self.keep


_nobody: weakref.ref[object] = weakref.ref(LockOwner())  # dead at once


@define(eq=False, repr=False)
class StrayWrite(Printed):
    """A write of a wanted state: its flow runs, or a copy may still arrive (`writes/wanted_state`).

    `sent` says when it left last (`reads.watermark.SentAt`), None while that is not known.
    """

    state_of: tuple[str, Any]
    facade: str
    body: bytes | None
    sent: Any = None
    may_arrive: bool = False
    # What runs it, held weakly: an interrupt may end its flow before it could be released.
    driver: weakref.ref[object] = field(kw_only=True)

    @property
    def is_driven(self) -> bool:
        return self.driver() is not None

    def wants_the_same(self, other: StrayWrite) -> bool:
        return (self.facade, self.body) == (other.facade, other.body)


@define(eq=False, repr=False)
class StrayWrites(Printed):
    """The stray writes of the clients of one journal. Shared by threads."""

    _writes: tuple[StrayWrite, ...] = ()
    _lock: threading.RLock = field(factory=threading.RLock, repr=False, eq=False)

    def begin(self, write: StrayWrite) -> list[StrayWrite]:
        """Remember a write; return those before it of the same thing that want another state."""
        with self._lock:
            same_thing = [each for each in self._writes if each.state_of == write.state_of]
            self._writes = (*self._writes, write)
        return [each for each in same_thing if not each.wants_the_same(write)]

    def release(self, write: StrayWrite) -> None:
        """Note that the flow of a write has ended; forget it where no copy of it can arrive."""
        write.driver = _nobody
        if not write.may_arrive:
            self.forget([write])

    def forget(self, writes: Iterable[StrayWrite]) -> None:
        gone = {id(each) for each in writes}
        if gone:
            with self._lock:
                self._writes = tuple(each for each in self._writes if id(each) not in gone)

    def ended(self) -> list[StrayWrite]:
        """Return those that no flow drives any more."""
        return [each for each in self._writes if not each.is_driven]

    def may_change(self, thing: tuple[str, Any]) -> bool:
        """Say whether a write of this thing may still arrive."""
        return any(each.state_of == thing for each in self._writes)

    def has_any(self, writes: Iterable[StrayWrite]) -> bool:
        """Say whether one of these may still arrive."""
        left = {id(each) for each in self._writes}
        return any(id(each) in left for each in writes)


Scope: TypeAlias = tuple[str, Any]
"""What a stop covers: ("all", None), ("subaccount", 0), ("group", id), ("order", id).

A call whose orders a latch may shut out also has ("market", (ticker, subaccount)).
"""


@define(eq=False, repr=False)
class StopMarks(Printed):
    """The stops of the clients of one journal: which scope was stopped last, and by what.

    A call that began before a stop of one of its scopes sends nothing any more. Calls count the
    stops, so that order decides and no clock. A mark is kept for `keep` seconds, longer than a
    call lives; each new one looks at two old ones. Shared by threads.

    `client.stop` also shuts a latch, in `record` and, at once and even where that cannot be
    written, in this process. What it covers sends nothing until the latch is opened.
    """

    keep: float = 3600.0
    count: int = 0
    # Those of other journals of this process that are told of each stop, itself among them.
    peers: weakref.WeakValueDictionary[int, StopMarks] = field(
        factory=lambda: weakref.WeakValueDictionary[int, StopMarks]()
    )
    record: StopRecord = field(factory=MemoryStopRecord)
    _shut: tuple[Latch, ...] = ()
    _ended: deque[tuple[int, Latch]] = field(factory=lambda: deque[tuple[int, Latch]](maxlen=1000))
    _marks: OrderedDict[Scope, tuple[int, float, str]] = field(
        factory=OrderedDict[Scope, tuple[int, float, str]]
    )
    _lock: threading.RLock = field(factory=threading.RLock, repr=False, eq=False)

    def add(self, scopes: Iterable[Scope], by: str, now: float) -> None:
        """Stop the calls of these scopes that began before; `by` is the facade's word."""
        scopes = tuple(scopes)
        self.add_alone(scopes, by, now)
        for each in [reference() for reference in self.peers.valuerefs()]:
            if each is not None and each is not self:
                each.add_alone(scopes, by, now)

    def add_alone(self, scopes: tuple[Scope, ...], by: str, now: float) -> None:
        """Add a stop here and nowhere else."""
        with self._lock:
            self.count += 1
            for scope in scopes:
                self._marks[scope] = (self.count, now, by)
                self._marks.move_to_end(scope)
                self._drop_oldest(now)
                self._drop_oldest(now)

    def _drop_oldest(self, now: float) -> None:
        scope, (_, at, _) = next(iter(self._marks.items()))
        if now - at > self.keep:
            del self._marks[scope]

    def since(self, began: int, scopes: Iterable[Scope]) -> str | None:
        """Return what stopped one of these scopes after stop number `began`, None for nothing."""
        if self.count == began:
            return None
        scopes = tuple(scopes)
        for scope in scopes:
            mark = self._marks.get(scope)
            if mark is not None and mark[0] > began:
                return mark[2]
        markets = market_scopes(scopes)
        for number, latch in tuple(self._ended):
            if number > began and any(latch.covers(*market) for market in markets):
                return latch.by
        return None

    def shut(self, latch: Latch) -> None:
        """Shut a latch in this process, which also ends the calls that began before."""
        with self._lock:
            self.count += 1
            self._ended.append((self.count, latch))
            self._shut = with_latch(self._shut, latch)

    def lift(self, latches: Iterable[Latch], began: int) -> None:
        """Open latches in this process, but those shut again after stop number `began`."""
        gone = list(latches)
        with self._lock:
            newer = [latch for number, latch in self._ended if number > began]
            self._shut = tuple(each for each in self._shut if each in newer or each not in gone)

    @property
    def latches(self) -> tuple[Latch, ...]:
        """The latches that are shut."""
        recorded = self.record.read().latches
        return (*recorded, *(each for each in self._shut if each not in recorded))

    def latched(self, scopes: Iterable[Scope]) -> Latch | None:
        """Return a latch that shuts out one of the markets that scopes name."""
        latches = self.latches if self._shut else self.record.read().latches
        if not latches:
            return None
        markets = market_scopes(scopes)
        shutting = (each for each in latches if any(each.covers(*market) for market in markets))
        return next(shutting, None)


@frozen(eq=False, repr=False)
class InFlight(Value):
    """What the clients of one journal in one process share."""

    locks: LockRegistry = field(factory=LockRegistry)
    pending_writes: PendingWrites = field(factory=PendingWrites)
    recent_writes: RecentWrites = field(factory=RecentWrites)
    stops: StopMarks = field(factory=StopMarks)
    stray_writes: StrayWrites = field(factory=StrayWrites)
