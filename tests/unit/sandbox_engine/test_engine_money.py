"""Money: reservations, positions, settlements, subaccounts, shards, payments."""

from __future__ import annotations

import pytest
from engine_harness import TICKER, Harness, error_code

from kalshi_ext.sandbox.engine import admin


def reserved(harness: Harness, account: str = "amy") -> str:
    return str(harness.truth.balances(account=account)[0]["reserved"])


def test_a_bid_reserves_its_price_and_an_ask_the_rest_of_the_dollar():
    harness = Harness()
    harness.place("bid", "0.40")
    assert reserved(harness) == "4.0000"
    harness.place("ask", "0.70")
    assert reserved(harness) == "7.0000"
    assert harness.get("GetBalance")["balance_dollars"] == "993.0000"
    harness.call("CancelAllOrders")
    assert reserved(harness) == "0.0000"


def test_an_ask_that_closes_a_position_reserves_nothing():
    harness = Harness()
    harness.place("ask", "0.40", by="bob")
    harness.place("bid", "0.40")
    harness.place("ask", "0.60")
    assert reserved(harness) == "0.0000"
    harness.place("ask", "0.80")
    assert reserved(harness) == "2.0000"
    harness.place("ask", "0.70")
    assert reserved(harness) == "5.0000"


def test_balances_can_be_told_with_what_is_reserved():
    harness = Harness(balance_shows="cash")
    harness.place("bid", "0.40")
    assert harness.get("GetBalance")["balance_dollars"] == "1000.0000"


def test_the_taker_fee_must_be_affordable_too():
    harness = Harness(funds="4")
    harness.place("ask", "0.40", by="bob", count="5")
    assert harness.order("bid", "0.40").status == 400
    assert harness.order("bid", "0.40", "9").status == 201


@pytest.mark.parametrize(
    ("mode", "reserve"), [("sum", "7.0000"), ("max", "4.0000"), ("none", "0.0000")]
)
def test_what_resting_orders_reserve_is_an_accounts_choice(mode, reserve):
    harness = Harness()
    body = {
        "allocations": [{"exchange_index": 0, "percent": 100}],
        "resting_margin_reservation": mode,
    }
    assert harness.call("SetTargetBalanceAllocation", body).status == 200
    assert harness.get("GetTargetBalanceAllocation")["resting_margin_reservation"] == mode
    harness.place("bid", "0.40")
    harness.place("ask", "0.70")
    assert reserved(harness) == reserve


def test_a_maker_that_reserved_nothing_and_cannot_pay_is_cancelled_when_its_turn_comes():
    harness = Harness(reservation="none", funds="5")
    unpaid = harness.place("bid", "0.50")
    second = harness.place("bid", "0.40")
    harness.admin(admin.fund("bob", "100"))
    answer = harness.order("ask", "0.40", "10", by="bob")
    assert harness.stored_order(unpaid)["fill_count_fp"] == "10.00"
    answer = harness.order("ask", "0.40", "10", by="bob")
    assert answer.body["fill_count"] == "0.00"
    assert harness.stored_order(second)["reason"] == "insufficient_balance"


def test_total_resting_value_adds_up_what_resting_orders_cost_in_cents():
    harness = Harness()
    harness.place("bid", "0.40")
    harness.place("ask", "0.70")
    body = harness.get("GetPortfolioRestingOrderTotalValue")
    assert body["total_resting_order_value"] == 700
    assert body["resting_order_value_breakdown"] == [{"exchange_index": 0, "balance": "7.0000"}]


def test_total_resting_value_is_for_fcm_members_only_when_so_switched():
    harness = Harness(fcm_only_resting_value=True)
    harness.admin(admin.set_account("amy", fcm=False))
    assert error_code(harness.call("GetPortfolioRestingOrderTotalValue")) == (
        403,
        "permission_denied",
    )
    assert harness.call("GetPortfolioRestingOrderTotalValue", by="bob").status == 200


