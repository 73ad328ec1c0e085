"""Differences that were looked at and accepted for a time, each with its reason.

The file is YAML or JSON: `accepted:` lists entries of `rule`, `pointer` (in either document),
`reason`, `expires` (a date), and optionally `name` to accept one member or field only. An
entry that fits nothing, or is past its date, is a finding itself: nothing stays hidden.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from kalshi_ext.drift.difference import Difference
from kalshi_ext.drift.errors import CannotCompare
from kalshi_ext.drift.finding import Finding, Use
from kalshi_ext.drift.json_types import is_list, is_mapping
from kalshi_ext.drift.limits import SpecError
from kalshi_ext.drift.load import load
from kalshi_ext.drift.rules import RULES

_WORDS: Final = frozenset({"rule", "pointer", "reason", "expires", "name"})


@frozen
class Entry:
    """One accepted difference and where its entry stands."""

    place: str
    rule: str
    pointer: str
    reason: str
    expires: date
    name: str | None

    def fits(self, finding: Finding) -> bool:
        """Tell whether this entry is about a finding."""
        here = self.pointer in (finding.base, finding.new) and self.rule == finding.rule.id
        return here and self.name in (None, finding.difference.name)


@frozen
class Sorted:
    """Findings after the acceptance file: still open, accepted, and what is wrong with it."""

    open: tuple[Finding, ...]
    accepted: tuple[tuple[Finding, Entry], ...]
    problems: tuple[Finding, ...]


def read_entries(path: Path) -> list[Entry]:
    """Read an acceptance file; raises CannotCompare for a malformed one."""
    try:
        listed = load(path).get("accepted")
    except SpecError as error:
        raise CannotCompare(str(error)) from error
    if not is_list(listed):
        raise CannotCompare(f"{path.name}: /accepted: must be a list of entries")
    return [_entry(path.name, index, value) for index, value in enumerate(listed)]


def _entry(file: str, index: int, value: Any) -> Entry:
    place = f"{file}: /accepted/{index}"
    if not is_mapping(value) or set(value) - _WORDS:
        raise CannotCompare(f"{place}: must be a mapping of {', '.join(sorted(_WORDS))}")
    rule, pointer, reason = (_text(place, value, word) for word in ("rule", "pointer", "reason"))
    if rule not in RULES:
        raise CannotCompare(f"{place}/rule: there is no rule {rule!r}")
    name = None if value.get("name") is None else str(value["name"])
    return Entry(f"/accepted/{index}", rule, pointer, reason, _date(place, value), name)


def _text(place: str, value: Mapping[str, Any], word: str) -> str:
    text = value.get(word)
    if not isinstance(text, str) or not text.strip():
        raise CannotCompare(f"{place}/{word}: must be text, not {text!r}")
    return text


def _date(place: str, value: Mapping[str, Any]) -> date:
    text = _text(place, value, "expires")
    try:
        return date.fromisoformat(text)
    except ValueError:
        message = f"{place}/expires: must be a date like 2026-12-31, not {text!r}"
        raise CannotCompare(message) from None


def sort_out(findings: Sequence[Finding], entries: Sequence[Entry], today: date) -> Sorted:
    """Split findings into open and accepted ones, and name stale and expired entries."""
    valid = [entry for entry in entries if entry.expires >= today]
    fitting = [(f, next((e for e in valid if e.fits(f)), None)) for f in findings]
    problems = [_problem(e, findings, today) for e in entries]
    return Sorted(
        tuple(finding for finding, entry in fitting if entry is None),
        tuple((finding, entry) for finding, entry in fitting if entry is not None),
        tuple(problem for problem in problems if problem is not None),
    )


def _problem(entry: Entry, findings: Sequence[Finding], today: date) -> Finding | None:
    if not any(entry.fits(finding) for finding in findings):
        rule = "acceptance-stale"
    elif entry.expires < today:
        rule = "acceptance-expired"
    else:
        return None
    name = f"{entry.rule} at {entry.pointer}"
    difference = Difference(rule, entry.place, entry.place, name, str(entry.expires))
    return Finding(difference, (Use(None, "acceptance file"),))
