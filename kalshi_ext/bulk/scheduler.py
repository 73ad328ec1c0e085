"""Any number of orders in one call: split, paced, and each with exactly one outcome.

Theory. The exchange has one bucket of write tokens for batches and for what names no shard, and one
more for each shard from 1 up, on which only single writes that name the shard draw (documented). So
there is a lane for each bucket, and a lane has at most one request that waits for its tokens:

    lane        sends
    common      batches of one shard's items, at most half a second of tokens each
    shard n     single writes of items that name shard n, beside the batches of the common lane

A lane's request is a flow of its own (`place_many`, `cancel`), with its own reservation, look-ups
and resends. Flows take turns: while one sleeps, because it waits for tokens or looks for an order
whose answer was lost, another goes on. So an order in doubt holds no other up, and whatever becomes
of one request is the outcome of its items alone. What the rate limit refused goes again in its
turn; but for a cancel, not later than `Policy.resend_within` after it was sent first.

Every item ends in one outcome, in the caller's order: a value, or an error that says of this item
what may be done next. What was never sent is NotSent. A stop that covers an item, or the deadline,
ends it before it is sent; a refusal of the credentials, a journal that cannot be written or a
closed client ends everything that was not sent yet.
"""

from __future__ import annotations

import copy
import heapq
import itertools
import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Generic, TypeAlias, TypeVar

from attrs import define, field, frozen

from kalshi_ext.bases import Printed, Value
from kalshi_ext.contracts.interface import Contract
from kalshi_ext.errors import (
    ABSENT_ADVICE,
    DuplicateIdConflict,
    Forbidden,
    JournalUnwritable,
    KalshiError,
    Misuse,
    NotSent,
    RateLimited,
    Unauthorized,
)
from kalshi_ext.journal import JournalError
from kalshi_ext.models import OrderAck
from kalshi_ext.protocol.boundary import guarded
from kalshi_ext.protocol.flow import (
    CallLimits,
    Context,
    Effect,
    Flow,
    Monotonic,
    Send,
    Sleep,
    Told,
)
from kalshi_ext.protocol.limits import Scope
from kalshi_ext.protocol.pacer import Pacer
from kalshi_ext.requests import Progress

T = TypeVar("T")
Outcome: TypeAlias = OrderAck | KalshiError

_BATCH_SECONDS = 0.5  # of tokens: a longer batch makes what comes behind it wait longer
_IN_DOUBT = 64  # requests whose outcome is looked for at a time
# Refusals and failures that every further request would meet.
_HALTING = (Unauthorized, Forbidden, JournalUnwritable, JournalError, Misuse)
_SHORTEST = 0.001  # seconds; a clock may not tell less apart
_REQUEUED = 3  # times that an item goes again which the rate limit refused


@define(eq=False, repr=False)
class _Job(Printed):
    """One request on its way: the flow that sends it, and the items it is about."""

    steps: Flow[Any]
    items: list[int]
    lane: int
    sent: bool = False
    value: Any = None
    error: Exception | None = None


@frozen(eq=False, repr=False)
class BulkOperation(Value, Generic[T]):
    """What is done to every item of a bulk call.

    `single` and `batch` make the request of one item or of some, from the seconds that are left and
    the number of stops before the call; `batch` is None for writes that have none, `largest` what
    one may hold. `costs` names the operation that an item is paid as. `shard(item)` is 0 for none,
    `scopes(item)` what a stop of it may name, `name(item)` its idempotency key. `urgent` ones may
    take the tokens that are kept for cancels, and do not age.
    """

    contract: Contract
    facade: str
    single: Callable[[T, float | None, int], Flow[OrderAck]]
    batch: Callable[[Sequence[T], float | None, int], Flow[list[Outcome]]] | None = None
    largest: int = field(default=1, kw_only=True)
    shard: Callable[[T], int] = field(kw_only=True)
    scopes: Callable[[T], tuple[Scope, ...]] = field(default=lambda _: (), kw_only=True)
    name: Callable[[T], str | None] = field(kw_only=True)
    costs: str | None = field(default=None, kw_only=True)
    urgent: bool = field(default=False, kw_only=True)

    def each(self, pacer: Pacer) -> float:
        """Return the tokens that one item costs."""
        wanted = self.costs or self.facade
        operations = self.contract.operations.values()
        told = pacer.costs.each(next(op for op in operations if op.facade == wanted))
        return max(1.0, told)  # of what costs nothing a batch would have no end

    def fits_one_request(self, items: Sequence[T], pacer: Pacer) -> bool:
        """Say whether one batch holds everything."""
        shards = {self.shard(item) for item in items}
        fits = len(items) <= self.largest and len(items) * self.each(pacer) <= pacer.write.capacity
        return fits and len(shards) == 1


