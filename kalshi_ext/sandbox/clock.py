"""The exchange's time: real, shifted, or fixed and stepped by hand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache
from typing import Any

from attrs import define


@define
class ExchangeClock:
    """Give the time as aware UTC datetimes.

    A fixed clock moves by `step` with every command, so that rows keep distinct times and two
    runs of the same commands give the same bytes.
    """

    fixed: datetime | None = None
    step: timedelta = timedelta(milliseconds=1)
    offset: timedelta = timedelta()
    """How far a running clock is ahead of this machine's."""

    def to_data(self) -> dict[str, str | float | None]:
        """Render as JSON-ready data."""
        fixed = self.fixed.isoformat() if self.fixed is not None else None
        return {"fixed": fixed, "offset": self.offset.total_seconds()}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> ExchangeClock:
        """Read back what to_data rendered."""
        fixed = datetime.fromisoformat(data["fixed"]) if data["fixed"] else None
        return cls(fixed=fixed, offset=timedelta(seconds=data["offset"]))

    def move_past(self, time: datetime) -> None:
        """Move a fixed clock past a time that a command of the state file already has."""
        if self.fixed is not None and self.fixed <= time:
            self.fixed = time + self.step

    def now(self) -> datetime:
        """Read the clock without moving it."""
        return self.fixed if self.fixed is not None else datetime.now(UTC) + self.offset

    def tick(self) -> datetime:
        """Read the clock for a command; a fixed clock then moves one step."""
        now = self.now()
        if self.fixed is not None:
            self.fixed = now + self.step
        return now

    def set(self, time: datetime | None) -> None:
        """Fix the clock; None lets it run with the machine again."""
        self.fixed = time.astimezone(UTC) if time is not None else None
        self.offset = timedelta()

    def advance(self, seconds: float) -> None:
        """Move the clock forward (or, with a negative number, back)."""
        shift = timedelta(seconds=seconds)
        if self.fixed is not None:
            self.fixed += shift
        else:
            self.offset += shift


def http_date(time: datetime) -> bytes:
    """Render a time as the Date header has it: whole seconds, cut off."""
    return _format_seconds(int(time.timestamp()))


# Every answer carries the header, and thousands fall into one second.
@lru_cache(maxsize=16)
def _format_seconds(seconds: int) -> bytes:
    return format_datetime(datetime.fromtimestamp(seconds, UTC), usegmt=True).encode()
