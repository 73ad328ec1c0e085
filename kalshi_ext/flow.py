"""The conversation as generators: they yield effects and are sent the results. No I/O here.

A driver (`drive`) performs the effects, sync or async; a test can perform them by hand.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Generator, Iterable
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Literal, TypeAlias, TypeVar

from attrs import define, field, frozen

from kalshi_ext import answers
from kalshi_ext.calls import Call, Lost, Operation, Repeat, Reply, Request, Watch
from kalshi_ext.errors import KalshiError, Misuse, NoAnswer, NotSent, OutcomeUnknown
from kalshi_ext.pacing import DEFAULT_COST, Backoff, Budget, Pacer

T = TypeVar("T")


@frozen
class Send:
    """Sign and send a request once; the result is a Reply or a Lost. `timeout` is total seconds."""

    request: Request
    public: bool
    timeout: float


@frozen
class Sleep:
    """Wait so many seconds; the result is None."""

    seconds: float


@frozen
class Now:
    """Read the clock; the result is Unix seconds, corrected towards the exchange's clock."""


@frozen
class AdjustClock:
    """Correct this client's clock by so many seconds; the result is None."""

    seconds: float


@frozen
class Record:
    """Do `verb` on the journal, durably; the result is what the journal returns."""

    verb: Literal["claim_many", "mark_many", "get", "open_entries", "reopen", "take_over"]
    args: tuple[Any, ...] = ()


Effect: TypeAlias = Send | Sleep | Now | AdjustClock | Record
Flow: TypeAlias = Generator[Effect, Any, T]


def _seconds(_: object, attribute: Any, value: Any) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= value < math.inf:
        raise Misuse(f"policy {attribute.name} must be a number of seconds, not {value!r}")


