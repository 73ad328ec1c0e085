from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kalshi_ext import values
from kalshi_ext.errors import Misuse

NOON = 1_767_614_400  # 2026-01-05T12:00:00Z
MIDNIGHT = NOON - 12 * 3600
PARSERS = [values.moment, values.since, values.until]


@pytest.mark.parametrize("parse", PARSERS)
@pytest.mark.parametrize("value", [
    datetime(2026, 1, 5, 12, tzinfo=UTC),
    datetime(2026, 1, 5, 7, tzinfo=ZoneInfo("America/New_York")),
    datetime(2026, 1, 5, 13, 30, tzinfo=timezone(timedelta(minutes=90))),
    "2026-01-05T12:00:00Z", "2026-01-05T12:00Z", "2026-01-05T12Z", "20260105T120000Z",
    "2026-01-05 12:00:00+00:00", "2026-01-05T07:00:00-05:00", " 2026-01-05T12:00:00Z ",
    "2026-01-05T12:00:00.000Z", "1767614400", NOON, float(NOON),
], ids=str)  # fmt: skip
def test_one_moment_said_in_many_ways_is_one_second(parse: object, value: object) -> None:
    assert parse(value) == NOON


@pytest.mark.parametrize("value", [
    datetime(2026, 1, 5, 12, 0, 0, 1, tzinfo=UTC), "2026-01-05T12:00:00.000001Z", NOON + 0.25,
], ids=str)  # fmt: skip
def test_parts_of_a_second_widen_a_window(value: object) -> None:
    assert values.moment(value) == NOON
    assert values.since(value) == NOON
    assert values.until(value) == NOON + 1


@pytest.mark.parametrize("value", [date(2026, 1, 5), "2026-01-05", "20260105"], ids=str)
def test_a_date_is_its_whole_utc_day(value: object) -> None:
    assert values.moment(value) == values.since(value) == MIDNIGHT
    assert values.until(value) == MIDNIGHT + 24 * 3600


@pytest.mark.parametrize(
    "value", [datetime(2026, 1, 5, 12), "2026-01-05T12:00:00", "2026-01-05 12:00"]
)
def test_a_time_without_a_zone_is_refused(value: object) -> None:
    for parse in PARSERS:
        with pytest.raises(Misuse, match=r"^said=.*has no time zone"):
            parse(value, name="said")


@pytest.mark.parametrize("value", [
    "", "soon", "yesterday", "2026-01-32", "2026-13-01T00:00Z", "01/05/2026", "5", "12:00",
    "10 Jan 2026", "²026-01-05", "2026-01-05T12:00:00ZZ",
])  # fmt: skip
def test_text_that_is_not_iso_is_refused(value: str) -> None:
    for parse in PARSERS:
        with pytest.raises(Misuse, match=r"^said=.*not ISO 8601"):
            parse(value, name="said")


@pytest.mark.parametrize("value", ["2026", "2026-01", "2026-W01"])
def test_half_a_date_is_refused(value: str) -> None:
    with pytest.raises(Misuse, match="no time zone"):
        values.until(value)


@pytest.mark.parametrize(
    "value", [-1, NOON * 1000, 10**30, math.nan, math.inf, -math.inf, "99999999999999"]
)
def test_seconds_out_of_range_are_refused(value: object) -> None:
    for parse in PARSERS:
        with pytest.raises(Misuse):
            parse(value)


def test_milliseconds_are_named_as_the_likely_mistake() -> None:
    with pytest.raises(Misuse, match="looks like milliseconds"):
        values.since(NOON * 1000)


@pytest.mark.parametrize(
    "value", [None, True, [], b"2026-01-05", timedelta(1), Decimal(5)], ids=str
)
def test_what_is_no_time_is_refused(value: object) -> None:
    for parse in PARSERS:
        with pytest.raises(Misuse, match="not a datetime, date, ISO text or Unix seconds"):
            parse(value)


def test_the_ends_of_the_calendar_are_refused_not_a_crash() -> None:
    early = datetime.min.replace(tzinfo=timezone(timedelta(hours=12)))
    late = datetime.max.replace(tzinfo=timezone(-timedelta(hours=12)))
    for value in (early, late, date.min, date.max, date(1969, 12, 31), "9999-12-31", "0001-01-01"):
        for parse in PARSERS:
            with pytest.raises(Misuse, match="lies before 1970 or after 5000"):
                parse(value)


@given(st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(3000, 1, 1),
                    timezones=st.just(UTC)))  # fmt: skip
def test_a_window_holds_its_moment(moment: datetime) -> None:
    since, until = values.since(moment), values.until(moment)
    assert since <= moment.timestamp() <= until
    assert until - since == (1 if moment.microsecond else 0)
    assert values.since(moment.isoformat()) == since
    assert values.until(moment.isoformat()) == until
