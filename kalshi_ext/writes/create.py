"""Writes without an idempotency key: order groups, transfers between instances, subaccounts.

What exists is listed before the sending, and again after a lost answer. Exactly one new row that
matches is taken for ours, if no other write of the journal may have made it. More than one is left
to a person, and so is none: nothing says how fresh these lists are, so the write stays open. It is
looked for until no copy of the request is left, and never sent again: without a key nothing at the
exchange would stop a late copy from making a second one. Flows of one client create one after the
other, so that neither takes the other's row. A second program, with a journal of its own, that
creates the same at the same moment cannot be told apart.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

from kalshi_ext.contracts.interface import Contract, InstanceTransferTicket
from kalshi_ext.errors import Forbidden, KalshiError, Misuse, NotSent, Unauthorized
from kalshi_ext.models import OrderGroup
from kalshi_ext.protocol.context import LockOwner
from kalshi_ext.protocol.flow import Context, Flow, Now, Sleep
from kalshi_ext.protocol.messages import Call
from kalshi_ext.writes.keyless import Listing, read_listing, row_kind
from kalshi_ext.writes.probes import new_row_probe
from kalshi_ext.writes.resolve import Write, execute, new_entry

T = TypeVar("T")


def serialized(lock_name: str, context: Context, work: Callable[[], Flow[T]]) -> Flow[T]:
    """Do a piece of work while no other flow of this client holds the lock of that name."""
    owner = LockOwner()
    try:
        # No time limit: whoever holds the lock ends in time by its own policy, and a flow that is
        # dropped loses it, because locks hold their owners weakly.
        while not context.locks.acquire([lock_name], owner):
            yield Sleep(context.policy.poll)
        return (yield from work())
    finally:
        context.locks.release(owner)


def _no_contradiction(value: object) -> str | None:
    del value  # an answer is only the new id, and any id can be true
    return None


def _create(
    contract: Contract, call: Call[T], payload: dict[str, Any], context: Context
) -> Flow[T]:
    """Send a write of a kind that makes one row; no other flow of this client makes one now."""
    listing = yield from _list_before(contract, call, payload, context)
    entry = new_entry(call, None, {**payload, **listing.payload()}, (yield Now()))
    probe = new_row_probe(contract, entry, listing, context)
    return (yield from execute(Write(contract, call, entry, _no_contradiction, probe), context))


def _list_before(
    contract: Contract, call: Call[Any], payload: dict[str, Any], context: Context
) -> Flow[Listing]:
    """List what exists before a write. Raises NotSent where that cannot be read."""
    reason: KalshiError | None = None
    try:
        listing = yield from read_listing(row_kind(contract, payload), context)
        if listing is not None:
            return listing
    except (Unauthorized, Forbidden, Misuse):
        raise
    except KalshiError as error:
        reason = error
    operation = call.operation
    raise NotSent(
        f"{operation.facade}: what exists already could not be listed, and without that a lost "
        f"answer could not be told: {reason.args[0] if reason else 'a row could not be read'}",
        operation=operation.id,
    ) from reason


def create_group(
    contract: Contract,
    limit: Decimal,
    subaccount: int | None,
    shard: int | None,
    context: Context,
) -> Flow[OrderGroup]:
    """Create an order group of `limit` contracts."""
    call = contract.order_groups.create(limit, subaccount, shard)
    payload = {"kind": "group", "limit": limit, "subaccount": subaccount}
    work = partial(_create, contract, call, payload, context)
    return (yield from serialized("turn of group", context, work))


def transfer_between_instances(
    contract: Contract, ticket: InstanceTransferTicket, context: Context
) -> Flow[str]:
    """Move money between instances or shards; returns the transfer id."""
    call = contract.portfolio.transfer(ticket)
    payload: dict[str, Any] = {
        "kind": "transfer",
        "source": ticket.source,
        "destination": ticket.destination,
        # The ticket counts centicents, 1/100 of a cent (documented); rows are read as dollars.
        "amount": Decimal(ticket.amount).scaleb(-4),
        "source_shard": ticket.source_exchange_shard,
        "destination_shard": ticket.destination_exchange_shard,
    }
    work = partial(_create, contract, call, payload, context)
    return (yield from serialized("turn of transfer", context, work))


def create_subaccount(contract: Contract, shard: int | None, context: Context) -> Flow[int]:
    """Create a subaccount; returns its number."""
    call = contract.subaccounts.create(shard)
    work = partial(_create, contract, call, {"kind": "subaccount"}, context)
    return (yield from serialized("turn of subaccount", context, work))
