"""Every operation of both contracts answers, as its contract says."""

from __future__ import annotations

import pytest
from sandbox_client import SignedClient, signed_client
from sandbox_contract import contract, traffic_violations
from sandbox_walk import walk_classic, walk_current

from kalshi_ext.sandbox import Sandbox
from kalshi_ext.sandbox.engine import CLASSIC, CURRENT


def test_every_current_operation_succeeds_on_the_seed_data(caller: SignedClient) -> None:
    answers = walk_current(caller)
    assert set(answers) == {operation.id for operation in CURRENT}
    assert {name: answer.raw for name, answer in answers.items() if answer.status >= 300} == {}


def test_every_list_has_something_to_tell(caller: SignedClient) -> None:
    reads = {row.id for row in CURRENT if row.method == "GET"}
    # A list is an answer of rows alone, beside the cursor.
    lists = {
        name: [value for key, value in answer.json.items() if key != "cursor"]
        for name, answer in walk_current(caller).items()
        if name in reads
    }
    lists = {name: rows for name, rows in lists.items() if all(isinstance(r, list) for r in rows)}
    assert len(lists) >= 14
    assert [name for name, rows in lists.items() if not any(rows)] == []


def test_every_classic_operation_succeeds_and_keeps_its_contract() -> None:
    with (
        Sandbox(contract="classic", settings={"rate_limits": False}) as sandbox,
        signed_client(sandbox) as caller,
    ):
        answers = walk_classic(caller)
        violations = traffic_violations(sandbox.truth.requests())
    assert set(answers) == {operation.id for operation in CLASSIC}
    assert {name: answer.raw for name, answer in answers.items() if answer.status >= 300} == {}
    assert violations == []


@pytest.mark.parametrize(("name", "table"), [("portfolio", CURRENT), ("classic", CLASSIC)])
def test_routes_and_contract_documents_name_the_same_operations(name: str, table: tuple) -> None:
    document = contract(name).document
    listed = {
        (method.upper(), path, operation["operationId"])
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert listed == {(operation.method, operation.path, operation.id) for operation in table}


def test_an_order_matches_the_resting_liquidity(caller: SignedClient, exchange: Sandbox) -> None:
    answer = caller.place("taker", price="0.56", count="10.00").json
    assert (answer["fill_count"], answer["average_fill_price"]) == ("10.00", "0.5600")
    fills = exchange.truth.fills(order_id=answer["order_id"])
    assert [(fill["count_fp"], fill["is_taker"]) for fill in fills] == [("10.00", True)]
