"""Cancel all and batches."""

from __future__ import annotations

import pytest
from engine_harness import TICKER, Harness, error_code

from kalshi_ext.sandbox.engine import admin


def test_cancel_all_cancels_all_of_a_subaccount_or_of_all():
    harness = Harness()
    harness.admin(admin.fund("amy", "100", subaccount=1))
    primary, secondary = harness.place("bid", "0.40"), harness.place("bid", "0.40", subaccount=1)
    foreign = harness.place("bid", "0.40", by="bob")
    answer = harness.call("CancelAllOrders", subaccount=1)
    assert (answer.status, answer.body) == (204, None)
    assert [harness.stored_order(order)["status"] for order in (primary, secondary)] == [
        "resting",
        "canceled",
    ]
    harness.call("CancelAllOrders")
    assert harness.stored_order(primary)["status"] == "canceled"
    assert harness.stored_order(foreign)["status"] == "resting"


def test_cancel_all_may_sweep_orders_of_the_following_minute_too():
    harness = Harness(cancel_all_sweep_seconds=60)
    harness.call("CancelAllOrders")
    harness.wait(59)
    swept = harness.place("bid", "0.40")
    assert harness.stored_order(swept)["reason"] == "sweep"
    harness.wait(2)
    assert harness.stored_order(harness.place("bid", "0.40"))["status"] == "resting"


def batch_entry(price: str, **more: object) -> dict[str, object]:
    return {
        "ticker": TICKER,
        "side": "bid",
        "price": price,
        "count": "10",
        "time_in_force": "good_till_canceled",
        "self_trade_prevention_type": "taker_at_cross",
    } | more


def test_a_batchs_entries_stand_or_fall_each_alone():
    harness = Harness()
    entries = [
        batch_entry("0.40", client_order_id="a"),
        batch_entry("0.405", client_order_id="b"),
        batch_entry("0.40", client_order_id="a"),
        "nonsense",
    ]
    answer = harness.call("BatchCreateOrdersV2", {"orders": entries})
    assert answer.status == 201
    codes = [row.get("error", {}).get("code") for row in answer.body["orders"]]
    assert codes == [None, "invalid_order", "order_already_exists", "bad_request"]
    assert [row.get("client_order_id") for row in answer.body["orders"]] == ["a", "b", "a", None]
    assert len(harness.truth.orders(account="amy")) == 1


def test_a_batch_cancel_answers_each_entry():
    harness = Harness()
    order = harness.place("bid", "0.40")
    entries = [{"order_id": order}, {"order_id": order}, {}]
    rows = harness.call("BatchCancelOrdersV2", {"orders": entries}).body["orders"]
    assert [row["reduced_by"] for row in rows] == ["10.00", "0.00", "0.00"]
    assert [row.get("error", {}).get("code") for row in rows] == [
        None,
        "not_found",
        "missing_parameters",
    ]


@pytest.mark.parametrize(("mode", "same"), [("request", True), ("reversed", False)])
def test_the_order_of_a_batchs_answers_is_a_switch(mode, same):
    harness = Harness(batch_answers=mode)
    entries = [batch_entry("0.40", client_order_id=str(n)) for n in range(5)]
    rows = harness.call("BatchCreateOrdersV2", {"orders": entries}).body["orders"]
    assert ([row["client_order_id"] for row in rows] == list("01234")) is same


@pytest.mark.parametrize("orders", [[], [batch_entry("0.40")] * 3])
def test_an_empty_or_too_long_batch_is_refused_whole(orders):
    harness = Harness(batch_max=2)
    answer = harness.call("BatchCreateOrdersV2", {"orders": orders})
    assert error_code(answer) == (400, "invalid_parameters")
