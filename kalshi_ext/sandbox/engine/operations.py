"""The operations of both contracts, as routes."""

from __future__ import annotations

from typing import Literal

from attrs import frozen


@frozen
class Operation:
    """Describe one operation of one contract."""

    id: str
    contract: Literal["current", "classic"]
    method: str
    path: str
    """Below the base path /trade-api/v2, placeholders in braces."""
    public: bool = False
    body: Literal["none", "optional", "required"] = "none"


def _rows(contract: Literal["current", "classic"], text: str) -> tuple[Operation, ...]:
    return tuple(_row(contract, line.split()) for line in text.strip().splitlines())


def _row(contract: Literal["current", "classic"], columns: list[str]) -> Operation:
    method, path, name, *flags = columns
    body: Literal["none", "optional", "required"] = "none"
    if "body" in flags:
        body = "required"
    elif "body?" in flags:
        body = "optional"
    return Operation(name, contract, method, path, public="public" in flags, body=body)


_CURRENT = """
GET /exchange/status GetExchangeStatus public
GET /exchange/schedule GetExchangeSchedule public
GET /exchange/user_data_timestamp GetUserDataTimestamp public
GET /portfolio/orders GetOrders
GET /portfolio/orders/queue_positions GetOrderQueuePositions
GET /portfolio/orders/{order_id} GetOrder
GET /portfolio/orders/{order_id}/queue_position GetOrderQueuePosition
POST /portfolio/events/orders CreateOrderV2 body
DELETE /portfolio/events/orders CancelAllOrders
POST /portfolio/events/orders/batched BatchCreateOrdersV2 body
DELETE /portfolio/events/orders/batched BatchCancelOrdersV2 body
DELETE /portfolio/events/orders/{order_id} CancelOrderV2
POST /portfolio/events/orders/{order_id}/amend AmendOrderV2 body
POST /portfolio/events/orders/{order_id}/decrease DecreaseOrderV2 body
GET /portfolio/order_groups GetOrderGroups
POST /portfolio/order_groups/create CreateOrderGroup body
GET /portfolio/order_groups/{order_group_id} GetOrderGroup
DELETE /portfolio/order_groups/{order_group_id} DeleteOrderGroup
PUT /portfolio/order_groups/{order_group_id}/reset ResetOrderGroup body?
PUT /portfolio/order_groups/{order_group_id}/trigger TriggerOrderGroup body?
PUT /portfolio/order_groups/{order_group_id}/limit UpdateOrderGroupLimit body
GET /portfolio/balance GetBalance
POST /portfolio/intra_exchange_instance_transfer IntraExchangeInstanceTransfer body
GET /portfolio/intra_exchange_instance_transfers GetIntraExchangeInstanceTransfers
GET /portfolio/intra_exchange_instance_transfers/{transfer_id} GetIntraExchangeInstanceTransfer
POST /portfolio/subaccounts CreateSubaccount body?
POST /portfolio/subaccounts/transfer ApplySubaccountTransfer body
GET /portfolio/subaccounts/balances GetSubaccountBalances
GET /portfolio/subaccounts/transfers GetSubaccountTransfers
GET /portfolio/subaccounts/netting GetSubaccountNetting
PUT /portfolio/subaccounts/netting UpdateSubaccountNetting body
GET /portfolio/positions GetPositions
GET /portfolio/settlements GetSettlements
GET /portfolio/deposits GetDeposits
GET /portfolio/withdrawals GetWithdrawals
GET /portfolio/summary/total_resting_order_value GetPortfolioRestingOrderTotalValue
GET /portfolio/fills GetFills
GET /portfolio/target_balance_allocation GetTargetBalanceAllocation
POST /portfolio/target_balance_allocation SetTargetBalanceAllocation body
GET /account/limits GetAccountApiLimits
POST /account/api_usage_level/upgrade UpgradeAccountApiUsageLevel
GET /account/api_usage_level/volume_progress GetAccountApiUsageLevelVolumeProgress
GET /account/endpoint_costs GetAccountEndpointCosts public
GET /historical/cutoff GetHistoricalCutoff public
GET /historical/fills GetFillsHistorical
GET /historical/orders GetHistoricalOrders
GET /historical/positions GetHistoricalPositions
"""

_CLASSIC = """
GET /portfolio/orders getOrders
POST /portfolio/orders createOrder body
POST /portfolio/orders/batched batchCreateOrders body
DELETE /portfolio/orders/batched batchCancelOrders body
POST /portfolio/orders/queue_positions getQueuePositions body
GET /portfolio/orders/{order_id} getOrder
DELETE /portfolio/orders/{order_id} cancelOrder
POST /portfolio/orders/{order_id}/amend amendOrder body
POST /portfolio/orders/{order_id}/decrease decreaseOrder body
GET /portfolio/orders/{order_id}/queue_position getOrderQueuePosition
GET /portfolio/order_groups getOrderGroups
POST /portfolio/order_groups/create createOrderGroup body
DELETE /portfolio/order_groups/{order_group_id} deleteOrderGroup
POST /portfolio/order_groups/{order_group_id}/reset resetOrderGroup
GET /portfolio/balance getBalance
GET /portfolio/fills getFills
GET /portfolio/positions getPositions
GET /portfolio/settlements getSettlements
GET /portfolio/summary/total_resting_order_value getTotalRestingOrderValue
"""

CURRENT: tuple[Operation, ...] = _rows("current", _CURRENT)
CLASSIC: tuple[Operation, ...] = _rows("classic", _CLASSIC)
OPERATIONS: tuple[Operation, ...] = CURRENT + CLASSIC
RETIRED = frozenset(
    (
        "createOrder",
        "amendOrder",
        "decreaseOrder",
        "cancelOrder",
        "batchCreateOrders",
        "batchCancelOrders",
    )
)
"""Classic order writes that today's exchange answers with 410."""
