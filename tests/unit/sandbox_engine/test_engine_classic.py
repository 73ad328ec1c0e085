"""The classic contract over the same books."""

from __future__ import annotations

import pytest
from engine_harness import TICKER, Harness, error_code

from kalshi_ext.sandbox.engine import RETIRED, Caller, admin


def place_classic(harness: Harness, side: str, action: str, /, by: str = "amy", **more: object):
    body = {"ticker": TICKER, "side": side, "action": action, "count": 10, "type": "limit"}
    return harness.call("createOrder", body | more, by=by)


@pytest.mark.parametrize(
    ("side", "action", "price", "book_side", "yes_price"),
    [
        ("yes", "buy", {"yes_price": 40}, "bid", "0.4000"),
        ("no", "sell", {"no_price": 60}, "bid", "0.4000"),
        ("no", "sell", {"yes_price": 40}, "bid", "0.4000"),
        ("no", "buy", {"no_price": 60}, "ask", "0.4000"),
        ("yes", "sell", {"yes_price": 40}, "ask", "0.4000"),
        ("yes", "sell", {"no_price": 60}, "ask", "0.4000"),
    ],
)
def test_yes_and_no_buy_and_sell_land_on_the_right_side_of_one_book(
    side, action, price, book_side, yes_price
):
    harness = Harness()
    order = place_classic(harness, side, action, **price).body["order"]
    row = harness.stored_order(order["order_id"])
    assert (row["book_side"], row["yes_price_dollars"]) == (book_side, yes_price)
    assert (order["side"], order["action"]) == (side, action)
    assert (order["yes_price"], order["no_price"]) == (40, 60)


def test_orders_of_both_contracts_trade_with_each_other():
    harness = Harness()
    order = harness.place("bid", "0.40")
    answer = place_classic(harness, "no", "buy", no_price=60, by="bob")
    assert answer.body["order"]["status"] == "executed"
    assert harness.stored_order(order)["status"] == "executed"
    fill = harness.get("getFills", by="bob")["fills"][0]
    assert (fill["side"], fill["action"], fill["price"], fill["count"]) == ("no", "buy", 60, 10)
    assert harness.get("getFills")["fills"][0]["price"] == 40


def test_the_six_order_writes_are_gone_on_todays_exchange_and_the_reads_are_not():
    harness = Harness(classic_writes="retired")
    for operation in sorted(RETIRED):
        answer = harness.call(operation, {}, path={"order_id": "x"})
        assert error_code(answer) == (410, "deprecated_v1_order_endpoint")
    assert harness.get("getBalance") == {"balance": 100_000}


def test_a_market_order_takes_what_it_needs_and_never_rests():
    harness = Harness()
    harness.place("ask", "0.40", "3", by="bob")
    harness.place("ask", "0.90", "4", by="bob")
    order = place_classic(harness, "yes", "buy", type="market").body["order"]
    assert (order["fill_count"], order["remaining_count"], order["status"]) == (7, 0, "canceled")


def test_a_market_orders_max_cost_is_kept():
    harness = Harness()
    harness.place("ask", "0.40", "3", by="bob")
    harness.place("ask", "0.90", "4", by="bob")
    order = place_classic(harness, "yes", "buy", type="market", buy_max_cost=250).body["order"]
    assert order["fill_count"] == 4


def test_a_sale_with_floor_zero_does_not_turn_the_position():
    harness = Harness()
    harness.place("ask", "0.40", "4", by="bob")
    harness.place("bid", "0.40", "4")
    harness.place("bid", "0.30", "40", by="bob")
    answer = place_classic(harness, "yes", "sell", type="market", sell_position_floor=0)
    assert answer.body["order"]["fill_count"] == 4
    again = place_classic(harness, "yes", "sell", type="market", sell_position_floor=0)
    assert error_code(again) == (400, "invalid_order")


