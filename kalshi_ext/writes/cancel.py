"""Writes that are repeated at once, without the journal: cancels and deletions.

A repeat of them ends in the same state, and a cancel must not wait for a disk or for another write.
What remains is to tell success from failure: a repeat of an executed cancel answers 404, with the
same bytes for a cancelled, an executed and an unknown order (observed), and a cancel that names no
shard misses orders on the others (documented). So a 404 is not the verdict: the order is read until
it is over, or cancelled where it rests.

    the order as read       the cancel ends as
    canceled                done, `replayed`
    executed                OrderClosed, which carries the order
    resting                 cancelled where it lives, then read again
    404, five in a row      NotFound where the cancel met a 404 too, else read again
    reads are forbidden     OutcomeUnknown at once
    `resolve_within` over   OutcomeUnknown

Several orders are looked into in turn, so that one that cannot be read holds no other up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from attrs import define, evolve, field

from kalshi_ext.bases import Printed
from kalshi_ext.contracts.interface import Contract
from kalshi_ext.errors import (
    Forbidden,
    KalshiError,
    Misuse,
    NotFound,
    OutcomeUnknown,
    Refused,
    TimestampExpired,
    Unauthorized,
)
from kalshi_ext.models import Order, OrderAck
from kalshi_ext.protocol import telling
from kalshi_ext.protocol.flow import (
    CallLimits,
    Context,
    Flow,
    begin_call,
    request,
    send_with_retries,
)
from kalshi_ext.protocol.limits import Deadline
from kalshi_ext.protocol.messages import Call
from kalshi_ext.protocol.pagination import Paginator
from kalshi_ext.reads.lookup import MAX_CONSECUTIVE_404, order_ended_error, read_all
from kalshi_ext.reads.orders import read_listed
from kalshi_ext.reads.routing import add_route, locate
from kalshi_ext.reads.watermark import poll
from kalshi_ext.requests import Target
from kalshi_ext.requests.filters import ListQuery
from kalshi_ext.writes import journal_codec
from kalshi_ext.writes import telling as told_writes
from kalshi_ext.writes.outcomes import (
    Executed,
    NotExecuted,
    Unknown,
    WriteOutcome,
    cancel_contradiction,
    judge,
    may_mean_ended,
    proves_not_executed,
    unknown_error,
)
from kalshi_ext.writes.wanted_state import send_until_believable, stop_pending


@define(eq=False, repr=False)
class _Cancel(Printed):
    """One order to cancel: what the exchange answered, and the result once it is known."""

    contract: Contract
    context: Context
    limits: CallLimits
    target: Target
    # A request that may have been executed went before: then no refusal denies anything.
    tried: bool = False
    result: OrderAck | KalshiError | None = None
    answer: KalshiError | None = field(default=None, init=False)
    misses: int = field(default=0, init=False)  # reads in a row that answered 404
    unknown_since: float | None = field(default=None, init=False)  # monotonic

    def send_first(self) -> Flow[None]:
        outcome = yield from self._send(self.target)
        if isinstance(outcome, Executed):
            self.result = outcome.value
            return
        self.answer = outcome.error
        if isinstance(outcome, NotExecuted) and not may_mean_ended(outcome.error):
            self.result = outcome.error

    def _send(self, target: Target) -> Flow[WriteOutcome[OrderAck]]:
        """Send one cancel; after one in doubt no refusal denies anything."""
        call, order_id = self.contract.orders.cancel(target), target.order_id
        response = yield from send_with_retries(
            call, self.context, maybe_executed=self.tried, limits=self.limits
        )
        outcome = judge(call, response, self.context, order_id=order_id)
        if isinstance(outcome, Executed):
            contradiction = cancel_contradiction(order_id, outcome.value)
            if contradiction is not None:
                outcome = Unknown(_unknown_error(call, order_id, contradiction))
        self.tried = self.tried or isinstance(outcome, Unknown)
        if isinstance(outcome, Unknown) and self.unknown_since is None:
            self.unknown_since = yield from told_writes.keyed_opened(
                self.context, call.operation, order_id, outcome.error, self.limits
            )
        return outcome

    def look(self) -> Flow[None]:
        """Read the order once; the result is there where that tells it."""
        contract, context, target = self.contract, self.context, self.target
        order: Order | None = None
        missing = False
        try:
            read = request(contract.orders.get(target.order_id), context, limits=self.limits)
            order = yield from read
        except NotFound:
            missing = True
            # Only here: a cancel waits for no disk.
            self.target = target = yield from locate(contract, target, context)
            # Without a ticker all of history would be read, for what may be no order of ours.
            if target.ticker is not None:
                order = yield from read_listed(
                    contract, target.order_id, target.ticker, context, self.limits
                )
        except TimestampExpired:
            pass  # of the clock, which the next answer may correct
        except (Unauthorized, Forbidden) as refusal:
            self.give_up(f"its order could not be read: {refusal.args[0]}")
            return
        except Misuse:
            raise
        except KalshiError:
            pass  # another read may be answered
        if order is not None and order.order_id == target.order_id:
            self.result = yield from self._cancel_if_resting(order)
            return
        self.misses = self.misses + 1 if missing else 0
        told = isinstance(self.answer, NotFound) and not self.tried
        if (told and self.misses >= MAX_CONSECUTIVE_404) or self._was_refused_otherwise():
            self.result = self.answer

    def _was_refused_otherwise(self) -> bool:
        """Say whether it was refused by other words than a 404: reading on shows no more."""
        answer = self.answer
        return isinstance(answer, Refused) and not isinstance(answer, NotFound | OutcomeUnknown)

    def _cancel_if_resting(self, order: Order) -> Flow[OrderAck | KalshiError | None]:
        """Return the order when it is cancelled; cancel it where it seems to rest."""
        target, answer = self.target, self.answer
        if order.status == "canceled":
            return journal_codec.ack_of(order)
        if order.status == "executed":
            refusal = answer if isinstance(answer, Refused) else None
            return order_ended_error("orders.cancel", order, refusal)
        if self._was_refused_otherwise():
            return answer
        located = target
        if self.contract.has_watermark:  # without ticker or shard it goes to shard 0 (documented)
            located = evolve(
                target,
                ticker=order.ticker,
                exchange_index=order.exchange_index,
                subaccount=order.subaccount if target.subaccount is None else target.subaccount,
            )
        outcome = yield from self._send(located)
        if isinstance(outcome, Executed):
            return outcome.value
        # After a first attempt in doubt a refusal may mean that it was executed: read on.
        if isinstance(answer, NotFound) and isinstance(outcome, NotExecuted):
            return None if isinstance(outcome.error, NotFound) else outcome.error
        return None

    def give_up(self, reason: str) -> None:
        """End as unknown."""
        call = self.contract.orders.cancel(self.target)
        answer = f"{self.answer.args[0]}; " if self.answer is not None else ""
        self.result = _unknown_error(call, self.target.order_id, f"{answer}{reason}")

    def tell(self) -> Flow[None]:
        """Tell how the looking ended, where it began."""
        operation = self.contract.orders.cancel(self.target).operation
        yield from told_writes.keyed_resolved(
            self.context, operation, self.target.order_id, self.result, self.unknown_since
        )


def _unknown_error(call: Call[Any], order_id: str, reason: str) -> OutcomeUnknown:
    message = f"{call.operation.facade} of {order_id}: {reason}"
    return unknown_error(call.operation, message, order_id=order_id)


def cancel(
    contract: Contract, target: Target, context: Context, *, deadline: Deadline | None = None
) -> Flow[OrderAck]:
    """Cancel an order; one that is cancelled already is a success, `replayed`."""
    operation = contract.orders.cancel(target).operation
    steps = _cancel_one(contract, target, context, deadline)
    return (yield from telling.ending(context.events, operation, steps))


def _cancel_one(
    contract: Contract, target: Target, context: Context, deadline: Deadline | None
) -> Flow[OrderAck]:
    limits = yield from begin_call(context, deadline)
    target = add_route(contract, target, context)
    stop_changes([target], "orders.cancel", context, limits)
    wanted = _Cancel(contract, context, limits, target)
    yield from _send_and_settle([wanted], context, limits)
    if isinstance(wanted.result, OrderAck):
        return wanted.result
    assert wanted.result is not None  # noqa: S101 - settled
    raise wanted.result from (wanted.answer if wanted.answer is not wanted.result else None)


def stop_changes(targets: Iterable[Target], by: str, context: Context, limits: CallLimits) -> None:
    """Stop this client's own pending sends of what a cancel covers, before it is sent."""
    ids = [each.order_id for each in targets]
    ids += [each.client_order_id for each in targets if each.client_order_id is not None]
    stop_pending(context, [("order", each) for each in ids], by, limits)


