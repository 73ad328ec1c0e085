"""Drive the exchange's own client, kalshi_python_sync."""

from __future__ import annotations

import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import kalshi_python_sync as sdk
from harness import BITCOIN, CHICAGO, KEY_FILE, KEY_ID, RAIN, URL, step


def main() -> None:
    """Sign in and walk through everything the client offers of the portfolio."""
    configuration = sdk.Configuration(host=URL)
    configuration.api_key_id = KEY_ID
    configuration.private_key_pem = Path(KEY_FILE).read_text()
    client = sdk.KalshiClient(configuration)
    for part in (_exchange, _orders, _reads, _batches, _groups, _money, _subaccounts, _history):
        part(client)


def order(name: str, **changes: Any) -> dict[str, Any]:
    """Describe a resting bid for two contracts, as the client's keywords."""
    plain = {
        "ticker": RAIN,
        "client_order_id": f"{name}-{uuid.uuid4()}",
        "side": sdk.BookSide.BID,
        "count": "2.00",
        "price": "0.1000",
        "time_in_force": "good_till_canceled",
        "self_trade_prevention_type": sdk.SelfTradePreventionType.TAKER_AT_CROSS,
    }
    return {**plain, **changes}


def _exchange(client: Any) -> None:
    step("exchange", "get_exchange_status", client.get_exchange_status, lambda x: x.trading_active)
    step("exchange", "get_exchange_schedule", client.get_exchange_schedule)
    step("exchange", "get_user_data_timestamp", client.get_user_data_timestamp)
    step("account", "get_account_api_limits", client.get_account_api_limits)
    step("account", "get_account_endpoint_costs", client.get_account_endpoint_costs)
    progress = client.get_account_api_usage_level_volume_progress
    step("account", "get_account_api_usage_level_volume_progress", progress)
    upgrade = client.upgrade_account_api_usage_level
    step("account", "upgrade_account_api_usage_level", lambda: upgrade())


def _orders(client: Any) -> None:
    create = client.create_order_v2
    taken = step(
        "create",
        "create_order_v2 (taker)",
        lambda: create(**order("take", price="0.5600")),
        lambda x: (x.fill_count, x.average_fill_price) == ("2.00", "0.5600"),
    )
    step(
        "fills",
        "get_fills (order_id)",
        lambda: client.get_fills(order_id=taken.order_id),
        lambda x: [fill.count_fp for fill in x.fills] == ["2.00"],
    )
    body = order("rest")
    created = step("create", "create_order_v2 (resting)", lambda: create(**body))
    step(
        "create",
        "create_order_v2 (again)",
        lambda: create(**body),
        raises="ConflictException",
    )
    amend = {"ticker": RAIN, "side": sdk.BookSide.BID, "price": "0.1100", "count": "5.00"}
    created = step(
        "amend",
        "amend_order_v2",
        lambda: client.amend_order_v2(created.order_id, **amend),
        lambda x: x.remaining_count == "5.00",
    )
    step(
        "decrease",
        "decrease_order_v2",
        lambda: client.decrease_order_v2(created.order_id, reduce_to="3.00"),
        lambda x: x.remaining_count == "3.00",
    )
    step(
        "list",
        "get_order",
        lambda: client.get_order(created.order_id),
        lambda x: (x.order.status, x.order.remaining_count_fp) == ("resting", "3.00"),
    )
    step(
        "list",
        "get_order_queue_position",
        lambda: client.get_order_queue_position(created.order_id),
    )
    step(
        "cancel",
        "cancel_order_v2",
        lambda: client.cancel_order_v2(created.order_id, market_ticker=RAIN),
        lambda x: x.reduced_by == "3.00",
    )


def _reads(client: Any) -> None:
    step("balance", "get_balance", client.get_balance, lambda x: x.balance > 0)
    step("list", "get_orders", lambda: client.get_orders(limit=2), lambda x: len(x.orders) == 2)
    step(
        "list",
        "get_orders (cursor)",
        lambda: client.get_orders(limit=2, cursor=client.get_orders(limit=2).cursor),
        lambda x: len(x.orders) == 2,
    )
    step(
        "list",
        "get_order_queue_positions",
        lambda: client.get_order_queue_positions(market_tickers=RAIN),
        lambda x: bool(x.queue_positions),
    )
    step("fills", "get_fills", client.get_fills, lambda x: len(x.fills) > 1)
    step("positions", "get_positions", client.get_positions, lambda x: bool(x.market_positions))
    step(
        "settlements", "get_settlements", client.get_settlements, lambda x: len(x.settlements) == 3
    )
    step(
        "balance",
        "get_portfolio_resting_order_total_value",
        client.get_portfolio_resting_order_total_value,
    )


