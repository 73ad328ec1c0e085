"""Writes of one key that carries none of its own: changes of an order, and keyless creates.

Data for the engine of resolve.py, in which everything but a batch of orders is alike: one entry in
the journal, one call, a check of its acknowledgement, and a probe.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from attrs import frozen

from kalshi_ext.contracts.interface import Contract
from kalshi_ext.errors import ABSENT_ADVICE, KalshiError, NotSent, OutcomeUnknown, Refused
from kalshi_ext.journal import Entry, State, Transition
from kalshi_ext.protocol.flow import CallLimits, Context, Flow, Record
from kalshi_ext.protocol.messages import Call, Lost, Reply
from kalshi_ext.reads.reopening import note_reopening
from kalshi_ext.writes import journal_codec
from kalshi_ext.writes.admission import refuse_in_dry_run
from kalshi_ext.writes.outcomes import (
    Executed,
    NotExecuted,
    ProbeResult,
    Recordable,
    Unknown,
    WriteOutcome,
    advise,
    judge,
)
from kalshi_ext.writes.reservation import stamp
from kalshi_ext.writes.resolve import Progress, Reading, Write, execute

T = TypeVar("T")


@frozen
class Single:
    """What one write asks for: its call, the ticker it belongs to, and what a probe needs of it.

    `payload` goes into the journal; its `kind` names the probe of a later process.
    `contradiction(value)` says what of an answer cannot be true, None when all of it can.
    `order_id` is the order that it changes.
    """

    call: Call[Any]
    payload: dict[str, Any]
    contradiction: Callable[[Any], str | None]
    probe: Callable[[], Flow[ProbeResult[Any]]]
    ticker: str | None = None
    order_id: str | None = None
    entry: Entry | None = None  # where the probe needs it before it is reserved

    def unproven(self, error: KalshiError) -> OutcomeUnknown:
        """Return the error of an outcome that could not be found out in time."""
        if isinstance(error, OutcomeUnknown):
            return error
        operation = self.call.operation
        unknown = OutcomeUnknown(str(error.args[0]), operation=operation.id, order_id=self.order_id)
        return advise(operation, unknown)

    def not_executed(self, reason: str) -> NotSent:
        """Build the error of a write that is proven not to have been executed."""
        operation = self.call.operation
        return NotSent(
            f"{operation.facade}: it was sent and is proven not done: {reason}",
            operation=operation.id,
            advice=ABSENT_ADVICE,
        )


def new_entry(
    call: Call[Any],
    ticker: str | None,
    payload: dict[str, Any],
    now: float,
    exchange_time: float | None = None,
) -> Entry:
    """Make the journal's entry of a write that carries no key of its own."""
    text = journal_codec.encode(payload)
    return Entry(
        key=f"write-{uuid.uuid4()}",
        operation=call.operation.id,
        ticker=ticker,
        fingerprint=hashlib.sha256(text.encode()).hexdigest(),
        ticket=text,
        created_at=journal_codec.instant(now),
        **journal_codec.dated(exchange_time),
    )


def execute_single(
    contract: Contract, context: Context, limits: CallLimits, single: Single
) -> Flow[Any]:
    """Execute a write of one key and return its answer, or raise what became of it."""
    yield from refuse_in_dry_run(single.call, context, limits)
    write = _as_write(contract, context, limits, single)
    (result,) = (yield from execute(write, _reserve(write, single))).values()
    if single.order_id is not None:
        # Reads may not show yet what was changed last.
        (progress,) = write.progress.values()
        context.recent_writes.add(single.order_id, progress.sent.at or limits.started)
    if isinstance(result, KalshiError):
        yield from note_reopening(contract, context, limits, [result])
        raise result
    return result


def _reserve(write: Write[Any], single: Single) -> Flow[None]:
    yield from stamp(write)
    began, wall = write.began
    exchange_time = write.context.exchange_clock.at(began)
    entry = single.entry or new_entry(
        single.call, single.ticker, single.payload, wall, exchange_time
    )
    write.progress[entry.key] = Progress(entry.key, entry.ticker)
    # The lock keeps this process's own recovery away. It is held weakly: an interrupt may end
    # this flow before its `finally` runs, and the key is free once the flow is collected.
    write.context.locks.acquire([entry.key], write)
    yield Record("reserve_many", ([entry],))


def _as_write(
    contract: Contract, context: Context, limits: CallLimits, single: Single
) -> Write[Any]:
    def build(keys: Sequence[str]) -> Call[Any]:
        # The probe's own call goes next: a `reduce_by` goes again as a `reduce_to`.
        found = write.progress[keys[0]].not_done
        return single.call if found is None or found.resend is None else found.resend

    def judge_one(
        call: Call[Any], keys: Sequence[str], response: Reply | Lost
    ) -> Mapping[str, WriteOutcome[Any]]:
        found = write.progress[keys[0]].not_done
        outcome = judge(call, response, context, order_id=single.order_id)
        conclusive = found is None or found.conclusive
        return {keys[0]: _validate_ack(single, outcome, conclusive=conclusive)}

    def probe(keys: Sequence[str], _: Reading) -> Flow[Mapping[str, ProbeResult[Any]]]:
        return {keys[0]: (yield from single.probe())}

    write = Write[Any](
        contract,
        context,
        limits,
        single.call.operation,
        build,
        judge_one,
        probe,
        lambda progress, outcome: _transition(progress, outcome, context),
        lambda _, reason: single.not_executed(reason),
        lambda _, error: single.unproven(error),
    )
    return write


def _validate_ack(
    single: Single, outcome: WriteOutcome[Any], *, conclusive: bool
) -> WriteOutcome[Any]:
    """Return an outcome whose acknowledgement can be true; else an unknown one, to be probed."""
    if isinstance(outcome, NotExecuted) and _is_no_op(outcome.error):
        return Unknown(outcome.error)
    if not isinstance(outcome, Executed):
        return outcome
    contradiction = single.contradiction(outcome.value)
    if not conclusive:
        contradiction = contradiction or "fills may have come between the reading and the sending"
    if contradiction is None:
        return outcome
    operation = single.call.operation
    error = OutcomeUnknown(
        f"{operation.facade}: the acknowledgement was not believed: {contradiction}",
        operation=operation.id,
        order_id=single.order_id,
    )
    return Unknown(advise(operation, error))


def _is_no_op(error: KalshiError) -> bool:
    # The exchange refuses an amend to what the order already is (observed), as after a first
    # attempt that was executed: the wanted state may well stand.
    return isinstance(error, Refused) and (error.code or "").upper() == "AMEND_ORDER_NO_OP"


def _transition(progress: Progress[Any], outcome: Recordable[Any], context: Context) -> Transition:
    key, tries = progress.key, journal_codec.tries(progress, context)
    if isinstance(outcome, Executed):
        order_id = journal_codec.id_of(outcome.value)
        return Transition(key, State.ACKNOWLEDGED, order_id=order_id, **tries)
    if isinstance(outcome, Unknown):
        return Transition(key, State.UNKNOWN, **tries)
    text = journal_codec.encode_error(outcome.error)
    return Transition(key, journal_codec.final_state(outcome.error), verdict=text, **tries)
