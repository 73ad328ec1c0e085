"""Judge against what the client speaks: the published document with our corrections.

The base is what the exchange published, so that a difference is the exchange's. But the client
speaks a corrected copy: it never sends a negative subaccount, whatever the base says. When the
exchange then publishes that bound, no call changes.

So the new document is compared with both. A difference that breaks or may mislead counts where the
spoken contract differs from the new document too, and is "kept" where it does not:

    base  subaccount: no bound      new  subaccount: minimum 0      breaking
    spoken  subaccount: minimum 0   new  the same                   no difference, so it is kept
    spoken  subaccount: no bound    new  minimum 0                  a difference, so it breaks

A new member of an enum in answers always counts: the client reads it, because its own enums are
open, and code that branches on the members may not know it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from attrs import evolve

from kalshi_ext.drift.finding import Finding, Location
from kalshi_ext.drift.rules import Severity

_FOR_USERS: Final = frozenset({"response-enum-member-added", "response-enum-opened"})
_CAN_BE_KEPT: Final = frozenset({Severity.BREAKING, Severity.RISKY})
# Differences that hide what else may differ where they are and below it.
_HIDING: Final = frozenset({"body", "content", "discriminator", "form", "media", "status", "type"})
# Families whose differences are told apart by their name: the bound or the field.
_NAMED: Final = frozenset({"bound", "field", "parameter", "security", "server"})

_OperationPart = tuple[str, str]


class _SpokenDifferences:
    """The differences between the spoken contract and the new document, by operation and part."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.by_part: dict[_OperationPart, list[tuple[Finding, Location]]] = {}
        for finding in findings:
            for location in finding.locations:
                self.by_part.setdefault(_part_of(location), []).append((finding, location))

    def has(self, finding: Finding, location: Location) -> bool:
        """Tell whether the spoken contract differs at a location, as a finding says or worse."""
        here = self.by_part.get(_part_of(location), [])
        whole = self.by_part.get((_part_of(location)[0], "operation"), [])
        return any(_covers(each, finding, location) for each in [*here, *whole])


def weigh(findings: Sequence[Finding], spoken: Iterable[Finding]) -> tuple[Finding, ...]:
    """Split off what the client keeps to already; the worst first, as before."""
    differences = _SpokenDifferences(spoken)
    weighed = [part for finding in findings for part in _parts(finding, differences)]
    return tuple(sorted(weighed, key=lambda finding: finding.severity.rank))


def _parts(finding: Finding, spoken: _SpokenDifferences) -> Iterator[Finding]:
    if finding.severity not in _CAN_BE_KEPT or finding.rule.id in _FOR_USERS:
        yield finding
        return
    left = tuple(each for each in finding.locations if spoken.has(finding, each))
    kept = tuple(each for each in finding.locations if each not in left)
    if left:
        yield evolve(finding, locations=left)
    if kept:
        yield evolve(finding, locations=kept, is_kept=True)


def _part_of(location: Location) -> _OperationPart:
    """Name an operation and a part of it, in either document."""
    operation = location.operation
    return (operation.id or operation.label if operation else "", location.part)


def _covers(spoken: tuple[Finding, Location], finding: Finding, location: Location) -> bool:
    other, at = spoken
    if other.severity.rank > finding.severity.rank:
        return False
    if at.part == "operation" or (_family(other) in _HIDING and _is_inside(location.path, at.path)):
        return True
    same = at.path == location.path and _family(other) == _family(finding)
    is_named = _family(finding) in _NAMED
    return same and (not is_named or other.difference.name == finding.difference.name)


def _is_inside(path: str, outer: str) -> bool:
    return path.startswith(outer)


def _family(finding: Finding) -> str:
    """Name what differs: the first word of the rule without its direction."""
    words = finding.rule.id.removeprefix("request-").removeprefix("response-")
    return words.partition("-")[0]
