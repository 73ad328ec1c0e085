"""The operations of the classic (2.x) contract; the reasons for `Repeat` are those of current."""

from __future__ import annotations

from kalshi_ext.protocol.messages import Operation, Repeat

READ, KEYED, ABSOLUTE = Repeat.READ, Repeat.KEYED, Repeat.ABSOLUTE
CANCEL, RELATIVE, UNKEYED = Repeat.CANCEL, Repeat.RELATIVE, Repeat.UNKEYED
CREATED = frozenset({201})
BATCH = frozenset({200, 201})
NO_CONTENT = frozenset({204})

_ORDERS = "/portfolio/orders"
_ORDER = _ORDERS + "/{order_id}"
_GROUPS = "/portfolio/order_groups"
_VALUE = "/portfolio/summary/total_resting_order_value"

_TABLE = (
    Operation("createOrder", "POST", _ORDERS, "orders.place", KEYED, CREATED),
    Operation("batchCreateOrders", "POST", _ORDERS + "/batched", "orders.place_many", KEYED, BATCH),
    Operation("amendOrder", "POST", _ORDER + "/amend", "orders.amend", ABSOLUTE),
    Operation("decreaseOrder", "POST", _ORDER + "/decrease", "orders.decrease", RELATIVE),
    Operation("cancelOrder", "DELETE", _ORDER, "orders.cancel", CANCEL),
    Operation("batchCancelOrders", "DELETE", _ORDERS + "/batched", "orders.cancel_many", CANCEL),
    Operation("getOrder", "GET", _ORDER, "orders.get", READ),
    Operation("getOrders", "GET", _ORDERS, "orders.list", READ),
    Operation(
        "getOrderQueuePosition", "GET", _ORDER + "/queue_position", "orders.queue_position", READ
    ),
    Operation(
        "getQueuePositions", "POST", _ORDERS + "/queue_positions", "orders.queue_positions", READ
    ),
    Operation(
        "createOrderGroup", "POST", _GROUPS + "/create", "order_groups.create", UNKEYED, CREATED
    ),
    Operation("getOrderGroups", "GET", _GROUPS, "order_groups.list", READ),
    Operation(
        "deleteOrderGroup",
        "DELETE",
        _GROUPS + "/{order_group_id}",
        "order_groups.delete",
        CANCEL,
        NO_CONTENT,
    ),
    Operation(
        "resetOrderGroup",
        "POST",
        _GROUPS + "/{order_group_id}/reset",
        "order_groups.reset",
        ABSOLUTE,
        NO_CONTENT,
    ),
    Operation("getBalance", "GET", "/portfolio/balance", "portfolio.balance", READ),
    Operation("getPositions", "GET", "/portfolio/positions", "portfolio.positions", READ),
    Operation("getFills", "GET", "/portfolio/fills", "portfolio.fills", READ),
    Operation("getSettlements", "GET", "/portfolio/settlements", "portfolio.settlements", READ),
    Operation("getTotalRestingOrderValue", "GET", _VALUE, "portfolio.resting_value", READ),
)

OPERATIONS = {operation.id: operation for operation in _TABLE}
