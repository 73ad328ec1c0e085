"""Writes that name a wanted state: a group's limit, its reset and trigger, netting, shares.

No read tells their outcome, and a repeat of one ends in the same state, so a lost one is repeated
at once (`protocol/retry_policy.py`). But the lost copy may still be on its way, and undo a *later*
write of the same thing: a group is reset, the answer is lost, the repeat is answered; then the
group is triggered, and the late reset opens it again. So each client remembers what of it may still
arrive, and a later write that wants another state outlives that:

    the later write   waits for that      and then
    a stop: trigger   after it was sent   is sent once more, so that the last word is its own
    any other         before it is sent   is sent

Of calls at the same time each waits so for those that began before it. Where its time ends before
no copy can be left, a stop ends unknown and any other as not sent. What can be left is told by the
exchange's time, as for every other write (reads/watermark.py).
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any, TypeVar

from kalshi_ext.errors import KalshiError, NotSent, OutcomeUnknown
from kalshi_ext.journal.in_flight import LockOwner, StrayWrite
from kalshi_ext.protocol import telling
from kalshi_ext.protocol.flow import (
    CallLimits,
    Context,
    Flow,
    Monotonic,
    Now,
    begin_call,
    send_with_retries,
)
from kalshi_ext.protocol.limits import ALL, Deadline, Scope
from kalshi_ext.protocol.messages import Call, Reply
from kalshi_ext.protocol.responses import is_unknown_request
from kalshi_ext.protocol.retry_policy import retry_rule
from kalshi_ext.reads.watermark import SentAt, poll, told_time
from kalshi_ext.writes.outcomes import (
    Executed,
    Unknown,
    WriteOutcome,
    is_stray,
    judge,
    stray_error,
    unknown_error,
)

T = TypeVar("T")


def send_idempotent(
    call: Call[T],
    context: Context,
    *,
    deadline: Deadline | None = None,
    stops: Scope | None = None,
    state_of: Scope | None = None,
) -> Flow[T]:
    """Send a write whose outcome no read can tell; the retry policy says whether it is repeated.

    `stops` names what is pending and ends before it, `state_of` the thing whose state it names. A
    stop of a group ends what else is sent of it.
    """
    scopes: tuple[Scope, ...] = ()
    if state_of is not None and state_of[0] == "group" and stops is None:
        scopes = (ALL, state_of)
    limits = yield from begin_call(context, deadline, scopes=scopes)
    if stops is not None:
        stop_pending(context, [stops], call.operation.facade, limits)
    steps = _send(call, context, limits, state_of, is_stop=stops is not None)
    return (yield from telling.ending(context.events, call.operation, steps))


def stop_pending(context: Context, scopes: list[Scope], by: str, limits: CallLimits) -> None:
    """Stop this client's own pending sends of these scopes."""
    context.stops.add(scopes, by, limits.started)
    telling.stop_called(context.events, by, scopes)


def _send(
    call: Call[T], context: Context, limits: CallLimits, state_of: Scope | None, *, is_stop: bool
) -> Flow[T]:
    if state_of is None:
        outcome, _ = yield from send_until_believable(call, context, limits)
        return _value_of(outcome)
    driver = LockOwner()
    stray = _stray_of(call, state_of, driver)
    yield from forget_gone(context, limits.started)  # those that nobody asks about, too
    earlier = context.stray_writes.begin(stray)
    try:
        if is_stop:
            return (yield from _send_around(call, context, limits, stray, earlier))
        why_not = yield from _outlive(earlier, context, limits, obeys_stops=True)
        if why_not is not None:
            message = f"{stray.facade}: it was not sent: {why_not}"
            raise NotSent(message, operation=call.operation.id)
        return (yield from _send_and_note(call, context, limits, stray))
    finally:
        context.stray_writes.release(stray)


def _stray_of(call: Call[Any], state_of: Scope, driver: LockOwner) -> StrayWrite:
    facade, body = call.operation.facade, call.request.body
    return StrayWrite(state_of, facade, body, driver=weakref.ref(driver))


def send_remembered(
    call: Call[T], context: Context, limits: CallLimits, state_of: Scope
) -> Flow[T]:
    """Send a write of a wanted state that waits for none before it; later ones wait for it."""
    driver = LockOwner()
    stray = _stray_of(call, state_of, driver)
    context.stray_writes.begin(stray)
    try:
        steps = _send_and_note(call, context, limits, stray)
        return (yield from telling.ending(context.events, call.operation, steps))
    finally:
        context.stray_writes.release(stray)


