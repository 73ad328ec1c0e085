"""Write a report as SARIF 2.1.0, the exchange format of code scanners."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote

from kalshi_ext.drift.finding import Finding
from kalshi_ext.drift.lines import line_numbers
from kalshi_ext.drift.render.places import local_file
from kalshi_ext.drift.report import Report
from kalshi_ext.drift.rules import RULES, Rule, Severity
from kalshi_ext.drift.wording import meaning, title

_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS: Final = {Severity.BREAKING: "error", Severity.RISKY: "warning"}


def as_sarif(report: Report) -> str:
    """Write one run with the rules that were met and a result for each finding."""
    everything = [*report.findings, *(finding for finding, _ in report.accepted)]
    met = list(dict.fromkeys(finding.rule.id for finding in everything))
    places = _places(report)
    results = [_result(finding, met, places) for finding in report.findings]
    results += [
        _result(finding, met, places) | {"suppressions": [_suppression(entry.reason)]}
        for finding, entry in report.accepted
    ]
    driver = {"name": "kalshi-ext drift", "rules": [_rule(RULES[each]) for each in met]}
    run = {"tool": {"driver": driver}, "results": results, "columnKind": "unicodeCodePoints"}
    value = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(value, indent=2, ensure_ascii=True) + "\n"


def _level(severity: Severity) -> str:
    return _LEVELS.get(severity, "note")


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.title.replace("{", "").replace("}", "")},
        "fullDescription": {"text": rule.reason},
        "help": {"text": rule.advice},
        "defaultConfiguration": {"level": _level(rule.severity)},
        "properties": {"severity": rule.severity.value},
    }


def _places(report: Report) -> tuple[str, dict[str, int]]:
    file = local_file(report)
    findings = [*report.findings, *(finding for finding, _ in report.accepted)]
    lines = line_numbers(file[1], [each.base for each in findings]) if file else {}
    return (file[0] if file else ""), lines


def _result(finding: Finding, met: list[str], places: tuple[str, dict[str, int]]) -> dict[str, Any]:
    text = f"{title(finding)}. {meaning(finding)} To do: {finding.rule.advice}"
    return {
        "ruleId": finding.rule.id,
        "ruleIndex": met.index(finding.rule.id),
        "level": _level(finding.severity),
        "message": {"text": text},
        "locations": [_location(finding, *places)],
        "partialFingerprints": {"difference/v1": _fingerprint(finding)},
        "properties": {"base": finding.base, "new": finding.new},
    }


def _location(finding: Finding, file: str, lines: dict[str, int]) -> dict[str, Any]:
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
    difference = finding.difference
    text = "\0".join((difference.rule, difference.base, difference.new, difference.name))
    return sha256(text.encode(errors="replace")).hexdigest()
