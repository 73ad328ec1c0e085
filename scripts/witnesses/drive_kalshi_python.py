"""Drive kalshi-python 2.1, the exchange's own client of the classic contract."""

from __future__ import annotations

import uuid
from functools import partial
from typing import Any

import kalshi_python as sdk
from harness import CHICAGO, KEY_FILE, KEY_ID, RAIN, URL, WRITES, step

NO_NAMES = (
    "the contract requires ticker, side, action and both client order ids; this release of the "
    "client leaves them out"
)


def main() -> None:
    """Sign in and walk through the 19 operations, or see the retired ones refused."""
    client = sdk.ApiClient(sdk.Configuration(host=URL))
    client.set_kalshi_auth(KEY_ID, KEY_FILE)
    api = sdk.PortfolioApi(client)
    if WRITES == "retired":
        _retired(api)
        return
    for part in (_orders, _reads, _batches, _groups):
        part(api)


def order(name: str, **changes: Any) -> dict[str, Any]:
    """Describe a resting order for two contracts, as the client's keywords."""
    plain = {
        "ticker": RAIN,
        "client_order_id": f"{name}-{uuid.uuid4()}",
        "side": "yes",
        "action": "buy",
        "count": 2,
        "type": "limit",
        "yes_price": 10,
    }
    return {**plain, **changes}


def _orders(api: Any) -> None:
    step(
        "create",
        "create_order (taker)",
        lambda: api.create_order(**order("take", yes_price=56)),
        lambda x: x.order.status == "executed",
    )
    body = order("rest", side="no", yes_price=None, no_price=10)
    created = step(
        "create",
        "create_order (resting)",
        lambda: api.create_order(**body),
        lambda x: (x.order.status, x.order.no_price, x.order.yes_price) == ("resting", 10, 90),
    )
    step(
        "create",
        "create_order (again)",
        lambda: api.create_order(**body),
        raises="ConflictException",
    )
    name = body["client_order_id"]
    amend = {
        "ticker": RAIN,
        "side": "no",
        "action": "buy",
        "client_order_id": name,
        "updated_client_order_id": f"{name}-2",
        "no_price": 11,
        "count": 5,
    }
    order_id = created.order.order_id
    step("amend", "amend_order", lambda: api.amend_order(order_id, **amend), explained=NO_NAMES)
    step(
        "decrease",
        "decrease_order",
        lambda: api.decrease_order(order_id, reduce_by=1),
        lambda x: x.order.remaining_count == 1,
    )
    step(
        "list", "get_order", lambda: api.get_order(order_id), lambda x: x.order.remaining_count == 1
    )
    step("list", "get_order_queue_position", lambda: api.get_order_queue_position(order_id))
    step("list", "get_queue_positions", lambda: api.get_queue_positions(order_ids=[order_id]))
    step(
        "cancel",
        "cancel_order",
        lambda: api.cancel_order(order_id),
        lambda x: (x.order.status, x.reduced_by) == ("canceled", 1),
    )


def _reads(api: Any) -> None:
    step("balance", "get_balance", api.get_balance, lambda x: x.balance > 0)
    step("list", "get_orders", lambda: api.get_orders(limit=2), lambda x: len(x.orders) == 2)
    step("fills", "get_fills", api.get_fills, lambda x: len(x.fills) > 1)
    step(
        "positions",
        "get_positions",
        api.get_positions,
        lambda x: bool(x.positions),
        explained="the contract lists market_positions; this release of the client reads positions",
    )
    step("settlements", "get_settlements", api.get_settlements, lambda x: len(x.settlements) == 3)
    step("balance", "get_total_resting_order_value", api.get_total_resting_order_value)


def _batches(api: Any) -> None:
    requests = [sdk.CreateOrderRequest(**order(f"b-{t}", ticker=t)) for t in (RAIN, CHICAGO)]
    created = step(
        "create",
        "batch_create_orders",
        lambda: api.batch_create_orders(orders=requests),
        lambda x: len(x.responses) == 2,
    )
    ids = [row.order.order_id for row in created.responses]
    step(
        "cancel",
        "batch_cancel_orders",
        lambda: api.batch_cancel_orders(order_ids=ids),
        lambda x: len(x.responses) == 2,
    )


def _groups(api: Any) -> None:
    named = "the contract knows contracts_limit; this release of the client asks for a name"
    create = lambda: api.create_order_group(contracts_limit=50)  # noqa: E731 - a step's call
    step("groups", "create_order_group", create, explained=named)
    step("groups", "get_order_groups", api.get_order_groups)
    for name in ("reset_order_group", "delete_order_group"):
        call = partial(getattr(api, name), str(uuid.uuid4()))
        step("groups", f"{name} (unknown)", call, raises="NotFoundException")


def _retired(api: Any) -> None:
    error = "ApiException"
    any_id = str(uuid.uuid4())
    amend = {"ticker": RAIN, "side": "yes", "action": "buy", "count": 5, "yes_price": 12}
    amend |= {"client_order_id": "a", "updated_client_order_id": "b"}
    request = sdk.CreateOrderRequest(**order("b"))
    calls = {
        "create_order": lambda: api.create_order(**order("gone")),
        "batch_create_orders": lambda: api.batch_create_orders(orders=[request]),
        "amend_order": lambda: api.amend_order(any_id, **amend),
        "decrease_order": lambda: api.decrease_order(any_id, reduce_by=1),
        "cancel_order": lambda: api.cancel_order(any_id),
        "batch_cancel_orders": lambda: api.batch_cancel_orders(order_ids=[any_id]),
    }
    for name, call in calls.items():
        step("retired", name, call, raises=error)


if __name__ == "__main__":
    main()
