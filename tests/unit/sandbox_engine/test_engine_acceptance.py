"""Acceptance: what a new order must look like, and the ids it may carry."""

from __future__ import annotations

import pytest
from engine_harness import TICKER, Harness, error_code

from kalshi_ext.sandbox.engine import admin


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"expiration_time": 1}, "invalid_order"),
        ({"expiration_time": 4102444800, "time_in_force": "fill_or_kill"}, "invalid_order"),
        ({"post_only": True, "time_in_force": "immediate_or_cancel"}, "invalid_order"),
        ({"price": "0.565"}, "invalid_order"),
        ({"price": "0.5"}, "invalid_order"),
        ({"price": "0.56000"}, "invalid_order"),
        ({"price": "1.00"}, "invalid_price"),
        ({"price": "0.00"}, "invalid_price"),
        ({"price": "-0.56"}, "invalid_order"),
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
    harness = Harness()
    before = harness.engine.digest()
    assert error_code(harness.order("bid", "0.56", **more)) == (400, expected)
    assert harness.engine.digest() == before


def test_null_fields_count_as_absent():
    harness = Harness()
    harness.place("bid", "0.56", client_order_id=None, post_only=None, expiration_time=None)


@pytest.mark.parametrize("body", ["text", [], 5])
def test_a_body_that_is_no_object_is_a_bad_request(body):
    assert error_code(Harness().call("CreateOrderV2", body)) == (400, "bad_request")


def test_an_absent_body_is_an_invalid_content_type():
    assert error_code(Harness().call("CreateOrderV2")) == (400, "invalid_content_type")


def test_bands_open_finer_prices_and_whole_cents_stay_valid_everywhere():
    harness = Harness()
    bands = [
        {"start": "0.0000", "end": "0.1000", "step": "0.0010"},
        {"start": "0.9500", "end": "1.0000", "step": "0.0001"},
    ]
    harness.admin(admin.add_market("FINE", price_ranges=bands))
    for price in ("0.0010", "0.099", "0.9501", "0.9999", "0.50", "0.01"):
        assert harness.order("bid", price, "1", ticker="FINE").status == 201, price
    for price in ("0.0005", "0.5001", "0.1010", "0.9499"):
        assert error_code(harness.order("bid", price, "1", ticker="FINE")) == (400, "invalid_order")


def test_a_closed_market_takes_no_orders_and_keeps_none():
    harness = Harness()
    order = harness.place("bid", "0.40")
    harness.admin(admin.close_market(TICKER))
    assert harness.stored_order(order)["reason"] == "closed"
    assert error_code(harness.order("bid", "0.40")) == (409, "market_closed")


def test_a_client_order_id_is_refused_forever_by_default_whatever_the_payload():
    harness = Harness()
    order = harness.place("bid", "0.40", client_order_id="one")
    answer = harness.order("ask", "0.70", "3", client_order_id="one")
    assert error_code(answer) == (409, "order_already_exists")
    assert "order_id" not in str(answer.body)
    harness.cancel(order)
    harness.wait(86_400 * 30)
    assert harness.order("bid", "0.40", client_order_id="one").status == 409
    assert harness.order("bid", "0.40", client_order_id="one", by="bob").status == 201


def test_a_client_order_id_is_free_again_when_its_order_is_gone_if_so_switched():
    harness = Harness(dedupe="while_open")
    order = harness.place("bid", "0.40", client_order_id="one")
    assert harness.order("bid", "0.40", client_order_id="one").status == 409
    harness.cancel(order)
    assert harness.order("bid", "0.40", client_order_id="one").status == 201


def test_a_client_order_id_is_free_again_after_some_seconds_if_so_switched():
    harness = Harness(dedupe="seconds", dedupe_seconds=60)
    order = harness.place("bid", "0.40", client_order_id="one")
    harness.wait(61)
    assert harness.order("bid", "0.40", client_order_id="one").status == 409
    harness.cancel(order)
    assert harness.order("bid", "0.40", client_order_id="one").status == 201


def test_empty_client_order_ids_never_collide():
    harness = Harness()
    harness.place("bid", "0.40", client_order_id="")
    harness.place("bid", "0.40", client_order_id="")
    harness.place("bid", "0.40")


def test_a_refused_order_does_not_take_its_client_order_id():
    harness = Harness()
    assert harness.order("bid", "0.565", client_order_id="one").status == 400
    harness.place("bid", "0.40", client_order_id="one")


def test_no_more_than_so_many_orders_may_be_open():
    harness = Harness(max_open_orders=2)
    first = harness.place("bid", "0.01")
    harness.place("bid", "0.01")
    assert error_code(harness.order("bid", "0.01")) == (400, "invalid_order")
    harness.cancel(first)
    harness.place("bid", "0.01")


def test_an_order_worth_too_much_is_refused_when_there_is_a_limit():
    harness = Harness(notional_limit=4)
    harness.place("bid", "0.40")
    assert error_code(harness.order("bid", "0.41")) == (400, "NOTIONAL_RISK_LIMIT_EXCEEDED")
    assert error_code(harness.order("ask", "0.50")) == (400, "NOTIONAL_RISK_LIMIT_EXCEEDED")
