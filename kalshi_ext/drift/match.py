"""Find which operation of one document is which of the other.

By method and path first, as a server does; then by operationId, for one that moved; at last
by likeness, for one that was replaced by a successor under another name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable
from difflib import SequenceMatcher
from typing import Final

from attrs import define, field

from kalshi_ext.drift.contract import Operation

Pair = tuple[Operation, Operation]
_ALIKE: Final = 0.75
_MAX_GUESSES: Final = 20_000
_GENERATION: Final = re.compile(r"_?[vV][0-9]+$")


@define(eq=False)
class Matches:
    """Operations of two documents: the same, replaced by a successor, gone, and new."""

    same: list[Pair] = field(factory=list[Pair])
    replaced: list[Pair] = field(factory=list[Pair])
    removed: list[Operation] = field(factory=list[Operation])
    added: list[Operation] = field(factory=list[Operation])


def match(base: list[Operation], new: list[Operation]) -> Matches:
    """Match the operations of two documents."""
    found = Matches(removed=list(base), added=list(new))
    _pair_off(found, lambda operation: operation.wire)
    _pair_off(found, lambda operation: operation.id or None)
    _pair_successors(found)
    order = {id(operation): at for at, operation in enumerate(base)}
    found.same.sort(key=lambda pair: order[id(pair[0])])
    return found


def _pair_off(found: Matches, key: Callable[[Operation], Hashable | None]) -> None:
    after = {key(operation): operation for operation in found.added}
    after.pop(None, None)
    pairs = [(each, after.pop(key(each))) for each in found.removed if key(each) in after]
    found.same += pairs
    _take(found, pairs)


def _pair_successors(found: Matches) -> None:
    if len(found.removed) * len(found.added) > _MAX_GUESSES:
        return  # so much is new that likeness says nothing
    scores = [(_likeness(b, n), b, n) for b in found.removed for n in found.added]
    likely = [row for row in scores if row[0] >= _ALIKE]
    likely.sort(key=lambda row: (-row[0], *sorted((row[1].label, row[2].label))))
    taken: set[int] = set()
    for _, before, after in likely:
        if taken.isdisjoint((id(before), id(after))):
            taken |= {id(before), id(after)}
            found.replaced.append((before, after))
    _take(found, found.replaced)


def _take(found: Matches, pairs: list[Pair]) -> None:
    taken = {id(operation) for pair in pairs for operation in pair}
    found.removed = [each for each in found.removed if id(each) not in taken]
    found.added = [each for each in found.added if id(each) not in taken]


def _likeness(base: Operation, new: Operation) -> float:
    """Compare names: CreateOrder and CreateOrderV2 are one thing in two generations."""
    names = [_GENERATION.sub("", operation.id).casefold() for operation in (base, new)]
    if all(names) and names[0] == names[1]:
        return 1.0
    if base.method != new.method:
        return 0.0
    return min(_ratio(*names), _ratio(base.path, new.path))


def _ratio(one: str, other: str) -> float:
    """Compare texts; sorted, because the matcher itself is not symmetric."""
    first, second = sorted((one, other))
    return SequenceMatcher(None, first, second).ratio()
