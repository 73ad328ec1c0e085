"""Order groups: the rolling limit, reset, trigger, lower limit, delete."""

from __future__ import annotations

import pytest
from engine_harness import TICKER, Harness, error_code

from kalshi_ext.sandbox.engine import admin


def create_group(harness: Harness, limit: int = 10, **more: object) -> str:
    answer = harness.call("CreateOrderGroup", {"contracts_limit": limit} | more)
    assert answer.status == 201, answer
    return str(answer.body["order_group_id"])


def call_group(harness: Harness, operation: str, group: str, body: object = None, **query: object):
    return harness.call(operation, body, path={"order_group_id": group}, **query)


def sell_into_book(harness: Harness, count: str) -> None:
    harness.admin(
        admin.liquidity(TICKER, "ask", "0.40", count, time_in_force="immediate_or_cancel")
    )


def test_a_group_that_is_filled_over_its_limit_loses_all_its_orders():
    harness = Harness()
    group = create_group(harness)
    first = harness.place("bid", "0.40", "8", order_group_id=group)
    second = harness.place("bid", "0.40", "8", order_group_id=group)
    sell_into_book(harness, "8")
    assert harness.stored_order(second)["status"] == "resting"
    sell_into_book(harness, "3")
    assert harness.stored_order(first)["status"] == "executed"
    gone = harness.stored_order(second)
    assert (gone["status"], gone["reason"], gone["fill_count_fp"]) == ("canceled", "group", "3.00")
    assert harness.order("bid", "0.40", order_group_id=group).status == 400


def test_a_limit_that_is_only_reached_trips_when_so_switched():
    for mode, status in (("over", "resting"), ("reach", "canceled")):
        harness = Harness(group_trips=mode)
        group = create_group(harness)
        order = harness.place("bid", "0.40", "20", order_group_id=group)
        sell_into_book(harness, "10")
        assert harness.stored_order(order)["status"] == status


def test_volume_leaves_the_window_after_15_seconds():
    harness = Harness()
    group = create_group(harness)
    order = harness.place("bid", "0.40", "30", order_group_id=group)
    sell_into_book(harness, "9")
    harness.wait(14.9)
    sell_into_book(harness, "1")
    harness.wait(0.2)
    sell_into_book(harness, "9")
    assert harness.stored_order(order)["status"] == "resting"
    harness.wait(1)
    sell_into_book(harness, "1")
    assert harness.stored_order(order)["status"] == "canceled"


def test_an_incoming_order_stops_when_it_trips_its_own_group():
    harness = Harness()
    group = create_group(harness)
    for _ in range(3):
        harness.admin(admin.liquidity(TICKER, "ask", "0.40", "6"))
    answer = harness.order("bid", "0.40", "18", order_group_id=group)
    assert (answer.body["fill_count"], answer.body["remaining_count"]) == ("12.00", "0.00")


def test_reset_opens_a_triggered_group_again():
    harness = Harness()
    group = create_group(harness)
    order = harness.place("bid", "0.40", order_group_id=group)
    assert call_group(harness, "TriggerOrderGroup", group, {}).status == 200
    assert harness.stored_order(order)["status"] == "canceled"
    assert harness.order("bid", "0.40", order_group_id=group).status == 400
    assert call_group(harness, "ResetOrderGroup", group, {}).body == {}
    harness.place("bid", "0.40", order_group_id=group)


def test_reset_and_trigger_need_a_json_body():
    harness = Harness()
    group = create_group(harness)
    for operation in ("ResetOrderGroup", "TriggerOrderGroup"):
        assert error_code(call_group(harness, operation, group)) == (400, "invalid_content_type")


def test_a_limit_lowered_under_the_current_volume_triggers():
    harness = Harness()
    group = create_group(harness, 100)
    order = harness.place("bid", "0.40", "30", order_group_id=group)
    sell_into_book(harness, "10")
    assert (
        call_group(harness, "UpdateOrderGroupLimit", group, {"contracts_limit": 10}).status == 200
    )
    assert harness.stored_order(order)["status"] == "resting"
    assert (
        call_group(harness, "UpdateOrderGroupLimit", group, {"contracts_limit_fp": "9.00"}).status
        == 200
    )
    assert harness.stored_order(order)["status"] == "canceled"


def test_delete_cancels_and_removes():
    harness = Harness()
    group = create_group(harness)
    order = harness.place("bid", "0.40", order_group_id=group)
    rows = harness.get("GetOrderGroup", path={"order_group_id": group})
    assert rows["orders"] == [order]
    assert call_group(harness, "DeleteOrderGroup", group).status == 200
    assert harness.stored_order(order)["status"] == "canceled"
    assert call_group(harness, "DeleteOrderGroup", group).status == 404
    assert harness.get("GetOrderGroups") == {"order_groups": []}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, "missing_parameters"),
        ({"contracts_limit": 0}, "invalid_parameters"),
        ({"contracts_limit": 1_000_001}, "invalid_parameters"),
        ({"contracts_limit": "5"}, "bad_request"),
        ({"contracts_limit": 5, "contracts_limit_fp": "6"}, "invalid_parameters"),
        ({"contracts_limit_fp": "0.50"}, "invalid_parameters"),
        ({"contracts_limit": 5, "subaccount": 7}, "invalid_parameters"),
        ({"contracts_limit": 5, "exchange_index": 77}, "invalid_parameters"),
    ],
)
def test_a_wrong_group_is_refused(body, expected):
    assert error_code(Harness().call("CreateOrderGroup", body)) == (400, expected)


def test_a_group_lives_on_one_shard_and_one_subaccount():
    harness = Harness()
    group = create_group(harness, exchange_index=2)
    assert error_code(harness.order("bid", "0.40", order_group_id=group)) == (400, "invalid_order")
    assert call_group(harness, "ResetOrderGroup", group, {}).status == 404
    assert call_group(harness, "ResetOrderGroup", group, {}, exchange_index=2).status == 200
    assert call_group(harness, "ResetOrderGroup", group, {}, exchange_index=-1).status == 200
    assert (
        call_group(harness, "ResetOrderGroup", group, {}, exchange_index=2, subaccount=1).status
        == 404
    )
