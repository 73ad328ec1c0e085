"""Junk in every parameter and every field: always an answer the contract knows, never a crash."""

from __future__ import annotations

from random import Random

import pytest
from engine_contract import contract_operations, dereference, openapi_document, to_json_schema
from engine_harness import TICKER, Harness

from kalshi_ext.sandbox.engine import OPERATIONS
from kalshi_ext.sandbox.engine.commands import ApiRequest, Caller
from kalshi_ext.sandbox.engine.operations import HANDLERS, handles

JUNK = [
    None, "", "x", "0", "-1", "1.5", "1e5", "9" * 30, "NaN", "é\x00", "0.50", "0.5001", "true",
    0, 1, -1, 5, 10**30, 1.5, float("inf"), True, [], [[]], [None], {}, {"a": 1}, "a" * 5000,
]  # fmt: skip
TEXTS = [junk for junk in JUNK if isinstance(junk, str)]


def fields(name: str, operation: str) -> dict[str, object]:
    """Give the body's properties, with a valid value of each kind where one is easy."""
    body = contract_operations(name)[operation].get("requestBody")
    if body is None:
        return {}
    schema = to_json_schema(name, dereference(name, body)["content"]["application/json"]["schema"])
    return dict(schema.get("properties", {}))


def parameters(name: str, operation: str) -> list[dict[str, str]]:
    raw = contract_operations(name)[operation].get("parameters", [])
    return [dereference(name, parameter) for parameter in raw]


GOOD = {
    "ticker": TICKER, "side": "bid", "count": "1", "price": "0.40", "action": "buy",
    "time_in_force": "good_till_canceled", "self_trade_prevention_type": "maker",
    "type": "limit", "yes_price": 40, "contracts_limit": 5, "subaccount_number": 0,
    "enabled": True, "source": "event_contract", "destination": "margined", "amount": 1,
    "from_subaccount": 0, "to_subaccount": 1, "amount_cents": 1, "reduce_by": "1",
    "client_transfer_id": "00000000-0000-4000-8000-000000000000",
    "client_order_id": "one", "updated_client_order_id": "two", "order_ids": ["x"],
    "orders": [{"ticker": TICKER}], "allocations": [{"exchange_index": 0, "percent": 100}],
}  # fmt: skip
CLASSIC = {"side": "yes", "count": 1, "reduce_by": 1}


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)
def test_junk_anywhere_is_answered_as_the_contract_says(operation):
    name = "classic" if operation.contract == "classic" else "portfolio"
    harness, chance = Harness(), Random(operation.id)
    order = harness.place("bid", "0.40", "100")
    group = harness.call("CreateOrderGroup", {"contracts_limit": 5}).body["order_group_id"]
    path = {"order_id": order, "order_group_id": group, "transfer_id": "x", "ticker": TICKER}
    valid = {**GOOD, **(CLASSIC if name == "classic" else {})}
    names = fields(name, operation.id)
    queries = [p["name"] for p in parameters(name, operation.id) if p["in"] == "query"]
    for _ in range(60):
        query = {q: chance.choice(TEXTS) for q in queries if chance.random() < 0.2}
        body = {field: valid[field] for field in names if field in valid}
        for field in names:
            if chance.random() < 1.5 / len(names):
                body[field] = chance.choice(JUNK)
        where = path if chance.random() < 0.8 else dict.fromkeys(path, chance.choice(TEXTS))
        harness.call(operation.id, body if names else None, path=where, **query)


@pytest.mark.parametrize("kind", ["absent", "garbage", "json"])
@pytest.mark.parametrize("junk", [None, 5, "x", [], [1], True])
def test_a_body_of_junk_is_answered_as_the_contract_says(kind, junk):
    harness = Harness()
    path = {"order_id": "x", "order_group_id": "x", "transfer_id": "x"}
    for operation in OPERATIONS:
        if operation.body:
            answer = harness.execute(ApiRequest(operation.id, Caller("amy"), path, {}, junk, kind))
            assert answer.status in (200, 201, 400, 404), operation.id


def test_both_documents_are_walked_whole():
    names = {operation.id for operation in OPERATIONS}
    assert names == {*contract_operations("portfolio"), *contract_operations("classic")}
    assert openapi_document("portfolio")["paths"].keys() >= {"/portfolio/events/orders"}


def test_each_operation_has_one_handler_and_each_handler_an_operation():
    assert set(HANDLERS) == {operation.id for operation in OPERATIONS}
    for operation in ("GetOrders", "NoSuchOperation"):
        with pytest.raises(ValueError, match=f"{operation}: handled twice, or in no contract"):
            handles(operation)(lambda state, account, request: None)
