from __future__ import annotations

import decimal
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kalshi_ext import values
from kalshi_ext.errors import Misuse

TICKS = [Decimal(n) / 10_000 for n in range(1, 10_000)]

NOT_NUMBERS = [
    float("nan"), 0.56, 0.1 + 0.2, float("inf"), True, False, None, b"0.5", [], Fraction(1, 2),
    Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Decimal("-Infinity"),
    "", " ", "0 .5", "0,5", "$0.5", "50%", "5e-1", "0_5", "nan", "NaN", "inf", "+0.5",
    "٠.٥", "０.５", "0x1", "1/2", ".", "-", "0." + "5" * 50,
]  # fmt: skip


@pytest.mark.parametrize("value", NOT_NUMBERS, ids=repr)
def test_what_is_not_a_plain_number_is_neither_price_nor_money_nor_count(value: object) -> None:
    for parse in (values.price, values.count):
        with pytest.raises(Misuse, match=r"^said="):
            parse(value, name="said")
    for parse in (values.dollars, values.cents, values.centicents):
        with pytest.raises(Misuse, match=r"^said="):
            parse(value, name="said")


@pytest.mark.parametrize("value", [" 0.5", "0.5 ", "0.5\n", "\t0.5", "\xa00.5\xa0"], ids=repr)
def test_the_spaces_around_a_number_of_a_spreadsheet_are_dropped(value: str) -> None:
    assert values.price(value) == values.count(value) == Decimal("0.5")


@pytest.mark.parametrize("value", [0, 1, 56, -1, 10**30])
def test_a_whole_number_is_no_money(value: int) -> None:
    for parse in (values.price, values.dollars, values.cents, values.centicents):
        with pytest.raises(Misuse, match="may mean cents or dollars"):
            parse(value, name="said")


def test_every_tick_is_a_price_as_text_and_as_decimal() -> None:
    assert [values.price(str(tick)) for tick in TICKS] == TICKS
    assert [values.price(tick) for tick in TICKS] == TICKS


@pytest.mark.parametrize("value", ["0", "1", "1.0", "0.0000", "-0.01", "-0", "1.0001", "56", "1e9"])
def test_a_price_lies_strictly_between_0_and_1(value: str) -> None:
    with pytest.raises(Misuse):
        values.price(value)
    with pytest.raises(Misuse, match="price"):
        values.price(Decimal(value))


@pytest.mark.parametrize("value", ["0.00001", "0.56789", "0.999999999", Decimal("0.12345")])
def test_a_price_has_at_most_four_decimals(value: object) -> None:
    with pytest.raises(Misuse, match=r"the smallest step is 0\.0001"):
        values.price(value)


def test_trailing_zeros_do_not_make_a_price_finer() -> None:
    assert values.price("0.560000000") == Decimal("0.56")
    assert values.price(".5") == values.price("00.5") == Decimal("0.5")


def test_a_message_names_argument_value_and_rule() -> None:
    with pytest.raises(Misuse) as caught:
        values.price(0.56, name="yes_price")
    assert str(caught.value) == (
        "yes_price=0.56: a float is inexact; write text or Decimal, like '0.56'"
    )


@pytest.mark.parametrize(("value", "text"), [
    (10, "10.00"), ("10", "10.00"), ("0.01", "0.01"), (Decimal("2.5"), "2.50"),
    (Decimal("1E+3"), "1000.00"), ("1000000000", "1000000000.00"), ("5.", "5.00"),
])  # fmt: skip
def test_a_count_is_written_with_two_decimals(value: object, text: str) -> None:
    assert values.count_text(values.count(value)) == text


@pytest.mark.parametrize("value", [0, "0", "0.00", -1, "-0.01", 1_000_000_001, Decimal("1E+400")])
def test_a_count_is_positive_and_bounded(value: object) -> None:
    with pytest.raises(Misuse, match=r"above 0 and at most 1,000,000,000"):
        values.count(value)


def test_a_count_may_be_zero_where_it_is_said() -> None:
    for zero in (0, "0", "-0", Decimal("-0.00")):
        parsed = values.count(zero, zero=True)
        assert values.count_text(parsed) == "0.00"
    with pytest.raises(Misuse, match="at least 0"):
        values.count(-1, zero=True)


