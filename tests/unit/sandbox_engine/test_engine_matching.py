"""Matching: price first, time second, in YES prices."""

from __future__ import annotations

import pytest
from engine_desk import TICKER, Desk, code

from kalshi_ext.sandbox.engine import admin


def trades(desk: Desk) -> list[tuple[str, str, str]]:
    """List (maker's order, price, count) in sequence."""
    return [
        (fill["order_id"], fill["yes_price_dollars"], fill["count_fp"])
        for fill in desk.truth.fills()
        if not fill["is_taker"]
    ]


def test_the_better_price_trades_first_and_the_earlier_order_within_a_price():
    desk = Desk()
    late_best = desk.place("ask", "0.41")
    desk.later(1)
    first = desk.place("ask", "0.42", "3")
    desk.later(1)
    second = desk.place("ask", "0.42", "3")
    taker = desk.order("bid", "0.43", "15", by="bob")
    assert trades(desk) == [
        (late_best, "0.4100", "10.00"),
        (first, "0.4200", "3.00"),
        (second, "0.4200", "2.00"),
    ]
    assert taker.body["fill_count"] == "15.00"
    assert taker.body["average_fill_price"] == "0.413333"
    assert desk.truly(second)["remaining_count_fp"] == "1.00"


def test_a_trade_happens_at_the_resting_orders_price():
    desk = Desk()
    desk.place("bid", "0.60")
    desk.place("ask", "0.10", by="bob")
    assert {row["yes_price_dollars"] for row in desk.truth.fills()} == {"0.6000"}


def test_what_does_not_cross_rests():
    desk = Desk()
    desk.place("bid", "0.40")
    desk.place("ask", "0.41", by="bob")
    assert desk.book() == ([["0.4000", "10.00"]], [["0.4100", "10.00"]])


def test_both_sides_of_a_trade_share_its_trade_id_and_differ_in_fill_id():
    desk = Desk()
    desk.place("bid", "0.40")
    desk.place("ask", "0.40", by="bob")
    maker, taker = desk.truth.fills()
    assert maker["trade_id"] == taker["trade_id"]
    assert maker["fill_id"] != taker["fill_id"]
    assert (maker["is_taker"], taker["is_taker"]) == (False, True)
    assert (maker["book_side"], taker["book_side"]) == ("bid", "ask")
    assert (maker["outcome_side"], taker["outcome_side"]) == ("yes", "no")


def test_fractions_of_a_contract_trade():
    desk = Desk()
    desk.place("bid", "0.40", "0.01")
    answer = desk.order("ask", "0.40", "0.03", by="bob")
    assert (answer.body["fill_count"], answer.body["remaining_count"]) == ("0.01", "0.02")


def test_an_immediate_or_cancel_order_without_a_match_is_accepted_and_empty():
    desk = Desk()
    answer = desk.order("bid", "0.40", time_in_force="immediate_or_cancel")
    assert answer.status == 201
    assert (answer.body["fill_count"], answer.body["remaining_count"]) == ("0.00", "0.00")
    assert "average_fill_price" not in answer.body
    assert desk.truly(answer.body["order_id"])["status"] == "canceled"


def test_an_immediate_or_cancel_order_takes_what_is_there_and_never_rests():
    desk = Desk()
    desk.place("ask", "0.40", "4")
    answer = desk.order("bid", "0.40", by="bob", time_in_force="immediate_or_cancel")
    assert (answer.body["fill_count"], answer.body["remaining_count"]) == ("4.00", "0.00")
    assert desk.book() == ([], [])


def test_fill_or_kill_without_volume_is_a_409_and_nothing_happens():
    desk = Desk()
    desk.place("ask", "0.40", "9.99")
    answer = desk.order("bid", "0.40", by="bob", time_in_force="fill_or_kill")
    assert code(answer) == (409, "fill_or_kill_insufficient_resting_volume")
    assert desk.truth.fills() == []
    assert desk.truth.orders(account="bob") == []


def test_fill_or_kill_with_volume_over_several_prices_fills_whole():
    desk = Desk()
    desk.place("ask", "0.39", "4")
    desk.place("ask", "0.40", "6")
    answer = desk.order("bid", "0.40", by="bob", time_in_force="fill_or_kill")
    assert answer.body["fill_count"] == "10.00"


def test_fill_or_kill_does_not_count_its_own_accounts_orders():
    desk = Desk()
    desk.place("ask", "0.39", "6")
    desk.place("ask", "0.40", "6", by="bob")
    for prevention in ("maker", "taker_at_cross"):
        answer = desk.order(
            "bid",
            "0.40",
            time_in_force="fill_or_kill",
            self_trade_prevention_type=prevention,
        )
        assert answer.status == 409


def test_a_post_only_order_that_would_cross_is_refused():
    desk = Desk()
    desk.place("ask", "0.40", by="bob")
    assert code(desk.order("bid", "0.40", post_only=True)) == (400, "invalid_order")
    assert desk.order("bid", "0.39", post_only=True).status == 201


