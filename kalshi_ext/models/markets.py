"""Markets, their order books and trades: public data, the same for everybody.

Prices are YES prices in dollars, counts are contracts.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from attrs import field, frozen

from kalshi_ext.bases import Value
from kalshi_ext.models.kept_pages import FromPage
from kalshi_ext.models.prices import YesPriced
from kalshi_ext.models.promises import PROMISED
from kalshi_ext.values.ticks import PriceGrid

if TYPE_CHECKING:
    from kalshi_ext.contract import types as wire

__all__ = ["Market", "MarketLeg", "OrderBook", "PriceLevel", "Trade"]


@frozen(kw_only=True, eq=False, repr=False)
class MarketLeg(Value):
    """One part of a combination: the market, and the outcome it counts on."""

    ticker: str | None = None
    event_ticker: str | None = None
    side: str | None = None
    settlement_value: Decimal | None = None


@frozen(kw_only=True, eq=False, repr=False)
class Market(Value):
    """One market.

    `price_grid` holds the prices it takes: `price_grid.check("0.555")` raises Misuse for one that
    is off the grid; None where the exchange does not tell them. A best price is 0 where nobody
    bids and 1 where nobody offers (assumed), and a size of 0 says so. `settlement_value` is what
    one YES contract paid, dollars; the `previous_` prices are those of a day ago.
    """

    ticker: str
    status: wire.MarketStatus
    event_ticker: str = PROMISED
    market_type: wire.MarketType = PROMISED
    price_grid: PriceGrid = PROMISED
    price_level_structure: str = PROMISED
    yes_bid: Decimal = PROMISED
    yes_bid_size: Decimal = PROMISED
    yes_ask: Decimal = PROMISED
    yes_ask_size: Decimal = PROMISED
    last_price: Decimal = PROMISED
    previous_yes_bid: Decimal = PROMISED
    previous_yes_ask: Decimal = PROMISED
    previous_price: Decimal = PROMISED
    volume: Decimal = PROMISED
    volume_24h: Decimal = PROMISED
    open_interest: Decimal = PROMISED
    notional_value: Decimal = PROMISED
    created_time: datetime = PROMISED
    updated_time: datetime = PROMISED
    open_time: datetime = PROMISED
    close_time: datetime = PROMISED
    can_close_early: bool = PROMISED
    early_close_condition: str | None = None
    occurrence_time: datetime | None = None
    expected_expiration_time: datetime | None = None
    latest_expiration_time: datetime = PROMISED
    fee_waiver_expiration_time: datetime | None = None
    result: wire.MarketResult | None = None
    expiration_value: str | None = None
    settlement_value: Decimal | None = None
    settlement_floor: Decimal | None = None
    settlement_bounds_type: wire.SettlementBoundsType = PROMISED
    settlement_timer_seconds: int = PROMISED
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


@frozen(eq=False, repr=False)
class PriceLevel(Value):
    """The contracts that rest at one price."""

    price: Decimal
    count: Decimal


@frozen(kw_only=True, eq=False, repr=False)
class OrderBook(Value):
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


@frozen(kw_only=True, eq=False, repr=False)
class Trade(Value, FromPage, YesPriced):
    """One trade of a market, between whomever.

    `taker_book_side` bid means that the incoming order bought YES or sold NO.
    """

    trade_id: str
    ticker: str
    count: Decimal
    price: Decimal = PROMISED
    taker_book_side: wire.BookSide = PROMISED
    taker_outcome_side: wire.OutcomeSide = PROMISED
    is_block_trade: bool = PROMISED
    created_time: datetime = PROMISED
    raw: wire.Trade = field(repr=False, eq=False)