def _send_around(
    call: Call[T],
    context: Context,
    limits: CallLimits,
    stray: StrayWrite,
    earlier: Sequence[StrayWrite],
) -> Flow[T]:
    """Send a stop at once, and once more when nothing earlier can arrive after it."""
    value = yield from _send_and_note(call, context, limits, stray)
    if not earlier:
        return value
    why_not = yield from _outlive(earlier, context, limits, obeys_stops=False)
    if why_not is not None:
        raise unknown_error(call.operation, f"{stray.facade}: it was done, but {why_not}")
    try:
        return (yield from _send_and_note(call, context, limits, stray))
    except OutcomeUnknown:
        raise
    except KalshiError as error:  # it says nothing of the first sending
        message = f"{stray.facade}: it was done, but not once more: {error.args[0]}"
        raise unknown_error(call.operation, message) from error


def _value_of(outcome: WriteOutcome[T]) -> T:
    if not isinstance(outcome, Executed):
        raise outcome.error
    return outcome.value


def _send_and_note(
    call: Call[T], context: Context, limits: CallLimits, stray: StrayWrite
) -> Flow[T]:
    """Send a write, and note whether a copy of it may still arrive."""
    doubted = stray.may_arrive
    stray.may_arrive, stray.sent = True, None  # an interrupt leaves it so
    outcome, last = yield from send_until_believable(call, context, limits)
    stray.may_arrive = doubted or last is not None
    if stray.may_arrive:
        stray.sent = last or (yield from _left_by_now())
    return _value_of(outcome)


def _left_by_now() -> Flow[SentAt]:
    """Return the latest moment at which something may have left that is over."""
    moment: float = yield Monotonic()
    return SentAt(moment, (yield Now()))


def _outlive(
    earlier: Sequence[StrayWrite], context: Context, limits: CallLimits, *, obeys_stops: bool
) -> Flow[str | None]:
    """Wait until nothing of these writes can arrive any more; say why where that was not seen."""
    if not earlier:
        return None

    def look() -> Flow[str | None]:
        now: float = yield Monotonic()
        refusal = limits.write_refusal(now) if obeys_stops else limits.refusal(now)
        if refusal is not None:
            return f"{refusal}, and {may_arrive}"
        yield from forget_gone(context, now)
        return None if context.stray_writes.has_any(earlier) else ""

    may_arrive = f"an earlier {earlier[0].facade} may still arrive"
    why_not = yield from poll(look, context, limits)
    return why_not or (may_arrive if why_not is None else None)


def forget_gone(context: Context, now: float) -> Flow[None]:
    """Forget the writes of which no copy can arrive any more."""
    told, life = told_time(context, now), context.policy.signature_life
    gone: list[StrayWrite] = []
    for each in context.stray_writes.ended():
        if each.sent is None:  # interrupted, nobody knows when
            each.sent = yield from _left_by_now()
        if each.sent.visible(told, life):
            gone.append(each)
    context.stray_writes.forget(gone)


def send_until_believable(
    call: Call[T], context: Context, limits: CallLimits, *, in_doubt: bool = False
) -> Flow[tuple[WriteOutcome[T], SentAt | None]]:
    """Send, and once more where the answer is a success that cannot be the one to this write.

    Also says when it left last, where a copy of it may still arrive, whatever the outcome.
    """
    last = SentAt()
    for _ in range(context.policy.attempts):
        send = send_with_retries(call, context, maybe_executed=in_doubt, limits=limits)
        response = yield from send
        in_doubt = response.maybe_executed
        if response.sent_at:  # an attempt that a limit kept from being made has no time
            # Its timestamp is as far ahead as any of its call that the exchange may have taken.
            last = SentAt(response.sent_at, max(response.stamp, last.stamp))
        if call.otherwise and isinstance(response, Reply) and is_unknown_request(response):
            other = send_until_believable(call.otherwise, context, limits, in_doubt=in_doubt)
            outcome, sent = yield from other
            return outcome, sent if sent is None or sent.at else last
        outcome = judge(call, response, context)
        in_doubt = in_doubt or isinstance(outcome, Unknown)
        if not isinstance(outcome, Executed) or not is_stray(outcome.value, response):
            return outcome, last if in_doubt else None
        in_doubt = True  # a refusal of the repeat says nothing of this one
        if not retry_rule(call.operation).retry_immediately:
            break
    return Unknown(stray_error(call)), last