def test_self_trade_prevention_taker_at_cross_cancels_the_incoming_order():
    desk = Desk()
    foreign = desk.place("ask", "0.38", "2", by="bob")
    own = desk.place("ask", "0.39")
    answer = desk.order("bid", "0.40")
    assert (answer.body["fill_count"], answer.body["remaining_count"]) == ("2.00", "0.00")
    assert desk.truly(own)["status"] == "resting"
    assert desk.truly(foreign)["status"] == "executed"
    assert desk.truly(answer.body["order_id"])["reason"] == "stp"


def test_self_trade_prevention_maker_cancels_the_resting_order_and_goes_on():
    desk = Desk()
    own = desk.place("ask", "0.39")
    foreign = desk.place("ask", "0.40", by="bob")
    answer = desk.order("bid", "0.40", self_trade_prevention_type="maker")
    assert answer.body["fill_count"] == "10.00"
    assert desk.truly(own)["status"] == "canceled"
    assert desk.truly(foreign)["status"] == "executed"


def test_subaccounts_of_one_account_do_not_trade_with_each_other_unless_switched_on():
    for scope, filled in (("account", "0.00"), ("subaccount", "10.00")):
        desk = Desk(self_trade_scope=scope)
        desk.admin(admin.fund("amy", "100", subaccount=1))
        desk.place("ask", "0.40")
        answer = desk.order("bid", "0.40", subaccount=1)
        assert answer.body["fill_count"] == filled


def test_reduce_only_never_takes_more_than_the_position():
    desk = Desk()
    desk.place("ask", "0.40", "5", by="bob")
    desk.place("bid", "0.40", "5")
    desk.place("bid", "0.30", "50", by="bob")
    answer = desk.order("ask", "0.30", "20", reduce_only=True, time_in_force="immediate_or_cancel")
    assert answer.body["fill_count"] == "5.00"
    assert desk.truth.positions(account="amy")[0]["position"] == "0.00"


def test_reduce_only_without_a_position_is_refused_and_needs_ioc_or_fok():
    desk = Desk()
    desk.place("bid", "0.30", by="bob")
    alone = desk.order("ask", "0.30", reduce_only=True, time_in_force="fill_or_kill")
    assert code(alone) == (400, "invalid_order")
    assert code(desk.order("ask", "0.30", reduce_only=True)) == (400, "invalid_order")


def test_an_order_expires_at_its_moment_even_when_nobody_calls():
    desk = Desk()
    when = int(desk.now.timestamp()) + 10
    order = desk.place("bid", "0.40", expiration_time=when)
    desk.later(9.5)
    assert desk.cancel("nothing").status == 404
    assert desk.truly(order)["status"] == "resting"
    desk.later(100)
    assert desk.order("ask", "0.40", by="bob").body["fill_count"] == "0.00"
    gone = desk.truly(order)
    assert (gone["status"], gone["reason"]) == ("canceled", "expired")
    assert gone["last_update_time"] == "2026-11-23T15:00:10.000000Z"


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"expiration_time": 1}, "invalid_order"),
        ({"expiration_time": 4102444800, "time_in_force": "fill_or_kill"}, "invalid_order"),
        ({"post_only": True, "time_in_force": "immediate_or_cancel"}, "invalid_order"),
        ({"price": "0.565"}, "invalid_price"),
        ({"price": "0.5"}, "invalid_price"),
        ({"price": "0.56000"}, "invalid_price"),
        ({"price": "1.00"}, "invalid_price"),
        ({"price": "0.00"}, "invalid_price"),
        ({"price": "-0.56"}, "invalid_price"),
        ({"price": "NaN"}, "bad_request"),
        ({"price": ""}, "bad_request"),
        ({"price": 0.56}, "bad_request"),
        ({"price": True}, "bad_request"),
        ({"count": 10}, "bad_request"),
        ({"count": "ten"}, "bad_request"),
        ({"count": "0"}, "invalid_order_size"),
        ({"count": "-1"}, "invalid_order_size"),
        ({"count": "0.001"}, "invalid_order_size"),
        ({"side": "yes"}, "invalid_parameters"),
        ({"side": ""}, "invalid_parameters"),
        ({"side": 1}, "bad_request"),
        ({"time_in_force": "day"}, "invalid_parameters"),
        ({"ticker": "NOPE"}, "invalid_parameters"),
        ({"ticker": None}, "missing_parameters"),
        ({"client_order_id": "x" * 65}, "invalid_parameters"),
        ({"client_order_id": 7}, "bad_request"),
        ({"subaccount": 9}, "invalid_parameters"),
        ({"subaccount": 64}, "invalid_parameters"),
        ({"subaccount": "0"}, "bad_request"),
        ({"order_group_id": "none"}, "invalid_order"),
        ({"exchange_index": 2}, "invalid_parameters"),
        ({"post_only": "yes"}, "bad_request"),
        ({"count": "2000"}, "insufficient_balance"),
        ({"expiration_time": 10**30}, "bad_request"),
    ],
)
def test_a_wrong_order_is_refused_with_its_code_and_nothing_changes(more, expected):
    desk = Desk()
    before = desk.engine.digest()
    assert code(desk.order("bid", "0.56", **more)) == (400, expected)
    assert desk.engine.digest() == before


