"""Reads of orders and fills, live and historical, in the current contract.

A row is live or historical, never both (documented): it goes to /historical when the cutoff of its
kind passes its time. An order's time is that of its last change and a resting order is always
live; a fill's time is that of its trade.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from kalshi_ext.sandbox.engine.classic_recorded import is_recorded
from kalshi_ext.sandbox.engine.commands import Answer
from kalshi_ext.sandbox.engine.errors import ApiError, invalid_uuid, not_found
from kalshi_ext.sandbox.engine.fixed_point import SECOND, format_count
from kalshi_ext.sandbox.engine.operations import handles
from kalshi_ext.sandbox.engine.pagination import (
    list_field,
    newest_first,
    page_answer,
    parse_page_request,
)
from kalshi_ext.sandbox.engine.request_parsing import (
    UUID,
    allowed_subaccount,
    query_acting_subaccount,
    query_choice,
    query_list,
    query_listed_subaccount,
    query_shard,
    query_time,
)
from kalshi_ext.sandbox.engine.serializers import fill_row, order_row
from kalshi_ext.sandbox.engine.state import row_as_of, sort_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from kalshi_ext.sandbox.engine.accounts import TradingAccount
    from kalshi_ext.sandbox.engine.commands import ApiRequest
    from kalshi_ext.sandbox.engine.pagination import PageRequest
    from kalshi_ext.sandbox.engine.records import Fill, Order
    from kalshi_ext.sandbox.engine.state import EngineState

STATUSES = ("resting", "canceled", "executed")
_FAR_FUTURE = 2**200
"""Later than any 64-bit number of seconds in microseconds."""


def is_historical_order(state: EngineState, order: Order) -> bool:
    return order.status != "resting" and order.updated < state.cutoff("orders")


def is_historical_fill(state: EngineState, fill: Fill) -> bool:
    return fill.created < state.cutoff("trades")


def created_range(request: ApiRequest) -> tuple[int, int]:
    """Read min_ts and max_ts as times of creation in microseconds, both seconds included."""
    least, most = time_range(request, "ts")
    return -_FAR_FUTURE if least is None else least, _FAR_FUTURE if most is None else most


def time_range(request: ApiRequest, name: str) -> tuple[int | None, int | None]:
    """Read min_NAME and max_NAME as microseconds, both seconds included; None: not named."""
    least, most = (query_time(request.query, f"{end}_{name}") for end in ("min", "max"))
    return least, None if most is None else most + SECOND - 1


def list_orders(
    state: EngineState,
    account: TradingAccount,
    request: ApiRequest,
    page: PageRequest,
    *,
    historical: bool,
) -> Iterator[Order]:
    """Walk over an account's orders, newest first, as the query filters them."""
    accept = _order_filter(state, request, historical=historical)
    as_of = state.as_of()
    for order in newest_first(_order_rows(account, request, as_of), page):
        if as_of is not None and order.created > as_of:
            continue
        row = row_as_of(order, as_of)
        # the filter sees what the read shows: an order cancelled since is still "resting"
        if accept(row):
            yield row


def _order_rows(account: TradingAccount, request: ApiRequest, as_of: int | None) -> Sequence[Order]:
    ticker = request.query.get("ticker")
    rows = account.orders_by_ticker.get(ticker, []) if ticker else account.orders
    # clients ask for resting orders far more often than they have many: sorting the few that rest
    # beats walking over all that ever were
    few = len(account.open_orders) * 8 < len(rows)
    if few and as_of is None and request.query.get("status") == "resting":
        return sorted(account.open_orders.values(), key=sort_key)
    return rows


def _order_filter(
    state: EngineState, request: ApiRequest, *, historical: bool
) -> Callable[[Order], bool]:
    query = request.query
    status = query_choice(query, "status", STATUSES)
    events, ticker = query_list(query, "event_ticker"), query.get("ticker")
    least, most = created_range(request)
    subaccount = query_listed_subaccount(request)
    shard = query_shard(request, least=0)

    def accept(order: Order) -> bool:
        return (
            (not status or order.status == status)
            and (not ticker or order.market.ticker == ticker)
            and (not events or order.market.event in events)
            and least <= order.created <= most
            and (subaccount is None or order.subaccount == subaccount)
            and (shard is None or order.market.shard == shard)
            and is_historical_order(state, order) == historical
        )

    return accept


@handles("GetOrders")
@handles("GetHistoricalOrders", historical=True)
def get_orders(
    state: EngineState, account: TradingAccount, request: ApiRequest, *, historical: bool = False
) -> Answer:
    page = parse_page_request(request.query, "historical_orders" if historical else "orders")
    orders = list_orders(state, account, request, page, historical=historical)
    write_row = partial(order_row, settings=state.settings)
    return page_answer("orders", orders, page, state.settings, write_row)


def _order_id(request: ApiRequest) -> str:
    if not UUID.fullmatch(request.path["order_id"]):
        raise invalid_uuid(request.path["order_id"])
    return request.path["order_id"]


