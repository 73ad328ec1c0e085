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

from attrs import evolve, frozen

from kalshi_ext.drift.check import DriftReport
from kalshi_ext.drift.finding import Finding, Location
from kalshi_ext.drift.messages import (
    abbreviated,
    advice,
    affected,
    code_span,
    meaning,
    printable,
    reason,
    title,
)
from kalshi_ext.drift.rules import RULES, DriftRule, Reader, Severity
from kalshi_ext.drift.source_map import (
    is_in_working_directory,
    line_numbers,
    local_file,
    stable_name,
)

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
        yield f"  do    {advice(finding, report.reader)}"
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
            yield from _markdown_finding(report, finding)
    if report.suppressed:
        yield f"\n## Accepted ({len(report.suppressed)})\n"
    for finding, entry in report.suppressed:
        why = code_span(printable(entry.reason))
        yield f"- {title(finding, quote=code_span)}: {why}, until {entry.expires}"


def _markdown_finding(report: DriftReport, finding: Finding) -> Iterator[str]:
    yield f"- {title(finding, quote=code_span)} ({finding.rule.id})"
    yield f"  - touches {code_span(abbreviated(affected(finding)))}"
    yield f"  - {reason(finding)}"
    yield f"  - to do: {advice(finding, report.reader)}"
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
        "fingerprint": report_fingerprint(report),
        "findings": [_json_finding(report, finding) for finding in report.findings],
        "accepted": [
            {**_json_finding(report, finding), "why": entry.reason, "expires": str(entry.expires)}
            for finding, entry in report.suppressed
        ],
    }
    return _dump(value)


def _json_finding(report: DriftReport, finding: Finding) -> dict[str, Any]:
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
        "do": advice(finding, report.reader),
        "kept": finding.is_kept,
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
    """Write GitHub workflow commands, which annotate the lines of a document.

    One command for each finding, and a notice with the verdict.
    """
    source = _source(report, report.findings)
    commands = [_command(report, finding, source) for finding in report.findings]
    notice = f"::notice title=drift::{_escaped_data(_verdict(report))}"
    return "\n".join([*commands, notice]) + "\n"


@frozen
class _Source:
    """The document that annotations point into: its name, and the lines of its pointers."""

    name: str
    is_base: bool
    lines: dict[str, int]

    def pointer(self, finding: Finding) -> str:
        """Take a finding's pointer into this document."""
        return finding.base if self.is_base else finding.new

    def line(self, finding: Finding) -> int:
        """Find the line of a finding, counted from 1."""
        return self.lines.get(self.pointer(finding), 1)


def _source(report: DriftReport, findings: tuple[Finding, ...]) -> _Source:
    """Choose the document to annotate: the user's own, which a review can show.

    That is the new one; the base where only that lies in the working directory.
    """
    new, base = report.compared.new.name, report.compared.base.name
    is_base = is_in_working_directory(base) and not is_in_working_directory(new)
    name = base if is_base else new
    source = _Source(stable_name(name), is_base, {})
    file = local_file(name)
    if file is None:
        return source
    pointers = [source.pointer(finding) for finding in findings]
    return evolve(source, lines=line_numbers(file, pointers))


def _command(report: DriftReport, finding: Finding, source: _Source) -> str:
    level = _LEVELS.get(finding.severity, "notice")
    # The pointers of these rules are into the baseline file.
    is_elsewhere = finding.rule.id.startswith("acceptance-")
    position = f"file={_escaped_property(source.name)},line={source.line(finding)},"
    properties = f"{'' if is_elsewhere else position}title={_escaped_property(finding.rule.id)}"
    return f"::{level} {properties}::{_escaped_data(_annotation(report, finding))}"


def _annotation(report: DriftReport, finding: Finding) -> str:
    return f"{title(finding)}. {meaning(finding)} To do: {advice(finding, report.reader)}"


# Workflow commands: `%`, CR and LF end or forge a command; `:` and `,` end a property.
def _escaped_data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escaped_property(text: str) -> str:
    return _escaped_data(text).replace(":", "%3A").replace(",", "%2C")


def as_sarif(report: DriftReport) -> str:
    """Write SARIF 2.1.0: one run with the rules that fired and a result for each finding."""
    findings = (*report.findings, *(finding for finding, _ in report.suppressed))
    rule_ids = list(dict.fromkeys(finding.rule.id for finding in findings))
    source = _source(report, findings)
    results = [_result(report, finding, rule_ids, source) for finding in report.findings]
    results += [
        _result(report, finding, rule_ids, source) | {"suppressions": [_suppression(entry.reason)]}
        for finding, entry in report.suppressed
    ]
    rules = [_sarif_rule(RULES[id_], report.reader) for id_ in rule_ids]
    driver = {"name": "kalshi-ext drift", "rules": rules}
    run = {"tool": {"driver": driver}, "results": results, "columnKind": "unicodeCodePoints"}
    return _dump({"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]})


def _sarif_level(severity: Severity) -> str:
    return _LEVELS.get(severity, "note")


def _sarif_rule(rule: DriftRule, reader: Reader) -> dict[str, Any]:
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.title.replace("{", "").replace("}", "")},
        "fullDescription": {"text": rule.reason},
        "help": {"text": rule.advice.to(reader)},
        "defaultConfiguration": {"level": _sarif_level(rule.severity)},
        "properties": {"severity": rule.severity.value},
    }


def _result(
    report: DriftReport, finding: Finding, rule_ids: list[str], source: _Source
) -> dict[str, Any]:
    return {
        "ruleId": finding.rule.id,
        "ruleIndex": rule_ids.index(finding.rule.id),
        "level": _sarif_level(finding.severity),
        "message": {"text": _annotation(report, finding)},
        "locations": [_sarif_location(finding, source)],
        "partialFingerprints": {"difference/v1": _fingerprint(finding)},
        "properties": {"base": finding.base, "new": finding.new},
    }


def _sarif_location(finding: Finding, source: _Source) -> dict[str, Any]:
    pointer = source.pointer(finding)
    region = {"startLine": source.line(finding)}
    return {
        "logicalLocations": [{"fullyQualifiedName": pointer, "kind": "element"}],
        "physicalLocation": {
            "artifactLocation": {"uri": quote(source.name)},
            "region": region,
        },
    }


def _suppression(reason: str) -> dict[str, Any]:
    return {"kind": "external", "status": "accepted", "justification": reason}


def _fingerprint(finding: Finding) -> str:
    """Identify a finding from run to run; its texts before and after may change."""
    difference = finding.difference
    parts = (difference.rule, difference.base, difference.new, difference.name)
    # What is kept at some places and open at others is two findings.
    text = "\0".join([*parts, *["kept"] * finding.is_kept])
    return sha256(text.encode(errors="replace")).hexdigest()


def report_fingerprint(report: DriftReport) -> str:
    """Identify a report by its open findings: other prose or order in a document is the same."""
    findings = sorted(f"{_fingerprint(each)} {each.severity}" for each in report.findings)
    return sha256("\n".join(findings).encode()).hexdigest()[:12]


FORMATS: Final[dict[str, Callable[[DriftReport], str]]] = {
    "text": as_text,
    "json": as_json,
    "markdown": as_markdown,
    "github": as_github,
    "sarif": as_sarif,
}
