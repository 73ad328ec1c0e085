"""Tell the events of a call. All of it is data for an audience: no flow depends on it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, TypeVar

from kalshi_ext.errors import Denied, KalshiError, Refused
from kalshi_ext.events import (
    AttemptAnswered,
    AttemptLost,
    AttemptSent,
    CallEnded,
    ClockCorrected,
    Events,
    RetryPlanned,
    StopCalled,
    UnknownOpened,
    UnknownResolved,
    WaitBegan,
    WriteDenied,
)
from kalshi_ext.events.logs import LONG_WAIT
from kalshi_ext.journal.in_flight import Scope
from kalshi_ext.protocol.effects import Flow, Monotonic
from kalshi_ext.protocol.messages import Call, Lost, Operation, Repeat, Reply

T = TypeVar("T")

# Ids hold no quotes, so the name of the field stands for the field.
_CLIENT_ORDER_ID = re.compile(rb'"client_order_id": ?"([^"]*)"')
_ORDER_ID = "{order_id}"


def subject(call: Call[Any]) -> dict[str, Any]:
    """Return what every event of a call has: its operation, and the ids in its request."""
    operation, request = call.operation, call.request
    ids = _CLIENT_ORDER_ID.findall(request.body or b"")
    return {
        "operation": operation.facade,
        "operation_id": operation.id,
        "client_order_ids": tuple(each.decode(errors="replace") for each in ids),
        "order_id": _order_id(operation.path, request.path),
    }


def _order_id(template: str, path: str) -> str | None:
    if _ORDER_ID not in template:
        return None
    return dict(zip(template.split("/"), path.split("/"), strict=False)).get(_ORDER_ID)


def attempt_sent(events: Events, call: Call[Any], attempt: int, waited: float) -> None:
    """Tell that an attempt begins."""
    operation = call.operation
    events.emit(
        AttemptSent(
            attempt=attempt,
            waited=waited,
            method=operation.method,
            path=operation.path,
            server=events.server,
            **subject(call),
        )
    )


def attempt_ended(
    events: Events, call: Call[Any], attempt: int, waited: float, outcome: Reply | Lost
) -> None:
    """Tell what became of an attempt."""
    known: dict[str, Any] = {"attempt": attempt, "waited": waited, **subject(call)}
    if isinstance(outcome, Reply):
        seconds = max(0.0, outcome.received_at - outcome.sent_at)
        events.emit(AttemptAnswered(status=outcome.status, seconds=seconds, **known))
    else:
        events.emit(AttemptLost(reason=outcome.reason, bytes_sent=outcome.bytes_sent, **known))


def retry_planned(
    events: Events, call: Call[Any], attempt: int, wait: float, outcome: Reply | Lost
) -> None:
    """Tell that an attempt is followed by another."""
    reason = f"status {outcome.status}" if isinstance(outcome, Reply) else outcome.reason
    events.emit(RetryPlanned(attempt=attempt, wait=wait, reason=reason, **subject(call)))


def wait_began(events: Events, call: Call[Any], seconds: float, reason: str) -> None:
    """Tell that a request has to wait; a short wait only to who listens."""
    if seconds >= LONG_WAIT or events.wanted():
        events.emit(WaitBegan(seconds=seconds, reason=reason, **subject(call)))


def clock_corrected(events: Events, call: Call[Any], seconds: float) -> None:
    """Tell that the exchange refused our time, and by how much the clock was moved."""
    events.emit(ClockCorrected(seconds=seconds, **subject(call)))


def denied(events: Events, call: Call[Any], reason: str, *, stopped: bool = False) -> None:
    """Tell that a request was not sent because this client does not let it."""
    code = "stop" if stopped else "limit"
    events.emit(WriteDenied(reason=reason, code=code, **subject(call)))


def over_limit(events: Events, operation: str, error: Denied) -> None:
    """Tell that a limit of this client refused an order, before it was a request."""
    if events.wanted():
        named = () if error.client_order_id is None else (error.client_order_id,)
        told: dict[str, Any] = {"operation": operation, "reason": error.args[0], "code": error.code}
        events.emit(WriteDenied(client_order_ids=named, **told))


def stop_called(events: Events, by: str, scopes: Iterable[Scope]) -> None:
    """Tell that what was still going to be sent is stopped."""
    if events.wanted():
        events.emit(StopCalled(by=by, scopes=tuple(scopes)))


def latch_moved(events: Events, by: str, scopes: Iterable[str], *, lifted: bool = False) -> None:
    """Tell that latches were shut, or lifted."""
    named = tuple(("latch", scope) for scope in scopes)
    if named:
        events.emit(StopCalled(by=by, scopes=named, lifted=lifted))


def call_ended(
    events: Events, operation: Operation, result: object = None, *, key: str | None = None
) -> None:
    """Tell the outcome of a call: a value, or an error. `key` is its name in the journal."""
    error = result if isinstance(result, BaseException) else None
    known: dict[str, Any] = {"operation": operation.facade, "operation_id": operation.id}
    client_order_id = key or getattr(result, "client_order_id", None)
    if client_order_id:
        known["client_order_ids"] = (client_order_id,)
    known["order_id"] = getattr(result, "order_id", None)
    if error is not None:
        known["error"] = type(error).__name__
        known["reason"] = error.args[0] if error.args else ""
    if isinstance(error, Refused):
        known["status"], known["code"] = error.status, error.code
    known["replayed"] = getattr(result, "replayed", False) is True
    events.emit(CallEnded(**known))


def ending(events: Events, operation: Operation, steps: Flow[T]) -> Flow[T]:
    """Run the flow of a call and tell its outcome."""
    try:
        value = yield from steps
    except KalshiError as error:
        if events.wanted():
            call_ended(events, operation, error)
        raise
    if events.wanted():
        call_ended(events, operation, value)
    return value


# Keys of the journal that the exchange does not know.
_NOT_AN_ORDER = ("write-", "transfer-")


def _keyed(operation: Operation, key: str, ticker: str | None) -> dict[str, Any]:
    known: dict[str, Any] = {"operation": operation.facade, "operation_id": operation.id}
    if operation.repeat is Repeat.CANCEL:
        known["order_id"] = key
    elif not key.startswith(_NOT_AN_ORDER):
        known["client_order_ids"] = (key,)
    return {**known, "key": key, "ticker": ticker}


def unknown_opened(
    events: Events,
    operation: Operation,
    key: str,
    ticker: str | None,
    reason: object,
    *,
    within: float,
) -> None:
    """Tell that a write's outcome has to be looked up. A cancel's `key` is its order's id."""
    events.emit(UnknownOpened(reason=reason, within=within, **_keyed(operation, key, ticker)))


def unknown_resolved(
    events: Events,
    operation: Operation,
    key: str,
    ticker: str | None,
    verdict: str,
    *,
    since: float,
    reason: object = "",
) -> Flow[None]:
    """Tell that the looking is over; `since` is its beginning on the monotonic clock."""
    seconds = max(0.0, (yield Monotonic()) - since)
    known = _keyed(operation, key, ticker)
    events.emit(UnknownResolved(verdict=verdict, seconds=seconds, reason=reason, **known))


def unknown_left(events: Events, operation: Operation, key: str, ticker: str | None) -> None:
    """Tell that the looking was interrupted."""
    reason, known = "the call was interrupted", _keyed(operation, key, ticker)
    events.emit(UnknownResolved(verdict="open", seconds=0.0, reason=reason, **known))
