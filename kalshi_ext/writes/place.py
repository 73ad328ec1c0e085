"""Place orders, each exactly once.

The intent is in the journal before the first byte leaves. Then: send; where the answer proves
nothing, look; where the order is proven absent, send the same order under the same id again. One
rule keeps this safe whatever the exchange's own duplicate check does: an ambiguous order is
either seen, or no copy of it can be accepted any more, before it is sent again.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import TypeAlias

from attrs import define, field

from kalshi_ext.contracts.interface import Contract
from kalshi_ext.errors import (
    DuplicateIdConflict,
    DuplicateOrder,
    KalshiError,
    Misuse,
    NotSent,
    OutcomeUnknown,
    Refused,
)
from kalshi_ext.journal import State, Transition
from kalshi_ext.models import OrderAck
from kalshi_ext.protocol.flow import Context, Flow, Now, send_with_retries
from kalshi_ext.protocol.messages import Call, Lost, Reply
from kalshi_ext.protocol.rate_limits import DEFAULT_COST
from kalshi_ext.protocol.retry_policy import retry_rule
from kalshi_ext.requests import OrderTicket
from kalshi_ext.writes import journal_codec, reservation
from kalshi_ext.writes.lookup import look_up_orders
from kalshi_ext.writes.outcomes import (
    Executed,
    NotExecuted,
    Unknown,
    WriteOutcome,
    judge,
    match_entries,
    match_found_order,
)

PlaceResult: TypeAlias = OrderAck | KalshiError
Batch: TypeAlias = Call[list[OrderAck | Refused]]


@define
class Placement:
    """The orders of one call on their way: what is pending and what has an outcome."""

    contract: Contract
    context: Context
    call: Batch  # built from all tickets, which also checked what the contract can say
    tickets: dict[str, OrderTicket] = field(
        factory=dict[str, OrderTicket]
    )  # those this flow drives
    outcomes: dict[str, PlaceResult] = field(factory=dict[str, PlaceResult])
    attempts: dict[str, int] = field(factory=dict[str, int])  # of this call
    earlier_attempts: dict[str, int] = field(factory=dict[str, int])  # attempts of earlier calls
    reserved_at: float = 0.0

    def pending(self) -> list[OrderTicket]:
        """Return the orders without an outcome."""
        return [ticket for key, ticket in self.tickets.items() if key not in self.outcomes]


def place(contract: Contract, ticket: OrderTicket, context: Context) -> Flow[OrderAck]:
    """Place one order; raises what became of it where it was not accepted."""

    def build(tickets: Sequence[OrderTicket]) -> Batch:
        return contract.orders.place(tickets[0]).map(lambda ack: [ack])

    (outcome,) = yield from _execute(contract, [ticket], build, context)
    if isinstance(outcome, KalshiError):
        raise outcome
    return outcome


def place_many(
    contract: Contract, tickets: Sequence[OrderTicket], context: Context
) -> Flow[list[PlaceResult]]:
    """Place orders in one request; one outcome for each ticket, in their order.

    Raises only where every order met the same refusal or none was sent.
    """
    keys = [ticket.client_order_id for ticket in tickets]
    if len(set(keys)) < len(keys):
        twice = next(key for key in keys if keys.count(key) > 1)
        raise DuplicateIdConflict(f"tickets: {twice!r} stands twice", client_order_id=twice)
    outcomes = yield from _execute(contract, tickets, contract.orders.place_many, context)
    first = outcomes[0]
    if isinstance(first, KalshiError) and all(outcome is first for outcome in outcomes):
        raise first
    return outcomes


def _execute(
    contract: Contract,
    tickets: Sequence[OrderTicket],
    build: Callable[[Sequence[OrderTicket]], Batch],
    context: Context,
) -> Flow[list[PlaceResult]]:
    placing = Placement(contract, context, build(tickets))
    done = False
    try:
        yield from reservation.reserve(placing, placing.call.operation.id, tickets)
        for _ in range(context.policy.rounds):
            pending = placing.pending()
            if not pending:
                break
            call = placing.call if len(pending) == len(tickets) else build(pending)
            yield from send_pending(placing, call, pending)
        done = True
        return [placing.outcomes[ticket.client_order_id] for ticket in tickets]
    finally:
        # Whatever ends this flow, an interrupt too, nobody drives its entries from here on.
        for ticket in placing.pending() if done else placing.tickets.values():
            context.pending_writes.add(ticket.ticker, ticket.client_order_id)
        context.locks.release(placing)


def send_pending(placing: Placement, call: Batch, pending: list[OrderTicket]) -> Flow[None]:
    """Send what is pending once, and find out what became of it."""
    try:
        outcome = yield from send_with_retries(
            call, placing.context, cost=DEFAULT_COST * len(pending)
        )
    except Misuse as error:  # larger than its bucket, or the client is closed: not sent
        yield from record_outcomes(
            placing, {t.client_order_id: NotExecuted(error) for t in pending}
        )
        return
    verdicts = _outcomes(call, pending, outcome, placing.context)
    yield from record_outcomes(placing, verdicts)
    unproven = {key: v for key, v in verdicts.items() if isinstance(v, Unknown)}
    if unproven:
        yield from resolve_unknown(placing, unproven, outcome.sent_at)


def _outcomes(
    call: Batch, pending: list[OrderTicket], outcome: Reply | Lost, context: Context
) -> dict[str, WriteOutcome[OrderAck]]:
    if len(pending) == 1:
        ticket = pending[0]
        known = {"client_order_id": ticket.client_order_id, "ticket": ticket}
        whole = judge(call, outcome, context, **known)
    else:
        whole = judge(call, outcome, context)
    if isinstance(whole, Executed):
        return match_entries(call.operation, pending, whole.value)
    return {ticket.client_order_id: whole for ticket in pending}


def record_outcomes(placing: Placement, verdicts: dict[str, WriteOutcome[OrderAck]]) -> Flow[None]:
    """Record what is known and keep it as the outcome; what is not known becomes unknown."""
    now = yield Now()
    marks = [_transition_of(key, verdict, placing, now) for key, verdict in verdicts.items()]
    for key, verdict in verdicts.items():
        if isinstance(verdict, Executed):
            placing.outcomes[key] = verdict.value
        elif isinstance(verdict, NotExecuted):
            placing.outcomes[key] = verdict.error
    yield from journal_codec.record(marks)


def _transition_of(
    key: str, verdict: WriteOutcome[OrderAck], placing: Placement, now: float
) -> Transition:
    if isinstance(verdict, Executed):
        ack = verdict.value
        state = State.RESOLVED if ack.replayed else State.ACKNOWLEDGED
        return Transition(key, state, order_id=ack.order_id, verdict=journal_codec.encode_ack(ack))
    if isinstance(verdict, NotExecuted):
        text = journal_codec.encode_error(verdict.error)
        return Transition(key, journal_codec.final_state(verdict.error), verdict=text)
    placing.attempts[key] = placing.attempts.get(key, 0) + 1
    attempts = placing.earlier_attempts.get(key, 0) + placing.attempts[key]
    return Transition(key, State.UNKNOWN, sent_at=journal_codec.instant(now), attempts=attempts)


def resolve_unknown(placing: Placement, unproven: dict[str, Unknown], sent_at: float) -> Flow[None]:
    """Look for orders whose answer proved nothing; what is proven absent stays pending."""
    sought = {key: placing.tickets[key] for key in unproven}
    # An id that is taken may have been taken at any time; else only what came since counts.
    taken = any(doubt.key_taken for doubt in unproven.values())
    # The clock may have been corrected, backwards, between the claim and the sending.
    placing.reserved_at = min(placing.reserved_at, sent_at)
    since = 0.0 if taken else placing.reserved_at
    looked = yield from look_up_orders(
        placing.contract, sought, placing.context, since=since, sent_at=sent_at
    )
    verdicts: dict[str, WriteOutcome[OrderAck]] = {}
    for key, doubt in unproven.items():
        order = looked.found.get(key)
        if order is not None:
            verdicts[key] = match_found_order(
                placing.tickets[key], order, since=placing.reserved_at
            )
        elif looked.absent and doubt.key_taken:
            verdicts[key] = NotExecuted(id_taken_error(placing.tickets[key]))
        elif not looked.absent:
            placing.outcomes[key] = unknown_error(placing.tickets[key], doubt.error)
            placing.context.pending_writes.add(placing.tickets[key].ticker, key)
        elif not _may_resend(placing, key):
            verdicts[key] = NotExecuted(not_executed_error(placing.tickets[key], doubt.error))
    yield from record_outcomes(placing, verdicts)


def _may_resend(placing: Placement, key: str) -> bool:
    policy = placing.context.policy
    may = policy.resend and retry_rule(placing.call.operation).resend_when_absent
    return may and placing.attempts.get(key, 0) < policy.rounds


def not_executed_error(ticket: OrderTicket, error: KalshiError) -> NotSent:
    """Build the error of an order that is proven absent for good."""
    key = ticket.client_order_id
    return NotSent(
        f"the order {key} was not executed and can no longer be: {error.args[0]}",
        client_order_id=ticket.client_order_id,
        operation=error.__dict__.get("operation"),
    )


def id_taken_error(ticket: OrderTicket) -> DuplicateIdConflict:
    """Build the error of an id that is taken, while this ticker never had its order."""
    key = ticket.client_order_id
    return DuplicateIdConflict(
        f"client_order_id {key!r} is taken at the exchange, by no order of {ticket.ticker}",
        client_order_id=key,
    )


def unknown_error(ticket: OrderTicket, error: KalshiError) -> OutcomeUnknown:
    """Return the error of an order whose outcome could not be found in time, one for each."""
    if isinstance(error, OutcomeUnknown):
        own = copy.copy(error)
        own.client_order_id, own.ticket = ticket.client_order_id, ticket
        return own
    why = "the exchange says this client_order_id exists, but its order was not seen"
    reason = why if isinstance(error, DuplicateOrder) else str(error.args[0])
    return OutcomeUnknown(
        f"orders.place: {reason}",
        operation=error.__dict__.get("operation"),
        client_order_id=ticket.client_order_id,
        ticket=ticket,
    )
