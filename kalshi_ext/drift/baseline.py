"""The baseline: differences that were looked at and are accepted for a time, each with a reason.

The file is YAML or JSON: `accepted:` lists entries of `rule`, `pointer` (in either document),
`reason`, `expires` (a date), and optionally `name` to suppress one enum member or field only.

    entry                                    difference      entry
    matches a finding, not expired           suppressed      fine
    matches a finding, expired               open            acceptance-expired (breaking)
    matches none, expired or not             -               acceptance-stale (breaking)

So nothing stays hidden: an entry that is wrong is a finding itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from kalshi_ext.drift.errors import CannotCompare
from kalshi_ext.drift.finding import Difference, Finding, Location
from kalshi_ext.drift.limits import SpecError, is_list, is_mapping
from kalshi_ext.drift.load import load
from kalshi_ext.drift.rules import RULES

_KEYS: Final = frozenset({"rule", "pointer", "reason", "expires", "name"})


@frozen
class BaselineEntry:
    """One accepted difference; `place` is the entry's pointer in the baseline file."""

    place: str
    rule: str
    pointer: str
    reason: str
    expires: date
    name: str | None

    def matches(self, finding: Finding) -> bool:
        """Tell whether this entry is about a finding."""
        is_here = self.pointer in (finding.base, finding.new) and self.rule == finding.rule.id
        return is_here and self.name in (None, finding.difference.name)


@frozen
class Suppressions:
    """Findings after the baseline: still open, suppressed, and what is wrong with the baseline."""

    open: tuple[Finding, ...]
    suppressed: tuple[tuple[Finding, BaselineEntry], ...]
    problems: tuple[Finding, ...]


def read_baseline(path: Path) -> list[BaselineEntry]:
    """Read a baseline file; raises CannotCompare for a malformed one."""
    try:
        values = load(path).get("accepted")
    except SpecError as error:
        raise CannotCompare(str(error)) from error
    if not is_list(values):
        raise CannotCompare(f"{path.name}: /accepted: must be a list of entries")
    return [_entry(path.name, index, value) for index, value in enumerate(values)]


def _entry(file: str, index: int, value: Any) -> BaselineEntry:
    place = f"{file}: /accepted/{index}"
    if not is_mapping(value) or set(value) - _KEYS:
        raise CannotCompare(f"{place}: must be a mapping of {', '.join(sorted(_KEYS))}")
    rule, pointer, reason = (_text(place, value, key) for key in ("rule", "pointer", "reason"))
    # A misspelled rule would suppress nothing, and look stale instead of wrong.
    if rule not in RULES:
        raise CannotCompare(f"{place}/rule: there is no rule {rule!r}")
    # YAML reads an unquoted status such as 404 as a number.
    name = None if value.get("name") is None else str(value["name"])
    expires = _expiry(place, value)
    return BaselineEntry(f"/accepted/{index}", rule, pointer, reason, expires, name)


def _text(place: str, value: Mapping[str, Any], key: str) -> str:
    text = value.get(key)
    if not isinstance(text, str) or not text.strip():
        raise CannotCompare(f"{place}/{key}: must be text, not {text!r}")
    return text


def _expiry(place: str, value: Mapping[str, Any]) -> date:
    text = _text(place, value, "expires")
    try:
        return date.fromisoformat(text)
    except ValueError:
        message = f"{place}/expires: must be a date like 2026-12-31, not {text!r}"
        raise CannotCompare(message) from None


def apply_baseline(
    findings: Sequence[Finding], entries: Sequence[BaselineEntry], today: date
) -> Suppressions:
    """Split findings into open and suppressed ones; report stale and expired entries."""
    valid = [entry for entry in entries if entry.expires >= today]
    matched = [(f, next((e for e in valid if e.matches(f)), None)) for f in findings]
    # Every entry, not the first that matches: a second one for the same finding is no problem.
    problems = [_problem(entry, findings, today) for entry in entries]
    return Suppressions(
        tuple(finding for finding, entry in matched if entry is None),
        tuple((finding, entry) for finding, entry in matched if entry is not None),
        tuple(problem for problem in problems if problem is not None),
    )


def _problem(entry: BaselineEntry, findings: Sequence[Finding], today: date) -> Finding | None:
    if not any(entry.matches(finding) for finding in findings):
        rule = "acceptance-stale"
    elif entry.expires < today:
        rule = "acceptance-expired"
    else:
        return None
    name = f"{entry.rule} at {entry.pointer}"
    difference = Difference(rule, entry.place, entry.place, name, str(entry.expires))
    return Finding(difference, (Location(None, "acceptance file"),))
