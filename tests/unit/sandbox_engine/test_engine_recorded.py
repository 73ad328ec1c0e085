"""What was recorded from the real exchange, and differs from what one would guess."""

from __future__ import annotations

from datetime import timedelta

import pytest
from engine_harness import START, TICKER, UNKNOWN, Harness, error_code

from kalshi_ext.sandbox.engine import Engine, Settings, admin


@pytest.mark.parametrize("body", [{"price": 0.56}, {"count": 1}, {"client_order_id": 7}])
def test_json_of_the_wrong_type_and_an_empty_body_are_refused_flat(body):
    harness = Harness()
    assert harness.order("bid", "0.56", **body).body["code"] == "bad_request"
    assert harness.call("CreateOrderV2").body["code"] == "invalid_content_type"
    assert harness.order("bid", "0.565").body["error"]["code"] == "invalid_order"  # others: nested


@pytest.mark.parametrize("order_id", ["x", UNKNOWN[:-1], UNKNOWN + "0", "{" + UNKNOWN + "}"])
def test_an_order_id_that_is_no_uuid_is_a_400(order_id):
    harness = Harness()
    path = {"order_id": order_id}
    assert error_code(harness.cancel(order_id)) == (400, "invalid_UUID")
    for operation in ("GetOrder", "GetOrderQueuePosition"):
        assert error_code(harness.call(operation, path=path)) == (400, "invalid_UUID")
    assert error_code(harness.cancel(UNKNOWN)) == (404, "not_found")


def test_a_balance_of_one_shard_keeps_every_row_of_the_breakdown():
    harness = Harness()
    harness.admin(admin.add_market("COIN", exchange_index=2))
    harness.admin(admin.fund("amy", "5", exchange_index=2))
    body = harness.get("GetBalance", exchange_index=2)
    assert body["balance"] == 500
    assert [row["exchange_index"] for row in body["balance_breakdown"]] == [0, 2]


def test_an_order_on_a_shard_without_money_is_of_a_user_that_is_not_found():
    harness = Harness()
    harness.admin(admin.add_market("COIN", exchange_index=2))
    before = harness.engine.digest()
    assert error_code(harness.order("bid", "0.40", ticker="COIN")) == (404, "user_not_found")
    assert harness.engine.digest() == before


def test_a_paused_market_takes_no_orders_and_lets_cancels_through():
    harness = Harness()
    order = harness.place("bid", "0.40")
    harness.admin(admin.add_market("OTHER"))
    harness.admin(admin.pause(ticker=TICKER))
    assert error_code(harness.order("bid", "0.40")) == (400, "MARKET_NOT_ACTIVE")
    assert error_code(harness.amend(order, "bid", "0.41", "10")) == (400, "MARKET_NOT_ACTIVE")
    assert harness.order("bid", "0.40", ticker="OTHER").status == 201
    assert harness.cancel(order).status == 200
    harness.admin(admin.resume(ticker=TICKER))
    assert harness.order("bid", "0.40").status == 201


def test_resuming_ends_the_pause_that_is_named_and_no_other():
    harness = Harness()
    harness.admin(admin.add_market("COIN", exchange_index=2))
    until = START + timedelta(hours=1)
    harness.admin(admin.pause("trading", until=until))
    harness.admin(admin.pause("transfers"))
    harness.admin(admin.resume("transfers"))
    status = harness.get("GetExchangeStatus")
    assert status["intra_exchange_transfers_active"]
    assert not status["trading_active"]
    assert status["exchange_estimated_resume_time"] == "2026-11-23T16:00:00.000000Z"
    harness.admin(admin.resume("trading", exchange_index=2))
    status = harness.get("GetExchangeStatus")
    assert status["exchange_estimated_resume_time"] is not None  # shard 0 is paused still
    assert error_code(harness.order("bid", "0.40"))[0] == 409
    harness.admin(admin.resume("trading"))
    assert harness.get("GetExchangeStatus")["exchange_estimated_resume_time"] is None
    assert harness.order("bid", "0.40").status == 201


def test_rate_limits_are_on_and_told_by_the_account():
    assert Settings().rate_limits
    harness = Harness(rate_limits=True)
    told = harness.get("GetAccountApiLimits")["write"]
    assert told == {"refill_rate": 100, "bucket_capacity": 100}
    statuses = [harness.order("bid", "0.01", "1").status for _ in range(12)]
    assert statuses == [201] * 10 + [429] * 2
    harness.wait(0.1)  # 10 tokens
    assert harness.order("bid", "0.01", "1").status == 201


def test_a_batch_of_500_orders_is_refused_by_default():
    assert Engine().digest() == Engine(Settings(rate_limits=True)).digest()
    harness = Harness(rate_limits=True)
    body = {
        "ticker": TICKER,
        "side": "bid",
        "price": "0.01",
        "count": "1",
        "time_in_force": "good_till_canceled",
        "self_trade_prevention_type": "taker_at_cross",
    }
    assert harness.call("BatchCreateOrdersV2", {"orders": [body] * 500}).status == 429


def test_queue_positions_need_a_scope_and_are_null_when_empty():
    harness = Harness()
    refused = harness.call("GetOrderQueuePositions")
    assert (refused.status, set(refused.body)) == (400, {"msg"})
    assert "market_tickers" in refused.body["msg"]
    assert harness.get("GetOrderQueuePositions", market_tickers=TICKER) == {"queue_positions": None}


def test_fields_that_are_not_set_are_left_out_of_an_order():
    optional = {"expiration_time", "order_group_id", "cancel_order_on_pause"}
    harness = Harness()
    plain = harness.stored_order(harness.place("bid", "0.40"))
    assert not optional & plain.keys()
    when = int(harness.now.timestamp()) + 60
    full = harness.place("bid", "0.40", expiration_time=when, cancel_order_on_pause=True)
    assert optional & harness.stored_order(full).keys() == optional - {"order_group_id"}
    nulls = Harness(unset_fields="null")
    row = nulls.stored_order(nulls.place("bid", "0.40"))
    assert [row[name] for name in sorted(optional)] == [False, None, None]


def test_an_order_may_end_later_than_its_expiry():
    harness = Harness(expiry_late_seconds=120)
    when = int(harness.now.timestamp()) + 60
    order = harness.place("bid", "0.40", expiration_time=when)
    harness.wait(100)
    harness.engine.advance(now=harness.now)
    assert harness.stored_order(order)["status"] == "resting"
    harness.wait(100)
    harness.engine.advance(now=harness.now)
    assert harness.stored_order(order)["status"] == "canceled"


def test_an_allocation_that_was_never_chosen_is_an_empty_list():
    harness = Harness()
    assert harness.get("GetTargetBalanceAllocation") == {"allocations": []}
    rows = [{"exchange_index": 0, "percent": 100}]
    assert harness.call("SetTargetBalanceAllocation", {"allocations": rows}).status == 200
    assert harness.get("GetTargetBalanceAllocation")["allocations"] == rows
