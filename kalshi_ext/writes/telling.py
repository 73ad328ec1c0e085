"""Tell what becomes of writes: results, and outcomes that are looked up. No flow depends on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kalshi_ext.errors import KalshiError, OutcomeUnknown
from kalshi_ext.models import OrderAck
from kalshi_ext.protocol import telling
from kalshi_ext.protocol.flow import CallLimits, Context, Flow, Monotonic
from kalshi_ext.protocol.messages import Operation
from kalshi_ext.writes.outcomes import Executed, Moot, NotExecuted

if TYPE_CHECKING:
    from kalshi_ext.writes.write import Progress, Write


def results(write: Write[Any]) -> None:
    """Tell the result of each key."""
    events = write.context.events
    if events.wanted():
        for key, each in write.progress.items():
            named = key if write.names_one else None  # an order's key is its client_order_id
            telling.call_ended(events, write.operation, each.result, key=named)


def opened(write: Write[Any], progress: Progress[Any], error: KalshiError) -> Flow[None]:
    """Tell that a write's outcome is being looked up from now on; once, until it is resolved."""
    if progress.unknown_since is None:
        progress.unknown_since = now = yield Monotonic()
        telling.unknown_opened(
            write.context.events,
            write.operation,
            progress.key,
            progress.ticker,
            error.args[0],
            within=max(0.0, write.limits.ends - now),
        )


def resolved(
    write: Write[Any], progress: Progress[Any], verdict: str, reason: object = ""
) -> Flow[None]:
    """Tell that the looking is over, where it was told that it began."""
    since, progress.unknown_since = progress.unknown_since, None
    if since is not None:
        yield from telling.unknown_resolved(
            write.context.events,
            write.operation,
            progress.key,
            progress.ticker,
            verdict,
            since=since,
            reason=reason,
        )


def interrupted(write: Write[Any]) -> None:
    """Tell of whatever is still looked up that nobody looks any more."""
    for each in write.progress.values():
        if each.unknown_since is not None:
            telling.unknown_left(write.context.events, write.operation, each.key, each.ticker)


_VERDICTS: tuple[tuple[type[Any], str], ...] = (
    (Executed, "executed"),
    (NotExecuted, "not executed"),
    (Moot, "moot"),
)


def verdict_of(outcome: object) -> tuple[str, object]:
    """Return the word for an outcome, or for the error of one that stays open, and its reason."""
    verdict = next((word for kind, word in _VERDICTS if isinstance(outcome, kind)), "open")
    error = outcome if isinstance(outcome, KalshiError) else getattr(outcome, "error", None)
    return verdict, "" if error is None else error.args[0]


def keyed_opened(
    context: Context, operation: Operation, key: str, error: KalshiError, limits: CallLimits
) -> Flow[float]:
    """Tell that a write outside the engine is looked up; return since when (monotonic)."""
    now: float = yield Monotonic()
    within = max(0.0, limits.ends - now)
    telling.unknown_opened(context.events, operation, key, None, error.args[0], within=within)
    return now


def keyed_resolved(
    context: Context, operation: Operation, key: str, result: object, since: float | None
) -> Flow[None]:
    """Tell how the looking of `keyed_opened` ended: with an acknowledgement, or an error."""
    if since is None:
        return
    error = result if isinstance(result, KalshiError) else None
    verdict = "executed" if error is None or isinstance(result, OrderAck) else "not executed"
    yield from telling.unknown_resolved(
        context.events,
        operation,
        key,
        None,
        "open" if isinstance(error, OutcomeUnknown) else verdict,
        since=since,
        reason="" if error is None else error.args[0],
    )
