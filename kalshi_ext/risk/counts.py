"""What is counted over time: orders of a minute and of a day, equal orders, the day's loss.

Every function takes the moment as an argument. A day is one of UTC.
"""

from __future__ import annotations

from collections import OrderedDict
from decimal import Decimal
from typing import Final, NamedTuple, TypeAlias

from attrs import define, field

from kalshi_ext.bases import Printed
from kalshi_ext.risk.exposure import Terms
from kalshi_ext.values.money import EXACT

_MINUTE: Final = 60.0
_DAY: Final = 86_400.0


class Moment(NamedTuple):
    """One moment: on a clock that nobody sets, and in Unix seconds."""

    monotonic: float
    wall: float

    @property
    def day(self) -> int:
        return int(self.wall // _DAY)


@define(eq=False, repr=False)
class Rate(Printed):
    """Orders of the last 60 seconds and of the day, by key: one that goes again counts once."""

    recent: OrderedDict[str, float] = field(factory=OrderedDict[str, float])
    today: set[str] = field(factory=set[str])
    day: int = -1

    def has(self, key: str, now: Moment) -> bool:
        self._forget(now)
        return key in self.today

    def counts(self, now: Moment) -> tuple[int, int]:
        """Return the orders of the last minute and of the day."""
        self._forget(now)
        return len(self.recent), len(self.today)

    def add(self, key: str, now: Moment) -> bool:
        """Count an order; say whether it was not counted yet."""
        is_new = not self.has(key, now)
        self.today.add(key)
        self.recent.setdefault(key, now.monotonic)
        return is_new

    def give_back(self, key: str) -> None:
        """Uncount an order of which nothing was sent."""
        self.today.discard(key)
        self.recent.pop(key, None)

    def _forget(self, now: Moment) -> None:
        while self.recent:
            key, at = next(iter(self.recent.items()))
            if now.monotonic - at < _MINUTE:
                break
            del self.recent[key]
        if now.day > self.day:  # never back: a clock that is set must not empty a day
            self.day = now.day
            self.today.clear()


_Same: TypeAlias = tuple[object, ...]


@define(eq=False, repr=False)
class Repeats(Printed):
    """When which order last went out, to tell a second one like it under another id."""

    seen: OrderedDict[_Same, tuple[str, float]] = field(
        factory=OrderedDict[_Same, tuple[str, float]]
    )

    @staticmethod
    def _same(terms: Terms) -> _Same:
        return (terms.position_key, terms.is_bid, terms.count, terms.price)

    def age(self, terms: Terms, key: str, now: Moment) -> float | None:
        """Return how long ago an equal order of another id went out; None where none did."""
        known = self.seen.get(self._same(terms))
        return None if known is None or known[0] == key else now.monotonic - known[1]

    def add(self, terms: Terms, key: str, now: Moment, keep: float) -> None:
        while self.seen and now.monotonic - next(iter(self.seen.values()))[1] > keep:
            self.seen.popitem(last=False)
        self.seen[self._same(terms)] = (key, now.monotonic)
        self.seen.move_to_end(self._same(terms))

    def recall(self, terms: Terms, key: str, at: float) -> None:
        """Take in an order of an earlier run, that went out at this monotonic time."""
        same = self._same(terms)
        if same not in self.seen or self.seen[same][1] < at:
            self.seen[same] = (key, at)
            self.seen = OrderedDict(sorted(self.seen.items(), key=lambda pair: pair[1][1]))

    def give_back(self, terms: Terms, key: str) -> None:
        """Forget an order that was proven not executed."""
        if self.seen.get(self._same(terms), ("", 0.0))[0] == key:
            del self.seen[self._same(terms)]


@define(eq=False, repr=False)
class Equity(Printed):
    """What the account was worth at the first reading of the day, and at the last."""

    day: int = -1
    first: Decimal = Decimal(0)
    last: Decimal = Decimal(0)

    def note(self, value: Decimal, now: Moment) -> None:
        if now.day > self.day:
            self.day, self.first = now.day, value
        self.last = value

    def loss(self, now: Moment) -> Decimal | None:
        """Return the dollars lost today, negative for a gain; None where today has no reading."""
        return EXACT.subtract(self.first, self.last) if now.day <= self.day else None
