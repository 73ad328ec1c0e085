"""Number the caller's calls for a listener that puts what belongs together together (`otel`)."""

from __future__ import annotations

import itertools
from typing import TypeVar

from kalshi_ext.events import CallFinished, CallStarted, Events
from kalshi_ext.events.kinds import CURRENT_CALL
from kalshi_ext.protocol.boundary import Sent
from kalshi_ext.protocol.effects import Flow

T = TypeVar("T")

_NUMBERS = itertools.count(1)


def numbered(events: Events, steps: Flow[T], sent: Sent) -> Flow[T]:
    """Run a flow under a number of its own, tell that it begins and that it is over.

    `sent` is what its driver knows to have left, so that the error told is the one that leaves.

    The number is set in the context of whoever drives the flow, a thread or a task: both run one
    flow at a time, so everything told meanwhile belongs to it.
    """
    number, outer, error = next(_NUMBERS), CURRENT_CALL.get(), None
    CURRENT_CALL.set(number)
    events.emit(CallStarted(call=number, flow=getattr(steps, "__name__", "")))
    try:
        return (yield from steps)
    except Exception as raised:
        error = type(sent.own_error(raised)).__name__
        raise
    except BaseException as raised:
        error = type(raised).__name__
        raise
    finally:
        events.emit(CallFinished(call=number, error=error))
        CURRENT_CALL.set(outer)
