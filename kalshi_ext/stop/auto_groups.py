"""Automatic order groups: every order of a client in a group of its own, so that a stop can latch.

A cancel ends what rests; a create that is still on its way arrives after it and rests. A triggered
group refuses whatever arrives later (documented), so with `order_group="auto"` each order names
one, unless its caller named another. A group lives in one subaccount and on one shard (documented):
the shard is the one that an order names, else its market's, which is read once for each ticker.

A group is made before the first order that needs it, and its id kept in the record of stops: a
restart goes on with it, and a stop of another process finds it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from functools import partial
from typing import Final

from attrs import define, evolve, field

from kalshi_ext.bases import Printed
from kalshi_ext.contracts.interface import Contract
from kalshi_ext.errors import (
    KalshiError,
    NotFound,
    NotSent,
    OutcomeUnknown,
    Refused,
)
from kalshi_ext.journal import JournalError
from kalshi_ext.journal.stop_record import Standing
from kalshi_ext.protocol.flow import CallLimits, Context, Flow, Monotonic, Record, request
from kalshi_ext.protocol.messages import Call, Document
from kalshi_ext.requests import OrderTicket
from kalshi_ext.values.parsing import read_whole
from kalshi_ext.writes.create import create_group
from kalshi_ext.writes.reservation import serialized

_MAX_TICKERS: Final = 10_000


@define(eq=False, repr=False)
class AutoGroups(Printed):
    """The automatic groups of a client; `limit` is in contracts.

    `shards` are those of the tickers it met.
    """

    limit: Decimal
    shards: dict[str, int] = field(factory=dict[str, int])

    def assigned(
        self,
        contract: Contract,
        tickets: Sequence[OrderTicket],
        context: Context,
        limits: CallLimits,
    ) -> Flow[Sequence[OrderTicket]]:
        """Put orders that name no group in one. Raises NotSent where there is none."""
        placed: list[OrderTicket] = []
        for ticket in tickets:
            if ticket.order_group_id is None:
                group = yield from self._group_of(contract, ticket, context, limits)
                ticket = evolve(ticket, order_group_id=group, auto_group=True)
                limits.scopes = (*limits.scopes, ("group", group))
            placed.append(ticket)
        return placed

    def _group_of(
        self, contract: Contract, ticket: OrderTicket, context: Context, limits: CallLimits
    ) -> Flow[str]:
        shard = yield from self._shard_of(contract, ticket, context, limits)
        key = _group_key(ticket.subaccount, shard)
        known = context.stops.record.read().groups.get(key)
        if known is not None:
            return known
        work = partial(self._create, contract, key, context, limits)
        return (yield from serialized(f"group {key}", context, limits, "orders.place", work))

    def _shard_of(
        self, contract: Contract, ticket: OrderTicket, context: Context, limits: CallLimits
    ) -> Flow[int]:
        if not contract.has_watermark:  # the classic contract knows no shards
            return 0
        if ticket.exchange_index is not None and ticket.exchange_index >= 0:
            return ticket.exchange_index
        if ticket.ticker in self.shards:
            return self.shards[ticket.ticker]
        market = contract.markets.get(ticket.ticker)
        call = Call(market.operation, market.request, _read_shard)
        try:
            shard = yield from request(call, context, limits=limits)
        except Refused:
            raise
        except KalshiError as error:
            raise _no_group(f"the shard of {ticket.ticker} is not known", error) from error
        if len(self.shards) >= _MAX_TICKERS:  # the oldest goes
            self.shards.pop(next(iter(self.shards)), None)
        self.shards[ticket.ticker] = shard
        return shard

    def _create(
        self, contract: Contract, key: str, context: Context, limits: CallLimits
    ) -> Flow[str]:
        known = context.stops.record.read().groups.get(key)
        if known is not None:  # another flow made it meanwhile
            return known
        now: float = yield Monotonic()
        is_far = limits.deadline - now > context.policy.resolve_within
        left = None if is_far else max(limits.deadline - now, 0.001)
        subaccount, shard = place_of(key) if contract.has_watermark else (None, None)
        creating = create_group(contract, self.limit, subaccount, shard, context, deadline=left)
        try:
            group = yield from creating
            standing: Standing = yield Record("change_stops", (partial(_keep, key, group.id),))
        except (OutcomeUnknown, JournalError) as error:  # of the group: no order was sent
            raise _no_group("it could not be made", error) from error
        return standing.groups[key]

    def forget_if_gone(
        self,
        contract: Contract,
        ticket: OrderTicket,
        result: object,
        context: Context,
        limits: CallLimits,
    ) -> Flow[None]:
        """After a refusal that speaks of the group, forget a group that somebody deleted."""
        speaks_of_it = isinstance(result, Refused) and "group" in str(result.message)
        if not (ticket.auto_group and speaks_of_it):
            return
        group = ticket.order_group_id or ""
        try:
            yield from request(contract.order_groups.get(group, None), context, limits=limits)
        except NotFound:
            yield Record("change_stops", (partial(without, group),))
        except KalshiError:
            return


def _read_shard(document: Document) -> int:
    # Nothing else of the market: a field that cannot be read must not hold its orders back.
    row: Mapping[str, object] = document["market"]
    with suppress(AttributeError, ValueError):  # no object, no whole number
        return max(read_whole(row.get("exchange_index")) or 0, 0)
    return 0


def _group_key(subaccount: int | None, shard: int) -> str:
    """Name the place of a group in the record."""
    return f"{subaccount or 0}/{shard}"


def place_of(key: str) -> tuple[int, int]:
    """Return the subaccount and the shard that a key of the record names."""
    subaccount, _, shard = key.partition("/")
    return int(subaccount), int(shard)


def _keep(key: str, group: str, standing: Standing) -> Standing:
    return standing if key in standing.groups else standing.with_groups({key: group})


def without(group: str, standing: Standing) -> Standing:
    """Forget a group."""
    return standing.with_groups(
        {key: None for key, name in standing.groups.items() if name == group}
    )


def _no_group(why: str, error: KalshiError) -> NotSent:
    return NotSent(f"orders.place: there is no automatic order group: {why}: {error.args[0]}")
