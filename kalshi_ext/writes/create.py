"""Writes without an idempotency key: what exists is listed before, and after a lost answer.

Exactly one new thing that fits is taken for ours; more than one is left to a person. Two flows of
one client make such things one after the other, so that neither takes the other's; a second
program that makes the same-looking thing at the same moment cannot be told apart.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

from kalshi_ext.contracts.interface import Contract, InstanceTransferTicket
from kalshi_ext.errors import NotSent
from kalshi_ext.models import OrderGroup
from kalshi_ext.protocol.context import LockOwner
from kalshi_ext.protocol.flow import Context, Flow, Now, Sleep
from kalshi_ext.protocol.messages import Call
from kalshi_ext.requests.filters import ListQuery
from kalshi_ext.writes.probes import (
    instance_transfer_probe,
    list_reader,
    order_group_probe,
    subaccount_probe,
)
from kalshi_ext.writes.resolve import Write, execute, new_entry

T = TypeVar("T")
R = TypeVar("R")


def _list_before(rows: Callable[[], Flow[list[R] | None]], call: Call[Any]) -> Flow[list[R]]:
    """List what there is before a write. Raises NotSent where that cannot be read in full."""
    found = yield from rows()
    if found is None:
        operation = call.operation
        raise NotSent(
            f"{operation.facade}: what exists already could not be listed, and without that a "
            "lost answer could not be told",
            operation=operation.id,
        )
    return found


def serialized(turn: str, context: Context, work: Callable[[], Flow[T]]) -> Flow[T]:
    """Do a piece of work while no other flow of this client has the same turn."""
    owner = LockOwner()
    try:
        while not context.locks.acquire([turn], owner):
            yield Sleep(context.policy.poll)
        return (yield from work())
    finally:
        context.locks.release(owner)


def _no_contradiction(value: object) -> str | None:
    del value
    return None


def create_group(
    contract: Contract,
    limit: Decimal,
    subaccount: int | None,
    shard: int | None,
    context: Context,
) -> Flow[OrderGroup]:
    """Create an order group."""
    call = contract.order_groups.create(limit, subaccount, shard)
    work = partial(_create_group, contract, call, limit, subaccount, context)
    return (yield from serialized("turn of group", context, work))


def _create_group(
    contract: Contract,
    call: Call[OrderGroup],
    limit: Decimal,
    subaccount: int | None,
    context: Context,
) -> Flow[OrderGroup]:
    listing = contract.order_groups.list(ListQuery(subaccount=subaccount))
    rows = list_reader(listing, context)
    before = sorted(group.id for group in (yield from _list_before(rows, call)))
    look = order_group_probe(rows, before, limit)
    said = {"kind": "group", "limit": limit, "subaccount": subaccount, "before": before}
    entry = new_entry(call, None, said, (yield Now()))
    return (yield from execute(Write(contract, call, entry, _no_contradiction, look), context))


def transfer_between_instances(
    contract: Contract, ticket: InstanceTransferTicket, context: Context
) -> Flow[str]:
    """Move money between instances or shards; returns the transfer id."""
    call = contract.portfolio.transfer(ticket)
    work = partial(_create_transfer, contract, call, ticket, context)
    return (yield from serialized("turn of transfer", context, work))


def _create_transfer(
    contract: Contract, call: Call[str], ticket: InstanceTransferTicket, context: Context
) -> Flow[str]:
    listing = contract.portfolio.transfers(ListQuery())
    rows = list_reader(listing, context)
    before = sorted(row.transfer_id for row in (yield from _list_before(rows, call)))
    said: dict[str, Any] = {
        "kind": "transfer",
        "source": ticket.source,
        "destination": ticket.destination,
        "amount": Decimal(ticket.amount).scaleb(-4),
        "source_shard": ticket.source_exchange_shard,
        "destination_shard": ticket.destination_exchange_shard,
        "before": before,
    }
    look = instance_transfer_probe(rows, said)
    entry = new_entry(call, None, said, (yield Now()))
    return (yield from execute(Write(contract, call, entry, _no_contradiction, look), context))


def create_subaccount(contract: Contract, shard: int | None, context: Context) -> Flow[int]:
    """Create a subaccount; returns its number."""
    call = contract.subaccounts.create(shard)
    work = partial(_create_subaccount, contract, call, context)
    return (yield from serialized("turn of subaccount", context, work))


def _create_subaccount(contract: Contract, call: Call[int], context: Context) -> Flow[int]:
    listing = contract.subaccounts.balances()
    rows = list_reader(listing, context)
    before = sorted({str(row.subaccount) for row in (yield from _list_before(rows, call))})
    look = subaccount_probe(rows, before)
    entry = new_entry(call, None, {"kind": "subaccount", "before": before}, (yield Now()))
    return (yield from execute(Write(contract, call, entry, _no_contradiction, look), context))
