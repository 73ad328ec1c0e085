"""The drivers: the only code that sends or waits.

A flow (`protocol/flow.py`) is a generator that yields effects. A driver performs each of them and
sends the result back into the flow, until the flow returns:

    Send          sign, send once, read the whole body  -> Reply, or Lost for whatever went wrong
    Sleep         wait                                  -> None
    Monotonic     read the clock that nobody sets       -> seconds
    Begin         the same, as the beginning of a call  -> seconds
    Now           read the corrected clock              -> Unix seconds
    AdjustClock   correct the clock                     -> None
    Record        call the journal                      -> what the journal returns
    Told          remember keys for the flow's end      -> None

An exception of an effect is thrown into the flow, which decides what it means. `Driver` runs on the
calling thread, `AsyncDriver` (`async_driver.py`) on the running event loop; they differ in how they
wait and in nothing else. A driver retries nothing and judges nothing. Once a flow has ended with a
value or an error of this library, and not by an interrupt, the driver tells the journal which
verdicts were told.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, Final, TypeVar

from attrs import define, field

from kalshi_ext.bases import Printed
from kalshi_ext.errors import JournalUnwritable, KalshiError, Misuse
from kalshi_ext.events import NOBODY, Events, JournalFailed, JournalRecovered
from kalshi_ext.journal import JournalUnusable, TransitionUnwritten
from kalshi_ext.journal.waiting import result_of
from kalshi_ext.models.health import CallInFlight
from kalshi_ext.protocol.boundary import Sent
from kalshi_ext.protocol.effects import Lease
from kalshi_ext.protocol.flow import (
    AdjustClock,
    Begin,
    Effect,
    Flow,
    Monotonic,
    Now,
    Record,
    Send,
    Sleep,
    Told,
)
from kalshi_ext.protocol.limits import CallLimits
from kalshi_ext.protocol.messages import Lost, Operation, Reply
from kalshi_ext.protocol.numbered_calls import numbered
from kalshi_ext.redact import clean_text
from kalshi_ext.transport import failures
from kalshi_ext.transport.body_limit import read_limited
from kalshi_ext.transport.deadline import DeliveryTrace, trace_delivery
from kalshi_ext.transport.endpoint import Endpoint
from kalshi_ext.transport.family import Family, family_of, httpx, tells_its_steps
from kalshi_ext.transport.places import Place, Places
from kalshi_ext.transport.pool import ConnectionPool

T = TypeVar("T")

_LEAST_WAIT: Final = 0.5  # seconds for the journal, also where the time of a call is over


def lost_request(error: Exception, trace: DeliveryTrace, sent_at: float, stamp: float) -> Lost:
    """Build the outcome of a request that ended in an exception of the transport."""
    # Text, not the exception: its traceback would keep the frames of the flow alive.
    reason = clean_text(f"{type(error).__name__}: {error}", 300).rstrip(": ")
    return Lost(not trace.nothing_sent, reason, sent_at, stamp=stamp)


def not_sent(error: Exception, endpoint: Endpoint) -> Lost:
    """Build the outcome of a request for which no connection came free."""
    reason = f"{type(error).__name__}: {error}"
    return Lost(False, reason, endpoint.clock.monotonic(), queued=True)


def refuse_inherited(pid: int) -> None:
    """Refuse a client of another process, before a lock or a connection of it is touched.

    A forked child shares its parent's sockets: each would read the other's answers. Raises Misuse.
    """
    if pid != os.getpid():
        raise Misuse(
            "this client was made before this process was forked and belongs to its parent; "
            "make a client in the child"
        )


# The effects that neither send nor wait: most of them, and each is a small part of a call.
IMMEDIATE: dict[type, Callable[[Any, Any], Any]] = {
    Monotonic: lambda clock, _: clock.monotonic(),
    Begin: lambda clock, _: clock.monotonic(),
    Now: lambda clock, _: clock.now(),
    AdjustClock: lambda clock, effect: clock.adjust(effect.seconds),
}


@define(eq=False, repr=False)
class RunningCall(Printed):
    """A call that a driver runs: since when (`time.monotonic`), and its operation once it sent."""

    began: float
    operation: Operation | None = None
    limits: CallLimits | None = None

    def patience(self, record: Record, endpoint: Endpoint) -> float | None:
        """Return how many seconds it may wait for the journal, None for as long as it takes."""
        if self.limits is None:
            return record.within
        now: float = endpoint.clock.monotonic()
        left = self.limits.ends - now
        if record.within is None:
            return max(left, _LEAST_WAIT)
        # What the call can do without leaves it time for the exchange: a stop that waited for its
        # journal to the end of its deadline would stop nothing.
        return min(record.within, max(left / 2, _LEAST_WAIT))

    def note(self, send: Send) -> None:
        """Take the operation of a request: that of the first write, else of the latest read."""
        if self.operation is None or not self.operation.writes:
            self.operation = send.operation


@define(eq=False, repr=False)
class JournalWatch(Printed):
    """Tell that the journal fails, and that it works again."""

    events: Events
    is_failing: bool = False  # its last failure was followed by no success
    _failing_since: float = 0.0

    def note(self, effect: Effect, error: Exception | None, now: float) -> None:
        """Take in how an effect went. What names one entry alone is no trouble of the journal."""
        if not isinstance(effect, Record):
            return
        if isinstance(error, JournalUnwritable | JournalUnusable | TransitionUnwritten):
            self._failing_since = self._failing_since if self.is_failing else now
            self.is_failing = True
            self.events.emit(JournalFailed(verb=effect.verb, reason=error.args[0]))
        elif error is None and self.is_failing:
            self.is_failing = False
            self.events.emit(JournalRecovered(seconds=max(0.0, now - self._failing_since)))


def in_flight(calls: dict[int, RunningCall]) -> tuple[CallInFlight, ...]:
    """Return the calls that run, with their ages."""
    now = time.monotonic()
    return tuple(
        CallInFlight(
            operation=each.operation.facade if each.operation else "",
            age=max(0.0, now - each.began),
        )
        for each in list(calls.values())
    )


def mark_told(journal: Any, keys: tuple[str, ...]) -> None:
    """Let the journal know that the caller has the verdicts of these keys. Never waits."""
    if keys:
        journal.mark_told(keys)


@define(eq=False, repr=False)
class Driver(Printed):
    """Perform the effects of flows on the calling thread."""

    endpoint: Endpoint
    transport: httpx.BaseTransport | ConnectionPool
    journal: Any = None
    events: Events = field(default=NOBODY)
    calls: dict[int, RunningCall] = field(factory=dict[int, RunningCall], init=False, repr=False)
    _journal_watch: JournalWatch = field(init=False, repr=False)
    _closed: bool = field(default=False, init=False)
    _pid: int = field(factory=os.getpid, init=False)
    _family: Family = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._family = family_of(self.transport)
        self._journal_watch = JournalWatch(self.events)

    def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end and return its result. Raises Misuse in a forked child."""
        refuse_inherited(self._pid)
        told: tuple[str, ...] = ()
        call = RunningCall(time.monotonic())
        self.calls[id(call)] = call
        sent = Sent()
        if self.events.wants_calls():
            flow = numbered(self.events, flow, sent)
        try:
            effect = next(flow)
            while True:
                immediate = IMMEDIATE.get(type(effect))
                try:
                    if immediate is not None:
                        result = immediate(self.endpoint.clock, effect)
                        if type(effect) is Begin:
                            call.limits = effect.limits
                    elif isinstance(effect, Send):
                        call.note(effect)
                        result = self._send(effect)
                        sent.add(effect, result)
                    elif isinstance(effect, Record) and not self.journal.blocking:
                        result = getattr(self.journal, effect.verb)(*effect.args)
                    elif isinstance(effect, Told):
                        told, result = effect.keys, None
                    else:
                        result = self._perform(effect, call)
                except Exception as error:  # noqa: BLE001 - the flow decides what it means
                    self._journal_watch.note(effect, error, self.endpoint.clock.monotonic())
                    effect = flow.throw(error)
                else:
                    if self._journal_watch.is_failing:
                        self._journal_watch.note(effect, None, self.endpoint.clock.monotonic())
                    effect = flow.send(result)
        except StopIteration as stop:
            value: T = stop.value
            mark_told(self.journal, told)
            return value
        except Exception as error:
            own = sent.own_error(error)
            if isinstance(own, KalshiError):
                mark_told(self.journal, told)
            if own is error:
                raise
            raise own from error
        finally:
            self.calls.pop(id(call), None)
            flow.close()  # an interrupt skips the flow: its own cleanup has to run now

    def _perform(self, effect: Effect, call: RunningCall) -> Any:
        if isinstance(effect, Sleep):
            return time.sleep(effect.seconds)
        if isinstance(effect, Lease):
            from kalshi_ext.budget.store import lease_in_time  # loaded with the store

            return lease_in_time(effect.store, effect.demand)
        assert isinstance(effect, Record)  # noqa: S101 - the union has no other member
        return self._record(effect, call)

    def _record(self, record: Record, call: RunningCall) -> Any:
        future = self.journal.submit(record.verb, *record.args)
        if future.done():  # written behind
            return future.result()
        within = call.patience(record, self.endpoint)
        return result_of(self.journal, record.verb, future, within)

    def _send(self, send: Send) -> Reply | Lost:
        if self._closed:
            raise Misuse("this client is closed")
        # A place comes first: while it is waited for, neither signature nor attempt grows old.
        try:
            place = self._place(send)
        except failures.PoolTimeout as error:
            return not_sent(error, self.endpoint)
        with place:
            refused = self.endpoint.refusal(send)
            if refused is not None:
                return refused
            stamp, transport = self.endpoint.clock.now(), self.transport
            has_place = isinstance(place, Place)
            if has_place and isinstance(transport, ConnectionPool) and transport.takes_bytes():
                return self._send_bytes(transport, send, stamp)
            return self._send_object(send, stamp, has_place=has_place)

    def _place(self, send: Send) -> Place | nullcontext[None]:
        places = getattr(self.transport, "places", None)
        if not isinstance(places, Places):  # a transport of the user's counts for itself
            return nullcontext()
        place = places.take(stopping=send.stopping)
        return place or places.wait(self.endpoint.wait_until(send), stopping=send.stopping)

    def _send_object(self, send: Send, stamp: float, *, has_place: bool) -> Reply | Lost:
        request = self.endpoint.prepare(send, stamp, self._family)
        sent_at = self.endpoint.clock.monotonic()
        deadline = time.monotonic() + self.endpoint.timeout(send)
        with trace_delivery(deadline, has_place=has_place) as trace:
            if tells_its_steps(self.transport, self._family):
                request.extensions["trace"] = trace.note
            try:
                response = self.transport.handle_request(request)
                body = read_limited(response, self.endpoint.max_body)
            except Exception as error:  # noqa: BLE001 - whatever a transport raises, bytes may be out
                return lost_request(error, trace, sent_at, stamp)
        return self.endpoint.reply(response, body, sent_at, stamp)

    def _send_bytes(self, transport: ConnectionPool, send: Send, stamp: float) -> Reply | Lost:
        endpoint = self.endpoint
        request = endpoint.bytes_of(send, stamp)
        sent_at = endpoint.clock.monotonic()
        trace = DeliveryTrace(time.monotonic() + endpoint.timeout(send), has_place=True)
        try:
            answer = transport.round_trip(request, trace, endpoint.max_body)
        except Exception as error:  # noqa: BLE001 - as above
            return lost_request(error, trace, sent_at, stamp)
        return Reply(*answer, sent_at, endpoint.clock.monotonic(), stamp=stamp)

    def close(self) -> None:
        """Close the connections; a later Send raises Misuse."""
        self._closed = True
        if self._pid == os.getpid():  # a child's goodbye would end its parent's connections
            self.transport.close()

    def release(self, close: Callable[[], None], *, blocking: bool) -> None:
        """Close what a client has beside its connections; `blocking`: it may wait for storage."""
        del blocking  # a thread may wait
        close()
