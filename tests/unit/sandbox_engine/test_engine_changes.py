"""Amend, decrease, cancel, cancel all, batches."""

from __future__ import annotations

import pytest
from engine_harness import UNKNOWN, Harness, error_code

from kalshi_ext.sandbox.engine import admin


def queue_position(harness: Harness, order: str, **by: str) -> str:
    return str(harness.get("GetOrderQueuePosition", path={"order_id": order}, **by))


def test_a_smaller_count_keeps_the_turn_and_any_other_amend_loses_it():
    for price, count, kept in (("0.40", "5", True), ("0.40", "20", False)):
        harness = Harness()
        order = harness.place("bid", "0.40")
        harness.place("bid", "0.40", by="bob")
        answer = harness.amend(order, "bid", price, count)
        assert answer.status == 200
        assert answer.body["remaining_count"] == f"{count}.00"
        assert (queue_position(harness, order) == "{'queue_position_fp': '0.00'}") is kept


def test_an_amend_that_only_changes_the_expiry_keeps_the_turn():
    harness = Harness()
    order = harness.place("bid", "0.40")
    harness.place("bid", "0.40", by="bob")
    when = int(harness.now.timestamp()) + 60
    assert harness.amend(order, "bid", "0.40", "10", expiration_time=when).status == 200
    assert "'0.00'" in queue_position(harness, order)
    assert harness.stored_order(order)["expiration_time"] == "2026-11-23T15:01:00.000000Z"


def test_an_amend_with_expiry_zero_removes_it_and_without_one_keeps_it():
    harness = Harness()
    when = int(harness.now.timestamp()) + 60
    order = harness.place("bid", "0.40", expiration_time=when)
    harness.amend(order, "bid", "0.41", "10")
    assert "expiration_time" in harness.stored_order(order)
    harness.amend(order, "bid", "0.41", "10", expiration_time=0)
    assert "expiration_time" not in harness.stored_order(order)
    harness.wait(120)
    harness.engine.advance(now=harness.now)
    assert harness.stored_order(order)["status"] == "resting"


def test_an_amends_count_is_the_total_filled_plus_resting():
    harness = Harness()
    order = harness.place("bid", "0.40")
    harness.place("ask", "0.40", "4", by="bob")
    answer = harness.amend(order, "bid", "0.40", "14")
    assert answer.body["remaining_count"] == "10.00"
    assert error_code(harness.amend(order, "bid", "0.40", "4")) == (400, "invalid_order_size")


def test_an_amend_that_changes_nothing_is_refused_so_a_repeat_is_safe():
    harness = Harness()
    order = harness.place("bid", "0.40", client_order_id="one")
    assert error_code(harness.amend(order, "bid", "0.40", "10")) == (400, "AMEND_ORDER_NO_OP")
    assert harness.amend(order, "bid", "0.41", "10").status == 200
    assert error_code(harness.amend(order, "bid", "0.41", "10")) == (400, "AMEND_ORDER_NO_OP")


def test_an_amend_to_a_crossing_price_trades_at_once():
    harness = Harness()
    harness.place("ask", "0.45", "4", by="bob")
    order = harness.place("bid", "0.40")
    answer = harness.amend(order, "bid", "0.45", "10")
    assert (answer.body["fill_count"], answer.body["remaining_count"]) == ("4.00", "6.00")
    assert answer.body["average_fill_price"] == "0.4500"
    assert harness.stored_order(order)["taker_fees_dollars"] != "0.0000"


def test_an_amend_may_rename_the_order_and_the_new_id_is_taken():
    harness = Harness()
    order = harness.place("bid", "0.40", client_order_id="one")
    harness.place("bid", "0.30", client_order_id="two")
    taken = harness.amend(order, "bid", "0.40", "10", updated_client_order_id="two")
    assert error_code(taken) == (409, "order_already_exists")
    answer = harness.amend(order, "bid", "0.40", "10", updated_client_order_id="three")
    assert answer.body["client_order_id"] == "three"
    assert harness.order("bid", "0.40", client_order_id="three").status == 409


@pytest.mark.parametrize(
    ("side", "more"),
    [("ask", {}), ("bid", {"ticker": "OTHER"}), ("bid", {"client_order_id": "other"})],
)
def test_an_amend_must_name_the_orders_own_ticker_side_and_id(side, more):
    harness = Harness()
    order = harness.place("bid", "0.40", client_order_id="one")
    assert error_code(harness.amend(order, side, "0.41", "10", **more)) == (400, "invalid_order")


def test_an_amend_without_the_money_changes_nothing():
    harness = Harness(funds="10")
    order = harness.place("bid", "0.40")
    harness.place("bid", "0.40", by="bob")
    assert error_code(harness.amend(order, "bid", "0.40", "26")) == (400, "insufficient_balance")
    assert "'0.00'" in queue_position(harness, order)
    assert harness.amend(order, "bid", "0.50", "20").status == 200


