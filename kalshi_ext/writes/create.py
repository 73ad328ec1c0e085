"""Writes without an idempotency key: order groups, transfers between instances, subaccounts.

What exists is listed before the sending, and again after a lost answer. Exactly one new row that
matches is taken for ours, if no other write of the journal may have made it. More than one is left
to a person, and so is none: the watermark does not vouch for these lists (documented), so a row
that is not seen proves nothing, ever, and the write stays open. It is looked for until no copy of
the request is left, and never sent again: without a key nothing at the exchange would stop a late
copy from making a second one. Flows of one client create one after the other, so that neither
takes the other's row. A second program, with a journal of its own, that creates the same at the
same moment cannot be told apart.

A row is new when its id was not listed before and, where it tells when it was created, that is not
before the sending by the exchange's own clock. Lists are taken to be newest first (inferred), so of
a long list the newest page is enough, before and after. Where that is wrong an old row is still not
taken for ours: of a list that was not read whole, a row counts only with its time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Generic, TypeVar

from attrs import frozen

from kalshi_ext.bases import Value
from kalshi_ext.contracts.interface import Contract
from kalshi_ext.errors import Forbidden, KalshiError, Misuse, NotSent, Unauthorized
from kalshi_ext.journal import Entry, JournalError
from kalshi_ext.models import InstanceTransfer, OrderGroup, SubaccountBalance
from kalshi_ext.protocol.context import LockOwner
from kalshi_ext.protocol.flow import (
    CallLimits,
    Context,
    Flow,
    Now,
    Record,
    begin_call,
    decode_response,
    lost_error,
    send_with_retries,
    server_time,
)
from kalshi_ext.protocol.limits import Deadline
from kalshi_ext.protocol.messages import Call, Lost, Operation, Page
from kalshi_ext.requests import InstanceTransferTicket
from kalshi_ext.requests.filters import ListQuery
from kalshi_ext.values.money import EXACT
from kalshi_ext.writes.outcomes import PROBES, Created, Probe, ProbeResult, Unclear
from kalshi_ext.writes.reservation import serialized
from kalshi_ext.writes.single import Single, execute_single, new_entry

T = TypeVar("T")
R = TypeVar("R")

# Ids of earlier rows that an entry of the journal keeps, and rows asked for a page.
KEPT_IDS: Final = 100
# Pages read after a sending. Meeting a row from before ends it sooner, on the first one as a rule.
MAX_PAGES: Final = 10


def _in_turn(
    contract: Contract,
    call: Call[T],
    payload: dict[str, Any],
    context: Context,
    deadline: Deadline | None,
) -> Flow[T]:
    """Send a write of a kind that makes one row, while no other flow of this process makes one."""
    limits = yield from begin_call(context, deadline)

    def work() -> Flow[T]:
        kind = _row_kind(contract, payload)
        listing = yield from _list_before(call.operation, kind, context, limits)
        listed = {**payload, **listing.payload()}
        at = context.exchange_clock.at(limits.started)
        entry = new_entry(call, None, listed, (yield Now()), at)
        single = Single(
            contract, context, limits, call.operation, call=call, payload=listed, entry=entry,
            contradiction=lambda _: None,  # an answer is only the new id, and any id can be true
            look=_new_row_probe(contract, entry, listing, context, limits),
        )  # fmt: skip
        return (yield from execute_single(single))  # type: ignore[no-any-return]

    lock = f"turn of {payload['kind']}"
    return (yield from serialized(lock, context, limits, call.operation.facade, work))


def _list_before(
    operation: Operation, kind: _RowKind[Any], context: Context, limits: CallLimits
) -> Flow[Listing]:
    """List what exists before a write. Raises NotSent where that cannot be read."""
    reason: KalshiError | None = None
    try:
        listing = yield from _read_listing(kind, context, limits)
        if listing is not None:
            return listing
    except (Unauthorized, Forbidden, Misuse):
        raise
    except KalshiError as error:
        reason = error
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
        "client_transfer_id": ticket.client_transfer_id,
    }
    return (yield from _in_turn(contract, call, payload, context, deadline))


def create_subaccount(
    contract: Contract, shard: int | None, context: Context, *, deadline: Deadline | None = None
) -> Flow[int]:
    """Create a subaccount; returns its number."""
    call = contract.subaccounts.create(shard)
    return (yield from _in_turn(contract, call, {"kind": "subaccount"}, context, deadline))


# The rows of the lists


@frozen(eq=False, repr=False)
class _RowKind(Value, Generic[R]):
    """The rows of one list, as one write would make them.

    `matches` says whether a row could be what was asked for, `completed` whether such a row proves
    that it was done. `created_time` is None where rows do not tell it. `is_named` says whether it
    carries the id that we gave: then it is no other write's, whatever else looks like it.
    """

    call: Call[Page[R]]
    identity: Callable[[R], str]
    matches: Callable[[R], bool]
    value: Callable[[R], Any]
    created_time: Callable[[R], datetime | None] = lambda _: None
    completed: Callable[[R], bool] = lambda _: True
    is_named: Callable[[R], bool] = lambda _: False


@frozen(eq=False, repr=False)
class Listing(Value):
    """What a list showed before a write.

    `ids` are those of its newest rows; of all where `whole`. `at` is the exchange's time of the
    reading in Unix seconds, None where it told none.
    """

    ids: tuple[str, ...]
    whole: bool
    at: float | None

    @classmethod
    def of(cls, payload: Mapping[str, Any]) -> Listing:
        """Read it from an entry's payload. Earlier versions wrote whole lists and no time."""
        return cls(tuple(payload["before"]), payload.get("whole", True), payload.get("listed_at"))

    def payload(self) -> dict[str, Any]:
        """Write it for an entry, which stays small."""
        whole = self.whole and len(self.ids) <= KEPT_IDS
        return {"before": list(self.ids[:KEPT_IDS]), "whole": whole, "listed_at": self.at}

    def is_new(self, row_id: str, created_time: datetime | None) -> bool:
        """Say whether a row came after the reading."""
        if row_id in self.ids:
            return False
        if created_time is not None and self.at is not None:
            return created_time.timestamp() >= self.at  # both cut to whole seconds or finer
        return self.whole


