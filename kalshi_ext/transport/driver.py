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
import os
import time
from typing import Any, TypeVar

import httpx
from attrs import define, field, frozen

from kalshi_ext.errors import KalshiError, Misuse
from kalshi_ext.protocol.boundary import guarded
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
from kalshi_ext.protocol.messages import Lost, Reply, Request
from kalshi_ext.redact import clean_text
from kalshi_ext.transport import DeliveryTrace, aread_limited, read_limited, trace_delivery
from kalshi_ext.transport.signing import Signer

T = TypeVar("T")

MAX_BODY = 64 * 1024 * 1024  # bytes; a page of 1000 orders is about 1 MB
USER_AGENT = "kalshi-ext"

# The verbs of the journal that precede a send.
RESERVATION_VERBS = frozenset({"reserve_many", "reopen"})

# Through a transport that does not count bytes, only these classes mean that nothing was written:
# httpx raises them before it begins to write. Every other error may have come later.
NOT_SENT_ERRORS = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)


# Where it exists it counts the time of a suspended machine too, in which an order grows old.
_BOOTTIME: int | None = getattr(time, "CLOCK_BOOTTIME", None)


@define
class Clock:
    """This machine's clock in Unix seconds, with a correction towards the exchange's clock."""

    _offset: float = 0.0

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

    def prepare(self, send: Send, stamp: float | None = None) -> httpx.Request:
        """Build and sign the request of one attempt, by default with the time it is.

        Raises Misuse for a URL that is too long.
        """
        request = self._build(send.request)
        request.extensions["timeout"] = httpx.Timeout(send.timeout).as_dict()
        if not send.public:
            # Signed on every attempt: the exchange refuses old timestamps (30 s, observed).
            path = request.url.raw_path.split(b"?")[0]
            seconds = self.clock.now() if stamp is None else stamp
            request.headers.update(self.signer.headers(request.method, path, int(seconds * 1000)))
        return request

    def _build(self, request: Request) -> httpx.Request:
        url = self._url(request)
        headers = {"accept": "application/json", "user-agent": USER_AGENT}
        if request.body is not None:
            headers["content-type"] = "application/json"
        return httpx.Request(request.method, url, headers=headers, content=request.body)

    def _url(self, request: Request) -> httpx.URL:
        try:
            url = httpx.URL(self.base_url + request.path)
            return url.copy_with(params=request.query) if request.query else url
        except httpx.InvalidURL as error:  # above all: longer than 65,536 characters
            raise Misuse(f"this request makes no URL: {error}; ask for less at once") from None

    def reply(self, response: httpx.Response, body: bytes, sent_at: float, stamp: float) -> Reply:
        """Turn a response into plain data."""
        headers = {name.lower(): value for name, value in response.headers.items()}
        received_at = self.clock.monotonic()
        return Reply(response.status_code, headers, body, sent_at, received_at, stamp=stamp)


def lost_request(error: Exception, trace: DeliveryTrace, sent_at: float, stamp: float) -> Lost:
    """Build the outcome of a request that ended in an exception of the transport."""
    observed = trace.observed
    bytes_sent = not (trace.nothing_sent if observed else isinstance(error, NOT_SENT_ERRORS))
    # Text, not the exception: its traceback would keep the frames of the flow alive.
    reason = clean_text(f"{type(error).__name__}: {error}", 300).rstrip(": ")
    return Lost(bytes_sent, reason, sent_at, stamp=stamp)


def refuse_inherited(pid: int) -> None:
    """Refuse a client of another process, before a lock or a connection of it is touched.

    A forked child shares its parent's sockets: each would read the other's answers. Raises Misuse.
    """
    if pid != os.getpid():
        raise Misuse(
            "this client was made before this process was forked and belongs to its parent; "
            "make a client in the child"
        )


