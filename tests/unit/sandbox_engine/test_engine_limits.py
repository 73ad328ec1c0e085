"""Token buckets, pauses, public facts, levels, switches."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from engine_harness import TICKER, UNKNOWN, Harness, error_code

from kalshi_ext.sandbox.engine import ApiRequest, Caller, Engine, Settings, UnknownSetting, admin
from kalshi_ext.sandbox.engine.operations import OPERATIONS
from kalshi_ext.sandbox.engine.rate_limits import TIERS, bucket_capacity


def test_a_read_costs_ten_tokens_and_the_bucket_fills_again():
    harness = Harness(rate_limits=True)
    answers = [harness.call("GetBalance") for _ in range(41)]
    assert [answer.status for answer in answers] == [200] * 40 + [429]
    assert answers[-1].body == {"error": "too many requests"}
    harness.wait(0.05)
    assert [harness.call("GetBalance").status for _ in range(2)] == [200, 429]


def test_reads_and_writes_have_buckets_of_their_own():
    harness = Harness(rate_limits=True)
    assert [harness.order("bid", "0.01", "1").status for _ in range(11)] == [201] * 10 + [429]
    assert harness.call("GetBalance").status == 200
    assert harness.order("bid", "0.01", "1", by="bob").status == 201


def test_a_cancel_costs_two():
    harness = Harness(rate_limits=True)
    answers = [harness.cancel(UNKNOWN).status for _ in range(51)]
    assert answers == [404] * 50 + [429]


def test_a_batch_bills_each_entry_and_must_fit_at_once():
    harness = Harness(rate_limits=True)
    entry = {
        "ticker": TICKER,
        "side": "bid",
        "price": "0.01",
        "count": "1",
        "time_in_force": "good_till_canceled",
        "self_trade_prevention_type": "maker",
    }
    assert harness.call("BatchCreateOrdersV2", {"orders": [entry] * 11}).status == 429
    assert harness.call("BatchCreateOrdersV2", {"orders": [entry] * 10}).status == 201
    assert harness.order("bid", "0.01").status == 429
    cancels = {"orders": [{"order_id": "x"}] * 10}
    assert harness.call("BatchCancelOrdersV2", cancels, by="bob").status == 200


def test_a_write_that_names_a_shard_draws_on_that_shards_own_bucket():
    harness = Harness(rate_limits=True)
    for _ in range(10):
        assert harness.order("bid", "0.01", "1").status == 201
    assert harness.order("bid", "0.01", "1", exchange_index=0).status == 429
    assert harness.order("bid", "0.01", "1", exchange_index=-1).status == 429
    assert error_code(harness.order("bid", "0.01", "1", exchange_index=2)) == (
        400,
        "invalid_parameters",
    )
    assert harness.cancel(UNKNOWN, exchange_index=2).status == 404
    assert harness.cancel(UNKNOWN).status == 429


@pytest.mark.parametrize(
    ("tier", "read", "write"),
    [
        ("basic", 400, 100),
        ("advanced", 600, 600),
        ("expert", 600, 1200),
        ("premier", 1000, 2000),
        ("prestige", 10000, 16000),
    ],
)
def test_a_tiers_buckets_are_as_documented(tier, read, write):
    assert (bucket_capacity(tier, read=True), bucket_capacity(tier, read=False)) == (read, write)
    harness = Harness(rate_limits=True)
    harness.admin(admin.set_account("amy", tier=tier))
    body = harness.get("GetAccountApiLimits")
    assert body["usage_tier"] == tier
    assert body["read"] == {"refill_rate": TIERS[tier][0], "bucket_capacity": read}
    assert body["write"] == {"refill_rate": TIERS[tier][1], "bucket_capacity": write}


def test_an_account_may_be_upgraded_from_basic_once():
    harness = Harness()
    assert harness.call("UpgradeAccountApiUsageLevel").status == 201
    assert harness.get("GetAccountApiLimits")["usage_tier"] == "advanced"
    assert error_code(harness.call("UpgradeAccountApiUsageLevel")) == (403, "permission_denied")


def test_volume_progress_counts_the_contracts_of_30_days():
    harness = Harness()
    harness.place("bid", "0.40", "3")
    harness.place("ask", "0.40", "3", by="bob")
    body = harness.get("GetAccountApiUsageLevelVolumeProgress")
    assert body["volume_progress"][0]["trailing_30d_volume_fp"] == "3.00"
    harness.wait(31 * 86_400)
    body = harness.get("GetAccountApiUsageLevelVolumeProgress")
    assert body["volume_progress"][0]["trailing_30d_volume_fp"] == "0.00"


def test_costs_are_public_and_name_the_cheap_cancels():
    body = Harness().get("GetAccountEndpointCosts")
    assert body["default_cost"] == 10
    assert {row["cost"] for row in body["endpoint_costs"]} == {2}


def test_a_trading_pause_refuses_orders_and_allows_cancels():
    harness = Harness()
    order = harness.place("bid", "0.40")
    cancels_on_pause = harness.place("bid", "0.40", cancel_order_on_pause=True)
    harness.admin(admin.pause("trading"))
    assert error_code(harness.order("bid", "0.40")) == (409, "trading_is_paused")
    assert error_code(harness.amend(order, "bid", "0.41", "10")) == (409, "trading_is_paused")
    assert harness.stored_order(cancels_on_pause)["reason"] == "pause"
    assert harness.cancel(order).status == 200
    harness.admin(admin.resume("trading"))
    harness.place("bid", "0.40")


def test_an_exchange_pause_allows_nothing():
    harness = Harness()
    order = harness.place("bid", "0.40")
    harness.admin(admin.pause("exchange"))
    assert error_code(harness.order("bid", "0.40")) == (503, "service_unavailable")
    assert error_code(harness.cancel(order)) == (503, "service_unavailable")
    assert harness.call("CancelAllOrders").status == 503
    status = harness.get("GetExchangeStatus")
    assert (status["exchange_active"], status["trading_active"]) == (False, False)


def test_a_pause_of_one_shard_leaves_the_others():
    harness = Harness()
    harness.admin(
        admin.pause("trading", exchange_index=2, until=datetime(2026, 11, 24, tzinfo=UTC))
    )
    harness.place("bid", "0.40")
    status = harness.get("GetExchangeStatus")
    assert status["trading_active"] is True
    assert status["exchange_estimated_resume_time"] == "2026-11-24T00:00:00.000000Z"
    paused = [row for row in status["exchange_index_statuses"] if not row["trading_active"]]
    assert [row["exchange_index"] for row in paused] == [2]


def test_transfers_can_be_paused():
    harness = Harness()
    harness.admin(admin.pause("transfers"))
    body = {"source": "event_contract", "destination": "margined", "amount": 1}
    assert harness.call("IntraExchangeInstanceTransfer", body).status == 503


def test_trading_pauses_on_thursday_mornings_eastern_when_switched_on():
    harness = Harness(thursday_pause=True)
    order = harness.place("bid", "0.40", cancel_order_on_pause=True)
    for hour, minute, paused in ((7, 59, False), (8, 0, True), (9, 59, True), (10, 0, False)):
        harness.now = datetime(2026, 11, 26, hour, minute, tzinfo=UTC)
        assert (harness.order("bid", "0.40").status == 409) is paused, hour
    assert harness.stored_order(order)["last_update_time"] == "2026-11-26T08:00:00.000000Z"
    harness.now = datetime(2027, 7, 1, 7, 0, tzinfo=UTC)
    assert harness.order("bid", "0.40").status == 409
    harness.admin(admin.configure(thursday_pause=False))
    assert harness.order("bid", "0.40").status == 201


def test_the_schedule_tells_of_the_pause():
    hours = Harness().get("GetExchangeSchedule")["schedule"]["standard_hours"][0]
    assert [row["open_time"] for row in hours["thursday"]] == ["00:00", "05:00"]


def test_only_public_operations_answer_without_a_caller():
    harness = Harness()
    for operation in OPERATIONS:
        answer = harness.execute(ApiRequest(operation.id, path={"ticker": TICKER}))
        assert (answer.status == 401) is not operation.public, operation.id


def test_an_unknown_account_is_told_so():
    answer = Harness().call("GetBalance", by="nobody")
    assert answer.status == 401
    assert answer.body["error"]["details"] == "NOT_FOUND"


@pytest.mark.parametrize("shape", ["nested", "flat"])
def test_errors_of_the_current_contract_have_the_shape_of_the_settings(shape):
    harness = Harness(error_shape=shape)
    error = {"code": "not_found", "message": "not found", "service": "exchange"}
    assert harness.cancel(UNKNOWN).body == ({"error": error} if shape == "nested" else error)
    assert "error" in harness.call("getOrder", path={"order_id": "x"}).body


def test_parameter_errors_may_have_the_usual_shape():
    assert "error" in Harness(parameter_errors="error").call("GetOrders", limit=0).body


@pytest.mark.parametrize(
    "values",
    [{"dedupe": "sometimes"}, {"colour": 1}, {"seed": "1"}, {"rate_limits": 1}, {"batch_max": "5"}],
)
def test_an_unknown_setting_is_named(values):
    with pytest.raises(UnknownSetting, match=next(iter(values))):
        Settings.from_mapping(values)


def test_a_wrong_admin_command_answers_400_and_says_why():
    engine = Engine()
    now = datetime(2026, 11, 23, tzinfo=UTC)
    for command in (
        admin.settle("NONE", "yes"),
        admin.fund("nobody", "1"),
        admin.configure(colour="red"),
        admin.cancel("none"),
        admin.add_account("x", tier="gold"),
        admin.fund("foreign", "one"),
        admin.pause("everything"),
    ):
        answer = engine.execute(command, now=now)
        assert answer.status == 400
        assert answer.body["error"]["message"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"funds": "one"},
        {"subaccounts": []},
        {"subaccounts": 64},
        {"subaccounts": -1},
        {"precision": "x"},
    ],
)
def test_an_account_that_is_refused_is_not_opened(wrong: dict[str, Any]):
    engine = Engine()
    now = datetime(2026, 11, 23, tzinfo=UTC)
    before = engine.digest()
    command = admin.add_account("late", **wrong)
    assert engine.execute(command, now=now).status == 400
    assert engine.digest() == before
    assert engine.execute(admin.add_account("late"), now=now).status == 200


def test_the_exchanges_own_side_may_cancel_and_expire_any_order():
    harness = Harness()
    first, second = harness.place("bid", "0.40"), harness.place("bid", "0.40")
    harness.admin(admin.cancel(first))
    harness.admin(admin.expire(second))
    assert [harness.stored_order(order)["reason"] for order in (first, second)] == [
        "exchange",
        "expired",
    ]
    assert harness.execute(admin.cancel(first)).status == 400


def test_legacy_fields_are_consistent_absent_or_contradicting_as_switched():
    fields_by_mode = {}
    for mode in ("consistent", "absent", "contradicting"):
        harness = Harness(legacy_fields=mode)
        harness.place("bid", "0.40")
        harness.place("ask", "0.40", by="bob")
        row = harness.get("GetFills")["fills"][0]
        fields_by_mode[mode] = (row.get("side"), row.get("action"), row["outcome_side"])
    assert fields_by_mode == {
        "consistent": ("yes", "buy", "yes"),
        "absent": (None, None, "yes"),
        "contradicting": ("no", "buy", "yes"),
    }


def test_a_caller_prints_no_secret_because_it_holds_none():
    assert "amy" in repr(Caller("amy"))
