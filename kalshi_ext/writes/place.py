"""Orders as writes of resolve.py: a batch of n keys, each an order of its own.

The intent is in the journal before the first byte leaves. The order is sent; where the answer
proves nothing it is looked up by its client_order_id; where it is proven absent it is sent again
under the same id. The exchange refuses an id while its order rests (documented), and was seen to
3 s after a cancel; after a fill or later that is unknown. So its own duplicate check is never
relied on: an order goes again only when no copy of it can be accepted any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeAlias

from attrs import evolve

from kalshi_ext.contract.types import TimeInForce
from kalshi_ext.contracts.interface import Contract
from kalshi_ext.contracts.preload import preload
from kalshi_ext.errors import Denied, DryRun, KalshiError, Misuse
from kalshi_ext.models import OrderAck
from kalshi_ext.protocol.flow import (
    CallLimits,
    Context,
    Flow,
    Monotonic,
    Now,
    send_with_retries,
)
from kalshi_ext.protocol.limits import ALL, Deadline, Scope, checked_deadline
from kalshi_ext.protocol.messages import Call
from kalshi_ext.reads.reopening import note_reopening
from kalshi_ext.reads.routing import note_route
from kalshi_ext.requests import OrderTicket
from kalshi_ext.requests.filters import ListQuery
from kalshi_ext.writes import admission, reservation
from kalshi_ext.writes.order_write import BuildCall, OrderWrite, PlaceCall
from kalshi_ext.writes.resolve import execute

_ASK_WITHIN, _LEAST = 2.0, 0.001  # seconds
PlaceResult: TypeAlias = OrderAck | KalshiError


def place(
    contract: Contract,
    ticket: OrderTicket,
    context: Context,
    *,
    deadline: Deadline | None = None,
    expire_at_deadline: bool = False,
    began: int | None = None,
) -> Flow[OrderAck]:
    """Place one order; raises what became of it where it was not accepted."""
    if expire_at_deadline:
        (ticket,), deadline = yield from expiring(contract, [ticket], deadline, context)

    def build_call(tickets: Sequence[OrderTicket]) -> PlaceCall:
        return contract.orders.place(tickets[0])

    tickets = [ticket]
    whole = build_call(tickets)  # refuses what the contract cannot say, before anything else
    scopes = scopes_of(tickets)
    limits = yield from admission.begin(context, deadline, scopes, began, "orders.place")
    (result,) = yield from _send_admitted(contract, tickets, whole, build_call, context, limits)
    if isinstance(result, KalshiError):
        raise result
    return result


def expiring(
    contract: Contract,
    tickets: Sequence[OrderTicket],
    deadline: Deadline | None,
    context: Context,
) -> Flow[tuple[list[OrderTicket], Deadline]]:
    """Let orders expire at the exchange when their call's deadline is over. Raises Misuse.

    Returns them with what is left of the deadline.
    """
    left = checked_deadline(deadline)
    if left is None:
        raise Misuse("expire_at_deadline needs a deadline")
    for ticket in tickets:
        _check_may_rest(ticket)
        contract.orders.place(ticket)  # refuses what the contract cannot say
    began: float = yield Monotonic()
    if context.exchange_clock.at(began) is None:
        yield from _hear_the_time(contract, context, began, left)
        if not isinstance(left, datetime):  # a call that begins late still ends in time
            now_at: float = yield Monotonic()
            left = max(left - (now_at - began), _LEAST)
    # By the exchange's clock, where it is known: it is the exchange that ends the order.
    now = context.exchange_clock.at((yield Monotonic()))
    if now is None:
        now = yield Now()
    moment = left.timestamp() if isinstance(left, datetime) else now + left
    # Whole seconds, and not one that has begun: the exchange refuses an expiry in the past.
    expires = max(int(moment), int(now) + 1)
    timed = [evolve(ticket, expires=expires, expires_at_deadline=True) for ticket in tickets]
    return timed, left


def _hear_the_time(
    contract: Contract, context: Context, began: float, deadline: Deadline
) -> Flow[None]:
    """Read something small, for the Date of its answer: a client that was just made knows none.

    By the clock of a machine that is a day ahead, the order would rest for a day.
    """
    until = began + _ASK_WITHIN
    if not isinstance(deadline, datetime):
        until = min(until, began + deadline)
    call: Call[Any] = (
        contract.exchange.data_timestamp()
        if contract.has_watermark
        else contract.orders.list(ListQuery(size=1))  # the classic contract has nothing public
    )
    yield from send_with_retries(call, context, limits=CallLimits(began, until, until))


def _check_may_rest(ticket: OrderTicket) -> None:
    if ticket.expires is not None:
        raise Misuse(f"expire_at_deadline: the order has an expiry of its own, {ticket.expires}")
    if ticket.time_in_force is not TimeInForce.GOOD_TILL_CANCELED:
        word = ticket.time_in_force.value
        raise Misuse(f"expire_at_deadline: only an order that may rest can expire, not {word}")


def place_many(
    contract: Contract,
    tickets: Sequence[OrderTicket],
    context: Context,
    *,
    deadline: Deadline | None = None,
    began: int | None = None,
) -> Flow[list[PlaceResult]]:
    """Place orders in one request; one result for each ticket, in their order.

    No id may stand twice. Raises only where every order met the same refusal
    or none was sent.
    """
    build_call = contract.orders.place_many
    whole = build_call(tickets)
    scopes = scopes_of(tickets)
    limits = yield from admission.begin(context, deadline, scopes, began, "orders.place")
    results = yield from _send_admitted(contract, tickets, whole, build_call, context, limits)
    first = results[0]
    # One error object for all: the request as a whole was refused. A limit refuses each by itself.
    if isinstance(first, (Denied, DryRun)):
        return results
    if isinstance(first, KalshiError) and all(result is first for result in results):
        raise first
    return results


def _send_admitted(
    contract: Contract,
    tickets: Sequence[OrderTicket],
    whole: PlaceCall,
    build_call: BuildCall,
    context: Context,
    limits: CallLimits,
) -> Flow[list[PlaceResult]]:
    """Send the orders that the limits admit, where the client has limits."""
    if context.risk is None:
        return _send(contract, tickets, whole, build_call, context, limits)

    def send(some: Sequence[OrderTicket]) -> Flow[list[PlaceResult]]:
        call = whole if len(some) == len(tickets) else build_call(some)
        return _send(contract, some, call, build_call, context, limits)

    return admission.place(contract, tickets, build_call, context, limits, send)


def _send(
    contract: Contract,
    listed: Sequence[OrderTicket],
    whole: PlaceCall,
    build_call: BuildCall,
    context: Context,
    limits: CallLimits,
) -> Flow[list[PlaceResult]]:
    groups = context.auto_groups
    if groups is not None:
        listed = yield from groups.assigned(contract, listed, context, limits)
        whole = build_call(listed)
    tickets = {ticket.client_order_id: ticket for ticket in listed}
    write = OrderWrite(
        contract, context, limits, whole.operation, tickets=tickets, whole=whole,
        build_call=build_call,
    )  # fmt: skip
    results = yield from execute(write, reservation.reserve(write, tickets))
    preload(contract)  # what may have to stop it
    yield from note_reopening(contract, context, limits, results.values())
    for key, ticket in tickets.items():
        note_route(context, ticket, results[key])
        if groups is not None:
            yield from groups.forget_if_gone(contract, ticket, results[key], context, limits)
    return [results[key] for key in tickets]


def scopes_of(tickets: Sequence[OrderTicket]) -> tuple[Scope, ...]:
    """Return what a stop of these orders may name. A batch is stopped as a whole."""
    scopes: dict[Scope, None] = {ALL: None}
    for ticket in tickets:
        scopes["subaccount", ticket.subaccount or 0] = None
        scopes["order", ticket.client_order_id] = None
        scopes["market", (ticket.ticker, ticket.subaccount or 0)] = None
        if ticket.order_group_id is not None:
            scopes["group", ticket.order_group_id] = None
    return tuple(scopes)
