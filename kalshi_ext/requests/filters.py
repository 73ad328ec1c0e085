"""The filters of a list: which rows, from when to when, how many a page. Checked, not sent.

A page size over the maximum is a 400 at the exchange, not clamped (documented). The maximum of each
list is read off its contract: a size derived from `limit` is cut to it, one the caller named is
refused.
"""

from __future__ import annotations

import re
from typing import ClassVar

from attrs import fields, frozen

from kalshi_ext import values
from kalshi_ext.arguments import Checked, at_least_one, must_be, one_of, optional, word_of
from kalshi_ext.contract.page_sizes import PAGE_SIZES
from kalshi_ext.contract.types import SettlementStatusFilter
from kalshi_ext.errors import Misuse
from kalshi_ext.requests.vocabulary import Moment, shard_of_list, subaccount_number

MAX_PAGE = max(
    PAGE_SIZES.values(), default=1000
)  # "as many as there may be": cut to what each list takes
_FILTER_WORDS = re.compile(r"[a-z0-9_]+(?:,[a-z0-9_]+)*", re.ASCII)


def _filter(value: object, name: str) -> str:
    """Check words to filter by. Which of them exist is for the exchange to say."""
    words = ",".join(word.strip() for word in (word_of(value) or "").split(","))
    if not _FILTER_WORDS.fullmatch(words):
        raise must_be(name, value, "words of letters, digits and _, with commas")
    return words


def _settlement_status(value: object, name: str) -> str:
    return one_of(value, name, [member.value for member in SettlementStatusFilter])


@frozen(kw_only=True, eq=False, repr=False)
class ListQuery(Checked):
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

    _checks: ClassVar = {
        "ticker": optional(values.ticker),
        "event_ticker": optional(values.ticker),
        "order_id": optional(values.path_id),
        "status": optional(_filter),
        "since": optional(values.since),
        "until": optional(values.until),
        "subaccount": subaccount_number,
        "exchange_index": shard_of_list,
        "count_filter": optional(_filter),
        "settlement_status": optional(_settlement_status),
        "size": optional(at_least_one),
    }

    def _check_together(self) -> None:
        if self.since is not None and self.until is not None and self.since > self.until:
            raise Misuse(f"since must not lie after until: {self.since} > {self.until}")

    def refuse_all_but(self, contract: str, *names: str) -> None:
        """Refuse the filters that a list of a contract does not have. Raises Misuse."""
        given = {part.name for part in fields(type(self)) if getattr(self, part.name) is not None}
        extra = sorted(given - {*names, "size", "explicit_size"})
        if extra:
            raise Misuse(f"this list has no {', '.join(extra)} in the {contract} contract")

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
    return ListQuery(
        ticker=ticker,
        event_ticker=event_ticker,
        order_id=order_id,
        status=status,
        since=None if since is None else values.since(since),
        until=None if until is None else values.until(until),
        subaccount=subaccount,
        exchange_index=exchange_index,
        count_filter=count_filter,
        settlement_status=settlement_status,
        size=_page_size(positive(limit, "limit"), positive(page_size, "page_size")),
        explicit_size=page_size is not None,
    )


positive = optional(at_least_one)
"""Check a number of rows or pages, by value and name: at least 1, or None. Raises Misuse."""


def _page_size(limit: int | None, page_size: int | None) -> int | None:
    if page_size is None:
        # Asking for no more rows than wanted: None leaves the page size to the exchange.
        return None if limit is None else min(limit, MAX_PAGE)
    if page_size > MAX_PAGE:
        rule = f"a whole number from 1 to {MAX_PAGE}"
        raise must_be("page_size", page_size, rule)
    return page_size
