"""What a list is asked for: filters and the time window, checked before anything is sent."""

from __future__ import annotations

import re

from attrs import frozen

from kalshi_ext import values
from kalshi_ext.contract.types import SettlementStatusFilter
from kalshi_ext.errors import Misuse
from kalshi_ext.requests import Moment, shard_number, subaccount_number

MAX_PAGE = 1000  # documented; deposits, withdrawals and transfers take 500, classic lists 200
_WORDS = re.compile(r"[A-Za-z0-9_]+(?:,[A-Za-z0-9_]+)*", re.ASCII)


@frozen(kw_only=True)
class ListQuery:
    """What a list is asked for; times are Unix seconds, `size` rows a page.

    `exact` says that the caller named the size of a page; otherwise a contract with smaller pages
    takes its own largest one.
    """

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
    exact: bool = False

    def rows(self, largest: int) -> int | None:
        """Return the size of a page where the largest is smaller. Raises Misuse."""
        if self.size is None or self.size <= largest:
            return self.size
        if self.exact:
            raise Misuse(f"page_size must be at most {largest} here, not {self.size}")
        return largest


def list_query(
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
) -> ListQuery:
    """Check filters. The page size is `page_size`, else `limit` where smaller than the largest.

    `since` and `until` are datetimes, dates, ISO text or Unix seconds. Raises Misuse.
    """
    start = None if since is None else values.since(since)
    end = None if until is None else values.until(until)
    if start is not None and end is not None and start > end:
        raise Misuse(f"since must not lie after until: {since!r} > {until!r}")
    return ListQuery(
        ticker=None if ticker is None else values.ticker(ticker, name="ticker"),
        event_ticker=None
        if event_ticker is None
        else values.ticker(event_ticker, name="event_ticker"),
        order_id=None if order_id is None else values.path_id(order_id, name="order_id"),
        status=_filter(status, "status"),
        since=start,
        until=end,
        subaccount=subaccount_number(subaccount),
        exchange_index=shard_number(exchange_index),
        count_filter=_filter(count_filter, "count_filter"),
        settlement_status=_settlement_status(settlement_status),
        size=_size(positive(limit, "limit"), positive(page_size, "page_size"), largest),
        exact=page_size is not None,
    )


def positive(value: int | None, name: str) -> int | None:
    """Check a number of rows or pages: at least 1, or None. Raises Misuse."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise Misuse(f"{name} must be a whole number of at least 1 or None, not {value!r}")
    return value


def _size(limit: int | None, page_size: int | None, largest: int) -> int | None:
    if page_size is None:
        return None if limit is None else min(limit, largest)
    if page_size > largest:
        raise Misuse(f"page_size must be a whole number from 1 to {largest}, not {page_size!r}")
    return page_size


def _filter(value: str | None, name: str) -> str | None:
    """Check a word the exchange filters by; which words it knows is its own to say."""
    if value is not None and (not isinstance(value, str) or not _WORDS.fullmatch(value)):
        raise Misuse(f"{name} must be words of letters, digits and _, with commas, not {value!r}")
    return None if value is None else str(value)


def _settlement_status(value: str | None) -> str | None:
    known = [member.value for member in SettlementStatusFilter]
    if value is not None and value not in known:
        raise Misuse(f"settlement_status must be one of {', '.join(known)}, not {value!r}")
    return value
