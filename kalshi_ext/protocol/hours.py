"""When the exchange opens next, by its schedule: hours of US Eastern time, and maintenance."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from kalshi_ext.models import DailyHours, Schedule

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_AHEAD = 14  # days looked at
_Span = tuple[datetime, datetime]


def reopens_at(schedule: Schedule, now: datetime) -> datetime | None:
    """Return the moment at which a closed exchange opens; None where it is open, or not told.

    Where the schedule is of no use (an hour that cannot be read, no database of time zones) it
    tells nothing.
    """
    try:
        return _reopens_at(schedule, now)
    except (ValueError, OverflowError, ZoneInfoNotFoundError):
        return None


def _reopens_at(schedule: Schedule, now: datetime) -> datetime | None:
    moment = now
    open_spans = sorted(_open_spans(schedule, now))
    windows = [
        (start, end)
        for each in schedule.maintenance_windows
        if (start := _known(each.start)) is not None and (end := _known(each.end)) is not None
    ]
    for _ in range(len(open_spans) + len(windows) + 1):
        pause = next((end for start, end in windows if start <= moment < end), None)
        if pause is None and any(start <= moment < end for start, end in open_spans):
            return None if moment == now else moment
        later = [start for start, _ in open_spans if start > moment]
        following = pause if pause is not None else min(later, default=None)
        if following is None:
            return None
        moment = following
    return None


def _known(time: datetime | None) -> datetime | None:
    """Widen the type of a promised field: an answer may lack it all the same."""
    return time


def _open_spans(schedule: Schedule, now: datetime) -> Iterator[_Span]:
    """Walk the spans in which the exchange is open, from yesterday on."""
    eastern = ZoneInfo("America/New_York")
    today = now.astimezone(eastern).date()
    for ahead in range(-1, _AHEAD):
        day = today + timedelta(days=ahead)
        for hours in _hours_of(schedule, day, eastern):
            start, end = (
                _moment(day, text, eastern) for text in (hours.open_time, hours.close_time)
            )
            # Closing at 00:00, or before it opens: on the day after.
            yield start, end if end > start else end + timedelta(days=1)


def _hours_of(schedule: Schedule, day: date, zone: ZoneInfo) -> tuple[DailyHours, ...]:
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=zone)
    for week in schedule.standard_hours:
        start, end = _known(week.start), _known(week.end)
        if (start is None or start <= noon) and (end is None or noon < end):
            return week.days.get(_DAYS[day.weekday()], ())
    return ()


def _moment(day: date, text: str, zone: ZoneInfo) -> datetime:
    hour, minute = (int(part) for part in text.split(":")[:2])
    day += timedelta(days=hour // 24)  # "24:00" is the next day's beginning
    return datetime(day.year, day.month, day.day, hour % 24, minute, tzinfo=zone).astimezone(UTC)
