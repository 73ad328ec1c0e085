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
CreateOrderV2                         orders.place                     OrderAck
BatchCreateOrdersV2                   orders.place_many                OrderAck
AmendOrderV2                          orders.amend                     OrderAck
DecreaseOrderV2                       orders.decrease                  OrderAck
CancelOrderV2                         orders.cancel                    OrderAck
BatchCancelOrdersV2                   orders.cancel_many               OrderAck
CancelAllOrders                       orders.cancel_all                None
GetOrder                              orders.get                       Order
GetOrders                             orders.list                      Order
GetOrderQueuePosition                 orders.queue_position            QueuePosition
GetOrderQueuePositions                orders.queue_positions           QueuePosition
CreateOrderGroup                      order_groups.create              OrderGroup
GetOrderGroup                         order_groups.get                 OrderGroup
GetOrderGroups                        order_groups.list                OrderGroup
DeleteOrderGroup                      order_groups.delete              None
ResetOrderGroup                       order_groups.reset               None
TriggerOrderGroup                     order_groups.trigger             None
UpdateOrderGroupLimit                 order_groups.set_limit           None
GetBalance                            portfolio.balance                Balance
GetPositions                          portfolio.positions              Position
GetFills                              portfolio.fills                  Fill
GetSettlements                        portfolio.settlements            Settlement
GetDeposits                           portfolio.deposits               Payment
GetWithdrawals                        portfolio.withdrawals            Payment
GetPortfolioRestingOrderTotalValue    portfolio.resting_value          RestingValue
IntraExchangeInstanceTransfer         portfolio.transfer               str
GetIntraExchangeInstanceTransfer      portfolio.get_transfer           InstanceTransfer
GetIntraExchangeInstanceTransfers     portfolio.transfers              InstanceTransfer
GetTargetBalanceAllocation            portfolio.target_allocation      TargetAllocation
SetTargetBalanceAllocation            portfolio.set_target_allocation  None
CreateSubaccount                      subaccounts.create               int
ApplySubaccountTransfer               subaccounts.transfer             str
GetSubaccountBalances                 subaccounts.balances             SubaccountBalance
GetSubaccountTransfers                subaccounts.transfers            SubaccountTransfer
GetSubaccountNetting                  subaccounts.netting              NettingConfig
UpdateSubaccountNetting               subaccounts.set_netting          None
GetHistoricalCutoff                   history.cutoff                   HistoricalCutoff
GetHistoricalOrders                   history.orders                   Order
GetFillsHistorical                    history.fills                    Fill
GetHistoricalPositions                history.positions                Position
GetAccountApiLimits                   account.limits                   AccountLimits
GetAccountEndpointCosts               account.endpoint_costs           EndpointCosts
GetAccountApiUsageLevelVolumeProgress account.volume_progress          VolumeProgress
UpgradeAccountApiUsageLevel           account.upgrade                  None
GetExchangeStatus                     exchange.status                  ExchangeStatus
GetExchangeSchedule                   exchange.schedule                Schedule
GetUserDataTimestamp                  exchange.data_timestamp          datetime
createOrder                           orders.place                     OrderAck
batchCreateOrders                     orders.place_many                OrderAck
amendOrder                            orders.amend                     OrderAck
decreaseOrder                         orders.decrease                  OrderAck
cancelOrder                           orders.cancel                    OrderAck
batchCancelOrders                     orders.cancel_many               OrderAck
getOrder                              orders.get                       Order
getOrders                             orders.list                      Order
getOrderQueuePosition                 orders.queue_position            QueuePosition
getQueuePositions                     orders.queue_positions           QueuePosition
createOrderGroup                      order_groups.create              OrderGroup
getOrderGroups                        order_groups.list                OrderGroup
deleteOrderGroup                      order_groups.delete              None
resetOrderGroup                       order_groups.reset               None
getBalance                            portfolio.balance                Balance
getPositions                          portfolio.positions              Position
getFills                              portfolio.fills                  Fill
getSettlements                        portfolio.settlements            Settlement
getTotalRestingOrderValue             portfolio.resting_value          RestingValue
"""

CALLS: Final[dict[str, Call]] = {
    operation: Call(f"client.{name}", "" if model == "None" else model)
    for operation, name, model in (line.split() for line in _TABLE.strip().splitlines())
}


def call_of(operation_id: str) -> Call | None:
    """Find the facade call of an operation; one without a call is reached by the escape hatch."""
    return CALLS.get(operation_id)
