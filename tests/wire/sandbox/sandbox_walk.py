"""One meaningful call of every operation of both contracts.

Writes, and reads that need an id or a parameter, stand here. Every other read is called at the end
by its path in the derived table.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from attrs import define, field
from sandbox_client import BTC, OTHER_TICKER, TICKER, HttpAnswer, SignedClient, order_body

from kalshi_ext.contract.operations import OPERATIONS


@define
class Walk:
    """Call operations by id and keep their answers."""

    caller: SignedClient
    answers: dict[str, HttpAnswer] = field(factory=dict)

    def call(self, operation: str, method: str, path: str, body: Any = None) -> Any:
        answer = self.caller.call(method, path, body)
        self.answers[operation] = answer
        return answer.json if answer.raw else None

    def read_the_rest(self, contract: str) -> dict[str, HttpAnswer]:
        """Read what was not called yet and is a path alone; return all answers."""
        for row in OPERATIONS.values():
            plain = (row.contract, row.method, row.path_parameters) == (contract, "GET", ())
            if plain and row.id not in self.answers:
                self.call(row.id, row.method, row.path)
        return self.answers


def walk_current(caller: SignedClient) -> dict[str, HttpAnswer]:
    walk = Walk(caller)
    for part in (_orders, _groups, _money, _account):
        part(walk.call)
    return walk.read_the_rest("current")


CallOperation = Callable[..., Any]
_EVENTS = "/portfolio/events/orders"


def _orders(do: CallOperation) -> None:
    order_id = do("CreateOrderV2", "POST", _EVENTS, order_body("walk-1", count="5.00"))["order_id"]
    batch = {
        "orders": [
            order_body("walk-2"),
            order_body("walk-3", ticker=BTC),
            order_body("walk-4", count="0"),
        ]
    }
    entries = do("BatchCreateOrdersV2", "POST", f"{_EVENTS}/batched", batch)["orders"]
    do("GetMarket", "GET", f"/markets/{TICKER}")
    do("GetMarketOrderbook", "GET", f"/markets/{TICKER}/orderbook?depth=2")
    do("GetOrders", "GET", "/portfolio/orders?limit=3")
    do("GetOrder", "GET", f"/portfolio/orders/{order_id}")
    do(
        "GetOrderQueuePositions",
        "GET",
        f"/portfolio/orders/queue_positions?market_tickers={TICKER}",
    )
    do("GetOrderQueuePosition", "GET", f"/portfolio/orders/{order_id}/queue_position")
    amend = {"ticker": TICKER, "side": "bid", "price": "0.11", "count": "4.00"}
    order_id = do("AmendOrderV2", "POST", f"{_EVENTS}/{order_id}/amend", amend)["order_id"]
    do("DecreaseOrderV2", "POST", f"{_EVENTS}/{order_id}/decrease", {"reduce_to": "2.00"})
    cancels = [{"order_id": entry["order_id"]} for entry in entries if not entry.get("error")]
    do("BatchCancelOrdersV2", "DELETE", f"{_EVENTS}/batched", {"orders": cancels})
    do("CancelOrderV2", "DELETE", f"{_EVENTS}/{order_id}?market_ticker={TICKER}")
    do("CancelAllOrders", "DELETE", _EVENTS)


def _groups(do: CallOperation) -> None:
    path = "/portfolio/order_groups"
    group = do("CreateOrderGroup", "POST", f"{path}/create", {"contracts_limit": 50})
    path_of = f"{path}/{group['order_group_id']}"
    do("CreateOrderV2", "POST", _EVENTS, order_body(order_group_id=group["order_group_id"]))
    do("GetOrderGroups", "GET", path)
    do("GetOrderGroup", "GET", path_of)
    do("UpdateOrderGroupLimit", "PUT", f"{path_of}/limit", {"contracts_limit": 20})
    do("TriggerOrderGroup", "PUT", f"{path_of}/trigger", {})
    do("ResetOrderGroup", "PUT", f"{path_of}/reset", {})
    do("DeleteOrderGroup", "DELETE", path_of)


def _money(do: CallOperation) -> None:
    do("CreateOrderV2", "POST", _EVENTS, order_body(price="0.60", count="3.00"))
    do("GetFills", "GET", "/portfolio/fills?limit=2")
    allocation = {"allocations": [{"exchange_index": 0, "percent": 100}]}
    do("SetTargetBalanceAllocation", "POST", "/portfolio/target_balance_allocation", allocation)


def _account(do: CallOperation) -> None:
    path = "/portfolio/intra_exchange_instance_transfer"
    shard_transfer = {
        "source": "event_contract",
        "destination": "event_contract",
        "amount": 10_000,
        "destination_exchange_shard": 2,
        "client_transfer_id": str(uuid.uuid4()),
    }
    transfer_id = do("IntraExchangeInstanceTransfer", "POST", path, shard_transfer)["transfer_id"]
    do("GetIntraExchangeInstanceTransfer", "GET", f"{path}s/{transfer_id}")
    do("CreateSubaccount", "POST", "/portfolio/subaccounts", {})
    transfer = {
        "client_transfer_id": str(uuid.uuid4()),
        "from_subaccount": 0,
        "to_subaccount": 1,
        "amount_cents": 100,
    }
    do("ApplySubaccountTransfer", "POST", "/portfolio/subaccounts/transfer", transfer)
    netting = {"subaccount_number": 1, "enabled": True}
    do("UpdateSubaccountNetting", "PUT", "/portfolio/subaccounts/netting", netting)
    do("UpgradeAccountApiUsageLevel", "POST", "/account/api_usage_level/upgrade")


def classic_order_body(name: str, **changes: Any) -> dict[str, Any]:
    body = {
        "ticker": TICKER,
        "client_order_id": name,
        "side": "yes",
        "action": "buy",
        "count": 2,
        "type": "limit",
        "yes_price": 10,
    }
    return {**body, **changes}


def walk_classic(caller: SignedClient) -> dict[str, HttpAnswer]:
    walk = Walk(caller)
    _classic_orders(walk.call)
    _classic_groups(walk.call)
    return walk.read_the_rest("classic")


def _classic_orders(do: CallOperation) -> None:
    path = "/portfolio/orders"
    order_id = do("createOrder", "POST", path, classic_order_body("c-1", count=5))["order"][
        "order_id"
    ]
    batch = {"orders": [classic_order_body("c-2"), classic_order_body("c-3", ticker=OTHER_TICKER)]}
    entries = do("batchCreateOrders", "POST", f"{path}/batched", batch)["responses"]
    do("getOrder", "GET", f"{path}/{order_id}")
    do("getOrderQueuePosition", "GET", f"{path}/{order_id}/queue_position")
    do("getQueuePositions", "POST", f"{path}/queue_positions", {"order_ids": [order_id]})
    amend = {
        "ticker": TICKER,
        "side": "yes",
        "action": "buy",
        "yes_price": 11,
        "count": 4,
        "client_order_id": "c-1",
        "updated_client_order_id": "c-1b",
    }
    order_id = do("amendOrder", "POST", f"{path}/{order_id}/amend", amend)["order"]["order_id"]
    do("decreaseOrder", "POST", f"{path}/{order_id}/decrease", {"reduce_by": 1})
    order_ids = [entry["order"]["order_id"] for entry in entries]
    do("batchCancelOrders", "DELETE", f"{path}/batched", {"order_ids": order_ids})
    do("cancelOrder", "DELETE", f"{path}/{order_id}")


def _classic_groups(do: CallOperation) -> None:
    groups = "/portfolio/order_groups"
    group = do("createOrderGroup", "POST", f"{groups}/create", {"contracts_limit": 9})
    do("getOrderGroups", "GET", groups)
    do("resetOrderGroup", "POST", f"{groups}/{group['order_group_id']}/reset")
    do("deleteOrderGroup", "DELETE", f"{groups}/{group['order_group_id']}")