def find_order(state: EngineState, account: TradingAccount, request: ApiRequest) -> Order:
    """Find the order a path names, as reads see it; 404 where they do not."""
    order, as_of = state.orders.get(_order_id(request)), state.as_of()
    if order is None or order.account is not account:
        raise not_found()
    if as_of is not None and order.created > as_of:
        raise not_found()
    row = row_as_of(order, as_of)
    locked = allowed_subaccount(request, None)
    if locked not in (None, row.subaccount) or is_historical_order(state, row):
        raise not_found()
    named = request.query.get("market_ticker") == row.market.ticker
    if state.settings.get_order_reaches == "shard_0" and row.market.shard and not named:
        raise not_found()
    return row


@handles("GetOrder")
def get_order(state: EngineState, account: TradingAccount, request: ApiRequest) -> Answer:
    return Answer(200, {"order": order_row(find_order(state, account, request), state.settings)})


def queue_position(state: EngineState, account: TradingAccount, request: ApiRequest) -> int:
    """Count the contracts ahead of a resting order; 404 for any other."""
    resting = account.open_orders.get(_order_id(request))
    order = next(state.visible_rows([resting] if resting else []), None)
    locked = allowed_subaccount(request, None)
    if order is None or locked not in (None, order.subaccount):
        raise not_found()
    return order.market.side(bid=order.bid).volume_ahead(order)


@handles("GetOrderQueuePosition")
def get_queue_position(state: EngineState, account: TradingAccount, request: ApiRequest) -> Answer:
    return Answer(200, {"queue_position_fp": format_count(queue_position(state, account, request))})


@handles("GetOrderQueuePositions")
def get_queue_positions(state: EngineState, account: TradingAccount, request: ApiRequest) -> Answer:
    tickers, event = query_list(request.query, "market_tickers"), request.query.get("event_ticker")
    if not tickers and not event:  # observed, with these words
        message = "either market_tickers or event_ticker is required"
        raise ApiError(400, "invalid_parameters", message, query_error=True)
    subaccount = query_acting_subaccount(request)
    orders = {
        order.id: order
        for order in state.visible_rows(account.open_orders.values())
        if order.subaccount == subaccount
        and (not tickers or order.market.ticker in tickers)
        and (not event or order.market.event == event)
    }
    ahead, recorded = _volume_ahead(orders.values()), is_recorded(state.settings)
    rows = [
        {"order_id": order.id, "market_ticker": order.market.ticker}
        | _queue_position(ahead[order.id], recorded=recorded)
        for order in sorted(orders.values(), key=sort_key, reverse=True)
    ]
    if not rows:
        return Answer(200, {"queue_positions": None})  # observed
    return Answer(200, list_field("queue_positions", rows, state.settings))


def _queue_position(ahead: int, *, recorded: bool) -> dict[str, Any]:
    # observed: the GET of 2.x, which only the recorded dialect of it has, told whole contracts
    return (
        {"queue_position": ahead // 100} if recorded else {"queue_position_fp": format_count(ahead)}
    )


def _volume_ahead(orders: Iterable[Order]) -> dict[str, int]:
    # one walk over each side: an account may have thousands of orders in one queue
    sides = {(order.market.ticker, order.bid): order for order in orders}
    return {
        resting.id: ahead
        for order in sides.values()
        for resting, ahead in order.market.side(bid=order.bid).orders_with_volume_ahead()
    }


def list_fills(
    state: EngineState,
    account: TradingAccount,
    request: ApiRequest,
    page: PageRequest,
    *,
    historical: bool,
) -> Iterator[Fill]:
    """Walk over an account's fills, newest first, as the query filters them."""
    ticker, order_id = request.query.get("ticker"), request.query.get("order_id")
    least, most = created_range(request)
    as_of = state.as_of()
    # fills never change, so a lagging read only has to leave out the newest
    most = most if as_of is None else min(most, as_of)
    subaccount = query_listed_subaccount(request)
    shard = query_shard(request, least=0)
    rows = account.fills_by_ticker.get(ticker, []) if ticker else account.fills
    for fill in newest_first(rows, page):
        order = fill.order
        if (
            least <= fill.created <= most
            and (not order_id or order.id == order_id)
            and (subaccount is None or order.subaccount == subaccount)
            and (shard is None or order.market.shard == shard)
            and is_historical_fill(state, fill) == historical
        ):
            yield fill


@handles("GetFills")
@handles("GetFillsHistorical", historical=True)
def get_fills(
    state: EngineState, account: TradingAccount, request: ApiRequest, *, historical: bool = False
) -> Answer:
    page = parse_page_request(request.query, "historical_fills" if historical else "fills")
    fills = list_fills(state, account, request, page, historical=historical)
    write_row = partial(fill_row, settings=state.settings)
    return page_answer("fills", fills, page, state.settings, write_row)
