"""Times: answers become aware UTC datetimes, arguments become Unix seconds.

A time without a zone is UTC when the exchange sends it and refused when a person types it: their
zone would be a guess, and wrong by hours. In a filter a date is its whole day in UTC, and parts of
a second widen the range: `since` is cut down, `until` rounded up, so no row of either is lost.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, cast

from kalshi_ext.arguments import is_number, misuse, plain, safely
from kalshi_ext.redact import is_a, redacted_repr
from kalshi_ext.values.money import EXACT
from kalshi_ext.values.parsing import read_dollars

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DATE_DIGITS: Final = 8
_END: Final = datetime(5000, 1, 1, tzinfo=UTC)
_NO_MOMENT: Final = f"is no moment in time, or lies before 1970 or after {_END.year}"
_SECOND: Final = timedelta(seconds=1)
_DAY: Final = timedelta(days=1)

# 1e11 seconds lie in the year 5138, 1e11 milliseconds in 1973: larger numbers are milliseconds.
_MILLISECONDS_FROM: Final = 100_000_000_000
_LATEST: Final = 253_402_300_800_000  # the year 10000, in milliseconds

# Nine digits begin in 1973, so that dates of eight digits (20261130) are no seconds.
_SECONDS_TEXT = re.compile(r"\d{9,11}", re.ASCII)
_MAX_TEXT: Final = 64  # characters
_DATE_TEXT = re.compile(r"\d{4}-\d{2}-\d{2}|\d{8}", re.ASCII)

_from_iso = datetime.fromisoformat


def read_time(value: object) -> datetime | None:
    """Read RFC 3339 text, Unix seconds or milliseconds; None for null or "".

    Numbers may be text. Digits below a microsecond are cut. Text without a zone is UTC. Raises
    ValueError.
    """
    if type(value) is str and value:
        # Digits are a number, but for the eight of a date; ISO parsers read some as the year 1712.
        if value.isdecimal() and len(value) != _DATE_DIGITS:
            return _read_number(value)
        try:
            moment = _from_iso(value)
        except ValueError:
            return _read_number(value)  # "1764500000.5"
        if moment.tzinfo is not UTC:
            moment = _in_utc(moment)
        # Year 1 is the zero time of servers written in Go and means absent (inferred).
        return moment if moment.year > 1 else None
    return None if value is None or value == "" else _read_number(value)


def read_expiry(value: object) -> datetime | None:
    """Read the time an order expires, as `read_time` does; 0 and the year 1970 mean never."""
    # No order was placed in 1970: it is the zero time of a server that has no null.
    expiry = read_time(value)
    return None if expiry is None or expiry.year <= EPOCH.year else expiry


def moment(value: object, name: str = "time") -> int:
    """Convert an aware datetime, a date, ISO text or Unix seconds to whole Unix seconds.

    Parts of a second are cut; a date is its first second, in UTC. Raises Misuse, also for a
    datetime or text without a zone.
    """
    return (_parse_in_range(value, name) - EPOCH) // _SECOND


def since(value: object, name: str = "since") -> int:
    """Convert the begin of a range of time, as `moment` does."""
    return moment(value, name=name)


def until(value: object, name: str = "until") -> int:
    """Convert the end of a range: parts of a second round up, a date is its whole day in UTC."""
    end = _parse_in_range(value, name)
    if _is_date(value):
        end += _DAY
    return -((EPOCH - end) // _SECOND)  # floor division of the negative rounds up


def aware_datetime(value: datetime, name: str) -> datetime:
    """Check that a datetime has a zone, and return it in UTC, whatever its class. Raises Misuse."""
    return _aware(safely(_plain_datetime, value, name, _NO_MOMENT), value, name)


def _read_number(value: object) -> datetime:
    if type(value) is int and _MILLISECONDS_FROM <= value < _LATEST:  # as answers have it today
        return EPOCH + timedelta(milliseconds=value)
    number = read_dollars(value)  # any JSON number or its text, exactly
    if number is None or not -_LATEST < number < _LATEST:
        raise ValueError(f"{redacted_repr(value)} is out of the range of times")
    unit = 1_000 if number.copy_abs() >= _MILLISECONDS_FROM else 1_000_000
    return EPOCH + timedelta(microseconds=int(EXACT.multiply(number, unit)))


def _in_utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{redacted_repr(value)} is out of the range of times") from None


def _parse_in_range(value: object, name: str) -> datetime:
    parsed = _parse(plain(value), name)
    if not EPOCH <= parsed < _END:
        raise misuse(name, value, f"lies before 1970 or after {_END.year}")
    return parsed


def _parse(value: object, name: str) -> datetime:
    if is_a(value, datetime):  # before date, its base class
        # pandas.NaT is a datetime too, without a year; and a time zone is a class of the caller's.
        return aware_datetime(value, name)
    if is_a(value, date):
        return cast("datetime", safely(_first_moment, value, name, _NO_MOMENT))
    if type(value) is str:
        return _from_text(value.strip(), name)
    return _from_seconds(value, value, name)


def _plain_datetime(value: datetime) -> datetime:
    """Return a datetime without the ways of a subclass, in UTC where it has a zone."""
    parts = (value.year, value.month, value.day, value.hour, value.minute, value.second)
    offset = value.utcoffset()
    zone = None if offset is None else UTC
    return datetime(*parts, value.microsecond, tzinfo=zone) - (offset or timedelta())


def _first_moment(value: date) -> datetime:
    return datetime(value.year, value.month, value.day, tzinfo=UTC)


def _from_text(text: str, name: str) -> datetime:
    if _SECONDS_TEXT.fullmatch(text):
        return _from_seconds(int(text), text, name)
    from dateutil.parser import isoparse  # 40 ms, for those only who type text

    try:
        # Longer texts are no times, and 24:00 of the last day there is overflows.
        parsed = isoparse(text) if len(text) <= _MAX_TEXT else None
    except (ValueError, OverflowError):
        parsed = None
    if parsed is None:
        raise misuse(name, text, "not ISO 8601 text like '2026-01-31T12:00:00Z'")
    if _DATE_TEXT.fullmatch(text):  # a day has no zone to ask for
        return parsed.replace(tzinfo=UTC)
    return _aware(safely(_plain_datetime, parsed, name, _NO_MOMENT), text, name)


def _aware(value: datetime, original: object, name: str) -> datetime:
    if value.utcoffset() is None:
        raise misuse(name, original, "has no time zone; add one, like 'Z' or '+02:00'")
    return value  # comparing and subtracting aware datetimes needs no conversion


def _from_seconds(value: Any, original: object, name: str) -> datetime:
    if not is_number(value):
        raise misuse(name, original, "not a datetime, date, ISO text or Unix seconds")
    if not 0 <= value < _MILLISECONDS_FROM:  # a NaN is neither
        rule = f"Unix seconds lie from 0 to {_MILLISECONDS_FROM:,} (larger looks like milliseconds)"
        raise misuse(name, original, rule)
    return EPOCH + timedelta(seconds=value)


def _is_date(value: object) -> bool:
    value = plain(value)
    if type(value) is str:
        return _DATE_TEXT.fullmatch(value.strip()[:_MAX_TEXT]) is not None
    return is_a(value, date) and not is_a(value, datetime)
