"""The twin of a field or parameter that is gone: another name of the same value beside it.

The exchange replaces a field in two steps: the new name comes first (`count_fp` beside `count`),
the old one goes later. So the twin is mostly not new in the step that removes the old name.

    gone              beside it           twin, because
    count             count_fp            equal but for the unit
    yes_price         yes_price_dollars   equal but for the unit
    expiration_ts     expiration_time     equal but for the unit
    result            market_result       ends alike, and came in the same step
    count             fill_count          none: that was another field before

Two names that are alike only in their letters are no twins: `maker_fees` is not `taker_fees`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

# What a name says of the notation of its value, and not of the value.
_UNITS: Final = frozenset({
    "cent", "centi", "centicents", "cents", "date", "datetime", "dollar", "dollars", "fixed",
    "fp", "iso", "ms", "ns", "str", "time", "timestamp", "ts", "v1", "v2", "v3",
})  # fmt: skip


def twins_of(name: str, new: Collection[str], base: Collection[str]) -> str:
    """Name the twins of a name that is gone, in the order of the new document; "" for none.

    `new` and `base` are all names of the object in both documents.
    """
    by_unit = [each for each in new if each != name and _stem(each) == _stem(name)]
    if by_unit:
        # One that came in this step is the successor; the others were beside it all the time.
        return ", ".join([each for each in by_unit if each not in base] or by_unit)
    return ", ".join(each for each in new if each not in base and _extends(each, name))


def _stem(name: str) -> tuple[str, ...]:
    words = _words(name)
    while len(words) > 1 and words[-1] in _UNITS:
        words = words[:-1]
    return words


def _words(name: str) -> tuple[str, ...]:
    return tuple(name.casefold().split("_"))


def _extends(name: str, other: str) -> bool:
    """Tell whether one name is the other with a word before it, in either direction."""
    first, second = sorted((_stem(name), _stem(other)), key=len)
    return len(first) < len(second) and second[-len(first) :] == first
