"""Write a report as Markdown, for an issue or a pull request.

Every value from a document stands in a code span: there it can neither mention people nor
make links or tags.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from kalshi_ext.drift.finding import Finding
from kalshi_ext.drift.render.plain import verdict
from kalshi_ext.drift.report import Report
from kalshi_ext.drift.rules import Severity
from kalshi_ext.drift.wording import backticks, plain, shortened, title, touched

_MAX_BYTES: Final = 60_000  # an issue's body may have 65,536 characters
_HEADINGS: Final = {
    Severity.BREAKING: "Breaking",
    Severity.RISKY: "Risky",
    Severity.COMPATIBLE: "Compatible",
    Severity.DEPRECATION: "Deprecated",
    Severity.NOTE: "Notes",
}


def as_markdown(report: Report) -> str:
    """Write a report as Markdown, cut where an issue would refuse it."""
    lines, size = list[str](), 0
    for line in _lines(report):
        size += len(line.encode()) + 1
        if size > _MAX_BYTES:
            lines.append("\n… the rest is in the JSON report.")
            break
        lines.append(line)
    return "\n".join(lines) + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield f"**{verdict(report)}** · {backticks(plain(report.headline))}"
    for severity, heading in _HEADINGS.items():
        found = [finding for finding in report.findings if finding.severity is severity]
        if found:
            yield f"\n## {heading} ({len(found)})\n"
        for finding in found:
            yield from _finding(finding)
    if report.accepted:
        yield f"\n## Accepted ({len(report.accepted)})\n"
    for finding, entry in report.accepted:
        reason = backticks(plain(entry.reason))
        yield f"- {title(finding, value=backticks)}: {reason}, until {entry.expires}"


def _finding(finding: Finding) -> Iterator[str]:
    yield f"- {title(finding, value=backticks)} ({finding.rule.id})"
    yield f"  - touches {backticks(shortened(touched(finding)))}"
    yield f"  - {finding.rule.reason}"
    yield f"  - to do: {finding.rule.advice}"
    yield f"  - {backticks(plain(finding.base))} → {backticks(plain(finding.new))}"
