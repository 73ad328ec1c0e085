"""Changes of the kinds the exchange has made, built upon today's contract.

Each says what it edits in the published document, which rule of the differ must name it (none
where nothing changes on the wire), what the adoption must name as broken or not covered, and what
the regenerated code must have or not have.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import field, frozen

Document = dict[str, Any]
SHAPES = "kalshi_ext/contract/types.py"
PAGES = "kalshi_ext/contract/page_sizes.py"
MODELS = "generated/kalshi_portfolio/models"
API = "generated/kalshi_portfolio/api"


@frozen
class Change:
    """One step of the exchange's contract.

    `named` are words that must stand in what the adoption found besides the drift report; `code`
    gives, by file, words the regenerated code must have, or with a leading `!` must not have. A
    file of only `!` words may be gone.
    """

    name: str
    edit: Callable[[Document], None]
    rule: str
    is_breaking: bool
    expected_gaps: tuple[str, ...] = ()
    expected_code: dict[str, tuple[str, ...]] = field(factory=dict[str, tuple[str, ...]])


def _schema(document: Document, name: str) -> dict[str, Any]:
    schema: dict[str, Any] = document["components"]["schemas"][name]
    return schema


def _operation(document: Document, method: str, path: str) -> dict[str, Any]:
    operation: dict[str, Any] = document["paths"][path][method]
    return operation


def _field_removed(document: Document) -> None:
    fill = _schema(document, "Fill")
    del fill["properties"]["fee_cost"]
    fill["required"].remove("fee_cost")


def _field_optional(document: Document) -> None:
    _schema(document, "MarketPosition")["required"].remove("position_fp")


def _field_added(document: Document) -> None:
    _schema(document, "Order")["properties"]["fee_tier"] = {"type": "string"}


def _enum_grows(document: Document) -> None:
    _schema(document, "OrderStatus")["enum"].append("halted")


def _parameter_added(document: Document) -> None:
    parameter = {"name": "outcome_side", "in": "query", "schema": {"type": "string"}}
    _operation(document, "get", "/portfolio/fills")["parameters"].append(parameter)


def _required_parameter_added(document: Document) -> None:
    parameter = {"name": "as_of", "in": "query", "required": True, "schema": {"type": "integer"}}
    _operation(document, "get", "/portfolio/balance")["parameters"].append(parameter)


def _parameter_removed(document: Document) -> None:
    parameters = _operation(document, "get", "/portfolio/orders")["parameters"]
    parameters[:] = [
        one for one in parameters if not one.get("$ref", "").endswith("EventTickerQuery")
    ]


def _operation_added(document: Document) -> None:
    reward = {"type": "object", "properties": {"amount": {"type": "string"}}}
    document["components"]["schemas"]["GetRewardsResponse"] = reward
    ref = {"$ref": "#/components/schemas/GetRewardsResponse"}
    answer = {"description": "OK", "content": {"application/json": {"schema": ref}}}
    document["paths"]["/portfolio/rewards"] = {
        "get": {"operationId": "GetRewards", "tags": ["portfolio"], "responses": {"200": answer}}
    }


def _operation_replaced(document: Document) -> None:
    path = "/portfolio/events/orders/{order_id}/"
    moved = document["paths"].pop(path + "decrease")
    moved["post"]["operationId"] = "ReduceOrderV3"
    moved["post"]["requestBody"]["content"]["application/json"]["schema"] = {
        "$ref": "#/components/schemas/ReduceOrderV3Request"
    }
    document["components"]["schemas"]["ReduceOrderV3Request"] = {
        "type": "object",
        "required": ["remaining_count"],
        "properties": {"remaining_count": {"type": "string"}},
    }
    document["paths"][path + "reduce"] = moved


def _integer_becomes_text(document: Document) -> None:
    text = {"$ref": "#/components/schemas/FixedPointDollars"}
    _schema(document, "Settlement")["properties"]["revenue"] = text


def _method_changed(document: Document) -> None:
    item = document["paths"]["/portfolio/order_groups/{order_group_id}/limit"]
    item["post"] = item.pop("put")


def _status_added(document: Document) -> None:
    responses = _operation(document, "post", "/portfolio/subaccounts")["responses"]
    responses["202"] = {"description": "Accepted"}


def _server_added(document: Document) -> None:
    document["servers"].append({"url": "https://eu.external-api.kalshi.com/trade-api/v2"})


def _schema_renamed(document: Document) -> None:
    schemas = document["components"]["schemas"]
    schemas["Payout"] = schemas.pop("Withdrawal")
    rows = _schema(document, "GetWithdrawalsResponse")["properties"]["withdrawals"]
    rows["items"] = {"$ref": "#/components/schemas/Payout"}


def _body_property_required(document: Document) -> None:
    body = _schema(document, "CreateOrderV2Request")
    body["properties"]["strategy_tag"] = {"type": "string"}
    body["required"].append("strategy_tag")


def _operation_deprecated(document: Document) -> None:
    _operation(document, "get", "/portfolio/summary/total_resting_order_value")["deprecated"] = True


def _bound_tightened(document: Document) -> None:
    schema = document["components"]["parameters"]["LimitQuery"]["schema"]
    assert schema["maximum"] == 1000
    schema["maximum"] = 200


def _bound_below_what_is_sent(document: Document) -> None:
    _schema(document, "CreateOrderV2Request")["properties"]["client_order_id"]["maxLength"] = 32


CHANGES = [
    Change(
        "field removed",
        _field_removed,
        "response-field-removed-required",
        is_breaking=True,
        expected_gaps=("Fill.fee_cost", "current/GetFills:"),
        expected_code={f"{MODELS}/fill.py": ("!fee_cost",)},
    ),
    Change(
        "field becomes optional",
        _field_optional,
        "response-field-became-optional",
        is_breaking=True,
        expected_code={f"{MODELS}/market_position.py": ("position_fp: str | Unset",)},
    ),
    Change(
        "field added",
        _field_added,
        "response-field-added-optional",
        is_breaking=False,
        expected_gaps=("Order.fee_tier", "/components/schemas/Order/properties/fee_tier"),
        expected_code={
            SHAPES: ("fee_tier: str",),
            f"{MODELS}/order.py": ("fee_tier: str | Unset",),
        },
    ),
    Change(
        "enum grows",
        _enum_grows,
        "response-enum-member-added",
        is_breaking=False,
        expected_code={SHAPES: ('HALTED = "halted"',), f"{MODELS}/order_status.py": ('"halted"',)},
    ),
    Change(
        "parameter added",
        _parameter_added,
        "parameter-added-optional",
        is_breaking=False,
        expected_gaps=(
            "GetFills (portfolio.fills): no argument says it: query parameter outcome_side",
        ),
        expected_code={f"{API}/portfolio/get_fills.py": ("outcome_side: str | Unset",)},
    ),
    Change(
        "required parameter added",
        _required_parameter_added,
        "parameter-added-required",
        is_breaking=True,
        expected_gaps=(
            "GetBalance (portfolio.balance): required and never sent",
            "current/GetBalance:",
        ),
        expected_code={f"{API}/portfolio/get_balance.py": ("as_of: int",)},
    ),
    Change(
        "parameter removed",
        _parameter_removed,
        "parameter-removed-optional",
        is_breaking=True,
        expected_gaps=(
            "GetOrders (orders.list): sent, and no longer in the contract",
            "event_ticker",
        ),
        expected_code={f"{API}/orders/get_orders.py": ("!event_ticker",)},
    ),
    Change(
        "operation added",
        _operation_added,
        "operation-added",
        is_breaking=False,
        expected_gaps=("GetRewards: no call of the facade: GET /portfolio/rewards",),
        expected_code={
            f"{API}/portfolio/get_rewards.py": ("/portfolio/rewards",),
            SHAPES: ("class GetRewardsResponse",),
        },
    ),
    Change(
        "operation replaced",
        _operation_replaced,
        "operation-removed",
        is_breaking=True,
        expected_gaps=(
            "DecreaseOrderV2 (orders.decrease): the contract has no such operation any more",
            "ReduceOrderV3: no call of the facade",
            "current/DecreaseOrderV2:",
        ),
        expected_code={
            f"{API}/orders/decrease_order_v2.py": ("!decrease",),
            f"{API}/orders/reduce_order_v3.py": ("/reduce",),
        },
    ),
    Change(
        "integer field replaced by fixed-point text",
        _integer_becomes_text,
        "response-type-changed",
        is_breaking=True,
        expected_gaps=("current/GetSettlements:",),
        expected_code={f"{MODELS}/settlement.py": ("revenue: str", "!revenue: int")},
    ),
    Change(
        "method changed",
        _method_changed,
        "operation-method-changed",
        is_breaking=True,
        expected_gaps=("UpdateOrderGroupLimit (order_groups.set_limit): is now: POST",),
        expected_code={f"{API}/order_groups/update_order_group_limit.py": ('"method": "post"',)},
    ),
    Change(
        "status added",
        _status_added,
        "status-success-added",
        is_breaking=False,
        expected_code={f"{API}/portfolio/create_subaccount.py": ("== 202",)},
    ),
    Change("server added", _server_added, "server-added", is_breaking=False),
    Change(
        "schema renamed",
        _schema_renamed,
        "",
        is_breaking=False,
        # The name it has here is kept: on the wire nothing changed.
        expected_code={f"{MODELS}/payout.py": ("!class",), SHAPES: ("class Withdrawal(",)},
    ),
    Change(
        "property of a request becomes required",
        _body_property_required,
        "request-field-added-required",
        is_breaking=True,
        expected_gaps=(
            "required and never sent: body property strategy_tag",
            "current/CreateOrderV2:",
        ),
        expected_code={f"{MODELS}/create_order_v2_request.py": ("strategy_tag: str",)},
    ),
    Change(
        "operation deprecated",
        _operation_deprecated,
        "operation-deprecated",
        is_breaking=False,
    ),
    Change(
        "bound tightened",
        _bound_tightened,
        "request-bound-tightened",
        is_breaking=True,
        expected_code={PAGES: ('"GetOrders": 200,', '"GetFills": 200,', '!"GetOrders": 1000,')},
    ),
    Change(
        "bound tightened below what the client sends",
        _bound_below_what_is_sent,
        "request-bound-tightened",
        is_breaking=True,
        expected_gaps=(
            "CreateOrderV2 (orders.place): sent, and refused by the contract: body "
            "$.client_order_id: ",
        ),
    ),
]
