"""The drivers: the only code that sends or waits.

A flow (`protocol/flow.py`) is a generator that yields effects. A driver performs each of them and
sends the result back into the flow, until the flow returns:

    Send          sign, send once, read the whole body  -> Reply, or Lost for whatever went wrong
    Sleep         wait                                  -> None
    Monotonic     read the clock that nobody sets       -> seconds
    Now           read the corrected clock              -> Unix seconds
    AdjustClock   correct the clock                     -> None
    Record        call the journal                      -> what the journal returns
    Told          remember keys for the flow's end      -> None

An exception of an effect is thrown into the flow, which decides what it means. `Driver` runs on the
calling thread, `AsyncDriver` on the running event loop; they differ in how they wait and in nothing
else. A driver retries nothing and judges nothing. Once a flow has ended with a value or an error of
this library, and not by an interrupt, the driver tells the journal which verdicts were told.
"""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

from attrs import define, field, frozen

from kalshi_ext.errors import DryRun, JournalUnwritable, KalshiError, Misuse
from kalshi_ext.events import NOBODY, Events, JournalFailed, JournalRecovered
from kalshi_ext.journal import JournalUnusable, TransitionUnwritten
from kalshi_ext.models.health import CallInFlight
from kalshi_ext.protocol.boundary import Sent
from kalshi_ext.protocol.effects import Lease
from kalshi_ext.protocol.flow import (
    AdjustClock,
    Effect,
    Flow,
    Monotonic,
    Now,
    Record,
    Send,
    Sleep,
    Told,
)
from kalshi_ext.protocol.messages import Lost, Operation, Reply, Request
from kalshi_ext.protocol.numbered_calls import numbered
from kalshi_ext.redact import clean_text
from kalshi_ext.transport import DeliveryTrace, aread_limited, read_limited, trace_delivery
from kalshi_ext.transport.async_transports import AsyncDeadlineTransport
from kalshi_ext.transport.family import Family, family_of, httpx, tells_its_steps
from kalshi_ext.transport.framing import plain_headers
from kalshi_ext.transport.idle import Origin
from kalshi_ext.transport.places import AsyncPlaces, Place, Places, Turns
from kalshi_ext.transport.request_bytes import RequestBytes
from kalshi_ext.transport.signing import Signer
from kalshi_ext.transport.transport_options import origin_of
from kalshi_ext.transport.transports import DeadlineTransport

T = TypeVar("T")

MAX_BODY = 64 * 1024 * 1024  # bytes; a page of 1000 orders is about 1 MB
USER_AGENT = "kalshi-ext"

# The verbs of the journal that precede a send.
RESERVATION_VERBS = frozenset({"reserve_many", "reopen"})

# Where it exists it counts the time of a suspended machine too, in which an order grows old.
_BOOTTIME: int | None = getattr(time, "CLOCK_BOOTTIME", None)


@define
class Clock:
    """This machine's clock in Unix seconds, with a correction towards the exchange's clock."""

    _offset: float = 0.0

    @property
    def correction(self) -> float:
        """The seconds by which this machine's clock was moved so far."""
        return self._offset

    def monotonic(self) -> float:
        """Return seconds of a clock that nobody sets."""
        return time.monotonic() if _BOOTTIME is None else time.clock_gettime(_BOOTTIME)

    def now(self) -> float:
        return time.time() + self._offset

    def adjust(self, seconds: float) -> None:
        """Move the clock forward by so many seconds, back when negative."""
        self._offset += seconds


