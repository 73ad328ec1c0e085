"""Give every open write of an earlier run a verdict. Recovery reads and never sends.

Nobody waits for the answer any more, and whoever asked for the write may have decided otherwise
since: sending it again is the caller's to do, under the same id. So recovery is the engine of
resolve.py from "probing" on, fed from the journal. The orders of a ticker are one write, looked up
together; every other entry is a write of its own. All of them share one clock, each verdict is
recorded as it is known, and a ticker whose orders are found is not read again.

When an open write left is known by this process, or by the exchange's time in its entry, which is
dated anew before a write leaves later than `RENEW_AFTER` (`protocol/attempt`); its timestamp may
have been as far ahead as the exchange accepts. Without both it is "before the first look": an
entry's other times come from this machine's clock, which may have been wrong by days.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from attrs import define, frozen

from kalshi_ext.bases import Value
from kalshi_ext.contracts.interface import Contract
from kalshi_ext.contracts.operations import facade_of
from kalshi_ext.errors import ABSENT_ADVICE, KalshiError, NotSent, OutcomeUnknown
from kalshi_ext.journal import Entry, State, Transition
from kalshi_ext.models import Order, OrderAck
from kalshi_ext.protocol.attempt import RENEW_AFTER
from kalshi_ext.protocol.context import LockOwner
from kalshi_ext.protocol.flow import (
    CallLimits,
    Context,
    Flow,
    Monotonic,
    Record,
    Told,
    begin_call,
)
from kalshi_ext.protocol.limits import Deadline
from kalshi_ext.protocol.messages import Operation, Repeat
from kalshi_ext.reads.lookup import look_up_orders, read_order
from kalshi_ext.reads.watermark import DAY, LEFT_WITHIN, SentAt, told_time
from kalshi_ext.requests import OrderTicket
from kalshi_ext.writes import journal_codec, telling
from kalshi_ext.writes.admission import recall_earlier
from kalshi_ext.writes.order_write import OrderWrite, match_found_order
from kalshi_ext.writes.outcomes import (
    PROBES,
    Executed,
    Moot,
    NotExecuted,
    Probe,
    ProbeResult,
    Unclear,
    Unknown,
)
from kalshi_ext.writes.resolve import reconcile
from kalshi_ext.writes.write import Progress, Reading, Write

if TYPE_CHECKING:
    from kalshi_ext.risk import RiskGate


@frozen(eq=False, repr=False)
class Resolution(Value):
    """What recovery found out about one write: the verdict now in the journal.

    `state` is resolved (it was executed: `order_id`), not_sent (it was not, and can no longer
    be), refused (it names another order) or unknown (not found out; try again later). A change
    whose order ended may be resolved without `order_id`: nothing of it can happen any more, and
    `error`, an OutcomeUnknown, says why it cannot be told whether it happened before. A verdict
    that an earlier call reached and could not tell its caller comes too, also as acknowledged.
    """

    key: str
    operation: str
    ticker: str | None
    state: State
    order_id: str | None = None
    intent: str | None = None
    error: KalshiError | None = None
    order: Order | None = None


def recover(
    contract: Contract, context: Context, *, deadline: Deadline | None = None
) -> Flow[list[Resolution]]:
    """Resolve every open entry that nobody drives."""
    limits = yield from begin_call(context, deadline)
    if context.risk is not None:
        yield from recall_earlier(context)
    open_entries: list[Entry] = yield Record("open_entries", (None,))
    taken_over: list[Entry] = []
    for entry in open_entries:
        if entry.key in context.locks:
            continue
        # Refused where the process that owns the entry is still alive: it settles it itself.
        if (yield Record("take_over", (entry.key, entry.owner))):
            taken_over.append(entry)
    resolutions = yield from lock_and_resolve(contract, context, limits, taken_over, patient=True)
    told = {each.key for each in resolutions if each.state is not State.UNKNOWN}
    untold = yield from _untold(contract, context, limits, told)
    yield Told((*told, *(each.key for each in untold)))
    return [*resolutions, *untold]


def lock_and_resolve(
    contract: Contract,
    context: Context,
    limits: CallLimits,
    entries: Sequence[Entry],
    *,
    patient: bool = False,
    overtaken: bool = False,
) -> Flow[list[Resolution]]:
    """Resolve the entries that no flow of this process drives; they stay locked meanwhile."""
    owner = LockOwner()
    try:
        locked = context.locks.acquire((entry.key for entry in entries), owner)
        free = [entry for entry in entries if entry.key in locked]
        return (
            yield from resolve_entries(
                contract, context, limits, free, patient=patient, overtaken=overtaken
            )
        )
    finally:
        context.locks.release(owner)


def resolve_entries(
    contract: Contract,
    context: Context,
    limits: CallLimits,
    entries: Sequence[Entry],
    *,
    patient: bool = False,
    overtaken: bool = False,
) -> Flow[list[Resolution]]:
    """Find out about entries that this client drives, and record it.

    What was looked for in vain before is looked for a single time, unless `patient`. `overtaken`:
    they are changes of an order that is to be changed anew, once no copy of them is left.
    """
    if not entries:
        return []
    once = not patient and all(entry.key in context.pending_writes.exhausted for entry in entries)
    if once:  # a look at an exchange that does not answer ends soon, too
        now: float = yield Monotonic()
        until = min(limits.ends, now + context.policy.timeout)
        limits = CallLimits(now, until, deadline=until)
    writes = yield from _writes_of(contract, context, limits, entries, overtaken=overtaken)
    try:
        yield from _tell_opened(writes)
        yield from reconcile(writes, context, limits, once=once)
    finally:
        for write in writes:
            telling.interrupted(write)
    done = {key: each for write in writes for key, each in write.progress.items()}
    yield from _note_changes(context, writes)
    if context.risk is not None:
        for entry in entries:
            _tell_limits(context.risk, entry, done[entry.key].result)
    return [_resolution(entry, done[entry.key], context) for entry in entries]


def _note_changes(context: Context, writes: Iterable[Write[Any]]) -> Flow[None]:
    """Remember when orders were changed: what made one as it is is not what is sent after it."""
    now: float = yield Monotonic()
    changes = (each for each in writes if isinstance(each, _Other))
    for result in (each.result for write in changes for each in write.progress.values()):
        if isinstance(result, OrderAck):
            context.recent_writes.add(result.order_id, now, result.time)


def _tell_limits(gate: RiskGate, entry: Entry, result: object) -> None:
    """Let the limits of a client know what became of an order or amend in doubt."""
    from kalshi_ext.risk import resolve_amend, resolve_order  # loaded with the gate

    if (ticket := journal_codec.ticket_of(entry)) is not None:
        resolve_order(gate, ticket, result)
    elif journal_codec.kind_of(entry) == "amend":
        resolve_amend(gate, journal_codec.target_of(entry), result)


def _tell_opened(writes: Iterable[Write[Any]]) -> Flow[None]:
    for write in writes:
        for progress in write.progress.values():
            if progress.unknown is not None:
                yield from telling.opened(write, progress, progress.unknown.error)


def _writes_of(
    contract: Contract,
    context: Context,
    limits: CallLimits,
    entries: Iterable[Entry],
    *,
    overtaken: bool,
) -> Flow[list[Write[Any]]]:
    now: float = yield Monotonic()
    tickets = {e.key: ticket for e in entries if (ticket := journal_codec.ticket_of(e)) is not None}
    orders = [entry for entry in entries if entry.key in tickets]
    others = [entry for entry in entries if entry.key not in tickets]
    orders.sort(key=lambda entry: entry.ticker or "")
    writes: list[Write[Any]] = []
    for _, group in groupby(orders, key=lambda entry: entry.ticker):
        same_ticker = list(group)
        base = (contract, context, limits, _operation_of(same_ticker[0]))
        theirs = {entry.key: entry for entry in same_ticker}
        ours = {key: tickets[key] for key in theirs}
        writes.append(_Orders(*base, tickets=ours, entries=theirs, sends=False))
        _begin(writes[-1], same_ticker, context, now)
    for entry in others:
        base = (contract, context, limits, _operation_of(entry))
        writes.append(_Other(*base, entry=entry, overtaken=overtaken, sends=False))
        _begin(writes[-1], [entry], context, now)
    return writes


def _begin(write: Write[Any], entries: Sequence[Entry], context: Context, now: float) -> None:
    """Let the engine begin where the entries are: they may have been sent."""
    for entry in entries:
        sent, since = sent_at(entry, context, now)
        write.progress[entry.key] = Progress(
            entry.key,
            entry.ticker,
            sent=sent,
            earlier_attempts=entry.attempts,
            tried=True,
            unknown=Unknown(_no_verdict(entry), key_taken=journal_codec.key_exists(entry)),
            since=since,
        )


def sent_at(entry: Entry, context: Context, now: float) -> tuple[SentAt, float]:
    """Return when a write left last, and the exchange's time before which it was not made."""
    known = entry.exchange_time
    since = 0.0 if known is None else known.timestamp() - DAY
    sent_times = context.pending_writes.sent_times
    if entry.key in sent_times:
        return sent_times[entry.key], since
    if known is not None:
        return SentAt(stamp=math.inf, exchange_time=known.timestamp() + LEFT_WITHIN), since
    # This machine's stamps may lengthen the wait, where its clock was ahead, and never shorten it.
    stamp = max(entry.created_at, entry.sent_at or entry.created_at).timestamp() + RENEW_AFTER
    late = RENEW_AFTER if context.shared_journal else 0.0  # of one that lost it and does not know
    sent_times[entry.key] = SentAt(now + late, stamp)
    return sent_times[entry.key], since


