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
from kalshi_ext.journal import Mark, State
from kalshi_ext.models import OrderAck
from kalshi_ext.protocol.flow import Context, Flow, Now, transmit
from kalshi_ext.protocol.messages import Call, Lost, Reply
from kalshi_ext.protocol.rate_limits import DEFAULT_COST
from kalshi_ext.protocol.retry_policy import rule
from kalshi_ext.requests import OrderTicket
from kalshi_ext.writes import journal_codec, reservation
from kalshi_ext.writes.lookup import look_for
from kalshi_ext.writes.outcomes import (
    Accepted,
    Rejected,
    Unproven,
    Verdict,
    compare,
    judge,
    match_up,
)

Outcome: TypeAlias = OrderAck | KalshiError
Batch: TypeAlias = Call[list[OrderAck | Refused]]


@define
class Placing:
    """The orders of one call on their way: what is pending and what has an outcome."""

    contract: Contract
    context: Context
    first: Batch  # built from all tickets, which also checked what the contract can say
    tickets: dict[str, OrderTicket] = field(
        factory=dict[str, OrderTicket]
    )  # those this flow drives
    outcomes: dict[str, Outcome] = field(factory=dict[str, Outcome])
    attempts: dict[str, int] = field(factory=dict[str, int])  # of this call
    before: dict[str, int] = field(factory=dict[str, int])  # attempts of earlier calls
    since: float = 0.0

    def pending(self) -> list[OrderTicket]:
        """Return the orders without an outcome."""
        return [ticket for key, ticket in self.tickets.items() if key not in self.outcomes]


def place(contract: Contract, ticket: OrderTicket, context: Context) -> Flow[OrderAck]:
    """Place one order; raises what became of it where it was not accepted."""

    def build(tickets: Sequence[OrderTicket]) -> Batch:
        return contract.orders.place(tickets[0]).then(lambda ack: [ack])

    (outcome,) = yield from _deliver(contract, [ticket], build, context)
    if isinstance(outcome, KalshiError):
        raise outcome
    return outcome


def place_many(
    contract: Contract, tickets: Sequence[OrderTicket], context: Context
) -> Flow[list[Outcome]]:
    """Place orders in one request; one outcome for each ticket, in their order.

    Raises only where every order met the same refusal or none was sent.
    """
    keys = [ticket.client_order_id for ticket in tickets]
    if len(set(keys)) < len(keys):
        twice = next(key for key in keys if keys.count(key) > 1)
        raise DuplicateIdConflict(f"tickets: {twice!r} stands twice", client_order_id=twice)
    outcomes = yield from _deliver(contract, tickets, contract.orders.place_many, context)
    first = outcomes[0]
    if isinstance(first, KalshiError) and all(outcome is first for outcome in outcomes):
        raise first
    return outcomes


def _deliver(
    contract: Contract,
    tickets: Sequence[OrderTicket],
    build: Callable[[Sequence[OrderTicket]], Batch],
    context: Context,
) -> Flow[list[Outcome]]:
    placing = Placing(contract, context, build(tickets))
    done = False
    try:
        yield from reservation.claim(placing, placing.first.operation.id, tickets)
        for _ in range(context.policy.rounds):
            pending = placing.pending()
            if not pending:
                break
            call = placing.first if len(pending) == len(tickets) else build(pending)
            yield from attempt(placing, call, pending)
        done = True
        return [placing.outcomes[ticket.client_order_id] for ticket in tickets]
    finally:
        # Whatever ends this flow, an interrupt too, nobody drives its entries from here on.
        for ticket in placing.pending() if done else placing.tickets.values():
            context.unsettled.add(ticket.ticker, ticket.client_order_id)
        context.in_flight.let_go(placing)


def attempt(placing: Placing, call: Batch, pending: list[OrderTicket]) -> Flow[None]:
    """Send what is pending once, and find out what became of it."""
    try:
        outcome = yield from transmit(call, placing.context, cost=DEFAULT_COST * len(pending))
    except Misuse as error:  # larger than its bucket, or the client is closed: not sent
        yield from settle(placing, {t.client_order_id: Rejected(error) for t in pending})
        return
    verdicts = _verdicts(call, pending, outcome, placing.context)
    yield from settle(placing, verdicts)
    unproven = {key: v for key, v in verdicts.items() if isinstance(v, Unproven)}
    if unproven:
        yield from investigate(placing, unproven, outcome.sent_at)