def cancel_many(
    contract: Contract,
    targets: Sequence[Target],
    context: Context,
    *,
    deadline: Deadline | None = None,
) -> Flow[list[OrderAck | KalshiError]]:
    """Cancel orders in one request; what it left open is cancelled or looked up one by one."""
    targets = [add_route(contract, target, context) for target in targets]
    call = contract.orders.cancel_many(targets)
    limits = yield from begin_call(context, deadline)
    stop_changes(targets, "orders.cancel_many", context, limits)
    response = yield from send_with_retries(call, context, limits=limits)
    outcome = judge(call, response, context)
    if isinstance(outcome, NotExecuted) and not isinstance(outcome.error, NotFound):
        raise outcome.error
    entries = outcome.value if isinstance(outcome, Executed) else []
    times = Counter(entry.order_id for entry in entries)  # two for one order prove nothing
    by_id = {entry.order_id: entry for entry in entries if times[entry.order_id] == 1}
    tried = response.maybe_executed or isinstance(outcome, Unknown)
    cancels = [
        _Cancel(
            contract, context, limits, each, tried, _decided(by_id.get(each.order_id), tried=tried)
        )
        for each in targets
    ]
    yield from _send_and_settle(cancels, context, limits)
    return [each.result for each in cancels if each.result is not None]


