"""client.history: rows that have moved out of the live lists, and lists over both."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

from kalshi_ext._async.resource import AsyncResource
from kalshi_ext._async.rows import AsyncRows
from kalshi_ext.models import Fill, HistoricalCutoff, Order, Position
from kalshi_ext.protocol.time_keys import FILLS, ORDERS
from kalshi_ext.requests import Moment
from kalshi_ext.requests.filters import MAX_PAGE, list_query

if TYPE_CHECKING:
    from kalshi_ext._async.complete import AsyncCompleteRows


class AsyncHistory(AsyncResource):
    """History of the account (current contract only)."""

    async def cutoff(self) -> HistoricalCutoff:
        """Return the times before which rows are historical. Public. They move while one reads."""
        return await self._request(self._contract.history.cutoff())

    def orders(
        self,
        *,
        ticker: str | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        subaccount: int | None = None,
        limit: int | None = None,
        max_pages: int | None = None,
        page_size: int | None = None,
    ) -> AsyncRows[Order]:
        """Iterate over historical orders only; `all_orders` joins them with the live ones."""
        query = list_query(
            ticker=ticker,
            since=since,
            until=until,
            subaccount=subaccount,
            limit=limit,
            page_size=page_size,
        )
        return self._rows_by_time(self._contract.history.orders, query, ORDERS, limit, max_pages)

    def fills(
        self,
        *,
        ticker: str | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        subaccount: int | None = None,
        limit: int | None = None,
        max_pages: int | None = None,
        page_size: int | None = None,
    ) -> AsyncRows[Fill]:
        """Iterate over historical fills only; `all_fills` joins them with the live ones."""
        query = list_query(
            ticker=ticker,
            since=since,
            until=until,
            subaccount=subaccount,
            limit=limit,
            page_size=page_size,
        )
        return self._rows_by_time(self._contract.history.fills, query, FILLS, limit, max_pages)

    def positions(
        self,
        *,
        ticker: str | None = None,
        event_ticker: str | None = None,
        subaccount: int | None = None,
        limit: int | None = None,
        max_pages: int | None = None,
        page_size: int | None = None,
    ) -> AsyncRows[Position]:
        """Iterate over historical positions by market."""
        query = list_query(
            ticker=ticker,
            event_ticker=event_ticker,
            subaccount=subaccount,
            limit=limit,
            page_size=page_size,
        )
        return self._rows(self._contract.history.positions(query), limit, max_pages)

    def all_orders(
        self,
        *,
        ticker: str | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        subaccount: int | None = None,
        page_size: int | None = None,
    ) -> AsyncCompleteRows[Order]:
        """Iterate over live and historical orders, each once; a moving cutoff hides none."""
        from kalshi_ext._async.complete import AsyncCompleteRows
        from kalshi_ext.protocol.tiers import Tiers

        query = list_query(
            ticker=ticker,
            since=since,
            until=until,
            subaccount=subaccount,
            limit=MAX_PAGE,  # all of them: the largest pages there are
            page_size=page_size,
        )
        # At the call, as for every other list: the cutoff alone is public and would be read first.
        self._client.session.require_credentials()
        live, history = self._contract.orders.list, self._contract.history.orders
        return AsyncCompleteRows(
            live=lambda: self._rows_by_time(live, query, ORDERS, cut=True),
            historical=lambda: self._rows_by_time(history, query, ORDERS, cut=True),
            cutoff=self.cutoff,
            cutoff_time=lambda cutoff: cutoff.orders_updated,
            tiers=lambda cutoff: Tiers(ORDERS, attrgetter("updated_time"), cutoff),
        )

    def all_fills(
        self,
        *,
        ticker: str | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        subaccount: int | None = None,
        page_size: int | None = None,
    ) -> AsyncCompleteRows[Fill]:
        """Iterate over live and historical fills, each once; a moving cutoff hides none."""
        from kalshi_ext._async.complete import AsyncCompleteRows
        from kalshi_ext.protocol.tiers import Tiers

        query = list_query(
            ticker=ticker,
            since=since,
            until=until,
            subaccount=subaccount,
            limit=MAX_PAGE,  # all of them: the largest pages there are
            page_size=page_size,
        )
        self._client.session.require_credentials()
        live, history = self._contract.portfolio.fills, self._contract.history.fills
        return AsyncCompleteRows(
            live=lambda: self._rows_by_time(live, query, FILLS, cut=True),
            historical=lambda: self._rows_by_time(history, query, FILLS, cut=True),
            cutoff=self.cutoff,
            cutoff_time=lambda cutoff: cutoff.trades_created,
            tiers=lambda cutoff: Tiers(FILLS, FILLS.time, cutoff),
        )
