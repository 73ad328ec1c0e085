"""The conversation as generators: they yield effects and are sent the results. No I/O here.

A driver (`drive`) performs the effects, sync or async; a test can perform them by hand.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Literal, TypeAlias, TypeVar

from attrs import evolve, frozen

from kalshi_ext.errors import (
    DuplicateOrder,
    KalshiError,
    NoAnswer,
    NotSent,
    OutcomeUnknown,
    TransferAlreadyApplied,
)
from kalshi_ext.protocol import responses
from kalshi_ext.protocol.context import Context, LockRegistry, PendingWrites, Policy, RecentWrites
from kalshi_ext.protocol.deviations import is_documented
from kalshi_ext.protocol.messages import Call, Lost, Operation, Repeat, Reply, Request
from kalshi_ext.protocol.rate_limits import DEFAULT_COST
from kalshi_ext.protocol.retry_policy import retry_rule

__all__ = [
    "AdjustClock",
    "Context",
    "Effect",
    "Flow",
    "LockRegistry",
    "Now",
    "PendingWrites",
    "Policy",
    "RecentWrites",
    "Record",
    "Send",
    "Sleep",
    "decode_response",
    "lost_error",
    "request",
    "send_with_retries",
    "server_time",
]

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

    verb: Literal["reserve_many", "advance_many", "get", "open_entries", "reopen", "take_over"]
    args: tuple[Any, ...] = ()


Effect: TypeAlias = Send | Sleep | Now | AdjustClock | Record
Flow: TypeAlias = Generator[Effect, Any, T]


def send_with_retries(
    call: Call[Any],
    context: Context,
    *,
    cost: float = DEFAULT_COST,
    retry: bool | None = None,
    maybe_executed: bool = False,
) -> Flow[Reply | Lost]:
    """Send a call until an outcome stands.

    `again` says whether an attempt that may have been executed can be repeated at once: by
    default what the matrix says. `doubtful` says that an attempt before this call may have been
    executed.

    Repeated are reads that failed in passing and whatever cannot have been executed: a request
    of which no byte left, and a 429. A 401 for an expired timestamp is repeated once with the
    clock corrected from the answer's Date.
    """
    if retry is None:
        retry = retry_rule(call.operation).retry_immediately
    corrected = False
    attempt = 0
    while True:
        yield from _pace(call.operation, context, cost)
        outcome: Reply | Lost = yield Send(
            call.request, call.operation.public, context.policy.timeout
        )
        _count_undocumented_status(call.operation, outcome, context)
        if not corrected and (exchange_time := _exchange_time_if_expired(outcome)) is not None:
            corrected = True
            # Read anew: another thread may have corrected the clock meanwhile.
            yield AdjustClock(exchange_time - (yield Now()))
            continue
        attempt += 1
        if not _is_transient(call.operation, outcome, retry):
            context.retry_quota.release()
            return _with_doubt(outcome, maybe_executed)
        if attempt >= context.policy.attempts or not context.retry_quota.acquire():
            return _with_doubt(outcome, maybe_executed)
        maybe_executed = maybe_executed or _maybe_executed(call.operation, outcome)
        yield Sleep(context.policy.backoff.wait(attempt))


def _count_undocumented_status(
    operation: Operation, outcome: Reply | Lost, context: Context
) -> None:
    """Report a refusal under a status its contract does not name; successes are judged later."""
    if isinstance(outcome, Lost) or 200 <= outcome.status < 300:
        return
    if not is_documented(operation.id, outcome.status):
        context.deviations.add(operation.id, [("status", str(outcome.status))])


def _pace(operation: Operation, context: Context, cost: float) -> Flow[None]:
    if context.pacer is None:
        return
    now = yield Now()
    wait = context.pacer.reserve(writes=operation.writes, cost=cost, now=now)
    if wait > 0:
        yield Sleep(wait)


def _with_doubt(outcome: Reply | Lost, maybe_executed: bool) -> Reply | Lost:
    return evolve(outcome, maybe_executed=True) if maybe_executed else outcome


def _maybe_executed(operation: Operation, outcome: Reply | Lost) -> bool:
    if isinstance(outcome, Lost):
        return operation.writes and outcome.bytes_sent
    return responses.maybe_executed(operation, outcome.status)


def _is_transient(operation: Operation, outcome: Reply | Lost, retry: bool) -> bool:
    if isinstance(outcome, Lost):
        return retry or not outcome.bytes_sent
    if outcome.status in operation.success:
        return False
    if outcome.status == 429:
        return True
    return retry and (outcome.status >= 500 or outcome.status == 408)


def _exchange_time_if_expired(outcome: Reply | Lost) -> float | None:
    """Return the exchange's time where it refused our timestamp as expired."""
    if isinstance(outcome, Lost) or outcome.status != 401:
        return None
    body = responses.read_error_bytes(outcome.body)
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


def decode_response(call: Call[T], reply: Reply, context: Context) -> T:
    """Turn a reply into the answer or raise what it says. The status is judged before the body."""
    if 200 <= reply.status < 300:
        return responses.decode(call, reply, context.deviations)
    if reply.status in call.operation.success:
        with suppress(KalshiError):  # a documented answer under a failing status, if it is that
            return responses.decode(call, reply, context.deviations)
    raise _refusal(call.operation, reply)


def _refusal(operation: Operation, reply: Reply) -> KalshiError:
    """Build the error of a refusal, which says nothing about an earlier attempt in doubt."""
    error = responses.refusal(operation, reply)
    conclusive = isinstance(error, OutcomeUnknown | DuplicateOrder | TransferAlreadyApplied)
    if conclusive or not reply.maybe_executed:
        return error
    unknown = OutcomeUnknown(f"{error.args[0]}; {_EARLIER_ATTEMPT}", operation=operation.id)
    unknown.__cause__ = error
    return unknown


_EARLIER_ATTEMPT = "an earlier attempt may have been executed"


def request(call: Call[T], context: Context, *, cost: float = DEFAULT_COST) -> Flow[T]:
    """Send a call and read its answer; for reads and for writes without a way to find out."""
    outcome = yield from send_with_retries(call, context, cost=cost)
    if isinstance(outcome, Lost):
        raise lost_error(call.operation, outcome)
    return decode_response(call, outcome, context)


def lost_error(operation: Operation, lost: Lost, **known: Any) -> KalshiError:
    """Build the error of a request without an answer."""
    message = f"{operation.facade} ({operation.id}): {lost.reason}"
    if lost.maybe_executed:
        return OutcomeUnknown(f"{message}; {_EARLIER_ATTEMPT}", operation=operation.id, **known)
    if not lost.bytes_sent:
        return NotSent(message, operation=operation.id, **known)
    if operation.repeat is Repeat.READ:
        return NoAnswer(message, operation=operation.id)
    return OutcomeUnknown(message, operation=operation.id, **known)
