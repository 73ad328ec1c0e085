"""The stop button: shut the latch, end what rests, and look until nothing does.

    1  the latch is shut in this process: what waits in a queue sends nothing any more
    2  it is kept in the record of stops, durably; where that fails the stop goes on, and says so
    3  automatic groups are triggered: what rests in them ends, what arrives later is refused
    4  cancel_all, where the whole account or a subaccount is stopped; else the next step does it
    5  what is seen to rest is cancelled, in batches
    6  again from 3 with what was not confirmed, until a look proves that nothing rests

Each request of a round is sent once and has seconds: one that hangs holds no other up. A look
proves it when every row of a list could be read, the watermark before it lies after the last
cancel, and no order without a verdict can still arrive: each is in a group that refuses it, and
that no late reset can open, or so old that no copy of it is accepted any more. What was not read is
never taken for nothing.

A latch of a market or an event triggers no group, which may have orders of other markets. Which
markets an event has is read once the first look is over (`event.py`): until then, and where it
cannot be read, a ticker that begins with the event's is of it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from attrs import evolve

from kalshi_ext.contracts.interface import Contract
from kalshi_ext.errors import BadRequest, Forbidden, KalshiError, Misuse, NotFound, Refused, Retired
from kalshi_ext.journal import Entry, JournalError
from kalshi_ext.journal.stop_record import Latch, Standing
from kalshi_ext.models import Order, OrderAck
from kalshi_ext.protocol import telling
from kalshi_ext.protocol.flow import (
    Context,
    Flow,
    Monotonic,
    Record,
    Sleep,
    begin_call,
    send_with_retries,
)
from kalshi_ext.protocol.limits import ALL, Deadline, Scope
from kalshi_ext.protocol.messages import Call, Lost, Reply
from kalshi_ext.protocol.pagination import Paginator, collect
from kalshi_ext.reads.orders import answered
from kalshi_ext.reads.watermark import PollWaits, SentAt, Watermark, read_watermark
from kalshi_ext.requests import Target
from kalshi_ext.requests.filters import ListQuery
from kalshi_ext.stop.auto_groups import without
from kalshi_ext.stop.counts import report_of
from kalshi_ext.stop.event import learn_markets
from kalshi_ext.stop.report import StoppedGroup, StopReport
from kalshi_ext.stop.run import JOURNAL_WITHIN, Run, groups_of, read_resting
from kalshi_ext.writes.outcomes import Executed, is_stray, judge
from kalshi_ext.writes.recovery import sent_at
from kalshi_ext.writes.wanted_state import forget_gone, send_idempotent

BATCH: Final = 20  # orders of one cancel at most: of today's contract 40 tokens


def stop(
    contract: Contract,
    context: Context,
    latch: Latch,
    *,
    verify: bool = True,
    deadline: Deadline | None = None,
) -> Flow[StopReport]:
    """Shut a latch and end what it covers; return what is known of it then."""
    limits = yield from begin_call(context, deadline)
    run = Run(contract, context, limits, latch)
    contract.orders.list(run.query)  # refuses what the contract cannot say
    context.stops.shut(latch)
    telling.latch_moved(context.events, latch.by, [latch.scope])
    yield from _keep(run)
    run.sent = SentAt(limits.started)
    run.groups = dict(groups_of(context.stops.record.read(), latch))
    # A reset of a group that was still to be sent would let it trade after all.
    scopes: list[Scope] = [("group", name) for name in run.groups]
    context.stops.add([ALL] if latch.scope == "all" else scopes, latch.by, limits.started)
    # The exchange's own sweep knows whole accounts and subaccounts only.
    run.cancels_all = contract.has_watermark and not (latch.ticker or latch.event_ticker)
    if verify:
        yield from _end_and_look(run)
    else:
        yield from _end_once(run)
    if latch.event_ticker is not None and (yield from learn_markets(run)):
        yield from (_end_and_look(run) if verify else _end_once(run))
    return (yield from report_of(run, verified=verify))


def _keep(run: Run) -> Flow[None]:
    latch = run.latch
    try:
        yield Record("change_stops", (partial(_shut, latch),), JOURNAL_WITHIN)
    except KalshiError as error:  # of the journal: money at the exchange is the more urgent
        run.latch_error = str(error.args[0])


def _shut(latch: Latch, standing: Standing) -> Standing:
    return standing.shut(latch).noted("stop", scope=latch.scope, by=latch.by)


def _end_and_look(run: Run) -> Flow[None]:
    waits = PollWaits(run.context.policy)
    while not (yield from _round(run)):
        run.rounds += 1
        left = run.limits.ends - (yield Monotonic())
        if left <= run.context.policy.poll:
            return
        # The last round gets some of the time: one that it has not shows less than the one before.
        yield Sleep(min(waits.next_wait(), left / 2))
    run.proven = True


def _round(run: Run) -> Flow[bool]:
    """End what rests and look; say whether the look proved that nothing does."""
    yield from _end_what_is_named(run)
    run.unread.clear()
    watermark = yield from read_watermark(run.contract, run.quick(), run.limits)
    yield from read_resting(run)
    yield from _read_undecided(run, watermark)
    if watermark.as_of is None:
        run.unread["how fresh reads are"] = str(watermark.error or "no answer tells it")
    if run.unread or run.resting or run.undecided:
        yield from _cancel_resting(run, watermark)
        return False
    return _all_ended(run) and run.sent.visible(watermark)


def _all_ended(run: Run) -> bool:
    return not run.cancels_all and all(group.triggered for group in run.groups.values())


def _end_once(run: Run) -> Flow[None]:
    """Send everything once, and look at nothing but what there is to cancel."""
    yield from _end_what_is_named(run)
    if run.latch.ticker or run.latch.event_ticker or not run.contract.has_watermark:
        yield from read_resting(run)
        yield from _cancel_resting(run, Watermark())


def _end_what_is_named(run: Run) -> Flow[None]:
    """Trigger the groups and cancel everything, as far as that is not confirmed."""
    for group in run.groups.values():
        if not group.triggered:
            run.groups[group.id] = yield from _trigger(run, group)
    if run.cancels_all:
        call = run.contract.orders.cancel_all(run.latch.subaccount)
        error = yield from _send(run, call)
        # A refusal is no reason to ask again: what rests is cancelled one by one.
        run.cancels_all = error is not None and not isinstance(error, _FINAL)


# Refusals that another request like it would meet too.
_FINAL: Final = (BadRequest, Forbidden, NotFound, Retired)


def _trigger(run: Run, group: StoppedGroup) -> Flow[StoppedGroup]:
    groups, triggers = run.contract.order_groups, run.contract.has_watermark
    if triggers:
        call = groups.trigger(group.id, group.subaccount, group.exchange_index)
    else:
        call = groups.delete(group.id, None, None)
    error = yield from _send(run, call, answers_object=triggers)
    gone = False
    # A deletion is answered with nothing, which anybody in front can say: the list proves it.
    if isinstance(error, NotFound) or (error is None and not triggers):
        gone = yield from _is_gone(run, group)
        error = error or (None if gone else KalshiError("the list of groups does not show it gone"))
    if error is not None and not gone:
        return evolve(group, error=str(error.args[0]))
    if gone or not triggers:  # it is no more: the next order makes another one
        try:
            yield Record("change_stops", (partial(without, group.id),), JOURNAL_WITHIN)
        except KalshiError as problem:
            run.latch_error = str(problem.args[0])
    return evolve(group, triggered=True, error=None)


def _is_gone(run: Run, group: StoppedGroup) -> Flow[bool]:
    """Say whether the list of groups, read whole, does not have one: deleting it ended it."""
    paginator = Paginator(
        run.contract.order_groups.list(ListQuery()), run.quick(), limits=run.limits,
        invalid="any_row",
    )  # fmt: skip
    listed = yield from answered(collect(paginator))
    if listed is None:
        return False
    return paginator.keyed and group.id not in {each.id for each in listed}


def _send(run: Run, call: Call[Any], *, answers_object: bool = False) -> Flow[KalshiError | None]:
    """Send a request that ends orders, once; return why it is not confirmed.

    `answers_object`: the exchange confirms it with `{}` (documented), anybody may with nothing.
    """
    response = yield from _send_once(run, call)
    if isinstance(response, Lost) and not response.bytes_sent:
        run.refusal = response.reason
        return KalshiError(response.reason)
    run.sent = SentAt(response.sent_at, response.stamp)
    outcome = judge(call, response, run.context)
    if isinstance(outcome, Executed):
        if is_stray(outcome.value, response):
            return KalshiError("its answer belongs to another request")
        says_yes = isinstance(response, Reply) and response.body.strip() == b"{}"
        return None if says_yes or not answers_object else KalshiError("its answer says nothing")
    run.refusal = str(outcome.error.args[0])
    cause = outcome.error.__cause__
    return cause if isinstance(cause, NotFound) else outcome.error


def _send_once(run: Run, call: Call[Any]) -> Flow[Reply | Lost]:
    context, pacer = run.quick(), run.context.pacer
    # By numbers that the exchange told, which may be wrong: a stop goes all the same.
    if pacer is not None and pacer.cost(call) > pacer.bucket(call).capacity:
        context = evolve(context, pacer=None)
    return (yield from send_with_retries(call, context, retry=False, limits=run.limits))


def _most_entries(run: Run, batch: Call[Any]) -> int:
    """Return how many entries of a batch its bucket of tokens can hold."""
    pacer = run.context.pacer
    if pacer is None:
        return BATCH
    each = pacer.costs.each(batch.operation)
    return max(1, int(min(BATCH, pacer.bucket(batch).capacity / max(each, 0.01))))


def _read_undecided(run: Run, watermark: Watermark) -> Flow[None]:
    """Find the orders without a verdict that may still arrive and rest."""
    run.undecided = []
    try:
        entries: list[Entry] = yield Record("open_entries", (None,), JOURNAL_WITHIN)
    except JournalError as error:
        run.unread["the journal"] = str(error.args[0])
        return
    now: float = yield Monotonic()
    life = run.context.policy.signature_life
    yield from forget_gone(run.context, now)
    for entry in entries:
        if not _is_covered(run, entry):
            continue
        sent, _ = sent_at(entry, run.context, now)
        if not sent.visible(watermark, life):
            run.undecided.append(entry.key)


def _is_covered(run: Run, entry: Entry) -> bool:
    """Say whether an order is one to stop, and in no group that refuses it."""
    ticket: dict[str, Any] = json.loads(entry.ticket)
    is_order = ticket.get("kind", "order") == "order"
    if not is_order or not run.latch.covers(entry.ticker or "", entry.subaccount or 0):
        return False
    group = run.groups.get(ticket.get("order_group_id", ""))
    if group is None or not group.triggered:
        return True
    return run.context.stray_writes.may_change(("group", group.id))  # a late reset opens it


def _cancel_resting(run: Run, watermark: Watermark) -> Flow[None]:
    # One that was cancelled may be shown for a while: reads lag behind writes.
    known: list[Order | Target] = [*run.resting, *run.half_read.values()]
    targets = [_target(run.contract, each) for each in known]
    wanted = [
        target
        for target in targets
        if target.order_id not in run.cancelled or run.cancelled[target.order_id].visible(watermark)
    ]
    for start in range(0, len(wanted), BATCH):
        yield from _cancel_batch(run, wanted[start : start + BATCH])


def _cancel_batch(run: Run, targets: Sequence[Target]) -> Flow[None]:
    by_id = {target.order_id: target for target in targets}
    call = run.contract.orders.cancel_many(targets)
    most = _most_entries(run, call)
    if len(targets) > most:
        for start in range(0, len(targets), most):
            yield from _cancel_batch(run, targets[start : start + most])
        return
    response = yield from _send_once(run, call)
    if isinstance(response, Lost) and not response.bytes_sent:
        run.refusals.update(dict.fromkeys(by_id, response.reason))
        return
    run.sent = sent = SentAt(response.sent_at, response.stamp)
    outcome = judge(call, response, run.context)
    if not isinstance(outcome, Executed):
        run.refusals.update(dict.fromkeys(by_id, str(outcome.error.args[0])))
        return
    for entry in outcome.value:
        if isinstance(entry, OrderAck) and entry.order_id in by_id:
            run.cancelled[entry.order_id] = sent
        elif isinstance(entry, Refused) and entry.order_id in by_id:
            run.refusals[entry.order_id or ""] = str(entry.args[0])


def _target(contract: Contract, order: Order | Target) -> Target:
    if not contract.has_watermark:  # the classic contract has nothing but the id
        return Target.of(order.order_id)
    return order if isinstance(order, Target) else Target.of(order)


def cancel_all(
    contract: Contract,
    context: Context,
    subaccount: int | None,
    *,
    deadline: Deadline | None = None,
) -> Flow[StopReport]:
    """Cancel everything that rests, and read once what came of it; it shuts no latch.

    Raises what the cancel raises; a read that fails afterwards is said in the report.
    """
    call = contract.orders.cancel_all(subaccount)
    limits = yield from begin_call(context, deadline)
    scope: Scope = ALL if subaccount is None else ("subaccount", subaccount)
    yield from send_idempotent(call, context, deadline=deadline, stops=scope)
    run = Run(contract, context, limits, Latch(subaccount=subaccount, by="orders.cancel_all"))
    run.latch_error = "cancel_all shuts none"
    run.refusal = "reads may not show yet that it was cancelled"
    try:
        yield from read_resting(run)
        return (yield from report_of(run, verified=False, counts=True))
    except Misuse as error:  # the client was closed meanwhile, and the cancel was done all the same
        run.resting, run.unread["resting orders"] = [], str(error.args[0])
        return (yield from report_of(run, verified=False))
