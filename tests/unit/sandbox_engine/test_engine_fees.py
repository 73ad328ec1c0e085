"""Fees: the documented worked examples to the last digit, and their bounds."""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_UP, Decimal

import pytest
from engine_harness import TICKER, Harness
from hypothesis import given, settings
from hypothesis import strategies as st

from kalshi_ext.sandbox.engine import admin
from kalshi_ext.sandbox.engine.ledger import FeeModel, fill_charge

EXAMPLES = {
    "3 x 1 at 0.055, trade fee 0.0085": (
        "0.055",
        "1",
        "0.0085",
        [6500, 13000, 9500],
        ["0.015000", "0.005000", "0.015000"],
        -70_000,
    ),
    "3 x 0.30 at 0.50, trade fee 0.0041": (
        "0.50",
        "0.30",
        "0.0041",
        [5900, 11800, 7700],
        ["0.010000", "0.000000", "0.010000"],
        -160_000,
    ),
    "3 x 0.03 at 0.3301, the general model": (
        "0.3301",
        "0.03",
        None,
        [9597, 19194, 18791],
        ["0.010097", "0.000097", "0.000097"],
        -20_000,
    ),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_documented_example_comes_out_to_the_last_digit_through_the_whole_engine(name):
    price, count, fixed, _, nets, change = EXAMPLES[name]
    harness = Harness(precision="0.01")  # the examples are of an account that is no direct member
    bands = [{"start": "0.0001", "end": "0.9999", "step": "0.0001"}]
    harness.admin(admin.add_market("FINE", price_ranges=bands, fixed_fee=fixed))
    total = {"0.055": "3", "0.50": "0.90", "0.3301": "0.09"}[price]
    text = price if price != "0.055" else "0.0550"
    for _ in range(3):
        harness.admin(admin.liquidity("FINE", "ask", text, count))
    before = harness.cash("amy")
    order = harness.place("bid", text, total, ticker="FINE")
    fills = harness.truth.fills(order_id=order)
    assert [fill["fee_cost"] for fill in fills] == nets
    assert [fill["count_fp"] for fill in fills] == [f"{float(count):.2f}"] * 3
    rebates = {"0.055": 1, "0.50": 1, "0.3301": 2}[price]
    moved = round((float(harness.cash("amy")) - float(before)) * 1_000_000)
    assert moved == 3 * change + rebates * 10_000


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_step_of_a_documented_example_has_the_documented_accumulator(name):
    price, count, fixed, accumulators, nets, change = EXAMPLES[name]
    units, contracts = round(float(price) * 10_000), round(float(count) * 100)
    given_fee = None if fixed is None else round(float(fixed) * 1_000_000)
    model = FeeModel(70_000, given_fee)
    accumulator = 0
    for expected, net in zip(accumulators, nets, strict=True):
        fee = model.trade_fee(units, contracts)
        bill = fill_charge(
            fee, revenue=-units * contracts, accumulator=accumulator, precision=10_000
        )
        assert accumulator + bill.rounding == expected
        assert bill.change == change
        assert bill.net_fee == round(float(net) * 1_000_000)
        accumulator = bill.accumulator


def test_one_contract_at_52_cents_costs_175_hundredths_of_a_cent():
    assert FeeModel(70_000).trade_fee(5200, 100) == 17_500


def test_the_trade_fee_is_rounded_up_to_a_hundredth_of_a_cent():
    assert FeeModel(70_000).trade_fee(100, 1) == 100


def test_a_direct_member_is_rounded_to_a_hundredth_of_a_cent_only():
    harness = Harness()
    harness.admin(admin.add_account("direct", funds="10", precision="0.0001"))
    harness.place("ask", "0.5600", "0.01")
    harness.place("bid", "0.5600", "0.01", by="direct")
    assert harness.cash("direct") == "9.9942"


@pytest.mark.parametrize("price", ["0.71", "0.929", "0.27", "0.07", "0.52", "0.99"])
def test_a_contract_costs_the_fee_that_was_recorded_at_its_price(price):
    """Six recorded fees of one contract: the general model, rounded up to $0.0001."""
    harness = Harness()
    bands = [{"start": "0.001", "end": "0.999", "step": "0.001"}]
    harness.admin(admin.set_fees(TICKER))
    harness.admin(admin.add_market("FINE", price_ranges=bands))
    text = f"{Decimal(price):.4f}"
    harness.admin(admin.liquidity("FINE", "ask", text, "1"))
    order = harness.place("bid", text, "1", ticker="FINE")
    exact = Decimal("0.07") * Decimal(price) * (1 - Decimal(price))
    [fill] = harness.truth.fills(order_id=order)
    assert Decimal(fill["fee_cost"]) == exact.quantize(Decimal("0.0001"), rounding=ROUND_UP)
    assert len(fill["fee_cost"].partition(".")[2]) == 6


def test_an_average_fee_is_of_one_contract_and_cut_to_four_places():
    harness = Harness()
    bands = [{"start": "0.001", "end": "0.999", "step": "0.001"}]
    harness.admin(admin.add_market("FINE", price_ranges=bands))
    harness.admin(admin.liquidity("FINE", "ask", "0.3330", "3"))
    answer = harness.order("bid", "0.3330", "3", ticker="FINE")
    [fill] = harness.truth.fills(order_id=answer.body["order_id"])
    exact = Decimal(fill["fee_cost"]) / 3
    assert exact != exact.quantize(Decimal("0.0001"))  # else nothing would be cut
    cut = exact.quantize(Decimal("0.0001"), rounding=ROUND_DOWN)
    assert Decimal(answer.body["average_fee_paid"]) == cut


def test_makers_pay_nothing_unless_the_market_says_so():
    harness = Harness()
    harness.place("bid", "0.40")
    harness.place("ask", "0.40", by="bob")
    assert harness.truth.fills(account="amy")[0]["fee_cost"] == "0.000000"
    harness.admin(admin.set_fees(TICKER, maker_fee_rate="0.0175"))
    order = harness.place("bid", "0.40")
    harness.place("ask", "0.40", by="bob")
    assert harness.stored_order(order)["maker_fees_dollars"] == "0.042000"


def test_maker_and_taker_fills_of_one_order_share_its_accumulator():
    harness = Harness(precision="0.01")
    harness.admin(admin.set_fees(TICKER, fixed_fee="0.0041", maker_fee_rate="0"))
    harness.place("ask", "0.50", "0.30", by="bob")
    order = harness.place("bid", "0.50", "0.90")
    harness.place("ask", "0.50", "0.30", by="bob")
    fees = [fill["fee_cost"] for fill in harness.truth.fills(order_id=order)]
    assert fees == ["0.010000", "0.000000"]


@settings(deadline=None)
@given(
    trade_fee=st.integers(0, 30_000).map(lambda fee: fee * 100),
    revenue=st.integers(-5_000_000, 5_000_000),
    accumulator=st.integers(0, 30_000),
    precision=st.sampled_from([100, 10_000]),
)
def test_a_net_fee_is_never_below_zero_and_the_cash_stays_on_its_grid(
    trade_fee, revenue, accumulator, precision
):
    bill = fill_charge(trade_fee, revenue=revenue, accumulator=accumulator, precision=precision)
    assert bill.net_fee >= 0
    assert 0 <= bill.rounding < precision
    assert (bill.change + bill.rebate) % precision == 0
    assert revenue - bill.net_fee == bill.change + bill.rebate
    assert bill.accumulator == accumulator + bill.rounding - bill.rebate
    assert bill.rebate <= 10_000
