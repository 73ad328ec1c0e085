"""Orders, acknowledgements, fills, queue positions and order groups."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias

from attrs import field, frozen

from kalshi_ext.values import complement

if TYPE_CHECKING:
    from kalshi_ext.contract import types as wire

    AckRow: TypeAlias = (
        wire.CreateOrderV2Response
        | wire.AmendOrderV2Response
        | wire.DecreaseOrderV2Response
        | wire.CancelOrderV2Response
        | wire.BatchCreateOrdersV2ResponseEntry
        | wire.BatchCancelOrdersV2ResponseEntry
        | wire.BatchCancelOrdersResponseEntry
        | wire.CancelOrderResponse
        | wire.Order
    )

__all__ = ["Fill", "Order", "OrderAck", "OrderGroup", "QueuePosition"]


@frozen(kw_only=True)
class Order:
    """An order as the exchange lists it.

    `price` is the YES price in dollars whichever side the order is on. `book_side` bid means
    outcome yes (buy yes or sell no), ask means outcome no. `count` is the size first asked for;
    `fill_count` and `remaining_count` are contracts. Fees and costs are dollars.
    """

    order_id: str
    client_order_id: str
    ticker: str
    book_side: wire.BookSide
    outcome_side: wire.OutcomeSide
    # The older `side` and `action` of answers contradict each other on real fills (observed): they
    # are in `raw` only.
    status: wire.OrderStatus
    fill_count: Decimal
    remaining_count: Decimal
    count: Decimal | None = None
    price: Decimal | None = None
    type: wire.OrderType | None = None
    taker_fees: Decimal | None = None
    maker_fees: Decimal | None = None
    taker_fill_cost: Decimal | None = None
    maker_fill_cost: Decimal | None = None
    expiration_time: datetime | None = None
    created_time: datetime | None = None
    updated_time: datetime | None = None
    self_trade_prevention_type: wire.SelfTradePreventionType | None = None
    order_group_id: str | None = None
    cancel_order_on_pause: bool | None = None
    subaccount: int | None = None
    exchange_index: int | None = None
    raw: wire.Order = field(repr=False, eq=False)

    @property
    def no_price(self) -> Decimal | None:
        """The price of the NO side in dollars: 1 - price."""
        return None if self.price is None else complement(self.price)


@frozen(kw_only=True)
class OrderAck:
    """The exchange's acknowledgement of a write to one order.

    Counts are contracts, prices and fees dollars; `average_fee` is per contract. `replayed` is True
    when the outcome was looked up instead of told by the write's own answer. `order` is the full
    order where the contract answers with one (classic) or where it was read.
    """

    order_id: str
    client_order_id: str | None = None  # answers to a cancel omit it (observed)
    ticker: str | None = None
    fill_count: Decimal | None = None
    remaining_count: Decimal | None = None
    reduced_by: Decimal | None = None
    average_fill_price: Decimal | None = None
    average_fee: Decimal | None = None  # cut to 4 decimals by the exchange (observed)
    time: datetime | None = None
    replayed: bool = False
    order: Order | None = field(default=None, repr=False)
    raw: AckRow = field(repr=False, eq=False)


@frozen(kw_only=True)
class Fill:
    """One execution of one order. `price` is the YES price; `price` and `fee` are in dollars."""

    fill_id: str
    order_id: str
    ticker: str
    book_side: wire.BookSide
    outcome_side: wire.OutcomeSide
    count: Decimal
    price: Decimal | None = None
    is_taker: bool | None = None
    fee: Decimal | None = None
    created_time: datetime | None = None
    trade_id: str | None = None
    subaccount: int | None = None
    exchange_index: int | None = None
    raw: wire.Fill = field(repr=False, eq=False)

    @property
    def no_price(self) -> Decimal | None:
        """The price of the NO side in dollars: 1 - price."""
        return None if self.price is None else complement(self.price)


@frozen(kw_only=True)
class QueuePosition:
    """The number of contracts that rest ahead of an order at its price."""

    order_id: str
    position: Decimal
    ticker: str | None = None


@frozen(kw_only=True)
class OrderGroup:
    """A group of orders with a limit on the contracts filled in a rolling 15 seconds.

    `orders` are order ids where a single group was requested, else None.
    """

    id: str
    is_auto_cancel_enabled: bool | None = None
    contracts_limit: Decimal | None = None
    orders: tuple[str, ...] | None = None
    subaccount: int | None = None
    exchange_index: int | None = None
    raw: wire.OrderGroup | wire.GetOrderGroupResponse | wire.CreateOrderGroupResponse = field(
        repr=False, eq=False
    )
