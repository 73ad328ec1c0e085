"""Our part of the exchange, and the rest: what is not ours is told, never judged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from kalshi_ext.drift.contract import Operation
from kalshi_ext.drift.difference import Difference
from kalshi_ext.drift.documents import is_ours
from kalshi_ext.drift.finding import Met, Use
from kalshi_ext.drift.json_types import is_mapping
from kalshi_ext.drift.match import Matches

IsOurs = Callable[[str], bool]
Details = Callable[[Operation, Operation], Iterator[Met]]


def everything(_path: str) -> bool:
    """Judge every path."""
    return True


def part_of(base: dict[str, Any], new: dict[str, Any]) -> IsOurs:
    """Judge our paths, unless one of the documents has none of them and is about other things."""
    return is_ours if all(map(_has_ours, (base, new))) else everything


def _has_ours(document: dict[str, Any]) -> bool:
    paths = document.get("paths")
    return is_mapping(paths) and any(is_ours(str(path)) for path in paths)


def split(matches: Matches, ours: IsOurs) -> tuple[Matches, Matches]:
    """Split matches into ours and the rest; a pair is ours when either side of it is."""
    return _chosen(matches, ours, keep=True), _chosen(matches, ours, keep=False)


def _chosen(matches: Matches, ours: IsOurs, *, keep: bool) -> Matches:
    def fits(*operations: Operation) -> bool:
        return any(ours(each.path) for each in operations) is keep

    return Matches(
        same=[pair for pair in matches.same if fits(*pair)],
        replaced=[pair for pair in matches.replaced if fits(*pair)],
        removed=[each for each in matches.removed if fits(each)],
        added=[each for each in matches.added if fits(each)],
    )


def lone_outside(outside: Matches) -> int:
    """Count the operations outside our part when only one of the documents has any."""
    pairs = outside.same or outside.replaced
    return 0 if pairs or _both(outside) else len(outside.removed) + len(outside.added)


def _both(outside: Matches) -> bool:
    return bool(outside.removed and outside.added)


def notes(outside: Matches, details: Details) -> Iterator[Met]:
    """Say of operations outside our part that they came, went or changed, one line each."""
    if lone_outside(outside):
        return
    for each in outside.removed:
        yield _note("removed", each, each.pointer, "/paths")
    for each in outside.added:
        yield _note("added", each, "/paths", each.pointer)
    for base, new in outside.replaced:
        yield _note("changed", base, base.pointer, new.pointer)
    for base, new in outside.same:
        count = len({difference for difference, _ in details(base, new)})
        if count:
            yield _note("changed", base, base.pointer, new.pointer, str(count))


def _note(what: str, about: Operation, base: str, new: str, count: str = "1") -> Met:
    difference = Difference(f"outside-{what}", base, new, about.label, after=count)
    return difference, Use(about, "operation")
