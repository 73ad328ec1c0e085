"""Where an order lives: from what this client saw, its journal, or a read of the order."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from attrs import evolve

from kalshi_ext.contracts.interface import Contract
from kalshi_ext.journal import Entry, JournalError
from kalshi_ext.models import Order, OrderAck
from kalshi_ext.protocol.flow import CallLimits, Context, Flow, Record
from kalshi_ext.reads.orders import answered, get_order
from kalshi_ext.requests import OrderTicket, Target
from kalshi_ext.requests.known import Route


def note_route(context: Context, ticket: OrderTicket, result: object) -> None:
    """Remember the route to an order that was placed."""
    if isinstance(result, OrderAck):
        # A shard of -1 asks for a route and names none.
        shard = ticket.exchange_index
        shard = None if shard is not None and shard < 0 else shard
        context.known_orders.add(result.order_id, Route(ticket.ticker, shard, ticket.subaccount))


def add_route(contract: Contract, target: Target, context: Context) -> Target:
    """Add to a target what this client saw of its order."""
    return context.known_orders.complete(target, routed=contract.has_watermark)


def locate(contract: Contract, target: Target, context: Context) -> Flow[Target]:
    """Add to a target what this client or its journal knows of its order."""
    target = add_route(contract, target, context)
    if target.ticker is None and not context.known_orders.is_journal_read:
        # A cancel that looks into a 404 goes on without what a failing journal knows.
        with suppress(JournalError):
            yield from _read_journal(context)
            context.known_orders.is_journal_read = True
        target = add_route(contract, target, context)
    return target


def _read_journal(context: Context) -> Flow[None]:
    after, left = -1, context.known_orders.most
    while left > 0:
        rows: list[tuple[int, Entry]] = yield Record("page", (None, None, after))
        if not rows:
            return
        after, left = rows[-1][0], left - len(rows)
        for _, entry in rows:
            _note_entry(entry, context)


def _note_entry(entry: Entry, context: Context) -> None:
    known = context.known_orders
    if entry.order_id is None or entry.ticker is None or known.route(entry.order_id) is not None:
        return
    shard: Any = None
    with suppress(ValueError, AttributeError):
        shard = json.loads(entry.ticket).get("exchange_index")
    shard = shard if type(shard) is int and shard >= 0 else None
    known.add(entry.order_id, Route(entry.ticker, shard, entry.subaccount))


def follow(
    contract: Contract, target: Target, context: Context, limits: CallLimits
) -> Flow[Target | None]:
    """Read an order that a write did not find; return where it rests, None if it was asked."""
    if not contract.has_watermark:  # the classic contract has one place
        return None
    read = get_order(contract, target.order_id, context, ticker=target.ticker, limits=limits)
    order = yield from answered(read)
    if order is None or order.order_id != target.order_id or order.status != "resting":
        return None
    return _moved(target, order)


def _moved(target: Target, order: Order) -> Target | None:
    shard, subaccount = order.exchange_index, order.subaccount
    # What names a ticker is routed by it, what names neither goes to shard 0 (documented).
    asked = target.exchange_index if target.exchange_index is not None or target.ticker else 0
    elsewhere = asked is not None and shard is not None and asked not in (shard, -1)
    other_part = subaccount is not None and (target.subaccount or 0) != subaccount
    if not elsewhere and not other_part:
        return None
    return evolve(target, ticker=order.ticker, exchange_index=shard, subaccount=subaccount)
