"""The conversation with the exchange as flows: when to send, when to retry, what to return.

A flow is a generator. It yields effects (plain data: `Send`, `Sleep`, `Monotonic`, `Now`,
`AdjustClock`, `Record`, `Told`) and is sent their results; it does no I/O and reads no clock. Two
drivers perform the effects, one on threads and one on asyncio (`transport/driver.py`), so sync and
async cannot differ in a decision, and a test performs them by hand:

    flow = send_with_retries(call, Context())
    next(flow)                                 Send(request, public=False, timeout=10.0)
    flow.send(Lost(False, "ConnectError"))     Sleep(0.13)     nothing was sent: retry
    flow.send(None)                            Send(...)       signed afresh by the driver
    flow.send(Reply(201, {}, b"..."))          StopIteration   its value is the Reply

Invariant: an operation that must not be executed twice is retried only when the attempt before
cannot have been executed. What happens after an attempt depends on its outcome and on the
operation's rule (`retry_policy.py`):

    outcome                        read or retry_immediately   any other write
    a success of the contract      return it                   return it
    nothing sent (Lost)            retry                       retry
    429 of the exchange            retry                       retry
    429 of somebody else           retry                       return it, maybe executed
    lost after a byte was written  retry                       return it, maybe executed
    5xx, 408                       retry                       return it, maybe executed
    any other status               return it                   return it, maybe executed where its
                                                               body is not the exchange's
    401 header_timestamp_expired   correct the clock from its Date, send again: 3 times a call. Not
                                   where a copy would add to the first and may live: see `_adds`

The exchange's rate limiter answers 429, so nothing was executed; but proxies answer 429 too, and
who wrote it is told by the body (`responses.py`). 5xx and 408 prove nothing whoever wrote them. A
retry waits (`Backoff`); it is made while attempts are left (`Policy.attempts`) and the client's
retry quota has tokens (`RetryQuota`, one for all calls), and only within the limits of the call
(`limits.py`), which are looked at before every attempt, the first one too. An outcome that is not
retried returns one token.

Once an attempt may have been executed, every later outcome of the call carries `maybe_executed`: a
refusal of the second attempt tells nothing about the first, so the call ends as OutcomeUnknown.
`writes/` then looks the outcome up; a call without a way to do so ends here (`request`).
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

from attrs import evolve

from kalshi_ext.errors import (
    DuplicateOrder,
    KalshiError,
    NoAnswer,
    NotSent,
    OutcomeUnknown,
    TimestampExpired,
    TransferAlreadyApplied,
)
from kalshi_ext.models import Order, OrderAck
from kalshi_ext.protocol import responses, telling
from kalshi_ext.protocol.attempt import attempt, refusal_at
from kalshi_ext.protocol.context import Context, LockRegistry, PendingWrites, Policy, RecentWrites
from kalshi_ext.protocol.deviations import is_documented
from kalshi_ext.protocol.effects import (
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
from kalshi_ext.protocol.exchange_clock import parse_date
from kalshi_ext.protocol.limits import CallLimits, Deadline, Scope, checked_deadline
from kalshi_ext.protocol.messages import Call, Lost, Operation, Page, Repeat, Reply
from kalshi_ext.protocol.retry_policy import retry_rule

__all__ = [
    "AdjustClock",
    "Begin",
    "CallLimits",
    "Context",
    "Effect",
    "Flow",
    "LockRegistry",
    "Monotonic",
    "Now",
    "PendingWrites",
    "Policy",
    "RecentWrites",
    "Record",
    "Send",
    "Sleep",
    "Told",
    "begin_call",
    "decode_response",
    "lost_error",
    "request",
    "send_with_retries",
    "server_time",
]

T = TypeVar("T")


# Several answers of one call may each need their own: nodes whose clocks differ, or a clock of this
# machine that is set while the call runs. A Date that is no help ends it.
MAX_CLOCK_CORRECTIONS = 3


def begin_call(
    context: Context,
    deadline: Deadline | None = None,
    *,
    names_price: bool = False,
    scopes: tuple[Scope, ...] = (),
    began: int | None = None,
) -> Flow[CallLimits]:
    """Start the clock of one call; `names_price` is for a write that is a wish of now.

    `began` is the number of stops before it, where it is a part of a call that began earlier.
    Raises Misuse for a deadline that is none.
    """
    deadline = checked_deadline(deadline)
    policy = context.policy
    stops = context.stops
    limits = CallLimits(0.0, 0.0, stops=stops, scopes=scopes)
    limits.started = started = yield Begin(limits)
    limits.ends = started + policy.resolve_within
    limits.began = stops.count if began is None else began
    if deadline is not None:
        left = deadline
        if isinstance(left, datetime):
            # From here on by the monotonic clock: nobody moves the moment by setting the clock.
            limits.moment = left.timestamp()
            left = limits.moment - (yield Now())
        limits.deadline = started + left
        limits.ends = min(limits.ends, limits.deadline)
        limits.note_time(context.exchange_clock.at(started), started)
    if names_price:
        limits.resend_until = started + policy.resend_within
    return limits


def send_with_retries(
    call: Call[Any],
    context: Context,
    *,
    retry: bool | None = None,
    maybe_executed: bool = False,
    limits: CallLimits | None = None,
) -> Flow[Reply | Lost]:
    """Send a call, with retries by the table at the top, and return the last outcome.

    `retry` overrides the rule's `retry_immediately`.
    `maybe_executed` tells that an attempt before this call may have been executed. What `limits`
    do not let through is a Lost of which nothing was sent, or the outcome before it.
    """
    if retry is None:
        retry = retry_rule(call.operation).retry_immediately
    corrections = 0
    attempts = 0
    ahead = 0.0  # the latest timestamp that was refused as ahead: a copy of it lives the longest
    previous: Reply | Lost | None = None
    while True:
        # A client that is closed meanwhile takes nothing back of what a write was answered.
        raises = not (previous and (maybe_executed or call.operation.writes))
        # Each attempt draws on the rate limit, retries too.
        attempted = yield from attempt(call, context, limits, attempts + 1, raises=raises)
        if isinstance(attempted, str):
            return _mark(_denied(previous, attempted), maybe_executed, ahead)
        if previous is not None and not call.operation.writes:
            attempted = _after_read(previous, attempted)
        previous = outcome = attempted
        _take_in(call.operation, outcome, context, limits)
        expired_at = _exchange_time_if_expired(call.operation, outcome)
        if expired_at is not None and outcome.stamp > expired_at:
            ahead = max(ahead, outcome.stamp)
            if _adds(call):
                yield AdjustClock(expired_at - (yield Now()))  # for the next call
                return _mark(outcome, True, ahead)
        if expired_at is not None and corrections < MAX_CLOCK_CORRECTIONS:
            # Not an attempt: a wrong clock should not use up the retries.
            corrections += 1
            # By the Date of this very answer. Our clock is read anew, because another thread may
            # have corrected it meanwhile, or the machine may have set it.
            behind = expired_at - (yield Now())
            yield AdjustClock(behind)
            telling.clock_corrected(context.events, call, behind)
            continue
        attempts += 1
        if not _is_transient(call.operation, outcome, retry):
            context.retry_quota.release()
            return _mark(outcome, maybe_executed, ahead)
        if attempts >= context.policy.attempts or not context.retry_quota.acquire():
            return _mark(outcome, maybe_executed, ahead)
        wait = context.policy.backoff.wait(attempts)
        if limits is not None and refusal_at(call, limits, (yield Monotonic()) + wait):
            return _mark(outcome, maybe_executed, ahead)
        # Sticky: no later outcome of this call takes it back.
        maybe_executed = maybe_executed or _maybe_executed(call.operation, outcome)
        telling.retry_planned(context.events, call, attempts, wait, outcome)
        yield Sleep(wait)


def _adds(call: Call[Any]) -> bool:
    """Say whether a second execution adds to the first, so that both must not be able to happen.

    A request that was refused because its timestamp was ahead can be accepted later, should the
    network have kept a copy of it. Writes under a key are refused twice, others name a state.
    """
    if call.operation.repeat is Repeat.RELATIVE:
        return b'"reduce_by"' in (call.request.body or b"")
    return call.operation.repeat is Repeat.UNKEYED


def _denied(previous: Reply | Lost | None, reason: str) -> Reply | Lost:
    """Return the outcome of an attempt that was not made: that of the one before, if answered."""
    if isinstance(previous, Reply):
        return previous
    if previous is None:
        return Lost(False, reason)
    return evolve(previous, reason=f"{previous.reason}; {reason}", queued=False)


def _after_read(previous: Reply | Lost, outcome: Reply | Lost) -> Reply | Lost:
    """Let the outcome of a read say that a byte was sent, where one was by an attempt before it."""
    if isinstance(outcome, Reply) or outcome.bytes_sent:
        return outcome
    if isinstance(previous, Lost) and not previous.bytes_sent:
        return outcome
    reason = f"{outcome.reason}; an earlier attempt was sent"
    return evolve(outcome, bytes_sent=True, reason=reason, queued=False)


def _take_in(
    operation: Operation, outcome: Reply | Lost, context: Context, limits: CallLimits | None
) -> None:
    """Learn from an outcome what does not depend on what the call asked for."""
    if limits is not None and operation.writes:
        limits.attempts += 1
    if isinstance(outcome, Lost):
        return
    context.exchange_clock.note(outcome.headers, outcome.received_at)
    if limits is not None and limits.moment is not None:  # this machine's clock may be behind
        limits.note_time(context.exchange_clock.at(outcome.received_at), outcome.received_at)
    _count_undocumented_status(operation, outcome, context)
    if not operation.writes and (outcome.status == 429 or context.throttle.interval):
        (context.throttle.refused if outcome.status == 429 else context.throttle.passed)()


def _count_undocumented_status(operation: Operation, outcome: Reply, context: Context) -> None:
    """Count a refusal whose status the contract does not name; successes are judged with a body."""
    if 200 <= outcome.status < 300:
        return
    if not is_documented(operation.id, outcome.status):
        context.deviations.add(operation.id, [("status", str(outcome.status))])


def _mark(outcome: Reply | Lost, maybe_executed: bool, ahead: float = 0.0) -> Reply | Lost:
    if ahead > outcome.stamp:
        outcome = evolve(outcome, stamp=ahead)
    return evolve(outcome, maybe_executed=True) if maybe_executed else outcome


def _maybe_executed(operation: Operation, outcome: Reply | Lost) -> bool:
    if isinstance(outcome, Lost):
        # A read changes nothing, whatever became of it.
        return operation.writes and outcome.bytes_sent
    return responses.maybe_executed(operation, outcome)


def _is_transient(operation: Operation, outcome: Reply | Lost, retry: bool) -> bool:
    if isinstance(outcome, Lost):
        return retry or not outcome.bytes_sent
    # First: a contract may document a success under a status that would be retried.
    if outcome.status in operation.success:
        return False
    if outcome.status == 429:
        return retry or not responses.maybe_executed(operation, outcome)
    return retry and (outcome.status >= 500 or outcome.status == 408)


def _exchange_time_if_expired(operation: Operation, outcome: Reply | Lost) -> float | None:
    """Return the exchange's time where it refused our timestamp as expired."""
    if isinstance(outcome, Lost) or outcome.status != 401:
        return None
    # The request goes again at once, so that it was not executed must be certain.
    if responses.maybe_executed(operation, outcome):
        return None
    body = responses.read_error_bytes(outcome.body)
    return server_time(outcome) if responses.is_timestamp_expired(outcome.status, body) else None


