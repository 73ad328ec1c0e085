"""Before an order is recorded: latches shut it out, limits deny it, a dry run ends it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar, cast

from kalshi_ext.contracts.interface import Contract
from kalshi_ext.errors import Denied, DryRun, JournalUnwritable, KalshiError, Misuse, OrderClosed
from kalshi_ext.journal import Entry, JournalError, State
from kalshi_ext.models import OrderAck
from kalshi_ext.protocol import telling
from kalshi_ext.protocol.flow import (
    CallLimits,
    Context,
    Flow,
    Monotonic,
    Record,
    Send,
    begin_call,
    request,
)
from kalshi_ext.protocol.limits import Deadline, Scope
from kalshi_ext.protocol.messages import Call
from kalshi_ext.reads.account import moment
from kalshi_ext.requests import AmendTicket, OrderTicket
from kalshi_ext.values.ticks import PriceGrid
from kalshi_ext.writes import journal_codec

if TYPE_CHECKING:
    from kalshi_ext.risk import Admission, Departed, RiskGate
    from kalshi_ext.risk.counts import Moment

T = TypeVar("T")
PlaceResult: TypeAlias = OrderAck | KalshiError


def begin(
    context: Context,
    deadline: Deadline | None,
    scopes: tuple[Scope, ...],
    began: int | None,
    facade: str,
) -> Flow[CallLimits]:
    """Start the clock of an order or amend. Raises TradingStopped where a latch shuts it out.

    JournalUnwritable where the journal cannot tell of latches.
    """
    limits = yield from begin_call(context, deadline, names_price=True, scopes=scopes, began=began)
    if context.shared_journal:  # another machine may have shut one
        try:
            yield Record("read_stops")
        except JournalError as error:
            raise JournalUnwritable(f"{facade}: {error.args[0]}") from error
        limits.stops_read_at = yield Monotonic()
    latch = context.stops.latched(scopes)
    if latch is not None:
        raise latch.error(facade)
    return limits


def place(
    contract: Contract,
    tickets: Sequence[OrderTicket],
    build_call: Callable[[Sequence[OrderTicket]], Call[list[T]]],
    context: Context,
    limits: CallLimits,
    send: Callable[[Sequence[OrderTicket]], Flow[list[PlaceResult]]],
) -> Flow[list[PlaceResult]]:
    """Send the orders that the limits admit; each of the others gets its Denied as its result."""
    gate = _gate(context)
    yield from recall_earlier(context)
    for ticker in dict.fromkeys(ticket.ticker for ticket in tickets):
        yield from _learn_grid(contract, ticker, gate, context, limits)
    now = yield from moment(context)
    results: dict[str, PlaceResult] = {}
    admissions: dict[str, Admission] = {}
    for ticket in tickets:
        try:
            admissions[ticket.client_order_id] = gate.admit_order(ticket, now)
        except Denied as error:
            telling.over_limit(context.events, "orders.place", error)
            results[ticket.client_order_id] = error
    try:
        some = [ticket for ticket in tickets if ticket.client_order_id in admissions]
        if some and gate.dry_run:
            rehearsed = yield from _rehearse(build_call(some), limits)
            results |= {key: copy.copy(rehearsed) for key in admissions}
        elif some:
            sent = yield from send(some)
            results |= zip((ticket.client_order_id for ticket in some), sent, strict=True)
    except BaseException as error:
        # An interrupt too: what it leaves in doubt stays reserved.
        _settle_all(gate, admissions, dict.fromkeys(admissions, error), now, context)
        raise
    _settle_all(gate, admissions, results, (yield from moment(context)), context)
    return [results[ticket.client_order_id] for ticket in tickets]


def recall_earlier(context: Context) -> Flow[None]:
    """Let the limits know, once, what the journal holds of earlier runs. Raises JournalUnwritable.

    A journal that cannot be read keeps orders from leaving as one that cannot be written does.
    """
    gate = _gate(context)
    if gate.is_recalled:
        return
    from kalshi_ext.risk import recall  # loaded with the gate

    now, earlier = (yield from moment(context)), dict[str, Entry]()
    try:
        after = yield from _position_before(now.wall - _DAY - _HOUR)
        while rows := (yield Record("page", (None, None, after))):
            after = rows[-1][0]
            earlier |= {entry.key: entry for _, entry in rows}
        open_entries: list[Entry] = yield Record("open_entries", (None,))
    except JournalError as error:
        raise JournalUnwritable(f"limits: {error.args[0]}") from error
    earlier |= {entry.key: entry for entry in open_entries}
    # What this process wrote is counted where it is admitted.
    theirs = (entry for entry in earlier.values() if entry.owner != context.journal_owner)
    recall(gate, filter(None, (_departed(entry, now) for entry in theirs)), now)
    gate.is_recalled = True


_STRIDE: Final = 500  # positions; a page has as many entries


def _position_before(since: float) -> Flow[int]:
    """Return a position of the journal before which everything is older than a Unix time.

    Leaps forward as long as it lands on what is old, and by less where it does not: a journal of
    years is not read to its end before an order.
    """
    position, leap = -1, _STRIDE
    while leap >= _STRIDE:
        rows = yield Record("page", (None, None, position + leap))
        if rows and rows[0][1].created_at.timestamp() < since:
            position, leap = rows[0][0], 2 * leap
        else:
            leap //= 2
    return position


_HOUR: Final = 3_600.0  # by which a clock may have been set back within a journal
_DAY: Final = 86_400.0


def _departed(entry: Entry, now: Moment) -> Departed | None:
    """Return an entry as the limits count it; None where they do not."""
    at = entry.created_at.timestamp()
    counts = entry.state is not State.NOT_SENT and now.wall - at < _DAY
    if not (counts or entry.is_open):
        return None
    from kalshi_ext.risk import Departed  # loaded with the gate

    kind = journal_codec.kind_of(entry)
    if kind == "amend":
        return Departed(entry.key, at, None, entry.is_open)
    ticket = journal_codec.ticket_of(entry)
    return None if ticket is None else Departed(entry.key, at, ticket, entry.is_open)


def amend(
    contract: Contract,
    ticket: AmendTicket,
    context: Context,
    limits: CallLimits,
    work: Callable[[], Flow[OrderAck]],
) -> Flow[OrderAck]:
    """Send an amend that the limits admit. Raises Denied."""
    gate = _gate(context)
    yield from recall_earlier(context)
    yield from _learn_grid(contract, ticket.ticker, gate, context, limits)
    now = yield from moment(context)
    try:
        admission = gate.admit_amend(ticket, now)
    except Denied as error:
        telling.over_limit(context.events, "orders.amend", error)
        raise
    result: object = None
    try:
        ack = result = yield from work()
        now = yield from moment(context)
    except BaseException as error:
        result = error
        raise
    finally:
        _settle_all(gate, {"": admission}, {"": result}, now, context)
    return ack


def noted(context: Context, steps: Flow[T]) -> Flow[T]:
    """Let the limits know what a cancel or a decrease did."""
    gate = context.risk
    if gate is None:
        return (yield from steps)
    try:
        result = yield from steps
    except OrderClosed as error:
        gate.note(error.order, (yield Monotonic()))
        raise
    rows = [result] if isinstance(result, OrderAck) else cast("list[object]", result)
    now: float = yield Monotonic()
    for row in rows:
        gate.note(row.order if isinstance(row, OrderClosed) else row, now)
    return result


def _gate(context: Context) -> RiskGate:
    assert context.risk is not None  # noqa: S101 - the caller has looked
    return context.risk


def _learn_grid(
    contract: Contract, ticker: str, gate: RiskGate, context: Context, limits: CallLimits
) -> Flow[None]:
    """Read which prices a market takes, where a limit needs it; without an answer none is known."""
    now: float = yield Monotonic()
    if not gate.wants_grid(ticker, now):
        return
    if not contract.has_watermark:
        # The classic contract says whole cents alone, and every market takes those.
        gate.learn_grid(ticker, PriceGrid(), now)
        return
    grid = None
    with suppress(KalshiError):
        market = yield from request(contract.markets.get(ticker), context, limits=limits)
        grid = market.price_grid
    gate.learn_grid(ticker, grid, now)


def refuse_in_dry_run(call: Call[T], context: Context, limits: CallLimits) -> Flow[None]:
    """Raise DryRun, before the journal, where a client sends no writes."""
    if context.risk is not None and context.risk.dry_run:
        raise (yield from _rehearse(call, limits))


def _rehearse(call: Call[T], limits: CallLimits) -> Flow[KalshiError]:
    """Have a request signed and not sent, by a driver that sends no write."""
    try:
        yield Send(call.request, False, limits.ends - limits.started)
    except DryRun as error:
        return error
    raise Misuse("the transport of this client does not keep dry_run=True")


def _settle_all(
    gate: RiskGate,
    admissions: dict[str, Admission],
    results: Mapping[str, object],
    now: Moment,
    context: Context,
) -> None:
    life = context.policy.signature_life
    for key, admission in admissions.items():
        gate.settle(admission, results[key], now.monotonic, life)
