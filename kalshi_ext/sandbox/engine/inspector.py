"""The state as it is, for tests and judges: without lag, scopes, pages or switched shapes."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from attrs import evolve

from kalshi_ext.sandbox.engine.commands import Event
from kalshi_ext.sandbox.engine.fixed_point import (
    format_count,
    format_dollars,
    format_price,
    to_datetime,
)
from kalshi_ext.sandbox.engine.records import Fill, Order
from kalshi_ext.sandbox.engine.serializers import fill_row, order_row

if TYPE_CHECKING:
    from collections.abc import Callable

    from kalshi_ext.sandbox.engine.book import PriceLevels
    from kalshi_ext.sandbox.engine.state import EngineState

Json = dict[str, Any]


class Inspector:
    """Read the state; nothing here changes anything. Users know it as `truth`."""

    def __init__(self, state: EngineState) -> None:
        self._state = state

    def orders(
        self, *, account: str | None = None, client_order_id: str | None = None
    ) -> list[Json]:
        """List every order ever accepted, oldest first.

        The rows are those of GetOrders with, besides, account, reason (why it ended: filled,
        cancelled, expired, ioc, stp, group, pause, closed, settled, sweep, decreased, exchange)
        and time_in_force.
        """
        return [
            self._order(order)
            for order in self._state.orders.values()
            if account in (None, order.account.name)
            and client_order_id in (None, order.client_order_id)
        ]

    def order(self, order_id: str) -> Json | None:
        order = self._state.orders.get(order_id)
        return None if order is None else self._order(order)

    def _order(self, order: Order) -> Json:
        # a judge must not be misled by the fields that contradict on purpose
        settings = evolve(self._state.settings, legacy_fields="consistent")
        return {
            **order_row(order, settings),
            "account": order.account.name,
            "reason": order.reason,
            "time_in_force": order.time_in_force,
        }

    def fills(self, *, account: str | None = None, order_id: str | None = None) -> list[Json]:
        """List every fill in the order they happened, the maker's before the taker's.

        The rows are those of GetFills with, besides, account and client_order_id.
        """
        fills = [
            fill
            for owner in self._state.accounts.values()
            if account in (None, owner.name)
            for fill in owner.fills
            if order_id in (None, fill.order.id)
        ]
        # several fills share a time; their numbers tell which came first
        return [self._fill(fill) for fill in sorted(fills, key=lambda fill: fill.seq)]

    def _fill(self, fill: Fill) -> Json:
        settings = evolve(self._state.settings, legacy_fields="consistent")
        return {
            **fill_row(fill, settings),
            "account": fill.order.account.name,
            "client_order_id": fill.order.client_order_id,
        }

    def recent(self, *, account: str, newest: int = 50) -> Json:
        """Give an account's newest open orders, ended orders and fills, newest first.

        Cheap however long the account's life: ended orders are looked for among its last 1000.
        """
        owner = self._state.accounts[account]
        last = islice(reversed(owner.orders), 1000)
        ended = (order for order in last if order.status != "resting")
        newest_open = reversed(owner.open_orders.values())
        return {
            "open": [self._order(order) for order in islice(newest_open, newest)],
            "open_count": len(owner.open_orders),
            "ended": [self._order(order) for order in islice(ended, newest)],
            "fills": [self._fill(fill) for fill in islice(reversed(owner.fills), newest)],
            "fill_count": len(owner.fills),
        }

    def balances(self, *, account: str) -> list[Json]:
        """List cash and what resting orders hold back, for each instance, subaccount and shard."""
        owner = self._state.accounts[account]
        return [
            {
                "instance": instance,
                "subaccount": number,
                "exchange_index": shard,
                "cash": format_dollars(balance.cash),
                "reserved": format_dollars(balance.reserved),
                "available": format_dollars(balance.available),
            }
            for instance, balances in (
                ("event_contract", owner.balances),
                ("margined", owner.margined_balances),
            )
            for (number, shard), balance in sorted(balances.items())
        ]

    def positions(self, *, account: str) -> list[Json]:
        """List every holding that was ever filled."""
        return [
            {
                "subaccount": row.subaccount,
                "ticker": row.market.ticker,
                "position": format_count(row.position),
                "cost": format_dollars(row.cost),
                "realized": format_dollars(row.realized),
                "fees": format_dollars(row.fees),
            }
            for row in self._state.accounts[account].holdings.values()
            if row.created
        ]

    def book(self, ticker: str) -> Json:
        """Show a market's depth, best first: {"bids": [[price, count], ...], "asks": [...]}."""
        market = self._state.markets[ticker]
        return {"ticker": ticker, "bids": _depth(market.bids), "asks": _depth(market.asks)}

    def markets(self) -> list[Json]:
        """List every market with its rules and state."""
        return [
            {
                "ticker": market.ticker,
                "event_ticker": market.event,
                "exchange_index": market.shard,
                "status": market.status,
                "result": market.result,
                "price_ranges": [
                    {"start": format_price(a), "end": format_price(b), "step": format_price(c)}
                    for a, b, c in market.price_ranges
                ],
                "last_price": _format_optional(market.last_price),
                "best_bid": _format_optional(market.bids.best_price()),
                "best_ask": _format_optional(market.asks.best_price()),
                "volume": format_count(market.volume),
                "open_interest": format_count(market.open_interest),
                "fee_rate": format_dollars(market.taker_fees.rate),
                "maker_fee_rate": format_dollars(market.maker_fees.rate),
            }
            for market in self._state.markets.values()
        ]

    def accounts(self) -> list[str]:
        return list(self._state.accounts)

    def groups(self, *, account: str) -> list[Json]:
        return [
            {
                "id": group.id,
                "limit": format_count(group.limit),
                "volume": format_count(group.volume),
                "triggered": group.triggered,
                "orders": list(group.orders),
            }
            for group in self._state.accounts[account].groups.values()
        ]

    def events(self, *, since: int = 0) -> list[Event]:
        """List what happened after event number `since`, oldest first."""
        recorded = enumerate(islice(self._state.events, since, None), since + 1)
        return [
            Event(seq, to_datetime(time), kind, _event_data(data))
            for seq, (time, kind, data) in recorded
        ]