def _no_verdict(entry: Entry) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"{facade_of(entry.operation)} {entry.key} has no verdict yet", operation=entry.operation
    )


@define(eq=False, kw_only=True, repr=False)
class _Orders(OrderWrite):
    """Orders of one ticker that an earlier run left open."""

    entries: Mapping[str, Entry]

    def not_executed(self, key: str, _: str) -> NotSent:
        return _not_executed_error(self.entries[key])


@define(eq=False, kw_only=True, repr=False)
class _Other(Write[Any]):
    """Any other write that an earlier run left open."""

    entry: Entry
    overtaken: bool = False

    def probe(self, keys: Sequence[str], reading: Reading) -> Flow[Mapping[str, ProbeResult[Any]]]:
        result = yield from self._probe()()
        changed_again = False
        if journal_codec.is_difference(self.entry) and not isinstance(result, NotExecuted | Moot):
            # Asked after the look: it is noted before the later change is sent.
            latest: Entry | None = yield Record("get", (keys[0],))
            changed_again = latest is not None and journal_codec.is_hidden(latest)
            result = Unclear() if changed_again else result
        is_over = self.overtaken or changed_again
        if is_over and (yield from self._is_hidden(keys[0], reading, result)):
            result = Moot(OutcomeUnknown(_OVERTAKEN, order_id=journal_codec.target_of(self.entry)))
        return {keys[0]: result}

    def _is_hidden(self, key: str, reading: Reading, result: ProbeResult[Any]) -> Flow[bool]:
        """Say whether no copy is left of a change, and no read told in time what became of it."""
        if key in reading.expired or isinstance(result, NotExecuted):
            return isinstance(result, Unclear)
        now: float = yield Monotonic()
        policy = self.context.policy
        wait = policy.signature_life + policy.read_lag  # reads that lag get a chance
        return self.progress[key].sent.visible(told_time(self.context, now), wait)

    def _probe(self) -> Probe:
        """Return the entry's probe, which sends nothing again."""
        kind = journal_codec.kind_of(self.entry)
        try:
            if kind in PROBES:
                return PROBES[kind](self.contract, self.context, self.limits, self.entry)
        except (KalshiError, *journal_codec.UNREADABLE):
            pass
        # A subaccount transfer; or a later version of this library wrote the entry.
        return _unreadable_probe

    def executed(self, key: str, value: Any, /, **tries: Any) -> Transition:
        order_id = journal_codec.id_of(value) or self.entry.order_id
        return Transition(key, State.RESOLVED, order_id=order_id, **tries)

    def not_executed(self, _: str, __: str) -> NotSent:
        return _not_executed_error(self.entry)

    def unproven(self, _: str, __: KalshiError) -> OutcomeUnknown:
        return _no_verdict(self.entry)


