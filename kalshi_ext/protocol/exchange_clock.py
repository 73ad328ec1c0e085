"""The exchange's own time, from the Date headers of its answers.

This machine's clock may be wrong by any amount and may be set at any moment. What is compared with
the exchange (how fresh a read is, when a copy of a request has died) is therefore told in the
exchange's time: the Date of an answer, carried on by the monotonic clock.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from attrs import define

from kalshi_ext.bases import Printed

EARLIEST, LATEST = 1.0e9, 1.0e10  # Unix seconds, of 2001 and 2286: no exchange's time is outside
DATE_GRAIN = 1.0  # seconds: a Date header is cut to whole ones (RFC 9110)

# The one form that a server may write (RFC 9110, 5.6.7), with or without a weekday, in any zone
# that is given in figures. `email.utils` reads more, and costs 7 ms to import.
_DATE: Final = (
    r"\s*(?:[a-z]{3,9}, ?)?([0-9]{1,2})[ -]([a-z]{3})[ -]([0-9]{4})"
    r" ([0-9]{2}):([0-9]{2}):([0-9]{2})(?: (?:gmt|utc?|([+-])([0-9]{2})([0-9]{2})))?\s*"
)
_MONTHS: Final = (
    *("jan", "feb", "mar", "apr", "may", "jun"),
    *("jul", "aug", "sep", "oct", "nov", "dec"),
)


@lru_cache(maxsize=64)
def parse_date(text: str) -> float | None:
    """Read a Date header as Unix seconds; None when it cannot be read."""
    found = re.fullmatch(_DATE, text.lower())
    if found is None:
        return None
    day, month, year, hour, minute, second, sign, hours, minutes = found.groups()
    try:
        date = datetime(
            int(year), _MONTHS.index(month) + 1, int(day),
            int(hour), int(minute), int(second), tzinfo=UTC,
        )  # fmt: skip
    except ValueError:  # no month of that name, or a day or an hour that none has
        return None
    ahead = 3600 * int(hours or 0) + 60 * int(minutes or 0)
    seconds = date.timestamp() + (ahead if sign == "-" else -ahead)
    # A clock that starts at 1970, or a year far away, tells no time.
    return seconds if EARLIEST <= seconds < LATEST else None


@define(eq=False, repr=False)
class ExchangeClock(Printed):
    """What the latest answer with a Date says of the exchange's time. Shared by threads."""

    # One tuple, so that a thread never sees the Date of one answer with the time of another.
    _latest: tuple[float, float] | None = None
    answered_at: float | None = None  # monotonic, of the latest answer, with a Date or without

    def note(self, headers: Mapping[str, str], received_at: float) -> None:
        """Take in the headers of an answer received at a monotonic moment."""
        self.answered_at = received_at
        text = headers.get("date")
        date = None if text is None else parse_date(text)
        if date is not None:  # what cannot be read takes nothing back
            self._latest = (date, received_at)

    def at(self, moment: float) -> float | None:
        """Return the exchange's time at a monotonic moment, in Unix seconds; None when unknown.

        The answer's way takes time, so it is early by up to that, and by a second.
        """
        if self._latest is None:
            return None
        date, received_at = self._latest
        return date + (moment - received_at)

    def best(self, moment: float, own: float) -> float:
        """Return the exchange's time as well as it is known: `own` where that can be right.

        `own` is the corrected clock of this machine. A Date is cut to whole seconds, so it tells
        the second, and a clock that agrees with it tells the rest.
        """
        early = self.at(moment)
        return own if early is None else min(max(own, early), early + DATE_GRAIN)
