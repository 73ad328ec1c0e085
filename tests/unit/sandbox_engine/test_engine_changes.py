"""Amend, decrease, cancel, cancel all, batches."""

from __future__ import annotations

import pytest
from engine_desk import Desk, code

from kalshi_ext.sandbox.engine import admin


def queue(desk: Desk, order: str, **by: str) -> str:
    return str(desk.get("GetOrderQueuePosition", path={"order_id": order}, **by))


def test_a_smaller_count_keeps_the_turn_and_any_other_amend_loses_it():
    for price, count, kept in (("0.40", "5", True), ("0.40", "20", False)):
        desk = Desk()
        order = desk.place("bid", "0.40")
        desk.place("bid", "0.40", by="bob")
        answer = desk.amend(order, "bid", price, count)
        assert answer.status == 200
        assert answer.body["remaining_count"] == f"{count}.00"
        assert (queue(desk, order) == "{'queue_position_fp': '0.00'}") is kept


def test_an_amend_that_only_changes_the_expiry_keeps_the_turn():
    desk = Desk()
    order = desk.place("bid", "0.40")
    desk.place("bid", "0.40", by="bob")
    when = int(desk.now.timestamp()) + 60
    assert desk.amend(order, "bid", "0.40", "10", expiration_time=when).status == 200
    assert "'0.00'" in queue(desk, order)
    assert desk.truly(order)["expiration_time"] == "2026-11-23T15:01:00.000000Z"


def test_an_amend_with_expiry_zero_removes_it_and_without_one_keeps_it():
    desk = Desk()
    when = int(desk.now.timestamp()) + 60
    order = desk.place("bid", "0.40", expiration_time=when)
    desk.amend(order, "bid", "0.41", "10")
    assert desk.truly(order)["expiration_time"] is not None
    desk.amend(order, "bid", "0.41", "10", expiration_time=0)
    assert desk.truly(order)["expiration_time"] is None
    desk.later(120)
    desk.engine.advance(now=desk.now)
    assert desk.truly(order)["status"] == "resting"


def test_an_amends_count_is_the_total_filled_plus_resting():
    desk = Desk()
    order = desk.place("bid", "0.40")
    desk.place("ask", "0.40", "4", by="bob")
    answer = desk.amend(order, "bid", "0.40", "14")
    assert answer.body["remaining_count"] == "10.00"
    assert code(desk.amend(order, "bid", "0.40", "4")) == (400, "invalid_order_size")


def test_an_amend_that_changes_nothing_is_refused_so_a_repeat_is_safe():
    desk = Desk()
    order = desk.place("bid", "0.40", client_order_id="one")
    assert code(desk.amend(order, "bid", "0.40", "10")) == (400, "AMEND_ORDER_NO_OP")
    assert desk.amend(order, "bid", "0.41", "10").status == 200
    assert code(desk.amend(order, "bid", "0.41", "10")) == (400, "AMEND_ORDER_NO_OP")


def test_an_amend_to_a_crossing_price_trades_at_once():
    desk = Desk()
    desk.place("ask", "0.45", "4", by="bob")
    order = desk.place("bid", "0.40")
    answer = desk.amend(order, "bid", "0.45", "10")
    assert (answer.body["fill_count"], answer.body["remaining_count"]) == ("4.00", "6.00")
    assert answer.body["average_fill_price"] == "0.4500"
    assert desk.truly(order)["taker_fees_dollars"] != "0.0000"


def test_an_amend_may_rename_the_order_and_the_new_id_is_taken():
    desk = Desk()
    order = desk.place("bid", "0.40", client_order_id="one")
    desk.place("bid", "0.30", client_order_id="two")
    taken = desk.amend(order, "bid", "0.40", "10", updated_client_order_id="two")
    assert code(taken) == (409, "order_already_exists")
    answer = desk.amend(order, "bid", "0.40", "10", updated_client_order_id="three")
    assert answer.body["client_order_id"] == "three"
    assert desk.order("bid", "0.40", client_order_id="three").status == 409


@pytest.mark.parametrize(
    ("side", "more"),
    [("ask", {}), ("bid", {"ticker": "OTHER"}), ("bid", {"client_order_id": "other"})],
)
def test_an_amend_must_name_the_orders_own_ticker_side_and_id(side, more):
    desk = Desk()
    order = desk.place("bid", "0.40", client_order_id="one")
    assert code(desk.amend(order, side, "0.41", "10", **more)) == (400, "invalid_order")


def test_an_amend_without_the_money_changes_nothing():
    desk = Desk(funds="10")
    order = desk.place("bid", "0.40")
    desk.place("bid", "0.40", by="bob")
    assert code(desk.amend(order, "bid", "0.40", "26")) == (400, "insufficient_balance")
    assert "'0.00'" in queue(desk, order)
    assert desk.amend(order, "bid", "0.50", "20").status == 200


