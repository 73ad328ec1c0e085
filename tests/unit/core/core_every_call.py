"""One example call of every facade method, with fixed ids, for both contracts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from kalshi_ext import OrderTicket
from kalshi_ext.contracts import contract

Work = Callable[[Any], Any]
KEY: Final = "5d1a9c52-7f8e-5a0b-9d53-0c6a3e1b7f24"
COMPOSED: Final = ("orders.find", "portfolio.event_positions", "history.all_orders")


def ticket(number: int = 1, **changes: Any) -> OrderTicket:
    return OrderTicket.of(
        "T", side="bid", count=5, price="0.56", client_order_id=f"c{number}", **changes
    )


CURRENT: Final[dict[str, Work]] = {
    "orders.place": lambda c: c.orders.place(
        "T",
        side="no",
        action="buy",
        count="5.00",
        price="0.44",
        client_order_id="c1",
        expires="2030-01-01T00:00:00Z",
        post_only=True,
        cancel_order_on_pause=True,
        subaccount=1,
        order_group_id="g1",
        exchange_index=0,
    ),
    "orders.place_many": lambda c: c.orders.place_many([ticket(), ticket(2)]),
    "orders.amend": lambda c: c.orders.amend(
        "o1",
        ticker="T",
        side="bid",
        price="0.57",
        count=5,
        client_order_id="c1",
        updated_client_order_id="c2",
        expires=0,
        subaccount=1,
        exchange_index=0,
    ),
    "orders.decrease": lambda c: c.orders.decrease("o1", to=2, ticker="T", subaccount=1),
    "orders.cancel": lambda c: c.orders.cancel("o1", ticker="T", exchange_index=0, subaccount=1),
    "orders.cancel_many": lambda c: c.orders.cancel_many(["o1"]),
    "orders.cancel_all": lambda c: c.orders.cancel_all(subaccount=1),
    "orders.get": lambda c: c.orders.get("o1"),
    "orders.find": lambda c: c.orders.find("c1", ticker="T", since=1_700_000_000),
    "orders.queue_position": lambda c: c.orders.queue_position("o1"),
    "orders.queue_positions": lambda c: c.orders.queue_positions(tickers=["T", "U"]),
    "orders.list": lambda c: c.orders.list(
        ticker="T",
        event_ticker="E",
        status="resting",
        since="2026-01-01",
        until="2026-01-31",
        subaccount=0,
        exchange_index=0,
        limit=5,
    ),
    "order_groups.create": lambda c: c.order_groups.create(contracts_limit="9.50", subaccount=1),
    "order_groups.get": lambda c: c.order_groups.get("g1", subaccount=1),
    "order_groups.list": lambda c: c.order_groups.list(subaccount=1),
    "order_groups.delete": lambda c: c.order_groups.delete("g1", subaccount=1, exchange_index=0),
    "order_groups.reset": lambda c: c.order_groups.reset("g1"),
    "order_groups.trigger": lambda c: c.order_groups.trigger("g1"),
    "order_groups.set_limit": lambda c: c.order_groups.set_limit("g1", 12),
    "portfolio.balance": lambda c: c.portfolio.balance(subaccount=1, exchange_index=0),
    "portfolio.positions": lambda c: c.portfolio.positions(
        ticker="T", count_filter="position", settlement_status="all", limit=5
    ),
    "portfolio.event_positions": lambda c: c.portfolio.event_positions(event_ticker="E"),
    "portfolio.fills": lambda c: c.portfolio.fills(ticker="T", order_id="o1", since=1, until=2),
    "portfolio.settlements": lambda c: c.portfolio.settlements(event_ticker="E", page_size=1000),
    "portfolio.deposits": lambda c: c.portfolio.deposits(limit=5),
    "portfolio.withdrawals": lambda c: c.portfolio.withdrawals(page_size=500),
    "portfolio.resting_value": lambda c: c.portfolio.resting_value(),
    "portfolio.transfer": lambda c: c.portfolio.transfer(
        "1.2345", destination="margined", source_subaccount=1, client_transfer_id=KEY
    ),
    "portfolio.get_transfer": lambda c: c.portfolio.get_transfer("t1"),
    "portfolio.transfers": lambda c: c.portfolio.transfers(limit=5),
    "portfolio.target_allocation": lambda c: c.portfolio.target_allocation(),
    "portfolio.set_target_allocation": lambda c: c.portfolio.set_target_allocation(
        {0: 60, 2: 40}, resting_margin_reservation="max"
    ),
    "subaccounts.create": lambda c: c.subaccounts.create(exchange_index=0),
    "subaccounts.balances": lambda c: c.subaccounts.balances(),
    "subaccounts.transfer": lambda c: c.subaccounts.transfer(
        "5.00", from_subaccount=0, to_subaccount=1, client_transfer_id=KEY
    ),
    "subaccounts.transfers": lambda c: c.subaccounts.transfers(limit=5),
    "subaccounts.netting": lambda c: c.subaccounts.netting(),
    "subaccounts.set_netting": lambda c: c.subaccounts.set_netting(1, enabled=True),
    "history.cutoff": lambda c: c.history.cutoff(),
    "history.orders": lambda c: c.history.orders(ticker="T", since="2025-01-01", limit=5),
    "history.fills": lambda c: c.history.fills(ticker="T", limit=5),
    "history.positions": lambda c: c.history.positions(event_ticker="E", limit=5),
    "history.all_orders": lambda c: c.history.all_orders(ticker="T"),
    "history.all_fills": lambda c: c.history.all_fills(),
    "account.limits": lambda c: c.account.limits(),
    "account.endpoint_costs": lambda c: c.account.endpoint_costs(),
    "account.volume_progress": lambda c: c.account.volume_progress(),
    "account.upgrade": lambda c: c.account.upgrade(),
    "exchange.status": lambda c: c.exchange.status(),
    "exchange.schedule": lambda c: c.exchange.schedule(),
    "exchange.data_timestamp": lambda c: c.exchange.data_timestamp(),
}

CLASSIC: Final[dict[str, Work]] = {
    "orders.place": lambda c: c.orders.place(
        "T",
        side="no",
        action="buy",
        count=5,
        price="0.44",
        client_order_id="c1",
        expires=1_900_000_000,
        post_only=True,
        order_group_id="g1",
    ),
    "orders.place_many": lambda c: c.orders.place_many([ticket(), ticket(2)]),
    "orders.amend": lambda c: c.orders.amend(
        "o1", ticker="T", side="bid", price="0.57", count=5, client_order_id="c1"
    ),
    "orders.decrease": lambda c: c.orders.decrease("o1", by=2),
    "orders.cancel": lambda c: c.orders.cancel("o1"),
    "orders.cancel_many": lambda c: c.orders.cancel_many(["o1"]),
    "orders.get": lambda c: c.orders.get("o1"),
    "orders.find": lambda c: c.orders.find("c1", ticker="T"),
    "orders.queue_position": lambda c: c.orders.queue_position("o1"),
    "orders.queue_positions": lambda c: c.orders.queue_positions(["o1", "o2"]),
    "orders.list": lambda c: c.orders.list(ticker="T", status="resting", since=1, limit=5),
    "order_groups.create": lambda c: c.order_groups.create(contracts_limit=9),
    "order_groups.list": lambda c: c.order_groups.list(status="active"),
    "order_groups.delete": lambda c: c.order_groups.delete("g1"),
    "order_groups.reset": lambda c: c.order_groups.reset("g1"),
    "portfolio.balance": lambda c: c.portfolio.balance(),
    "portfolio.positions": lambda c: c.portfolio.positions(ticker="T", limit=5),
    "portfolio.event_positions": lambda c: c.portfolio.event_positions(event_ticker="E"),
    "portfolio.fills": lambda c: c.portfolio.fills(ticker="T", order_id="o1", since=1, until=2),
    "portfolio.settlements": lambda c: c.portfolio.settlements(limit=5),
    "portfolio.resting_value": lambda c: c.portfolio.resting_value(),
}

TABLES: Final = {"current": CURRENT, "classic": CLASSIC}
EVERY: Final = [(name, facade) for name, table in TABLES.items() for facade in table]
PUBLIC: Final = {row.facade for row in contract("current").operations.values() if row.public}
