"""Fees: the documented worked examples to the last digit, and their bounds."""

from __future__ import annotations

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
        ["0.0150", "0.0050", "0.0150"],
        -70_000,
    ),
    "3 x 0.30 at 0.50, trade fee 0.0041": (
        "0.50",
        "0.30",
        "0.0041",
        [5900, 11800, 7700],
        ["0.0100", "0.0000", "0.0100"],
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
    harness = Harness()
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


def test_makers_pay_nothing_unless_the_market_says_so():
    harness = Harness()
    harness.place("bid", "0.40")
    harness.place("ask", "0.40", by="bob")
    assert harness.truth.fills(account="amy")[0]["fee_cost"] == "0.0000"
    harness.admin(admin.set_fees(TICKER, maker_fee_rate="0.0175"))
    order = harness.place("bid", "0.40")
    harness.place("ask", "0.40", by="bob")
    assert harness.stored_order(order)["maker_fees_dollars"] == "0.0500"


def test_maker_and_taker_fills_of_one_order_share_its_accumulator():
    harness = Harness()
    harness.admin(admin.set_fees(TICKER, fixed_fee="0.0041", maker_fee_rate="0"))
    harness.place("ask", "0.50", "0.30", by="bob")
    order = harness.place("bid", "0.50", "0.90")
    harness.place("ask", "0.50", "0.30", by="bob")
    fees = [fill["fee_cost"] for fill in harness.truth.fills(order_id=order)]
    assert fees == ["0.0100", "0.0000"]


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
