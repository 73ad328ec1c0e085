"""What a list is asked for: filters and the time window, checked before anything is sent."""

from __future__ import annotations

from attrs import frozen

from kalshi_ext import units
from kalshi_ext.errors import Misuse
from kalshi_ext.tickets import Moment, shard_number, subaccount_number

MAX_PAGE = 1000  # documented; deposits, withdrawals and transfers take 500, classic lists 200


@frozen(kw_only=True)
class Window:
    """What a list is asked for; times are Unix seconds, `size` rows a page."""

    ticker: str | None = None
    event_ticker: str | None = None
    order_id: str | None = None
    status: str | None = None
    since: int | None = None
    until: int | None = None
    subaccount: int | None = None
    exchange_index: int | None = None
    count_filter: str | None = None
    settlement_status: str | None = None
    size: int | None = None


def window(
    *,
    ticker: str | None = None,
    event_ticker: str | None = None,
    order_id: str | None = None,
    status: str | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
    subaccount: int | None = None,
    exchange_index: int | None = None,
    count_filter: str | None = None,
    settlement_status: str | None = None,
    limit: int | None = None,
    page_size: int | None = None,
    largest: int = MAX_PAGE,
) -> Window:
    """Check filters. The page size is `page_size`, else `limit` where smaller than the largest.

    `since` and `until` are datetimes, dates, ISO text or Unix seconds. Raises Misuse.
    """
    start = None if since is None else units.since(since)
    end = None if until is None else units.until(until)
    if start is not None and end is not None and start > end:
        raise Misuse(f"since must not lie after until: {since!r} > {until!r}")
    return Window(
        ticker=None if ticker is None else units.ticker(ticker, name="ticker"),
        event_ticker=None
        if event_ticker is None
        else units.ticker(event_ticker, name="event_ticker"),
        order_id=None if order_id is None else units.path_id(order_id, name="order_id"),
        status=status,
        since=start,
        until=end,
        subaccount=subaccount_number(subaccount),
        exchange_index=shard_number(exchange_index),
        count_filter=count_filter,
        settlement_status=settlement_status,
        size=_size(limit, page_size, largest),
    )


def _size(limit: int | None, page_size: int | None, largest: int) -> int | None:
    if page_size is None:
        return None if limit is None or isinstance(limit, bool) else max(1, min(limit, largest))
    if (
        isinstance(page_size, bool)
        or not isinstance(page_size, int)
        or not 0 < page_size <= largest
    ):
        raise Misuse(f"page_size must be a whole number from 1 to {largest}, not {page_size!r}")
    return page_size
