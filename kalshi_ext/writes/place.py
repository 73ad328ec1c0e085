"""Place orders, each exactly once: the table of resolve.py, one row for each order of a batch.

The intent is in the journal before the first byte leaves. The order is sent; where the answer
proves nothing it is looked up by its client_order_id; where it is proven absent it is sent again
under the same id. The exchange refuses an id while its order rests (documented), and was seen to
3 s after a cancel; after a fill or later that is unknown. So its own duplicate check is never
relied on: an order goes again only when no copy of it can be accepted any more.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from attrs import define, field

from kalshi_ext.contracts.interface import Contract
from kalshi_ext.errors import (
    ABSENT_ADVICE,
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
    """The orders of one call on their way. Dictionaries are keyed by client_order_id."""

    contract: Contract
    context: Context
    # Built from all tickets before anything else, which refuses what the contract cannot say.
    call: Batch
    tickets: dict[str, OrderTicket] = field(factory=dict[str, OrderTicket])  # driven by this flow
    results: dict[str, PlaceResult] = field(factory=dict[str, PlaceResult])
    attempts: dict[str, int] = field(factory=dict[str, int])  # of this call
    earlier_attempts: dict[str, int] = field(factory=dict[str, int])  # of earlier calls
    # Ids of which an attempt before the present one may have been executed, in this call or an
    # earlier one: that they exist by now is then evidence for our own order.
    tried: set[str] = field(factory=set[str])
    reserved_at: float = 0.0  # Unix seconds; the earliest moment an order can have been made

    def pending(self) -> list[OrderTicket]:
        """Return the orders without a result."""
        return [ticket for key, ticket in self.tickets.items() if key not in self.results]


def place(contract: Contract, ticket: OrderTicket, context: Context) -> Flow[OrderAck]:
    """Place one order; raises what became of it where it was not accepted."""

    def build_call(tickets: Sequence[OrderTicket]) -> Batch:
        return contract.orders.place(tickets[0]).map(lambda ack: [ack])

    (result,) = yield from _execute(contract, [ticket], build_call, context)
    if isinstance(result, KalshiError):
        raise result
    return result


def place_many(
    contract: Contract, tickets: Sequence[OrderTicket], context: Context
) -> Flow[list[PlaceResult]]:
    """Place orders in one request; one result for each ticket, in their order.

    Raises only where every order met the same refusal or none was sent.
    """
    keys = [ticket.client_order_id for ticket in tickets]
    if len(set(keys)) < len(keys):
        duplicate = next(key for key in keys if keys.count(key) > 1)
        raise _stands_twice_error([t for t in tickets if t.client_order_id == duplicate])
    results = yield from _execute(contract, tickets, contract.orders.place_many, context)
    first = results[0]
    # One error object for all: the request as a whole was refused.
    if isinstance(first, KalshiError) and all(result is first for result in results):
        raise first
    return results


def _stands_twice_error(tickets: Sequence[OrderTicket]) -> DuplicateIdConflict:
    first, second = tickets[0], tickets[1]
    return DuplicateIdConflict(
        f"tickets: {first.client_order_id!r} stands twice",
        client_order_id=first.client_order_id,
        differs=journal_codec.ticket_differences(second, journal_codec.encode_ticket(first)),
    )


def _execute(
    contract: Contract,
    tickets: Sequence[OrderTicket],
    build_call: Callable[[Sequence[OrderTicket]], Batch],
    context: Context,
) -> Flow[list[PlaceResult]]:
    placement = Placement(contract, context, build_call(tickets))
    settled = False
    try:
        yield from reservation.reserve(placement, placement.call.operation.id, tickets)
        for _ in range(context.policy.rounds):
            pending = placement.pending()
            if not pending:
                break
            call = placement.call if len(pending) == len(tickets) else build_call(pending)
            yield from send_pending(placement, call, pending)
        settled = True
        return [placement.results[ticket.client_order_id] for ticket in tickets]
    finally:
        # However this flow ends, an interrupt too, nobody drives its entries from here on. Also
        # one whose result is known may not be recorded yet.
        for ticket in placement.pending() if settled else placement.tickets.values():
            context.pending_writes.add(ticket.ticker, ticket.client_order_id)
        context.locks.release(placement)


def send_pending(placement: Placement, call: Batch, pending: list[OrderTicket]) -> Flow[None]:
    """Send what is pending once, and find out what became of it."""
    try:
        # A batch is billed for each of its orders (documented).
        response = yield from send_with_retries(
            call, placement.context, cost=DEFAULT_COST * len(pending)
        )
    except Misuse as error:  # larger than its bucket, or the client is closed: not sent
        yield from record_outcomes(
            placement, {t.client_order_id: NotExecuted(error) for t in pending}
        )
        return
    outcomes = _judge_orders(call, pending, response, placement.context)
    if response.maybe_executed:
        placement.tried.update(outcomes)
    # Recorded before looking: a process that dies while it looks leaves "unknown".
    yield from record_outcomes(placement, outcomes)
    unknown = {key: out for key, out in outcomes.items() if isinstance(out, Unknown)}
    if unknown:
        yield from resolve_unknown(placement, unknown, response.sent_at)
        placement.tried.update(unknown)


def _judge_orders(
    call: Batch, tickets: list[OrderTicket], response: Reply | Lost, context: Context
) -> dict[str, WriteOutcome[OrderAck]]:
    if len(tickets) == 1:
        ticket = tickets[0]
        identifiers = {"client_order_id": ticket.client_order_id, "ticket": ticket}
        whole = judge(call, response, context, **identifiers)
    else:
        whole = judge(call, response, context)
    if isinstance(whole, Executed):
        return match_entries(call.operation, tickets, whole.value)
    return {ticket.client_order_id: whole for ticket in tickets}


def record_outcomes(
    placement: Placement, outcomes: Mapping[str, WriteOutcome[OrderAck]]
) -> Flow[None]:
    """Record outcomes in the journal; those that are known become the orders' results."""
    now = yield Now()
    transitions = [
        _transition_of(key, outcome, placement, now) for key, outcome in outcomes.items()
    ]
    for key, outcome in outcomes.items():
        if isinstance(outcome, Executed):
            placement.results[key] = outcome.value
        elif isinstance(outcome, NotExecuted):
            placement.results[key] = outcome.error
    yield from journal_codec.record(transitions)


