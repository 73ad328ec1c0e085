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

from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

from kalshi_ext.contracts.interface import Contract
from kalshi_ext.errors import Forbidden, KalshiError, Misuse, NotSent, Unauthorized
from kalshi_ext.models import OrderGroup
from kalshi_ext.protocol.flow import CallLimits, Context, Flow, Now, begin_call
from kalshi_ext.protocol.limits import Deadline
from kalshi_ext.protocol.messages import Call
from kalshi_ext.requests import InstanceTransferTicket
from kalshi_ext.values.money import EXACT
from kalshi_ext.writes.keyless import Listing, read_listing, row_kind
from kalshi_ext.writes.probes import new_row_probe
from kalshi_ext.writes.reservation import serialized
from kalshi_ext.writes.single import Single, execute_single, new_entry

T = TypeVar("T")


def _no_contradiction(value: object) -> str | None:
    del value  # an answer is only the new id, and any id can be true
    return None


def _in_turn(
    contract: Contract,
    call: Call[T],
    payload: dict[str, Any],
    context: Context,
    deadline: Deadline | None,
) -> Flow[T]:
    """Send a write of a kind that makes one row, while no other flow of this process makes one."""
    limits = yield from begin_call(context, deadline)
    work = partial(_create, contract, call, payload, context, limits)
    lock = f"turn of {payload['kind']}"
    return (yield from serialized(lock, context, limits, call.operation.facade, work))


def _create(
    contract: Contract,
    call: Call[T],
    payload: dict[str, Any],
    context: Context,
    limits: CallLimits,
) -> Flow[T]:
    listing = yield from _list_before(contract, call, payload, context, limits)
    payload = {**payload, **listing.payload()}
    entry = new_entry(call, None, payload, (yield Now()), context.exchange_clock.at(limits.started))
    probe = new_row_probe(contract, entry, listing, context, limits)
    single = Single(call, payload, _no_contradiction, probe, entry=entry)
    result: T = yield from execute_single(contract, context, limits, single)
    return result


def _list_before(
    contract: Contract,
    call: Call[Any],
    payload: dict[str, Any],
    context: Context,
    limits: CallLimits,
) -> Flow[Listing]:
    """List what exists before a write. Raises NotSent where that cannot be read."""
    reason: KalshiError | None = None
    try:
        listing = yield from read_listing(row_kind(contract, payload), context, limits)
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
    *,
    deadline: Deadline | None = None,
) -> Flow[OrderGroup]:
    """Create an order group of `limit` contracts."""
    call = contract.order_groups.create(limit, subaccount, shard)
    payload = {"kind": "group", "limit": limit, "subaccount": subaccount}
    return (yield from _in_turn(contract, call, payload, context, deadline))


def transfer_between_instances(
    contract: Contract,
    ticket: InstanceTransferTicket,
    context: Context,
    *,
    deadline: Deadline | None = None,
) -> Flow[str]:
    """Move money between instances or shards; returns the transfer id."""
    call = contract.portfolio.transfer(ticket)
    payload: dict[str, Any] = {
        "kind": "transfer",
        "source": ticket.source,
        "destination": ticket.destination,
        # The ticket counts centicents, 1/100 of a cent (documented); rows are read as dollars.
        "amount": Decimal(ticket.amount).scaleb(-4, EXACT),
        "source_shard": ticket.source_exchange_shard,
        "destination_shard": ticket.destination_exchange_shard,
    }
    return (yield from _in_turn(contract, call, payload, context, deadline))


def create_subaccount(
    contract: Contract, shard: int | None, context: Context, *, deadline: Deadline | None = None
) -> Flow[int]:
    """Create a subaccount; returns its number."""
    call = contract.subaccounts.create(shard)
    return (yield from _in_turn(contract, call, {"kind": "subaccount"}, context, deadline))