def _depth(side: PriceLevels) -> list[list[str]]:
    return [[format_price(price), format_count(count)] for price, count in side.depth()]


def _format_optional(price: int | None) -> str | None:
    return None if price is None else format_price(price)


def _event_data(data: Json) -> Json:
    body: Json = {}
    for name, value in data.items():
        if isinstance(value, Order):
            body |= _order_identity(value)
        elif isinstance(value, Fill):
            body |= _order_identity(value.order) | _fill_data(value)
        else:
            body[name] = _FORMATS[name](value) if name in _FORMATS else value
    return body


def _order_identity(order: Order) -> Json:
    return {
        "order_id": order.id,
        "account": order.account.name,
        "client_order_id": order.client_order_id,
        "ticker": order.market.ticker,
        "side": "bid" if order.bid else "ask",
    }


def _fill_data(fill: Fill) -> Json:
    return {
        "fill_id": fill.id,
        "trade_id": fill.trade_id,
        "price": format_price(fill.price),
        "count": format_count(fill.count),
        "is_taker": fill.is_taker,
        "fee": format_dollars(fill.fee),
        "cash": format_dollars(fill.change),
    }


def _format_amount(value: int | str) -> str:
    # a transfer's event carries the row of the wire, whose amount is text already
    return value if isinstance(value, str) else format_dollars(value)


_FORMATS: dict[str, Callable[[Any], str]] = {
    "price": format_price,
    "count": format_count,
    "reduced_by": format_count,
    "payout": format_dollars,
    "amount": _format_amount,
}
