"""Tell the exchange's time: real, shifted, or fixed and stepped by hand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache
from typing import Any

from attrs import define


@define
class Clock:
    """Give aware UTC moments.

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
    def from_data(cls, data: Mapping[str, Any]) -> Clock:
        """Read back what to_data rendered."""
        fixed = datetime.fromisoformat(data["fixed"]) if data["fixed"] else None
        return cls(fixed=fixed, offset=timedelta(seconds=data["offset"]))

    def not_before(self, moment: datetime) -> None:
        """Move a fixed clock past a moment that was already seen."""
        if self.fixed is not None and self.fixed <= moment:
            self.fixed = moment + self.step

    def now(self) -> datetime:
        """Read the clock without moving it."""
        return self.fixed if self.fixed is not None else datetime.now(UTC) + self.offset

    def tick(self) -> datetime:
        """Read the clock for a command; a fixed clock then moves one step."""
        moment = self.now()
        if self.fixed is not None:
            self.fixed = moment + self.step
        return moment

    def set(self, moment: datetime | None) -> None:
        """Fix the clock at a moment; None lets it run with the machine again."""
        self.fixed = moment.astimezone(UTC) if moment is not None else None
        self.offset = timedelta()

    def advance(self, seconds: float) -> None:
        """Move the clock forward (or, with a negative number, back)."""
        shift = timedelta(seconds=seconds)
        if self.fixed is not None:
            self.fixed += shift
        else:
            self.offset += shift


def http_date(moment: datetime) -> bytes:
    """Render a moment as the Date header has it."""
    return _dated(int(moment.timestamp()))


@lru_cache(maxsize=16)
def _dated(seconds: int) -> bytes:
    return format_datetime(datetime.fromtimestamp(seconds, UTC), usegmt=True).encode()
