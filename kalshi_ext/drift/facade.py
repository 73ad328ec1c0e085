"""Which call of the facade an operation is behind, and which model its answer becomes."""

from __future__ import annotations

from typing import Final

from attrs import frozen


@frozen
class Call:
    """A facade call and the model that it returns."""

    name: str
    model: str = ""


_TABLE: Final = """
GetExchangeStatus                     exchange.status               ExchangeStatus
GetExchangeSchedule                   exchange.schedule             Schedule
GetUserDataTimestamp                  exchange.user_data_timestamp  datetime
GetOrders                             orders.list                   Order
GetOrder                              orders.get                    Order
GetOrderQueuePositions                orders.queue_positions        QueuePosition
GetOrderQueuePosition                 orders.queue_position         Decimal
CreateOrderV2                         orders.place                  Placed
CancelAllOrders                       orders.cancel_all             None
BatchCreateOrdersV2                   orders.place_many             Placed
BatchCancelOrdersV2                   orders.cancel_many            Cancelled
CancelOrderV2                         orders.cancel                 Cancelled
AmendOrderV2                          orders.amend                  Amended
DecreaseOrderV2                       orders.decrease               Decreased
GetOrderGroups                        order_groups.list             OrderGroup
CreateOrderGroup                      order_groups.create           OrderGroup
GetOrderGroup                         order_groups.get              OrderGroup
DeleteOrderGroup                      order_groups.delete           None
ResetOrderGroup                       order_groups.reset            None
TriggerOrderGroup                     order_groups.trigger          None
UpdateOrderGroupLimit                 order_groups.update_limit     None
GetBalance                            portfolio.balance             Balance
IntraExchangeInstanceTransfer         portfolio.transfer            Transfer
GetIntraExchangeInstanceTransfers     portfolio.transfers           Transfer
GetIntraExchangeInstanceTransfer      portfolio.get_transfer        Transfer
GetPositions                          portfolio.positions           Position
GetSettlements                        portfolio.settlements         Settlement
GetDeposits                           portfolio.deposits            Payment
GetWithdrawals                        portfolio.withdrawals         Payment
GetPortfolioRestingOrderTotalValue    portfolio.resting_value       RestingValue
GetFills                              portfolio.fills               Fill
GetTargetBalanceAllocation            portfolio.allocation          Allocation
SetTargetBalanceAllocation            portfolio.set_allocation      None
CreateSubaccount                      subaccounts.create            Subaccount
ApplySubaccountTransfer               subaccounts.transfer          None
GetSubaccountBalances                 subaccounts.balances          SubaccountBalance
GetSubaccountTransfers                subaccounts.transfers         SubaccountTransfer
GetSubaccountNetting                  subaccounts.netting           Netting
UpdateSubaccountNetting               subaccounts.set_netting       None
GetAccountApiLimits                   account.limits                Limits
UpgradeAccountApiUsageLevel           account.upgrade               None
GetAccountApiUsageLevelVolumeProgress account.volume_progress       VolumeProgress
GetAccountEndpointCosts               account.endpoint_costs        EndpointCosts
GetHistoricalCutoff                   history.cutoff                Cutoff
GetFillsHistorical                    history.fills                 Fill
GetHistoricalOrders                   history.orders                Order
GetHistoricalPositions                history.positions             Position
amendOrder                            orders.amend                  Order
batchCancelOrders                     orders.cancel_many            Cancelled
batchCreateOrders                     orders.place_many             Placed
cancelOrder                           orders.cancel                 Cancelled
createOrder                           orders.place                  Placed
createOrderGroup                      order_groups.create           OrderGroup
decreaseOrder                         orders.decrease               Order
deleteOrderGroup                      order_groups.delete           None
getBalance                            portfolio.balance             Balance
getFills                              portfolio.fills               Fill
getOrder                              orders.get                    Order
getOrderGroups                        order_groups.list             OrderGroup
getOrderQueuePosition                 orders.queue_position         Decimal
getOrders                             orders.list                   Order
getPositions                          portfolio.positions           Position
getQueuePositions                     orders.queue_positions        QueuePosition
getSettlements                        portfolio.settlements         Settlement
getTotalRestingOrderValue             portfolio.resting_value       RestingValue
resetOrderGroup                       order_groups.reset            None
"""

CALLS: Final[dict[str, Call]] = {
    operation: Call(f"client.{name}", "" if model == "None" else model)
    for operation, name, model in (line.split() for line in _TABLE.strip().splitlines())
}


def call_of(operation_id: str) -> Call | None:
    """Find the facade call of an operation; one without a call is reached by the escape hatch."""
    return CALLS.get(operation_id)