def test_a_position_is_told_with_cost_profit_and_fees():
    harness = Harness()
    harness.place("ask", "0.40", by="bob")
    harness.place("bid", "0.40")
    harness.place("bid", "0.50", "4", by="bob")
    harness.place("ask", "0.50", "4")
    row = harness.get("GetPositions")["market_positions"][0]
    assert row["position_fp"] == "6.00"
    assert row["market_exposure_dollars"] == "2.4000"
    assert row["realized_pnl_dollars"] == "0.4000"
    assert row["total_traded_dollars"] == "6.0000"
    event = harness.get("GetPositions")["event_positions"][0]
    assert (event["event_ticker"], event["event_exposure_dollars"]) == ("KXTEST-26NOV23", "2.4000")


def test_a_sale_through_zero_turns_the_position():
    harness = Harness()
    harness.place("ask", "0.40", by="bob")
    harness.place("bid", "0.40")
    harness.place("bid", "0.50", "15", by="bob")
    harness.place("ask", "0.50", "15")
    row = harness.truth.positions(account="amy")[0]
    assert (row["position"], row["cost"], row["realized"]) == ("-5.00", "2.5000", "1.0000")


def open_position(harness: Harness) -> None:
    """Give amy 10 YES at 0.40 and bob the NO."""
    harness.admin(admin.set_fees(TICKER, fee_rate="0"))
    harness.place("bid", "0.40")
    harness.place("ask", "0.40", by="bob")


@pytest.mark.parametrize(
    ("result", "value", "amy", "bob"),
    [
        ("yes", None, "1006.0000", "994.0000"),
        ("no", None, "996.0000", "1004.0000"),
        ("scalar", "0.25", "998.5000", "1001.5000"),
    ],
)
def test_a_settlement_pays_a_dollar_a_pair_as_the_result_says(result, value, amy, bob):
    harness = Harness()
    open_position(harness)
    resting = harness.place("bid", "0.30")
    harness.admin(admin.settle(TICKER, result, value=value))
    assert (harness.cash("amy"), harness.cash("bob")) == (amy, bob)
    assert harness.stored_order(resting)["status"] == "canceled"
    harness.engine.check_invariants(history=True)


def test_a_settlement_row_tells_counts_costs_and_revenue_in_cents():
    harness = Harness()
    open_position(harness)
    harness.admin(admin.settle(TICKER, "scalar", value="0.25"))
    row = harness.get("GetSettlements")["settlements"][0]
    assert row["market_result"] == "scalar"
    assert (row["revenue"], row["value"]) == (250, 25)
    assert (row["yes_count_fp"], row["yes_total_cost_dollars"]) == ("10.00", "4.0000")
    opposite = harness.get("GetSettlements", by="bob")["settlements"][0]
    assert (opposite["revenue"], opposite["no_count_fp"]) == (750, "10.00")


def test_settled_positions_are_told_only_when_asked_for():
    harness = Harness()
    open_position(harness)
    harness.admin(admin.settle(TICKER, "yes"))
    assert harness.get("GetPositions")["market_positions"] == []
    for status in ("settled", "all"):
        rows = harness.get("GetPositions", settlement_status=status)["market_positions"]
        assert [row["realized_pnl_dollars"] for row in rows] == ["6.0000"]
    assert harness.call("GetPositions", settlement_status="never").status == 400


def test_a_market_settles_once():
    harness = Harness()
    harness.admin(admin.settle(TICKER, "yes"))
    assert harness.execute(admin.settle(TICKER, "no")).status == 400
    assert error_code(harness.order("bid", "0.40")) == (409, "market_closed")


@pytest.mark.parametrize(
    ("result", "value"), [("scalar", None), ("scalar", "1.5"), ("maybe", None)]
)
def test_an_impossible_result_settles_nothing(result, value):
    harness = Harness()
    assert harness.execute(admin.settle(TICKER, result, value=value)).status == 400
    harness.place("bid", "0.40")
