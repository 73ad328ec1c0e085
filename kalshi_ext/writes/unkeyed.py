"""Writes without an idempotency key: what exists is listed before, and after a lost answer.

Exactly one new thing that fits is taken for ours; more than one is left to a person.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, TypeVar

from kalshi_ext.calls import Call, Lost
from kalshi_ext.contracts.language import Contract, InstanceTransferTicket
from kalshi_ext.flow import Context, Flow, Now, lost_error, transmit
from kalshi_ext.models import InstanceTransfer, OrderGroup, SubaccountBalance
from kalshi_ext.paging import Page, Walk, gather
from kalshi_ext.windows import Window
from kalshi_ext.writes.changing import Change, carry_out, make_entry
from kalshi_ext.writes.looking import read_all
from kalshi_ext.writes.sights import NotDone, Sight, Unclear
from kalshi_ext.writes.verdicts import Accepted, Unproven, judge

T = TypeVar("T")
R = TypeVar("R")


def repeatable(call: Call[T], context: Context) -> Flow[T]:
    """Do a write that names a state, or ends something: repeated at once it ends the same."""
    outcome = yield from transmit(call, context, again=True)
    verdict = judge(call, outcome, context)
    if isinstance(verdict, Accepted):
        return verdict.value
    raise verdict.error


def keyed_transfer(call: Call[None], context: Context) -> Flow[None]:
    """Do a transfer that carries a client_transfer_id: refused the second time means done."""
    outcome = yield from transmit(call, context, again=True)
    if isinstance(outcome, Lost):
        raise lost_error(call.operation, outcome)
    verdict = judge(call, outcome, context)
    if isinstance(verdict, Accepted) or (isinstance(verdict, Unproven) and verdict.exists):
        return
    raise verdict.error


def new_one(
    listing: Callable[[], Flow[list[R] | None]],
    before: Iterable[str],
    identity: Callable[[R], str],
    fits: Callable[[R], bool],
    value: Callable[[R], T],
    call: Call[T] | None,
) -> Callable[[], Flow[Sight[T]]]:
    """Build the look for something created without a key."""
    known = frozenset(before)

    def look() -> Flow[Sight[T]]:
        rows = yield from listing()
        if rows is None:
            return Unclear()
        fresh = [row for row in rows if identity(row) not in known and fits(row)]
        if not fresh:
            return NotDone(call)
        return Accepted(value(fresh[0])) if len(fresh) == 1 else Unclear()

    return look


def lister(call: Call[Page[R]], context: Context) -> Callable[[], Flow[list[R] | None]]:
    """Build the reading of a whole list; None where rows may be missing."""

    def rows() -> Flow[list[R] | None]:
        walk = Walk(call, context)
        read, ended = yield from read_all(walk)
        return read if ended and not walk.set_aside else None

    return rows


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
    listing = contract.order_groups.list(Window(subaccount=subaccount))
    groups = yield from gather(Walk(listing, context))
    before = sorted(group.id for group in groups)
    look = group_look(lister(listing, context), before, limit, call)
    said = {"kind": "group", "limit": limit, "subaccount": subaccount, "before": before}
    entry = make_entry(call, None, said, (yield Now()))
    return (yield from carry_out(Change(contract, call, entry, _anything, look), context))


def group_look(
    listing: Callable[[], Flow[list[OrderGroup] | None]],
    before: Iterable[str],
    limit: Decimal,
    call: Call[OrderGroup] | None,
) -> Callable[[], Flow[Sight[OrderGroup]]]:
    """Build the look for a group: new, and of our limit where the contract says it."""
    return new_one(
        listing,
        before,
        lambda group: group.id,
        lambda group: group.contracts_limit in (None, limit),
        lambda group: group,
        call,
    )


def transfer(contract: Contract, ticket: InstanceTransferTicket, context: Context) -> Flow[str]:
    """Move money between instances or shards; returns the transfer id."""
    call = contract.portfolio.transfer(ticket)
    listing = contract.portfolio.transfers(Window())
    rows = yield from gather(Walk(listing, context))
    before = sorted(row.transfer_id for row in rows)
    said: dict[str, Any] = {
        "kind": "transfer",
        "source": ticket.source,
        "destination": ticket.destination,
        "amount": Decimal(ticket.amount).scaleb(-4),
        "before": before,
    }
    look = transfer_look(lister(listing, context), said, call)
    entry = make_entry(call, None, said, (yield Now()))
    return (yield from carry_out(Change(contract, call, entry, _anything, look), context))


def transfer_look(
    listing: Callable[[], Flow[list[InstanceTransfer] | None]],
    said: dict[str, Any],
    call: Call[str] | None,
) -> Callable[[], Flow[Sight[str]]]:
    """Build the look for a transfer: new, between the same instances, of the same amount."""
    wanted = (said["source"], said["destination"], Decimal(said["amount"]))
    return new_one(
        listing,
        said["before"],
        lambda row: row.transfer_id,
        lambda row: (row.source, row.destination, row.amount) == wanted,
        lambda row: row.transfer_id,
        call,
    )


def create_subaccount(contract: Contract, shard: int | None, context: Context) -> Flow[int]:
    """Create a subaccount; returns its number."""
    call = contract.subaccounts.create(shard)
    listing = contract.subaccounts.balances()
    rows = yield from gather(Walk(listing, context))
    before = sorted({str(row.subaccount) for row in rows})
    look = subaccount_look(lister(listing, context), before, call)
    entry = make_entry(call, None, {"kind": "subaccount", "before": before}, (yield Now()))
    return (yield from carry_out(Change(contract, call, entry, _anything, look), context))


def subaccount_look(
    listing: Callable[[], Flow[list[SubaccountBalance] | None]],
    before: Iterable[str],
    call: Call[int] | None,
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
        call,
    )