@frozen
class Endpoint:
    """The exchange as both drivers see it: base URL without trailing slash, signer, clock.

    `max_body` is in bytes.
    """

    base_url: str
    signer: Signer
    clock: Any = field(factory=Clock)
    max_body: int = MAX_BODY
    dry_run: bool = False

    def prepare(
        self, send: Send, stamp: float | None = None, family: Family = httpx
    ) -> httpx.Request:
        """Build and sign the request of one attempt, by default with the time it is.

        `family` makes it, httpx or httpx2. Raises Misuse for a URL that is too long.
        """
        request = send.request
        url = self._url(request, family)
        headers = _HEADERS if request.body is None else _BODY_HEADERS
        if not send.public:
            seconds = self.clock.now() if stamp is None else stamp
            headers = {**headers, **self._signed(request.method, url.raw_path, seconds)}
        bounds = dict.fromkeys(("connect", "read", "write", "pool"), send.timeout)
        made: httpx.Request = family.Request(
            request.method,
            url,
            headers=headers,
            content=request.body,
            extensions={"timeout": bounds},
        )
        return made

    def bytes_of(self, send: Send, stamp: float) -> RequestBytes:
        """Build and sign the same request for a transport of ours, without an object of httpx.

        Raises Misuse for a URL that is too long.
        """
        request, body = send.request, send.request.body or b""
        target = _target(self._url(request, httpx)) if request.query else self._target(request)
        headers = [(b"Host", target.host)]
        if not body and request.method in _WITH_LENGTH:
            headers.append((b"Content-Length", b"0"))
        headers += _HEADER_BYTES if request.body is None else _BODY_HEADER_BYTES
        if not send.public:
            signed = self._signed(request.method, target.raw_path, stamp)
            headers += [(n.encode("ascii"), v.encode("ascii")) for n, v in signed.items()]
        if body:
            headers.append((b"Content-Length", b"%d" % len(body)))
        return RequestBytes(
            target.origin, request.method, target.raw_path, headers, body, send.timeout
        )

    def _signed(self, method: str, raw_path: bytes, seconds: float) -> dict[str, str]:
        # Signed on every attempt: the exchange refuses old timestamps (30 s, observed).
        return self.signer.headers(method, raw_path.split(b"?")[0], int(seconds * 1000))

    def _target(self, request: Request) -> _Target:
        url = self.base_url + request.path
        return _targets.get(url) or _remembered_target(url, self._url(request, httpx))

    def _url(self, request: Request, family: Family) -> httpx.URL:
        try:
            url = _parsed_url(family, self.base_url + request.path)
            return url.copy_with(params=request.query) if request.query else url
        except family.InvalidURL as error:  # above all: longer than 65,536 characters
            raise Misuse(f"this request makes no URL: {error}; ask for less at once") from None

    def reply(self, response: httpx.Response, body: bytes, sent_at: float, stamp: float) -> Reply:
        """Turn a response into plain data."""
        headers, received_at = plain_headers(response.headers.raw), self.clock.monotonic()
        return Reply(response.status_code, headers, body, sent_at, received_at, stamp=stamp)

    def wait_until(self, send: Send) -> float:
        """Return the moment of `time.monotonic` until which a connection may be waited for."""
        return time.monotonic() + min(send.wait, self._left(send))

    def timeout(self, send: Send) -> float:
        """Return the seconds of an attempt that begins now."""
        return min(send.timeout, self._left(send))

    def _left(self, send: Send) -> float:
        if send.deadline == math.inf:
            return math.inf
        left: float = send.deadline - self.clock.monotonic()
        return left

    def refusal(self, send: Send) -> Lost | None:
        """Look, after the wait for a connection, whether the request may still leave.

        Raises DryRun for a write of a client that sends none.
        """
        if self.dry_run and send.request.method != "GET":
            self.prepare(send)
            raise _dry_run(send.request)
        if send.refusal is None:
            return None
        now = self.clock.monotonic()
        reason = send.refusal(now)
        return None if reason is None else Lost(False, reason, now)


_HEADERS = {
    "accept": "application/json",
    "accept-encoding": "gzip",  # a page of 1000 fills is 507 kB plain and 85 kB packed
    "user-agent": USER_AGENT,
}
_BODY_HEADERS = {**_HEADERS, "content-type": "application/json"}
_HEADER_BYTES = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
_BODY_HEADER_BYTES = [(name.encode(), value.encode()) for name, value in _BODY_HEADERS.items()]
_WITH_LENGTH = frozenset({"POST", "PUT", "PATCH"})  # they say so where they have no body, too


class _Target(NamedTuple):
    """Where a request goes: what connections are kept by, path and query, and the Host header."""

    origin: Origin
    raw_path: bytes
    host: bytes


def _target(url: httpx.URL) -> _Target:
    return _Target(origin_of(url), url.raw_path, url.netloc)


# As for URLs below.
_targets: dict[str, _Target] = {}
_MAX_TARGETS = 256


def _remembered_target(text: str, url: httpx.URL) -> _Target:
    if len(_targets) >= _MAX_TARGETS:
        _targets.clear()
    target = _targets[text] = _target(url)
    return target


# Parsing a URL costs as much as signing with Ed25519, and most orders go to one.
@lru_cache(maxsize=256)
def _parsed_url(family: Family, text: str) -> httpx.URL:
    url: httpx.URL = family.URL(text)
    return url


