"""The report of a stop: what was cancelled and filled, and what could not be read."""

from __future__ import annotations

from datetime import timedelta
from typing import Final, TypeVar

from attrs import evolve

from kalshi_ext.errors import (
    KalshiError,
    Misuse,
)
from kalshi_ext.models import Fill, Order
from kalshi_ext.protocol.flow import (
    Flow,
    Monotonic,
    request,
)
from kalshi_ext.protocol.messages import Call, Page
from kalshi_ext.protocol.pagination import Paginator
from kalshi_ext.reads.orders import answered
from kalshi_ext.requests.filters import MAX_PAGE, ListQuery
from kalshi_ext.stop.report import RestingOrder, StopReport
from kalshi_ext.stop.run import Run

T = TypeVar("T")

GRACE: Final = 1.0  # seconds for the report, where the stop itself took all of its time
MAX_PAGES: Final = 20  # of cancelled orders and of fills that a report counts


def report_of(run: Run, *, verified: bool, counts: bool = False) -> Flow[StopReport]:
    # A second more than the call has: a stop that ran out of time still tells what it did.
    until = run.limits.ends if counts else max(run.limits.ends, (yield Monotonic()) + GRACE)
    run = evolve(run, limits=evolve(run.limits, ends=until, deadline=until, moment=None))
    paused = (yield from _pause(run)) if run.resting else None
    uncounted: dict[str, str] = {}
    cancelled: list[Order] = []
    filled: list[Fill] = []
    if verified or counts:
        began = run.context.exchange_clock.at(run.limits.started)
        since = None if began is None else int(began)
        cancelled = yield from _count_cancelled(run, since, uncounted)
        filled = yield from _count_filled(run, since, uncounted)
    now: float = yield Monotonic()
    latch = run.latch
    return StopReport(
        ticker=latch.ticker,
        event_ticker=latch.event_ticker,
        subaccount=latch.subaccount,
        latch_error=run.latch_error,
        groups=tuple(run.groups.values()),
        cancelled=tuple(cancelled),
        filled=tuple(filled),
        uncounted=_sentences(uncounted),
        resting=tuple(_resting(run, order, paused) for order in run.resting),
        undecided=tuple(run.undecided),
        unread=_sentences(run.unread) + _unconfirmed(run, verified=verified),
        inferred=_sentences(run.inferred),
        verified=verified,
        took=timedelta(seconds=now - run.limits.started),
    )


def _sentences(reasons: dict[str, str]) -> tuple[str, ...]:
    return tuple(f"{what}: {why}" for what, why in reasons.items())


def _unconfirmed(run: Run, *, verified: bool) -> tuple[str, ...]:
    """Say what the exchange did not confirm; without it a later order may still rest."""
    groups = [each for each in run.groups.values() if not each.triggered]
    unconfirmed = [f"group {each.id} is not known to be triggered: {each.error}" for each in groups]
    unconfirmed += [
        f"order {each}, whose row cannot be read, could not be cancelled: {run.refusals[each]}"
        for each in run.half_read
        if each in run.refusals and each not in run.cancelled
    ]
    if run.cancels_all:
        unconfirmed.append(f"cancel_all is not confirmed: {run.refusal}")
    if not verified or unconfirmed or run.unread or run.resting or run.undecided:
        return tuple(unconfirmed)
    return () if run.proven else ("no read was fresh enough",)


def _resting(run: Run, order: Order, paused: str | None) -> RestingOrder:
    why = paused or run.refusals.get(order.order_id)
    if why is None:
        acknowledged = order.order_id in run.cancelled
        why = "cancelled, and reads do not show it yet" if acknowledged else run.refusal
    return RestingOrder(order=order, why=why or "the time of the stop was over")


def _pause(run: Run) -> Flow[str | None]:
    if not run.contract.has_watermark:
        return None
    call = run.contract.exchange.status()
    status = yield from answered(request(call, run.quick(), limits=run.limits))
    if status is None:
        return None
    return None if status.exchange_active else "the exchange is paused: it cancels nothing now"


def _count_cancelled(run: Run, since: int | None, uncounted: dict[str, str]) -> Flow[list[Order]]:
    query = evolve(run.query, status="canceled")
    rows = yield from _read_some(run, run.contract.orders.list(query), "cancelled", uncounted)
    kept: list[Order] = []
    for row in rows:
        ended = row.updated_time
        if row.order_id in run.cancelled or (
            since is not None and ended is not None and ended.timestamp() >= since
        ):
            kept.append(row)
    if since is None and rows:
        uncounted["cancelled"] = "the exchange told no time"
    return kept


def _count_filled(run: Run, since: int | None, uncounted: dict[str, str]) -> Flow[list[Fill]]:
    if since is None:
        uncounted["filled"] = "the exchange told no time"
        return []
    latch = run.latch
    query = ListQuery(ticker=latch.ticker, subaccount=latch.subaccount, since=since, size=MAX_PAGE)
    rows = yield from _read_some(run, run.contract.portfolio.fills(query), "filled", uncounted)
    return [row for row in rows if latch.covers(row.ticker, row.subaccount or 0)]


def _read_some(
    run: Run, call: Call[Page[T]], what: str, uncounted: dict[str, str]
) -> Flow[list[T]]:
    """Read a list for the report; what cannot be read is said, and no more."""
    paginator = Paginator(
        call, run.quick(), max_pages=MAX_PAGES, limits=run.limits, invalid="allowed"
    )
    rows: list[T] = []
    try:
        while (step := paginator.next_page()) is not None:
            rows.extend(paginator.take((yield from step)))
    except Misuse:
        raise
    except KalshiError as error:
        uncounted[what] = str(error.args[0])
    if paginator.invalid_rows:
        uncounted[what] = f"{len(paginator.invalid_rows)} rows could not be read"
    return rows
