"""Probes: one read of the exchange that tells what became of a write whose answer proved nothing.

A probe is a flow that takes no argument and returns a `ProbeResult`. It reads once:

    result       what the read showed                               what the caller may do
    Executed     the exchange is in the state the write asked for   return it
    Created      something that was not there before                return it
    NotExecuted  it was not executed and cannot be any more         raise its error
    NotDone      not in that state                                  send again when no copy is left
    Moot         its order ended, and hides what became of it       say so: nothing is to come
    Unclear      nothing that can be relied on                      probe again, or say unknown

A failed read, a 404, a list cut short and an unreadable row are `Unclear`, never `NotDone`.
Example: an amend to 5 contracts at 0.40 lost its answer. The order shows 5 at 0.40: `Executed`. It
shows 8 at 0.35: `NotDone`, with the same call to send again. 8 were filled: `NotExecuted`. It was
cancelled at 0.40, and what it would have had to fill is not shown: `Moot`.

Whether a result may be believed is a question of time: reads lag behind writes, and a delayed copy
of a request may still be accepted. The engine (resolve.py) decides it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeVar

from attrs import evolve

from kalshi_ext.contracts.interface import Contract
from kalshi_ext.errors import KalshiError, Misuse, OutcomeUnknown
from kalshi_ext.journal import Entry
from kalshi_ext.models import Order, OrderAck
from kalshi_ext.protocol.flow import CallLimits, Context, Flow
from kalshi_ext.protocol.messages import Call
from kalshi_ext.reads.lookup import ENDED, order_ended_error, read_order
from kalshi_ext.requests import DecreaseTicket
from kalshi_ext.values.money import EXACT
from kalshi_ext.writes import journal_codec
from kalshi_ext.writes.keyless import (
    KEYLESS,
    Listing,
    read_new_rows,
    read_unclaimed,
    row_kind,
)
from kalshi_ext.writes.outcomes import (
    Created,
    Executed,
    Moot,
    NotDone,
    NotExecuted,
    ProbeResult,
    Unclear,
)

T = TypeVar("T")
R = TypeVar("R")


def amend_probe(
    contract: Contract,
    payload: Mapping[str, Any],
    context: Context,
    limits: CallLimits,
    call: Call[OrderAck] | None = None,
) -> Callable[[], Flow[ProbeResult[OrderAck]]]:
    """Build the probe of an amend; `payload` as in the journal, `call` sends it again."""
    order_id, price, total = payload["order_id"], Decimal(payload["price"]), payload["count"]
    wanted = (price, Decimal(total), payload.get("expires"), payload.get("client_order_id"))

    def probe() -> Flow[ProbeResult[OrderAck]]:
        order = yield from read_order(
            contract, order_id, context, ticker=payload.get("ticker"), limits=limits
        )
        if order is None:
            return Unclear()
        if _is_amended(order, *wanted):
            return Executed(journal_codec.ack_of(order))
        if order.status in ENDED:
            hidden = order.status == "canceled" and order.price == price
            return _hidden(order) if hidden else _ended("orders.amend", order)
        return NotDone(call, may_go_again=call is not None)

    return probe


def _ended(facade: str, order: Order) -> NotExecuted:
    return NotExecuted(order_ended_error(facade, order))


def _hidden(order: Order) -> Moot:
    """Say that an order has ended, and that its end hides whether it was changed before."""
    why = (
        f"the order is {order.status.value} by now, {order.fill_count} contracts of it were "
        "filled, and whether it was changed before that cannot be told"
    )
    return Moot(OutcomeUnknown(why, order_id=order.order_id))


def _is_amended(
    order: Order, price: Decimal, total: Decimal, expires: int | None, new_id: str | None
) -> bool:
    """Say whether an order is as an amend wants it, in all that the amend names."""
    if order.price != price or new_id not in (None, order.client_order_id):
        return False
    # A cancelled order does not show what it would have had to fill: `count` is the size first
    # asked for, and what was filled may equal the wanted total by chance. A new id tells.
    if order.status == "canceled":
        return new_id is not None
    # None keeps the expiry, 0 removes it (documented).
    expiry = 0 if order.expiration_time is None else int(order.expiration_time.timestamp())
    return order_total(order) == total and expires in (None, expiry)


def order_total(order: Order) -> Decimal:
    """Return what an amend's `count` names: the contracts filled and those still resting."""
    return EXACT.add(order.fill_count, order.remaining_count)