def _read_listing(kind: _RowKind[R], context: Context, limits: CallLimits) -> Flow[Listing | None]:
    """List what exists before a write; None where a row could not be read. Raises what reads do."""
    page, at = yield from _read_page(kind.call, context, limits)
    if page.invalid_rows:
        return None
    ids = dict.fromkeys(map(kind.identity, page.items))
    return Listing(tuple(ids), page.keyed and not page.cursor, at)


def _read_new_rows(
    kind: _RowKind[R], listing: Listing, context: Context, limits: CallLimits
) -> Flow[list[R] | None]:
    """Read the matching rows that are new; None where rows may be missing."""
    call, rows = kind.call, dict[str, R]()
    for _ in range(MAX_PAGES):
        try:
            page, _at = yield from _read_page(call, context, limits)
        except Misuse:  # the client was closed: nothing that is awaited can come
            raise
        except KalshiError:
            return None
        if page.invalid_rows:
            return None
        rows.update((kind.identity(row), row) for row in page.items)
        met_known = not listing.whole and not rows.keys().isdisjoint(listing.ids)
        if met_known or not page.cursor:
            return [row for row in rows.values() if _could_be(kind, listing, row)]
        call = call.with_cursor(page.cursor)
    return None


def _could_be(kind: _RowKind[R], listing: Listing, row: R) -> bool:
    return kind.matches(row) and listing.is_new(kind.identity(row), kind.created_time(row))


def _read_page(
    call: Call[Page[R]], context: Context, limits: CallLimits
) -> Flow[tuple[Page[R], float | None]]:
    """Read one page; return it with the exchange's time of it."""
    response = yield from send_with_retries(call, context, limits=limits)
    if isinstance(response, Lost):
        raise lost_error(call.operation, response)
    return decode_response(call, response, context), server_time(response)


def _read_unclaimed(
    contract: Contract, kind: _RowKind[R], entry: Entry, rows: Iterable[R]
) -> Flow[list[R] | None]:
    """Return the rows that no other write of the journal has made.

    None where another write without a verdict may have made one of them: two that look alike
    cannot be told apart. Read only once such a row was seen.
    """
    free = {kind.identity(row): row for row in rows}
    after = -1
    try:
        while free and (page := (yield Record("page", (None, None, after)))):
            others = [other for _, other in page if _is_alike(other, entry)]
            for other in others:
                free.pop(other.order_id or "", None)
            if any(_contests(contract, other, free.values()) for other in others):
                return None
            after = page[-1][0]
    except JournalError:
        return None
    return list(free.values())


def _is_alike(other: Entry, entry: Entry) -> bool:
    return other.operation == entry.operation and other.key != entry.key


