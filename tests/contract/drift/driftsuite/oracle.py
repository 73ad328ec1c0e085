"""Run the differ on a mutation and say what it got wrong, if anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import frozen

from kalshi_ext.drift.check import report_on
from kalshi_ext.drift.compare import Comparison, compare
from kalshi_ext.drift.errors import CannotCompare
from kalshi_ext.drift.finding import Finding

ORDER = ("breaking", "risky", "compatible", "deprecation", "note")
EXITS = {None: 0, "breaking": 2}


@frozen
class Mutant:
    """A mutation and the verdict that is due; `new` makes the mutated document.

    `sent` and `received` are the worst severities due for each direction, `whole` for all;
    with `directed` the two are checked, and nothing else may be found. Every finding must
    point at or below one of `around` in one of the documents, and be about `operations`.
    """

    group: str
    kind: str
    at: str
    base: Any
    new: Callable[[], Any]
    whole: str | None
    directed: bool = False
    sent: str | None = None
    received: str | None = None
    around: tuple[str, ...] = ("",)
    operations: frozenset[str] | None = None

    @property
    def label(self) -> str:
        """Name the mutation."""
        return f"{self.group} {self.at}: {self.kind}"


def worst(severities: list[str]) -> str | None:
    """Choose the worst of some severities."""
    return min(severities, key=ORDER.index) if severities else None


@frozen
class Outcome:
    """What the differ made of a mutation: seen at all, and every fault of its judgement."""

    seen: bool
    faults: list[str]


def judged(mutation: Mutant) -> Outcome:
    """Run the differ on a mutation."""
    try:
        compared = compare(mutation.base, mutation.new())
    except CannotCompare as error:
        return Outcome(False, [f"{mutation.label}: no verdict: {error}"])
    faults = _faults(mutation, compared)
    return Outcome(bool(compared.findings) == (mutation.whole is not None), faults)


def wrong(mutation: Mutant) -> list[str]:
    """Say what the differ gets wrong about a mutation; nothing when all is right."""
    return judged(mutation).faults


def _faults(mutation: Mutant, compared: Comparison) -> list[str]:
    found = compared.findings
    errors = _severities(mutation, found)
    errors += [f"points elsewhere: {f.rule.id} {f.base}" for f in found if not _near(f, mutation)]
    errors += _operations(mutation, found)
    errors += _exit(mutation, compared)
    return [f"{mutation.label}: {error}" for error in errors]


def _severities(mutation: Mutant, found: tuple[Finding, ...]) -> list[str]:
    errors = _expect("all", mutation.whole, [f.severity.value for f in found], found)
    if mutation.directed:
        for side, due in (("request", mutation.sent), ("response", mutation.received)):
            mine = [f.severity.value for f in found if f.rule.id.startswith(side)]
            errors += _expect(side, due, mine, found)
    return errors


def _expect(what: str, due: str | None, got: list[str], found: tuple[Finding, ...]) -> list[str]:
    if worst(got) == due:
        return []
    return [f"{what} should be {due}, is {worst(got)}: {[f.rule.id for f in found]}"]


def _near(finding: Finding, mutation: Mutant) -> bool:
    ends = (finding.base, finding.new)
    return any(end == at or end.startswith(f"{at}/") for at in mutation.around for end in ends)


def _operations(mutation: Mutant, found: tuple[Finding, ...]) -> list[str]:
    if mutation.operations is None or not found:
        return []
    named = {u.operation.id for f in found for u in f.locations if u.operation}
    return [] if named == mutation.operations else [f"names {named}, not {mutation.operations}"]


def _exit(mutation: Mutant, compared: Comparison) -> list[str]:
    due = EXITS.get(mutation.whole, 1)
    got = report_on(compared).exit
    return [] if got == due else [f"exit should be {due}, is {int(got)}"]
