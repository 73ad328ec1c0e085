"""Find orders by client_order_id, and single orders by order id. Reads only.

No read takes a client_order_id (documented: the order list has no such filter, and fills lost the
field), so the ticker's lists are read and matched. A failed read, a 404 or silence is never an
absence: an order can answer 404 for seconds after it was accepted (observed). An order is proven
absent when three things hold:

- no delayed copy of the request can be accepted any more (`signature_life` after it was sent);
- the reads were fresh up to then, by the watermark read before the lists;
- the id is in none of the ticker's live orders, historical orders and orders named by its fills,
  each list answered with its key and read to its end, and none of them has a row without an id
  that could be the order: of its side, and as far as the row tells of its count, price and time.
  An answer without the key (`{}`) may be an empty list (observed) or anything else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, TypeVar

from attrs import define, field

from kalshi_ext.bases import Printed
from kalshi_ext.contract.types import BookSide
from kalshi_ext.contracts.interface import Contract
from kalshi_ext.errors import (
    Forbidden,
    KalshiError,
    Misuse,
    NotFound,
    NotSent,
    OrderClosed,
    Refused,
    Unauthorized,
    Unavailable,
    Unintelligible,
)
from kalshi_ext.models import Order
from kalshi_ext.protocol.flow import CallLimits, Context, Flow, request
from kalshi_ext.protocol.messages import InvalidRow
from kalshi_ext.protocol.pagination import Paginator, collect
from kalshi_ext.reads.orders import answered, get_order, raw_text, read_listed
from kalshi_ext.reads.watermark import (
    CLOCK_SKEW,
    PollWaits,
    SentAt,
    poll,
    read_watermark,
    wait_within,
)
from kalshi_ext.requests import OrderTicket
from kalshi_ext.requests.filters import MAX_PAGE, ListQuery

T = TypeVar("T")


@define(eq=False, repr=False)
class OrderSearch(Printed):
    """A search for orders by client_order_id, as far as it has come."""

    wanted_ids: Collection[str]
    # What nameless rows are compared with; without them (`find_order`) nothing is called absent.
    tickets: Mapping[str, OrderTicket] = field(factory=dict[str, OrderTicket])
    since: float = 0.0  # Unix seconds: no order of ours is older
    nameless: set[str] = field(factory=set[str])  # wanted ids that a row without an id may have
    orders: dict[str, Order] = field(factory=dict[str, Order])
    order_ids: set[str] = field(factory=set[str])  # of every order met, wanted or not
    _plain_ids: set[str] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._plain_ids = {"", *map(_plain_id, self.wanted_ids)}

    def add(self, orders: Iterable[Order]) -> None:
        """Take orders in and keep the wanted ones."""
        for order in orders:
            self.order_ids.add(order.order_id)
            if order.client_order_id in self.wanted_ids:
                self.orders.setdefault(order.client_order_id, order)
                continue
            # Orders placed in the web app carry an empty id (observed): it matches nothing. But
            # an exchange that forgot our id, or writes it otherwise, would show our order so.
            name = _plain_id(order.client_order_id)
            if name in self._plain_ids:
                self.nameless.update(
                    key
                    for key, ticket in self.tickets.items()
                    if name in ("", _plain_id(key)) and self._may_be(order, ticket)
                )

    def _may_be(self, order: Order, ticket: OrderTicket) -> bool:
        if order.ticker != ticket.ticker:
            return False
        if order.book_side != ticket.book_side and order.book_side in tuple(BookSide):
            return False  # a side that nobody has met may be either
        pairs = ((order.price, ticket.price), (order.count, ticket.count))
        if any(None not in pair and pair[0] != pair[1] for pair in pairs):
            return False
        created = order.created_time
        return created is None or created.timestamp() >= self.since - CLOCK_SKEW

    def rules_out(self, rows: Iterable[InvalidRow]) -> bool:
        """Say whether rows that could not be read are certainly not the wanted orders."""
        return all(self._names_another(invalid.row) for invalid in rows)

    def _names_another(self, row: Any) -> bool:
        # The row is as received: whatever does not clearly name another id may be a wanted order.
        return _plain_id(raw_text(row, "client_order_id")) not in self._plain_ids

    @property
    def incomplete(self) -> bool:
        """Say whether a wanted order has not been met."""
        return len(self.orders) < len(self.wanted_ids)


def _plain_id(client_order_id: str | None) -> str:
    """Return an id without what an exchange may write otherwise; empty for none."""
    return (client_order_id or "").strip().casefold()


def read_all(paginator: Paginator[T]) -> Flow[tuple[list[T], bool]]:
    """Read a list as far as it can be read; say whether its end was reached."""
    rows: list[T] = []
    try:
        while (step := paginator.next_page()) is not None:
            page = yield from step
            rows.extend(paginator.take(page))
    except Misuse:  # the client was closed: that is no answer of a read
        raise
    except KalshiError:
        return rows, False
    return rows, True


def search_ticker(
    contract: Contract,
    query: ListQuery,
    search: OrderSearch,
    context: Context,
    limits: CallLimits,
    *,
    thorough: bool,
) -> Flow[bool]:
    """Search a ticker's orders once; True when everything asked for could be read.

    `thorough` also reads history and fills, which only the proof of an absence needs.
    """
    complete = True
    calls = [contract.orders.list(query)]
    if thorough and contract.has_watermark:
        # Live orders first: one that moves to history meanwhile is met there.
        calls.append(contract.history.orders(query))
    for call in calls:
        paginator = Paginator(call, context, limits=limits, invalid="allowed")
        rows, reached_end = yield from read_all(paginator)
        search.add(rows)
        readable = paginator.keyed and search.rules_out(paginator.invalid_rows)
        complete = complete and reached_end and readable
    if thorough and search.incomplete:
        by_fills = _search_by_fills(contract, query, search, context, limits)
        complete = (yield from by_fills) and complete
    return complete


def _search_by_fills(
    contract: Contract, query: ListQuery, search: OrderSearch, context: Context, limits: CallLimits
) -> Flow[bool]:
    """Read the orders that fills name but the lists did not show."""
    fills_call = contract.portfolio.fills(query)
    paginator = Paginator(fills_call, context, limits=limits, invalid="allowed")
    fills, reached_end = yield from read_all(paginator)
    unread = [raw_text(invalid.row, "order_id") for invalid in paginator.invalid_rows]
    # A fill that does not even tell its order may be one of the wanted order.
    if not reached_end or not paginator.keyed or None in unread:
        return False
    order_ids = dict.fromkeys([*(fill.order_id for fill in fills), *filter(None, unread)])
    for order_id in [order_id for order_id in order_ids if order_id not in search.order_ids]:
        read = request(contract.orders.get(order_id), context, limits=limits)
        order = yield from answered(read)
        # Answers have described another order (documented incident of May 2026).
        if order is None or order.order_id != order_id:
            return False
        search.add([order])
    return True


def look_up_orders(
    contract: Contract,
    tickets: Mapping[str, OrderTicket],
    context: Context,
    limits: CallLimits,
    *,
    since: float,
    thorough: bool,
) -> Flow[tuple[Mapping[str, Order], frozenset[str]]]:
    """Search each ticker once: the orders found by client_order_id, and the ids seen nowhere.

    `tickets` are keyed by client_order_id, `since` is in Unix seconds of the exchange's clock.
    An id is seen nowhere only after a thorough search in which everything could be read.
    """
    orders: dict[str, Order] = {}
    absent: set[str] = set()
    for ticker in dict.fromkeys(ticket.ticker for ticket in tickets.values()):
        ours = {key: ticket for key, ticket in tickets.items() if ticket.ticker == ticker}
        search = OrderSearch(ours.keys(), ours, since)
        start = max(0, int(since - CLOCK_SKEW))
        # All statuses and all subaccounts.
        query = ListQuery(ticker=ticker, since=start, size=MAX_PAGE)
        step = search_ticker(contract, query, search, context, limits, thorough=thorough)
        complete = yield from step
        orders |= search.orders
        if thorough and complete:
            absent |= ours.keys() - search.orders.keys() - search.nameless
    return orders, frozenset(absent)


def find_order(
    contract: Contract, client_order_id: str, query: ListQuery, context: Context
) -> Flow[Order | None]:
    """Search once for an order by its client_order_id. Raises what reads raise."""
    search = OrderSearch([client_order_id])
    calls = [contract.orders.list(query)]
    if contract.has_watermark:
        calls.append(contract.history.orders(query))
    for call in calls:
        paginator = Paginator(call, context, invalid="allowed")
        search.add((yield from collect(paginator)))
        if not search.incomplete:
            break
        _refuse_unreadable(paginator, client_order_id)
    return search.orders.get(client_order_id)


def _refuse_unreadable(paginator: Paginator[Order], client_order_id: str) -> None:
    """Raise Unintelligible where the order is there and cannot be read: None would deny it."""
    for invalid in paginator.invalid_rows:
        if raw_text(invalid.row, "client_order_id") == client_order_id:
            raise Unintelligible(
                f"orders.find: the order {client_order_id} cannot be read: {invalid.reason}",
                operation=paginator.call.operation.id,
                status=200,
                reason=invalid.reason,
            )


# Reads in a row that answer 404 before an order is said not to exist: reads lag writes by
# seconds, and a cancelled, an executed and an unknown order give the same 404 (observed).
MAX_CONSECUTIVE_404 = 5


def read_order(
    contract: Contract,
    order_id: str,
    context: Context,
    *,
    ticker: str | None = None,
    limits: CallLimits | None = None,
) -> Flow[Order | None]:
    """Read an order, also in history; None, which proves nothing, where it could not be read."""
    order, missing = yield from read_live(contract, order_id, context, limits)
    if missing:
        return (yield from read_listed(contract, order_id, ticker, context, limits))
    return order


def read_live(
    contract: Contract, order_id: str, context: Context, limits: CallLimits | None = None
) -> Flow[tuple[Order | None, bool]]:
    """Read a live order; say whether the exchange answered that there is none."""
    try:
        order = yield from request(contract.orders.get(order_id), context, limits=limits)
    except NotFound:
        return None, True
    except Misuse:  # the client was closed: that is no answer of a read
        raise
    except KalshiError:
        return None, False
    return (order if order.order_id == order_id else None), False


def read_current(
    contract: Contract,
    order_id: str,
    context: Context,
    limits: CallLimits,
    *,
    ticker: str | None = None,
) -> Flow[Order]:
    """Read an order that must exist, as this client's own last write left it."""
    if context.recent_writes.last_write_at(order_id) is not None:
        # First of all: a key that may not read orders would wait in vain.
        yield from _read_if_allowed(contract, order_id, context, limits, ticker)
        yield from _catch_up(contract, order_id, context, limits)
    waits = PollWaits(context.policy)
    for _ in range(MAX_CONSECUTIVE_404 - 1):
        order = yield from _read_if_allowed(contract, order_id, context, limits, ticker)
        if order is not None:
            return order
        yield from wait_within(waits, limits)
    try:
        return (yield from get_order(contract, order_id, context, ticker=ticker, limits=limits))
    except KalshiError as error:
        if isinstance(error, Refused | Misuse) and not isinstance(error, Unavailable):
            raise
        raise NotSent(f"the order could not be read before: {error.args[0]}") from error