def decrease_probe(
    contract: Contract,
    payload: Mapping[str, Any],
    context: Context,
    limits: CallLimits,
    ticket: DecreaseTicket | None = None,
) -> Callable[[], Flow[ProbeResult[OrderAck]]]:
    """Build the probe of a decrease; `payload` as in the journal, `ticket` is sent again."""
    order_id = payload["order_id"]
    by, to, total = (_decimal_of(payload.get(name)) for name in ("by", "to", "total"))

    def probe() -> Flow[ProbeResult[OrderAck]]:
        order = yield from read_order(
            contract, order_id, context, ticker=payload.get("ticker"), limits=limits
        )
        if order is None:
            return Unclear()
        if to is not None:
            return _judge_reduce_to(ticket, order, to)
        if by is None or total is None:
            return Unclear()
        return _judge_reduce_by(contract, ticket, order, by, total)

    return probe


def _decimal_of(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _judge_reduce_to(
    ticket: DecreaseTicket | None, order: Order, to: Decimal
) -> ProbeResult[OrderAck]:
    # A decrease to nothing is a cancel (documented). Of any other end it cannot be told whether the
    # decrease came first.
    if order.status in ENDED and (order.status == "executed" or to > 0):
        return _hidden(order)
    if order.remaining_count <= to:
        return Executed(journal_codec.ack_of(order))
    return NotDone(may_go_again=ticket is not None)


def _judge_reduce_by(
    contract: Contract, ticket: DecreaseTicket | None, order: Order, by: Decimal, total: Decimal
) -> ProbeResult[OrderAck]:
    """Compare with `total`, read before the sending: fills keep it, the decrease takes `by` off."""
    # A cancel takes off what rests, so what was filled may equal the wanted total by chance; a
    # decrease to nothing is a cancel (documented).
    shown = order.status != "canceled" or total == by
    if shown and order_total(order) == EXACT.subtract(total, by):
        return Executed(journal_codec.ack_of(order))
    if order.status in ENDED:
        # More was filled than the decrease would have left: it cannot have come first.
        before = order.fill_count > EXACT.subtract(total, by)
        return _ended("orders.decrease", order) if before else _hidden(order)
    if order_total(order) != total:
        return Unclear()
    # A difference executed twice takes off twice as much: it goes again as an absolute size.
    rest = max(EXACT.subtract(order.remaining_count, by), Decimal(0))
    try:
        call = (
            None if ticket is None else contract.orders.decrease(evolve(ticket, by=None, to=rest))
        )
    except Misuse:  # the classic contract knows differences only, and those are not repeated
        call = None
    # Fills since this read may leave no more than `rest` already. The answer to that call is
    # then a success that took nothing off, so only a `rest` of 0 proves the decrease.
    return NotDone(call, conclusive=rest == 0, may_go_again=call is not None)


def new_row_probe(
    contract: Contract, entry: Entry, listing: Listing, context: Context, limits: CallLimits
) -> Callable[[], Flow[ProbeResult[Any]]]:
    """Build the probe of something created without a key; `listing` is from before the sending."""
    kind = row_kind(contract, json.loads(entry.ticket))

    def probe() -> Flow[ProbeResult[Any]]:
        rows = yield from read_new_rows(kind, listing, context, limits)
        if rows is None:
            return Unclear()
        unclaimed = yield from read_unclaimed(contract, kind, entry, rows)
        # Two new rows that match cannot be told apart: that is left to a person. So is none at all,
        # because nothing says how fresh these lists are.
        if unclaimed is not None and len(unclaimed) == 1 and kind.completed(unclaimed[0]):
            return Created(kind.value(unclaimed[0]))
        return Unclear(until="no copy is left")

    return probe


SUBACCOUNT_TRANSFER = "subaccount transfer"  # its kind in the journal


def probe_for(
    contract: Contract, context: Context, limits: CallLimits, entry: Entry
) -> Callable[[], Flow[ProbeResult[Any]]]:
    """Build the probe of a journal's entry, which sends nothing again."""
    try:
        payload: dict[str, Any] = json.loads(entry.ticket)
        if payload["kind"] == "amend":
            return amend_probe(contract, payload, context, limits)
        if payload["kind"] == "decrease":
            return decrease_probe(contract, payload, context, limits)
        if payload["kind"] in KEYLESS:
            return new_row_probe(contract, entry, Listing.of(payload), context, limits)
    except (KalshiError, *journal_codec.UNREADABLE):
        pass
    # A subaccount transfer; or a later version of this library wrote the entry.
    return _unreadable_probe


def _unreadable_probe() -> Flow[ProbeResult[Any]]:
    """Say that no read tells what became of a write.

    A list of transfers names no client_transfer_id, so a row that matches may be another transfer,
    and nothing says how fresh the list is. Only the same call under the same id can tell.
    """
    yield from ()
    return Unclear(until="now")
