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
from kalshi_ext.journal import Entry, State, Transition
from kalshi_ext.protocol.flow import Context, Flow, Now, Record, send_with_retries
from kalshi_ext.protocol.messages import Call
from kalshi_ext.protocol.retry_policy import retry_rule
from kalshi_ext.writes import journal_codec
from kalshi_ext.writes.outcomes import Executed, NotExecuted, Unknown, WriteOutcome, judge
from kalshi_ext.writes.probes import ProbeResult, Unclear, probe_until_settled

T = TypeVar("T")


@define
class Write(Generic[T]):
    """One write, how to believe its answer and how to look for it.

    `fault(value)` says what cannot be true of an answer; `look()` reads once. `entry` is its row
    in the journal, `order_id` what errors name.
    """

    contract: Contract
    call: Call[T]
    entry: Entry
    contradiction: Callable[[T], str | None]
    probe: Callable[[], Flow[ProbeResult[T]]]
    order_id: str | None = None


def new_entry(call: Call[Any], ticker: str | None, ticket: dict[str, Any], now: float) -> Entry:
    """Make the journal's entry of a write that carries no key of its own."""
    text = journal_codec.encode(ticket)
    return Entry(
        key=f"write-{uuid.uuid4()}",
        operation=call.operation.id,
        ticker=ticker,
        fingerprint=hashlib.sha256(text.encode()).hexdigest(),
        ticket=text,
        created_at=journal_codec.instant(now),
    )


def execute(change: Write[T], context: Context) -> Flow[T]:
    """Do a change, or raise what became of it."""
    key = change.entry.key
    done = False
    try:
        context.locks.acquire([key], change)
        yield Record("reserve_many", ([change.entry],))
        verdict = yield from _attempts(change, context)
        done = not isinstance(verdict, Unknown)
        now = yield Now()
        if change.order_id is not None:
            context.recent_writes.add(change.order_id, now)
        yield from journal_codec.record([transition_of(key, verdict, now)])
    finally:
        if not done:
            context.pending_writes.add(change.entry.ticker, key)
        context.locks.release(change)
    if isinstance(verdict, Executed):
        return verdict.value
    raise verdict.error


def _attempts(change: Write[T], context: Context) -> Flow[WriteOutcome[T]]:
    call: Call[T] | None = change.call
    telling = True
    verdict: WriteOutcome[T] = Unknown(KalshiError("nothing was tried"))
    for _ in range(context.policy.rounds):
        if call is None:
            break
        try:
            outcome = yield from send_with_retries(call, context)
        except Misuse as error:  # larger than its bucket, or the client is closed: not sent
            return NotExecuted(error)
        judged = judge(call, outcome, context, order_id=change.order_id)
        verdict = _validated(change, judged, telling=telling)
        if not isinstance(verdict, Unknown):
            return verdict
        yield from journal_codec.record([transition_of(change.entry.key, verdict, outcome.sent_at)])
        sight = yield from probe_until(change, context, sent_at=outcome.sent_at)
        if isinstance(sight, Executed | NotExecuted):
            return sight
        if isinstance(sight, Unclear):
            return Unknown(_unknown_error(change, verdict.error))
        may = context.policy.resend and retry_rule(change.call.operation).resend_when_absent
        call, telling = (sight.resend, sight.conclusive) if may else (None, True)
    return NotExecuted(_not_executed_error(change, verdict))


def _validated(change: Write[T], verdict: WriteOutcome[T], *, telling: bool) -> WriteOutcome[T]:
    if isinstance(verdict, NotExecuted) and _is_no_op(verdict.error):
        return Unknown(verdict.error)
    if not isinstance(verdict, Executed):
        return verdict
    wrong = change.contradiction(verdict.value)
    if not telling:
        wrong = wrong or "fills may have come between the reading and the sending"
    if wrong is None:
        return verdict
    operation = change.call.operation
    return Unknown(
        OutcomeUnknown(
            f"{operation.facade}: the acknowledgement was not believed: {wrong}",
            operation=operation.id,
            order_id=change.order_id,
        )
    )


def _is_no_op(error: KalshiError) -> bool:
    # An amend to what the order already is (observed): the wanted state may well stand.
    return isinstance(error, Refused) and error.code == "AMEND_ORDER_NO_OP"


def probe_until(change: Write[T], context: Context, *, sent_at: float) -> Flow[ProbeResult[T]]:
    """Look until the change is seen done, or proven not done for good, or time is over."""
    return probe_until_settled(change.contract, change.probe, context, sent_at=sent_at)


def transition_of(key: str, verdict: WriteOutcome[Any], now: float) -> Transition:
    """Make the journal's mark of a verdict; `now` is in Unix seconds."""
    if isinstance(verdict, Executed):
        return Transition(key, State.ACKNOWLEDGED, order_id=journal_codec.id_of(verdict.value))
    if isinstance(verdict, Unknown):
        return Transition(key, State.UNKNOWN, sent_at=journal_codec.instant(now))
    text = journal_codec.encode_error(verdict.error)
    return Transition(key, journal_codec.final_state(verdict.error), verdict=text)


def _unknown_error(change: Write[Any], error: KalshiError) -> OutcomeUnknown:
    if isinstance(error, OutcomeUnknown):
        return error
    operation = change.call.operation
    return OutcomeUnknown(str(error.args[0]), operation=operation.id, order_id=change.order_id)


def _not_executed_error(change: Write[Any], verdict: WriteOutcome[Any]) -> NotSent:
    why = verdict.error.args[0] if isinstance(verdict, Unknown) else ""
    operation = change.call.operation
    return NotSent(
        f"{operation.facade}: it was not executed and can no longer be: {why}",
        operation=operation.id,
    )
