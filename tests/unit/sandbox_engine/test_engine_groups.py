"""Order groups: the rolling limit, reset, trigger, lower limit, delete."""

from __future__ import annotations

import pytest
from engine_desk import TICKER, Desk, code

from kalshi_ext.sandbox.engine import admin


def make(desk: Desk, limit: int = 10, **more: object) -> str:
    answer = desk.call("CreateOrderGroup", {"contracts_limit": limit} | more)
    assert answer.status == 201, answer
    return str(answer.body["order_group_id"])


def act(desk: Desk, operation: str, group: str, body: object = None, **query: object):
    return desk.call(operation, body, path={"order_group_id": group}, **query)


def hit(desk: Desk, count: str) -> None:
    desk.admin(admin.liquidity(TICKER, "ask", "0.40", count, time_in_force="immediate_or_cancel"))


def test_a_group_that_is_filled_over_its_limit_loses_all_its_orders():
    desk = Desk()
    group = make(desk)
    first = desk.place("bid", "0.40", "8", order_group_id=group)
    second = desk.place("bid", "0.40", "8", order_group_id=group)
    hit(desk, "8")
    assert desk.truly(second)["status"] == "resting"
    hit(desk, "3")
    assert desk.truly(first)["status"] == "executed"
    gone = desk.truly(second)
    assert (gone["status"], gone["reason"], gone["fill_count_fp"]) == ("canceled", "group", "3.00")
    assert desk.order("bid", "0.40", order_group_id=group).status == 400


def test_a_limit_that_is_only_reached_trips_when_so_switched():
    for mode, status in (("over", "resting"), ("reach", "canceled")):
        desk = Desk(group_trips=mode)
        group = make(desk)
        order = desk.place("bid", "0.40", "20", order_group_id=group)
        hit(desk, "10")
        assert desk.truly(order)["status"] == status


def test_volume_leaves_the_window_after_15_seconds():
    desk = Desk()
    group = make(desk)
    order = desk.place("bid", "0.40", "30", order_group_id=group)
    hit(desk, "9")
    desk.later(14.9)
    hit(desk, "1")
    desk.later(0.2)
    hit(desk, "9")
    assert desk.truly(order)["status"] == "resting"
    desk.later(1)
    hit(desk, "1")
    assert desk.truly(order)["status"] == "canceled"


def test_an_incoming_order_stops_when_it_trips_its_own_group():
    desk = Desk()
    group = make(desk)
    for _ in range(3):
        desk.admin(admin.liquidity(TICKER, "ask", "0.40", "6"))
    answer = desk.order("bid", "0.40", "18", order_group_id=group)
    assert (answer.body["fill_count"], answer.body["remaining_count"]) == ("12.00", "0.00")


def test_reset_opens_a_triggered_group_again():
    desk = Desk()
    group = make(desk)
    order = desk.place("bid", "0.40", order_group_id=group)
    assert act(desk, "TriggerOrderGroup", group, {}).status == 200
    assert desk.truly(order)["status"] == "canceled"
    assert desk.order("bid", "0.40", order_group_id=group).status == 400
    assert act(desk, "ResetOrderGroup", group, {}).body == {}
    desk.place("bid", "0.40", order_group_id=group)


def test_reset_and_trigger_need_a_json_body():
    desk = Desk()
    group = make(desk)
    for operation in ("ResetOrderGroup", "TriggerOrderGroup"):
        assert code(act(desk, operation, group)) == (400, "invalid_content_type")


def test_a_limit_lowered_under_the_current_volume_triggers():
    desk = Desk()
    group = make(desk, 100)
    order = desk.place("bid", "0.40", "30", order_group_id=group)
    hit(desk, "10")
    assert act(desk, "UpdateOrderGroupLimit", group, {"contracts_limit": 10}).status == 200
    assert desk.truly(order)["status"] == "resting"
    assert act(desk, "UpdateOrderGroupLimit", group, {"contracts_limit_fp": "9.00"}).status == 200
    assert desk.truly(order)["status"] == "canceled"


def test_delete_cancels_and_removes():
    desk = Desk()
    group = make(desk)
    order = desk.place("bid", "0.40", order_group_id=group)
    rows = desk.get("GetOrderGroup", path={"order_group_id": group})
    assert rows["orders"] == [order]
    assert act(desk, "DeleteOrderGroup", group).status == 200
    assert desk.truly(order)["status"] == "canceled"
    assert act(desk, "DeleteOrderGroup", group).status == 404
    assert desk.get("GetOrderGroups") == {"order_groups": []}


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
    assert code(Desk().call("CreateOrderGroup", body)) == (400, expected)


def test_a_group_lives_on_one_shard_and_one_subaccount():
    desk = Desk()
    group = make(desk, exchange_index=2)
    assert code(desk.order("bid", "0.40", order_group_id=group)) == (400, "invalid_order")
    assert act(desk, "ResetOrderGroup", group, {}).status == 404
    assert act(desk, "ResetOrderGroup", group, {}, exchange_index=2).status == 200
    assert act(desk, "ResetOrderGroup", group, {}, exchange_index=-1).status == 200
    assert act(desk, "ResetOrderGroup", group, {}, exchange_index=2, subaccount=1).status == 404
