"""The rows that writes without a key make: what was listed before, and what is new since.

A group, a transfer between instances and a subaccount are told by a row that was not there before
the sending. Their lists are not among those the watermark vouches for (documented), so a row that
is not seen proves nothing, ever. A row is new when its id was not listed before and, where it tells
when it was created, that is not before the sending by the exchange's own clock.

Lists are taken to be newest first (inferred), so of a long list the newest page is enough, before
and after. Where that is wrong an old row is still not taken for ours: of a list that was not read
whole, a row counts only with its time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Generic, TypeVar

from attrs import frozen

from kalshi_ext.contracts.interface import Contract
from kalshi_ext.errors import KalshiError
from kalshi_ext.journal import Entry, JournalError
from kalshi_ext.models import InstanceTransfer, OrderGroup, SubaccountBalance
from kalshi_ext.protocol.flow import (
    CallLimits,
    Context,
    Flow,
    Record,
    decode_response,
    lost_error,
    send_with_retries,
    server_time,
)
from kalshi_ext.protocol.messages import Call, Lost, Page
from kalshi_ext.requests.filters import ListQuery

R = TypeVar("R")

# Ids of earlier rows that an entry of the journal keeps, and rows asked for a page.
KEPT_IDS: Final = 100
# Pages read after a sending. Meeting a row from before ends it sooner, on the first one as a rule.
MAX_PAGES: Final = 10


@frozen
class RowKind(Generic[R]):
    """The rows of one list, as one write would make them.

    `matches` says whether a row could be what was asked for, `completed` whether such a row proves
    that it was done. `created_time` is None where rows do not tell it.
    """

    call: Call[Page[R]]
    identity: Callable[[R], str]
    matches: Callable[[R], bool]
    value: Callable[[R], Any]
    created_time: Callable[[R], datetime | None] = lambda _: None
    completed: Callable[[R], bool] = lambda _: True


@frozen
class Listing:
    """What a list showed before a write.

    `ids` are those of its newest rows; of all where `whole`. `at` is the exchange's time of the
    reading in Unix seconds, None where it told none.
    """

    ids: tuple[str, ...]
    whole: bool = True
    at: float | None = None

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


def read_listing(kind: RowKind[R], context: Context, limits: CallLimits) -> Flow[Listing | None]:
    """List what exists before a write; None where a row could not be read. Raises what reads do."""
    page, at = yield from _read_page(kind.call, context, limits)
    if page.invalid_rows:
        return None
    ids = dict.fromkeys(map(kind.identity, page.items))
    return Listing(tuple(ids), page.keyed and not page.cursor, at)


def read_new_rows(
    kind: RowKind[R], listing: Listing, context: Context, limits: CallLimits
) -> Flow[list[R] | None]:
    """Read the matching rows that are new; None where rows may be missing."""
    call, rows = kind.call, dict[str, R]()
    for _ in range(MAX_PAGES):
        try:
            page, _at = yield from _read_page(call, context, limits)
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


def _could_be(kind: RowKind[R], listing: Listing, row: R) -> bool:
    return kind.matches(row) and listing.is_new(kind.identity(row), kind.created_time(row))


def _read_page(
    call: Call[Page[R]], context: Context, limits: CallLimits
) -> Flow[tuple[Page[R], float | None]]:
    """Read one page; return it with the exchange's time of it."""
    response = yield from send_with_retries(call, context, limits=limits)
    if isinstance(response, Lost):
        raise lost_error(call.operation, response)
    return decode_response(call, response, context), server_time(response)


def read_unclaimed(
    contract: Contract, kind: RowKind[R], entry: Entry, rows: Iterable[R]
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
    kind, listing = row_kind(contract, payload), Listing.of(payload)
    return any(_could_be(kind, listing, row) for row in rows)


def row_kind(contract: Contract, payload: Mapping[str, Any]) -> RowKind[Any]:
    """Return what the write of a payload makes; `payload` as in the journal."""
    return _KINDS[payload["kind"]](contract, payload)


def _group(contract: Contract, payload: Mapping[str, Any]) -> RowKind[OrderGroup]:
    limit = Decimal(payload["limit"])
    return RowKind(
        contract.order_groups.list(ListQuery(subaccount=payload.get("subaccount"))),
        lambda group: group.id,
        # Its limit is ours, where the contract tells a limit.
        lambda group: group.contracts_limit in (None, limit),
        lambda group: group,
    )


def _instance_transfer(contract: Contract, payload: Mapping[str, Any]) -> RowKind[InstanceTransfer]:
    wanted = (payload["source"], payload["destination"], Decimal(payload["amount"]))
    wanted_shards = (payload.get("source_shard"), payload.get("destination_shard"))

    def matches(row: InstanceTransfer) -> bool:
        if (row.source, row.destination, row.amount) != wanted:
            return False
        shards = (row.source_exchange_shard, row.destination_exchange_shard)
        pairs = zip(wanted_shards, shards, strict=True)
        return all(None in pair or pair[0] == pair[1] for pair in pairs)

    return RowKind(
        contract.portfolio.transfers(ListQuery(size=KEPT_IDS)),
        lambda row: row.transfer_id,
        matches,
        lambda row: row.transfer_id,
        lambda row: row.created_time,
        # Any other status leaves it open whether the money moved.
        lambda row: row.status in ("complete", "pending"),
    )


def _subaccount(contract: Contract, payload: Mapping[str, Any]) -> RowKind[SubaccountBalance]:
    del payload  # it asks for nothing but the next number
    return RowKind(
        # A subaccount has a balance on each shard: rows of one number are one row here.
        contract.subaccounts.balances(),
        lambda row: str(row.subaccount),
        lambda _: True,
        lambda row: row.subaccount,
    )


_KINDS: Final[Mapping[str, Callable[[Contract, Mapping[str, Any]], RowKind[Any]]]] = {
    "group": _group,
    "transfer": _instance_transfer,
    "subaccount": _subaccount,
}
KEYLESS: Final = _KINDS.keys()  # the kinds of entries in the journal