def lost_request(error: Exception, trace: DeliveryTrace, sent_at: float, stamp: float) -> Lost:
    """Build the outcome of a request that ended in an exception of the transport."""
    # Text, not the exception: its traceback would keep the frames of the flow alive.
    reason = clean_text(f"{type(error).__name__}: {error}", 300).rstrip(": ")
    return Lost(not trace.nothing_sent, reason, sent_at, stamp=stamp)


def _dry_run(request: Request) -> DryRun:
    asked = {"method": request.method, "path": request.path, "body": request.body}
    return DryRun(f"dry run: {request.method} {request.path} was signed and not sent", **asked)


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
_IMMEDIATE: dict[type, Callable[[Any, Any], Any]] = {
    Monotonic: lambda clock, _: clock.monotonic(),
    Now: lambda clock, _: clock.now(),
    AdjustClock: lambda clock, effect: clock.adjust(effect.seconds),
}


@define(eq=False)
class RunningCall:
    """A call that a driver runs: since when (`time.monotonic`), and its operation once it sent."""

    began: float
    operation: Operation | None = None

    def note(self, send: Send) -> None:
        """Take the operation of a request: that of the first write, else of the latest read."""
        if self.operation is None or not self.operation.writes:
            self.operation = send.operation


@define(eq=False)
class JournalWatch:
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


@define
class Driver:
    """Perform the effects of flows on the calling thread."""

    endpoint: Endpoint
    transport: httpx.BaseTransport
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
            flow = numbered(self.events, flow)
        try:
            effect = next(flow)
            while True:
                immediate = _IMMEDIATE.get(type(effect))
                try:
                    if immediate is not None:
                        result = immediate(self.endpoint.clock, effect)
                    elif isinstance(effect, Send):
                        call.note(effect)
                        result = self._send(effect)
                        sent.add(effect, result)
                    elif isinstance(effect, Told):
                        told, result = effect.keys, None
                    else:
                        result = self._perform(effect)
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

    def _perform(self, effect: Effect) -> Any:
        if isinstance(effect, Sleep):
            return time.sleep(effect.seconds)
        if isinstance(effect, Lease):
            return effect.store.lease(effect.demand)
        assert isinstance(effect, Record)  # noqa: S101 - the union has no other member
        return getattr(self.journal, effect.verb)(*effect.args)

    def _send(self, send: Send) -> Reply | Lost:
        if self._closed:
            raise Misuse("this client is closed")
        # A place comes first: while it is waited for, neither signature nor attempt grows old.
        try:
            place = self._place(send)
        except httpx.PoolTimeout as error:
            return not_sent(error, self.endpoint)
        with place:
            refused = self.endpoint.refusal(send)
            if refused is not None:
                return refused
            return self._send_now(send, has_place=isinstance(place, Place))

    def _place(self, send: Send) -> Place | nullcontext[None]:
        places = getattr(self.transport, "places", None)
        if not isinstance(places, Places):  # a transport of the user's counts for itself
            return nullcontext()
        return places.wait(self.endpoint.wait_until(send), stopping=send.stopping)

    def _send_now(self, send: Send, *, has_place: bool) -> Reply | Lost:
        stamp = self.endpoint.clock.now()
        transport = self.transport
        if has_place and isinstance(transport, DeadlineTransport) and transport.takes_bytes():
            return self._send_bytes(transport, send, stamp)
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

    def _send_bytes(self, transport: DeadlineTransport, send: Send, stamp: float) -> Reply | Lost:
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


