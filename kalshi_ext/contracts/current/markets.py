"""Markets in the current contract; answers are read by `contracts/decode_markets`."""

# pyright: reportPrivateUsage=false
# The generated `_get_kwargs` builds a request without sending it; there is no public way to it.

from __future__ import annotations

from kalshi_portfolio import models as m
from kalshi_portfolio.api import market as api
from kalshi_portfolio.types import UNSET

from kalshi_ext.contract import types as shapes
from kalshi_ext.contracts.current.orders import or_unset
from kalshi_ext.contracts.current.portfolio import paged
from kalshi_ext.contracts.decode_markets import (
    decode_market,
    decode_order_book,
    decode_single_market,
    decode_trade,
)
from kalshi_ext.contracts.decoding import build_request
from kalshi_ext.contracts.interface import Interface
from kalshi_ext.contracts.operations import CURRENT as OPERATIONS
from kalshi_ext.models import Market, OrderBook, Trade
from kalshi_ext.protocol.messages import Call, Page
from kalshi_ext.requests.filters import ListQuery
from kalshi_ext.requests.markets import MarketQuery


class CurrentMarkets(Interface):
    """Markets, their order books and trades. Public."""

    def list(self, query: MarketQuery) -> Call[Page[Market]]:
        kwargs = api.get_markets._get_kwargs(
            status=UNSET if query.status is None else m.MarketStatusFilter(query.status),
            event_ticker=or_unset(query.page.event_ticker),
            series_ticker=or_unset(query.series_ticker),
            tickers=or_unset(query.tickers),
            mve_filter=UNSET if query.mve_filter is None else m.MveFilter(query.mve_filter),
            min_created_ts=or_unset(query.created_since),
            max_created_ts=or_unset(query.created_until),
            min_updated_ts=or_unset(query.updated_since),
            max_updated_ts=or_unset(query.updated_until),
            min_close_ts=or_unset(query.close_since),
            max_close_ts=or_unset(query.close_until),
            min_settled_ts=or_unset(query.settled_since),
            max_settled_ts=or_unset(query.settled_until),
            limit=or_unset(query.page.page_size("GetMarkets")),
        )
        return paged("GetMarkets", kwargs, "markets", shapes.Market, decode_market)

    def get(self, ticker: str) -> Call[Market]:
        kwargs = api.get_market._get_kwargs(ticker)
        return Call(OPERATIONS["GetMarket"], build_request(kwargs), decode_single_market)

    def orderbook(self, ticker: str, depth: int | None) -> Call[OrderBook]:
        kwargs = api.get_market_orderbook._get_kwargs(ticker, depth=or_unset(depth))
        return Call(
            OPERATIONS["GetMarketOrderbook"],
            build_request(kwargs),
            lambda document: decode_order_book(document, ticker),
        )

    def trades(self, query: ListQuery, *, is_block_trade: bool | None) -> Call[Page[Trade]]:
        kwargs = api.get_trades._get_kwargs(
            ticker=or_unset(query.ticker),
            min_ts=or_unset(query.since),
            max_ts=or_unset(query.until),
            is_block_trade=or_unset(is_block_trade),
            limit=or_unset(query.page_size("GetTrades")),
        )
        return paged("GetTrades", kwargs, "trades", shapes.Trade, decode_trade, Trade)
