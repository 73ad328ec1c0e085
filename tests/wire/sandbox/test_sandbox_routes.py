"""Which operation a request line names."""

from __future__ import annotations

import pytest
from sandbox_client import SignedClient

from kalshi_ext.sandbox.engine import CLASSIC, CURRENT, RETIRED
from kalshi_ext.sandbox.routes import BASE_PATH, Match, NoMatch, Routes


def _find(routes: Routes, method: str, path: str) -> Match | NoMatch:
    return routes.find(method, BASE_PATH + path)


@pytest.mark.parametrize(("contract", "table"), [("current", CURRENT), ("classic", CLASSIC)])
def test_every_operation_is_found_by_its_own_path(contract: str, table: tuple) -> None:
    routes = Routes(contract)
    for operation in table:
        path = operation.path.replace("{", "").replace("}", "")
        match = _find(routes, operation.method, path)
        assert isinstance(match, Match)
        assert match.operation == operation


def test_todays_exchange_still_knows_the_retired_writes() -> None:
    for contract in ("current", "both-today"):
        routes = Routes(contract)
        for operation in CLASSIC:
            if operation.id in RETIRED:
                match = _find(routes, operation.method, operation.path.replace("{order_id}", "x"))
                assert isinstance(match, Match)
                assert match.operation == operation


def test_both_today_adds_the_classic_operations_that_still_answer() -> None:
    reset = "/portfolio/order_groups/x/reset"
    assert _find(Routes("current"), "POST", reset) == NoMatch(405, ("PUT",))
    match = _find(Routes("both-today"), "POST", reset)
    assert isinstance(match, Match)
    assert match.operation.id == "resetOrderGroup"


def test_where_the_contracts_share_a_path_todays_operation_answers() -> None:
    match = _find(Routes("both-today"), "GET", "/portfolio/orders")
    assert isinstance(match, Match)
    assert match.operation.id == "GetOrders"


def test_a_path_parameter_is_decoded_and_keeps_its_slashes() -> None:
    match = _find(Routes("current"), "GET", "/portfolio/orders/a%2Fb%20c")
    assert isinstance(match, Match)
    assert match.path == {"order_id": "a/b c"}


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/portfolio", NoMatch(404)),
        ("GET", "/portfolio/orders/x/y/z", NoMatch(404)),
        ("GET", "/portfolio/orders//queue_position", NoMatch(404)),
        ("PATCH", "/portfolio/orders", NoMatch(405, ("GET", "POST"))),
        ("POST", "/portfolio/order_groups/x/limit", NoMatch(405, ("PUT",))),
        ("GET", "/portfolio/order_groups/x/limit", NoMatch(404)),
        ("GET", "/portfolio/events/orders", NoMatch(404)),
    ],
)
def test_what_is_not_there_is_404_and_a_wrong_method_405(
    method: str, path: str, expected: NoMatch
) -> None:
    assert _find(Routes("current"), method, path) == expected


def test_the_list_of_orders_is_not_where_they_are_made(caller: SignedClient) -> None:
    answer = caller.call("GET", "/portfolio/events/orders")
    assert (answer.status, answer.headers["content-type"][:10]) == (404, "text/plain")


def test_a_405_tells_the_methods_there_are(caller: SignedClient) -> None:
    answer = caller.call("DELETE", "/portfolio/orders")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, POST")


def test_only_the_base_path_leads_anywhere() -> None:
    assert Routes("current").find("GET", "/portfolio/balance") == NoMatch(404)
    assert Routes("current").find("GET", "/trade-api/v3/portfolio/balance") == NoMatch(404)


def test_a_trailing_slash_is_redirected(caller: SignedClient) -> None:
    answer = caller.call("GET", "/portfolio/balance/")
    assert answer.status == 301
    assert answer.headers["location"] == f"{BASE_PATH}/portfolio/balance"


def test_the_retired_writes_answer_410(caller: SignedClient) -> None:
    answer = caller.call("POST", "/portfolio/orders", {"ticker": "X"})
    assert (answer.status, answer.code) == (410, "deprecated_v1_order_endpoint")
