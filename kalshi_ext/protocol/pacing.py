"""Waiting for the rate limit's leave: before each attempt of each request, retries too.

The account's numbers are not read before they matter: a call that would have to wait, or whose
batch is larger than the bucket that is assumed, reads them first, and so does the one after a 429.
So a bot that stays below the Basic tier never asks, and the first order waits for nothing. Stops
and cancels never ask: they go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from kalshi_ext.errors import KalshiError, Misuse
from kalshi_ext.events import BudgetFailed, BudgetLearned, BudgetRecovered
from kalshi_ext.protocol import responses, telling
from kalshi_ext.protocol.context import Context
from kalshi_ext.protocol.effects import Flow, Lease, Monotonic, Send, Sleep
from kalshi_ext.protocol.limits import CallLimits
from kalshi_ext.protocol.messages import Call, Lost, Reply
from kalshi_ext.protocol.pacer import Pacer, Permit, is_urgent
from kalshi_ext.redact import clean_text

if TYPE_CHECKING:
    from kalshi_ext.budget.store import BudgetStore, Demand, Grant

T = TypeVar("T")

_LEASE_NAP = 0.02  # seconds between two looks at what another request of the process got
_LEARN_WITHIN = 2.0  # seconds for each of the two reads


def take_turn(
    call: Call[Any], context: Context, limits: CallLimits | None
) -> Flow[Permit | str | None]:
    """Wait until a request may be sent; return its permit, or why that cannot be waited for.

    Raises Misuse for a request that no bucket of the account can hold.
    """
    pacer = context.pacer
    if pacer is None:
        if call.operation.writes or not context.throttle.interval:
            return None
        return (yield from _throttled(call, context, limits))
    urgent = is_urgent(call.operation) or (limits is not None and not call.operation.writes)
    now: float = yield Monotonic()
    permit: Permit | None = None
    try:
        permit = pacer.take_permit(call, urgent=urgent, now=now)
    except Misuse:  # no bucket can hold it, by numbers that may be assumed or old
        if not pacer.should_learn(now):
            raise
    if permit is None:
        yield from _learn(pacer, context, limits)
        now = yield Monotonic()
        permit = pacer.take_permit(call, urgent=urgent, now=now)
    began, is_told = now, False
    try:
        while (wait := pacer.wait(permit, now)) > 0:
            if (reason := _refusal(call, limits, now, wait)) is not None:
                return reason
            if not is_told:
                is_told = True
                telling.wait_began(context.events, call, wait, "for the rate limit")
            if not urgent and pacer.should_learn(now):
                yield from _learn(pacer, context, limits)
            elif pacer.store is not None:
                yield from _lease(pacer, pacer.store, permit, context)
            else:
                yield Sleep(_nap(wait, pacer))
            now = yield Monotonic()
        permit.waited = now - began
        return permit
    finally:
        if not permit.turn.sent:  # an interrupt, too, gives its tokens back
            pacer.give_back(permit)


def _lease(pacer: Pacer, store: BudgetStore, permit: Permit, context: Context) -> Flow[None]:
    """Get tokens of a shared budget, or wait while another request of this process does."""
    demand = pacer.demand(permit)
    if demand is None:
        yield Sleep(_LEASE_NAP)
        return
    try:
        grant = yield from _ask_store(pacer, store, demand, context)
        if grant.wait > 0 and not (demand.urgent and grant.wait < _LEASE_NAP):
            yield Sleep(grant.wait)
        pacer.credit(permit, grant.tokens, (yield Monotonic()))
    finally:
        if not demand.urgent:
            permit.bucket.is_leasing = False


def _ask_store(pacer: Pacer, store: BudgetStore, demand: Demand, context: Context) -> Flow[Grant]:
    """Ask a store for tokens; where it does not answer, grant them as if nobody else drew on it."""
    from kalshi_ext.budget.store import Grant  # loaded with the store

    alone = Grant(demand.cost, demand.cost / demand.rate)
    if pacer.trouble.rests((yield Monotonic())):
        return alone
    try:
        grant: Grant = yield Lease(store, demand)
    except Exception as error:  # noqa: BLE001 - of any store
        reason = clean_text(f"{type(error).__name__}: {error}", 300)
        retry = pacer.trouble.failed(reason, (yield Monotonic()))
        context.events.emit(BudgetFailed(reason=reason, retry=retry))
        return alone
    if pacer.trouble.reason is not None:
        seconds = pacer.trouble.answered((yield Monotonic()))
        if seconds is not None:
            context.events.emit(BudgetRecovered(seconds=seconds))
    return grant


def return_tokens(context: Context) -> Flow[None]:
    """Give back what was leased and is not used, as a client does that ends."""
    pacer = context.pacer
    if pacer is None or pacer.store is None:
        return
    now: float = yield Monotonic()
    if pacer.trouble.rests(now):
        return
    for demand in pacer.returns(now):
        try:
            yield Lease(pacer.store, demand)
        except Exception:  # noqa: BLE001 - as what a process holds that dies, it comes back by itself
            return


def _nap(wait: float, pacer: Pacer) -> float:
    """Return how long to sleep of a wait: a stop or new numbers may end it sooner."""
    if pacer.is_learning:
        return min(wait, 0.1)
    # Half of what is left, so that a long queue is not all awake all the time.
    return min(wait, max(1.0, wait / 2))


def _refusal(call: Call[Any], limits: CallLimits | None, now: float, wait: float) -> str | None:
    if limits is None:
        return None
    if call.operation.writes and (stop := limits.stop()) is not None:
        return stop
    reason = limits.refusal(now + wait)
    if reason is None:
        return None
    return f"the rate limit allows it in {wait:.1f} s only: {reason} by then"


def _throttled(call: Call[Any], context: Context, limits: CallLimits | None) -> Flow[str | None]:
    """Space reads out after a 429, where pacing is off."""
    now: float = yield Monotonic()
    wait = context.throttle.reserve(now)
    if wait <= 0:
        return None
    reason = _refusal(call, limits, now, wait)
    if reason is not None:
        context.throttle.release()
    else:
        telling.wait_began(context.events, call, wait, "spaced out after a 429")
        yield Sleep(wait)
    return reason


def settle(context: Context, permit: Permit | None, outcome: Reply | Lost | None) -> None:
    """Take in what became of the attempt for which a turn was taken; None: it was not made."""
    pacer = context.pacer
    if pacer is None or permit is None:
        return
    if outcome is None or (isinstance(outcome, Lost) and not outcome.bytes_sent):
        pacer.give_back(permit)
        return
    if isinstance(outcome, Reply):  # a lost one counts as arrived after a while
        pacer.answered(permit, refused=outcome.status == 429, now=outcome.received_at)


def _learn(pacer: Pacer, context: Context, limits: CallLimits | None) -> Flow[None]:
    """Read the account's limits and costs once; what cannot be read stays as it is."""
    if context.budget_calls is None:
        return
    limits_call, costs_call = context.budget_calls()
    pacer.is_learning = True
    try:
        account = yield from _ask(limits_call, pacer, context, limits)
        if account is not None:
            costs = yield from _ask(costs_call, pacer, context, limits)
            pacer.learn(account, costs, (yield Monotonic()))
            read, write = (
                (float(each.refill_rate), float(each.bucket_capacity))
                for each in (account.read, account.write)
            )
            context.events.emit(BudgetLearned(read=read, write=write))
    finally:
        pacer.is_learning = False


def _ask(
    call: Call[T], pacer: Pacer, context: Context, limits: CallLimits | None
) -> Flow[T | None]:
    now: float = yield Monotonic()
    timeout = min(_LEARN_WITHIN, context.policy.timeout)
    if limits is not None:
        timeout = limits.timeout(timeout, now)
    permit = pacer.take_permit(call, urgent=True, now=now)
    if pacer.wait(permit, now) > 0:
        if timeout <= 0 or pacer.store is None:
            pacer.give_back(permit)
            return None
        pacer.send(permit, now)  # one request ahead of its lease
    send = Send(call.request, call.operation.public, timeout, operation=call.operation)
    outcome: Reply | Lost = yield send
    settle(context, permit, outcome)
    if isinstance(outcome, Lost) or outcome.status != 200:
        if isinstance(outcome, Reply) and outcome.status in (404, 410):
            pacer.is_not_told(outcome.received_at)
        return None
    try:
        return responses.decode(call, outcome, context.deviations)
    except KalshiError:
        return None
