"""The facade behind an operation: its call, its model, and its names for parameters.

Calls and models come from the derived table of operations. The names of parameters are written by
hand, because nothing in this room may import the client;
tests/contract/drift/test_drift_facade_names.py compares them with it.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen

from kalshi_ext.contract.operations import OPERATIONS


@frozen
class FacadeCall:
    """A facade call and the model that it returns."""

    name: str
    model: str = ""


CALLS: Final[dict[str, FacadeCall]] = {
    row.id: FacadeCall(f"client.{row.facade}", row.returns)
    for row in OPERATIONS.values()
    if row.facade
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
    "max_close_ts": "close_until",
    "max_created_ts": "created_until",
    "max_settled_ts": "settled_until",
    "max_ts": "until",
    "max_updated_ts": "updated_until",
    "min_close_ts": "close_since",
    "min_created_ts": "created_since",
    "min_settled_ts": "settled_since",
    "min_ts": "since",
    "min_updated_ts": "updated_since",
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
