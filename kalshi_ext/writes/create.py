"""Writes without an idempotency key: order groups, transfers between instances, subaccounts.

What exists is listed before the sending, and again after a lost answer. Exactly one new row that
matches is taken for ours; more than one is left to a person; none, once no copy of the request is
left, means that it was not executed. It is never sent again: without a key nothing at the exchange
would stop a late copy from making a second one. Flows of one client create one after the other, so
that neither takes the other's row. A second program that creates the same at the same moment
cannot be told apart.
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


def _list_before(list_rows: Callable[[], Flow[list[R] | None]], call: Call[Any]) -> Flow[list[R]]:
    """List what exists before a write. Raises NotSent where that cannot be read in full."""
    rows = yield from list_rows()
    if rows is None:
        operation = call.operation
        raise NotSent(
            f"{operation.facade}: what exists already could not be listed, and without that a "
            "lost answer could not be told",
            operation=operation.id,
        )
    return rows


def _no_contradiction(value: object) -> str | None:
    del value  # an answer is only the new id, and any id can be true
    return None


def create_group(
    contract: Contract,
    limit: Decimal,
    subaccount: int | None,
    shard: int | None,
    context: Context,
) -> Flow[OrderGroup]:
    """Create an order group of `limit` contracts."""
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
    list_groups = list_reader(contract.order_groups.list(ListQuery(subaccount=subaccount)), context)
    before = sorted(group.id for group in (yield from _list_before(list_groups, call)))
    probe = order_group_probe(list_groups, before, limit)
    payload = {"kind": "group", "limit": limit, "subaccount": subaccount, "before": before}
    entry = new_entry(call, None, payload, (yield Now()))
    return (yield from execute(Write(contract, call, entry, _no_contradiction, probe), context))


def transfer_between_instances(
    contract: Contract, ticket: InstanceTransferTicket, context: Context
) -> Flow[str]:
    """Move money between instances or shards; returns the transfer id."""
    call = contract.portfolio.transfer(ticket)
    work = partial(_transfer, contract, call, ticket, context)
    return (yield from serialized("turn of transfer", context, work))


def _transfer(
    contract: Contract, call: Call[str], ticket: InstanceTransferTicket, context: Context
) -> Flow[str]:
    list_transfers = list_reader(contract.portfolio.transfers(ListQuery()), context)
    before = sorted(row.transfer_id for row in (yield from _list_before(list_transfers, call)))
    payload: dict[str, Any] = {
        "kind": "transfer",
        "source": ticket.source,
        "destination": ticket.destination,
        # The ticket counts centicents, 1/100 of a cent (documented); rows are read as dollars.
        "amount": Decimal(ticket.amount).scaleb(-4),
        "source_shard": ticket.source_exchange_shard,
        "destination_shard": ticket.destination_exchange_shard,
        "before": before,
    }
    probe = instance_transfer_probe(list_transfers, payload)
    entry = new_entry(call, None, payload, (yield Now()))
    return (yield from execute(Write(contract, call, entry, _no_contradiction, probe), context))


def create_subaccount(contract: Contract, shard: int | None, context: Context) -> Flow[int]:
    """Create a subaccount; returns its number."""
    call = contract.subaccounts.create(shard)
    work = partial(_create_subaccount, contract, call, context)
    return (yield from serialized("turn of subaccount", context, work))


def _create_subaccount(contract: Contract, call: Call[int], context: Context) -> Flow[int]:
    list_balances = list_reader(contract.subaccounts.balances(), context)
    before = sorted({str(row.subaccount) for row in (yield from _list_before(list_balances, call))})
    probe = subaccount_probe(list_balances, before)
    entry = new_entry(call, None, {"kind": "subaccount", "before": before}, (yield Now()))
    return (yield from execute(Write(contract, call, entry, _no_contradiction, probe), context))
