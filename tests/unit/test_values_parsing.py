from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kalshi_ext import values

READS = [values.read_dollars, values.read_count, values.read_cents]


@pytest.mark.parametrize("read", [*READS, values.read_time], ids=lambda read: read.__name__)
def test_null_and_empty_text_are_absent(read: object) -> None:
    assert read(None) is None
    assert read("") is None


@pytest.mark.parametrize(("value", "number"), [
    ("0.5600", "0.56"), ("-12.345678", "-12.345678"), ("10", "10"), (7, "7"), (0, "0"), ("0", "0"),
    (Decimal("0.070000"), "0.07"), (0.1, "0.1"), (1e-7, "0.0000001"),
])  # fmt: skip
def test_amounts_are_read_from_text_and_json_numbers(value: object, number: str) -> None:
    for read in (values.read_dollars, values.read_count):
        assert read(value) == Decimal(number)


@pytest.mark.parametrize("value", [
    "abc", "NaN", "Infinity", "-Infinity", "sNaN", "0.5.5", "1,5", True, False, [], {}, b"1",
    float("nan"), float("inf"), Decimal("NaN"), Decimal("Infinity"),
], ids=repr)  # fmt: skip
def test_garbage_is_a_value_error(value: object) -> None:
    for read in READS:
        with pytest.raises(ValueError, match="is not a number"):
            read(value)


@pytest.mark.parametrize(("value", "number"), [
    (1234, "12.34"), (0, "0"), (-5, "-0.05"), ("1234", "12.34"), (Decimal("12.0"), "0.12"),
    (10**18, "10000000000000000"),
])  # fmt: skip
def test_cents_are_read_as_dollars(value: object, number: str) -> None:
    assert values.read_cents(value) == Decimal(number)


@pytest.mark.parametrize("value", ["168.96", "168.00", Decimal("168.96"), 168.96, "0.5", 0.5])
def test_cents_with_a_fraction_are_refused_whatever_their_json_type(value: object) -> None:
    """Dollars where cents used to be would be read a hundred times too small."""
    with pytest.raises(ValueError, match="is not a whole number"):
        values.read_cents(value)


@pytest.mark.parametrize("value", ["1_000", "\u0661", "2_0.5", "1e1_0", "\uff11"])
def test_digits_that_only_python_reads_are_no_number_of_the_wire(value: str) -> None:
    for read in (*READS, values.read_whole):
        with pytest.raises(ValueError, match="is not a number"):
            read(value)


@pytest.mark.parametrize("value", [10**18, -(10**18), "1000000000000000000", 10**400])
def test_a_whole_number_of_more_digits_than_the_wire_has_is_none(value: object) -> None:
    with pytest.raises(ValueError, match="is not a whole number"):
        values.read_whole(value)


@pytest.mark.parametrize("value", [2, "2", 2.0, Decimal("2.0"), Decimal(2), "2.0"])
def test_a_whole_number_is_one_however_it_is_written(value: object) -> None:
    assert values.read_whole(value) == 2
    assert type(values.read_whole(value)) is int


@pytest.mark.parametrize("value", [2.5, "2.5", "two", True, [], Decimal("1e30"), Decimal("1e9999")])
def test_what_is_no_whole_number_is_a_value_error(value: object) -> None:
    with pytest.raises(ValueError):
        values.read_whole(value)


@pytest.mark.parametrize("value", ["1.0001", "-0.01", 56, Decimal("1e400"), "n/a"])
def test_what_lies_beyond_0_and_1_is_no_price(value: object) -> None:
    with pytest.raises(ValueError):
        values.read_price(value)


@pytest.mark.parametrize("value", [0, "0", 0.0, Decimal("0.0"), "1970-01-01T00:00:00Z", None, ""])
def test_0_and_1970_as_an_expiry_are_none(value: object) -> None:
    assert values.read_expiry(value) is None


def test_an_expiry_is_read_like_any_time() -> None:
    for value in ("2026-01-05T12:00:00Z", 1_767_614_400, "1767614400", "1767614400000"):
        assert values.read_expiry(value) == NOON


@pytest.mark.parametrize("value", [1, 0, "true", "yes", []])
def test_only_true_and_false_are_flags_and_only_text_is_text(value: object) -> None:
    with pytest.raises(ValueError):
        values.read_flag(value)
    if not isinstance(value, str):
        with pytest.raises(ValueError):
            values.read_text(value)


def test_an_amount_no_decimal_can_scale_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="out of range"):
        values.read_cents("9" * 80)


@given(st.decimals(allow_nan=False, allow_infinity=False) | st.integers())
def test_a_finite_number_is_read_exactly(value: Decimal | int) -> None:
    assert values.read_dollars(str(value)) == value
    assert values.read_dollars(value) == value


NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(("value", "moment"), [
    ("2026-01-05T12:00:00Z", NOON),
    ("2026-01-05T12:00:00+00:00", NOON),
    ("2026-01-05T13:30:00+01:30", NOON),
    ("2026-01-05T07:00:00-05:00", NOON),
    ("2026-01-05T12:00:00", NOON),
    ("2026-01-05 12:00", NOON),
    ("2026-01-05T12:00:00.5Z", NOON + timedelta(milliseconds=500)),
    ("2026-01-05T12:00:00.123456Z", NOON + timedelta(microseconds=123_456)),
    ("2026-01-05T12:00:00.123456999Z", NOON + timedelta(microseconds=123_456)),
    (1_767_614_400, NOON),
    ("1767614400", NOON),
    ("1712101202000", datetime(2024, 4, 2, 23, 40, 2, tzinfo=UTC)),  # an ISO parser says 1712
    (1_767_614_400_000, NOON),
    (1_767_614_400_123, NOON + timedelta(milliseconds=123)),
    (Decimal("1767614400.5"), NOON + timedelta(milliseconds=500)),
    (0, datetime(1970, 1, 1, tzinfo=UTC)),
])  # fmt: skip
def test_times_are_read_as_aware_utc(value: object, moment: datetime) -> None:
    read = values.read_time(value)
    assert read == moment
    assert read.tzinfo is UTC


def test_the_zero_time_of_go_is_absent() -> None:
    assert values.read_time("0001-01-01T00:00:00Z") is None


@pytest.mark.parametrize("value", [
    "soon", "2026-13-01T00:00:00Z", "2026-01-05T25:00:00Z", True, [], float("nan"),
    10**18, -(10**18), "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00", Decimal("NaN"),
], ids=repr)  # fmt: skip
def test_what_is_no_time_is_a_value_error(value: object) -> None:
    with pytest.raises(ValueError):
        values.read_time(value)


AWARE = st.datetimes(
    min_value=datetime(1971, 1, 1),
    max_value=datetime(2500, 1, 1),
    timezones=st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m))),
)


@given(AWARE)
def test_any_time_that_is_written_is_read_back(moment: datetime) -> None:
    assert values.read_time(moment.isoformat()) == moment
    milliseconds = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    if milliseconds >= 100_000_000_000:
        assert abs(values.read_time(milliseconds) - moment) < timedelta(milliseconds=1)
