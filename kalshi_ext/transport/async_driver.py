"""The driver of an event loop; `driver.py` says what a driver does, and has that of threads."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, TypeVar

from attrs import define, field

from kalshi_ext.bases import Printed
from kalshi_ext.errors import KalshiError, Misuse
from kalshi_ext.events import NOBODY, Events
from kalshi_ext.protocol.boundary import Sent
from kalshi_ext.protocol.effects import Begin, Lease
from kalshi_ext.protocol.flow import Effect, Flow, Record, Send, Sleep, Told
from kalshi_ext.protocol.messages import Lost, Reply
from kalshi_ext.protocol.numbered_calls import numbered
from kalshi_ext.transport import failures
from kalshi_ext.transport.async_places import AsyncPlaces, Turns
from kalshi_ext.transport.async_pool import AsyncConnectionPool
from kalshi_ext.transport.async_records import AsyncRecords
from kalshi_ext.transport.body_limit import aread_limited
from kalshi_ext.transport.deadline import DeliveryTrace, trace_delivery
from kalshi_ext.transport.driver import (
    IMMEDIATE,
    JournalWatch,
    RunningCall,
    lost_request,
    mark_told,
    not_sent,
    refuse_inherited,
)
from kalshi_ext.transport.endpoint import Endpoint
from kalshi_ext.transport.family import Family, family_of, httpx, tells_its_steps
from kalshi_ext.transport.places import Place

T = TypeVar("T")


@define(eq=False, repr=False)
class AsyncDriver(Printed):
    """Perform the effects of flows on the running event loop."""

    endpoint: Endpoint
    transport: httpx.AsyncBaseTransport | AsyncConnectionPool
    journal: Any = None
    events: Events = field(default=NOBODY)
    calls: dict[int, RunningCall] = field(factory=dict[int, RunningCall], init=False, repr=False)
    _journal_watch: JournalWatch = field(init=False, repr=False)
    _closed: bool = field(default=False, init=False)
    _pid: int = field(factory=os.getpid, init=False)
    _family: Family = field(init=False)
    _turns: Turns = field(factory=Turns, init=False)
    _records: AsyncRecords = field(factory=AsyncRecords, init=False)

    def __attrs_post_init__(self) -> None:
        self._family = family_of(self.transport)
        self._journal_watch = JournalWatch(self.events)

    async def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end and return its result. Raises Misuse in a forked child."""
        refuse_inherited(self._pid)
        told: tuple[str, ...] = ()
        # A thousand flows begun at once would keep the loop for a second.
        if not self._turns.take():
            await self._turns.wait()
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
                        result = await self._send(effect)
                        sent.add(effect, result)
                    elif isinstance(effect, Told):
                        told, result = effect.keys, None
                    elif isinstance(effect, Record) and not self.journal.blocking:
                        # In memory: it returns at once, without thread, future and coroutine.
                        result = getattr(self.journal, effect.verb)(*effect.args)
                    else:
                        result = await self._perform(effect, call)
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

    async def _perform(self, effect: Effect, call: RunningCall) -> Any:
        if isinstance(effect, Sleep):
            return await asyncio.sleep(effect.seconds)
        if isinstance(effect, Lease):
            from kalshi_ext.budget.store import lease_in_time  # loaded with the store

            return await asyncio.to_thread(lease_in_time, effect.store, effect.demand)
        assert isinstance(effect, Record)  # noqa: S101 - the union has no other member
        return await self._record(effect, call)

    async def _record(self, record: Record, call: RunningCall) -> Any:
        within = call.patience(record, self.endpoint)
        return await self._records.perform(self.journal, record, within)

    async def _send(self, send: Send) -> Reply | Lost:
        refuse_inherited(self._pid)  # here too: a loop that runs on in the child goes on with flows
        if self._closed:
            raise Misuse("this client is closed")
        # As in Driver.
        try:
            place = await self._place(send)
        except failures.PoolTimeout as error:
            return not_sent(error, self.endpoint)
        with place:
            refused = self.endpoint.refusal(send)
            if refused is not None:
                return refused
            stamp, transport = self.endpoint.clock.now(), self.transport
            has_place = isinstance(place, Place)
            if has_place and isinstance(transport, AsyncConnectionPool) and transport.takes_bytes():
                return await self._send_bytes(transport, send, stamp)
            return await self._send_object(send, stamp, has_place=has_place)

    async def _place(self, send: Send) -> Place | nullcontext[None]:
        places = getattr(self.transport, "places", None)
        if not isinstance(places, AsyncPlaces):
            return nullcontext()
        place = places.take(stopping=send.stopping)
        return place or await places.wait(self.endpoint.wait_until(send), stopping=send.stopping)

    async def _send_object(self, send: Send, stamp: float, *, has_place: bool) -> Reply | Lost:
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
        self, transport: AsyncConnectionPool, send: Send, stamp: float
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

    async def release(self, close: Callable[[], None], *, blocking: bool) -> None:
        """Close what a client has beside its connections; where it may wait, off the loop."""
        if not blocking or self._pid != os.getpid():  # a child has no thread of its parent's pool
            close()
            return
        # Shielded, so that a cancellation takes no close out of the pool's queue.
        await asyncio.shield(asyncio.get_running_loop().run_in_executor(None, close))