def _verdicts(
    call: Batch, pending: list[OrderTicket], outcome: Reply | Lost, context: Context
) -> dict[str, Verdict[OrderAck]]:
    if len(pending) == 1:
        ticket = pending[0]
        known = {"client_order_id": ticket.client_order_id, "ticket": ticket}
        whole = judge(call, outcome, context, **known)
    else:
        whole = judge(call, outcome, context)
    if isinstance(whole, Accepted):
        return match_up(call.operation, pending, whole.value)
    return {ticket.client_order_id: whole for ticket in pending}


def settle(placing: Placing, verdicts: dict[str, Verdict[OrderAck]]) -> Flow[None]:
    """Record what is known and keep it as the outcome; what is not known becomes unknown."""
    now = yield Now()
    marks = [_mark(key, verdict, placing, now) for key, verdict in verdicts.items()]
    for key, verdict in verdicts.items():
        if isinstance(verdict, Accepted):
            placing.outcomes[key] = verdict.value
        elif isinstance(verdict, Rejected):
            placing.outcomes[key] = verdict.error
    yield from journal_codec.record(marks)


def _mark(key: str, verdict: Verdict[OrderAck], placing: Placing, now: float) -> Mark:
    if isinstance(verdict, Accepted):
        ack = verdict.value
        state = State.RESOLVED if ack.replayed else State.ACKNOWLEDGED
        return Mark(key, state, order_id=ack.order_id, verdict=journal_codec.ack_text(ack))
    if isinstance(verdict, Rejected):
        text = journal_codec.error_text(verdict.error)
        return Mark(key, journal_codec.ending(verdict.error), verdict=text)
    placing.attempts[key] = placing.attempts.get(key, 0) + 1
    attempts = placing.before.get(key, 0) + placing.attempts[key]
    return Mark(key, State.UNKNOWN, sent_at=journal_codec.instant(now), attempts=attempts)


def investigate(placing: Placing, unproven: dict[str, Unproven], sent_at: float) -> Flow[None]:
    """Look for orders whose answer proved nothing; what is proven absent stays pending."""
    sought = {key: placing.tickets[key] for key in unproven}
    # An id that is taken may have been taken at any time; else only what came since counts.
    taken = any(doubt.exists for doubt in unproven.values())
    # The clock may have been corrected, backwards, between the claim and the sending.
    placing.since = min(placing.since, sent_at)
    since = 0.0 if taken else placing.since
    looked = yield from look_for(
        placing.contract, sought, placing.context, since=since, sent_at=sent_at
    )
    verdicts: dict[str, Verdict[OrderAck]] = {}
    for key, doubt in unproven.items():
        order = looked.found.get(key)
        if order is not None:
            verdicts[key] = compare(placing.tickets[key], order, since=placing.since)
        elif looked.absent and doubt.exists:
            verdicts[key] = Rejected(taken_elsewhere(placing.tickets[key]))
        elif not looked.absent:
            placing.outcomes[key] = unknown(placing.tickets[key], doubt.error)
            placing.context.unsettled.add(placing.tickets[key].ticker, key)
        elif not _again(placing, key):
            verdicts[key] = Rejected(never_executed(placing.tickets[key], doubt.error))
    yield from settle(placing, verdicts)


def _again(placing: Placing, key: str) -> bool:
    policy = placing.context.policy
    may = policy.resend and rule(placing.first.operation).resent
    return may and placing.attempts.get(key, 0) < policy.rounds


def never_executed(ticket: OrderTicket, error: KalshiError) -> NotSent:
    """Build the error of an order that is proven absent for good."""
    key = ticket.client_order_id
    return NotSent(
        f"the order {key} was not executed and can no longer be: {error.args[0]}",
        client_order_id=ticket.client_order_id,
        operation=error.__dict__.get("operation"),
    )


def taken_elsewhere(ticket: OrderTicket) -> DuplicateIdConflict:
    """Build the error of an id that is taken, while this ticker never had its order."""
    key = ticket.client_order_id
    return DuplicateIdConflict(
        f"client_order_id {key!r} is taken at the exchange, by no order of {ticket.ticker}",
        client_order_id=key,
    )


def unknown(ticket: OrderTicket, error: KalshiError) -> OutcomeUnknown:
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
