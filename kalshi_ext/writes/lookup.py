"""Find out what became of orders whose answer never came. Reads only.

A failed read, a 404 or silence is never an absence. Absent is final only when three things hold:
no delayed copy of the request can still be accepted (`signature_life` after it was sent), the
reads were fresh up to then (the exchange's watermark, read before the lists), and the id is in
none of the ticker's live orders, historical orders and orders its fills belong to.

All of that is told on the exchange's clock, which judges signatures and dates its reads: ours may
be wrong, or be corrected while we look.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, TypeVar, cast

from attrs import define, field, frozen

from kalshi_ext.contracts.interface import Contract
from kalshi_ext.errors import KalshiError, NotFound, NotSent, Refused, Unavailable
from kalshi_ext.models import Order
from kalshi_ext.protocol.flow import Context, Flow, Now, Sleep, request
from kalshi_ext.protocol.messages import InvalidRow
from kalshi_ext.protocol.pagination import Paginator, collect
from kalshi_ext.requests import OrderTicket
from kalshi_ext.requests.filters import MAX_PAGE, ListQuery
from kalshi_ext.writes.watermark import CLOCK_SKEW, PollSchedule, SentAt, read_watermark

T = TypeVar("T")


@define
class OrdersSeen:
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

    def excludes(self, rows: Iterable[InvalidRow]) -> bool:
        """Say whether rows that could not be read are certainly not the ones wanted."""
        return all(self._names_another(aside.row) for aside in rows)

    def _names_another(self, row: Any) -> bool:
        if not isinstance(row, Mapping):
            return False
        named = cast("Mapping[str, object]", row).get("client_order_id")
        return isinstance(named, str) and named not in self.wanted

    @property
    def missing(self) -> bool:
        """Say whether a wanted id has not been seen."""
        return len(self.found) < len(self.wanted)


@frozen
class LookupResult:
    """What looking gave: orders found, and whether the rest is proven absent."""

    found: Mapping[str, Order]
    absent: bool


def read_all(walk: Paginator[T]) -> Flow[tuple[list[T], bool]]:
    """Read a list as far as it can be read; say whether its end was reached."""
    rows: list[T] = []
    try:
        while (step := walk.next_page()) is not None:
            page = yield from step
            rows.extend(walk.take(page))
    except KalshiError:
        return rows, False
    return rows, True


def search_ticker(
    contract: Contract, window: ListQuery, seen: OrdersSeen, context: Context, *, thorough: bool
) -> Flow[bool]:
    """Look through a ticker's orders; True when everything asked for could be read."""
    complete = True
    walks = [Paginator(contract.orders.list(window), context)]
    if thorough and contract.has_watermark:
        # Live first: what moves to history meanwhile is met there.
        walks.append(Paginator(contract.history.orders(window), context))
    for walk in walks:
        rows, ended = yield from read_all(walk)
        seen.add(rows)
        complete = complete and ended and seen.excludes(walk.invalid_rows)
    if thorough and seen.missing:
        complete = (yield from _search_by_fills(contract, window, seen, context)) and complete
    return complete


def _search_by_fills(
    contract: Contract, window: ListQuery, seen: OrdersSeen, context: Context
) -> Flow[bool]:
    """Look up the orders that fills name but the lists did not show."""
    walk = Paginator(contract.portfolio.fills(window), context)
    fills, ended = yield from read_all(walk)
    if not ended or walk.invalid_rows:
        return False
    named = dict.fromkeys(fill.order_id for fill in fills)
    for order_id in [order_id for order_id in named if order_id not in seen.order_ids]:
        try:
            order = yield from request(contract.orders.get(order_id), context)
        except KalshiError:
            return False
        seen.add([order])
    return True


def order_queries(tickets: Iterable[OrderTicket], since: float) -> list[ListQuery]:
    """Return what to read for these tickets: each ticker once, all statuses and subaccounts."""
    start = max(0, int(since - CLOCK_SKEW))
    tickers = {ticket.ticker: None for ticket in tickets}
    return [ListQuery(ticker=ticker, since=start, size=MAX_PAGE) for ticker in tickers]


