"""Waiting for the rate limit's leave: before each attempt of each request, retries too.

The account's numbers are not read before they matter: a call that would have to wait, or whose
batch is larger than the bucket that is assumed, reads them first, and so does the one after a 429.
So a bot that stays below the Basic tier never asks, and the first order waits for nothing. Stops
and cancels never ask: they go.
"""

from __future__ import annotations

from typing import Any, TypeVar

from kalshi_ext.errors import KalshiError
from kalshi_ext.protocol import responses
from kalshi_ext.protocol.context import Context
from kalshi_ext.protocol.effects import Flow, Monotonic, Send, Sleep
from kalshi_ext.protocol.limits import CallLimits
from kalshi_ext.protocol.messages import Call, Lost, Reply
from kalshi_ext.protocol.pacer import Pacer, Place, is_urgent

T = TypeVar("T")

_LEARN_WITHIN = 2.0  # seconds for each of the two reads


def take_turn(
    call: Call[Any], context: Context, limits: CallLimits | None
) -> Flow[Place | str | None]:
    """Wait until a request may be sent; return its place, or why that cannot be waited for.

    Raises Misuse for a request that no bucket of the account can hold.
    """
    pacer = context.pacer
    if pacer is None:
        return (yield from _throttled(call, context, limits))
    urgent = is_urgent(call.operation) or (limits is not None and not call.operation.writes)
    now: float = yield Monotonic()
    if not pacer.can_ever_go(call) and pacer.should_learn(now):
        yield from _learn(pacer, context, limits)
        now = yield Monotonic()
    place = pacer.take_place(call, urgent=urgent, now=now)
    try:
        while (wait := pacer.wait(place, now)) > 0:
            if (reason := _refusal(call, limits, now, wait)) is not None:
                return reason
            if not urgent and pacer.should_learn(now):
                yield from _learn(pacer, context, limits)
            else:
                yield Sleep(_nap(wait, pacer))
            now = yield Monotonic()
        return place
    finally:
        if not place.turn.sent:  # an interrupt, too, gives its tokens back
            pacer.give_back(place)


def _nap(wait: float, pacer: Pacer) -> float:
    """Return how long to sleep of a wait: a stop or new numbers may end it sooner."""
    if pacer.is_learning:
        return min(wait, 0.1)
    # Half of what is left, so that a long queue is not all awake all the time.
    return min(wait, max(1.0, wait / 2))


def _refusal(call: Call[Any], limits: CallLimits | None, now: float, wait: float) -> str | None:
    if limits is None:
        return None
    if call.operation.writes and (stop := limits.stop()) is not None:
        return stop
    reason = limits.refusal(now + wait)
    if reason is None:
        return None
    return f"the rate limit allows it in {wait:.1f} s only: {reason} by then"


def _throttled(call: Call[Any], context: Context, limits: CallLimits | None) -> Flow[str | None]:
    """Space reads out after a 429, where pacing is off."""
    if call.operation.writes or not context.throttle.interval:
        return None
    now: float = yield Monotonic()
    wait = context.throttle.reserve(now)
    if wait <= 0:
        return None
    reason = _refusal(call, limits, now, wait)
    if reason is not None:
        context.throttle.release()
    else:
        yield Sleep(wait)
    return reason


def settle(context: Context, place: Place | None, outcome: Reply | Lost | None) -> None:
    """Take in what became of the attempt for which a turn was taken; None: it was not made."""
    pacer = context.pacer
    if pacer is None or place is None:
        return
    if outcome is None or (isinstance(outcome, Lost) and not outcome.bytes_sent):
        pacer.give_back(place)
        return
    if isinstance(outcome, Reply):  # a lost one counts as arrived after a while
        pacer.answered(place, refused=outcome.status == 429, now=outcome.received_at)


def _learn(pacer: Pacer, context: Context, limits: CallLimits | None) -> Flow[None]:
    """Read the account's limits and costs once; what cannot be read stays as it is."""
    if context.budget_calls is None:
        return
    limits_call, costs_call = context.budget_calls
    pacer.is_learning = True
    try:
        account = yield from _ask(limits_call, pacer, context, limits)
        if account is not None:
            costs = yield from _ask(costs_call, pacer, context, limits)
            pacer.learn(account, costs, (yield Monotonic()))
    finally:
        pacer.is_learning = False


def _ask(
    call: Call[T], pacer: Pacer, context: Context, limits: CallLimits | None
) -> Flow[T | None]:
    now: float = yield Monotonic()
    timeout = min(_LEARN_WITHIN, context.policy.timeout)
    if limits is not None:
        timeout = limits.timeout(timeout, now)
    place = pacer.take_place(call, urgent=True, now=now)
    if timeout <= 0 or pacer.wait(place, now) > 0:
        pacer.give_back(place)
        return None
    outcome: Reply | Lost = yield Send(call.request, call.operation.public, timeout)
    settle(context, place, outcome)
    if isinstance(outcome, Lost) or outcome.status != 200:
        return None
    try:
        return responses.decode(call, outcome, context.deviations)
    except KalshiError:
        return None