@pytest.mark.parametrize("value", ["0.001", "1.005", Decimal("0.009")])
def test_a_count_goes_in_steps_of_a_hundredth(value: object) -> None:
    with pytest.raises(Misuse, match=r"the smallest step is 0\.01"):
        values.count(value)


def test_whole_contracts_are_whole() -> None:
    assert values.count("3.00", whole=True) == 3
    with pytest.raises(Misuse, match="whole contracts only"):
        values.count("2.5", whole=True)


@pytest.mark.parametrize(("value", "whole"), [
    ("5", 500), ("0.01", 1), ("12.34", 1234), (Decimal("1E+2"), 10_000), ("19.99", 1999),
])  # fmt: skip
def test_dollars_become_whole_cents(value: object, whole: int) -> None:
    cents = values.cents(value, name="amount")
    assert (cents, type(cents)) == (whole, int)
    assert values.centicents(value, name="amount") == whole * 100


def test_amounts_finer_than_the_unit_are_refused() -> None:
    assert values.centicents("0.0001", name="amount") == 1
    with pytest.raises(Misuse, match=r"the smallest step is 0\.01"):
        values.cents("0.001", name="amount")
    with pytest.raises(Misuse, match=r"the smallest step is 0\.0001"):
        values.centicents("0.00001", name="amount")


@pytest.mark.parametrize("value", ["0", "-1", "1000000000000.01"])
def test_an_amount_is_positive_and_bounded(value: str) -> None:
    with pytest.raises(Misuse, match="above 0 and at most"):
        values.dollars(value, name="amount")


def test_an_amount_may_be_zero_where_it_is_said() -> None:
    assert values.dollars_text(values.dollars("-0", name="amount", zero=True)) == "0.00"


def test_the_complement_of_every_tick_is_exact_and_its_own_inverse() -> None:
    for tick in TICKS:
        other = values.complement(tick)
        assert tick + other == 1
        assert values.complement(other) == tick


def test_the_callers_decimal_context_changes_nothing() -> None:
    with decimal.localcontext(decimal.Context(prec=2, rounding=decimal.ROUND_UP)):
        assert values.complement(Decimal("0.3301")) == Decimal("0.6699")
        assert values.dollars_text(values.price("0.3301")) == "0.3301"
        assert values.cents("12345.67", name="amount") == 1_234_567
        assert values.count_text(values.count("123456.78")) == "123456.78"
        assert values.read_cents(1_234_567) == Decimal("12345.67")
        assert values.count("123456", whole=True) == 123456
        assert values.PriceGrid().has(Decimal("0.3301")) is False
        assert values.PriceGrid().ticks()[55] == Decimal("0.56")
        assert values.read_time(Decimal("1767614400.123456")).microsecond == 123_456


@pytest.mark.parametrize(("value", "text"), [
    ("0.5", "0.50"), ("0.56", "0.56"), ("0.565", "0.565"), ("0.5650", "0.565"),
    ("0.0001", "0.0001"), ("0.1000", "0.10"), ("0.9999", "0.9999"),
])  # fmt: skip
def test_a_price_is_written_with_two_to_four_decimals(value: str, text: str) -> None:
    assert values.dollars_text(values.price(value)) == text


@given(st.decimals(allow_nan=True, allow_infinity=True) | st.text(max_size=12))
def test_a_price_is_exact_or_refused(value: object) -> None:
    try:
        parsed = values.price(value)
    except Misuse:
        return
    assert parsed == Decimal(value)
    assert 0 < parsed < 1
    assert (parsed * 10_000) % 1 == 0


@given(st.decimals(min_value="0.01", max_value=1_000_000_000, places=2))
def test_every_hundredth_is_a_count(value: Decimal) -> None:
    assert Decimal(values.count_text(values.count(value))) == value


@given(st.decimals(min_value="0.01", max_value=10**12, places=2))
def test_cents_and_dollars_are_one_amount(value: Decimal) -> None:
    assert values.read_cents(values.cents(value, name="amount")) == value
    assert values.centicents(value, name="amount") == 100 * values.cents(value, name="amount")
