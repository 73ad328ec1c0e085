"""Cancel orders, and find out what became of them.

Not journalled: a cancel may be repeated, and must not wait for a disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import evolve

from kalshi_ext.contracts.interface import Contract
from kalshi_ext.errors import KalshiError, NotFound, OutcomeUnknown, Refused
from kalshi_ext.models import Order, OrderAck
from kalshi_ext.protocol.flow import Context, Flow, Now, Sleep, send_with_retries
from kalshi_ext.protocol.messages import Call
from kalshi_ext.protocol.rate_limits import CHEAP_COST
from kalshi_ext.requests import Target
from kalshi_ext.writes import journal_codec
from kalshi_ext.writes.lookup import MAX_CONSECUTIVE_404, already_ended, read_historical, read_live
from kalshi_ext.writes.outcomes import (
    Executed,
    NotExecuted,
    Unknown,
    WriteOutcome,
    judge,
    proves_not_executed,
)
from kalshi_ext.writes.watermark import PollSchedule


def cancel(contract: Contract, target: Target, context: Context) -> Flow[OrderAck]:
    """Cancel an order."""
    verdict = yield from _attempt(contract, target, target.order_id, context)
    if isinstance(verdict, Executed):
        return verdict.value
    if isinstance(verdict, NotExecuted) and not isinstance(verdict.error, NotFound):
        raise verdict.error
    return (yield from _resolve(contract, target, verdict.error, context))


def _attempt(
    contract: Contract, target: Target, order_id: str, context: Context
) -> Flow[WriteOutcome[OrderAck]]:
    """Send a cancel; an answer about another order proves nothing."""
    call = contract.orders.cancel(target)
    outcome = yield from send_with_retries(call, context, cost=CHEAP_COST)
    verdict = judge(call, outcome, context, order_id=order_id)
    if isinstance(verdict, Executed) and verdict.value.order_id != order_id:
        return Unknown(_unknown_error(call, order_id, "the answer names another order"))
    return verdict


def _resolve(
    contract: Contract, target: Target, error: KalshiError, context: Context
) -> Flow[OrderAck]:
    """Read what the order is; where it still rests, cancel it where it lives."""
    patience = PollSchedule(context.policy, (yield Now()))
    misses = 0
    while True:
        order, missing = yield from read_live(contract, target.order_id, context)
        if missing and target.ticker is not None:  # else it may be no order of ours at all
            order = yield from read_historical(contract, target.order_id, target.ticker, context)
        if order is not None:
            found = yield from _outcome_of(contract, target, order, error, context)
            if found is not None:
                return found
        misses = misses + 1 if missing else 0
        done = patience.expired((yield Now()))
        if missing and isinstance(error, NotFound) and (misses >= MAX_CONSECUTIVE_404 or done):
            raise error
        if done:
            raise (
                error if isinstance(error, OutcomeUnknown) else _unresolved(contract, target, error)
            )
        yield Sleep(patience.next_wait())


def _outcome_of(
    contract: Contract, target: Target, order: Order, error: KalshiError, context: Context
) -> Flow[OrderAck | None]:
    """Return the order when it is cancelled; cancel it where it seems to rest."""
    if order.status == "canceled":
        return journal_codec.ack_of(order)
    if order.status == "executed":
        raise already_ended("orders.cancel", order) from error
    known = target
    if contract.has_watermark:  # a bare id misses shards
        known = evolve(target, ticker=order.ticker, exchange_index=order.exchange_index)
    verdict = yield from _attempt(contract, known, target.order_id, context)
    if isinstance(verdict, Executed):
        return verdict.value
    first_proved = isinstance(error, NotFound)
    if (
        first_proved
        and isinstance(verdict, NotExecuted)
        and not isinstance(verdict.error, NotFound)
    ):
        raise verdict.error
    return None


def _unresolved(contract: Contract, target: Target, error: KalshiError) -> OutcomeUnknown:
    call = contract.orders.cancel(target)
    return _unknown_error(call, target.order_id, f"it could not be found out: {error.args[0]}")


def _unknown_error(call: Call[Any], order_id: str, why: str) -> OutcomeUnknown:
    said = f"{call.operation.facade} of {order_id}: {why}"
    return OutcomeUnknown(said, operation=call.operation.id, order_id=order_id)


def cancel_many(
    contract: Contract, targets: Sequence[Target], context: Context
) -> Flow[list[OrderAck | KalshiError]]:
    """Cancel orders in one request; what it left open is cancelled or looked up one by one."""
    call = contract.orders.cancel_many(targets)
    outcome = yield from send_with_retries(call, context, cost=CHEAP_COST * len(targets))
    verdict = judge(call, outcome, context)
    if isinstance(verdict, NotExecuted) and not isinstance(verdict.error, NotFound):
        raise verdict.error
    entries = verdict.value if isinstance(verdict, Executed) else []
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
        return False
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
