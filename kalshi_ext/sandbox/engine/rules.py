"""The rules an order must pass before it may change anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kalshi_ext.sandbox.engine import matching
from kalshi_ext.sandbox.engine.amounts import ONE, SECOND, dollars_text
from kalshi_ext.sandbox.engine.refusals import (
    Refusal,
    duplicate_order,
    insufficient_balance,
    invalid,
    invalid_order,
    not_found,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kalshi_ext.sandbox.engine.accounts import Account
    from kalshi_ext.sandbox.engine.records import Market, Order
    from kalshi_ext.sandbox.engine.state import Exchange


def market_for(ex: Exchange, ticker: str, shard: int | None) -> Market:
    """Find a market by ticker, on the shard named where one is named."""
    market = ex.markets.get(ticker)
    if market is None:
        if ex.settings.unknown_ticker == 404:
            raise not_found()
        raise invalid("market not found", ticker)
    if shard is not None and shard not in (-1, market.shard):
        raise invalid("the market is on another exchange_index", str(shard))
    return market


def may_trade(ex: Exchange, market: Market) -> None:
    """Answer why a market takes no orders."""
    not_exchange_paused(ex, market.shard)
    if market.shard in ex.pauses.trading or ex.pauses.thursday:
        raise Refusal(409, "trading_is_paused", "trading is paused")
    if market.status != "active":
        raise Refusal(409, "market_closed", "market is closed")


def not_exchange_paused(ex: Exchange, shard: int) -> None:
    """Answer that nothing is allowed while the exchange pauses."""
    if shard in ex.pauses.exchange:
        status = ex.settings.exchange_paused_status
        code = "service_unavailable" if status == 503 else "exchange_is_paused"
        raise Refusal(status, code, "exchange is paused")


def check_free(ex: Exchange, account: Account, client_order_id: str) -> None:
    """Answer 409 for a client_order_id that is taken; "" never is."""
    known = account.client_ids.get(client_order_id) if client_order_id else None
    if known is None:
        return
    created, order = known
    mode = ex.settings.dedupe
    fresh = mode == "seconds" and ex.now - created < ex.settings.dedupe_seconds * SECOND
    if mode == "forever" or order.status == "resting" or fresh:
        raise duplicate_order()


def check_price(market: Market, price: int) -> None:
    """Answer 400 for a price that is not one of the market's."""
    if not 0 < price < ONE or not market.ticks[price]:
        raise Refusal(
            400, "invalid_price", "price is not valid in this market", dollars_text(price * 100)
        )


def check_post_only(order: Order, price: int) -> None:
    """Answer 400 when a post-only order would trade at this price."""
    if order.post_only and matching.crosses(order.market, bid=order.bid, price=price):
        raise invalid_order("post only order would cross", "post_only_cross")


def check_money(
    ex: Exchange, order: Order, extra: Mapping[int, int], *, price: int, count: int
) -> None:
    """Answer 400 when the purse cannot hold back what an order may cost, taker fee included.

    extra is what changes among the resting contracts, by price.
    """
    if order.account.endless:
        return
    more = _more(ex, order, extra, price=price, count=count)
    if order.budget is not None:
        more = min(more, order.budget)
    if more <= 0:
        return
    if matching.crosses(order.market, bid=order.bid, price=price):
        more += order.market.taker_fees.most(price, count)
    if more > order.account.available(order.subaccount, order.market.shard):
        raise insufficient_balance()


def _more(ex: Exchange, order: Order, extra: Mapping[int, int], *, price: int, count: int) -> int:
    holding, mode = order.holding, ex.reservation(order.account)
    if mode != "none":
        return holding.needs(mode, bid=order.bid, extra=extra) - holding.reserved
    closed = max(-holding.position if order.bid else holding.position, 0)
    return max(count - closed, 0) * (price if order.bid else ONE - price)
