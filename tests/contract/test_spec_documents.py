"""The two maintained contracts: valid, complete, explained, and true to what has been observed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from contract.conformance import Conformance
from contract.lint import lint, lint_text
from contract.normalise import ordered
from contract.references import operations
from openapi_spec_validator import validate

from kalshi_ext.drift import documents
from kalshi_ext.drift.documents import DocumentName, document, document_path
from kalshi_ext.drift.limits import Unreadable, children

BOTH: tuple[DocumentName, ...] = ("current", "classic")
JSON = "application/json"

# The operations that the user's document lists.
CLASSIC = """
amendOrder POST /portfolio/orders/{order_id}/amend
batchCancelOrders DELETE /portfolio/orders/batched
batchCreateOrders POST /portfolio/orders/batched
cancelOrder DELETE /portfolio/orders/{order_id}
createOrder POST /portfolio/orders
createOrderGroup POST /portfolio/order_groups/create
decreaseOrder POST /portfolio/orders/{order_id}/decrease
deleteOrderGroup DELETE /portfolio/order_groups/{order_group_id}
getBalance GET /portfolio/balance
getFills GET /portfolio/fills
getOrder GET /portfolio/orders/{order_id}
getOrderGroups GET /portfolio/order_groups
getOrderQueuePosition GET /portfolio/orders/{order_id}/queue_position
getOrders GET /portfolio/orders
getPositions GET /portfolio/positions
getQueuePositions POST /portfolio/orders/queue_positions
getSettlements GET /portfolio/settlements
getTotalRestingOrderValue GET /portfolio/summary/total_resting_order_value
resetOrderGroup POST /portfolio/order_groups/{order_group_id}/reset
"""


def test_the_classic_contract_is_the_table_of_the_users_document() -> None:
    operation_lines = {
        f"{operation['operationId']} {method.upper()} {where}"
        for method, where, operation in operations(document("classic"))
    }
    assert operation_lines == set(CLASSIC.strip().splitlines())


def test_the_current_contract_has_the_operations_the_exchange_publishes() -> None:
    published = operations(document("upstream"))
    assert len(published) >= 51
    assert [each[:2] for each in operations(document("current"))] == [x[:2] for x in published]


@pytest.mark.parametrize("which", ["current", "classic", "upstream"])
def test_a_contract_is_valid_openapi(which: DocumentName) -> None:
    validate(document(which))


@pytest.mark.parametrize("which", BOTH)
def test_a_contract_has_none_of_the_silent_traps(which: DocumentName) -> None:
    assert [str(finding) for finding in lint(document(which))] == []
    assert [str(finding) for finding in lint_text(document_path(which).read_text("utf-8"))] == []


def test_the_classic_contract_is_in_the_same_order_as_the_others() -> None:
    classic = document("classic")
    assert json.dumps(ordered(classic)) == json.dumps(classic)


def every_name(node: Any) -> set[str]:
    names = set(node) if isinstance(node, dict) else set()
    return names.union(*(every_name(child) for child in children(node)))


def test_classic_money_and_counts_are_whole_numbers() -> None:
    assert '"number"' not in json.dumps(document("classic"))


@pytest.mark.parametrize("which", BOTH)
def test_every_error_that_has_been_seen_is_described_for_every_operation(
    which: DocumentName,
) -> None:
    for _, _, operation in operations(document(which)):
        needed = {"410", "429", "500", "5XX"}
        if operation.get("security"):
            needed |= {"401", "403"}
        if operation.get("parameters") or operation.get("requestBody"):
            needed |= {"400"}
        assert needed <= set(operation["responses"]), operation["operationId"]


BODIES = [
    {"error": {"code": "not_found", "message": "not found", "details": "x"}},
    {"code": "order_already_exists", "message": "order already exists"},
    {"code": "a", "message": "b", "details": None},
    {"msg": "limit must be at most 1000"},
    {"error": "too many requests"},
]


@pytest.mark.parametrize("which", BOTH)
@pytest.mark.parametrize("body", BODIES)
def test_every_error_body_that_has_been_seen_fits(
    which: DocumentName, body: dict[str, Any]
) -> None:
    contract, raw = Conformance(document(which)), json.dumps(body).encode()
    for _, _, operation in operations(document(which)):
        name = operation["operationId"]
        for status in (410, 429, 500, 503, 520):
            assert contract.response_problems(name, status, JSON, raw) == []


@pytest.mark.parametrize("which", BOTH)
def test_html_is_what_a_proxy_says_and_a_client_error_never(which: DocumentName) -> None:
    contract = Conformance(document(which))
    name = operations(document(which))[0][2]["operationId"]
    assert contract.response_problems(name, 502, "text/html; charset=utf-8", b"<html>") == []
    assert contract.response_problems(name, 429, "text/html", b"<html>") != []


ORDER = {
    "order_id": "o",
    "user_id": "u",
    "client_order_id": "",
    "ticker": "T",
    "outcome_side": "yes",
    "book_side": "bid",
    "type": "limit",
    "status": "resting",
    "yes_price_dollars": "0.5600",
    "no_price_dollars": "0.4400",
    "fill_count_fp": "0.00",
    "remaining_count_fp": "10.00",
    "initial_count_fp": "10.00",
    "taker_fees_dollars": "",
    "maker_fees_dollars": "0.0000",
    "taker_fill_cost_dollars": "0.000000",
    "maker_fill_cost_dollars": "-0.0100",
}


def order_problems(**changes: Any) -> list[str]:
    order = {key: value for key, value in {**ORDER, **changes}.items() if value != "absent"}
    raw = json.dumps({"order": order}).encode()
    return Conformance(document("current")).response_problems("GetOrder", 200, JSON, raw)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"self_trade_prevention_type": None},
        {"self_trade_prevention_type": "maker"},
        {"status": "halted", "book_side": "both", "type": "stop", "outcome_side": "maybe"},
        {"created_time": None, "expiration_time": None, "order_group_id": None},
        {"subaccount_number": None, "brand_new_field": [1, {"a": "b"}]},
        {"side": "no", "action": "sell"},
    ],
)
def test_an_order_as_it_has_been_seen_fits(changes: dict[str, Any]) -> None:
    assert order_problems(**changes) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"order_id": "absent"},
        {"order_id": None},
        {"status": None},
        {"status": 3},
        {"yes_price_dollars": 0.56},
        {"yes_price_dollars": "0.56000001"},
        {"yes_price_dollars": "a lot"},
        {"fill_count_fp": 1},
        {"created_time": "yesterday"},
        {"subaccount_number": "1"},
    ],
)
def test_an_order_the_exchange_would_not_send_does_not_fit(changes: dict[str, Any]) -> None:
    assert order_problems(**changes) != []


@pytest.mark.parametrize("which", BOTH)
def test_an_empty_page_may_leave_out_or_null_its_list_and_its_cursor(which: DocumentName) -> None:
    contract = Conformance(document(which))
    names = {"current": "GetOrders GetFills GetPositions GetSettlements", "classic": "getOrders"}
    for name in names[which].split():
        for raw in (b"{}", b'{"orders":null,"fills":null,"cursor":null}', b'{"cursor":""}'):
            assert contract.response_problems(name, 200, JSON, raw) == []


REQUEST = {
    "ticker": "T",
    "side": "bid",
    "count": "1.00",
    "price": "0.56",
    "time_in_force": "good_till_canceled",
    "self_trade_prevention_type": "taker_at_cross",
}


def request_problems(**changes: Any) -> list[str]:
    raw = json.dumps({**REQUEST, **changes}).encode()
    return Conformance(document("current")).request_problems("CreateOrderV2", JSON, raw)


def test_an_order_that_may_be_sent_fits() -> None:
    assert request_problems() == []
    assert request_problems(price="0.0001", count="0.01", subaccount=63, post_only=True) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"price": 0.56},
        {"price": "1.00"},
        {"price": "0.00001"},
        {"price": "-0.10"},
        {"count": 1},
        {"count": "0.001"},
        {"side": "both"},
        {"time_in_force": "later"},
        {"self_trade_prevention_type": None},
        {"subaccount": 64},
        {"subaccount": -1},
    ],
)
def test_what_is_sent_stays_closed(changes: dict[str, Any]) -> None:
    assert request_problems(**changes) != []


def test_no_request_carries_a_default_of_ours() -> None:
    for which in BOTH:
        assert "default" not in every_name(document(which))


def test_the_exchange_status_may_be_an_error_of_the_proxy() -> None:
    contract = Conformance(document("current"))
    status = {"exchange_active": False, "trading_active": False}
    for body in (status, {"error": "upstream timeout"}):
        raw = json.dumps(body).encode()
        assert contract.response_problems("GetExchangeStatus", 503, JSON, raw) == []


def test_a_document_is_yours_to_change() -> None:
    document("classic")["paths"].clear()
    assert document("classic")["paths"]


def test_an_installed_package_reads_its_own_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site-packages" / "kalshi_ext" / "drift"
    (package / "openapi").mkdir(parents=True)
    monkeypatch.setattr(documents, "_PACKAGE", package)
    with pytest.raises(Unreadable, match=r"portfolio\.yaml is neither"):
        document_path("current")
    copy = package / "openapi" / "portfolio.yaml"
    copy.write_text("openapi: 3.0.0\n")
    assert document_path("current") == copy


def test_a_document_we_do_not_have_is_refused_by_name() -> None:
    with pytest.raises(Unreadable, match="not 'tomorrow'"):
        document_path("tomorrow")  # type: ignore[arg-type]
