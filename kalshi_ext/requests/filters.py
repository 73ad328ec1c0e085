"""The filters of a list: which rows, from when to when, how many a page. Checked, not sent.

A page size over the maximum is a 400 at the exchange, not clamped (documented). The maximum of each
list is read off its contract: a size derived from `limit` is cut to it, one the caller named is
refused.
"""

from __future__ import annotations

import re

from attrs import frozen

from kalshi_ext import values
from kalshi_ext.contract.page_sizes import PAGE_SIZES
from kalshi_ext.contract.types import SettlementStatusFilter
from kalshi_ext.errors import Misuse
from kalshi_ext.requests import Moment, shard_number, subaccount_number

MAX_PAGE = max(
    PAGE_SIZES.values(), default=1000
)  # "as many as there may be": cut to what each list takes
_FILTER_WORDS = re.compile(r"[A-Za-z0-9_]+(?:,[A-Za-z0-9_]+)*", re.ASCII)


@frozen(kw_only=True)
class ListQuery:
    """The checked filters of one list; times are Unix seconds, `size` is rows a page.

    `explicit_size` is set when the caller named the page size.
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
    explicit_size: bool = False

    def page_size(self, operation: str) -> int | None:
        """Return the page size of a list, at most what its contract allows. Raises Misuse."""
        largest = PAGE_SIZES.get(operation)
        if self.size is None or largest is None or self.size <= largest:
            return self.size
        # A size the caller named is refused rather than changed; one derived from `limit` is cut.
        if self.explicit_size:
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
) -> ListQuery:
    """Check filters. The page size is `page_size`, else `limit` cut to a page, else None.

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
        size=_page_size(positive(limit, "limit"), positive(page_size, "page_size")),
        explicit_size=page_size is not None,
    )


def positive(value: int | None, name: str) -> int | None:
    """Check a number of rows or pages: at least 1, or None. Raises Misuse."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise Misuse(f"{name} must be a whole number of at least 1 or None, not {value!r}")
    return value


def _page_size(limit: int | None, page_size: int | None) -> int | None:
    if page_size is None:
        # Asking for no more rows than wanted: None leaves the page size to the exchange.
        return None if limit is None else min(limit, MAX_PAGE)
    if page_size > MAX_PAGE:
        raise Misuse(f"page_size must be a whole number from 1 to {MAX_PAGE}, not {page_size!r}")
    return page_size


def _filter(value: str | None, name: str) -> str | None:
    """Check words to filter by. Which of them exist is for the exchange to say."""
    if value is not None and (not isinstance(value, str) or not _FILTER_WORDS.fullmatch(value)):
        raise Misuse(f"{name} must be words of letters, digits and _, with commas, not {value!r}")
    return None if value is None else str(value)


def _settlement_status(value: str | None) -> str | None:
    known = [member.value for member in SettlementStatusFilter]
    if value is not None and value not in known:
        raise Misuse(f"settlement_status must be one of {', '.join(known)}, not {value!r}")
    return value
