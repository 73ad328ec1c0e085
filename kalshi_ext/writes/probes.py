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

Whether a result may be believed is a question of time: reads lag behind writes, and a delayed copy
of a request may still be accepted. `probe_until_settled` waits until it may.
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
from kalshi_ext.writes.lookup import ENDED, order_ended_error, read_all, read_order
from kalshi_ext.writes.outcomes import Executed, NotExecuted
from kalshi_ext.writes.watermark import DAY, PollSchedule, SentAt, read_watermark

T = TypeVar("T")
R = TypeVar("R")


@frozen
class NotDone(Generic[T]):
    """The write is not done. `resend` is the call that does what is left of it, None for never.

    `conclusive` says whether a success of that call proves that the write is done.
    """

    resend: Call[T] | None = None
    conclusive: bool = True


@frozen
class Unclear:
    """The read proved nothing."""


ProbeResult: TypeAlias = Executed[T] | NotExecuted | NotDone[T] | Unclear


def probe_until_settled(
    contract: Contract,
    probe: Callable[[], Flow[ProbeResult[T]]],
    context: Context,
    *,
    sent_at: float | None,
) -> Flow[ProbeResult[T]]:
    """Probe until a result may be believed; Unclear when time is over. `sent_at` as in `SentAt`."""
    send_time = SentAt(sent_at)
    schedule = PollSchedule(context.policy, (yield Now()))
    while True:
        watermark = yield from read_watermark(contract, context)
        result = yield from probe()
        # The order has ended, and an ended order stays so: no read is too old for that.
        if isinstance(result, NotExecuted):
            return result
        # A read from before the sending may show the wanted state by chance: an amend back to
        # 5 at 0.40, of an order whose change away from it is not shown yet.
        if isinstance(result, Executed) and send_time.visible(watermark):
            return result
        # While a delayed copy can be executed, "not done" may become "done" at any moment.
        copies_expired = send_time.visible(watermark, after=context.policy.signature_life)
        if isinstance(result, NotDone) and copies_expired:
            return result
        if schedule.expired((yield Now())):
            return Unclear()
        yield Sleep(schedule.next_wait())


def amend_probe(
    contract: Contract,
    payload: Mapping[str, Any],
    context: Context,
    call: Call[OrderAck] | None = None,
) -> Callable[[], Flow[ProbeResult[OrderAck]]]:
    """Build the probe of an amend; `payload` as in the journal, `call` sends it again."""

    def probe() -> Flow[ProbeResult[OrderAck]]:
        order = yield from read_order(
            contract, payload["order_id"], context, ticker=payload.get("ticker")
        )
        if order is None:
            return Unclear()
        if _is_amended(order, payload):
            return Executed(journal_codec.ack_of(order))
        if order.status in ENDED:
            return NotExecuted(order_ended_error("orders.amend", order))
        return NotDone(call)

    return probe


def _is_amended(order: Order, payload: Mapping[str, Any]) -> bool:
    """Say whether an order is as an amend wants it, in all that the amend names."""
    count = Decimal(payload["count"])
    if order.price != Decimal(payload["price"]) or count not in _possible_totals(order):
        return False
    if payload.get("client_order_id") not in (None, order.client_order_id):
        return False
    # None keeps the expiry, 0 removes it (documented).
    expires: int | None = payload.get("expires")
    expiry = 0 if order.expiration_time is None else int(order.expiration_time.timestamp())
    return expires in (None, expiry)


def _possible_totals(order: Order) -> tuple[Decimal | None, ...]:
    # A cancel empties `remaining_count`; `count` is taken to keep the size (inferred).
    total = order_total(order)
    return (total, order.count) if order.status == "canceled" else (total,)


def order_total(order: Order) -> Decimal:
    """Return what an amend's `count` names: the contracts filled and those still resting."""
    return order.fill_count + order.remaining_count


