"""Probes: one read of the exchange that tells what became of a write whose answer proved nothing.

A probe is a flow that takes no argument and returns a `ProbeResult`. It reads once:

    result       what the read showed                               what the caller may do
    Executed     the exchange is in the state the write asked for   return it
    NotExecuted  the write cannot be executed any more              raise its error
    NotDone      not in that state                                  send again when no copy is left
    Unclear      nothing that can be relied on                      probe again, or say unknown

A failed read, a 404, a list cut short and an unreadable row are `Unclear`, never `NotDone`.
Example: an amend to 5 contracts at 0.40 lost its answer. The order shows 5 at 0.40: `Executed`. It
shows 8 at 0.35: `NotDone`, with the same call to send again. It was filled: `NotExecuted`.

Whether a result may be believed is a question of time, and `probe_until_settled` answers it: reads
lag behind writes, and a delayed copy of a request may still be accepted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, Generic, TypeAlias, TypeVar

from attrs import evolve, frozen

from kalshi_ext.contracts.interface import Contract
from kalshi_ext.errors import Misuse
from kalshi_ext.journal import Entry
from kalshi_ext.models import (
    InstanceTransfer,
    Order,
    OrderAck,
    OrderGroup,
    SubaccountBalance,
    SubaccountTransfer,
)
from kalshi_ext.protocol.flow import Context, Flow, Now, Sleep
from kalshi_ext.protocol.messages import Call, Page
from kalshi_ext.protocol.pagination import Paginator
from kalshi_ext.requests import DecreaseTicket
from kalshi_ext.requests.filters import ListQuery
from kalshi_ext.writes import journal_codec
from kalshi_ext.writes.lookup import already_ended, read_all, read_order
from kalshi_ext.writes.outcomes import Executed, NotExecuted
from kalshi_ext.writes.watermark import DAY, PollSchedule, SentAt, read_watermark

T = TypeVar("T")
R = TypeVar("R")


@frozen
class NotDone(Generic[T]):
    """What looking showed: it is not done. `again` is how to send it again, None for never.

    `telling` says whether a success of that tells that the change is done.
    """

    resend: Call[T] | None = None
    conclusive: bool = True


@frozen
class Unclear:
    """Looking showed nothing that could be relied on."""


ProbeResult: TypeAlias = Executed[T] | NotExecuted | NotDone[T] | Unclear


def probe_until_settled(
    contract: Contract,
    probe: Callable[[], Flow[ProbeResult[T]]],
    context: Context,
    *,
    sent_at: float | None,
) -> Flow[ProbeResult[T]]:
    """Look with patience; `sent_at` as in `Sending`.

    Accepted is believed once the reads are fresher than the sending: an older state may happen to
    be the wanted one. NotDone is returned only when no copy can be accepted any more.
    """
    sending = SentAt(sent_at)
    patience = PollSchedule(context.policy, (yield Now()))
    while True:
        fresh = yield from read_watermark(contract, context)
        result = yield from probe()
        if isinstance(result, NotExecuted):
            return result
        if isinstance(result, Executed) and sending.visible(fresh):
            return result
        dead = sending.visible(fresh, after=context.policy.signature_life)
        if isinstance(result, NotDone) and dead:
            return result
        if patience.expired((yield Now())):
            return Unclear()
        yield Sleep(patience.next_wait())


def amend_probe(
    contract: Contract,
    said: Mapping[str, Any],
    context: Context,
    call: Call[OrderAck] | None = None,
) -> Callable[[], Flow[ProbeResult[OrderAck]]]:
    """Build the look for an amend; `call` repeats it where it is not done."""

    def look() -> Flow[ProbeResult[OrderAck]]:
        order = yield from read_order(
            contract, said["order_id"], context, ticker=said.get("ticker")
        )
        if order is None:
            return Unclear()
        if _is_amended(order, said):
            return Executed(journal_codec.ack_of(order))
        if order.status in ("canceled", "executed"):
            return NotExecuted(already_ended("orders.amend", order))
        return NotDone(call)

    return look


def _is_amended(order: Order, said: Mapping[str, Any]) -> bool:
    """Say whether an order is as an amend wants it, in all that the amend names."""
    count = Decimal(said["count"])
    if order.price != Decimal(said["price"]) or count not in _totals(order):
        return False
    if said.get("client_order_id") not in (None, order.client_order_id):
        return False
    expires: int | None = said.get("expires")
    there = 0 if order.expiration_time is None else int(order.expiration_time.timestamp())
    return expires in (None, there)


def _totals(order: Order) -> tuple[Decimal | None, ...]:
    """Return what may be the total of an order: one that was cancelled keeps it in `count`."""
    total = order_total(order)
    return (total, order.count) if order.status == "canceled" else (total,)


def order_total(order: Order) -> Decimal:
    return order.fill_count + order.remaining_count


def decrease_probe(
    contract: Contract,
    said: Mapping[str, Any],
    context: Context,
    ticket: DecreaseTicket | None = None,
) -> Callable[[], Flow[ProbeResult[OrderAck]]]:
    """Build the look for a decrease; `ticket` repeats it, as an absolute size, if not done."""

    def look() -> Flow[ProbeResult[OrderAck]]:
        order = yield from read_order(
            contract, said["order_id"], context, ticker=said.get("ticker")
        )
        if order is None:
            return Unclear()
        if said.get("to") is not None:
            return _reduced_to(contract, ticket, order, Decimal(said["to"]))
        if said.get("total") is None:
            return Unclear()
        by, total = Decimal(said["by"]), Decimal(said["total"])
        return _reduced_by(contract, ticket, order, by, total)

    return look


def _reduced_to(
    contract: Contract, ticket: DecreaseTicket | None, order: Order, to: Decimal
) -> ProbeResult[OrderAck]:
    if order.remaining_count <= to:
        return Executed(journal_codec.ack_of(order))
    return NotDone(None if ticket is None else contract.orders.decrease(ticket))


def _reduced_by(
    contract: Contract, ticket: DecreaseTicket | None, order: Order, by: Decimal, total: Decimal
) -> ProbeResult[OrderAck]:
    """Compare with what the order was: fills keep the total, the decrease lowers it by `by`."""
    if order.status == "canceled":
        return NotExecuted(already_ended("orders.decrease", order))
    if order_total(order) == total - by:
        return Executed(journal_codec.ack_of(order))
    if order_total(order) != total:
        return Unclear()
    rest = max(order.remaining_count - by, Decimal(0))
    try:
        call = (
            None if ticket is None else contract.orders.decrease(evolve(ticket, by=None, to=rest))
        )
    except Misuse:  # the classic contract knows differences only, and those are not repeated
        call = None
    # Fills since the reading may leave less than `rest` already: then that changes nothing.
    return NotDone(call, conclusive=rest == 0)


def new_row_probe(
    listing: Callable[[], Flow[list[R] | None]],
    before: Iterable[str],
    identity: Callable[[R], str],
    fits: Callable[[R], bool],
    value: Callable[[R], T],
    *,
    sure: Callable[[R], bool] = lambda _: True,
) -> Callable[[], Flow[ProbeResult[T]]]:
    """Build the look for something created without a key; `sure` says whether one is done."""
    known = frozenset(before)

    def look() -> Flow[ProbeResult[T]]:
        rows = yield from listing()
        if rows is None:
            return Unclear()
        fresh = [row for row in rows if identity(row) not in known and fits(row)]
        if not fresh:
            return NotDone()
        ours = len(fresh) == 1 and sure(fresh[0])
        return Executed(value(fresh[0])) if ours else Unclear()

    return look


def list_reader(call: Call[Page[R]], context: Context) -> Callable[[], Flow[list[R] | None]]:
    """Build the reading of a whole list; None where rows may be missing."""

    def rows() -> Flow[list[R] | None]:
        walk = Paginator(call, context)
        read, ended = yield from read_all(walk)
        return read if ended and not walk.invalid_rows else None

    return rows


def order_group_probe(
    listing: Callable[[], Flow[list[OrderGroup] | None]],
    before: Iterable[str],
    limit: Decimal,
) -> Callable[[], Flow[ProbeResult[OrderGroup]]]:
    """Build the look for a group: new, and of our limit where the contract says it."""
    return new_row_probe(
        listing,
        before,
        lambda group: group.id,
        lambda group: group.contracts_limit in (None, limit),
        lambda group: group,
    )


def instance_transfer_probe(
    listing: Callable[[], Flow[list[InstanceTransfer] | None]],
    said: dict[str, Any],
) -> Callable[[], Flow[ProbeResult[str]]]:
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

    return new_row_probe(
        listing,
        said["before"],
        lambda row: row.transfer_id,
        fits,
        lambda row: row.transfer_id,
        sure=lambda row: row.status in ("complete", "pending"),
    )


def subaccount_probe(
    listing: Callable[[], Flow[list[SubaccountBalance] | None]],
    before: Iterable[str],
) -> Callable[[], Flow[ProbeResult[int]]]:
    """Build the look for a subaccount: a number that was not there."""

    def each_once() -> Flow[list[SubaccountBalance] | None]:
        rows = yield from listing()
        return None if rows is None else list({row.subaccount: row for row in rows}.values())

    return new_row_probe(
        each_once,
        before,
        lambda row: str(row.subaccount),
        lambda _: True,
        lambda row: row.subaccount,
    )


SUBACCOUNT_TRANSFER = "subaccount transfer"


def subaccount_transfer_probe(
    listing: Callable[[], Flow[list[SubaccountTransfer] | None]],
    said: Mapping[str, Any],
    *,
    since: float,
) -> Callable[[], Flow[ProbeResult[None]]]:
    """Build the look for a transfer that is not repeated, as recovery sends nothing.

    The list names no client_transfer_id: that none fits tells that it was not done, and one that
    fits tells nothing. Repeating it under its key does. `since` is in Unix seconds.
    """
    wanted = (said["from_subaccount"], said["to_subaccount"], Decimal(said["amount_cents"]) / 100)

    def look() -> Flow[ProbeResult[None]]:
        rows = yield from listing()
        if rows is None or any(_matches(row, wanted, since) for row in rows):
            return Unclear()
        return NotDone()

    return look


def _matches(row: SubaccountTransfer, wanted: tuple[int, int, Decimal], since: float) -> bool:
    made = row.created_time
    recent = made is None or made.timestamp() >= since
    return recent and (row.from_subaccount, row.to_subaccount, row.amount) == wanted


# No flow lives as long as this, and no clock is wrong by more (a time zone is 14 hours at most):
# an entry untouched for longer has no copy on its way, and an order came no earlier than this
# before its entry's own time. Both were told by a clock that was perhaps not corrected yet.


def probe_of(
    contract: Contract, context: Context, entry: Entry
) -> Callable[[], Flow[ProbeResult[Any]]]:
    said: dict[str, Any] = json.loads(entry.ticket)
    kind = said["kind"]
    if kind == "amend":
        return amend_probe(contract, said, context)
    if kind == "decrease":
        return decrease_probe(contract, said, context)
    if kind == "group":
        listing = contract.order_groups.list(ListQuery(subaccount=said.get("subaccount")))
        rows = list_reader(listing, context)
        return order_group_probe(rows, said["before"], Decimal(said["limit"]))
    if kind == "transfer":
        moves = list_reader(contract.portfolio.transfers(ListQuery()), context)
        return instance_transfer_probe(moves, said)
    if kind == "subaccount":
        balances = list_reader(contract.subaccounts.balances(), context)
        return subaccount_probe(balances, said["before"])
    if kind == SUBACCOUNT_TRANSFER:
        keyed_moves = list_reader(contract.subaccounts.transfers(ListQuery()), context)
        since = entry.created_at.timestamp() - DAY
        return subaccount_transfer_probe(keyed_moves, said, since=since)
    return _no_probe


def _no_probe() -> Flow[ProbeResult[Any]]:
    yield from ()
    return Unclear()