def test_an_expiry_in_the_past_makes_an_order_immediate_or_cancel():
    harness = Harness()
    order = place_classic(harness, "yes", "buy", yes_price=40, expiration_ts=1).body["order"]
    assert order["status"] == "canceled"
    when = int(harness.now.timestamp()) + 5
    order = place_classic(harness, "yes", "buy", yes_price=40, expiration_ts=when).body["order"]
    assert order["expiration_time"] == "2026-11-23T15:00:05.000000Z"
    harness.wait(5)
    assert (
        harness.get("getOrder", path={"order_id": order["order_id"]})["order"]["status"]
        == "canceled"
    )


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, "missing_parameters"),
        ({"yes_price": 40, "no_price": 60}, "invalid_parameters"),
        ({"yes_price": 0}, "invalid_price"),
        ({"yes_price": 100}, "invalid_price"),
        ({"yes_price": "40"}, "bad_request"),
        ({"yes_price": 40.5}, "bad_request"),
        ({"yes_price": 40, "count": 0}, "invalid_order_size"),
        ({"yes_price": 40, "count": 1.5}, "bad_request"),
        ({"yes_price": 40, "side": "bid"}, "invalid_parameters"),
        ({"yes_price": 40, "type": "stop"}, "invalid_parameters"),
        ({"yes_price": 40, "count": 10**6}, "insufficient_balance"),
    ],
)
def test_a_wrong_classic_order_is_refused(more, expected):
    assert error_code(place_classic(Harness(), "yes", "buy", **more)) == (400, expected)


def test_amend_decrease_and_cancel_answer_the_order():
    harness = Harness()
    order = place_classic(harness, "yes", "buy", yes_price=40, client_order_id="one").body["order"]
    path = {"order_id": order["order_id"]}
    body = {
        "ticker": TICKER,
        "side": "yes",
        "action": "buy",
        "client_order_id": "one",
        "updated_client_order_id": "two",
        "yes_price": 41,
    }
    amended = harness.call("amendOrder", body, path=path).body["order"]
    assert (amended["yes_price"], amended["client_order_id"], amended["count"]) == (41, "two", 10)
    reduced = harness.call("decreaseOrder", {"reduce_by": 3}, path=path).body["order"]
    assert reduced["remaining_count"] == 7
    answer = harness.call("cancelOrder", path=path).body
    assert (answer["reduced_by"], answer["order"]["status"]) == (7, "canceled")
    assert error_code(harness.call("cancelOrder", path=path)) == (404, "not_found")
    assert harness.call("decreaseOrder", {"reduce_by": 0}, path=path).status == 400


def test_batches_answer_each_entry_with_an_order_or_an_error():
    harness = Harness()
    entry = {"ticker": TICKER, "side": "yes", "action": "buy", "count": 1, "type": "limit"}
    body = {"orders": [entry | {"yes_price": 40}, entry, 7]}
    rows = harness.call("batchCreateOrders", body).body["responses"]
    assert [row["error"]["error"]["code"] for row in rows[1:]] == [
        "missing_parameters",
        "bad_request",
    ]
    order = rows[0]["order"]["order_id"]
    rows = harness.call("batchCancelOrders", {"order_ids": [order, order, 5]}).body["responses"]
    assert [row["reduced_by"] for row in rows] == [1, 0, 0]


def test_queue_positions_are_asked_by_order_id():
    harness = Harness()
    harness.place("bid", "0.40", "5", by="bob")
    order = place_classic(harness, "yes", "buy", yes_price=40).body["order"]["order_id"]
    answer = harness.call("getQueuePositions", {"order_ids": [order, "unknown"]})
    assert answer.body == {"queue_positions": {order: 5}}
    assert harness.get("getOrderQueuePosition", path={"order_id": order}) == {"queue_position": 5}
    assert harness.call("getQueuePositions", {"order_ids": [5]}).status == 400


def test_groups_are_reset_with_a_post_and_answer_nothing():
    harness = Harness()
    group = harness.call("createOrderGroup", {"contracts_limit": 5}).body["order_group_id"]
    path = {"order_group_id": group}
    place_classic(harness, "yes", "buy", yes_price=40, order_group_id=group)
    assert harness.get("getOrderGroups")["order_groups"][0]["id"] == group
    assert harness.get("getOrderGroups", status="triggered")["order_groups"] == []
    for operation in ("resetOrderGroup", "deleteOrderGroup"):
        answer = harness.call(operation, path=path)
        assert (answer.status, answer.body) == (204, None)
    assert harness.call("deleteOrderGroup", path=path).status == 404
    assert harness.call("createOrderGroup", {}).status == 201
    assert harness.call("createOrderGroup", {"contracts_limit": 0}).status == 400


