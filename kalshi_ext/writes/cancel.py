"""Writes that are repeated at once, without the journal: cancels, deletions, wanted states.

A repeat of them ends in the same state, and a cancel must not wait for a disk. What remains is to
tell success from failure: a repeat of an executed cancel answers 404, with the same bytes for a
cancelled, an executed and an unknown order (observed), and a cancel that names no shard misses
orders on the others (documented). So a 404 is not the verdict: the order is read until it is over,
or cancelled where it rests.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from attrs import evolve

from kalshi_ext.contracts.interface import Contract
from kalshi_ext.errors import KalshiError, NotFound, OutcomeUnknown, Refused
from kalshi_ext.models import Order, OrderAck
from kalshi_ext.protocol.flow import Context, Flow, Now, Sleep, send_with_retries
from kalshi_ext.protocol.messages import Call
from kalshi_ext.protocol.rate_limits import CHEAP_COST
from kalshi_ext.requests import Target
from kalshi_ext.requests.filters import ListQuery
from kalshi_ext.writes import journal_codec
from kalshi_ext.writes.lookup import (
    MAX_CONSECUTIVE_404,
    order_ended_error,
    read_historical,
    read_live,
)
from kalshi_ext.writes.outcomes import (
    Executed,
    NotExecuted,
    Unknown,
    WriteOutcome,
    cancel_contradiction,
    judge,
    proves_not_executed,
)
from kalshi_ext.writes.probes import list_reader
from kalshi_ext.writes.watermark import PollSchedule

T = TypeVar("T")


def cancel(contract: Contract, target: Target, context: Context) -> Flow[OrderAck]:
    """Cancel an order; one that is cancelled already is a success, `replayed`."""
    outcome = yield from _send_cancel(contract, target, target.order_id, context)
    if isinstance(outcome, Executed):
        return outcome.value
    if isinstance(outcome, NotExecuted) and not isinstance(outcome.error, NotFound):
        raise outcome.error
    return (yield from _resolve(contract, target, outcome.error, context))


def _send_cancel(
    contract: Contract, target: Target, order_id: str, context: Context
) -> Flow[WriteOutcome[OrderAck]]:
    call = contract.orders.cancel(target)
    response = yield from send_with_retries(call, context, cost=CHEAP_COST)
    outcome = judge(call, response, context, order_id=order_id)
    if isinstance(outcome, Executed):
        contradiction = cancel_contradiction(order_id, outcome.value)
        if contradiction is not None:
            return Unknown(_unknown_error(call, order_id, contradiction))
    return outcome


def _resolve(
    contract: Contract, target: Target, error: KalshiError, context: Context
) -> Flow[OrderAck]:
    """Read what the order is; where it still rests, cancel it where it lives."""
    schedule = PollSchedule(context.policy, (yield Now()))
    misses = 0
    while True:
        order, missing = yield from read_live(contract, target.order_id, context)
        # Without a ticker all of history would be read, for what may be no order of ours at all.
        if missing and target.ticker is not None:
            order = yield from read_historical(contract, target.order_id, target.ticker, context)
        if order is not None:
            ack = yield from _cancel_if_resting(contract, target, order, error, context)
            if ack is not None:
                return ack
        misses = misses + 1 if missing else 0
        expired = schedule.expired((yield Now()))
        if missing and isinstance(error, NotFound) and (misses >= MAX_CONSECUTIVE_404 or expired):
            raise error
        if expired:
            raise (
                error if isinstance(error, OutcomeUnknown) else _unresolved(contract, target, error)
            )
        yield Sleep(schedule.next_wait())


def _cancel_if_resting(
    contract: Contract, target: Target, order: Order, error: KalshiError, context: Context
) -> Flow[OrderAck | None]:
    """Return the order when it is cancelled; cancel it where it seems to rest."""
    if order.status == "canceled":
        return journal_codec.ack_of(order)
    if order.status == "executed":
        raise order_ended_error("orders.cancel", order) from error
    located = target
    if contract.has_watermark:  # a cancel without ticker or shard goes to shard 0 (documented)
        located = evolve(target, ticker=order.ticker, exchange_index=order.exchange_index)
    outcome = yield from _send_cancel(contract, located, target.order_id, context)
    if isinstance(outcome, Executed):
        return outcome.value
    # After a first attempt in doubt a refusal may mean that it was executed: read on.
    first_not_executed = isinstance(error, NotFound)
    if (
        first_not_executed
        and isinstance(outcome, NotExecuted)
        and not isinstance(outcome.error, NotFound)
    ):
        raise outcome.error
    return None


def _unresolved(contract: Contract, target: Target, error: KalshiError) -> OutcomeUnknown:
    call = contract.orders.cancel(target)
    return _unknown_error(call, target.order_id, f"it could not be found out: {error.args[0]}")


def _unknown_error(call: Call[Any], order_id: str, reason: str) -> OutcomeUnknown:
    message = f"{call.operation.facade} of {order_id}: {reason}"
    return OutcomeUnknown(message, operation=call.operation.id, order_id=order_id)


def cancel_many(
    contract: Contract, targets: Sequence[Target], context: Context
) -> Flow[list[OrderAck | KalshiError]]:
    """Cancel orders in one request; what it left open is cancelled or looked up one by one."""
    call = contract.orders.cancel_many(targets)
    # A batch is billed for each of its orders; a cancel costs 2 tokens, not 10 (documented).
    response = yield from send_with_retries(call, context, cost=CHEAP_COST * len(targets))
    outcome = judge(call, response, context)
    if isinstance(outcome, NotExecuted) and not isinstance(outcome.error, NotFound):
        raise outcome.error
    entries = outcome.value if isinstance(outcome, Executed) else []
    by_id = {entry.order_id: entry for entry in entries if entry.order_id}
    results: list[OrderAck | KalshiError] = []
    for target in targets:
        entry = by_id.get(target.order_id)
        if entry is None or _is_undecided(entry):
            results.append((yield from _cancel_or_error(contract, target, context)))
        else:
            results.append(entry)
    return results


def _is_undecided(entry: OrderAck | Refused) -> bool:
    """Say whether an entry leaves open what became of its order."""
    if isinstance(entry, OrderAck):
        return cancel_contradiction(entry.order_id, entry) is not None
    return (
        isinstance(entry, NotFound) or entry.code == "not_found" or not proves_not_executed(entry)
    )


def _cancel_or_error(
    contract: Contract, target: Target, context: Context
) -> Flow[OrderAck | KalshiError]:
    try:
        return (yield from cancel(contract, target, context))
    except KalshiError as error:
        return error


def delete_group(
    contract: Contract, group_id: str, subaccount: int | None, shard: int | None, context: Context
) -> Flow[None]:
    """Delete an order group, which cancels its orders (documented)."""
    call = contract.order_groups.delete(group_id, subaccount, shard)
    response = yield from send_with_retries(call, context)
    outcome = judge(call, response, context)
    if isinstance(outcome, Executed):
        return
    # A 404 after an attempt that may have been executed: the list says whether the group is gone.
    if isinstance(outcome.error.__cause__, NotFound):
        listing = contract.order_groups.list(ListQuery(subaccount=subaccount))
        groups = yield from list_reader(listing, context)()
        if groups is not None and group_id not in {group.id for group in groups}:
            return
    raise outcome.error


def send_idempotent(call: Call[T], context: Context) -> Flow[T]:
    """Send a write whose outcome no read can tell; the retry policy says whether it is repeated."""
    response = yield from send_with_retries(call, context)
    outcome = judge(call, response, context)
    if isinstance(outcome, Executed):
        return outcome.value
    raise outcome.error
