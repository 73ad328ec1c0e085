"""Write a report in five formats: for people, programs, reviews and scanners.

No document may steer what shows it. Text goes through `messages.printable`; in Markdown every
value of a document stands in a code span, where it can neither mention people nor make links or
tags; workflow commands are escaped; JSON is ASCII.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote

from kalshi_ext.drift.check import DriftReport
from kalshi_ext.drift.finding import Finding, Location
from kalshi_ext.drift.messages import abbreviated, affected, code_span, meaning, printable, title
from kalshi_ext.drift.rules import RULES, DriftRule, Severity
from kalshi_ext.drift.source_map import line_numbers, local_file

_MAX_MARKDOWN_BYTES: Final = 60_000  # GitHub: the body of an issue has at most 65,536 characters
_HEADINGS: Final = {
    Severity.BREAKING: "Breaking",
    Severity.RISKY: "Risky",
    Severity.COMPATIBLE: "Compatible",
    Severity.DEPRECATION: "Deprecated",
    Severity.NOTE: "Notes",
}
_LEVELS: Final = {Severity.BREAKING: "error", Severity.RISKY: "warning"}
_SARIF_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"


def as_text(report: DriftReport) -> str:
    """Write a report for a terminal."""
    return "\n".join(_text_lines(report)) + "\n"


def _text_lines(report: DriftReport) -> Iterator[str]:
    yield printable(report.headline)
    for finding in report.findings:
        yield f"\n{finding.severity.upper()} {title(finding)}  [{finding.rule.id}]"
        yield f"  base  {printable(finding.base)}"
        yield f"  new   {printable(finding.new)}"
        yield f"  means {meaning(finding)}"
        yield f"  do    {finding.rule.advice}"
    for finding, entry in report.suppressed:
        yield f"\naccepted until {entry.expires}: {title(finding)} ({printable(entry.reason)})"
    yield f"\n{_verdict(report)}"


def _verdict(report: DriftReport) -> str:
    """Say the outcome in one line."""
    counts = [f"{count} {name}" for name, count in report.counts.items() if count]
    accepted = f", {len(report.suppressed)} accepted" if report.suppressed else ""
    return (", ".join(counts) or "no difference") + accepted


def as_markdown(report: DriftReport) -> str:
    """Write a report for an issue or a pull request, cut to the size of an issue."""
    lines, size = list[str](), 0
    for line in _markdown_lines(report):
        size += len(line.encode()) + 1
        if size > _MAX_MARKDOWN_BYTES:
            lines.append("\n… the rest is in the JSON report.")
            break
        lines.append(line)
    return "\n".join(lines) + "\n"


def _markdown_lines(report: DriftReport) -> Iterator[str]:
    yield f"**{_verdict(report)}** · {code_span(printable(report.headline))}"
    for severity, heading in _HEADINGS.items():
        findings = [finding for finding in report.findings if finding.severity is severity]
        if findings:
            yield f"\n## {heading} ({len(findings)})\n"
        for finding in findings:
            yield from _markdown_finding(finding)
    if report.suppressed:
        yield f"\n## Accepted ({len(report.suppressed)})\n"
    for finding, entry in report.suppressed:
        reason = code_span(printable(entry.reason))
        yield f"- {title(finding, quote=code_span)}: {reason}, until {entry.expires}"


def _markdown_finding(finding: Finding) -> Iterator[str]:
    yield f"- {title(finding, quote=code_span)} ({finding.rule.id})"
    yield f"  - touches {code_span(abbreviated(affected(finding)))}"
    yield f"  - {finding.rule.reason}"
    yield f"  - to do: {finding.rule.advice}"
    yield f"  - {code_span(printable(finding.base))} → {code_span(printable(finding.new))}"


def as_json(report: DriftReport) -> str:
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
        "findings": [_json_finding(finding) for finding in report.findings],
        "accepted": [
            {**_json_finding(finding), "why": entry.reason, "expires": str(entry.expires)}
            for finding, entry in report.suppressed
        ],
    }
    return _dump(value)


def _json_finding(finding: Finding) -> dict[str, Any]:
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
        "touches": affected(finding),
        "means": meaning(finding),
        "do": finding.rule.advice,
        "uses": [_json_location(location) for location in finding.locations],
    }


def _json_location(location: Location) -> dict[str, Any]:
    operation, call = location.operation, location.call
    return {
        "operation": operation.id if operation else None,
        "method": operation.method.upper() if operation else None,
        "path": operation.path if operation else None,
        "part": location.part,
        "field": location.path,
        "call": call.name if call else None,
        "model": call.model if call else None,
    }


def _dump(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=True) + "\n"


def as_github(report: DriftReport) -> str:
    """Write GitHub workflow commands, which annotate the lines of the base document.

    One command for each finding, and a notice with the verdict.
    """
    file, lines = _source_lines(report, report.findings)
    commands = [_command(finding, file, lines) for finding in report.findings]
    notice = f"::notice title=drift::{_escaped_data(_verdict(report))}"
    return "\n".join([*commands, notice]) + "\n"


def _source_lines(report: DriftReport, findings: tuple[Finding, ...]) -> tuple[str, dict[str, int]]:
    """Find the base document's file and the lines of its pointers; empty for a URL."""
    file = local_file(report.compared.base.name)
    if file is None:
        return "", {}
    relative, path = file
    return relative, line_numbers(path, [finding.base for finding in findings])