def server_time(reply: Reply) -> float | None:
    """Return the Date header of a reply as Unix seconds, None when absent or unreadable."""
    # A proxy may write it, or leave it out: then the clock stays as it is.
    date = reply.headers.get("date")
    return None if date is None else parse_date(date)


def decode_response(call: Call[T], reply: Reply, context: Context) -> T:
    """Decode the answer of a reply, or raise its error. The status is judged before the body."""
    if 200 <= reply.status < 300:
        answer = responses.decode(call, reply, context.deviations)
        _note_orders(answer, context)
        return answer
    if reply.status in call.operation.success:
        # A failing status with a documented answer. A body that is not that answer is a refusal.
        with suppress(KalshiError):
            return responses.decode(call, reply, context.deviations)
    raise _refusal(call.operation, reply)


def _note_orders(answer: object, context: Context) -> None:
    """Remember where the orders of an answer live."""
    if isinstance(answer, Page):
        items: tuple[Any, ...] = cast("Any", answer).items
        if items and isinstance(items[0], Order):  # the rows of a page are of one kind
            context.known_orders.note(items)
    elif isinstance(answer, Order | OrderAck):
        context.known_orders.note([answer])


def _refusal(operation: Operation, reply: Reply) -> KalshiError:
    """Build the error of a refusal, which tells nothing about earlier attempts."""
    error = responses.refusal(operation, reply)
    if isinstance(error, TimestampExpired):
        error.args = (f"{error.args[0]}; {_describe_clocks(reply)}",)
    # The two conflicts mean that the id is known: they do tell about earlier attempts.
    conclusive = isinstance(error, OutcomeUnknown | DuplicateOrder | TransferAlreadyApplied)
    if conclusive or not reply.maybe_executed:
        return error
    what = _COPY if isinstance(error, TimestampExpired) else _EARLIER_ATTEMPT
    unknown = OutcomeUnknown(f"{error.args[0]}; {what}", operation=operation.id)
    unknown.__cause__ = error
    return unknown


