"""Find out what became of orders whose answer never came. Reads only.

A failed read, a 404 or silence is never an absence. Absent is final only when three things hold:
no delayed copy of the request can still be accepted (`signature_life` after it was sent), the
reads were fresh up to then (the exchange's watermark, read before the lists), and the id is in
none of the ticker's live orders, historical orders and orders its fills belong to.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TypeVar

from attrs import define, field, frozen

from kalshi_ext.calls import Reply
from kalshi_ext.contracts.language import Contract
from kalshi_ext.errors import KalshiError
from kalshi_ext.flow import Context, Flow, Now, Sleep, ask, conclude, server_time, transmit
from kalshi_ext.models import Order
from kalshi_ext.paging import Walk, gather
from kalshi_ext.tickets import OrderTicket
from kalshi_ext.windows import Window

T = TypeVar("T")

SKEW = 300.0  # seconds by which the clocks may differ when asking for orders since a time
DATE_GRAIN = 1.0  # a Date header is cut to whole seconds


@frozen
class Freshness:
    """How fresh reads are: they show everything up to `as_of` (Unix seconds, exchange's clock).

    `ahead` is how far the exchange's clock is ahead of ours, 0 where it did not say.
    """

    as_of: float | None = None
    ahead: float = 0.0

    def covers(self, moment: float) -> bool:
        """Say whether reads show everything up to a moment of our clock."""
        return self.as_of is not None and self.as_of >= moment + self.ahead


def freshness(contract: Contract, context: Context) -> Flow[Freshness]:
    """Ask how fresh the reads are that follow."""
    if not contract.has_watermark:
        now = yield Now()
        return Freshness(now - context.policy.read_lag)
    call = contract.exchange.data_timestamp()
    outcome = yield from transmit(call, context)
    if not isinstance(outcome, Reply):
        return Freshness()
    try:
        as_of = conclude(call, outcome, context).timestamp()
    except KalshiError:
        return Freshness()
    there = server_time(outcome)
    ahead = 0.0 if there is None else there - outcome.received_at
    return Freshness(as_of, max(0.0, ahead + DATE_GRAIN))


@define
class Seen:
    """Orders by client_order_id, as far as they were read."""

    wanted: Collection[str]
    found: dict[str, Order] = field(factory=dict[str, Order])
    order_ids: set[str] = field(factory=set[str])

    def add(self, orders: Iterable[Order]) -> None:
        """Take orders in; the empty id of orders placed elsewhere matches nothing."""
        for order in orders:
            self.order_ids.add(order.order_id)
            if order.client_order_id and order.client_order_id in self.wanted:
                self.found.setdefault(order.client_order_id, order)

    @property
    def missing(self) -> bool:
        """Say whether a wanted id has not been seen."""
        return len(self.found) < len(self.wanted)


@frozen
class Looked:
    """What looking gave: orders found, and whether the rest is proven absent."""

    found: Mapping[str, Order]
    absent: bool


def read_all(walk: Walk[T]) -> Flow[list[T] | None]:
    """Read a list to its end; None when a read failed or a row could not be read."""
    try:
        rows = yield from gather(walk)
    except KalshiError:
        return None
    return None if walk.set_aside else rows


def search(
    contract: Contract, window: Window, seen: Seen, context: Context, *, thorough: bool
) -> Flow[bool]:
    """Look through a ticker's orders; True when everything asked for could be read."""
    complete = True
    walks = [Walk(contract.orders.list(window), context)]
    if thorough and contract.has_watermark:
        walks.append(Walk(contract.history.orders(window), context))
    for walk in walks:
        rows = yield from read_all(walk)
        complete = complete and rows is not None
        seen.add(rows or ())
    if thorough and seen.missing:
        complete = (yield from _by_fills(contract, window, seen, context)) and complete
    return complete


def _by_fills(contract: Contract, window: Window, seen: Seen, context: Context) -> Flow[bool]:
    """Look up the orders that fills name but the lists did not show."""
    fills = yield from read_all(Walk(contract.portfolio.fills(window), context))
    if fills is None:
        return False
    for order_id in {fill.order_id for fill in fills} - seen.order_ids:
        try:
            order = yield from ask(contract.orders.get(order_id), context)
        except KalshiError:
            return False
        seen.add([order])
    return True


def windows(tickets: Iterable[OrderTicket], since: float) -> list[Window]:
    """Return what to read for these tickets: each ticker once, all statuses and subaccounts."""
    start = max(0, int(since - SKEW))
    tickers = {ticket.ticker: None for ticket in tickets}
    return [Window(ticker=ticker, since=start) for ticker in tickers]


def look_for(
    contract: Contract,
    sought: Mapping[str, OrderTicket],
    context: Context,
    *,
    since: float,
    sent_at: float,
) -> Flow[Looked]:
    """Look for orders by client_order_id until each is found, proven absent, or time is over.

    `since` is when the first attempt began, `sent_at` when the last one did (Unix seconds).
    """
    policy = context.policy
    started = yield Now()
    dead_at = sent_at + policy.signature_life
    seen = Seen(sought.keys())
    wait = policy.poll
    while True:
        began = yield Now()
        fresh = yield from freshness(contract, context)
        final = began >= dead_at and fresh.covers(dead_at)
        complete = True
        for window in windows(sought.values(), since):
            step = search(contract, window, seen, context, thorough=final)
            complete = (yield from step) and complete
        if not seen.missing:
            return Looked(seen.found, absent=False)
        if final and complete:
            return Looked(seen.found, absent=True)
        if began - started >= policy.resolve_within:
            return Looked(seen.found, absent=False)
        yield Sleep(wait)
        wait = min(wait * 2, policy.poll_ceiling)


def find(
    contract: Contract, client_order_id: str, window: Window, context: Context
) -> Flow[Order | None]:
    """Look once for an order by its client_order_id. Raises what reads raise."""
    seen = Seen([client_order_id])
    walks = [Walk(contract.orders.list(window), context)]
    if contract.has_watermark:
        walks.append(Walk(contract.history.orders(window), context))
    for walk in walks:
        seen.add((yield from gather(walk)))
        if not seen.missing:
            break
    return seen.found.get(client_order_id)