_OVERTAKEN: Final = "whether the order was changed cannot be told, as it was changed again"


def _unreadable_probe() -> Flow[ProbeResult[Any]]:
    """Say that no read tells what became of a write.

    A list of transfers names no client_transfer_id, so a row that matches may be another transfer,
    and nothing says how fresh the list is. Only the same call under the same id can tell.
    """
    yield from ()
    return Unclear(until="now")


def _operation_of(entry: Entry) -> Operation:
    return Operation(entry.operation, "", "", facade_of(entry.operation), Repeat.KEYED)


def _not_executed_error(entry: Entry) -> NotSent:
    return NotSent(
        f"{facade_of(entry.operation)} {entry.key} is proven absent",
        advice=ABSENT_ADVICE,
        operation=entry.operation,
        client_order_id=entry.key,
    )


def _resolution(entry: Entry, progress: Progress[Any], context: Context) -> Resolution:
    """Tell what became of an entry, and remember it where that is nothing."""
    if progress.is_open:
        context.pending_writes.add(entry.ticker, entry.key)
        return _told(entry, State.UNKNOWN)
    context.pending_writes.drop(entry.ticker, entry.key)
    result = progress.result
    if isinstance(result, KalshiError):
        return _told(entry, journal_codec.final_state(result), error=result)
    order_id = journal_codec.id_of(result) or entry.order_id
    order = result.order if isinstance(result, OrderAck) else None
    return _told(entry, State.RESOLVED, order_id=order_id, order=order)


