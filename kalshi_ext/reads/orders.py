"""Find an order by its id in the lists, where GET does not find it. Reads only.

Whether GET finds an order off shard 0 is not known: two observers met a 404 without a ticker, which
lagging reads explain too. A list of its market has the order whatever its shard. Ids are matched on
the rows as received: a row that cannot be read otherwise is found all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar, cast

from kalshi_ext.contracts.interface import Contract
from kalshi_ext.errors import KalshiError, Misuse, NotFound
from kalshi_ext.models import Order
from kalshi_ext.protocol.flow import CallLimits, Context, Flow, request
from kalshi_ext.protocol.messages import Call, Page
from kalshi_ext.protocol.pagination import Paginator
from kalshi_ext.requests.filters import MAX_PAGE, ListQuery

T = TypeVar("T")


def raw_text(row: object, name: str) -> str | None:
    """Return a text of a row as received, which need not be readable otherwise."""
    value = cast("Mapping[str, object]", row).get(name) if isinstance(row, Mapping) else None
    return value if isinstance(value, str) and value else None


def answered(steps: Flow[T]) -> Flow[T | None]:
    """Return what a read answers; None, which proves nothing, where it fails."""
    try:
        return (yield from steps)
    except Misuse:  # the client was closed: that is no answer of a read
        raise
    except KalshiError:
        return None


def get_order(
    contract: Contract,
    order_id: str,
    context: Context,
    *,
    ticker: str | None,
    limits: CallLimits | None = None,
) -> Flow[Order]:
    """Read a live order, after a 404 in the live list of its ticker. Raises what reads raise."""
    try:
        return (yield from request(contract.orders.get(order_id), context, limits=limits))
    except NotFound:
        if ticker is None:
            raise
        order = yield from _read_from_live_list(contract, order_id, ticker, context, limits)
        if order is None:
            raise
        return order


def read_listed(
    contract: Contract,
    order_id: str,
    ticker: str | None,
    context: Context,
    limits: CallLimits | None = None,
) -> Flow[Order | None]:
    """Search for an order that GET did not find: live ones of its ticker, then history."""
    if ticker is not None:
        order = yield from _read_from_live_list(contract, order_id, ticker, context, limits)
        if order is not None:
            return order
    if not contract.has_watermark:  # history belongs to the current contract alone
        return None
    query = ListQuery(ticker=ticker, size=MAX_PAGE)
    return (yield from _read_from_list(contract.history.orders(query), order_id, context, limits))


def _read_from_live_list(
    contract: Contract, order_id: str, ticker: str, context: Context, limits: CallLimits | None
) -> Flow[Order | None]:
    query = ListQuery(ticker=ticker, size=MAX_PAGE)
    return (yield from _read_from_list(contract.orders.list(query), order_id, context, limits))


def _read_from_list(
    call: Call[Page[Order]], order_id: str, context: Context, limits: CallLimits | None
) -> Flow[Order | None]:
    """Search a list for an order by its id; None, which proves nothing, where it is not seen."""
    paginator = Paginator(call, context, limits=limits, invalid="allowed")
    try:
        # Newest first: a recent order is on the first pages, and the rest is not read.
        while (step := paginator.next_page()) is not None:
            page = yield from step
            for order in paginator.take(page):
                if order.order_id == order_id:
                    return order
            if any(raw_text(row.row, "order_id") == order_id for row in page.invalid_rows):
                return None  # found, and it cannot be read
    except Misuse:  # the client was closed: that is no answer of a read
        raise
    except KalshiError:
        return None
    return None
