"""Orders, acknowledgements, fills, queue positions and order groups."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias

from attrs import field, frozen

from kalshi_ext.bases import Value
from kalshi_ext.models.kept_pages import FromPage
from kalshi_ext.models.prices import YesPriced
from kalshi_ext.models.promises import PROMISED

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


@frozen(kw_only=True, eq=False, repr=False)
class Order(Value, FromPage, YesPriced):
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
    count: Decimal = PROMISED
    price: Decimal = PROMISED
    type: wire.OrderType = PROMISED
    taker_fees: Decimal = PROMISED
    maker_fees: Decimal = PROMISED
    taker_fill_cost: Decimal = PROMISED
    maker_fill_cost: Decimal = PROMISED
    expiration_time: datetime | None = None
    created_time: datetime | None = None
    updated_time: datetime | None = None
    self_trade_prevention_type: wire.SelfTradePreventionType | None = None
    order_group_id: str | None = None
    cancel_order_on_pause: bool | None = None
    subaccount: int | None = None
    exchange_index: int | None = None
    raw: wire.Order = field(repr=False, eq=False)


@frozen(kw_only=True, eq=False, repr=False)
class OrderAck(Value):
    """The exchange's acknowledgement of a write to one order.

    Counts are contracts, prices and fees dollars. `replayed` is True when the outcome was looked up
    instead of told by the write's own answer. `order` is the full order where the contract answers
    with one (classic) or where it was read.

    An accepted order need not rest, and nothing but its counts tells (observed): see
    `ended_unfilled` and `ended`.
    """

    order_id: str
    client_order_id: str | None = None  # answers to a cancel omit it (observed)
    ticker: str | None = None
    fill_count: Decimal | None = None
    remaining_count: Decimal | None = None
    reduced_by: Decimal | None = None
    average_fill_price: Decimal | None = None
    # Of one contract, and cut to 4 decimals ("0.0154" where the rule gives 0.015487, observed):
    # times fill_count it is a little less than what was paid, which `Fill.fee` tells exactly.
    average_fee: Decimal | None = None
    time: datetime | None = None
    replayed: bool = False
    order: Order | None = field(default=None, repr=False)
    raw: AckRow = field(repr=False, eq=False)

    @property
    def ended(self) -> bool:
        """Whether the answer says that nothing of the order rests: filled, cancelled, expired.

        False where it does not tell: the answer to a cancel counts only what it took away.
        """
        return self.remaining_count == 0 or (
            self.order is not None and self.order.status in ("canceled", "executed")
        )

    @property
    def ended_unfilled(self) -> bool:
        """Whether the order ended with nothing filled: accepted, and yet nothing came of it.

        Self-trade prevention, immediate-or-cancel without a match, and reduce_only beyond the
        position end an order at once so: 201 with 0.00 filled and 0.00 left (observed). The answer
        does not say which. Of an amend or a decrease, `fill_count` may be of that write alone.
        """
        return self.ended and self.fill_count == 0


@frozen(kw_only=True, eq=False, repr=False)
class Fill(Value, FromPage, YesPriced):
    """One execution of one order. `price` is the YES price; `price` and `fee` are in dollars."""

    fill_id: str
    order_id: str
    ticker: str
    book_side: wire.BookSide
    outcome_side: wire.OutcomeSide
    count: Decimal
    price: Decimal = PROMISED
    is_taker: bool = PROMISED
    fee: Decimal = PROMISED
    created_time: datetime | None = None
    trade_id: str = PROMISED
    subaccount: int | None = None
    exchange_index: int = PROMISED
    raw: wire.Fill = field(repr=False, eq=False)


@frozen(kw_only=True, eq=False, repr=False)
class QueuePosition(Value):
    """The number of contracts that rest ahead of an order at its price."""

    order_id: str
    position: Decimal
    ticker: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class OrderGroup(Value):
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