def _contests(contract: Contract, other: Entry, rows: Iterable[Any]) -> bool:
    if not other.is_open:
        return False
    payload: dict[str, Any] = json.loads(other.ticket)
    kind, listing = _row_kind(contract, payload), Listing.of(payload)
    return any(_could_be(kind, listing, row) for row in rows)


def _row_kind(contract: Contract, payload: Mapping[str, Any]) -> _RowKind[Any]:
    """Return what the write of a payload makes; `payload` as in the journal."""
    return _KINDS[payload["kind"]](contract, payload)


def _group(contract: Contract, payload: Mapping[str, Any]) -> _RowKind[OrderGroup]:
    limit = Decimal(payload["limit"])
    return _RowKind(
        contract.order_groups.list(ListQuery(subaccount=payload.get("subaccount"))),
        lambda group: group.id,
        # Its limit is ours, where the contract tells a limit.
        lambda group: group.contracts_limit in (None, limit),
        lambda group: group,
    )


def _instance_transfer(
    contract: Contract, payload: Mapping[str, Any]
) -> _RowKind[InstanceTransfer]:
    wanted = (payload["source"], payload["destination"], Decimal(payload["amount"]))
    wanted_shards = (payload.get("source_shard"), payload.get("destination_shard"))
    wanted_id: str | None = payload.get("client_transfer_id")

    def matches(row: InstanceTransfer) -> bool:
        if (row.source, row.destination, row.amount) != wanted:
            return False
        if None not in (wanted_id, row.client_transfer_id) and not is_named(row):
            return False
        shards = (row.source_exchange_shard, row.destination_exchange_shard)
        pairs = zip(wanted_shards, shards, strict=True)
        return all(None in pair or pair[0] == pair[1] for pair in pairs)

    def is_named(row: InstanceTransfer) -> bool:
        # A UUID, whose letters may come back in either case.
        return wanted_id is not None and (row.client_transfer_id or "").lower() == wanted_id.lower()

    return _RowKind(
        contract.portfolio.transfers(ListQuery(size=KEPT_IDS)),
        lambda row: row.transfer_id,
        matches,
        lambda row: row.transfer_id,
        lambda row: row.created_time,
        # Any other status leaves it open whether the money moved.
        lambda row: row.status in ("complete", "pending"),
        is_named,
    )


def _subaccount(contract: Contract, payload: Mapping[str, Any]) -> _RowKind[SubaccountBalance]:
    del payload  # it asks for nothing but the next number
    return _RowKind(
        # A subaccount has a balance on each shard: rows of one number are one row here.
        contract.subaccounts.balances(),
        lambda row: str(row.subaccount),
        lambda _: True,
        lambda row: row.subaccount,
    )


_KINDS: Final[Mapping[str, Callable[[Contract, Mapping[str, Any]], _RowKind[Any]]]] = {
    "group": _group,
    "transfer": _instance_transfer,
    "subaccount": _subaccount,
}


# The probe


def _new_row_probe(
    contract: Contract, entry: Entry, listing: Listing, context: Context, limits: CallLimits
) -> Probe:
    """Build the probe of something created without a key; `listing` is from before the sending."""
    kind = _row_kind(contract, json.loads(entry.ticket))

    def probe() -> Flow[ProbeResult[Any]]:
        rows = yield from _read_new_rows(kind, listing, context, limits)
        if rows is None:
            return Unclear()
        unclaimed: list[Any] | None = [row for row in rows if kind.is_named(row)]
        if not unclaimed:
            unclaimed = yield from _read_unclaimed(contract, kind, entry, rows)
        # Two new rows that match cannot be told apart: that is left to a person. So is none at all,
        # because nothing says how fresh these lists are.
        if unclaimed is not None and len(unclaimed) == 1 and kind.completed(unclaimed[0]):
            return Created(kind.value(unclaimed[0]))
        return Unclear(until="no copy is left")

    return probe


def _probe_of(contract: Contract, context: Context, limits: CallLimits, entry: Entry) -> Probe:
    """Build the probe of an entry that recovery looks into."""
    payload = json.loads(entry.ticket)
    look = _new_row_probe(contract, entry, Listing.of(payload), context, limits)

    def look_in_turn() -> Flow[ProbeResult[Any]]:
        # A row that a running create makes is not the lost one.
        owner, turn = LockOwner(), f"turn of {payload['kind']}"
        try:
            if not context.locks.acquire([turn], owner):
                return Unclear()
            return (yield from look())
        finally:
            context.locks.release(owner)

    return look_in_turn


PROBES.update(dict.fromkeys(_KINDS, _probe_of))
