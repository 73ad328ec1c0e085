"""Write a report as text for a terminal and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from kalshi_ext.drift.finding import Finding, Use
from kalshi_ext.drift.report import Report
from kalshi_ext.drift.wording import meaning, plain, title, touched


def as_text(report: Report) -> str:
    """Write a report for people."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield plain(report.headline)
    for finding in report.findings:
        yield from ("", *_finding_lines(finding))
    for finding, entry in report.accepted:
        yield f"\naccepted until {entry.expires}: {title(finding)} ({plain(entry.reason)})"
    yield f"\n{verdict(report)}"


def _finding_lines(finding: Finding) -> Iterator[str]:
    yield f"{finding.severity.upper()} {title(finding)}  [{finding.rule.id}]"
    yield f"  base  {plain(finding.base)}"
    yield f"  new   {plain(finding.new)}"
    yield f"  means {meaning(finding)}"
    yield f"  do    {finding.rule.advice}"


def verdict(report: Report) -> str:
    """Say the outcome in one line."""
    counts = [f"{count} {name}" for name, count in report.counts.items() if count]
    accepted = f", {len(report.accepted)} accepted" if report.accepted else ""
    return (", ".join(counts) or "no difference") + accepted


def as_json(report: Report) -> str:
    """Write a report for programs; the layout is version 1 and only grows."""
    base, new = report.compared.base, report.compared.new
    value = {
        "version": 1,
        "base": {"name": base.name, "version": base.version},
        "new": {"name": new.name, "version": new.version},
        "operations_compared": report.compared.operations,
        "operations_outside": report.compared.outside,
        "counts": report.counts,
        "exit": int(report.exit),
        "findings": [_finding(finding) for finding in report.findings],
        "accepted": [
            {**_finding(finding), "why": entry.reason, "expires": str(entry.expires)}
            for finding, entry in report.accepted
        ],
    }
    return json.dumps(value, indent=2, ensure_ascii=True) + "\n"


def _finding(finding: Finding) -> dict[str, Any]:
    difference = finding.difference
    return {
        "rule": finding.rule.id,
        "severity": finding.severity.value,
        "title": title(finding),
        "base": finding.base,
        "new": finding.new,
        "name": difference.name,
        "before": difference.before,
        "after": difference.after,
        "touches": touched(finding),
        "means": meaning(finding),
        "do": finding.rule.advice,
        "uses": [_use(use) for use in finding.uses],
    }


def _use(use: Use) -> dict[str, Any]:
    operation, call = use.operation, use.call
    return {
        "operation": operation.id if operation else None,
        "method": operation.method.upper() if operation else None,
        "path": operation.path if operation else None,
        "part": use.part,
        "field": use.path,
        "call": call.name if call else None,
        "model": call.model if call else None,
    }
