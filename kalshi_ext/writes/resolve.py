"""Writes to something that exists: sent, looked for where the answer proves nothing, sent again.

The one rule of placing holds here too: an ambiguous change is either seen to be done, or no copy
of it can be accepted any more, before it is sent again. Otherwise a delayed copy could undo what
the user asked for meanwhile.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from attrs import define

from kalshi_ext.contracts.interface import Contract
from kalshi_ext.errors import KalshiError, Misuse, NotSent, OutcomeUnknown, Refused
from kalshi_ext.journal import Entry, Mark, State
from kalshi_ext.protocol.flow import Context, Flow, Now, Record, transmit
from kalshi_ext.protocol.messages import Call
from kalshi_ext.protocol.retry_policy import rule
from kalshi_ext.writes import journal_codec
from kalshi_ext.writes.outcomes import Accepted, Rejected, Unproven, Verdict, judge
from kalshi_ext.writes.probes import Sight, Unclear, look_until_seen

T = TypeVar("T")


@define
class Change(Generic[T]):
    """One write, how to believe its answer and how to look for it.

    `fault(value)` says what cannot be true of an answer; `look()` reads once. `entry` is its row
    in the journal, `order_id` what errors name.
    """

    contract: Contract
    call: Call[T]
    entry: Entry
    fault: Callable[[T], str | None]
    look: Callable[[], Flow[Sight[T]]]
    order_id: str | None = None


def make_entry(call: Call[Any], ticker: str | None, ticket: dict[str, Any], now: float) -> Entry:
    """Make the journal's entry of a write that carries no key of its own."""
    text = journal_codec.to_text(ticket)
    return Entry(
        key=f"write-{uuid.uuid4()}",
        operation=call.operation.id,
        ticker=ticker,
        fingerprint=hashlib.sha256(text.encode()).hexdigest(),
        ticket=text,
        created_at=journal_codec.instant(now),
    )


def carry_out(change: Change[T], context: Context) -> Flow[T]:
    """Do a change, or raise what became of it."""
    key = change.entry.key
    done = False
    try:
        context.in_flight.take([key], change)
        yield Record("claim_many", ([change.entry],))
        verdict = yield from _rounds(change, context)
        done = not isinstance(verdict, Unproven)
        now = yield Now()
        if change.order_id is not None:
            context.recent.add(change.order_id, now)
        yield from journal_codec.record([mark_of(key, verdict, now)])
    finally:
        if not done:
            context.unsettled.add(change.entry.ticker, key)
        context.in_flight.let_go(change)
    if isinstance(verdict, Accepted):
        return verdict.value
    raise verdict.error


def _rounds(change: Change[T], context: Context) -> Flow[Verdict[T]]:
    call: Call[T] | None = change.call
    telling = True
    verdict: Verdict[T] = Unproven(KalshiError("nothing was tried"))
    for _ in range(context.policy.rounds):
        if call is None:
            break
        try:
            outcome = yield from transmit(call, context)
        except Misuse as error:  # larger than its bucket, or the client is closed: not sent
            return Rejected(error)
        judged = judge(call, outcome, context, order_id=change.order_id)
        verdict = _believed(change, judged, telling=telling)
        if not isinstance(verdict, Unproven):
            return verdict
        yield from journal_codec.record([mark_of(change.entry.key, verdict, outcome.sent_at)])
        sight = yield from look_until(change, context, sent_at=outcome.sent_at)
        if isinstance(sight, Accepted | Rejected):
            return sight
        if isinstance(sight, Unclear):
            return Unproven(_unknown(change, verdict.error))
        may = context.policy.resend and rule(change.call.operation).resent
        call, telling = (sight.again, sight.telling) if may else (None, True)
    return Rejected(_never(change, verdict))


def _believed(change: Change[T], verdict: Verdict[T], *, telling: bool) -> Verdict[T]:
    if isinstance(verdict, Rejected) and _already_so(verdict.error):
        return Unproven(verdict.error)
    if not isinstance(verdict, Accepted):
        return verdict
    wrong = change.fault(verdict.value)
    if not telling:
        wrong = wrong or "fills may have come between the reading and the sending"
    if wrong is None:
        return verdict
    operation = change.call.operation
    return Unproven(
        OutcomeUnknown(
            f"{operation.facade}: the acknowledgement was not believed: {wrong}",
            operation=operation.id,
            order_id=change.order_id,
        )
    )


def _already_so(error: KalshiError) -> bool:
    # An amend to what the order already is (observed): the wanted state may well stand.
    return isinstance(error, Refused) and error.code == "AMEND_ORDER_NO_OP"


def look_until(change: Change[T], context: Context, *, sent_at: float) -> Flow[Sight[T]]:
    """Look until the change is seen done, or proven not done for good, or time is over."""
    return look_until_seen(change.contract, change.look, context, sent_at=sent_at)


def mark_of(key: str, verdict: Verdict[Any], now: float) -> Mark:
    """Make the journal's mark of a verdict; `now` is in Unix seconds."""
    if isinstance(verdict, Accepted):
        return Mark(key, State.ACKNOWLEDGED, order_id=journal_codec.id_of(verdict.value))
    if isinstance(verdict, Unproven):
        return Mark(key, State.UNKNOWN, sent_at=journal_codec.instant(now))
    text = journal_codec.error_text(verdict.error)
    return Mark(key, journal_codec.ending(verdict.error), verdict=text)


def _unknown(change: Change[Any], error: KalshiError) -> OutcomeUnknown:
    if isinstance(error, OutcomeUnknown):
        return error
    operation = change.call.operation
    return OutcomeUnknown(str(error.args[0]), operation=operation.id, order_id=change.order_id)


def _never(change: Change[Any], verdict: Verdict[Any]) -> NotSent:
    why = verdict.error.args[0] if isinstance(verdict, Unproven) else ""
    operation = change.call.operation
    return NotSent(
        f"{operation.facade}: it was not executed and can no longer be: {why}",
        operation=operation.id,
    )