def decrease_probe(
    contract: Contract,
    payload: Mapping[str, Any],
    context: Context,
    ticket: DecreaseTicket | None = None,
) -> Callable[[], Flow[ProbeResult[OrderAck]]]:
    """Build the probe of a decrease; `payload` as in the journal, `ticket` is sent again."""

    def probe() -> Flow[ProbeResult[OrderAck]]:
        order = yield from read_order(
            contract, payload["order_id"], context, ticker=payload.get("ticker")
        )
        if order is None:
            return Unclear()
        if payload.get("to") is not None:
            return _judge_reduce_to(contract, ticket, order, Decimal(payload["to"]))
        if payload.get("total") is None:
            return Unclear()
        by, total = Decimal(payload["by"]), Decimal(payload["total"])
        return _judge_reduce_by(contract, ticket, order, by, total)

    return probe


def _judge_reduce_to(
    contract: Contract, ticket: DecreaseTicket | None, order: Order, to: Decimal
) -> ProbeResult[OrderAck]:
    # A decrease to nothing is a cancel (documented). Of any other end it cannot be told whether the
    # decrease came first.
    if order.status in ENDED and (order.status == "executed" or to > 0):
        return NotExecuted(order_ended_error("orders.decrease", order))
    if order.remaining_count <= to:
        return Executed(journal_codec.ack_of(order))
    return NotDone(None if ticket is None else contract.orders.decrease(ticket))


def _judge_reduce_by(
    contract: Contract, ticket: DecreaseTicket | None, order: Order, by: Decimal, total: Decimal
) -> ProbeResult[OrderAck]:
    """Compare with `total`, read before the sending: fills keep it, the decrease takes `by` off."""
    if order_total(order) == total - by:
        return Executed(journal_codec.ack_of(order))
    if order.status in ENDED:
        return NotExecuted(order_ended_error("orders.decrease", order))
    if order_total(order) != total:
        return Unclear()
    # A difference executed twice takes off twice as much: it goes again as an absolute size.
    rest = max(order.remaining_count - by, Decimal(0))
    try:
        call = (
            None if ticket is None else contract.orders.decrease(evolve(ticket, by=None, to=rest))
        )
    except Misuse:  # the classic contract knows differences only, and those are not repeated
        call = None
    # Fills since this read may leave no more than `rest` already. The answer to that call is
    # then a success that took nothing off, so only a `rest` of 0 proves the decrease.
    return NotDone(call, conclusive=rest == 0)


def new_row_probe(
    list_rows: Callable[[], Flow[list[R] | None]],
    before: Iterable[str],
    identity: Callable[[R], str],
    matches: Callable[[R], bool],
    value: Callable[[R], T],
    *,
    completed: Callable[[R], bool] = lambda _: True,
) -> Callable[[], Flow[ProbeResult[T]]]:
    """Build the probe of something created without a key.

    `before` are the identities listed before the sending; `matches` says whether a row could be
    what was asked for, `completed` whether such a row proves that it was done.
    """
    known = frozenset(before)

    def probe() -> Flow[ProbeResult[T]]:
        rows = yield from list_rows()
        if rows is None:
            return Unclear()
        new = [row for row in rows if identity(row) not in known and matches(row)]
        if not new:
            return NotDone()
        # Two new rows that match cannot be told apart: that is left to a person.
        ours = len(new) == 1 and completed(new[0])
        return Executed(value(new[0])) if ours else Unclear()

    return probe


def list_reader(call: Call[Page[R]], context: Context) -> Callable[[], Flow[list[R] | None]]:
    """Build the reading of a whole list; it returns None where rows may be missing."""

    def list_rows() -> Flow[list[R] | None]:
        paginator = Paginator(call, context)
        rows, reached_end = yield from read_all(paginator)
        return rows if reached_end and not paginator.invalid_rows else None

    return list_rows


def order_group_probe(
    list_groups: Callable[[], Flow[list[OrderGroup] | None]],
    before: Iterable[str],
    limit: Decimal,
) -> Callable[[], Flow[ProbeResult[OrderGroup]]]:
    """Build the probe of a new group; it has our limit, where the contract tells a limit."""
    return new_row_probe(
        list_groups,
        before,
        lambda group: group.id,
        lambda group: group.contracts_limit in (None, limit),
        lambda group: group,
    )


