"""The facade behind an operation: its call, its model, and its names for parameters.

Both tables are written by hand, because nothing in this room may import the client;
tests/contract/drift/test_drift_facade_names.py compares them with it.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen


@frozen
class FacadeCall:
    """A facade call and the model that it returns."""

    name: str
    model: str = ""


# operationId (the current contract's, then the classic one's), facade call, model
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

CALLS: Final[dict[str, FacadeCall]] = {
    operation: FacadeCall(f"client.{name}", "" if model == "None" else model)
    for operation, name, model in (line.split() for line in _TABLE.strip().splitlines())
}


def facade_call(operation_id: str) -> FacadeCall | None:
    """Find the facade call of an operation; without one it is reached by the escape hatch."""
    return CALLS.get(operation_id)


# What the facade sends by itself has no argument.
NO_ARGUMENT: Final = ""
_ARGUMENT_NAMES: Final = {
    "amount_cents": "amount",
    "buy_max_cost": "max_cost",
    "contracts_limit_fp": "contracts_limit",
    "count_down": NO_ARGUMENT,
    "count_up": NO_ARGUMENT,
    "cursor": NO_ARGUMENT,
    "expiration_time": "expires",
    "expiration_ts": "expires",
    "limit": "page_size",
    "market_ticker": "ticker",
    "market_tickers": "tickers",
    "max_ts": "until",
    "min_ts": "since",
    "no_price": "price",
    "order_ids": "orders",
    "reduce_by": "by",
    "reduce_to": "to",
    "self_trade_prevention_type": "self_trade_prevention",
    "subaccount_number": "subaccount",
    "type": NO_ARGUMENT,  # price=None says "market"
    "yes_price": "price",
}
_ARGUMENT_NAMES_OF_CALL: Final = {
    ("orders.amend", "order_id"): "order",
    ("orders.cancel", "order_id"): "order",
    ("orders.decrease", "order_id"): "order",
    ("orders.place_many", "orders"): "tickets",
    ("order_groups.list", "cursor"): NO_ARGUMENT,
    ("order_groups.list", "limit"): "limit",
    ("portfolio.set_target_allocation", "allocations"): "percent",
}
_PATH_PARAMETER_NAMES: Final = {"order_group_id": "group_id"}


def argument_name(call: str, part: str, path: str) -> str:
    """Name the argument behind a parameter or a path of body fields, as in `tickets[].price`.

    `call` is the facade's name without `client.` (orders.place), `part` the piece of the
    operation. Empty when no argument sends it; an unknown name is returned as it is.
    """
    names = [_step_name(call, part, step) for step in path.split(".")]
    return "" if NO_ARGUMENT in names else ".".join(names)


def _step_name(call: str, part: str, step: str) -> str:
    wire_name, bracket, rest = step.partition("[")
    common = _ARGUMENT_NAMES.get(wire_name, wire_name)
    name = _ARGUMENT_NAMES_OF_CALL.get((call, wire_name), common)
    if part == "path parameter":
        name = _PATH_PARAMETER_NAMES.get(wire_name, name)
    return f"{name}{bracket}{rest}" if name else NO_ARGUMENT
