"""Which function does which operation."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from kalshi_ext.sandbox.engine import (
    account_calls,
    classic_orders,
    classic_reads,
    exchange_calls,
    group_calls,
    order_calls,
    order_reads,
    positions,
    subaccounts,
    transfers,
)

if TYPE_CHECKING:
    from kalshi_ext.sandbox.engine.accounts import TradingAccount
    from kalshi_ext.sandbox.engine.api import Answer, Call
    from kalshi_ext.sandbox.engine.state import ExchangeState

AccountHandler = Callable[["ExchangeState", "TradingAccount", "Call"], "Answer"]
PublicHandler = Callable[["ExchangeState", "Call"], "Answer"]

_PUBLIC_HANDLERS: dict[str, PublicHandler] = {
    "GetExchangeStatus": exchange_calls.get_status,
    "GetExchangeSchedule": exchange_calls.get_schedule,
    "GetUserDataTimestamp": exchange_calls.get_timestamp,
    "GetHistoricalCutoff": exchange_calls.get_cutoff,
    "GetAccountEndpointCosts": account_calls.get_costs,
}
_CURRENT_HANDLERS: dict[str, AccountHandler] = {
    "GetOrders": order_reads.get_orders,
    "GetOrder": order_reads.get_order,
    "GetOrderQueuePositions": order_reads.get_queue_positions,
    "GetOrderQueuePosition": order_reads.get_queue_position,
    "CreateOrderV2": order_calls.create,
    "CancelAllOrders": order_calls.cancel_all,
    "BatchCreateOrdersV2": order_calls.create_batch,
    "BatchCancelOrdersV2": order_calls.cancel_batch,
    "CancelOrderV2": order_calls.cancel,
    "AmendOrderV2": order_calls.amend,
    "DecreaseOrderV2": order_calls.decrease,
    "GetOrderGroups": group_calls.get_all,
    "CreateOrderGroup": group_calls.create,
    "GetOrderGroup": group_calls.get_one,
    "DeleteOrderGroup": group_calls.delete,
    "ResetOrderGroup": group_calls.reset,
    "TriggerOrderGroup": group_calls.trigger,
    "UpdateOrderGroupLimit": group_calls.set_limit,
    "GetBalance": positions.get_balance,
    "IntraExchangeInstanceTransfer": transfers.transfer_between_shards,
    "GetIntraExchangeInstanceTransfers": transfers.get_instance_transfers,
    "GetIntraExchangeInstanceTransfer": transfers.get_instance_transfer,
    "CreateSubaccount": subaccounts.create_subaccount,
    "ApplySubaccountTransfer": subaccounts.transfer_between_subaccounts,
    "GetSubaccountBalances": subaccounts.get_subaccount_balances,
    "GetSubaccountTransfers": subaccounts.get_subaccount_transfers,
    "GetSubaccountNetting": subaccounts.get_netting,
    "UpdateSubaccountNetting": subaccounts.set_netting,
    "GetPositions": positions.get_positions,
    "GetSettlements": positions.get_settlements,
    "GetDeposits": positions.get_deposits,
    "GetWithdrawals": positions.get_withdrawals,
    "GetPortfolioRestingOrderTotalValue": positions.get_resting_value,
    "GetFills": order_reads.get_fills,
    "GetAccountApiLimits": account_calls.get_limits,
    "UpgradeAccountApiUsageLevel": account_calls.upgrade,
    "GetAccountApiUsageLevelVolumeProgress": account_calls.get_volume,
    "GetTargetBalanceAllocation": transfers.get_allocation,
    "SetTargetBalanceAllocation": transfers.set_allocation,
    "GetFillsHistorical": partial(order_reads.get_fills, historical=True),
    "GetHistoricalOrders": partial(order_reads.get_orders, historical=True),
    "GetHistoricalPositions": positions.get_historical_positions,
}
_CLASSIC_HANDLERS: dict[str, AccountHandler] = {
    "createOrder": classic_orders.create,
    "batchCreateOrders": classic_orders.create_batch,
    "batchCancelOrders": classic_orders.cancel_batch,
    "cancelOrder": classic_orders.cancel,
    "amendOrder": classic_orders.amend,
    "decreaseOrder": classic_orders.decrease,
    "getOrders": classic_reads.get_orders,
    "getOrder": classic_reads.get_order,
    "getQueuePositions": classic_reads.get_queue_positions,
    "getOrderQueuePosition": classic_reads.get_queue_position,
    "getOrderGroups": classic_reads.get_groups,
    "createOrderGroup": classic_orders.create_group,
    "deleteOrderGroup": classic_orders.delete_group,
    "resetOrderGroup": classic_orders.reset_group,
    "getBalance": classic_reads.get_balance,
    "getFills": classic_reads.get_fills,
    "getPositions": classic_reads.get_positions,
    "getSettlements": classic_reads.get_settlements,
    "getTotalRestingOrderValue": classic_reads.get_resting_value,
}
_ACCOUNT_HANDLERS: dict[str, AccountHandler] = _CURRENT_HANDLERS | _CLASSIC_HANDLERS