def test_a_post_only_order_may_not_be_amended_into_a_trade():
    harness = Harness()
    harness.place("ask", "0.45", by="bob")
    order = harness.place("bid", "0.40", post_only=True)
    assert error_code(harness.amend(order, "bid", "0.45", "10")) == (400, "invalid_order")
    assert harness.stored_order(order)["status"] == "resting"


def decrease(harness: Harness, order: str, **body: object):
    return harness.call("DecreaseOrderV2", body, path={"order_id": order})


def test_a_decrease_takes_off_or_goes_down_to_and_keeps_the_turn():
    harness = Harness()
    order = harness.place("bid", "0.40")
    harness.place("bid", "0.40", by="bob")
    assert decrease(harness, order, reduce_by="3").body["remaining_count"] == "7.00"
    assert decrease(harness, order, reduce_to="4.5").body["remaining_count"] == "4.50"
    assert decrease(harness, order, reduce_to="6").body["remaining_count"] == "4.50"
    assert "'0.00'" in queue_position(harness, order)


@pytest.mark.parametrize("body", [{"reduce_by": "99"}, {"reduce_to": "0"}, {"reduce_by": "10"}])
def test_a_decrease_of_everything_cancels(body):
    harness = Harness()
    order = harness.place("bid", "0.40")
    assert decrease(harness, order, **body).body["remaining_count"] == "0.00"
    assert harness.stored_order(order)["status"] == "canceled"
    assert decrease(harness, order, **body).status == 404


@pytest.mark.parametrize("body", [{}, {"reduce_by": "1", "reduce_to": "1"}])
def test_a_decrease_needs_exactly_one_of_its_two_ways(body):
    harness = Harness()
    order = harness.place("bid", "0.40")
    assert error_code(decrease(harness, order, **body)) == (400, "invalid_parameters")


def test_a_cancel_says_what_it_was_reduced_by():
    harness = Harness()
    order = harness.place("bid", "0.40", client_order_id="one")
    harness.place("ask", "0.40", "4", by="bob")
    answer = harness.cancel(order)
    assert answer.body["reduced_by"] == "6.00"
    assert answer.body["order_id"] == order
    assert "client_order_id" not in answer.body  # observed; a switch
    row = harness.get("GetOrder", path={"order_id": order})["order"]
    assert (row["status"], row["fill_count_fp"], row["remaining_count_fp"]) == (
        "canceled",
        "4.00",
        "0.00",
    )


def test_a_404_has_the_same_bytes_for_cancelled_executed_unknown_and_foreign_orders():
    harness = Harness()
    cancelled, executed = harness.place("bid", "0.40"), harness.place("bid", "0.45")
    harness.place("ask", "0.45", by="bob")
    foreign = harness.place("ask", "0.60", by="bob")
    harness.cancel(cancelled)
    answers = [harness.cancel(order) for order in (cancelled, executed, UNKNOWN, foreign)]
    assert {(answer.status, str(answer.body)) for answer in answers} == {
        (404, "{'error': {'code': 'not_found', 'message': 'not found', 'service': 'exchange'}}")
    }


def order_on_shard_two() -> tuple[Harness, str]:
    harness = Harness()
    harness.admin(admin.add_market("COIN", exchange_index=2))
    harness.admin(admin.fund("amy", "100", exchange_index=2))
    return harness, harness.place("bid", "0.40", ticker="COIN")


def test_a_cancel_without_ticker_misses_other_shards():
    harness, order = order_on_shard_two()
    assert error_code(harness.cancel(order)) == (404, "not_found")
    assert error_code(harness.cancel(order, exchange_index=0)) == (404, "not_found")
    assert harness.stored_order(order)["status"] == "resting"


@pytest.mark.parametrize(
    "query", [{"market_ticker": "COIN"}, {"exchange_index": 2}, {"exchange_index": -1}]
)
def test_a_cancel_that_names_the_shard_or_the_ticker_finds_the_order(query):
    harness, order = order_on_shard_two()
    assert harness.cancel(order, **query).status == 200


def test_a_decrease_is_routed_like_a_cancel_and_an_amend_by_its_ticker():
    harness, order = order_on_shard_two()
    assert decrease(harness, order, reduce_by="1").status == 404
    assert decrease(harness, order, reduce_by="1", market_ticker="COIN").status == 200
    assert harness.amend(order, "bid", "0.41", "9", ticker="COIN").status == 200


def test_an_order_of_another_subaccount_is_missed_unless_it_is_named():
    harness = Harness()
    harness.admin(admin.fund("amy", "100", subaccount=1))
    order = harness.place("bid", "0.40", subaccount=1)
    assert harness.cancel(order).status == 404
    assert harness.cancel(order, subaccount=1).status == 200
