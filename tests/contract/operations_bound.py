"""Every operation of both contracts bound to a call with every argument it can take.

The one table the tests of operations walk: operationId to the contract's own method, called with
all arguments said. Composite calls of the facade (find, all_orders) are none of the contract's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, Final

from kalshi_ext.contracts import contract
from kalshi_ext.contracts.interface import InstanceTransferTicket
from kalshi_ext.drift.documents import document
from kalshi_ext.protocol.messages import Call
from kalshi_ext.requests import AmendTicket, DecreaseTicket, OrderTicket, Target
from kalshi_ext.requests.filters import ListQuery

CURRENT: Final = contract("current")
CLASSIC: Final = contract("classic")
CONTRACTS: Final = {"current": CURRENT, "classic": CLASSIC}
DOCUMENTS: Final = {name: document(name) for name in ("current", "classic")}
METHODS: Final = ("get", "put", "post", "delete", "patch", "head", "options", "trace")
UUID: Final = "5d1a9c52-7f8e-5a0b-9d53-0c6a3e1b7f24"

_TIMES = {"since": 1, "until": 2}
_ALL = ListQuery(ticker="T", size=7, subaccount=1, **_TIMES)
_TARGET = Target(order_id="o1", ticker="T", client_order_id="c1", subaccount=1, exchange_index=2)
_TICKET = OrderTicket.of(
    "T",
    side="bid",
    count="1.50",
    price="0.5600",
    client_order_id="c1",
    expires=1_900_000_000,
    post_only=True,
    reduce_only=False,
    cancel_order_on_pause=True,
    subaccount=1,
    order_group_id="g1",
    exchange_index=2,
)
_AMEND = AmendTicket(
    target=_TARGET,
    ticker="T",
    book_side=_TICKET.book_side,
    price=Decimal("0.56"),
    count=Decimal("1.50"),
    updated_client_order_id="c2",
    expires=0,
)
_MOVE = InstanceTransferTicket(
    source="event_contract",
    destination="margined",
    amount=5,
    source_exchange_shard=0,
    destination_exchange_shard=1,
    source_subaccount=1,
    destination_subaccount=2,
    client_transfer_id=UUID,
)
_TEN = Decimal(10)

CURRENT_CALLS: Final[dict[str, Callable[[], Call[Any]]]] = {
    "CreateOrderV2": lambda: CURRENT.orders.place(_TICKET),
    "BatchCreateOrdersV2": lambda: CURRENT.orders.place_many([_TICKET]),
    "AmendOrderV2": lambda: CURRENT.orders.amend(_AMEND),
    "DecreaseOrderV2": lambda: CURRENT.orders.decrease(DecreaseTicket(target=_TARGET, by=_TEN)),
    "CancelOrderV2": lambda: CURRENT.orders.cancel(_TARGET),
    "BatchCancelOrdersV2": lambda: CURRENT.orders.cancel_many([_TARGET]),
    "CancelAllOrders": lambda: CURRENT.orders.cancel_all(1),
    "GetOrder": lambda: CURRENT.orders.get("o1"),
    "GetOrders": lambda: CURRENT.orders.list(
        ListQuery(
            ticker="T",
            event_ticker="E",
            status="resting",
            subaccount=1,
            exchange_index=2,
            size=7,
            **_TIMES,
        )
    ),
    "GetOrderQueuePosition": lambda: CURRENT.orders.queue_position("o1"),
    "GetOrderQueuePositions": lambda: CURRENT.orders.queue_positions(None, ["T", "U"], None, 1),
    "CreateOrderGroup": lambda: CURRENT.order_groups.create(_TEN, 1, 2),
    "GetOrderGroup": lambda: CURRENT.order_groups.get("g1", 1),
    "GetOrderGroups": lambda: CURRENT.order_groups.list(ListQuery(subaccount=1)),
    "DeleteOrderGroup": lambda: CURRENT.order_groups.delete("g1", 1, 2),
    "ResetOrderGroup": lambda: CURRENT.order_groups.reset("g1", 1, 2),
    "TriggerOrderGroup": lambda: CURRENT.order_groups.trigger("g1", 1, 2),
    "UpdateOrderGroupLimit": lambda: CURRENT.order_groups.set_limit("g1", _TEN, 1, 2),
    "GetBalance": lambda: CURRENT.portfolio.balance(1, 2),
    "GetPositions": lambda: CURRENT.portfolio.positions(
        ListQuery(
            ticker="T",
            event_ticker="E",
            count_filter="position",
            settlement_status="all",
            subaccount=1,
            exchange_index=2,
            size=7,
        )
    ),
    "GetFills": lambda: CURRENT.portfolio.fills(
        ListQuery(ticker="T", order_id="o1", subaccount=1, exchange_index=2, size=7, **_TIMES)
    ),
    "GetSettlements": lambda: CURRENT.portfolio.settlements(
        ListQuery(ticker="T", event_ticker="E", subaccount=1, size=7, **_TIMES)
    ),
    "GetDeposits": lambda: CURRENT.portfolio.deposits(_ALL),
    "GetWithdrawals": lambda: CURRENT.portfolio.withdrawals(_ALL),
    "GetPortfolioRestingOrderTotalValue": CURRENT.portfolio.resting_value,
    "IntraExchangeInstanceTransfer": lambda: CURRENT.portfolio.transfer(_MOVE),
    "GetIntraExchangeInstanceTransfer": lambda: CURRENT.portfolio.get_transfer("t1"),
    "GetIntraExchangeInstanceTransfers": lambda: CURRENT.portfolio.transfers(_ALL),
    "GetTargetBalanceAllocation": CURRENT.portfolio.target_allocation,
    "SetTargetBalanceAllocation": lambda: CURRENT.portfolio.set_target_allocation(
        {0: 60, 1: 40}, "max"
    ),
    "CreateSubaccount": lambda: CURRENT.subaccounts.create(2),
    "ApplySubaccountTransfer": lambda: CURRENT.subaccounts.transfer(UUID, 0, 1, 500, 2),
    "GetSubaccountBalances": CURRENT.subaccounts.balances,
    "GetSubaccountTransfers": lambda: CURRENT.subaccounts.transfers(_ALL),
    "GetSubaccountNetting": CURRENT.subaccounts.netting,
    "UpdateSubaccountNetting": lambda: CURRENT.subaccounts.set_netting(1, True),
    "GetHistoricalCutoff": CURRENT.history.cutoff,
    "GetHistoricalOrders": lambda: CURRENT.history.orders(_ALL),
    "GetFillsHistorical": lambda: CURRENT.history.fills(_ALL),
    "GetHistoricalPositions": lambda: CURRENT.history.positions(
        ListQuery(ticker="T", event_ticker="E", subaccount=1, size=7)
    ),
    "GetAccountApiLimits": CURRENT.account.limits,
    "GetAccountEndpointCosts": CURRENT.account.endpoint_costs,
    "GetAccountApiUsageLevelVolumeProgress": CURRENT.account.volume_progress,
    "UpgradeAccountApiUsageLevel": CURRENT.account.upgrade,
    "GetExchangeStatus": CURRENT.exchange.status,
    "GetExchangeSchedule": CURRENT.exchange.schedule,
    "GetUserDataTimestamp": CURRENT.exchange.data_timestamp,
}

_OLD = {
    "ticker": "T",
    "side": "no",
    "action": "sell",
    "count": 3,
    "client_order_id": "c1",
    "expires": 1_900_000_000,
    "post_only": True,
    "order_group_id": "g1",
    "max_cost": "5.00",
    "sell_position_floor": 0,
}


def _old(**change: Any) -> OrderTicket:
    return OrderTicket.of(**{**_OLD, "price": "0.44", **change})


_OLD_TARGET = Target(order_id="o1", client_order_id="c1")
_OLD_AMEND = AmendTicket(
    target=_OLD_TARGET,
    ticker="T",
    book_side=_TICKET.book_side,
    price=Decimal("0.56"),
    count=_TEN,
    updated_client_order_id="c2",
)

CLASSIC_CALLS: Final[dict[str, Callable[[], Call[Any]]]] = {
    "createOrder": lambda: CLASSIC.orders.place(_old()),
    "batchCreateOrders": lambda: CLASSIC.orders.place_many([_old(), _old(side="yes")]),
    "amendOrder": lambda: CLASSIC.orders.amend(_OLD_AMEND),
    "decreaseOrder": lambda: CLASSIC.orders.decrease(DecreaseTicket(target=_OLD_TARGET, by=_TEN)),
    "cancelOrder": lambda: CLASSIC.orders.cancel(_OLD_TARGET),
    "batchCancelOrders": lambda: CLASSIC.orders.cancel_many([_OLD_TARGET]),
    "getOrder": lambda: CLASSIC.orders.get("o1"),
    "getOrders": lambda: CLASSIC.orders.list(
        ListQuery(ticker="T", event_ticker="E", status="resting", size=7, **_TIMES)
    ),
    "getOrderQueuePosition": lambda: CLASSIC.orders.queue_position("o1"),
    "getQueuePositions": lambda: CLASSIC.orders.queue_positions(["o1"], None, None, None),
    "createOrderGroup": lambda: CLASSIC.order_groups.create(_TEN, None, None),
    "getOrderGroups": lambda: CLASSIC.order_groups.list(ListQuery(status="active", size=7)),
    "deleteOrderGroup": lambda: CLASSIC.order_groups.delete("g1", None, None),
    "resetOrderGroup": lambda: CLASSIC.order_groups.reset("g1", None, None),
    "getBalance": lambda: CLASSIC.portfolio.balance(None, None),
    "getPositions": lambda: CLASSIC.portfolio.positions(
        ListQuery(ticker="T", event_ticker="E", size=7)
    ),
    "getFills": lambda: CLASSIC.portfolio.fills(
        ListQuery(ticker="T", order_id="o1", size=7, **_TIMES)
    ),
    "getSettlements": lambda: CLASSIC.portfolio.settlements(ListQuery(size=7)),
    "getTotalRestingOrderValue": CLASSIC.portfolio.resting_value,
}

# The same operation said another way, for fields that exclude each other.
VARIANTS: Final[dict[str, Callable[[], Call[Any]]]] = {
    "DecreaseOrderV2": lambda: CURRENT.orders.decrease(DecreaseTicket(target=_TARGET, to=_TEN)),
    "GetOrderQueuePositions": lambda: CURRENT.orders.queue_positions(None, None, "E", 1),
    "GetPositions": lambda: CURRENT.portfolio.event_positions(ListQuery(event_ticker="E")),
    "createOrder": lambda: CLASSIC.orders.place(_old(side="yes")),
    "amendOrder": lambda: CLASSIC.orders.amend(
        AmendTicket.of("o1", ticker="T", side="ask", price="0.56", count=1, client_order_id="c1")
    ),
    "getPositions": lambda: CLASSIC.portfolio.event_positions(ListQuery(event_ticker="E")),
}
CALLS: Final = {"current": CURRENT_CALLS, "classic": CLASSIC_CALLS}
EVERY: Final = [(name, operation) for name, calls in CALLS.items() for operation in calls]


def calls_of(name: str, operation: str) -> list[Call[Any]]:
    """Give the calls of an operation, all ways."""
    builds = [CALLS[name][operation], *([VARIANTS[operation]] if operation in VARIANTS else [])]
    return [build() for build in builds]


def documented(name: str) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """Walk a document: operationId, METHOD, path, operation with the path's parameters resolved."""
    whole = DOCUMENTS[name]
    for path, item in whole["paths"].items():
        for method in METHODS:
            if method in item:
                operation = dict(item[method])
                listed = [*item.get("parameters", ()), *operation.get("parameters", ())]
                operation["parameters"] = [resolved(name, one) for one in listed]
                yield operation["operationId"], method.upper(), path, operation


def resolved(name: str, node: dict[str, Any]) -> dict[str, Any]:
    """Follow references to what they name."""
    while "$ref" in node:
        found: Any = DOCUMENTS[name]
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = found
    return node


def schema_of(name: str, content: dict[str, Any]) -> dict[str, Any] | None:
    """Give the JSON schema of a response or request body; None where it has none."""
    found = resolved(name, content).get("content", {}).get("application/json", {})
    return found.get("schema")
