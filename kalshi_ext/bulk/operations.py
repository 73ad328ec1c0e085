"""Bulk operations: what each sends, and what is refused before anything is sent."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from kalshi_ext.bulk.scheduler import BulkOperation, Outcome, Scheduler, report_progress
from kalshi_ext.contracts.interface import Contract
from kalshi_ext.errors import DuplicateIdConflict, Misuse
from kalshi_ext.protocol.flow import Context, Flow, begin_call
from kalshi_ext.protocol.limits import Deadline
from kalshi_ext.protocol.pacer import Pacer
from kalshi_ext.requests import AmendTicket, OrderTicket, Progress, Target
from kalshi_ext.writes import journal_codec
from kalshi_ext.writes.amend import amend
from kalshi_ext.writes.amend import scopes_of as amend_scopes
from kalshi_ext.writes.cancel import cancel, stop_changes
from kalshi_ext.writes.cancel import cancel_many as cancel_batch
from kalshi_ext.writes.place import expiring, place, scopes_of
from kalshi_ext.writes.place import place_many as place_batch

# Entries of one request. The exchange's page on the 2.x batches says 20; for those of today only
# the bucket bounds them (documented).
_LARGEST = {"classic": 20, "current": 200}


def _paced(context: Context) -> tuple[Context, Pacer]:
    """Return a context that paces: without a budget, some of many requests would be lost."""
    if context.pacer is not None:
        return context, context.pacer
    pacer = Pacer.learning()
    return evolve(context, pacer=pacer), pacer


def _shard(number: int | None) -> int:
    return number if number is not None and number > 0 else 0


def place_many(
    contract: Contract,
    tickets: Sequence[OrderTicket],
    context: Context,
    *,
    deadline: Deadline | None = None,
    expire_at_deadline: bool = False,
    on_progress: Progress | None = None,
) -> Flow[list[Outcome]]:
    """Place any number of orders; one outcome for each, in their order.

    Raises DuplicateIdConflict for an id that stands twice, Misuse for an order that the contract
    cannot say, both before anything is sent; where one request holds all orders, also the refusal
    that all of them met.
    """
    _refuse_duplicates(tickets)
    if expire_at_deadline:
        tickets, deadline = yield from expiring(contract, tickets, deadline, context)
    paced, pacer = _paced(context)
    operation = BulkOperation[OrderTicket](
        contract, "orders.place_many",
        lambda ticket, left, began: place(contract, ticket, paced, deadline=left, began=began),
        lambda some, left, began: place_batch(contract, some, paced, deadline=left, began=began),
        largest=_LARGEST[contract.name], shard=lambda ticket: _shard(ticket.exchange_index),
        scopes=lambda ticket: scopes_of([ticket]), name=lambda ticket: ticket.client_order_id,
    )  # fmt: skip
    if operation.fits_one_request(tickets, pacer):
        results = yield from place_batch(contract, tickets, context, deadline=deadline)
        report_progress(on_progress, len(results), len(results))
        return results
    for ticket in tickets:
        contract.orders.place(ticket)  # refuses what the contract cannot say
    limits = yield from begin_call(context, deadline, names_price=True)
    return (yield from Scheduler(operation, paced, pacer, limits, tickets, on_progress).run())


def _refuse_duplicates(tickets: Sequence[OrderTicket]) -> None:
    """Raise DuplicateIdConflict for an id that stands twice."""
    seen: dict[str, OrderTicket] = {}
    for ticket in tickets:
        if (first := seen.get(ticket.client_order_id)) is not None:
            raise DuplicateIdConflict(
                f"tickets: {first.client_order_id!r} stands twice",
                client_order_id=first.client_order_id,
                differs=journal_codec.ticket_differences(
                    ticket, journal_codec.encode_ticket(first)
                ),
            )
        seen[ticket.client_order_id] = ticket


def cancel_many(
    contract: Contract,
    targets: Sequence[Target],
    context: Context,
    *,
    deadline: Deadline | None = None,
    on_progress: Progress | None = None,
) -> Flow[list[Outcome]]:
    """Cancel any number of orders; one outcome for each, in their order.

    An order that stands twice is cancelled once. Raises as `place_many` does.
    """
    first: dict[str, Target] = {}
    for target in targets:
        first.setdefault(target.order_id, target)
    unique = list(first.values())
    paced, pacer = _paced(context)
    operation = BulkOperation[Target](
        contract, "orders.cancel_many",
        lambda target, left, _: cancel(contract, target, paced, deadline=left),
        lambda some, left, _: cancel_batch(contract, some, paced, deadline=left),
        largest=_LARGEST[contract.name], shard=lambda target: _shard(target.exchange_index),
        name=lambda target: target.client_order_id, urgent=True,
    )  # fmt: skip
    if operation.fits_one_request(unique, pacer):
        results = yield from cancel_batch(contract, unique, context, deadline=deadline)
        report_progress(on_progress, len(results), len(results))
    else:
        for target in unique:
            contract.orders.cancel(target)
        limits = yield from begin_call(context, deadline)
        # All of them now: what is cancelled last must not be placed or changed meanwhile.
        stop_changes(unique, operation.facade, context, limits)
        scheduler = Scheduler(operation, paced, pacer, limits, unique, on_progress)
        results = yield from scheduler.run()
    by_id = dict(zip((target.order_id for target in unique), results, strict=True))
    return [by_id[target.order_id] for target in targets]


def amend_many(
    contract: Contract,
    tickets: Sequence[AmendTicket],
    context: Context,
    *,
    deadline: Deadline | None = None,
    on_progress: Progress | None = None,
) -> Flow[list[Outcome]]:
    """Amend any number of orders, one request each; one outcome for each, in their order.

    Raises Misuse, before anything is sent, for an order that stands twice or what the contract
    cannot say.
    """
    seen: set[str] = set()
    for ticket in tickets:
        if ticket.target.order_id in seen:
            raise Misuse(f"tickets: the order {ticket.target.order_id} stands twice")
        seen.add(ticket.target.order_id)
        contract.orders.amend(ticket)
    limits = yield from begin_call(context, deadline, names_price=True)
    paced, pacer = _paced(context)
    operation = BulkOperation[AmendTicket](
        contract, "orders.amend_many",
        lambda ticket, left, began: amend(contract, ticket, paced, deadline=left, began=began),
        costs="orders.amend", shard=lambda ticket: _shard(ticket.target.exchange_index),
        scopes=lambda ticket: amend_scopes(ticket.target, ticket.ticker),
        name=lambda ticket: ticket.target.client_order_id,
    )  # fmt: skip
    return (yield from Scheduler(operation, paced, pacer, limits, tickets, on_progress).run())
