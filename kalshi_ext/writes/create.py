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
from kalshi_ext.protocol.context import Owner
from kalshi_ext.protocol.flow import Context, Flow, Now, Sleep
from kalshi_ext.protocol.messages import Call
from kalshi_ext.requests.filters import Window
from kalshi_ext.writes.probes import group_look, lister, subaccount_look, transfer_look
from kalshi_ext.writes.resolve import Change, carry_out, make_entry

T = TypeVar("T")
R = TypeVar("R")


def _listed(rows: Callable[[], Flow[list[R] | None]], call: Call[Any]) -> Flow[list[R]]:
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


def alone(turn: str, context: Context, work: Callable[[], Flow[T]]) -> Flow[T]:
    """Do a piece of work while no other flow of this client has the same turn."""
    owner = Owner()
    try:
        while not context.in_flight.take([turn], owner):
            yield Sleep(context.policy.poll)
        return (yield from work())
    finally:
        context.in_flight.let_go(owner)


def _anything(value: object) -> str | None:
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
    return (yield from alone("turn of group", context, work))


def _create_group(
    contract: Contract,
    call: Call[OrderGroup],
    limit: Decimal,
    subaccount: int | None,
    context: Context,
) -> Flow[OrderGroup]:
    listing = contract.order_groups.list(Window(subaccount=subaccount))
    rows = lister(listing, context)
    before = sorted(group.id for group in (yield from _listed(rows, call)))
    look = group_look(rows, before, limit)
    said = {"kind": "group", "limit": limit, "subaccount": subaccount, "before": before}
    entry = make_entry(call, None, said, (yield Now()))
    return (yield from carry_out(Change(contract, call, entry, _anything, look), context))


def transfer(contract: Contract, ticket: InstanceTransferTicket, context: Context) -> Flow[str]:
    """Move money between instances or shards; returns the transfer id."""
    call = contract.portfolio.transfer(ticket)
    work = partial(_transfer, contract, call, ticket, context)
    return (yield from alone("turn of transfer", context, work))


def _transfer(
    contract: Contract, call: Call[str], ticket: InstanceTransferTicket, context: Context
) -> Flow[str]:
    listing = contract.portfolio.transfers(Window())
    rows = lister(listing, context)
    before = sorted(row.transfer_id for row in (yield from _listed(rows, call)))
    said: dict[str, Any] = {
        "kind": "transfer",
        "source": ticket.source,
        "destination": ticket.destination,
        "amount": Decimal(ticket.amount).scaleb(-4),
        "source_shard": ticket.source_exchange_shard,
        "destination_shard": ticket.destination_exchange_shard,
        "before": before,
    }
    look = transfer_look(rows, said)
    entry = make_entry(call, None, said, (yield Now()))
    return (yield from carry_out(Change(contract, call, entry, _anything, look), context))


def create_subaccount(contract: Contract, shard: int | None, context: Context) -> Flow[int]:
    """Create a subaccount; returns its number."""
    call = contract.subaccounts.create(shard)
    work = partial(_create_subaccount, contract, call, context)
    return (yield from alone("turn of subaccount", context, work))


def _create_subaccount(contract: Contract, call: Call[int], context: Context) -> Flow[int]:
    listing = contract.subaccounts.balances()
    rows = lister(listing, context)
    before = sorted({str(row.subaccount) for row in (yield from _listed(rows, call))})
    look = subaccount_look(rows, before)
    entry = make_entry(call, None, {"kind": "subaccount", "before": before}, (yield Now()))
    return (yield from carry_out(Change(contract, call, entry, _anything, look), context))
