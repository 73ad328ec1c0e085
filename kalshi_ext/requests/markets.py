"""The filters of a list of markets, checked and not sent."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen

from kalshi_ext import values
from kalshi_ext.contract.types import MarketStatusFilter, MveFilter
from kalshi_ext.errors import Misuse
from kalshi_ext.requests.filters import ListQuery, list_query
from kalshi_ext.requests.vocabulary import Moment, member

MAX_DEPTH = 100  # levels a side (documented)


@frozen(kw_only=True)
class MarketQuery:
    """The checked filters of a list of markets; times are Unix seconds.

    `page` holds what markets share with other lists: the event and the size of a page.
    """

    page: ListQuery
    status: str | None = None
    series_ticker: str | None = None
    tickers: str | None = None
    mve_filter: str | None = None
    created_since: int | None = None
    created_until: int | None = None
    updated_since: int | None = None
    updated_until: int | None = None
    close_since: int | None = None
    close_until: int | None = None
    settled_since: int | None = None
    settled_until: int | None = None


def market_query(
    *,
    status: str | None,
    event_ticker: str | None,
    series_ticker: str | None,
    tickers: Iterable[str] | None,
    mve_filter: str | None,
    created_since: Moment | None,
    created_until: Moment | None,
    updated_since: Moment | None,
    updated_until: Moment | None,
    close_since: Moment | None,
    close_until: Moment | None,
    settled_since: Moment | None,
    settled_until: Moment | None,
    limit: int | None,
    page_size: int | None,
) -> MarketQuery:
    """Check filters. Raises Misuse."""
    page = list_query(event_ticker=event_ticker, limit=limit, page_size=page_size)
    created = _range("created", created_since, created_until)
    updated = _range("updated", updated_since, updated_until)
    close = _range("close", close_since, close_until)
    settled = _range("settled", settled_since, settled_until)
    return MarketQuery(
        status=None if status is None else member(MarketStatusFilter, status, "status").value,
        page=page,
        series_ticker=None
        if series_ticker is None
        else values.ticker(series_ticker, name="series_ticker"),
        tickers=_tickers(tickers),
        mve_filter=None
        if mve_filter is None
        else member(MveFilter, mve_filter, "mve_filter").value,
        created_since=created[0],
        created_until=created[1],
        updated_since=updated[0],
        updated_until=updated[1],
        close_since=close[0],
        close_until=close[1],
        settled_since=settled[0],
        settled_until=settled[1],
    )


def depth_of_book(value: int | None) -> int | None:
    """Check a number of price levels: 1 to 100, or None for all. Raises Misuse."""
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if value is not None and not (is_whole and 1 <= value <= MAX_DEPTH):
        raise Misuse(f"depth must be a whole number from 1 to {MAX_DEPTH} or None, not {value!r}")
    return value


def _range(name: str, since: Moment | None, until: Moment | None) -> tuple[int | None, int | None]:
    start = None if since is None else values.since(since)
    end = None if until is None else values.until(until)
    if start is not None and end is not None and start > end:
        raise Misuse(f"{name}_since must not lie after {name}_until: {since!r} > {until!r}")
    return start, end


def _tickers(tickers: Iterable[str] | None) -> str | None:
    if tickers is None:
        return None
    if isinstance(tickers, str) or not isinstance(tickers, Iterable):
        raise Misuse(f"tickers must be a list of tickers, not {tickers!r}")
    checked = [values.ticker(each, name="tickers") for each in tickers]
    if not checked:
        raise Misuse("tickers must hold at least one, or be None for all")
    return ",".join(checked)