def _at_least_one(_: object, attribute: Any, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise Misuse(f"policy {attribute.name} must be a whole number from 1 up, not {value!r}")


@frozen
class Policy:
    """The numbers that rule waiting; seconds and attempts.

    `timeout` bounds one attempt in total. `signature_life` is how long a delayed copy of a
    request may still be accepted: the exchange was seen to refuse timestamps 30 s old, 60 is
    that with margin. `resolve_within` bounds how long a write may look for its own outcome.
    `resend` lets a write that is proven absent be sent again under its own id, `rounds` times in
    all. `read_lag` is assumed where a contract has no watermark to tell how fresh reads are.
    """

    timeout: float = field(default=10.0, validator=_seconds)
    attempts: int = field(default=4, validator=_at_least_one)
    signature_life: float = field(default=60.0, validator=_seconds)
    resolve_within: float = field(default=180.0, validator=_seconds)
    resend: bool = True
    poll: float = field(default=0.25, validator=_seconds)
    poll_ceiling: float = field(default=5.0, validator=_seconds)
    read_lag: float = field(default=10.0, validator=_seconds)
    rounds: int = field(default=3, validator=_at_least_one)
    backoff: Backoff = field(factory=Backoff)


@define
class InFlight:
    """The journal keys that running flows of this client are driving; shared by threads."""

    _keys: set[str] = field(factory=set[str])
    _lock: threading.Lock = field(factory=threading.Lock, repr=False, eq=False)

    def take(self, keys: Iterable[str]) -> set[str]:
        """Take the keys nobody drives and return them."""
        with self._lock:
            free = set(keys) - self._keys
            self._keys |= free
            return free

    def let_go(self, keys: Iterable[str]) -> None:
        """Let go of keys taken before."""
        with self._lock:
            self._keys.difference_update(keys)

    def __contains__(self, key: object) -> bool:
        return key in self._keys


@define
class Unsettled:
    """Keys of earlier writes without a verdict, by ticker; `read` once the journal was asked."""

    read: bool = False
    by_ticker: dict[str, set[str]] = field(factory=dict[str, set[str]])

    def add(self, ticker: str | None, key: str) -> None:
        """Remember a write whose outcome is not known."""
        self.by_ticker.setdefault(ticker or "", set()).add(key)

    def drop(self, ticker: str | None, key: str) -> None:
        """Forget a write that has a verdict now."""
        self.by_ticker.get(ticker or "", set()).discard(key)


@frozen
class Context:
    """What the flows of one client share."""

    policy: Policy = field(factory=Policy)
    budget: Budget = field(factory=Budget)
    watch: Watch = field(factory=Watch)
    pacer: Pacer | None = None
    in_flight: InFlight = field(factory=lambda: InFlight())
    unsettled: Unsettled = field(factory=lambda: Unsettled())


def transmit(
    call: Call[Any], context: Context, *, cost: float = DEFAULT_COST, again: bool | None = None
) -> Flow[Reply | Lost]:
    """Send a call until an outcome stands.

    `again` says whether an attempt that may have been executed can be repeated at once: by
    default of reads and cancels.

    Repeated are reads that failed in passing and whatever cannot have been executed: a request
    of which no byte left, and a 429. A 401 for an expired timestamp is repeated once with the
    clock corrected from the answer's Date.
    """
    if again is None:
        again = call.operation.repeat in (Repeat.READ, Repeat.CANCEL)
    corrected = False
    attempt = 0
    while True:
        yield from _pace(call.operation, context, cost)
        outcome: Reply | Lost = yield Send(
            call.request, call.operation.public, context.policy.timeout
        )
        if not corrected and (there := _expired_at(outcome)) is not None:
            corrected = True
            # Read anew: another thread may have corrected the clock meanwhile.
            yield AdjustClock(there - (yield Now()))
            continue
        attempt += 1
        if not _passing(call.operation, outcome, again):
            context.budget.give_back()
            return outcome
        if attempt >= context.policy.attempts or not context.budget.take():
            return outcome
        yield Sleep(context.policy.backoff.wait(attempt))


def _pace(operation: Operation, context: Context, cost: float) -> Flow[None]:
    if context.pacer is None:
        return
    now = yield Now()
    wait = context.pacer.reserve(writes=operation.writes, cost=cost, now=now)
    if wait > 0:
        yield Sleep(wait)


def _passing(operation: Operation, outcome: Reply | Lost, again: bool) -> bool:
    if isinstance(outcome, Lost):
        return again or not outcome.left
    if outcome.status in operation.success:
        return False
    if outcome.status == 429:
        return True
    return again and (outcome.status >= 500 or outcome.status == 408)


def _expired_at(outcome: Reply | Lost) -> float | None:
    """Return the exchange's time where it refused our timestamp as expired."""
    if isinstance(outcome, Lost) or outcome.status != 401:
        return None
    body = answers.read_error_bytes(outcome.body)
    if "header_timestamp_expired" not in (body.code, body.details, body.message):
        return None
    return server_time(outcome)


def server_time(reply: Reply) -> float | None:
    """Return the Date header of a reply as Unix seconds, None when absent or unreadable."""
    try:
        date = parsedate_to_datetime(reply.headers["date"])
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (KeyError, ValueError, TypeError, OverflowError):
        return None


def conclude(call: Call[T], reply: Reply, context: Context) -> T:
    """Turn a reply into the answer or raise what it says. The status is judged before the body."""
    if 200 <= reply.status < 300:
        return answers.decode(call, reply, context.watch)
    if reply.status in call.operation.success:
        try:
            return answers.decode(call, reply, context.watch)
        except KalshiError:  # a documented answer under a failing status, but not that answer
            raise answers.refusal(call.operation, reply) from None
    raise answers.refusal(call.operation, reply)


def ask(call: Call[T], context: Context, *, cost: float = DEFAULT_COST) -> Flow[T]:
    """Send a call and read its answer; for reads and for writes without a way to find out."""
    outcome = yield from transmit(call, context, cost=cost)
    if isinstance(outcome, Lost):
        raise lost_error(call.operation, outcome)
    return conclude(call, outcome, context)


def lost_error(operation: Operation, lost: Lost, **known: Any) -> KalshiError:
    """Build the error of a request without an answer."""
    said = f"{operation.facade} ({operation.id}): {lost.reason}"
    if not lost.left:
        return NotSent(said, operation=operation.id, **known)
    if operation.repeat is Repeat.READ:
        return NoAnswer(said, operation=operation.id)
    return OutcomeUnknown(said, operation=operation.id, **known)
