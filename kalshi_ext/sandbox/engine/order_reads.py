"""Reads of orders and fills, live and historical, in the current contract."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from kalshi_ext.sandbox.engine import access, pages
from kalshi_ext.sandbox.engine.amounts import count_text
from kalshi_ext.sandbox.engine.api import Answer
from kalshi_ext.sandbox.engine.bodies import LAST_SHARD, moment, whole, word, words
from kalshi_ext.sandbox.engine.refusals import not_found
from kalshi_ext.sandbox.engine.rows import fill_row, order_row
from kalshi_ext.sandbox.engine.state import row_key
from kalshi_ext.sandbox.engine.versions import seen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from kalshi_ext.sandbox.engine.accounts import Account
    from kalshi_ext.sandbox.engine.api import Call
    from kalshi_ext.sandbox.engine.pages import Page
    from kalshi_ext.sandbox.engine.records import Fill, Order
    from kalshi_ext.sandbox.engine.state import Exchange

STATUSES = ("resting", "canceled", "executed")
FAR = 2**200


def archived_order(ex: Exchange, order: Order) -> bool:
    """Tell whether an order is only under /historical."""
    return order.status != "resting" and order.updated < ex.boundary("orders")


def archived_fill(ex: Exchange, fill: Fill) -> bool:
    """Tell whether a fill is only under /historical."""
    return fill.created < ex.boundary("trades")


def between(call: Call) -> tuple[int, int]:
    """Read min_ts and max_ts as moments of creation, both included."""
    least, most = moment(call.query, "min_ts"), moment(call.query, "max_ts")
    return (-FAR if least is None else least), (FAR if most is None else most + 999_999)


def orders_found(
    ex: Exchange, who: Account, call: Call, page: Page, *, archived: bool
) -> Iterator[Order]:
    """Walk over an account's orders, newest first, as the query filters them."""
    accept = _order_filter(ex, call, archived=archived)
    as_of = ex.as_of()
    for order in pages.newest_first(_order_rows(who, call, as_of), page):
        if as_of is not None and order.created > as_of:
            continue
        row = seen(order, as_of)
        if accept(row):
            yield row


def _order_rows(who: Account, call: Call, as_of: int | None) -> Sequence[Order]:
    ticker = call.query.get("ticker")
    rows = who.orders_of.get(ticker, []) if ticker else who.orders
    few = len(who.open) * 8 < len(rows)
    if few and as_of is None and call.query.get("status") == "resting":
        return sorted(who.open.values(), key=row_key)
    return rows


def _order_filter(ex: Exchange, call: Call, *, archived: bool) -> Callable[[Order], bool]:
    query = call.query
    status = word(query, "status", STATUSES)
    events, ticker = words(query, "event_ticker"), query.get("ticker")
    least, most = between(call)
    subaccount = access.listed_query(call)
    shard = whole(query, "exchange_index", least=0, most=LAST_SHARD)

    def accept(order: Order) -> bool:
        return (
            (not status or order.status == status)
            and (not ticker or order.market.ticker == ticker)
            and (not events or order.market.event in events)
            and least <= order.created <= most
            and (subaccount is None or order.subaccount == subaccount)
            and (shard is None or order.market.shard == shard)
            and archived_order(ex, order) == archived
        )

    return accept


def get_orders(ex: Exchange, who: Account, call: Call, *, archived: bool = False) -> Answer:
    """Do GetOrders, or GetHistoricalOrders."""
    page = pages.page_asked(call.query, "historical_orders" if archived else "orders")
    found = orders_found(ex, who, call, page, archived=archived)
    write = partial(order_row, settings=ex.settings)
    return Answer(200, pages.answer("orders", found, page, ex.settings, write))


def order_asked(ex: Exchange, who: Account, call: Call) -> Order:
    """Find the order a path names, as reads see it; 404 when they do not."""
    order, as_of = ex.orders.get(call.path["order_id"]), ex.as_of()
    if order is None or order.account is not who:
        raise not_found()
    locked = access.locked_or(call, None)
    if locked is not None and order.subaccount != locked:
        raise not_found()
    if (as_of is not None and order.created > as_of) or archived_order(ex, seen(order, as_of)):
        raise not_found()
    return seen(order, as_of)


def get_order(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do GetOrder."""
    return Answer(200, {"order": order_row(order_asked(ex, who, call), ex.settings)})


def queue_position(ex: Exchange, who: Account, call: Call) -> int:
    """Count the contracts ahead of a resting order; 404 for any other."""
    found = who.open.get(call.path["order_id"])
    order = next(ex.shown([found] if found else []), None)
    locked = access.locked_or(call, None)
    if order is None or (locked is not None and order.subaccount != locked):
        raise not_found()
    return order.market.side(bid=order.bid).ahead_of(order)


def get_queue_position(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do GetOrderQueuePosition."""
    return Answer(200, {"queue_position_fp": count_text(queue_position(ex, who, call))})


def get_queue_positions(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do GetOrderQueuePositions: resting orders, by market tickers or event."""
    tickers, event = words(call.query, "market_tickers"), call.query.get("event_ticker")
    subaccount = access.acting_query(call)
    asked = {
        order.id: order
        for order in ex.shown(who.open.values())
        if order.subaccount == subaccount
        and (not tickers or order.market.ticker in tickers)
        and (not event or order.market.event == event)
    }
    ahead = _ahead(asked.values())
    rows = [
        {
            "order_id": order.id,
            "market_ticker": order.market.ticker,
            "queue_position_fp": count_text(ahead[order.id]),
        }
        for order in sorted(asked.values(), key=row_key, reverse=True)
    ]
    return Answer(200, pages.listed("queue_positions", rows, ex.settings))


def _ahead(orders: Iterable[Order]) -> dict[str, int]:
    # one walk over each side: an account may have thousands of orders in one queue
    sides = {(order.market.ticker, order.bid): order for order in orders}
    return {
        other.id: ahead
        for order in sides.values()
        for other, ahead in order.market.side(bid=order.bid).turns()
    }


def fills_found(
    ex: Exchange, who: Account, call: Call, page: Page, *, archived: bool
) -> Iterator[Fill]:
    """Walk over an account's fills, newest first, as the query filters them."""
    ticker, order_id = call.query.get("ticker"), call.query.get("order_id")
    least, most = between(call)
    as_of = ex.as_of()
    most = most if as_of is None else min(most, as_of)
    subaccount = access.listed_query(call)
    shard = whole(call.query, "exchange_index", least=0, most=LAST_SHARD)
    rows = who.fills_of.get(ticker, []) if ticker else who.fills
    for fill in pages.newest_first(rows, page):
        order = fill.order
        if (
            least <= fill.created <= most
            and (not order_id or order.id == order_id)
            and (subaccount is None or order.subaccount == subaccount)
            and (shard is None or order.market.shard == shard)
            and archived_fill(ex, fill) == archived
        ):
            yield fill


def get_fills(ex: Exchange, who: Account, call: Call, *, archived: bool = False) -> Answer:
    """Do GetFills, or GetFillsHistorical."""
    page = pages.page_asked(call.query, "historical_fills" if archived else "fills")
    found = fills_found(ex, who, call, page, archived=archived)
    write = partial(fill_row, settings=ex.settings)
    return Answer(200, pages.answer("fills", found, page, ex.settings, write))
