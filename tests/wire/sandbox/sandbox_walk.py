"""One meaningful call of every operation of both contracts."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from attrs import define, field
from sandbox_signed import BTC, OTHER_TICKER, TICKER, Heard, Signed, order


@define
class Walk:
    """Call operations by id and remember what was heard."""

    caller: Signed
    heard: dict[str, Heard] = field(factory=dict)

    def do(self, operation: str, method: str, path: str, body: Any = None) -> Any:
        answer = self.caller.call(method, path, body)
        self.heard[operation] = answer
        return answer.json if answer.raw else None


def walk_current(caller: Signed) -> dict[str, Heard]:
    walk = Walk(caller)
    for part in (_public, _orders, _groups, _money, _subaccounts, _account, _history):
        part(walk.do)
    return walk.heard


Do = Callable[..., Any]
_EVENTS = "/portfolio/events/orders"


def _public(do: Do) -> None:
    do("GetExchangeStatus", "GET", "/exchange/status")
    do("GetExchangeSchedule", "GET", "/exchange/schedule")
    do("GetUserDataTimestamp", "GET", "/exchange/user_data_timestamp")
    do("GetHistoricalCutoff", "GET", "/historical/cutoff")
    do("GetAccountEndpointCosts", "GET", "/account/endpoint_costs")


def _orders(do: Do) -> None:
    made = do("CreateOrderV2", "POST", _EVENTS, order("walk-1", count="5.00"))["order_id"]
    batch = {"orders": [order("walk-2"), order("walk-3", ticker=BTC), order("walk-4", count="0")]}
    several = do("BatchCreateOrdersV2", "POST", f"{_EVENTS}/batched", batch)["orders"]
    do("GetOrders", "GET", "/portfolio/orders?limit=3")
    do("GetOrder", "GET", f"/portfolio/orders/{made}")
    do(
        "GetOrderQueuePositions",
        "GET",
        f"/portfolio/orders/queue_positions?market_tickers={TICKER}",
    )
    do("GetOrderQueuePosition", "GET", f"/portfolio/orders/{made}/queue_position")
    amend = {"ticker": TICKER, "side": "bid", "price": "0.11", "count": "4.00"}
    made = do("AmendOrderV2", "POST", f"{_EVENTS}/{made}/amend", amend)["order_id"]
    do("DecreaseOrderV2", "POST", f"{_EVENTS}/{made}/decrease", {"reduce_to": "2.00"})
    gone = [{"order_id": entry["order_id"]} for entry in several if not entry.get("error")]
    do("BatchCancelOrdersV2", "DELETE", f"{_EVENTS}/batched", {"orders": gone})
    do("CancelOrderV2", "DELETE", f"{_EVENTS}/{made}?market_ticker={TICKER}")
    do("CancelAllOrders", "DELETE", _EVENTS)


def _groups(do: Do) -> None:
    path = "/portfolio/order_groups"
    group = do("CreateOrderGroup", "POST", f"{path}/create", {"contracts_limit": 50})
    path_of = f"{path}/{group['order_group_id']}"
    do("CreateOrderV2", "POST", _EVENTS, order(order_group_id=group["order_group_id"]))
    do("GetOrderGroups", "GET", path)
    do("GetOrderGroup", "GET", path_of)
    do("UpdateOrderGroupLimit", "PUT", f"{path_of}/limit", {"contracts_limit": 20})
    do("TriggerOrderGroup", "PUT", f"{path_of}/trigger", {})
    do("ResetOrderGroup", "PUT", f"{path_of}/reset", {})
    do("DeleteOrderGroup", "DELETE", path_of)


def _money(do: Do) -> None:
    do("CreateOrderV2", "POST", _EVENTS, order(price="0.60", count="3.00"))
    do("GetBalance", "GET", "/portfolio/balance")
    do("GetFills", "GET", "/portfolio/fills?limit=2")
    do("GetPositions", "GET", "/portfolio/positions")
    do("GetSettlements", "GET", "/portfolio/settlements")
    do("GetDeposits", "GET", "/portfolio/deposits")
    do("GetWithdrawals", "GET", "/portfolio/withdrawals")
    do("GetPortfolioRestingOrderTotalValue", "GET", "/portfolio/summary/total_resting_order_value")
    wanted = {"allocations": [{"exchange_index": 0, "percent": 100}]}
    do("SetTargetBalanceAllocation", "POST", "/portfolio/target_balance_allocation", wanted)
    do("GetTargetBalanceAllocation", "GET", "/portfolio/target_balance_allocation")


def _subaccounts(do: Do) -> None:
    one = "/portfolio/intra_exchange_instance_transfer"
    move = {
        "source": "event_contract",
        "destination": "event_contract",
        "amount": 10_000,
        "destination_exchange_shard": 2,
        "client_transfer_id": str(uuid.uuid4()),
    }
    made = do("IntraExchangeInstanceTransfer", "POST", one, move)["transfer_id"]
    do("GetIntraExchangeInstanceTransfers", "GET", f"{one}s")
    do("GetIntraExchangeInstanceTransfer", "GET", f"{one}s/{made}")
    do("CreateSubaccount", "POST", "/portfolio/subaccounts", {})
    transfer = {
        "client_transfer_id": str(uuid.uuid4()),
        "from_subaccount": 0,
        "to_subaccount": 1,
        "amount_cents": 100,
    }
    do("ApplySubaccountTransfer", "POST", "/portfolio/subaccounts/transfer", transfer)
    do("GetSubaccountBalances", "GET", "/portfolio/subaccounts/balances")
    do("GetSubaccountTransfers", "GET", "/portfolio/subaccounts/transfers")
    netting = {"subaccount_number": 1, "enabled": True}
    do("UpdateSubaccountNetting", "PUT", "/portfolio/subaccounts/netting", netting)
    do("GetSubaccountNetting", "GET", "/portfolio/subaccounts/netting")


def _account(do: Do) -> None:
    do("GetAccountApiLimits", "GET", "/account/limits")
    do("UpgradeAccountApiUsageLevel", "POST", "/account/api_usage_level/upgrade")
    do("GetAccountApiUsageLevelVolumeProgress", "GET", "/account/api_usage_level/volume_progress")


def _history(do: Do) -> None:
    do("GetFillsHistorical", "GET", "/historical/fills")
    do("GetHistoricalOrders", "GET", "/historical/orders")
    do("GetHistoricalPositions", "GET", "/historical/positions")


def classic_order(name: str, **changes: Any) -> dict[str, Any]:
    plain = {
        "ticker": TICKER,
        "client_order_id": name,
        "side": "yes",
        "action": "buy",
        "count": 2,
        "type": "limit",
        "yes_price": 10,
    }
    return {**plain, **changes}


def walk_classic(caller: Signed) -> dict[str, Heard]:
    walk = Walk(caller)
    _classic_orders(walk.do)
    _classic_reads(walk.do)
    return walk.heard


def _classic_orders(do: Do) -> None:
    path = "/portfolio/orders"
    made = do("createOrder", "POST", path, classic_order("c-1", count=5))["order"]["order_id"]
    batch = {"orders": [classic_order("c-2"), classic_order("c-3", ticker=OTHER_TICKER)]}
    several = do("batchCreateOrders", "POST", f"{path}/batched", batch)["responses"]
    do("getOrders", "GET", path)
    do("getOrder", "GET", f"{path}/{made}")
    do("getOrderQueuePosition", "GET", f"{path}/{made}/queue_position")
    do("getQueuePositions", "POST", f"{path}/queue_positions", {"order_ids": [made]})
    amend = {
        "ticker": TICKER,
        "side": "yes",
        "action": "buy",
        "yes_price": 11,
        "count": 4,
        "client_order_id": "c-1",
        "updated_client_order_id": "c-1b",
    }
    made = do("amendOrder", "POST", f"{path}/{made}/amend", amend)["order"]["order_id"]
    do("decreaseOrder", "POST", f"{path}/{made}/decrease", {"reduce_by": 1})
    gone = [entry["order"]["order_id"] for entry in several]
    do("batchCancelOrders", "DELETE", f"{path}/batched", {"order_ids": gone})
    do("cancelOrder", "DELETE", f"{path}/{made}")


def _classic_reads(do: Do) -> None:
    groups = "/portfolio/order_groups"
    group = do("createOrderGroup", "POST", f"{groups}/create", {"contracts_limit": 9})
    do("getOrderGroups", "GET", groups)
    do("resetOrderGroup", "POST", f"{groups}/{group['order_group_id']}/reset")
    do("deleteOrderGroup", "DELETE", f"{groups}/{group['order_group_id']}")
    do("getBalance", "GET", "/portfolio/balance")
    do("getFills", "GET", "/portfolio/fills")
    do("getPositions", "GET", "/portfolio/positions")
    do("getSettlements", "GET", "/portfolio/settlements")
    do("getTotalRestingOrderValue", "GET", "/portfolio/summary/total_resting_order_value")
