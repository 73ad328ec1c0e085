"""Drive kalshi-sdk, a client of other authors."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

import kalshi
from harness import BITCOIN, CHICAGO, KEY_FILE, KEY_ID, RAIN, URL, step
from kalshi.models.orders import (
    AmendOrderV2Request,
    BatchCancelOrdersV2Request,
    BatchCancelOrdersV2RequestOrder,
    BatchCreateOrdersV2Request,
    CreateOrderV2Request,
    DecreaseOrderV2Request,
)
from kalshi.models.portfolio import TargetBalanceAllocationInput

NO_BODY = "the contract gives this answer no body; the client reads one as JSON"


def main() -> None:
    """Sign in and walk through everything the client offers of the portfolio."""
    with kalshi.KalshiClient(key_id=KEY_ID, private_key_path=KEY_FILE, base_url=URL) as client:
        for part in (_exchange, _orders, _reads, _batches, _groups, _money, _subaccounts, _history):
            part(client)


def order(name: str, **changes: Any) -> CreateOrderV2Request:
    """Describe a resting bid for two contracts."""
    plain = {
        "ticker": RAIN,
        "client_order_id": f"{name}-{uuid.uuid4()}",
        "side": "bid",
        "count": Decimal(2),
        "price": Decimal("0.10"),
        "time_in_force": "good_till_canceled",
        "self_trade_prevention_type": "taker_at_cross",
    }
    return CreateOrderV2Request(**{**plain, **changes})


def _exchange(client: Any) -> None:
    step("exchange", "exchange.status", client.exchange.status, lambda x: x.trading_active)
    step("exchange", "exchange.schedule", client.exchange.schedule)
    step("exchange", "exchange.user_data_timestamp", client.exchange.user_data_timestamp)
    step("account", "account.limits", client.account.limits)
    step("account", "account.endpoint_costs", client.account.endpoint_costs)
    step("account", "account.volume_progress", client.account.volume_progress)
    step("account", "account.upgrade", client.account.upgrade, explained=NO_BODY)


def _orders(client: Any) -> None:
    orders = client.orders
    taken = step(
        "create",
        "orders.create_v2 (taker)",
        lambda: orders.create_v2(request=order("take", price=Decimal("0.56"))),
        lambda x: (x.fill_count, x.average_fill_price) == (2, Decimal("0.56")),
    )
    step(
        "fills",
        "portfolio.fills (order_id)",
        lambda: client.portfolio.fills(order_id=taken.order_id),
        lambda x: [fill.count for fill in x.items] == [2],
    )
    request = order("rest")
    created = step(
        "create", "orders.create_v2 (resting)", lambda: orders.create_v2(request=request)
    )
    step(
        "create",
        "orders.create_v2 (again)",
        lambda: orders.create_v2(request=request),
        raises="KalshiConflictError",
    )
    amend = AmendOrderV2Request(ticker=RAIN, side="bid", price=Decimal("0.11"), count=Decimal(5))
    created = step(
        "amend",
        "orders.amend_v2",
        lambda: orders.amend_v2(created.order_id, request=amend),
        lambda x: x.remaining_count == 5,
    )
    step(
        "decrease",
        "orders.decrease_v2",
        lambda: orders.decrease_v2(
            created.order_id, request=DecreaseOrderV2Request(reduce_by=Decimal(2))
        ),
        lambda x: x.remaining_count == 3,
    )
    step(
        "list",
        "orders.get",
        lambda: orders.get(created.order_id),
        lambda x: (x.status, x.remaining_count) == ("resting", 3),
    )
    step("list", "orders.queue_position", lambda: orders.queue_position(created.order_id))
    step(
        "cancel",
        "orders.cancel_v2",
        lambda: orders.cancel_v2(created.order_id, market_ticker=RAIN, exchange_index=-1),
        lambda x: x.reduced_by == 3,
    )


def _reads(client: Any) -> None:
    portfolio = client.portfolio
    step("balance", "portfolio.balance", portfolio.balance)
    step("list", "orders.list", lambda: client.orders.list(limit=2), lambda x: len(x.items) == 2)
    step(
        "list",
        "orders.list_all",
        lambda: list(client.orders.list_all(limit=2)),
        lambda rows: len({row.order_id for row in rows}) == len(rows) > 4,
    )
    step(
        "list", "orders.queue_positions", lambda: client.orders.queue_positions(market_tickers=RAIN)
    )
    step("fills", "portfolio.fills_all", lambda: list(portfolio.fills_all(limit=1)), bool)
    step(
        "positions", "portfolio.positions", portfolio.positions, lambda x: bool(x.market_positions)
    )
    step(
        "settlements",
        "portfolio.settlements",
        portfolio.settlements,
        lambda x: [row.market_result for row in x.items] == ["scalar", "no", "yes"],
    )
    step("balance", "portfolio.total_resting_order_value", portfolio.total_resting_order_value)


def _batches(client: Any) -> None:
    requests = [order("b1"), order("b2", ticker=CHICAGO), order("b3", ticker=BITCOIN)]
    created = step(
        "create",
        "orders.batch_create_v2",
        lambda: client.orders.batch_create_v2(request=BatchCreateOrdersV2Request(orders=requests)),
        lambda x: all(row.order_id for row in x.orders),
    )
    cancels = [BatchCancelOrdersV2RequestOrder(order_id=row.order_id) for row in created.orders[:2]]
    step(
        "cancel",
        "orders.batch_cancel_v2",
        lambda: client.orders.batch_cancel_v2(request=BatchCancelOrdersV2Request(orders=cancels)),
        lambda x: [row.reduced_by for row in x.orders] == [2, 2],
    )
    step(
        "cancel",
        "orders.cancel_all_v2",
        lambda: (client.orders.cancel_all_v2(), client.orders.list(status="resting"))[1],
        lambda x: x.items == [],
    )


def _groups(client: Any) -> None:
    groups = client.order_groups
    group = step(
        "groups", "order_groups.create", lambda: groups.create(contracts_limit=50)
    ).order_group_id
    inside = order("group", order_group_id=group)
    step("groups", "orders.create_v2", lambda: client.orders.create_v2(request=inside))
    step("groups", "order_groups.list", groups.list, lambda rows: [x.id for x in rows] == [group])
    step("groups", "order_groups.get", lambda: groups.get(group), lambda x: len(x.orders) == 1)
    step(
        "groups",
        "order_groups.update_limit",
        lambda: groups.update_limit(group, contracts_limit=20),
    )
    step("groups", "order_groups.trigger", lambda: groups.trigger(group))
    step("groups", "order_groups.reset", lambda: groups.reset(group))
    step("groups", "order_groups.delete", lambda: groups.delete(group))


def _money(client: Any) -> None:
    portfolio = client.portfolio
    step("payments", "portfolio.deposits", portfolio.deposits, lambda x: len(x.items) == 3)
    step("payments", "portfolio.withdrawals", portfolio.withdrawals, lambda x: len(x.items) == 1)
    transfers = step(
        "transfers",
        "portfolio.intra_exchange_transfers",
        portfolio.intra_exchange_transfers,
        lambda x: len(x.items) == 1,
    )
    step(
        "transfers",
        "portfolio.get_intra_exchange_transfer",
        lambda: portfolio.get_intra_exchange_transfer(transfers.items[0].transfer_id),
        lambda x: x == transfers.items[0],
    )
    share = TargetBalanceAllocationInput(exchange_index=0, percent=100)
    step(
        "transfers",
        "portfolio.set_target_balance_allocation",
        lambda: portfolio.set_target_balance_allocation(allocations=[share]),
    )
    step("transfers", "portfolio.target_balance_allocation", portfolio.target_balance_allocation)


def _subaccounts(client: Any) -> None:
    subaccounts = client.subaccounts
    step(
        "subaccounts",
        "subaccounts.create",
        subaccounts.create,
        lambda x: x.subaccount_number == 3,
    )
    step(
        "subaccounts",
        "subaccounts.transfer",
        lambda: subaccounts.transfer(
            client_transfer_id=uuid.uuid4(), from_subaccount=0, to_subaccount=3, amount_cents=100
        ),
    )
    step("subaccounts", "subaccounts.list_balances", subaccounts.list_balances)
    step("subaccounts", "subaccounts.list_transfers", subaccounts.list_transfers)
    step(
        "subaccounts",
        "subaccounts.update_netting",
        lambda: subaccounts.update_netting(subaccount_number=3, enabled=True),
        explained=NO_BODY,
    )
    step("subaccounts", "subaccounts.get_netting", subaccounts.get_netting)


def _history(client: Any) -> None:
    past = client.historical
    step("history", "historical.cutoff", past.cutoff)
    step("history", "historical.orders", past.orders, lambda x: bool(x.items))
    step("history", "historical.fills", past.fills, lambda x: bool(x.items))
    step("history", "historical.positions", past.positions)


if __name__ == "__main__":
    main()
