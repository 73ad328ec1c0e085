"""The filters of a list of markets, checked and not sent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from attrs import frozen

from kalshi_ext import values
from kalshi_ext.arguments import (
    Checked,
    entries,
    instance,
    must_be,
    optional,
    plain,
    whole_number,
)
from kalshi_ext.contract.types import MarketStatusFilter, MveFilter
from kalshi_ext.errors import Misuse
from kalshi_ext.redact import redacted_repr
from kalshi_ext.requests.filters import ListQuery, list_query
from kalshi_ext.requests.vocabulary import Moment, member

MAX_DEPTH = 100  # levels a side (documented)


def _names(tickers: object) -> list[str]:
    names = [values.ticker(each, "tickers") for each in entries(tickers, "tickers")]
    for name in names:
        if "," in name:
            rule = "tickers must not hold commas, which begin the next ticker"
            raise Misuse(f"{rule}, not {redacted_repr(name)}")
    return names


def _tickers(value: object, name: str) -> str:
    joined = plain(value)
    if type(joined) is not str:
        raise must_be(name, value, "tickers with commas between them")
    return ",".join(_names(joined.split(",")))


def _status(value: object, name: str) -> str:
    return member(MarketStatusFilter, value, name).value


def _mve_filter(value: object, name: str) -> str:
    return member(MveFilter, value, name).value


def _page(value: object, name: str) -> ListQuery:
    checked: ListQuery = instance(value, name, ListQuery, "must be a ListQuery")
    return checked


_BEGIN = optional(values.since)
_END = optional(values.until)
_TIMES = ("created", "updated", "close", "settled")


@frozen(kw_only=True, eq=False, repr=False)
class MarketQuery(Checked):
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

    _checks: ClassVar = {
        "page": _page,
        "status": optional(_status),
        "series_ticker": optional(values.ticker),
        "tickers": optional(_tickers),
        "mve_filter": optional(_mve_filter),
        **{f"{name}_since": _BEGIN for name in _TIMES},
        **{f"{name}_until": _END for name in _TIMES},
    }

    def _check_together(self) -> None:
        for name in _TIMES:
            since, until = getattr(self, f"{name}_since"), getattr(self, f"{name}_until")
            if since is not None and until is not None and since > until:
                raise Misuse(f"{name}_since must not lie after {name}_until: {since} > {until}")


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
    # The class makes of every argument what its field holds.
    named: dict[str, Any] = {
        "status": status,
        "series_ticker": series_ticker,
        "tickers": None if tickers is None else ",".join(_names(tickers)),
        "mve_filter": mve_filter,
        "created_since": created_since,
        "created_until": created_until,
        "updated_since": updated_since,
        "updated_until": updated_until,
        "close_since": close_since,
        "close_until": close_until,
        "settled_since": settled_since,
        "settled_until": settled_until,
    }
    return MarketQuery(page=page, **named)


def depth_of_book(value: int | None) -> int | None:
    """Check a number of price levels: 1 to 100, or None for all. Raises Misuse."""
    return None if value is None else whole_number(value, "depth", 1, MAX_DEPTH)