def _immediate(effect: Effect, endpoint: Endpoint) -> tuple[bool, Any]:
    """Perform the effects that neither send nor wait; (False, None) for the others."""
    if isinstance(effect, Monotonic):
        return True, endpoint.clock.monotonic()
    if isinstance(effect, Now):
        return True, endpoint.clock.now()
    if isinstance(effect, AdjustClock):
        return True, endpoint.clock.adjust(effect.seconds)
    return False, None


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
    _closed: bool = field(default=False, init=False)
    _pid: int = field(factory=os.getpid, init=False)

    def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end and return its result. Raises Misuse in a forked child."""
        refuse_inherited(self._pid)
        told: tuple[str, ...] = ()
        flow = guarded(flow)
        try:
            effect = next(flow)
            while True:
                if isinstance(effect, Told):
                    told = effect.keys
                    effect = flow.send(None)
                    continue
                try:
                    result = self._perform(effect)
                except Exception as error:  # noqa: BLE001 - the flow decides what it means
                    effect = flow.throw(error)
                else:
                    effect = flow.send(result)
        except StopIteration as stop:
            value: T = stop.value
            mark_told(self.journal, told)
            return value
        except KalshiError:
            mark_told(self.journal, told)
            raise
        finally:
            flow.close()  # an interrupt skips the flow: its own cleanup has to run now

    def _perform(self, effect: Effect) -> Any:
        done, result = _immediate(effect, self.endpoint)
        if done:
            return result
        if isinstance(effect, Send):
            return self._send(effect)
        if isinstance(effect, Sleep):
            return time.sleep(effect.seconds)
        assert isinstance(effect, Record)  # noqa: S101 - the union has no other member
        return getattr(self.journal, effect.verb)(*effect.args)

    def _send(self, send: Send) -> Reply | Lost:
        if self._closed:
            raise Misuse("this client is closed")
        stamp = self.endpoint.clock.now()
        request = self.endpoint.prepare(send, stamp)
        sent_at = self.endpoint.clock.monotonic()
        with trace_delivery(time.monotonic() + send.timeout) as trace:
            try:
                response = self.transport.handle_request(request)
                body = read_limited(response, self.endpoint.max_body)
            except Exception as error:  # noqa: BLE001 - whatever a transport raises, bytes may be out
                return lost_request(error, trace, sent_at, stamp)
        return self.endpoint.reply(response, body, sent_at, stamp)

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
    _closed: bool = field(default=False, init=False)
    _pid: int = field(factory=os.getpid, init=False)

    async def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end and return its result. Raises Misuse in a forked child."""
        refuse_inherited(self._pid)
        told: tuple[str, ...] = ()
        flow = guarded(flow)
        try:
            effect = next(flow)
            while True:
                if isinstance(effect, Told):
                    told = effect.keys
                    effect = flow.send(None)
                    continue
                try:
                    result = await self._perform(effect)
                except Exception as error:  # noqa: BLE001 - the flow decides what it means
                    effect = flow.throw(error)
                else:
                    effect = flow.send(result)
        except StopIteration as stop:
            value: T = stop.value
            mark_told(self.journal, told)
            return value
        except KalshiError:
            mark_told(self.journal, told)
            raise
        finally:
            flow.close()

    async def _perform(self, effect: Effect) -> Any:
        done, result = _immediate(effect, self.endpoint)
        if done:
            return result
        if isinstance(effect, Send):
            return await self._send(effect)
        if isinstance(effect, Sleep):
            return await asyncio.sleep(effect.seconds)
        assert isinstance(effect, Record)  # noqa: S101 - the union has no other member
        return await self._record(effect)

    async def _record(self, record: Record) -> Any:
        if not self.journal.blocking:  # in memory: it returns at once, without thread and future
            return getattr(self.journal, record.verb)(*record.args)
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
        stamp = self.endpoint.clock.now()
        request = self.endpoint.prepare(send, stamp)
        sent_at = self.endpoint.clock.monotonic()
        with trace_delivery(time.monotonic() + send.timeout) as trace:
            try:
                # Our transports keep the deadline by themselves; another one may not.
                async with asyncio.timeout(send.timeout):
                    response = await self.transport.handle_async_request(request)
                    body = await aread_limited(response, self.endpoint.max_body)
            except Exception as error:  # noqa: BLE001 - whatever a transport raises, bytes may be out
                return lost_request(error, trace, sent_at, stamp)
        return self.endpoint.reply(response, body, sent_at, stamp)

    async def aclose(self) -> None:
        """Close the connections; a later Send raises Misuse."""
        self._closed = True
        if self._pid == os.getpid():  # as in Driver
            await self.transport.aclose()
