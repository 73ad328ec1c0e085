"""The rules an order must pass before it may change anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kalshi_ext.sandbox.engine import matching
from kalshi_ext.sandbox.engine.amounts import ONE, SECOND, format_dollars
from kalshi_ext.sandbox.engine.refusals import (
    ApiError,
    insufficient_balance,
    invalid_order,
    invalid_parameters,
    not_found,
    order_already_exists,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kalshi_ext.sandbox.engine.accounts import TradingAccount
    from kalshi_ext.sandbox.engine.book import Market
    from kalshi_ext.sandbox.engine.records import Order
    from kalshi_ext.sandbox.engine.state import ExchangeState


def find_market(state: ExchangeState, ticker: str, shard: int | None) -> Market:
    """Find a market by ticker, on the shard named where one is named."""
    market = state.markets.get(ticker)
    if market is None:
        if state.settings.unknown_ticker == 404:
            raise not_found()
        raise invalid_parameters("market not found", ticker)
    if shard is not None and shard not in (-1, market.shard):
        raise invalid_parameters("the market is on another exchange_index", str(shard))
    return market


def check_trading_open(state: ExchangeState, market: Market) -> None:
    """Answer why a market takes no orders."""
    check_exchange_open(state, market.shard)
    if market.shard in state.pauses.trading or state.pauses.thursday_active:
        raise ApiError(409, "trading_is_paused", "trading is paused")
    if market.status != "active":
        raise ApiError(409, "market_closed", "market is closed")


def check_exchange_open(state: ExchangeState, shard: int) -> None:
    """Answer that nothing is allowed while the exchange pauses."""
    if shard in state.pauses.exchange:
        status = state.settings.exchange_paused_status
        code = "service_unavailable" if status == 503 else "exchange_is_paused"
        raise ApiError(status, code, "exchange is paused")


def check_client_order_id(
    state: ExchangeState, account: TradingAccount, client_order_id: str
) -> None:
    """Answer 409 for a client_order_id that is taken; "" never is."""
    known = account.client_order_ids.get(client_order_id) if client_order_id else None
    if known is None:
        return
    created, order = known
    mode = state.settings.dedupe
    fresh = mode == "seconds" and state.now - created < state.settings.dedupe_seconds * SECOND
    if mode == "forever" or order.status == "resting" or fresh:
        raise order_already_exists()


def check_price(market: Market, price: int) -> None:
    """Answer 400 for a price that is not one of the market's."""
    if not 0 < price < ONE or not market.valid_prices[price]:
        raise ApiError(
            400, "invalid_price", "price is not valid in this market", format_dollars(price * 100)
        )


def check_post_only(order: Order, price: int) -> None:
    """Answer 400 when a post-only order would trade at this price."""
    if order.post_only and matching.crosses(order.market, bid=order.bid, price=price):
        raise invalid_order("post only order would cross", "post_only_cross")


def check_funds(
    state: ExchangeState, order: Order, extra: Mapping[int, int], *, price: int, count: int
) -> None:
    """Answer 400 when the balance cannot hold back what an order may cost, taker fee included.

    extra is what changes among the resting contracts, by price.
    """
    if order.account.endless:
        return
    more = _added_reserve(state, order, extra, price=price, count=count)
    if order.budget is not None:
        more = min(more, order.budget)
    if more <= 0:
        return
    if matching.crosses(order.market, bid=order.bid, price=price):
        more += order.market.taker_fees.highest_trade_fee(price, count)
    if more > order.account.available(order.subaccount, order.market.shard):
        raise insufficient_balance()


def _added_reserve(
    state: ExchangeState, order: Order, extra: Mapping[int, int], *, price: int, count: int
) -> int:
    holding, mode = order.holding, state.reservation_mode(order.account)
    if mode != "none":
        return holding.required_reserve(mode, bid=order.bid, extra=extra) - holding.reserved
    closed = max(-holding.position if order.bid else holding.position, 0)
    return max(count - closed, 0) * (price if order.bid else ONE - price)