def test_positions_settlements_and_resting_value_are_in_cents():
    harness = Harness()
    harness.admin(admin.set_fees(TICKER, fee_rate="0"))
    harness.place("bid", "0.40")
    harness.place("ask", "0.40", "6", by="bob")
    body = harness.get("getPositions")
    assert body["market_positions"][0]["position"] == 6
    assert body["market_positions"][0]["resting_order_count"] == 1
    assert body["event_positions"][0]["total_cost"] == 240
    assert harness.get("getPositions", by="bob")["market_positions"][0]["position"] == -6
    assert harness.get("getTotalRestingOrderValue") == {"total_resting_order_value": 160}
    assert harness.get("getBalance") == {"balance": 99_600}
    harness.admin(admin.settle(TICKER, "scalar", value="0.75"))
    row = harness.get("getSettlements")["settlements"][0]
    assert (row["result"], row["yes_count"], row["revenue"]) == ("yes", 6, 450)


def test_a_finer_order_is_cut_off_to_cents_and_whole_contracts():
    harness = Harness()
    bands = [{"start": "0.0000", "end": "1.0000", "step": "0.0001"}]
    harness.admin(admin.add_market("FINE", price_ranges=bands))
    order = harness.place("bid", "0.4099", "1.75", ticker="FINE")
    row = harness.get("getOrder", path={"order_id": order})["order"]
    assert (row["yes_price"], row["no_price"], row["count"]) == (40, 60, 1)


def test_a_locked_key_sees_and_cancels_its_own_subaccount_only():
    harness = Harness()
    order = place_classic(harness, "yes", "buy", yes_price=40).body["order"]["order_id"]
    locked = Caller("amy", subaccount=1)
    assert harness.call("cancelOrder", by=locked, path={"order_id": order}).status == 404
    assert harness.get("getOrders", by=locked)["orders"] == []
    assert harness.get("getBalance", by=locked) == {"balance": 0}


def test_the_recorded_dialect_has_the_names_numbers_and_statuses_of_the_wire():
    harness = Harness(classic_dialect="recorded")
    harness.place("ask", "0.40", "4", by="bob")
    order = place_classic(harness, "yes", "buy", yes_price=40).body["order"]
    assert "updated_time" not in order
    assert order["last_update_time"].endswith("Z")
    assert (order["taker_fill_cost"], order["taker_fill_cost_dollars"]) == (160, "1.6000")
    fill = harness.get("getFills", by="bob")["fills"][0]
    assert (fill["price"], fill["yes_price"], fill["no_price"]) == (0.4, 40, 60)
    assert fill["yes_price_fixed"] == "0.4000"
    balance = harness.get("getBalance")
    assert balance["portfolio_value"] == 160
    assert balance["updated_ts"] > 1_700_000_000
    body = harness.get("getPositions")
    assert body["market_positions"][0]["market_exposure"] == 160
    assert body["market_positions"][0]["total_traded"] == 160
    assert body["event_positions"][0]["total_cost_shares"] == 4
    queue = harness.get("GetOrderQueuePositions", market_tickers=TICKER)["queue_positions"]
    assert queue == [{"order_id": order["order_id"], "market_ticker": TICKER, "queue_position": 0}]
    batch = harness.call("batchCancelOrders", {"order_ids": [order["order_id"]]})
    assert (batch.status, batch.body["orders"][0]["reduced_by"]) == (200, 6)
    entry = {"ticker": TICKER, "side": "yes", "action": "buy", "count": 1, "type": "limit"}
    batch = harness.call("batchCreateOrders", {"orders": [entry | {"yes_price_dollars": "0.3000"}]})
    assert (batch.status, batch.body["orders"][0]["order"]["yes_price"]) == (201, 30)
    group = harness.call("createOrderGroup", {"contracts_limit": 5}).body["order_group_id"]
    answer = harness.call("deleteOrderGroup", path={"order_group_id": group})
    assert (answer.status, answer.body) == (200, {})
    harness.admin(admin.settle(TICKER, "scalar", value="0.75"))
    row = harness.get("getSettlements")["settlements"][0]
    assert row["market_result"] == "scalar"
    assert "result" not in row


@pytest.mark.parametrize("operation", ["GetOrder", "getOrder"])
def test_an_order_off_shard_0_is_a_404_without_its_ticker_when_so_switched(operation):
    for reaches, expected in (("every_shard", 200), ("shard_0", 404)):
        harness = Harness(get_order_reaches=reaches)
        harness.admin(admin.add_market("FAR", exchange_index=2))
        harness.admin(admin.fund("amy", "100", exchange_index=2))
        near, far = harness.place("bid", "0.40"), harness.place("bid", "0.40", ticker="FAR")
        assert harness.call(operation, path={"order_id": near}).status == 200
        assert harness.call(operation, path={"order_id": far}).status == expected
        named = harness.call(operation, path={"order_id": far}, market_ticker="FAR")
        assert named.status == 200