def look_up_orders(
    contract: Contract,
    sought: Mapping[str, OrderTicket],
    context: Context,
    *,
    since: float,
    sent_at: float | None,
) -> Flow[LookupResult]:
    """Look for orders by client_order_id until each is found, proven absent, or time is over.

    `since` is when the first attempt began (Unix seconds), `sent_at` as in `Sending`.
    """
    sending = SentAt(sent_at)
    seen = OrdersSeen(sought.keys())
    patience = PollSchedule(context.policy, (yield Now()))
    while True:
        fresh = yield from read_watermark(contract, context)
        final = sending.visible(fresh, after=context.policy.signature_life)
        complete = True
        for window in order_queries(sought.values(), since):
            step = search_ticker(contract, window, seen, context, thorough=final)
            complete = (yield from step) and complete
        if not seen.missing:
            return LookupResult(seen.found, absent=False)
        if final and complete:
            return LookupResult(seen.found, absent=True)
        if patience.expired((yield Now())):
            return LookupResult(seen.found, absent=False)
        yield Sleep(patience.next_wait())


def find_order(
    contract: Contract, client_order_id: str, window: ListQuery, context: Context
) -> Flow[Order | None]:
    """Look once for an order by its client_order_id. Raises what reads raise."""
    seen = OrdersSeen([client_order_id])
    walks = [Paginator(contract.orders.list(window), context)]
    if contract.has_watermark:
        walks.append(Paginator(contract.history.orders(window), context))
    for walk in walks:
        seen.add((yield from collect(walk)))
        if not seen.missing:
            break
    return seen.found.get(client_order_id)


MAX_CONSECUTIVE_404 = 5  # reads in a row that answer 404: reads lag writes by seconds


def read_order(
    contract: Contract, order_id: str, context: Context, *, ticker: str | None = None
) -> Flow[Order | None]:
    """Read an order, also in history; None, which proves nothing, where it could not be read."""
    order, missing = yield from read_live(contract, order_id, context)
    if missing:
        return (yield from read_historical(contract, order_id, ticker, context))
    return order


def read_live(
    contract: Contract, order_id: str, context: Context
) -> Flow[tuple[Order | None, bool]]:
    """Read a live order; say whether the exchange answered that there is none."""
    try:
        order = yield from request(contract.orders.get(order_id), context)
    except NotFound:
        return None, True
    except KalshiError:
        return None, False
    return (order if order.order_id == order_id else None), False


def read_historical(
    contract: Contract, order_id: str, ticker: str | None, context: Context
) -> Flow[Order | None]:
    """Look for an order in history, where ended orders go; newest first, until it is met."""
    if not contract.has_watermark:
        return None
    walk = Paginator(contract.history.orders(ListQuery(ticker=ticker, size=MAX_PAGE)), context)
    try:
        while (step := walk.next_page()) is not None:
            page = yield from step
            for row in walk.take(page):
                if row.order_id == order_id:
                    return row
    except KalshiError:
        return None
    return None


def read_current(contract: Contract, order_id: str, context: Context) -> Flow[Order]:
    """Read an order that must exist, as it is after this client's own changes to it."""
    yield from _catch_up(contract, order_id, context)
    patience = PollSchedule(context.policy, (yield Now()))
    for _ in range(MAX_CONSECUTIVE_404 - 1):
        order = yield from read_order(contract, order_id, context)
        if order is not None:
            return order
        yield Sleep(patience.next_wait())
    try:
        return (yield from request(contract.orders.get(order_id), context))
    except KalshiError as error:
        if isinstance(error, Refused) and not isinstance(error, Unavailable):
            raise
        raise NotSent(f"the order could not be read before: {error.args[0]}") from error


def _catch_up(contract: Contract, order_id: str, context: Context) -> Flow[None]:
    """Wait until reads show what this client last did to an order. Raises nothing."""
    changed = context.recent_writes.last_write_at(order_id)
    if changed is None:
        return
    sending = SentAt(changed)
    patience = PollSchedule(context.policy, (yield Now()))
    while not sending.visible((yield from read_watermark(contract, context))):
        if patience.expired((yield Now())):
            return
        yield Sleep(patience.next_wait())


def already_ended(facade: str, order: Order) -> Refused:
    """Build the error of an order that has ended already."""
    return Refused(
        f"{facade}: the order {order.order_id} is {order.status.value} by now",
        order_id=order.order_id,
    )
