"""What `drift --live` found, and how it is written."""

from __future__ import annotations

import json

from attrs import define, field, frozen

from kalshi_ext.drift.check import Exit

BREAKING = frozenset({"missing_field", "invalid_row", "unreadable"})
WORDS = {
    "unknown_field": "a field the contract does not have",
    "unknown_member": "a member the contract does not name, of",
    "missing_field": "without a field the contract requires",
    "invalid_row": "a row that cannot be read",
    "status": "a status the contract does not name",
    "unreadable": "an answer that cannot be read",
}


@frozen
class Surprise:
    """Something answers held that the contract does not say; never a value of it."""

    operation: str
    call: str
    kind: str
    where: str
    count: int

    def __str__(self) -> str:
        level = "BREAKING" if self.kind in BREAKING else "NOTICED"
        times = "once" if self.count == 1 else f"{self.count} times"
        return f"{level} {self.operation} ({self.call}): {WORDS[self.kind]} {self.where}, {times}"


@define
class Report:
    """What came of the calls; `skipped` says why an operation could not be judged."""

    environment: str
    contract: str
    answered: list[str] = field(factory=list[str])
    skipped: dict[str, str] = field(factory=dict[str, str])
    silent: int = 0
    surprises: list[Surprise] = field(factory=list[Surprise])

    @property
    def exit(self) -> Exit:
        """Choose the status: no answer is no verdict, unless something is known to break."""
        if any(each.kind in BREAKING for each in self.surprises):
            return Exit.BREAKING
        if self.silent or not self.answered:
            return Exit.CANNOT_COMPARE
        return Exit.SOME if self.surprises else Exit.NONE


def as_text(report: Report) -> str:
    """Write a report for people."""
    count = f"{len(report.answered)} of {len(report.answered) + len(report.skipped)}"
    lines = [f"{report.environment}, {report.contract} contract: {count} reads answered"]
    lines += [str(surprise) for surprise in report.surprises]
    lines += [f"not judged: {name}: {reason}" for name, reason in report.skipped.items()]
    verdict = "no answer holds anything unexpected" if not report.surprises else ""
    verdict = verdict or f"{len(report.surprises)} unexpected"
    return "\n".join([*lines, verdict]) + "\n"


def as_json(report: Report) -> str:
    """Write a report for programs; the layout is version 1 and only grows."""
    value = {
        "version": 1,
        "environment": report.environment,
        "contract": report.contract,
        "answered": report.answered,
        "not_judged": report.skipped,
        "surprises": [
            {
                "operation": each.operation,
                "call": each.call,
                "kind": each.kind,
                "where": each.where,
                "count": each.count,
                "breaking": each.kind in BREAKING,
            }
            for each in report.surprises
        ],
        "exit": int(report.exit),
    }
    return json.dumps(value, indent=2) + "\n"


FORMATS = {"text": as_text, "json": as_json}
