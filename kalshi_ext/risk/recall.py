"""What the journal tells a gate of earlier runs, and what recovery finds out about writes in doubt.

An order of an earlier run without a verdict may be at the exchange: it stands at its worst, as one
of this run does, until `resolve` says what became of it. Orders of the last minute and of the day
count as this run's do. Both are told once, before the first order is admitted.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from decimal import Decimal
from typing import cast

from attrs import frozen

from kalshi_ext.bases import Value
from kalshi_ext.errors import NotSent
from kalshi_ext.models import Order, OrderAck
from kalshi_ext.requests import OrderTicket
from kalshi_ext.risk.checks import Wish
from kalshi_ext.risk.counts import Moment
from kalshi_ext.risk.exposure import Terms, Working
from kalshi_ext.risk.gate import Admission, RiskGate, is_not_executed, terms_of
from kalshi_ext.values.money import EXACT


@frozen(eq=False, repr=False)
class Departed(Value):
    """An order or amend of an earlier run; `at` is in Unix seconds, `ticket` None of an amend."""

    key: str
    at: float
    ticket: OrderTicket | None
    is_open: bool


def recall(gate: RiskGate, departed: Iterable[Departed], now: Moment) -> None:
    """Count the writes of earlier runs; those that are counted already stay as they are."""
    with gate.lock:
        keep, times = gate.limits.duplicate_seconds or 0.0, dict[str, float]()
        for each in departed:
            monotonic = now.monotonic - max(0.0, now.wall - each.at)
            times[each.key] = monotonic
            if Moment(monotonic, each.at).day == now.day:
                gate.rate.add(each.key, now)
            if each.ticket is None:
                continue
            terms = terms_of(each.ticket)
            if now.monotonic - monotonic <= keep:
                gate.repeats.recall(terms, each.key, monotonic)
            if each.is_open and each.key not in gate.book.market(each.ticket.ticker).orders:
                gate.book.add(Working(each.key, terms))
        recent = {**gate.rate.recent, **times}
        gate.rate.recent = OrderedDict(sorted(recent.items(), key=lambda pair: pair[1]))


def resolve_order(gate: RiskGate, ticket: OrderTicket, result: object) -> None:
    """Take in what was found out about an order in doubt; an error that tells nothing is none."""
    key, terms = ticket.client_order_id, terms_of(ticket)
    with gate.lock:
        market = gate.book.market(ticket.ticker)
        order = market.orders.get(key)
        if isinstance(result, OrderAck):
            if order is None and key not in gate.ended:
                order = Working(key, terms)
                gate.book.add(order)
            gate.executed(Admission(Wish(key, terms), order, is_new=True), result)
        elif is_not_executed(result):
            if isinstance(result, NotSent):
                gate.rate.give_back(key)
            if order is not None:
                gate.repeats.give_back(terms, key)
                gate.book.remove(order)


def resolve_amend(gate: RiskGate, order_id: str, result: object) -> None:
    """Take in what was found out about an amend in doubt: its order has one of both terms again."""
    with gate.lock:
        order = gate.book.order(order_id)
        if order is None:
            return
        if is_not_executed(result):
            gate.book.change(order, order.terms, None)
        elif isinstance(result, OrderAck) and result.order is not None:
            gate.book.change(order, _terms_now(order, result.order), None)
            gate.note_order(result.order)


def _terms_now(order: Working, row: Order) -> Terms:
    count = EXACT.add(row.fill_count, row.remaining_count)
    price = cast("Decimal | None", row.price)
    terms = order.wanted or order.terms
    return Terms(terms.position_key, terms.is_bid, count, terms.price if price is None else price)
