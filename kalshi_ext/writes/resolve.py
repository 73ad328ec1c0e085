"""The theory of a write whose answer never came, and the one engine of all writes.

A request can time out, be cut off, or be answered by a proxy. Then three things may be true: the
exchange never saw the write, it executed the write, or the request is still on its way.

The invariant: a write that may have been executed is not sent again until it is proven that it
was not executed and that no copy of it can be executed any more. Its entry is in the journal
before its first byte leaves, and it ends executed, not executed or unknown. Recovery only reads.
Two kinds of writes are exempt, because a repeat of them changes nothing: cancels and other
idempotent writes (cancel.py, wanted_state.py), and transfers under a key (transfer.py).

A `Write` (write.py) says how its request is built, what its answer proves, what one read (probe)
shows, how the journal keeps it. An order is one of n keys of a batch (order_write.py), every other
write has one key (single.py). Recovery (recovery.py) makes writes of the journal's open entries,
which begin at "probing" and never send.

States and transitions, of each key:

    state         event                                    next state    recorded in the journal
    (new)         the caller asks for it                   reserved      intent, exchange time
    reserved      the request leaves                       sent          nothing
                  a limit or a stop (protocol/limits.py),  not executed  not_sent
                  larger than its bucket, client closed
                  the entry is another process's by now    open          nothing
    sent          no byte left                             not executed  not_sent
                  the answer proves execution              executed      acknowledged, order id
                  the answer proves a refusal              not executed  refused, code, message
                  anything else                            probing       unknown, time, tries
    probing       a read shows it done                     executed      acknowledged or resolved
                  its order was as wanted before, and      executed      acknowledged or resolved
                  no copy is left
                  a read shows that it cannot be done      not executed  refused
                  its order ended, and hides what became   open          nothing; no write waits
                  of the change; in recovery               moot          resolved, and why
                  not done, no copy left, may go again     sent          nothing
                  not done, no copy left, may not          not executed  not_sent
                  the time of the call is over             open          nothing
                  the client is closed                     open          nothing
                  the id exists, its order is not seen     open          nothing
    executed, not the journal refuses the verdict: some-   open          nothing, unless it already
    exec., moot   body else went on with the entry                       has the same verdict
    any but ends  the flow is interrupted                  open          nothing
    open          recovery, or a later write that waits    probing       nothing: it never sends
                  a person: `kalshi-ext journal resolve`   executed      resolved
    not executed  an order, same id and same content       reserved      intent; attempts stay
    any verdict   the value or error reached the caller    told          told, some time later
    not told      `recover()` returns it                   told          told

The verdict of an order, straight from its answer, is written behind the caller: lost with a crash,
it is found again by the order's id (journal/commit.py). Everything else is durable before the flow
goes on. An open write is `intent` or `unknown` in the journal; `intent` may have been sent, as the
process may have died right after. `Context.pending_writes` names the open ones, and a new order of
their ticker waits until they are settled (reservation.py). An order found by reading is `resolved`,
an answered one `acknowledged`. Which writes may go again stands in `protocol/retry_policy.py`; that
an order is not sent again when it has grown old, in `protocol/limits.py`.

"Not done" is final when three things hold:

- The signature's life is over. The exchange refused timestamps that were 30 s old (observed);
  `Policy.signature_life` is 60 s. Until then a delayed copy may still arrive.
- The reads are fresh up to that moment, by the exchange's watermark and its time (watermark.py).
- Every list was answered with its key and read to its end, every row that could not be read names
  another write, and no row without an id could be this one (lookup.py). A failed read, a 404 or
  silence is never an absence.

That an order's id exists, told after an attempt of ours (a 409, say), is evidence for our order:
not found, it stays open, for recovery too. Only an id never sent before and absent from its ticker
is somebody else's: that ends as a DuplicateIdConflict.

One example, an order with `Policy(resend_within=120)`; seconds of the monotonic clock:

     0.0   c1 is in the journal as intent, synced; the POST leaves
    10.0   no answer within `Policy.timeout`: probing; journal: unknown, attempts 1
    10.1   the answer with the watermark is dated 8:00:10, so the POST left at 8:00:00 and less than
           1 s; the watermark is 8:00:09; the ticker's live orders show no c1: nothing is proven,
           read again after 0.25 s, 0.5 s, … at most 5 s
    62.9   the watermark is 8:01:02, past 60 s and the second a Date may hide: no copy is left.
           Live orders, history and fills are read to their ends and show no c1: it is absent
    63.1   the same POST leaves again under the same id, newly signed: the second of 3 rounds
    63.2   201 with c1: executed; journal: acknowledged, order id

With the default `resend_within` of 5 s it ends at 62.9 as NotSent: "it was sent and is proven
absent", and the caller decides whether the order is still wanted. Had the list shown c1 at 10.1, it
would be returned at once with `replayed=True`: an id names one order for ever, so no freshness is
needed. An amend needs it, because the order it names may have looked the same before (amend.py):
one that was as wanted before the sending, by the exchange's time of its last change, is done only
when no copy is left, which would undo a later change.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from kalshi_ext.errors import KalshiError, Misuse, NotSent
from kalshi_ext.journal import Entry, IllegalTransition, JournalError, NotOwner, Transition
from kalshi_ext.protocol.flow import (
    CallLimits,
    Context,
    Flow,
    Monotonic,
    Record,
    Told,
    send_with_retries,
)
from kalshi_ext.protocol.messages import Reply
from kalshi_ext.protocol.retry_policy import retry_rule
from kalshi_ext.reads.watermark import SentAt, Watermark, poll, read_watermark
from kalshi_ext.writes import telling
from kalshi_ext.writes.outcomes import (
    Created,
    Executed,
    InPlace,
    Moot,
    NotDone,
    NotExecuted,
    Recordable,
    Unclear,
    Unknown,
)
from kalshi_ext.writes.write import NOT_SENT, Progress, Reading, Result, Write

log = logging.getLogger("kalshi_ext.writes")

T = TypeVar("T")


def execute(write: Write[T], reserve: Flow[None]) -> Flow[Mapping[str, Result[T]]]:
    """Reserve, send and resolve a write; return the result of each key."""
    context, done = write.context, False
    try:
        yield from reserve
        for _ in range(context.policy.rounds):
            keys = write.pending()
            if not keys:
                break
            yield from _send(write, keys)
            if not write.unknown():
                break
            yield from reconcile([write], context, write.limits)
        done = True
        told = tuple(k for k, p in write.progress.items() if not p.is_open)
        if told:
            yield Told(told)
        telling.results(write)
        return {key: each.result for key, each in write.progress.items() if each.result is not None}
    finally:
        telling.interrupted(write)
        # However this flow ends, an interrupt too, nobody drives its entries from here on. Also
        # one whose result is known may not be recorded yet.
        for key, each in write.progress.items():
            if not done or (each.is_open and not each.is_moot):
                context.pending_writes.add(each.ticker, key)
                if each.sent.at:
                    context.pending_writes.sent_times[key] = each.sent
        context.locks.release(write)


def _send(write: Write[T], keys: Sequence[str]) -> Flow[None]:
    """Send what is pending once, and record what its answer proves."""
    for key in keys:
        write.progress[key].sent = NOT_SENT  # an interrupt from here on leaves it unknown
    try:
        call = write.build(keys)
        response = yield from send_with_retries(call, write.context, limits=write.limits)
    except Misuse as error:  # larger than its bucket, or the client is closed: not sent
        yield from settle(write, {key: _not_sent(write, key, error) for key in keys})
        return
    except JournalError as error:  # the entries are another process's by now
        for key in keys:
            yield from _lose(write, key, error)
            yield from telling.resolved(write, write.progress[key], "open", error.args[0])
        return
    outcomes = write.judge(call, keys, response)
    has_left = isinstance(response, Reply) or response.bytes_sent or response.maybe_executed
    for key in keys:
        progress = write.progress[key]
        progress.sent = SentAt(response.sent_at, response.stamp)
        progress.tried |= response.maybe_executed
        progress.attempts += has_left
    # Recorded before looking: a process that dies while it looks leaves "unknown".
    if not has_left:
        outcomes = {
            key: _not_sent(write, key, each.error) if isinstance(each, NotExecuted) else each
            for key, each in outcomes.items()
        }
    yield from settle(write, outcomes)


def _not_sent(write: Write[T], key: str, error: KalshiError) -> NotExecuted:
    """Say that a key was not sent, by a call that may have sent it before."""
    if not write.progress[key].attempts:
        return NotExecuted(error)
    return NotExecuted(write.not_executed(key, f"it was not sent again: {error.args[0]}"))


def _lose(write: Write[T], key: str, error: JournalError) -> Flow[None]:
    """End a key whose entry another process may have taken over: it may go on with it."""
    _leave_open(write, key, error)
    progress = write.progress[key]
    sent = progress.attempts or progress.tried or (yield from write.may_be_sent_elsewhere(key))
    if not sent:
        facade, operation = write.operation.facade, write.operation.id
        progress.result = NotSent(f"{facade}: {error.args[0]}", operation=operation)


def _leave_open(write: Write[T], key: str, error: KalshiError) -> None:
    progress = write.progress[key]
    progress.unknown, progress.is_settled, progress.is_open = None, True, True
    progress.result = write.unproven(key, error)


def settle(write: Write[T], outcomes: Mapping[str, Recordable[T]]) -> Flow[None]:
    """Take outcomes in and record them; those that are known become results."""
    transitions: list[Transition] = []
    for key, outcome in outcomes.items():
        progress = write.progress[key]
        if isinstance(outcome, Unknown):
            progress.unknown = outcome
            yield from telling.opened(write, progress, outcome.error)
        else:
            progress.unknown, progress.is_settled, progress.is_open = None, True, False
            write.context.pending_writes.settle(key)
            progress.result = outcome.value if isinstance(outcome, Executed) else outcome.error
            if progress.unknown_since is not None:
                yield from telling.resolved(write, progress, *telling.verdict_of(outcome))
        transitions.append(write.transition(progress, outcome))
    if transitions:
        refused = yield from _record(
            transitions, may_fail=write.sends, behind=write.sends and write.names_one
        )
        for key, error in refused.items():
            _leave_open(write, key, error)


def _record(
    transitions: Sequence[Transition], *, may_fail: bool, behind: bool
) -> Flow[dict[str, JournalError]]:
    """Record transitions; return the error of each key with which somebody else went on.

    `behind`: a verdict that got lost would be found again by reading, so nobody waits for it.

    A journal that fails is logged where it `may_fail`: the outcome is known, and the caller must
    hear it; the next recovery finds the same by reading. Else it raises JournalError.
    """
    try:
        yield Record("conclude" if behind else "advance_many", (list(transitions),))
    except (NotOwner, IllegalTransition):
        refused: dict[str, JournalError] = {}
        for transition in transitions:
            error = yield from _record_alone(transition)
            if error is not None:
                refused[transition.key] = error
        return refused
    except JournalError:
        if not may_fail:
            raise
        log.exception("the journal could not record %d outcomes", len(transitions))
    return {}


def _record_alone(transition: Transition) -> Flow[JournalError | None]:
    """Record one transition; return its error unless the entry has the same verdict already."""
    try:
        yield Record("advance_many", ([transition],))
    except JournalError as error:
        try:
            entry: Entry | None = yield Record("get", (transition.key,))
        except JournalError:
            return error
        same = entry is not None and _says_the_same(entry, transition)
        return None if same else error
    return None


def _says_the_same(entry: Entry, transition: Transition) -> bool:
    if transition.order_id is not None:
        return entry.order_id == transition.order_id
    return not entry.is_open and entry.state is transition.state


def reconcile(
    writes: Sequence[Write[Any]], context: Context, limits: CallLimits, *, once: bool = False
) -> Flow[None]:
    """Look until what is unknown has a verdict, may be sent again, or is left open.

    `once` looks a single time. What the journal cannot be told is raised by recovery alone.
    """

    def look() -> Flow[bool | None]:
        contract = next(iter(writes)).contract
        watermark = yield from read_watermark(contract, context, limits)
        for write in writes:
            keys = write.unknown()
            if keys:
                yield from _look_once(write, keys, watermark)
        return True if once or not any(write.unknown() for write in writes) else None

    closed: Misuse | None = None
    try:
        yield from poll(look, context, limits)
    except Misuse as error:  # the client was closed meanwhile
        closed = error
    for write in writes:
        for key in write.unknown():
            unknown = write.progress[key].unknown
            assert unknown is not None  # noqa: S101 - that is what `unknown()` lists
            if closed is not None:
                unknown = Unknown(KalshiError(f"{unknown.error.args[0]}; {closed.args[0]}"))
            _leave_open(write, key, unknown.error)
            context.pending_writes.exhausted.add(key)
            yield from telling.resolved(write, write.progress[key], "open", unknown.error.args[0])


def _look_once(write: Write[T], keys: Sequence[str], watermark: Watermark) -> Flow[None]:
    """Probe keys once and settle those of which the result may be believed."""
    life = write.context.policy.signature_life
    expired = {k for k in keys if write.progress[k].sent.visible(watermark, life)}
    results = yield from write.probe(keys, Reading(watermark, expired))
    now: float = yield Monotonic()
    outcomes: dict[str, Recordable[T]] = {}
    for key in keys:
        progress, result = write.progress[key], results.get(key, Unclear())
        if isinstance(result, Executed):
            # A read from before the sending may show the wanted state by chance: an amend back to
            # 5 at 0.40, of an order whose change away from it is not shown yet.
            if write.names_one or progress.sent.visible(watermark):
                outcomes[key] = result
        elif isinstance(result, InPlace):
            if key in expired or progress.has_made(result, watermark):
                outcomes[key] = Executed(result.value)
        elif isinstance(result, NotExecuted):  # its order ended, and an ended order stays so
            outcomes[key] = result
        elif isinstance(result, Created):
            outcomes[key] = Executed(result.value)
        elif isinstance(result, Unknown):
            _leave_open(write, key, result.error)
        elif isinstance(result, Moot):
            ended = _end_moot(write, progress, result)
            if ended is not None:
                outcomes[key] = ended
        elif isinstance(result, Unclear):
            if result.until == "now" or (result.until == "no copy is left" and key in expired):
                assert progress.unknown is not None  # noqa: S101 - it was looked for
                _leave_open(write, key, progress.unknown.error)
        # While a delayed copy can be executed, "not done" may become "done" at any moment.
        elif isinstance(result, NotDone) and key in expired:
            outcome = _send_again_or_end(write, progress, result, now)
            if outcome is not None:
                outcomes[key] = outcome
        if progress.is_settled and key not in outcomes:
            yield from telling.resolved(write, progress, *telling.verdict_of(progress.result))
    if outcomes:
        yield from settle(write, outcomes)


def _end_moot(write: Write[T], progress: Progress[T], moot: Moot) -> Moot | None:
    """End a write of which nothing can be told any more. Recovery does; its caller hears why."""
    if not write.sends:
        return moot
    assert progress.unknown is not None  # noqa: S101 - it was looked for
    reason = f"{progress.unknown.error.args[0]}; {moot.error.args[0]}"
    _leave_open(write, progress.key, KalshiError(reason))
    progress.is_moot = True
    return None


def _send_again_or_end(
    write: Write[T], progress: Progress[T], result: NotDone[T], now: float
) -> NotExecuted | None:
    """Let a write go again that is proven not done, or end it as not executed."""
    assert progress.unknown is not None  # noqa: S101 - it was looked for
    reason = str(progress.unknown.error.args[0])
    if write.sends:
        why_not = _why_not_again(write, progress, result, now)
        if why_not is None:
            progress.unknown, progress.tried, progress.not_done = None, True, result
            return None
        reason = f"{reason}; it was not sent again, because {why_not}"
    return NotExecuted(write.not_executed(progress.key, reason))


def _why_not_again(
    write: Write[T], progress: Progress[T], result: NotDone[T], now: float
) -> str | None:
    policy = write.context.policy
    if not policy.resend:
        return "the policy forbids it"
    if not retry_rule(write.operation).resend_when_absent or not result.may_go_again:
        return "nothing at the exchange would stop a second one"
    if progress.attempts >= policy.rounds:
        return f"it was sent {progress.attempts} times"
    return write.limits.write_refusal(now)