def test_a_post_only_order_may_not_be_amended_into_a_trade():
    desk = Desk()
    desk.place("ask", "0.45", by="bob")
    order = desk.place("bid", "0.40", post_only=True)
    assert code(desk.amend(order, "bid", "0.45", "10")) == (400, "invalid_order")
    assert desk.truly(order)["status"] == "resting"


def decrease(desk: Desk, order: str, **body: object):
    return desk.call("DecreaseOrderV2", body, path={"order_id": order})


def test_a_decrease_takes_off_or_goes_down_to_and_keeps_the_turn():
    desk = Desk()
    order = desk.place("bid", "0.40")
    desk.place("bid", "0.40", by="bob")
    assert decrease(desk, order, reduce_by="3").body["remaining_count"] == "7.00"
    assert decrease(desk, order, reduce_to="4.5").body["remaining_count"] == "4.50"
    assert decrease(desk, order, reduce_to="6").body["remaining_count"] == "4.50"
    assert "'0.00'" in queue(desk, order)


@pytest.mark.parametrize("body", [{"reduce_by": "99"}, {"reduce_to": "0"}, {"reduce_by": "10"}])
def test_a_decrease_of_everything_cancels(body):
    desk = Desk()
    order = desk.place("bid", "0.40")
    assert decrease(desk, order, **body).body["remaining_count"] == "0.00"
    assert desk.truly(order)["status"] == "canceled"
    assert decrease(desk, order, **body).status == 404


@pytest.mark.parametrize("body", [{}, {"reduce_by": "1", "reduce_to": "1"}])
def test_a_decrease_needs_exactly_one_of_its_two_ways(body):
    desk = Desk()
    order = desk.place("bid", "0.40")
    assert code(decrease(desk, order, **body)) == (400, "invalid_parameters")


def test_a_cancel_says_what_it_was_reduced_by():
    desk = Desk()
    order = desk.place("bid", "0.40", client_order_id="one")
    desk.place("ask", "0.40", "4", by="bob")
    answer = desk.cancel(order)
    assert answer.body["reduced_by"] == "6.00"
    assert (answer.body["order_id"], answer.body["client_order_id"]) == (order, "one")
    row = desk.get("GetOrder", path={"order_id": order})["order"]
    assert (row["status"], row["fill_count_fp"], row["remaining_count_fp"]) == (
        "canceled",
        "4.00",
        "0.00",
    )


def test_a_404_has_the_same_bytes_for_cancelled_executed_unknown_and_foreign_orders():
    desk = Desk()
    cancelled, executed = desk.place("bid", "0.40"), desk.place("bid", "0.45")
    desk.place("ask", "0.45", by="bob")
    foreign = desk.place("ask", "0.60", by="bob")
    desk.cancel(cancelled)
    answers = [desk.cancel(order) for order in (cancelled, executed, "unknown", foreign)]
    assert {(answer.status, str(answer.body)) for answer in answers} == {
        (404, "{'error': {'code': 'not_found', 'message': 'not found'}}")
    }


def sharded() -> tuple[Desk, str]:
    desk = Desk()
    desk.admin(admin.add_market("COIN", exchange_index=2))
    desk.admin(admin.fund("amy", "100", exchange_index=2))
    return desk, desk.place("bid", "0.40", ticker="COIN")


def test_a_cancel_without_ticker_misses_other_shards():
    desk, order = sharded()
    assert code(desk.cancel(order)) == (404, "not_found")
    assert code(desk.cancel(order, exchange_index=0)) == (404, "not_found")
    assert desk.truly(order)["status"] == "resting"


@pytest.mark.parametrize(
    "query", [{"market_ticker": "COIN"}, {"exchange_index": 2}, {"exchange_index": -1}]
)
def test_a_cancel_that_names_the_shard_or_the_ticker_finds_the_order(query):
    desk, order = sharded()
    assert desk.cancel(order, **query).status == 200


def test_a_decrease_is_routed_like_a_cancel_and_an_amend_by_its_ticker():
    desk, order = sharded()
    assert decrease(desk, order, reduce_by="1").status == 404
    assert decrease(desk, order, reduce_by="1", market_ticker="COIN").status == 200
    assert desk.amend(order, "bid", "0.41", "9", ticker="COIN").status == 200


def test_an_order_of_another_subaccount_is_missed_unless_it_is_named():
    desk = Desk()
    desk.admin(admin.fund("amy", "100", subaccount=1))
    order = desk.place("bid", "0.40", subaccount=1)
    assert desk.cancel(order).status == 404
    assert desk.cancel(order, subaccount=1).status == 200