def _transition_of(
    key: str, outcome: WriteOutcome[OrderAck], placement: Placement, now: float
) -> Transition:
    if isinstance(outcome, Executed):
        ack = outcome.value
        state = State.RESOLVED if ack.replayed else State.ACKNOWLEDGED
        return Transition(key, state, order_id=ack.order_id, verdict=journal_codec.encode_ack(ack))
    if isinstance(outcome, NotExecuted):
        text = journal_codec.encode_error(outcome.error)
        return Transition(key, journal_codec.final_state(outcome.error), verdict=text)
    placement.attempts[key] = placement.attempts.get(key, 0) + 1
    # The journal refuses a count that goes down, and an id reopened keeps its earlier attempts.
    attempts = placement.earlier_attempts.get(key, 0) + placement.attempts[key]
    # Kept, so that recovery will not call it absent either.
    verdict = journal_codec.KEY_EXISTS if outcome.key_taken and key in placement.tried else None
    sent_at = journal_codec.instant(now)
    return Transition(key, State.UNKNOWN, sent_at=sent_at, attempts=attempts, verdict=verdict)


def resolve_unknown(
    placement: Placement, unknown: Mapping[str, Unknown], sent_at: float
) -> Flow[None]:
    """Look up orders whose answer proved nothing; one proven absent stays pending, to go again."""
    tickets = {key: placement.tickets[key] for key in unknown}
    # An id that is taken may have been taken at any time; else only what came since counts.
    any_taken = any(outcome.key_taken for outcome in unknown.values())
    # The clock may have been corrected, backwards, between the reservation and the sending.
    placement.reserved_at = min(placement.reserved_at, sent_at)
    since = 0.0 if any_taken else placement.reserved_at
    lookup = yield from look_up_orders(
        placement.contract, tickets, placement.context, since=since, sent_at=sent_at
    )
    outcomes: dict[str, WriteOutcome[OrderAck]] = {}
    for key, outcome in unknown.items():
        ticket, order = tickets[key], lookup.orders.get(key)
        if order is not None:
            # An id names one order for ever: one that is found needs no fresh read.
            matched = yield from match_found_order(placement.contract, ticket, order)
            if isinstance(matched, Unknown):
                _leave_open(placement, ticket, matched.error)
            else:
                outcomes[key] = matched
        elif lookup.absent and outcome.key_taken and key not in placement.tried:
            # Nobody but somebody else can have used it. Sent again it would be refused again.
            outcomes[key] = NotExecuted(id_taken_error(ticket))
        elif outcome.key_taken or not lookup.absent:
            # That an id exists after an attempt of ours is evidence for our order, and a list that
            # does not show it is none against it: an order may be anywhere.
            _leave_open(placement, ticket, outcome.error)
        elif not _may_resend(placement, key):
            outcomes[key] = NotExecuted(not_executed_error(ticket, outcome.error))
    yield from record_outcomes(placement, outcomes)


def _leave_open(placement: Placement, ticket: OrderTicket, error: KalshiError) -> None:
    placement.results[ticket.client_order_id] = unknown_error(ticket, error)
    placement.context.pending_writes.add(ticket.ticker, ticket.client_order_id)


def _may_resend(placement: Placement, key: str) -> bool:
    policy = placement.context.policy
    allowed = policy.resend and retry_rule(placement.call.operation).resend_when_absent
    return allowed and placement.attempts.get(key, 0) < policy.rounds


def not_executed_error(ticket: OrderTicket, error: KalshiError) -> NotSent:
    """Build the error of an order that is proven absent for good."""
    key = ticket.client_order_id
    return NotSent(
        f"the order {key} was sent and is proven absent: {error.args[0]}",
        advice=ABSENT_ADVICE,
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
    """Return the error of an order whose outcome could not be found out in time."""
    if isinstance(error, OutcomeUnknown):
        # The orders of a batch share one error: each gets a copy with its own id.
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
