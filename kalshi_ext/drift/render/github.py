"""Write a report as GitHub workflow commands, which annotate the lines of the base document."""

from __future__ import annotations

from typing import Final

from kalshi_ext.drift.finding import Finding
from kalshi_ext.drift.lines import line_numbers
from kalshi_ext.drift.render.places import local_file
from kalshi_ext.drift.render.plain import verdict
from kalshi_ext.drift.report import Report
from kalshi_ext.drift.rules import Severity
from kalshi_ext.drift.wording import meaning, title

_LEVELS: Final = {Severity.BREAKING: "error", Severity.RISKY: "warning"}


def as_github(report: Report) -> str:
    """Write one command for each finding and one for the outcome."""
    file = local_file(report)
    wanted = [finding.base for finding in report.findings]
    lines = line_numbers(file[1], wanted) if file else {}
    place = file[0] if file else ""
    rows = [_command(finding, place, lines) for finding in report.findings]
    return "\n".join([*rows, f"::notice title=drift::{_data(verdict(report))}"]) + "\n"


def _command(finding: Finding, file: str, lines: dict[str, int]) -> str:
    level = _LEVELS.get(finding.severity, "notice")
    if finding.rule.id.startswith("acceptance-"):  # it stands in another file
        file = ""
    where = f"file={_property(file)},line={lines.get(finding.base, 1)}," if file else ""
    text = f"{title(finding)}. {meaning(finding)} To do: {finding.rule.advice}"
    return f"::{level} {where}title={_property(finding.rule.id)}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