def _told(entry: Entry, state: State, **found: Any) -> Resolution:
    return Resolution(entry.key, entry.operation, entry.ticker, state, intent=entry.intent, **found)


def _untold(
    contract: Contract, context: Context, limits: CallLimits, told: set[str]
) -> Flow[list[Resolution]]:
    """Return the verdicts of earlier calls that their callers did not hear."""
    entries: list[Entry] = yield Record("untold")
    resolutions: list[Resolution] = []
    for entry in entries:
        if entry.key in told or entry.key in context.locks:
            continue
        order: Order | None = None
        kind = journal_codec.kind_of(entry)
        if entry.order_id is not None and kind in ("order", "amend", "decrease"):
            read = read_order(contract, entry.order_id, context, ticker=entry.ticker, limits=limits)
            order = yield from read
        error = journal_codec.decode_error(entry)
        resolutions.append(
            _told(entry, entry.state, order_id=entry.order_id, order=order, error=error)
        )
    return resolutions


def look_for_ended(
    write: Write[OrderAck], ticket: OrderTicket, entry: Entry
) -> Flow[OrderAck | KalshiError | None]:
    """Look once for an order of which somebody else said that nothing stands."""
    key = entry.key
    orders, _ = yield from look_up_orders(
        write.contract, {key: ticket}, write.context, write.limits, since=0.0, thorough=True
    )
    if key not in orders:
        return None
    found = yield from match_found_order(write.contract, ticket, orders[key])
    if isinstance(found, Executed):
        return found.value
    return found.error if isinstance(found, NotExecuted) else None