def _read_if_allowed(
    contract: Contract, order_id: str, context: Context, limits: CallLimits, ticker: str | None
) -> Flow[Order | None]:
    """Read an order, also in history. Raises Unauthorized or Forbidden: waiting changes neither."""
    try:
        order = yield from request(contract.orders.get(order_id), context, limits=limits)
    except (Unauthorized, Forbidden, Misuse):
        raise
    except NotFound:
        return (yield from read_listed(contract, order_id, ticker, context, limits))
    except KalshiError:
        return None
    return order if order.order_id == order_id else None


def _catch_up(
    contract: Contract, order_id: str, context: Context, limits: CallLimits
) -> Flow[None]:
    """Wait until reads show what this client last did to an order.

    Raises Unauthorized or Forbidden, where this key may not ask how fresh reads are.
    """
    written_at = context.recent_writes.last_write_at(order_id)
    if written_at is None:
        return
    sent = SentAt(written_at)

    def look() -> Flow[bool | None]:
        watermark = yield from read_watermark(contract, context, limits)
        if isinstance(watermark.error, Unauthorized | Forbidden):
            raise watermark.error
        return sent.visible(watermark) or None

    yield from poll(look, context, limits)


ENDED = ("canceled", "executed")


def order_ended_error(facade: str, order: Order, refusal: Refused | None = None) -> OrderClosed:
    """Build the refusal of a write to an order that has ended; `facade` as in `orders.amend`.

    `refusal` is what the exchange answered, None where only a read showed the end.
    """
    filled = f"{order.fill_count} contracts of it were filled"
    told = {} if refusal is None else {n: getattr(refusal, n) for n in _TOLD_BY_REFUSAL}
    return OrderClosed(
        f"{facade}: the order {order.order_id} is {order.status.value} by now; {filled}",
        order_id=order.order_id,
        client_order_id=order.client_order_id or None,
        order=order,
        order_status=order.status.value,
        **told,
    )


_TOLD_BY_REFUSAL = ("operation", "status", "body", "code", "message", "details")


def find_ended_order(
    contract: Contract,
    order_id: str,
    ticker: str | None,
    error: Refused,
    context: Context,
    limits: CallLimits,
) -> Flow[Order | None]:
    """Read an order whose change was refused; return it where it has ended.

    Reads lag behind fills by seconds, so after a 404 it is read several times.
    """
    waits = PollWaits(context.policy)
    for attempt in range(MAX_CONSECUTIVE_404 if isinstance(error, NotFound) else 1):
        if attempt:
            yield from wait_within(waits, limits)
        order, missing = yield from read_live(contract, order_id, context, limits)
        # Without a ticker all of history would be read, for what may be no order of ours at all.
        if missing and ticker is not None:
            order = yield from read_listed(contract, order_id, ticker, context, limits)
        if order is not None and order.status in ENDED:
            return order
    return None