def instance_transfer_probe(
    list_transfers: Callable[[], Flow[list[InstanceTransfer] | None]],
    payload: dict[str, Any],
) -> Callable[[], Flow[ProbeResult[str]]]:
    """Build the probe of an instance transfer: new, between the same ends, of the same amount."""
    wanted = (payload["source"], payload["destination"], Decimal(payload["amount"]))
    wanted_shards = (payload.get("source_shard"), payload.get("destination_shard"))

    def matches(row: InstanceTransfer) -> bool:
        if (row.source, row.destination, row.amount) != wanted:
            return False
        shards = (row.source_exchange_shard, row.destination_exchange_shard)
        pairs = zip(wanted_shards, shards, strict=True)
        return all(None in pair or pair[0] == pair[1] for pair in pairs)

    return new_row_probe(
        list_transfers,
        payload["before"],
        lambda row: row.transfer_id,
        matches,
        lambda row: row.transfer_id,
        # Any other status leaves it open whether the money moved.
        completed=lambda row: row.status in ("complete", "pending"),
    )


def subaccount_probe(
    list_balances: Callable[[], Flow[list[SubaccountBalance] | None]],
    before: Iterable[str],
) -> Callable[[], Flow[ProbeResult[int]]]:
    """Build the probe of a new subaccount: a number that was not listed before."""

    def list_subaccounts() -> Flow[list[SubaccountBalance] | None]:
        # A subaccount has a balance on each shard: one row of each number is enough.
        rows = yield from list_balances()
        return None if rows is None else list({row.subaccount: row for row in rows}.values())

    return new_row_probe(
        list_subaccounts,
        before,
        lambda row: str(row.subaccount),
        lambda _: True,
        lambda row: row.subaccount,
    )


SUBACCOUNT_TRANSFER = "subaccount transfer"  # its kind in the journal


def subaccount_transfer_probe(
    list_transfers: Callable[[], Flow[list[SubaccountTransfer] | None]],
    payload: Mapping[str, Any],
    *,
    since: float,
) -> Callable[[], Flow[ProbeResult[None]]]:
    """Build the probe of a subaccount transfer that an earlier process left open.

    `since` is in Unix seconds. It never says Executed: the list names no client_transfer_id, so a
    row that matches may be another transfer. Only the same call under the same id can tell.
    """
    cents = Decimal(payload["amount_cents"])
    wanted = (payload["from_subaccount"], payload["to_subaccount"], cents / 100)

    def probe() -> Flow[ProbeResult[None]]:
        rows = yield from list_transfers()
        if rows is None or any(_is_recent_match(row, wanted, since) for row in rows):
            return Unclear()
        return NotDone()

    return probe


def _is_recent_match(
    row: SubaccountTransfer, wanted: tuple[int, int, Decimal], since: float
) -> bool:
    created = row.created_time
    recent = created is None or created.timestamp() >= since
    return recent and (row.from_subaccount, row.to_subaccount, row.amount) == wanted


def probe_for(
    contract: Contract, context: Context, entry: Entry
) -> Callable[[], Flow[ProbeResult[Any]]]:
    """Build the probe of a journal's entry, which sends nothing again."""
    payload: dict[str, Any] = json.loads(entry.ticket)
    kind = payload["kind"]
    if kind == "amend":
        return amend_probe(contract, payload, context)
    if kind == "decrease":
        return decrease_probe(contract, payload, context)
    if kind == "group":
        query = ListQuery(subaccount=payload.get("subaccount"))
        list_groups = list_reader(contract.order_groups.list(query), context)
        return order_group_probe(list_groups, payload["before"], Decimal(payload["limit"]))
    if kind == "transfer":
        list_transfers = list_reader(contract.portfolio.transfers(ListQuery()), context)
        return instance_transfer_probe(list_transfers, payload)
    if kind == "subaccount":
        list_balances = list_reader(contract.subaccounts.balances(), context)
        return subaccount_probe(list_balances, payload["before"])
    if kind == SUBACCOUNT_TRANSFER:
        list_keyed = list_reader(contract.subaccounts.transfers(ListQuery()), context)
        since = entry.created_at.timestamp() - DAY
        return subaccount_transfer_probe(list_keyed, payload, since=since)
    # A later version of this library may have written the entry: it stays open.
    return _unclear_probe


def _unclear_probe() -> Flow[ProbeResult[Any]]:
    yield from ()
    return Unclear()