def _describe_clocks(reply: Reply) -> str:
    date = server_time(reply)
    if date is None:
        return "the answer has no readable Date, from which the clock could be corrected"
    signed, answered = (
        datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
        for seconds in (reply.stamp, date)
    )
    return f"it was signed at {signed} UTC, the answer's Date is {answered} UTC"


_EARLIER_ATTEMPT = "an earlier attempt may have been executed"
_COPY = f"{_EARLIER_ATTEMPT}, or a copy of this one be accepted later"


def request(
    call: Call[T],
    context: Context,
    *,
    limits: CallLimits | None = None,
    deadline: Deadline | None = None,
) -> Flow[T]:
    """Send a call and decode its answer: for reads, and writes whose outcome cannot be looked up.

    `deadline` makes limits where none are given. Raises NotSent, NoAnswer, OutcomeUnknown, Refused
    and its kinds, or Unintelligible.
    """
    if deadline is not None and limits is None:
        limits = yield from begin_call(context, deadline)
    steps = _request(call, context, limits)
    return (yield from telling.ending(context.events, call.operation, steps))


def _request(call: Call[T], context: Context, limits: CallLimits | None) -> Flow[T]:
    outcome = yield from send_with_retries(call, context, limits=limits)
    if isinstance(outcome, Lost):
        raise lost_error(call.operation, outcome)
    return decode_response(call, outcome, context)


def lost_error(operation: Operation, lost: Lost, **known: Any) -> KalshiError:
    """Build the error of a request without an answer; `known` become its attributes."""
    message = f"{operation.facade} ({operation.id}): {lost.reason}"
    if lost.maybe_executed:
        return OutcomeUnknown(f"{message}; {_EARLIER_ATTEMPT}", operation=operation.id, **known)
    # The last attempt was not sent, nor one before it that may have been executed or was a read.
    if not lost.bytes_sent:
        return NotSent(message, operation=operation.id, **known)
    if operation.repeat is Repeat.READ:
        return NoAnswer(message, operation=operation.id)
    return OutcomeUnknown(message, operation=operation.id, **known)
