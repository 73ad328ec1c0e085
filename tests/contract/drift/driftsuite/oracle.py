"""The test oracle: run the differ on a mutant and compare its verdict with the expected one."""

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
    """A mutated document (`new` makes it) and the verdict that is expected.

    `sent` and `received` are the worst severities expected in each direction, `overall` in all;
    with `directed` the two are checked, and nothing else may be found. Every finding must
    point at or below one of `pointers` in one of the documents, and be about `operations`.
    """

    group: str
    kind: str
    at: str
    base: Any
    new: Callable[[], Any]
    overall: str | None
    directed: bool = False
    sent: str | None = None
    received: str | None = None
    pointers: tuple[str, ...] = ("",)
    operations: frozenset[str] | None = None

    @property
    def label(self) -> str:
        """Name the mutant in failures."""
        return f"{self.group} {self.at}: {self.kind}"


def worst(severities: list[str]) -> str | None:
    """Choose the worst of some severities."""
    return min(severities, key=ORDER.index) if severities else None


@frozen
class Evaluation:
    """Whether the differ detected a mutant, and every fault of its verdict."""

    detected: bool
    faults: list[str]


def evaluate(mutant: Mutant) -> Evaluation:
    """Run the differ on a mutant."""
    try:
        compared = compare(mutant.base, mutant.new())
    except CannotCompare as error:
        return Evaluation(False, [f"{mutant.label}: no verdict: {error}"])
    faults = _faults(mutant, compared)
    return Evaluation(bool(compared.findings) == (mutant.overall is not None), faults)


def faults_of(mutant: Mutant) -> list[str]:
    """List what the differ gets wrong about a mutant."""
    return evaluate(mutant).faults


def _faults(mutant: Mutant, compared: Comparison) -> list[str]:
    findings = compared.findings
    errors = _severities(mutant, findings)
    errors += [f"points elsewhere: {f.rule.id} {f.base}" for f in findings if not _near(f, mutant)]
    errors += _operations(mutant, findings)
    errors += _exit(mutant, compared)
    return [f"{mutant.label}: {error}" for error in errors]


def _severities(mutant: Mutant, findings: tuple[Finding, ...]) -> list[str]:
    errors = _expect("all", mutant.overall, [_severity(f) for f in findings], findings)
    if mutant.directed:
        for side, expected in (("request", mutant.sent), ("response", mutant.received)):
            severities = [_severity(f) for f in findings if f.rule.id.startswith(side)]
            errors += _expect(side, expected, severities, findings)
    return errors


def _severity(finding: Finding) -> str:
    # A mutation knows directions and not statuses: test_drift_advice judges fields of errors.
    return (finding.rule if finding.makes_refusals_doubtful else finding).severity.value


def _expect(
    scope: str, expected: str | None, severities: list[str], findings: tuple[Finding, ...]
) -> list[str]:
    if worst(severities) == expected:
        return []
    return [
        f"{scope} should be {expected}, is {worst(severities)}: {[f.rule.id for f in findings]}"
    ]


def _near(finding: Finding, mutant: Mutant) -> bool:
    found = (finding.base, finding.new)
    return any(end == at or end.startswith(f"{at}/") for at in mutant.pointers for end in found)


def _operations(mutant: Mutant, findings: tuple[Finding, ...]) -> list[str]:
    if mutant.operations is None or not findings:
        return []
    named = {u.operation.id for f in findings for u in f.locations if u.operation}
    return [] if named == mutant.operations else [f"names {named}, not {mutant.operations}"]


def _exit(mutant: Mutant, compared: Comparison) -> list[str]:
    expected = EXITS.get(mutant.overall, 1)
    status = report_on(compared).exit
    return [] if status == expected else [f"exit should be {expected}, is {int(status)}"]
