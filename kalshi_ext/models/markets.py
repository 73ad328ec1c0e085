"""Markets, their order books and trades: public data, the same for everybody.

Prices are YES prices in dollars, counts are contracts.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from attrs import field, frozen

from kalshi_ext.values import complement
from kalshi_ext.values.ticks import PriceGrid

if TYPE_CHECKING:
    from kalshi_ext.contract import types as wire

__all__ = ["Market", "MarketLeg", "OrderBook", "PriceLevel", "Trade"]


@frozen(kw_only=True)
class MarketLeg:
    """One part of a combination: the market, and the outcome it counts on."""

    ticker: str | None = None
    event_ticker: str | None = None
    side: str | None = None
    settlement_value: Decimal | None = None


@frozen(kw_only=True)
class Market:
    """One market.

    `price_grid` holds the prices it takes: `price_grid.check("0.555")` raises Misuse for one that
    is off the grid; None where the exchange does not tell them. A best price is 0 where nobody
    bids and 1 where nobody offers (assumed), and a size of 0 says so. `settlement_value` is what
    one YES contract paid, dollars; the `previous_` prices are those of a day ago.
    """

    ticker: str
    status: wire.MarketStatus
    event_ticker: str | None = None
    market_type: wire.MarketType | None = None
    price_grid: PriceGrid | None = None
    price_level_structure: str | None = None
    yes_bid: Decimal | None = None
    yes_bid_size: Decimal | None = None
    yes_ask: Decimal | None = None
    yes_ask_size: Decimal | None = None
    last_price: Decimal | None = None
    previous_yes_bid: Decimal | None = None
    previous_yes_ask: Decimal | None = None
    previous_price: Decimal | None = None
    volume: Decimal | None = None
    volume_24h: Decimal | None = None
    open_interest: Decimal | None = None
    notional_value: Decimal | None = None
    created_time: datetime | None = None
    updated_time: datetime | None = None
    open_time: datetime | None = None
    close_time: datetime | None = None
    can_close_early: bool | None = None
    early_close_condition: str | None = None
    occurrence_time: datetime | None = None
    expected_expiration_time: datetime | None = None
    latest_expiration_time: datetime | None = None
    fee_waiver_expiration_time: datetime | None = None
    result: wire.MarketResult | None = None
    expiration_value: str | None = None
    settlement_value: Decimal | None = None
    settlement_floor: Decimal | None = None
    settlement_bounds_type: wire.SettlementBoundsType | None = None
    settlement_timer_seconds: int | None = None
    settled_time: datetime | None = None
    strike_type: wire.StrikeType | None = None
    floor_strike: Decimal | None = None
    cap_strike: Decimal | None = None
    functional_strike: str | None = None
    custom_strike: Mapping[str, object] | None = None
    yes_sub_title: str | None = None
    no_sub_title: str | None = None
    rules_primary: str | None = None
    rules_secondary: str | None = None
    primary_participant_key: str | None = None
    is_provisional: bool | None = None
    mve_collection_ticker: str | None = None
    legs: tuple[MarketLeg, ...] = ()
    exchange_index: int | None = None
    raw: wire.Market = field(repr=False, eq=False)


@frozen
class PriceLevel:
    """The contracts that rest at one price."""

    price: Decimal
    count: Decimal


@frozen(kw_only=True)
class OrderBook:
    """The resting orders of one market by price, best first: `bids` falling, `asks` rising.

    The exchange lists bids for YES and bids for NO; here a bid for NO at p is an ask at 1 - p.
    """

    ticker: str
    bids: tuple[PriceLevel, ...] = ()
    asks: tuple[PriceLevel, ...] = ()
    raw: wire.GetMarketOrderbookResponse = field(repr=False, eq=False)

    @property
    def best_bid(self) -> PriceLevel | None:
        """The highest bid, None where nobody bids."""
        return self.bids[0] if self.bids else None

    @property
    def best_ask(self) -> PriceLevel | None:
        """The lowest ask, None where nobody offers."""
        return self.asks[0] if self.asks else None


@frozen(kw_only=True)
class Trade:
    """One trade of a market, between whomever.

    `taker_book_side` bid means that the incoming order bought YES or sold NO.
    """

    trade_id: str
    ticker: str
    count: Decimal
    price: Decimal | None = None
    taker_book_side: wire.BookSide | None = None
    taker_outcome_side: wire.OutcomeSide | None = None
    is_block_trade: bool | None = None
    created_time: datetime | None = None
    raw: wire.Trade = field(repr=False, eq=False)

    @property
    def no_price(self) -> Decimal | None:
        """The price of the NO side in dollars: 1 - price."""
        return None if self.price is None else complement(self.price)
