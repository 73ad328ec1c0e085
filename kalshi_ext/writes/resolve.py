"""The theory of a write whose answer never came, and the engine of all writes but orders.

A request can time out, be cut off, or be answered by a proxy. Then three things may be true: the
exchange never saw the write, it executed the write, or the request is still on its way.

The invariant: a write that may have been executed is not sent again until it is proven that it
was not executed and that no copy of it can be executed any more. Its entry is in the journal
before its first byte leaves, and it ends executed, not executed or unknown. Recovery only reads.
Two kinds of writes are exempt, because a repeat of them changes nothing: cancels and other
idempotent writes (cancel.py), and transfers under a key (transfer.py).

States and transitions. place.py runs the same table for orders, one row for each of a batch.

    state         event                                    next state    recorded in the journal
    (new)         the caller asks for it                   reserved      intent
    reserved      the request leaves                       sent          nothing
                  larger than its bucket, client closed    not executed  not_sent
    sent          no byte left                             not executed  not_sent
                  the answer proves execution              executed      acknowledged, order id
                  the answer proves a refusal              not executed  refused, code, message
                  anything else                            probing       unknown, time of sending
    probing       a read shows it done                     executed      acknowledged or resolved
                  a read shows that it cannot be done      not executed  refused
                  not done, no copy left, may go again     sent          nothing
                  not done, no copy left, may not          not executed  not_sent
                  `Policy.resolve_within` is over          open          nothing
    any but ends  the flow is interrupted                  open          nothing
    open          recovery, or a later write that waits    probing       nothing: it never sends
                  a person: `kalshi-ext journal resolve`   executed      resolved
    not executed  an order, same id and same content       reserved      intent; attempts stay

An open write is `intent` or `unknown` in the journal; `intent` may have been sent, as the process
may have died right after. `Context.pending_writes` names the open ones, and a new order of their
ticker waits until they are settled (prior_writes.py). An order found by reading is `resolved`,
an answered one `acknowledged`. Which writes may go again stands in `protocol/retry_policy.py`.

"Not done" is final when three things hold:

- The signature's life is over. The exchange refused timestamps that were 30 s old (observed);
  `Policy.signature_life` is 60 s. Until then a delayed copy may still arrive.
- The reads are fresh up to that moment, by the exchange's watermark (watermark.py).
- Every list was answered with its key and read to its end, every row that could not be read names
  another write, and no row without an id could be this one (lookup.py). A failed read, a 404 or
  silence is never an absence.

That an order's id exists, told after an attempt of ours (a 409, say), is evidence for our order:
not found, it stays open, for recovery too. Only an id never sent before and absent from its ticker
is somebody else's: that ends as a DuplicateIdConflict.

One example, an order with the default policy; seconds since it was signed:

     0.0   c1 is in the journal as intent, synced; the POST leaves
    10.0   no answer within `Policy.timeout`: probing; journal: unknown, attempts 1
    10.1   the watermark is 9.8; the ticker's live orders show no c1: nothing is proven, read again
           after 0.25 s, 0.5 s, … at most 5 s
    62.9   the watermark is 62.6, past 60 and the second a Date header may hide: no copy is left.
           Live orders, history and fills are read to their ends and show no c1: it is absent
    63.1   the same POST leaves again under the same id, newly signed: the second of 3 rounds
    63.2   201 with c1: executed; journal: acknowledged, order id

Had the list shown c1 at 10.1, it would be returned at once with `replayed=True`: an id names one
order for ever, so no freshness is needed. An amend needs it, because the order it names may have
looked the same before (probes.py).
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from attrs import define

from kalshi_ext.contracts.interface import Contract
from kalshi_ext.errors import ABSENT_ADVICE, KalshiError, Misuse, NotSent, OutcomeUnknown, Refused
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
    """One write as data for the engine.

    `contradiction(value)` says what of an answer cannot be true, None when all of it can.
    `probe()` reads once what became of the write. `entry` is its row in the journal, `order_id`
    the order that errors name.
    """

    contract: Contract
    call: Call[T]
    entry: Entry
    contradiction: Callable[[T], str | None]
    probe: Callable[[], Flow[ProbeResult[T]]]
    order_id: str | None = None


def new_entry(call: Call[Any], ticker: str | None, payload: dict[str, Any], now: float) -> Entry:
    """Make the journal's entry of a write that carries no key of its own.

    `payload` is what a probe needs in a later process; its `kind` names the probe.
    """
    text = journal_codec.encode(payload)
    return Entry(
        key=f"write-{uuid.uuid4()}",
        operation=call.operation.id,
        ticker=ticker,
        fingerprint=hashlib.sha256(text.encode()).hexdigest(),
        ticket=text,
        created_at=journal_codec.instant(now),
    )


def execute(write: Write[T], context: Context) -> Flow[T]:
    """Execute a write and return its answer, or raise what became of it."""
    key = write.entry.key
    settled = False
    try:
        # The lock keeps this client's own recovery away. It is held weakly: an interrupt may end
        # this flow before `finally` runs, and the key is free once the flow is collected.
        context.locks.acquire([key], write)
        yield Record("reserve_many", ([write.entry],))
        outcome = yield from _send_and_probe(write, context)
        settled = not isinstance(outcome, Unknown)
        now = yield Now()
        if write.order_id is not None:
            context.recent_writes.add(write.order_id, now)
        yield from journal_codec.record([transition_of(key, outcome, now)])
    finally:
        # However this flow ends, an interrupt too, an open write must be known to later ones.
        if not settled:
            context.pending_writes.add(write.entry.ticker, key)
        context.locks.release(write)
    if isinstance(outcome, Executed):
        return outcome.value
    raise outcome.error


def _send_and_probe(write: Write[T], context: Context) -> Flow[WriteOutcome[T]]:
    call: Call[T] | None = write.call
    conclusive = True
    outcome: WriteOutcome[T] = Unknown(KalshiError("nothing was tried"))
    for _ in range(context.policy.rounds):
        if call is None:
            break
        try:
            response = yield from send_with_retries(call, context)
        except Misuse as error:  # larger than its bucket, or the client is closed: not sent
            return NotExecuted(error)
        judged = judge(call, response, context, order_id=write.order_id)
        outcome = _validate_ack(write, judged, conclusive=conclusive)
        if not isinstance(outcome, Unknown):
            return outcome
        # Recorded before probing: a process that dies while it probes leaves "unknown".
        yield from journal_codec.record([transition_of(write.entry.key, outcome, response.sent_at)])
        result = yield from probe_until_settled(
            write.contract, write.probe, context, sent_at=response.sent_at
        )
        if isinstance(result, Executed | NotExecuted):
            return result
        if isinstance(result, Unclear):
            return Unknown(_unknown_error(write, outcome.error))
        # The probe's own call goes next: a `reduce_by` goes again as a `reduce_to`.
        may_resend = context.policy.resend and retry_rule(write.call.operation).resend_when_absent
        call, conclusive = (result.resend, result.conclusive) if may_resend else (None, True)
    return NotExecuted(_not_executed_error(write, outcome))


def _validate_ack(
    write: Write[T], outcome: WriteOutcome[T], *, conclusive: bool
) -> WriteOutcome[T]:
    """Return an outcome whose acknowledgement can be true; else an unknown one, to be probed."""
    if isinstance(outcome, NotExecuted) and _is_no_op(outcome.error):
        return Unknown(outcome.error)
    if not isinstance(outcome, Executed):
        return outcome
    contradiction = write.contradiction(outcome.value)
    if not conclusive:
        contradiction = contradiction or "fills may have come between the reading and the sending"
    if contradiction is None:
        return outcome
    operation = write.call.operation
    return Unknown(
        OutcomeUnknown(
            f"{operation.facade}: the acknowledgement was not believed: {contradiction}",
            operation=operation.id,
            order_id=write.order_id,
        )
    )


def _is_no_op(error: KalshiError) -> bool:
    # The exchange refuses an amend to what the order already is (observed), as after a first
    # attempt that was executed: the wanted state may well stand.
    return isinstance(error, Refused) and error.code == "AMEND_ORDER_NO_OP"


def transition_of(key: str, outcome: WriteOutcome[Any], now: float) -> Transition:
    """Make the journal's transition of an outcome; `now` is in Unix seconds."""
    if isinstance(outcome, Executed):
        return Transition(key, State.ACKNOWLEDGED, order_id=journal_codec.id_of(outcome.value))
    if isinstance(outcome, Unknown):
        return Transition(key, State.UNKNOWN, sent_at=journal_codec.instant(now))
    text = journal_codec.encode_error(outcome.error)
    return Transition(key, journal_codec.final_state(outcome.error), verdict=text)


def _unknown_error(write: Write[Any], error: KalshiError) -> OutcomeUnknown:
    if isinstance(error, OutcomeUnknown):
        return error
    operation = write.call.operation
    return OutcomeUnknown(str(error.args[0]), operation=operation.id, order_id=write.order_id)


def _not_executed_error(write: Write[Any], outcome: WriteOutcome[Any]) -> NotSent:
    reason = outcome.error.args[0] if isinstance(outcome, Unknown) else ""
    operation = write.call.operation
    return NotSent(
        f"{operation.facade}: it was sent and is proven not done: {reason}",
        advice=ABSENT_ADVICE,
        operation=operation.id,
    )
