"""The operations of the current contract: what each is called and how safe a repeat is.

The reasons stand in `matrix`, which the flows obey.
"""

from __future__ import annotations

from kalshi_ext.protocol.messages import Operation, Repeat

READ, KEYED, ABSOLUTE = Repeat.READ, Repeat.KEYED, Repeat.ABSOLUTE
CANCEL, RELATIVE, UNKEYED = Repeat.CANCEL, Repeat.RELATIVE, Repeat.UNKEYED
CREATED = frozenset({201})
NO_CONTENT = frozenset({204})
STATUS = frozenset({200, 500, 503, 504})  # a failing exchange may answer with its status

_ORDERS = "/portfolio/orders"
_EVENTS = "/portfolio/events/orders"
_GROUPS = "/portfolio/order_groups"
_GROUP = _GROUPS + "/{order_group_id}"
_SUB = "/portfolio/subaccounts"
_TRANSFER = "/portfolio/intra_exchange_instance_transfer"
_TARGET = "/portfolio/target_balance_allocation"
_LEVEL = "/account/api_usage_level"

_TABLE = (
    Operation("CreateOrderV2", "POST", _EVENTS, "orders.place", KEYED, CREATED),
    Operation(
        "BatchCreateOrdersV2", "POST", _EVENTS + "/batched", "orders.place_many", KEYED, CREATED
    ),
    Operation("AmendOrderV2", "POST", _EVENTS + "/{order_id}/amend", "orders.amend", ABSOLUTE),
    # reduce_by is a difference; reduce_to alone would be ABSOLUTE: `writes` tells them apart.
    Operation(
        "DecreaseOrderV2", "POST", _EVENTS + "/{order_id}/decrease", "orders.decrease", RELATIVE
    ),
    Operation("CancelOrderV2", "DELETE", _EVENTS + "/{order_id}", "orders.cancel", CANCEL),
    Operation("BatchCancelOrdersV2", "DELETE", _EVENTS + "/batched", "orders.cancel_many", CANCEL),
    Operation("CancelAllOrders", "DELETE", _EVENTS, "orders.cancel_all", CANCEL, NO_CONTENT),
    Operation("GetOrder", "GET", _ORDERS + "/{order_id}", "orders.get", READ),
    Operation("GetOrders", "GET", _ORDERS, "orders.list", READ),
    Operation(
        "GetOrderQueuePosition",
        "GET",
        _ORDERS + "/{order_id}/queue_position",
        "orders.queue_position",
        READ,
    ),
    Operation(
        "GetOrderQueuePositions",
        "GET",
        _ORDERS + "/queue_positions",
        "orders.queue_positions",
        READ,
    ),
    Operation(
        "CreateOrderGroup", "POST", _GROUPS + "/create", "order_groups.create", UNKEYED, CREATED
    ),
    Operation("GetOrderGroup", "GET", _GROUP, "order_groups.get", READ),
    Operation("GetOrderGroups", "GET", _GROUPS, "order_groups.list", READ),
    Operation("DeleteOrderGroup", "DELETE", _GROUP, "order_groups.delete", CANCEL),
    Operation("ResetOrderGroup", "PUT", _GROUP + "/reset", "order_groups.reset", ABSOLUTE),
    Operation("TriggerOrderGroup", "PUT", _GROUP + "/trigger", "order_groups.trigger", ABSOLUTE),
    Operation(
        "UpdateOrderGroupLimit", "PUT", _GROUP + "/limit", "order_groups.set_limit", ABSOLUTE
    ),
    Operation("GetBalance", "GET", "/portfolio/balance", "portfolio.balance", READ),
    Operation("GetPositions", "GET", "/portfolio/positions", "portfolio.positions", READ),
    Operation("GetFills", "GET", "/portfolio/fills", "portfolio.fills", READ),
    Operation("GetSettlements", "GET", "/portfolio/settlements", "portfolio.settlements", READ),
    Operation("GetDeposits", "GET", "/portfolio/deposits", "portfolio.deposits", READ),
    Operation("GetWithdrawals", "GET", "/portfolio/withdrawals", "portfolio.withdrawals", READ),
    Operation(
        "GetPortfolioRestingOrderTotalValue",
        "GET",
        "/portfolio/summary/total_resting_order_value",
        "portfolio.resting_value",
        READ,
    ),
    Operation("IntraExchangeInstanceTransfer", "POST", _TRANSFER, "portfolio.transfer", UNKEYED),
    Operation(
        "GetIntraExchangeInstanceTransfer",
        "GET",
        _TRANSFER + "s/{transfer_id}",
        "portfolio.get_transfer",
        READ,
    ),
    Operation(
        "GetIntraExchangeInstanceTransfers", "GET", _TRANSFER + "s", "portfolio.transfers", READ
    ),
    Operation("GetTargetBalanceAllocation", "GET", _TARGET, "portfolio.target_allocation", READ),
    Operation(
        "SetTargetBalanceAllocation", "POST", _TARGET, "portfolio.set_target_allocation", ABSOLUTE
    ),
    Operation("CreateSubaccount", "POST", _SUB, "subaccounts.create", UNKEYED, CREATED),
    Operation("ApplySubaccountTransfer", "POST", _SUB + "/transfer", "subaccounts.transfer", KEYED),
    Operation("GetSubaccountBalances", "GET", _SUB + "/balances", "subaccounts.balances", READ),
    Operation("GetSubaccountTransfers", "GET", _SUB + "/transfers", "subaccounts.transfers", READ),
    Operation("GetSubaccountNetting", "GET", _SUB + "/netting", "subaccounts.netting", READ),
    Operation(
        "UpdateSubaccountNetting", "PUT", _SUB + "/netting", "subaccounts.set_netting", ABSOLUTE
    ),
    Operation(
        "GetHistoricalCutoff", "GET", "/historical/cutoff", "history.cutoff", READ, public=True
    ),
    Operation("GetHistoricalOrders", "GET", "/historical/orders", "history.orders", READ),
    Operation("GetFillsHistorical", "GET", "/historical/fills", "history.fills", READ),
    Operation("GetHistoricalPositions", "GET", "/historical/positions", "history.positions", READ),
    Operation("GetAccountApiLimits", "GET", "/account/limits", "account.limits", READ),
    Operation(
        "GetAccountEndpointCosts",
        "GET",
        "/account/endpoint_costs",
        "account.endpoint_costs",
        READ,
        public=True,
    ),
    Operation(
        "GetAccountApiUsageLevelVolumeProgress",
        "GET",
        _LEVEL + "/volume_progress",
        "account.volume_progress",
        READ,
    ),
    Operation(
        "UpgradeAccountApiUsageLevel",
        "POST",
        _LEVEL + "/upgrade",
        "account.upgrade",
        RELATIVE,
        CREATED,
    ),
    Operation(
        "GetExchangeStatus", "GET", "/exchange/status", "exchange.status", READ, STATUS, public=True
    ),
    Operation(
        "GetExchangeSchedule", "GET", "/exchange/schedule", "exchange.schedule", READ, public=True
    ),
    Operation(
        "GetUserDataTimestamp",
        "GET",
        "/exchange/user_data_timestamp",
        "exchange.data_timestamp",
        READ,
        public=True,
    ),
)

OPERATIONS = {operation.id: operation for operation in _TABLE}