def test_null_fields_count_as_absent():
    desk = Desk()
    desk.place("bid", "0.56", client_order_id=None, post_only=None, expiration_time=None)


@pytest.mark.parametrize("body", ["text", [], 5])
def test_a_body_that_is_no_object_is_a_bad_request(body):
    assert code(Desk().call("CreateOrderV2", body)) == (400, "bad_request")


def test_an_absent_body_is_an_invalid_content_type():
    assert code(Desk().call("CreateOrderV2")) == (400, "invalid_content_type")


def test_bands_open_finer_prices_and_whole_cents_stay_valid_everywhere():
    desk = Desk()
    bands = [
        {"start": "0.0000", "end": "0.1000", "step": "0.0010"},
        {"start": "0.9500", "end": "1.0000", "step": "0.0001"},
    ]
    desk.admin(admin.add_market("FINE", price_ranges=bands))
    for price in ("0.0010", "0.099", "0.9501", "0.9999", "0.50", "0.01"):
        assert desk.order("bid", price, "1", ticker="FINE").status == 201, price
    for price in ("0.0005", "0.5001", "0.1010", "0.9499"):
        assert code(desk.order("bid", price, "1", ticker="FINE")) == (400, "invalid_price")


def test_a_closed_market_takes_no_orders_and_keeps_none():
    desk = Desk()
    order = desk.place("bid", "0.40")
    desk.admin(admin.close_market(TICKER))
    assert desk.truly(order)["reason"] == "closed"
    assert code(desk.order("bid", "0.40")) == (409, "market_closed")


def test_a_client_order_id_is_refused_forever_by_default_whatever_the_payload():
    desk = Desk()
    order = desk.place("bid", "0.40", client_order_id="one")
    answer = desk.order("ask", "0.70", "3", client_order_id="one")
    assert code(answer) == (409, "order_already_exists")
    assert "order_id" not in str(answer.body)
    desk.cancel(order)
    desk.later(86_400 * 30)
    assert desk.order("bid", "0.40", client_order_id="one").status == 409
    assert desk.order("bid", "0.40", client_order_id="one", by="bob").status == 201


def test_a_client_order_id_is_free_again_when_its_order_is_gone_if_so_switched():
    desk = Desk(dedupe="while_open")
    order = desk.place("bid", "0.40", client_order_id="one")
    assert desk.order("bid", "0.40", client_order_id="one").status == 409
    desk.cancel(order)
    assert desk.order("bid", "0.40", client_order_id="one").status == 201


def test_a_client_order_id_is_free_again_after_some_seconds_if_so_switched():
    desk = Desk(dedupe="seconds", dedupe_seconds=60)
    order = desk.place("bid", "0.40", client_order_id="one")
    desk.later(61)
    assert desk.order("bid", "0.40", client_order_id="one").status == 409
    desk.cancel(order)
    assert desk.order("bid", "0.40", client_order_id="one").status == 201


def test_empty_client_order_ids_never_collide():
    desk = Desk()
    desk.place("bid", "0.40", client_order_id="")
    desk.place("bid", "0.40", client_order_id="")
    desk.place("bid", "0.40")


def test_a_refused_order_does_not_take_its_client_order_id():
    desk = Desk()
    assert desk.order("bid", "0.565", client_order_id="one").status == 400
    desk.place("bid", "0.40", client_order_id="one")


def test_no_more_than_so_many_orders_may_be_open():
    desk = Desk(max_open_orders=2)
    first = desk.place("bid", "0.01")
    desk.place("bid", "0.01")
    assert code(desk.order("bid", "0.01")) == (400, "invalid_order")
    desk.cancel(first)
    desk.place("bid", "0.01")


def test_queue_positions_count_the_contracts_ahead():
    desk = Desk()
    desk.place("bid", "0.41", "2", by="bob")
    desk.place("bid", "0.40", "3", by="bob")
    order = desk.place("bid", "0.40")
    path = {"order_id": order}
    assert desk.get("GetOrderQueuePosition", path=path) == {"queue_position_fp": "5.00"}
    rows = desk.get("GetOrderQueuePositions", market_tickers=TICKER)["queue_positions"]
    assert rows == [{"order_id": order, "market_ticker": TICKER, "queue_position_fp": "5.00"}]
    desk.cancel(order)
    assert code(desk.call("GetOrderQueuePosition", path=path)) == (404, "not_found")
