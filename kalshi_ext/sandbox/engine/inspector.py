"""What truly is: for judges, without lag, scopes or pages."""

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
    from collections.abc import Callable, Iterator

    from kalshi_ext.sandbox.engine.book import PriceLevels
    from kalshi_ext.sandbox.engine.ledger import FeeModel
    from kalshi_ext.sandbox.engine.state import EngineState

Json = dict[str, Any]


class Truth:
    """Read what truly is; nothing here changes anything."""

    def __init__(self, exchange: EngineState) -> None:
        """Look at an exchange."""
        self._ex = exchange

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
            for order in self._ex.orders.values()
            if account in (None, order.account.name)
            and client_order_id in (None, order.client_order_id)
        ]

    def order(self, order_id: str) -> Json | None:
        """Give one order by id."""
        order = self._ex.orders.get(order_id)
        return None if order is None else self._order(order)

    def _order(self, order: Order) -> Json:
        settings = evolve(self._ex.settings, legacy_fields="consistent")
        return {
            **order_row(order, settings),
            "account": order.account.name,
            "reason": order.reason,
            "time_in_force": order.time_in_force,
        }

    def fills(self, *, account: str | None = None, order_id: str | None = None) -> list[Json]:
        """List every fill in the sequence they happened, the maker's before the taker's.

        The rows are those of GetFills with, besides, account and client_order_id.
        """
        found = [
            fill
            for owner in self._ex.accounts.values()
            if account in (None, owner.name)
            for fill in owner.fills
            if order_id in (None, fill.order.id)
        ]
        return [self._fill(fill) for fill in sorted(found, key=lambda fill: fill.seq)]

    def _fill(self, fill: Fill) -> Json:
        settings = evolve(self._ex.settings, legacy_fields="consistent")
        return {
            **fill_row(fill, settings),
            "account": fill.order.account.name,
            "client_order_id": fill.order.client_order_id,
        }

    def recent(self, *, account: str, newest: int = 50) -> Json:
        """Give an account's newest open orders, ended orders and fills, newest first.

        Cheap however long the account's life: ended orders are looked for among its last 1000.
        """
        owner = self._ex.accounts[account]
        last = islice(reversed(owner.orders), 1000)
        ended = (order for order in last if order.status != "resting")
        return {
            "open": [
                self._order(one) for one in islice(reversed(owner.open_orders.values()), newest)
            ],
            "open_count": len(owner.open_orders),
            "ended": [self._order(order) for order in islice(ended, newest)],
            "fills": [self._fill(fill) for fill in islice(reversed(owner.fills), newest)],
            "fill_count": len(owner.fills),
        }

    def balances(self, *, account: str) -> list[Json]:
        """List cash and what resting orders reserve, for each subaccount and shard."""
        owner = self._ex.accounts[account]
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
            for row in self._ex.accounts[account].holdings.values()
            if row.created
        ]

    def book(self, ticker: str) -> Json:
        """Show a market's depth, best first: {"bids": [[price, count], ...], "asks": [...]}."""
        market = self._ex.markets[ticker]
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
                "last_price": None
                if market.last_price is None
                else format_price(market.last_price),
                "best_bid": _best_price(market.bids),
                "best_ask": _best_price(market.asks),
                "volume": format_count(market.volume),
                "open_interest": format_count(market.open_interest),
                "fee_rate": _format_rate(market.taker_fees),
                "maker_fee_rate": _format_rate(market.maker_fees),
            }
            for market in self._ex.markets.values()
        ]

    def accounts(self) -> list[str]:
        """List account names."""
        return list(self._ex.accounts)

    def groups(self, *, account: str) -> list[Json]:
        """List an account's order groups."""
        return [
            {
                "id": group.id,
                "limit": format_count(group.limit),
                "volume": format_count(group.volume),
                "triggered": group.triggered,
                "orders": list(group.orders),
            }
            for group in self._ex.accounts[account].groups.values()
        ]

    def events(self, *, since: int = 0) -> list[Event]:
        """List what happened after event number since, oldest first."""
        return list(self._events(since))

    def _events(self, since: int) -> Iterator[Event]:
        for at, (when, kind, data) in enumerate(islice(self._ex.events, since, None), since + 1):
            yield Event(at, to_datetime(when), kind, _event_data(data))


def _depth(side: PriceLevels) -> list[list[str]]:
    return [[format_price(price), format_count(count)] for price, count in side.depth()]


def _best_price(side: PriceLevels) -> str | None:
    price = side.best_price()
    return None if price is None else format_price(price)


def _format_rate(model: FeeModel) -> str:
    return format_dollars(model.rate)


def _event_data(data: Json) -> Json:
    told: Json = {}
    for name, value in data.items():
        if isinstance(value, Order):
            told |= _order_identity(value)
        elif isinstance(value, Fill):
            told |= _order_identity(value.order) | _fill_data(value)
        else:
            told[name] = _FORMATS[name](value) if name in _FORMATS else value
    return told


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
    return value if isinstance(value, str) else format_dollars(value)


_FORMATS: dict[str, Callable[[Any], str]] = {
    "price": format_price,
    "count": format_count,
    "reduced_by": format_count,
    "payout": format_dollars,
    "amount": _format_amount,
}
