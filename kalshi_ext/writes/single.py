"""Writes of one key that carries none of its own: changes of an order, and keyless creates.

For the engine of resolve.py, in which everything but a batch of orders is alike: one entry in the
journal, one call, a check of its acknowledgement, and a probe.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from attrs import define

from kalshi_ext.errors import ABSENT_ADVICE, KalshiError, NotSent, OutcomeUnknown, Refused
from kalshi_ext.journal import Entry, State, Transition
from kalshi_ext.protocol.flow import Flow, Now, Record
from kalshi_ext.protocol.messages import Call, Lost, Reply
from kalshi_ext.reads.reopening import note_reopening
from kalshi_ext.writes import journal_codec
from kalshi_ext.writes.admission import refuse_in_dry_run
from kalshi_ext.writes.outcomes import (
    Executed,
    NotExecuted,
    Probe,
    ProbeResult,
    Unknown,
    WriteOutcome,
    judge,
    says,
    says_taken,
    unbelieved,
    unknown_error,
)
from kalshi_ext.writes.reservation import stamp
from kalshi_ext.writes.resolve import execute
from kalshi_ext.writes.write import Progress, Reading, Write


@define(eq=False, kw_only=True, repr=False)
class Single(Write[Any]):
    """What one write asks for: its call, the ticker it belongs to, and what a probe needs of it.

    `payload` goes into the journal; its `kind` names the probe of a later process.
    `contradiction(value)` says what of an answer cannot be true, None when all of it can.
    `order_id` is the order that it changes.
    """

    call: Call[Any]
    payload: dict[str, Any]
    contradiction: Callable[[Any], str | None]
    look: Probe
    ticker: str | None = None
    order_id: str | None = None
    entry: Entry | None = None  # where the probe needs it before it is reserved

    def build(self, keys: Sequence[str]) -> Call[Any]:
        # The probe's own call goes next: a `reduce_by` goes again as a `reduce_to`.
        found = self.progress[keys[0]].not_done
        return self.call if found is None or found.resend is None else found.resend

    def judge(
        self, call: Call[Any], keys: Sequence[str], response: Reply | Lost
    ) -> Mapping[str, WriteOutcome[Any]]:
        outcome = judge(call, response, self.context, order_id=self.order_id)
        if isinstance(outcome, NotExecuted) and self._may_stand(outcome.error):
            return {keys[0]: Unknown(outcome.error)}
        if isinstance(outcome, Executed):
            contradiction = self.contradiction(outcome.value)
            found = self.progress[keys[0]].not_done
            if found is not None and not found.conclusive:
                fills = "fills may have come between the reading and the sending"
                contradiction = contradiction or fills
            if contradiction is not None:
                reason = unbelieved(self.operation, contradiction)
                error = unknown_error(self.operation, reason, order_id=self.order_id)
                return {keys[0]: Unknown(error)}
        return {keys[0]: outcome}

    def _may_stand(self, error: KalshiError) -> bool:
        """Say whether a refusal may be of what an earlier copy of this request has done."""
        if not isinstance(error, Refused):
            return False
        # The exchange refuses an amend to what the order already is (observed). An id that it gives
        # the order anew may be the order's already.
        renames = self.payload.get("client_order_id") is not None
        return says(_NO_OP, error) or (renames and says_taken(error))

    def probe(self, keys: Sequence[str], _: Reading) -> Flow[Mapping[str, ProbeResult[Any]]]:
        return {keys[0]: (yield from self.look())}

    def executed(self, key: str, value: Any, /, **tries: Any) -> Transition:
        order_id = journal_codec.id_of(value)
        return Transition(key, State.ACKNOWLEDGED, order_id=order_id, **tries)

    def not_executed(self, _: str, reason: str) -> NotSent:
        return NotSent(
            f"{self.operation.facade}: it was sent and is proven not done: {reason}",
            operation=self.operation.id,
            advice=ABSENT_ADVICE,
        )

    def unproven(self, _: str, error: KalshiError) -> OutcomeUnknown:
        if isinstance(error, OutcomeUnknown):
            return error
        return unknown_error(self.operation, str(error.args[0]), order_id=self.order_id)


_NO_OP: Final = "no[ _-]?op(?![a-z])|no[ _-]change|unchanged|AmendOrderNoOp"


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
        key=f"{journal_codec.KEYLESS}{uuid.uuid4()}",
        operation=call.operation.id,
        ticker=ticker,
        fingerprint=hashlib.sha256(text.encode()).hexdigest(),
        ticket=text,
        created_at=journal_codec.instant(now),
        **journal_codec.dated(exchange_time),
    )


def execute_single(write: Single) -> Flow[Any]:
    """Execute a write of one key and return its answer, or raise what became of it."""
    context, limits = write.context, write.limits
    yield from refuse_in_dry_run(write.call, context, limits)
    (result,) = (yield from execute(write, _reserve(write))).values()
    if write.order_id is not None:
        # Reads may not show yet what was changed last.
        (progress,) = write.progress.values()
        changed = getattr(result, "time", None)
        context.recent_writes.add(write.order_id, progress.sent.at or limits.started, changed)
    if isinstance(result, KalshiError):
        yield from note_reopening(write.contract, context, limits, [result])
        raise result
    return result


def _reserve(write: Single) -> Flow[None]:
    now: float = yield Now()
    at = stamp(write, now)
    entry = write.entry or new_entry(write.call, write.ticker, write.payload, now, at)
    write.progress[entry.key] = Progress(entry.key, entry.ticker)
    # The lock keeps this process's own recovery away. It is held weakly: an interrupt may end
    # this flow before its `finally` runs, and the key is free once the flow is collected.
    write.context.locks.acquire([entry.key], write)
    yield Record("reserve_many", ([entry],))