@define
class AsyncDriver:
    """Perform the effects of flows on the running event loop."""

    endpoint: Endpoint
    transport: httpx.AsyncBaseTransport
    journal: Any = None
    events: Events = field(default=NOBODY)
    calls: dict[int, RunningCall] = field(factory=dict[int, RunningCall], init=False, repr=False)
    _journal_watch: JournalWatch = field(init=False, repr=False)
    _closed: bool = field(default=False, init=False)
    _pid: int = field(factory=os.getpid, init=False)
    _family: Family = field(init=False)
    _turns: Turns = field(factory=Turns, init=False)

    def __attrs_post_init__(self) -> None:
        self._family = family_of(self.transport)
        self._journal_watch = JournalWatch(self.events)

    async def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end and return its result. Raises Misuse in a forked child."""
        refuse_inherited(self._pid)
        told: tuple[str, ...] = ()
        await self._turns.next()  # a thousand flows begun at once would keep the loop for a second
        call = RunningCall(time.monotonic())
        self.calls[id(call)] = call
        sent = Sent()
        if self.events.wants_calls():
            flow = numbered(self.events, flow)
        try:
            effect = next(flow)
            while True:
                immediate = _IMMEDIATE.get(type(effect))
                try:
                    if immediate is not None:
                        result = immediate(self.endpoint.clock, effect)
                    elif isinstance(effect, Send):
                        call.note(effect)
                        result = await self._send(effect)
                        sent.add(effect, result)
                    elif isinstance(effect, Told):
                        told, result = effect.keys, None
                    elif isinstance(effect, Record) and not self.journal.blocking:
                        # In memory: it returns at once, without thread, future and coroutine.
                        result = getattr(self.journal, effect.verb)(*effect.args)
                    else:
                        result = await self._perform(effect)
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
            flow.close()

    async def _perform(self, effect: Effect) -> Any:
        if isinstance(effect, Sleep):
            return await asyncio.sleep(effect.seconds)
        if isinstance(effect, Lease):
            return await asyncio.to_thread(effect.store.lease, effect.demand)
        assert isinstance(effect, Record)  # noqa: S101 - the union has no other member
        return await self._record(effect)

    async def _record(self, record: Record) -> Any:
        future = self.journal.submit(record.verb, *record.args)
        if future.done():  # written behind
            return future.result()
        try:
            return await asyncio.wrap_future(future)
        except (asyncio.CancelledError, GeneratorExit):
            # A reservation whose result nobody received must not stay behind as an intent that
            # may have been sent. Other verbs are written whether or not anybody waits.
            if record.verb in RESERVATION_VERBS:
                self.journal.cancel_reservation(future)
            raise

    async def _send(self, send: Send) -> Reply | Lost:
        refuse_inherited(self._pid)  # here too: a loop that runs on in the child goes on with flows
        if self._closed:
            raise Misuse("this client is closed")
        # As in Driver.
        try:
            place = await self._place(send)
        except httpx.PoolTimeout as error:
            return not_sent(error, self.endpoint)
        with place:
            refused = self.endpoint.refusal(send)
            if refused is not None:
                return refused
            return await self._send_now(send, has_place=isinstance(place, Place))

    async def _place(self, send: Send) -> Place | nullcontext[None]:
        places = getattr(self.transport, "places", None)
        if not isinstance(places, AsyncPlaces):
            return nullcontext()
        return await places.wait(self.endpoint.wait_until(send), stopping=send.stopping)

    async def _send_now(self, send: Send, *, has_place: bool) -> Reply | Lost:
        stamp = self.endpoint.clock.now()
        transport = self.transport
        if has_place and isinstance(transport, AsyncDeadlineTransport) and transport.takes_bytes():
            return await self._send_bytes(transport, send, stamp)
        request = self.endpoint.prepare(send, stamp, self._family)
        sent_at = self.endpoint.clock.monotonic()
        timeout = self.endpoint.timeout(send)
        with trace_delivery(time.monotonic() + timeout, has_place=has_place) as trace:
            if tells_its_steps(self.transport, self._family):
                request.extensions["trace"] = trace.note_async
            try:
                # Our transports keep the deadline by themselves; another one may not.
                async with nullcontext() if has_place else asyncio.timeout(timeout):
                    response = await self.transport.handle_async_request(request)
                    body = await aread_limited(response, self.endpoint.max_body)
            except Exception as error:  # noqa: BLE001 - whatever a transport raises, bytes may be out
                return lost_request(error, trace, sent_at, stamp)
        return self.endpoint.reply(response, body, sent_at, stamp)

    async def _send_bytes(
        self, transport: AsyncDeadlineTransport, send: Send, stamp: float
    ) -> Reply | Lost:
        endpoint = self.endpoint
        request = endpoint.bytes_of(send, stamp)
        sent_at = endpoint.clock.monotonic()
        trace = DeliveryTrace(time.monotonic() + endpoint.timeout(send), has_place=True)
        try:
            answer = await transport.round_trip(request, trace, endpoint.max_body)
        except Exception as error:  # noqa: BLE001 - as above
            return lost_request(error, trace, sent_at, stamp)
        return Reply(*answer, sent_at, endpoint.clock.monotonic(), stamp=stamp)

    async def aclose(self) -> None:
        """Close the connections; a later Send raises Misuse."""
        self._closed = True
        if self._pid == os.getpid():  # as in Driver
            await self.transport.aclose()
