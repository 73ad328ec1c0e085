"""Writes without an idempotency key: what exists is listed before, and after a lost answer.

Exactly one new thing that fits is taken for ours; more than one is left to a person. Two flows of
one client make such things one after the other, so that neither takes the other's; a second
program that makes the same-looking thing at the same moment cannot be told apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

from kalshi_ext.contracts.interface import Contract, InstanceTransferTicket
from kalshi_ext.errors import NotSent
from kalshi_ext.models import InstanceTransfer, OrderGroup, SubaccountBalance
from kalshi_ext.protocol.context import Owner
from kalshi_ext.protocol.flow import Context, Flow, Now, Sleep
from kalshi_ext.protocol.messages import Call
from kalshi_ext.protocol.pagination import Page, Walk
from kalshi_ext.requests.filters import Window
from kalshi_ext.writes.lookup import NotDone, Sight, Unclear, read_all
from kalshi_ext.writes.outcomes import Accepted
from kalshi_ext.writes.resolve import Change, carry_out, make_entry

T = TypeVar("T")
R = TypeVar("R")


def new_one(
    listing: Callable[[], Flow[list[R] | None]],
    before: Iterable[str],
    identity: Callable[[R], str],
    fits: Callable[[R], bool],
    value: Callable[[R], T],
    *,
    sure: Callable[[R], bool] = lambda _: True,
) -> Callable[[], Flow[Sight[T]]]:
    """Build the look for something created without a key; `sure` says whether one is done."""
    known = frozenset(before)

    def look() -> Flow[Sight[T]]:
        rows = yield from listing()
        if rows is None:
            return Unclear()
        fresh = [row for row in rows if identity(row) not in known and fits(row)]
        if not fresh:
            return NotDone()
        ours = len(fresh) == 1 and sure(fresh[0])
        return Accepted(value(fresh[0])) if ours else Unclear()

    return look


def lister(call: Call[Page[R]], context: Context) -> Callable[[], Flow[list[R] | None]]:
    """Build the reading of a whole list; None where rows may be missing."""

    def rows() -> Flow[list[R] | None]:
        walk = Walk(call, context)
        read, ended = yield from read_all(walk)
        return read if ended and not walk.set_aside else None

    return rows


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


def group_look(
    listing: Callable[[], Flow[list[OrderGroup] | None]],
    before: Iterable[str],
    limit: Decimal,
) -> Callable[[], Flow[Sight[OrderGroup]]]:
    """Build the look for a group: new, and of our limit where the contract says it."""
    return new_one(
        listing,
        before,
        lambda group: group.id,
        lambda group: group.contracts_limit in (None, limit),
        lambda group: group,
    )


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


def transfer_look(
    listing: Callable[[], Flow[list[InstanceTransfer] | None]],
    said: dict[str, Any],
) -> Callable[[], Flow[Sight[str]]]:
    """Build the look for a transfer: new, between the same places, of the same amount.

    A status other than complete and pending leaves it open whether the money moved.
    """
    wanted = (said["source"], said["destination"], Decimal(said["amount"]))
    ends = (said.get("source_shard"), said.get("destination_shard"))

    def fits(row: InstanceTransfer) -> bool:
        if (row.source, row.destination, row.amount) != wanted:
            return False
        there = (row.source_exchange_shard, row.destination_exchange_shard)
        return all(None in pair or pair[0] == pair[1] for pair in zip(ends, there, strict=True))

    return new_one(
        listing,
        said["before"],
        lambda row: row.transfer_id,
        fits,
        lambda row: row.transfer_id,
        sure=lambda row: row.status in ("complete", "pending"),
    )


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


def subaccount_look(
    listing: Callable[[], Flow[list[SubaccountBalance] | None]],
    before: Iterable[str],
) -> Callable[[], Flow[Sight[int]]]:
    """Build the look for a subaccount: a number that was not there."""

    def each_once() -> Flow[list[SubaccountBalance] | None]:
        rows = yield from listing()
        return None if rows is None else list({row.subaccount: row for row in rows}.values())

    return new_one(
        each_once,
        before,
        lambda row: str(row.subaccount),
        lambda _: True,
        lambda row: row.subaccount,
    )
