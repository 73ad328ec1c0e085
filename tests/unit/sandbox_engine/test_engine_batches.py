"""Cancel all and batches."""

from __future__ import annotations

import pytest
from engine_desk import TICKER, Desk, code

from kalshi_ext.sandbox.engine import admin


def test_cancel_all_cancels_all_of_a_subaccount_or_of_all():
    desk = Desk()
    desk.admin(admin.fund("amy", "100", subaccount=1))
    zero, one = desk.place("bid", "0.40"), desk.place("bid", "0.40", subaccount=1)
    other = desk.place("bid", "0.40", by="bob")
    answer = desk.call("CancelAllOrders", subaccount=1)
    assert (answer.status, answer.body) == (204, None)
    assert [desk.truly(order)["status"] for order in (zero, one)] == ["resting", "canceled"]
    desk.call("CancelAllOrders")
    assert desk.truly(zero)["status"] == "canceled"
    assert desk.truly(other)["status"] == "resting"


def test_cancel_all_may_sweep_orders_of_the_following_minute_too():
    desk = Desk(cancel_all_sweep_seconds=60)
    desk.call("CancelAllOrders")
    desk.later(59)
    swept = desk.place("bid", "0.40")
    assert desk.truly(swept)["reason"] == "sweep"
    desk.later(2)
    assert desk.truly(desk.place("bid", "0.40"))["status"] == "resting"


def entry(price: str, **more: object) -> dict[str, object]:
    return {
        "ticker": TICKER,
        "side": "bid",
        "price": price,
        "count": "10",
        "time_in_force": "good_till_canceled",
        "self_trade_prevention_type": "taker_at_cross",
    } | more


def test_a_batchs_entries_stand_or_fall_each_alone():
    desk = Desk()
    entries = [
        entry("0.40", client_order_id="a"),
        entry("0.405", client_order_id="b"),
        entry("0.40", client_order_id="a"),
        "nonsense",
    ]
    answer = desk.call("BatchCreateOrdersV2", {"orders": entries})
    assert answer.status == 201
    codes = [row.get("error", {}).get("code") for row in answer.body["orders"]]
    assert codes == [None, "invalid_price", "order_already_exists", "bad_request"]
    assert [row.get("client_order_id") for row in answer.body["orders"]] == ["a", "b", "a", None]
    assert len(desk.truth.orders(account="amy")) == 1


def test_a_batch_cancel_answers_each_entry():
    desk = Desk()
    order = desk.place("bid", "0.40")
    entries = [{"order_id": order}, {"order_id": order}, {}]
    rows = desk.call("BatchCancelOrdersV2", {"orders": entries}).body["orders"]
    assert [row["reduced_by"] for row in rows] == ["10.00", "0.00", "0.00"]
    assert [row.get("error", {}).get("code") for row in rows] == [
        None,
        "not_found",
        "missing_parameters",
    ]


@pytest.mark.parametrize(("mode", "same"), [("request", True), ("reversed", False)])
def test_the_order_of_a_batchs_answers_is_a_switch(mode, same):
    desk = Desk(batch_answers=mode)
    entries = [entry("0.40", client_order_id=str(n)) for n in range(5)]
    rows = desk.call("BatchCreateOrdersV2", {"orders": entries}).body["orders"]
    assert ([row["client_order_id"] for row in rows] == list("01234")) is same


@pytest.mark.parametrize("orders", [[], [entry("0.40")] * 3])
def test_an_empty_or_too_long_batch_is_refused_whole(orders):
    desk = Desk(batch_max=2)
    answer = desk.call("BatchCreateOrdersV2", {"orders": orders})
    assert code(answer) == (400, "invalid_parameters")