@define(eq=False, repr=False)
class Scheduler(Printed, Generic[T]):
    """One bulk call: it decides which request goes next. `context` paces by `pacer`."""

    operation: BulkOperation[T]
    context: Context
    pacer: Pacer
    limits: CallLimits
    items: Sequence[T]
    on_progress: Progress | None
    each: float = field(init=False)
    outcomes: list[Outcome | None] = field(init=False)
    queues: dict[int, deque[int]] = field(factory=dict[int, deque[int]])
    # Of items that the rate limit refused: how often, and what was answered last.
    refusals: dict[int, tuple[int, RateLimited]] = field(factory=dict[int, tuple[int, RateLimited]])
    started: dict[int, float] = field(factory=dict[int, float])  # when each was handed on first
    jobs: list[tuple[float, int, _Job]] = field(factory=list[tuple[float, int, _Job]])
    lanes: set[int] = field(factory=set[int])  # those whose request was not sent yet
    told: list[str] = field(factory=list[str])
    halted: str | None = None
    done: int = 0
    reported: int = 0
    _order: Iterator[int] = field(factory=itertools.count)

    def __attrs_post_init__(self) -> None:
        self.each = self.operation.each(self.pacer)
        self.outcomes = [None] * len(self.items)
        for index, item in enumerate(self.items):
            self.queues.setdefault(self.operation.shard(item), deque()).append(index)

    def run(self) -> Flow[list[Outcome]]:
        """Send everything; return one outcome for each item."""
        try:
            while True:
                now: float = yield Monotonic()
                self._start_jobs(now)
                if not self.jobs:
                    break
                wake, _, job = self.jobs[0]
                if wake > now:
                    yield Sleep(max(wake - now, _SHORTEST))
                    continue
                heapq.heappop(self.jobs)
                yield from self._advance(job)
            self._report()
            if self.told:
                yield Told(tuple(self.told))
            return [self._known(outcome) for outcome in self.outcomes]
        finally:
            for _, _, job in self.jobs:
                job.steps.close()

    @staticmethod
    def _known(outcome: Outcome | None) -> Outcome:
        assert outcome is not None  # noqa: S101 - no item leaves the queues without an outcome
        return outcome

    # Starting requests

    def _start_jobs(self, now: float) -> None:
        self._end_what_may_not_go(now)
        for lane in (0, *sorted(self.queues)):
            while lane not in self.lanes and len(self.jobs) < _IN_DOUBT:
                items = self._take(lane, now)
                if not items:
                    break
                self._start(lane, items, now)

    def _take(self, lane: int, now: float) -> list[int]:
        """Take the next items of a lane from their queue."""
        if lane != 0:
            return self._pop(lane, 1, now)
        # What only the common bucket pays for goes first, then the longest queue.
        shard = max(self.queues, key=lambda n: (n == 0, len(self.queues[n])), default=0)
        if self.operation.batch is None:
            return self._pop(0, 1, now)
        return self._pop(shard if not self.queues.get(0) else 0, self._batch_size(), now)

    def _pop(self, shard: int, most: int, now: float) -> list[int]:
        queue, taken = self.queues.get(shard, deque[int]()), list[int]()
        while queue and len(taken) < most:
            index = queue.popleft()
            if (stop := self._stop(index)) is not None:
                self._end(index, self._not_sent(index, stop))
            elif index in self.refusals and self._is_old(index, now):
                self._end(index, self.refusals[index][1])
            else:
                taken.append(index)
                self.started.setdefault(index, now)
        if not queue:
            self.queues.pop(shard, None)
        return taken

    def _is_old(self, index: int, now: float) -> bool:
        """Say whether an item that names a price was sent too long ago to be sent again."""
        within = self.context.policy.resend_within
        return not self.operation.urgent and now - self.started[index] > within

    def _batch_size(self) -> int:
        bucket = self.pacer.write
        room = bucket.capacity if self.operation.urgent else bucket.capacity - bucket.kept
        size = int(min(room, bucket.rate * _BATCH_SECONDS) / self.each)
        return max(1, min(size, self.operation.largest))

    def _start(self, lane: int, items: list[int], now: float) -> None:
        left = None if self.limits.deadline == math.inf else self.limits.deadline - now
        some, began = [self.items[index] for index in items], self.limits.began
        steps: Flow[list[Outcome]]
        if self.operation.batch is None or lane != 0:
            steps = _as_list(self.operation.single(some[0], left, began))
        else:
            steps = self.operation.batch(some, left, began)
        self.lanes.add(lane)
        heapq.heappush(self.jobs, (now, next(self._order), _Job(guarded(steps), items, lane)))

    # What may not go any more

    def _stop(self, index: int) -> str | None:
        scopes = self.operation.scopes(self.items[index])
        stops = self.context.stops.since(self.limits.began, scopes)
        return None if stops is None else f"{stops} was called meanwhile"

    def _end_what_may_not_go(self, now: float) -> None:
        reason = self.halted
        if reason is None and now >= self.limits.deadline:
            reason = "the deadline of the call has passed"
        if reason is not None:
            for queue in self.queues.values():
                for index in queue:
                    self._end(index, self._not_sent(index, reason))
            self.queues.clear()

    def _not_sent(self, index: int, reason: str) -> NotSent:
        error = NotSent(f"{self.operation.facade}: {reason}")
        error.client_order_id = self.operation.name(self.items[index])
        return error

    # Running requests

    def _advance(self, job: _Job) -> Flow[None]:
        """Let a request go on until it sleeps or ends."""
        try:
            while True:
                effect = self._step(job)
                if isinstance(effect, Told):
                    self.told += effect.keys
                    continue
                if isinstance(effect, Sleep):
                    now: float = yield Monotonic()
                    heapq.heappush(self.jobs, (now + effect.seconds, next(self._order), job))
                    return
                if isinstance(effect, Send) and effect.request.method != "GET":
                    self._sent(job)
                try:
                    job.value = yield effect
                except Exception as error:  # noqa: BLE001 - the request's flow decides
                    job.error = error
        except StopIteration as stop:
            self._finish(job, stop.value)
        except Exception as error:  # noqa: BLE001 - of this request alone, and it must not end others
            self._fail(job, error)
        except BaseException:
            job.steps.close()
            raise

    def _step(self, job: _Job) -> Effect:
        value, error, job.value, job.error = job.value, job.error, None, None
        return job.steps.send(value) if error is None else job.steps.throw(error)

    def _sent(self, job: _Job) -> None:
        if not job.sent:
            job.sent = True
            self.lanes.discard(job.lane)

    def _finish(self, job: _Job, results: Sequence[Outcome]) -> None:
        self._sent(job)
        for index, result in zip(job.items, results, strict=True):
            self._settle(index, result)
        self._report()

    def _fail(self, job: _Job, error: Exception) -> None:
        self._sent(job)
        if isinstance(error, Misuse) and self._batch_size() < len(job.items):
            # The bucket was learned to be smaller meanwhile.
            self.queues.setdefault(self.operation.shard(self.items[job.items[0]]), deque()).extend(
                job.items
            )
            return
        if isinstance(error, _HALTING) and not isinstance(error, DuplicateIdConflict):
            self.halted = self.halted or f"an earlier request of the same call: {error}"
        known = error if isinstance(error, KalshiError) else _unexpected(error)
        for index in job.items:
            self._settle(index, self._own(index, known))
        self._report()

    def _own(self, index: int, error: KalshiError) -> KalshiError:
        """Return an item's own copy of an error that its whole request met."""
        own = copy.copy(error)
        own.__cause__ = error.__cause__
        own.__dict__["client_order_id"] = self.operation.name(self.items[index])
        return own

    def _settle(self, index: int, result: Outcome) -> None:
        tries, _ = self.refusals.get(index, (0, None))
        if isinstance(result, RateLimited) and tries < _REQUEUED and self.halted is None:
            # Proven not executed, by tokens that somebody else took: it goes again in its turn.
            self.refusals[index] = (tries + 1, result)
            self.queues.setdefault(self.operation.shard(self.items[index]), deque()).append(index)
            return
        self._end(index, result)

    def _end(self, index: int, result: Outcome) -> None:
        if isinstance(result, NotSent) and result.advice != ABSENT_ADVICE:
            # "Nothing was sent" is not true of what was sent before, and refused.
            _, result = self.refusals.get(index, (0, result))
        self.outcomes[index] = result
        self.done += 1

    def _report(self) -> None:
        if self.done != self.reported:
            self.reported = self.done
            report_progress(self.on_progress, self.done, len(self.items))


def report_progress(on_progress: Progress | None, done: int, total: int) -> None:
    if on_progress is not None:
        # Its error is the caller's own, and must not cost the outcomes.
        with suppress(Exception):
            on_progress(done, total)


def _as_list(steps: Flow[OrderAck]) -> Flow[list[Outcome]]:
    return [(yield from steps)]


def _unexpected(error: Exception) -> NotSent:
    return NotSent(f"the client failed before anything was sent: {type(error).__name__}: {error}")