def _command(finding: Finding, file: str, lines: dict[str, int]) -> str:
    level = _LEVELS.get(finding.severity, "notice")
    # The pointers of these rules are into the baseline file.
    if finding.rule.id.startswith("acceptance-"):
        file = ""
    line = lines.get(finding.base, 1)
    position = f"file={_escaped_property(file)},line={line}," if file else ""
    properties = f"{position}title={_escaped_property(finding.rule.id)}"
    return f"::{level} {properties}::{_escaped_data(_annotation(finding))}"


def _annotation(finding: Finding) -> str:
    return f"{title(finding)}. {meaning(finding)} To do: {finding.rule.advice}"


# Workflow commands: `%`, CR and LF end or forge a command; `:` and `,` end a property.
def _escaped_data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escaped_property(text: str) -> str:
    return _escaped_data(text).replace(":", "%3A").replace(",", "%2C")


def as_sarif(report: DriftReport) -> str:
    """Write SARIF 2.1.0: one run with the rules that fired and a result for each finding."""
    findings = (*report.findings, *(finding for finding, _ in report.suppressed))
    rule_ids = list(dict.fromkeys(finding.rule.id for finding in findings))
    file, lines = _source_lines(report, findings)
    results = [_result(finding, rule_ids, file, lines) for finding in report.findings]
    results += [
        _result(finding, rule_ids, file, lines) | {"suppressions": [_suppression(entry.reason)]}
        for finding, entry in report.suppressed
    ]
    driver = {"name": "kalshi-ext drift", "rules": [_sarif_rule(RULES[id_]) for id_ in rule_ids]}
    run = {"tool": {"driver": driver}, "results": results, "columnKind": "unicodeCodePoints"}
    return _dump({"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]})


def _sarif_level(severity: Severity) -> str:
    return _LEVELS.get(severity, "note")


def _sarif_rule(rule: DriftRule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.title.replace("{", "").replace("}", "")},
        "fullDescription": {"text": rule.reason},
        "help": {"text": rule.advice},
        "defaultConfiguration": {"level": _sarif_level(rule.severity)},
        "properties": {"severity": rule.severity.value},
    }


def _result(
    finding: Finding, rule_ids: list[str], file: str, lines: dict[str, int]
) -> dict[str, Any]:
    return {
        "ruleId": finding.rule.id,
        "ruleIndex": rule_ids.index(finding.rule.id),
        "level": _sarif_level(finding.severity),
        "message": {"text": _annotation(finding)},
        "locations": [_sarif_location(finding, file, lines)],
        "partialFingerprints": {"difference/v1": _fingerprint(finding)},
        "properties": {"base": finding.base, "new": finding.new},
    }


def _sarif_location(finding: Finding, file: str, lines: dict[str, int]) -> dict[str, Any]:
    location: dict[str, Any] = {
        "logicalLocations": [{"fullyQualifiedName": finding.base, "kind": "element"}]
    }
    if file:
        region = {"startLine": lines.get(finding.base, 1)}
        artifact = {"uri": quote(file)}
        location["physicalLocation"] = {"artifactLocation": artifact, "region": region}
    return location


def _suppression(reason: str) -> dict[str, Any]:
    return {"kind": "external", "status": "accepted", "justification": reason}


def _fingerprint(finding: Finding) -> str:
    """Identify a finding from run to run; its texts before and after may change."""
    difference = finding.difference
    text = "\0".join((difference.rule, difference.base, difference.new, difference.name))
    return sha256(text.encode(errors="replace")).hexdigest()


FORMATS: Final[dict[str, Callable[[DriftReport], str]]] = {
    "text": as_text,
    "json": as_json,
    "markdown": as_markdown,
    "github": as_github,
    "sarif": as_sarif,
}