def _batches(client: Any) -> None:
    names = {"b1": RAIN, "b2": CHICAGO, "b3": BITCOIN}
    requests = [sdk.CreateOrderV2Request(**order(n, ticker=t)) for n, t in names.items()]
    created = step(
        "create",
        "batch_create_orders_v2",
        lambda: client.batch_create_orders_v2(orders=requests),
        lambda x: all(row.order_id for row in x.orders),
    )
    cancels = [{"order_id": row.order_id} for row in created.orders[:2]]
    step(
        "cancel",
        "batch_cancel_orders_v2",
        lambda: client.batch_cancel_orders_v2(orders=cancels),
        lambda x: [row.reduced_by for row in x.orders] == ["2.00", "2.00"],
    )
    step(
        "cancel",
        "cancel_all_orders",
        lambda: (client.cancel_all_orders(), client.get_orders(status="resting"))[1],
        lambda x: x.orders == [],
    )


def _groups(client: Any) -> None:
    group = step(
        "groups",
        "create_order_group",
        lambda: client.create_order_group(contracts_limit=50),
    ).order_group_id
    inside = order("group", order_group_id=group)
    step("groups", "create_order_v2", lambda: client.create_order_v2(**inside))
    step("groups", "get_order_groups", client.get_order_groups, lambda x: len(x.order_groups) == 1)
    step(
        "groups",
        "get_order_group",
        lambda: client.get_order_group(group),
        lambda x: len(x.orders) == 1 and Decimal(x.contracts_limit_fp) == 50,
    )
    step(
        "groups",
        "update_order_group_limit",
        lambda: client.update_order_group_limit(group, contracts_limit_fp="20.00"),
    )
    step("groups", "trigger_order_group", lambda: client.trigger_order_group(group, body={}))
    step("groups", "reset_order_group", lambda: client.reset_order_group(group, body={}))
    step("groups", "delete_order_group", lambda: client.delete_order_group(group))


def _money(client: Any) -> None:
    step("payments", "get_deposits", client.get_deposits, lambda x: len(x.deposits) == 3)
    step("payments", "get_withdrawals", client.get_withdrawals, lambda x: len(x.withdrawals) == 1)
    instance = sdk.ExchangeInstance.EVENT_CONTRACT
    created = step(
        "transfers",
        "intra_exchange_instance_transfer",
        lambda: client.intra_exchange_instance_transfer(
            source=instance,
            destination=instance,
            amount=10_000,
            destination_exchange_shard=2,
            client_transfer_id=uuid.uuid4(),
        ),
    )
    step(
        "transfers",
        "get_intra_exchange_instance_transfer",
        lambda: client.get_intra_exchange_instance_transfer(created.transfer_id),
        lambda x: Decimal(x.transfer.amount) == 1,
    )
    step(
        "transfers",
        "get_intra_exchange_instance_transfers",
        client.get_intra_exchange_instance_transfers,
        lambda x: len(x.transfers) == 2,
    )
    share = sdk.TargetBalanceAllocationInput(exchange_index=0, percent=100)
    step(
        "transfers",
        "set_target_balance_allocation",
        lambda: client.set_target_balance_allocation(allocations=[share]),
    )
    step("transfers", "get_target_balance_allocation", client.get_target_balance_allocation)


def _subaccounts(client: Any) -> None:
    step(
        "subaccounts",
        "create_subaccount",
        lambda: client.create_subaccount(),
        lambda x: x.subaccount_number == 3,
    )
    move = {"from_subaccount": 0, "to_subaccount": 3, "amount_cents": 100}
    step(
        "subaccounts",
        "apply_subaccount_transfer",
        lambda: client.apply_subaccount_transfer(client_transfer_id=uuid.uuid4(), **move),
    )
    step(
        "subaccounts",
        "get_subaccount_balances",
        client.get_subaccount_balances,
        lambda x: Decimal(x.subaccount_balances[-1].balance) == 1,
    )
    step("subaccounts", "get_subaccount_transfers", client.get_subaccount_transfers)
    step(
        "subaccounts",
        "update_subaccount_netting",
        lambda: client.update_subaccount_netting(subaccount_number=3, enabled=True),
    )
    step("subaccounts", "get_subaccount_netting", client.get_subaccount_netting)


def _history(client: Any) -> None:
    step("history", "get_historical_cutoff", client.get_historical_cutoff)
    step("history", "get_historical_orders", client.get_historical_orders, lambda x: bool(x.orders))
    step("history", "get_fills_historical", client.get_fills_historical, lambda x: bool(x.fills))
    step("history", "get_historical_positions", client.get_historical_positions)


if __name__ == "__main__":
    main()