def _decided(entry: OrderAck | Refused | None, *, tried: bool) -> OrderAck | Refused | None:
    """Return the entry of a batch; None where it leaves open what became of its order."""
    if isinstance(entry, OrderAck):
        return entry if cancel_contradiction(entry.order_id, entry) is None else None
    # The refusal of a repeat tells nothing about the batch before it.
    if entry is None or tried or isinstance(entry, NotFound) or entry.code == "not_found":
        return None
    return entry if proves_not_executed(entry) else None


def _send_and_settle(
    cancels: Sequence[_Cancel], context: Context, limits: CallLimits
) -> Flow[None]:
    """Cancel what has no result, and look into it until each has one or time is over."""
    pending = [each for each in cancels if each.result is None]
    reason = f"no read told what became of it within {limits.ends - limits.started:g} s"

    def look() -> Flow[bool | None]:
        for each in pending:
            if each.result is None:
                yield from each.look()
        return True if all(each.result is not None for each in pending) else None

    try:
        # All are sent before one is looked into: an order that rests is the more urgent.
        for each in pending:
            yield from each.send_first()
        yield from poll(look, context, limits)
    except Misuse as error:  # the client is closed, or its bucket too small for one request
        # A batch went before: what it did, or may have done, is not unsaid.
        if not any(each.answer or each.tried or each.result for each in cancels):
            raise
        reason = str(error.args[0])
    for each in pending:
        if each.result is None:
            each.give_up(reason)
        yield from each.tell()


def delete_group(
    contract: Contract,
    group_id: str,
    subaccount: int | None,
    shard: int | None,
    context: Context,
    *,
    deadline: Deadline | None = None,
) -> Flow[None]:
    """Delete an order group, which cancels its orders (documented)."""
    call = contract.order_groups.delete(group_id, subaccount, shard)
    limits = yield from begin_call(context, deadline)
    stop_pending(context, [("group", group_id)], call.operation.facade, limits)
    steps = _delete_group(contract, call, group_id, subaccount, context, limits)
    yield from telling.ending(context.events, call.operation, steps)


def _delete_group(
    contract: Contract,
    call: Call[None],
    group_id: str,
    subaccount: int | None,
    context: Context,
    limits: CallLimits,
) -> Flow[None]:
    outcome, _ = yield from send_until_believable(call, context, limits)
    if isinstance(outcome, Executed):
        return
    # A 404 after an attempt that may have been executed: the list says whether the group is gone.
    if isinstance(outcome.error.__cause__, NotFound):
        listing = contract.order_groups.list(ListQuery(subaccount=subaccount))
        paginator = Paginator(listing, context, limits=limits)
        try:
            groups, reached_end = yield from read_all(paginator)
        except Misuse as error:  # the client was closed: what was sent stays in doubt
            outcome.error.args = (f"{outcome.error.args[0]}; {error.args[0]}",)
            raise outcome.error from error
        whole = reached_end and paginator.keyed and not paginator.invalid_rows
        if whole and group_id not in {group.id for group in groups}:
            return
    raise outcome.error
