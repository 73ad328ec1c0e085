"""client.markets: markets, their order books and trades. Public: no credentials are needed."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from kalshi_ext import values
from kalshi_ext._async.resource import AsyncResource
from kalshi_ext._async.rows import AsyncRows
from kalshi_ext.arguments import flag, optional
from kalshi_ext.models import Market, OrderBook, Trade
from kalshi_ext.protocol.time_keys import TRADES
from kalshi_ext.requests import Moment
from kalshi_ext.requests.filters import list_query
from kalshi_ext.requests.markets import depth_of_book, market_query


class AsyncMarkets(AsyncResource):
    """Public market data (current contract only)."""

    def list(
        self,
        *,
        status: str | None = None,
        event_ticker: str | None = None,
        series_ticker: str | None = None,
        tickers: Iterable[str] | None = None,
        mve_filter: str | None = None,
        created_since: Moment | None = None,
        created_until: Moment | None = None,
        updated_since: Moment | None = None,
        updated_until: Moment | None = None,
        close_since: Moment | None = None,
        close_until: Moment | None = None,
        settled_since: Moment | None = None,
        settled_until: Moment | None = None,
        limit: int | None = None,
        max_pages: int | None = None,
        page_size: int | None = None,
    ) -> AsyncRows[Market]:
        """Iterate over markets: all of them, or those that every filter lets through.

        `status` is unopened, open, paused, closed or settled; `mve_filter` 'only' lists the markets
        of combinations, 'exclude' leaves them out. Pairs of times bound when a market was created
        or last changed, when it closes, when it was settled. The exchange has thousands of markets:
        say a filter or `limit`.
        """
        query = market_query(
            status=status,
            event_ticker=event_ticker,
            series_ticker=series_ticker,
            tickers=tickers,
            mve_filter=mve_filter,
            created_since=created_since,
            created_until=created_until,
            updated_since=updated_since,
            updated_until=updated_until,
            close_since=close_since,
            close_until=close_until,
            settled_since=settled_since,
            settled_until=settled_until,
            limit=limit,
            page_size=page_size,
        )
        return self._rows(self._contract.markets.list(query), limit, max_pages)

    async def get(self, ticker: str) -> Market:
        """Return one market. `price_grid` tells which prices it takes."""
        return await self._request(self._contract.markets.get(values.path_ticker(ticker)))

    async def orderbook(self, ticker: str, *, depth: int | None = None) -> OrderBook:
        """Return the resting orders by YES price, best first.

        `depth` is the number of price levels of each side, 1 to 100; all of them without it.
        """
        call = self._contract.markets.orderbook(values.path_ticker(ticker), depth_of_book(depth))
        return await self._request(call)

    def trades(
        self,
        *,
        ticker: str | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        is_block_trade: bool | None = None,
        limit: int | None = None,
        max_pages: int | None = None,
        page_size: int | None = None,
    ) -> AsyncRows[Trade]:
        """Iterate over the trades of one market or of all, newest first."""
        query = list_query(
            ticker=ticker, since=since, until=until, limit=limit, page_size=page_size
        )
        blocks = optional(flag)(is_block_trade, "is_block_trade")
        listing = partial(self._contract.markets.trades, is_block_trade=blocks)
        return self._rows_by_time(listing, query, TRADES, limit, max_pages)
