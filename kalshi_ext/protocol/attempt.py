"""One attempt of a request: a turn in the budget, its limits, a connection, the send, the telling.

The limits of the call are looked at when the turn has come and again when there is a connection,
for either may take a while; in between the entries of a write are confirmed to be this client's.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from kalshi_ext.errors import KalshiError, Misuse
from kalshi_ext.protocol import pacing, telling
from kalshi_ext.protocol.context import Context
from kalshi_ext.protocol.effects import Flow, Monotonic, Now, Record, Send
from kalshi_ext.protocol.limits import CallLimits
from kalshi_ext.protocol.messages import Call, Lost, Operation, Reply
from kalshi_ext.protocol.pacer import is_urgent


def attempt(
    call: Call[Any], context: Context, limits: CallLimits | None, number: int, *, raises: bool
) -> Flow[Reply | Lost | str]:
    """Send a request once, when the rate limit and the limits of its call let it; else say why not.

    `raises` lets the Misuse of a client that was closed meanwhile out, while it waited too.
    """
    try:
        return (yield from _attempt(call, context, limits, number))
    except Misuse as error:
        if raises:
            raise
        return str(error.args[0])


def _attempt(
    call: Call[Any], context: Context, limits: CallLimits | None, number: int
) -> Flow[Reply | Lost | str]:
    turn = yield from pacing.take_turn(call, context, limits)
    if isinstance(turn, str):
        _tell_denied(call, context, limits, turn)
        return turn
    waited = 0.0 if turn is None else turn.waited
    if context.events.wanted():
        telling.attempt_sent(context.events, call, number, waited)
    outcome: Reply | Lost | None = None
    try:
        sent = yield from _send_in_turn(call, context, limits)
        if isinstance(sent, str):
            _tell_denied(call, context, limits, sent)
            return sent
        outcome = sent
    except GeneratorExit:  # it may be on its way
        turn = None
        raise
    finally:
        pacing.settle(context, turn, outcome)
    if context.events.wanted() or _is_trouble(sent):
        if limits is not None and (reason := _kept_by(call, limits, sent)) is not None:
            _tell_denied(call, context, limits, reason)
        else:
            telling.attempt_ended(context.events, call, number, waited, sent)
    return sent


def _kept_by(call: Call[Any], limits: CallLimits, outcome: Reply | Lost) -> str | None:
    """Return the limit of the call that kept an attempt once it had a connection, None if none."""
    if isinstance(outcome, Reply) or outcome.bytes_sent:
        return None
    reason = refusal_at(call, limits, outcome.sent_at)
    return reason if reason == outcome.reason else None


def _is_trouble(outcome: Reply | Lost) -> bool:
    return isinstance(outcome, Lost) or outcome.status >= 500 or outcome.status in (408, 429)


def _tell_denied(call: Call[Any], context: Context, limits: CallLimits | None, reason: str) -> None:
    stopped = call.operation.writes and limits is not None and limits.stop() is not None
    telling.denied(context.events, call, reason, stopped=stopped)


def refusal_at(call: Call[Any], limits: CallLimits, moment: float) -> str | None:
    return (limits.write_refusal if call.operation.writes else limits.refusal)(moment)


# Seconds after which somebody else may have taken an entry over: before a write leaves later than
# that, its ownership is confirmed. A dead session of PostgreSQL is noticed no sooner.
RENEW_AFTER = 3.0


# Seconds for which a first attempt goes by the latches that its order's check read.
STOPS_LIFE = 0.25


def _are_stops_old(limits: CallLimits, now: float) -> bool:
    """Say whether an attempt has to read the latches of other machines, at the cost of one row.

    A second one asks anew, and so does a first one that waited.
    """
    read_at = limits.stops_read_at
    return read_at is not None and (limits.attempts > 0 or now - read_at > STOPS_LIFE)


def _unread_stops(limits: CallLimits, now: float) -> Flow[str | None]:
    """Read the latches of other machines before an attempt; say why they are not known."""
    try:
        yield Record("read_stops")
    except KalshiError as error:  # of the journal
        return f"whether trading was stopped cannot be read: {error.args[0]}"
    limits.stops_read_at = now
    return None


def _check_limits(
    operation: Operation, limits: CallLimits, timeout: float
) -> Flow[tuple[str | None, float]]:
    """Return why a request may not leave now, None when it may, and its timeout.

    Raises what the journal raises where the entries of a write are no longer this client's.
    """
    now: float = yield Monotonic()
    if not operation.writes:
        return limits.refusal(now), limits.timeout(timeout, now)
    reason = None
    if _are_stops_old(limits, now):
        reason = yield from _unread_stops(limits, now)
    if reason is None:
        reason = limits.write_refusal(now)
    if reason is None and limits.renewed_at is not None:
        wall: float = yield Now()
        # Whichever clock went further: a paused machine's monotonic clock may have stood still.
        renewed_at, renewed_wall = limits.renewed_at
        if now - renewed_at > RENEW_AFTER or abs(wall - renewed_wall) > RENEW_AFTER:
            yield from limits.renew()
            now = yield Monotonic()
            limits.renewed_at = (now, (yield Now()))
            reason = limits.write_refusal(now)
    return reason, limits.timeout(timeout, now)


def _send_in_turn(
    call: Call[Any], context: Context, limits: CallLimits | None
) -> Flow[Reply | Lost | str]:
    """Send once there is a connection for it; return why not, where the limits do not let it.

    Waits in short turns, between which the limits are looked at and the entries renewed.
    """
    policy, stopping = context.policy, is_urgent(call.operation)
    wait = policy.resolve_within / policy.attempts
    if limits is None:
        outcome: Reply | Lost = yield Send(
            call.request,
            call.operation.public,
            policy.timeout,
            wait,
            stopping,
            operation=call.operation,
        )
        return outcome
    refusal = partial(refusal_at, call, limits)
    while True:
        reason, timeout = yield from _check_limits(call.operation, limits, policy.timeout)
        if reason is not None:
            return reason
        turn = min(wait, RENEW_AFTER)
        outcome = yield Send(
            call.request,
            call.operation.public,
            timeout,
            turn,
            stopping,
            limits.deadline,
            refusal,
            call.operation,
        )
        wait -= turn
        if isinstance(outcome, Reply) or not outcome.queued or wait <= 0:
            return outcome
