"""Drive pykalshi, a client of other authors."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

import pykalshi
from harness import CHICAGO, KEY_FILE, KEY_ID, RAIN, URL, step
from pykalshi import Action, OrderStatus, Side


def main() -> None:
    """Sign in and walk through everything the client offers of the portfolio."""
    with pykalshi.KalshiClient(KEY_ID, KEY_FILE, api_base=URL) as client:
        for part in (_exchange, _orders, _reads, _batches, _groups, _subaccounts, _history):
            part(client)


def _exchange(client: Any) -> None:
    exchange = client.exchange
    step("exchange", "exchange.get_status", exchange.get_status, lambda x: x.trading_active)
    step("exchange", "exchange.is_trading", exchange.is_trading, bool)
    step("exchange", "exchange.get_schedule", exchange.get_schedule)
    step("exchange", "exchange.get_user_data_timestamp", exchange.get_user_data_timestamp)


def _orders(client: Any) -> None:
    portfolio = client.portfolio
    step(
        "create",
        "portfolio.place_order (taker)",
        lambda: portfolio.place_order(RAIN, book_side="bid", count_fp="2.00", price_dollars="0.56"),
        lambda x: x.status == OrderStatus.EXECUTED and x.fill_count_fp == "2.00",
    )
    request = {"no_price_dollars": "0.10", "client_order_id": str(uuid.uuid4())}
    created = step(
        "create",
        "portfolio.place_order (resting)",
        lambda: portfolio.place_order(RAIN, Action.BUY, Side.NO, "2.00", **request),
        lambda x: x.status == OrderStatus.RESTING,
    )
    step(
        "create",
        "portfolio.place_order (again)",
        lambda: portfolio.place_order(RAIN, Action.BUY, Side.NO, "2.00", **request),
        raises="KalshiAPIError",
    )
    created = step(
        "amend",
        "portfolio.amend_order",
        lambda: portfolio.amend_order(created.order_id, count_fp="5.00"),
        lambda x: x.remaining_count_fp == "5.00",
    )
    step(
        "decrease",
        "portfolio.decrease_order",
        lambda: portfolio.decrease_order(created.order_id, "2.00"),
        lambda x: x.remaining_count_fp == "3.00",
    )
    step(
        "list",
        "portfolio.get_order",
        lambda: portfolio.get_order(created.order_id),
        lambda x: (x.no_price_dollars, x.remaining_count_fp) == ("0.1000", "3.00"),
    )
    step(
        "list",
        "portfolio.get_queue_position",
        lambda: portfolio.get_queue_position(created.order_id),
        lambda x: Decimal(x.queue_position_fp) > 0,
    )
    step(
        "cancel",
        "portfolio.cancel_order",
        lambda: portfolio.cancel_order(created.order_id),
        lambda x: x.status == OrderStatus.CANCELED,
    )


def _reads(client: Any) -> None:
    portfolio = client.portfolio
    step("balance", "portfolio.get_balance", portfolio.get_balance)
    step("list", "portfolio.get_orders", portfolio.get_orders, lambda rows: len(rows) > 2)
    step(
        "list",
        "portfolio.get_orders (fetch_all)",
        lambda: portfolio.get_orders(limit=2, fetch_all=True),
        lambda rows: len({row.order_id for row in rows}) == len(rows) > 4,
    )
    step("list", "portfolio.get_queue_positions", portfolio.get_queue_positions)
    step("fills", "portfolio.get_fills", portfolio.get_fills, lambda rows: len(rows) > 1)
    step("positions", "portfolio.get_positions", portfolio.get_positions, bool)
    step("settlements", "portfolio.get_settlements", portfolio.get_settlements, bool)
    step("balance", "portfolio.get_resting_order_value", portfolio.get_resting_order_value)


def _batches(client: Any) -> None:
    portfolio = client.portfolio
    plain = {"action": "buy", "side": "yes", "count_fp": "2.00", "yes_price_dollars": "0.10"}
    created = step(
        "create",
        "portfolio.batch_place_orders",
        lambda: portfolio.batch_place_orders(
            [{"ticker": RAIN} | plain, {"ticker": CHICAGO} | plain]
        ),
        lambda rows: [row.status for row in rows] == [OrderStatus.RESTING] * 2,
    )
    step(
        "cancel",
        "portfolio.batch_cancel_orders",
        lambda: portfolio.batch_cancel_orders([row.order_id for row in created]),
        lambda rows: len(rows) == 2,
    )


def _groups(client: Any) -> None:
    portfolio = client.portfolio
    group = step(
        "groups", "portfolio.create_order_group", lambda: portfolio.create_order_group("50.00")
    )
    name = getattr(group, "id", None) or getattr(group, "order_group_id", None)
    step("groups", "portfolio.get_order_groups", portfolio.get_order_groups, bool)
    step("groups", "portfolio.get_order_group", lambda: portfolio.get_order_group(name))
    step(
        "groups",
        "portfolio.update_order_group_limit",
        lambda: portfolio.update_order_group_limit(name, "20.00"),
    )
    step("groups", "portfolio.trigger_order_group", lambda: portfolio.trigger_order_group(name))
    step("groups", "portfolio.reset_order_group", lambda: portfolio.reset_order_group(name))


def _subaccounts(client: Any) -> None:
    portfolio = client.portfolio
    step("subaccounts", "portfolio.create_subaccount", portfolio.create_subaccount)
    step(
        "subaccounts",
        "portfolio.transfer_between_subaccounts",
        lambda: portfolio.transfer_between_subaccounts(0, 1, 100),
    )
    for name in ("balances", "transfers", "netting"):
        call = getattr(portfolio, f"get_subaccount_{name}")
        step("subaccounts", f"portfolio.get_subaccount_{name}", call, bool)
    step(
        "subaccounts",
        "portfolio.update_subaccount_netting",
        lambda: portfolio.update_subaccount_netting(1, enabled=True),
    )


def _history(client: Any) -> None:
    step("history", "history.get_cutoff", client.history.get_cutoff)
    step("history", "history.get_orders", client.history.get_orders, bool)
    step("history", "history.get_fills", client.history.get_fills, bool)


if __name__ == "__main__":
    main()
