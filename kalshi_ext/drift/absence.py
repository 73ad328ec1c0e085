"""What this client does without a field of an answer: looked up where each was left out.

The table is derived by decoding every answer without each of its fields, so it is about the client
of this version. Fields of errors are told by hand: a refusal of a write is believed only where its
body has a shape of the exchange's own; beside a field that this version does not know, only a code
of trading is. The table says nothing of an operation that has no call, nor of a foreign base.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from kalshi_ext.contract.absence import ABSENCE
from kalshi_ext.drift.finding import Finding, Location

# Rules after which a field may not be there: gone, optional, null, of a type that cannot be read.
_RULES: Final = frozenset({
    "response-field-became-optional", "response-field-removed-optional",
    "response-field-removed-required", "response-nullable-added", "response-type-changed",
    "response-type-widened",
})  # fmt: skip
_TEXTS: Final = {
    "added": "a refusal of a write that has it may prove nothing: its outcome is looked up",
    "proof": "without it a refusal of a write may prove nothing: its outcome is looked up",
    "told": "without it {names} is None",
    "answer": "without it the whole answer cannot be read, and raises `Unintelligible`",
    "row": "a row without it cannot be read, and is in `.invalid_rows`",
    "empty": "without it the list is empty, without an error",
    "last": "without it the page is taken for the last one",
    "none": "without it {names} is None, without an error",
    "other": "without it {names} is read from elsewhere, or is a default",
    "unread": "no attribute changes without it; `.raw` lacks it",
}


def absence_reason(finding: Finding) -> str:
    """Say what the client does where a field is not there; "" where that is not known."""
    if finding.makes_refusals_doubtful:
        return f"{_TEXTS['added'].capitalize()}."
    if finding.rule.id not in _RULES:
        return ""
    effects = dict.fromkeys(_effect(finding, each) for each in finding.locations)
    # The worst first, as the table orders them.
    known = sorted(filter(None, effects), key=lambda effect: list(_TEXTS).index(effect.split()[0]))
    kinds = dict.fromkeys(effect.split()[0] for effect in known)
    sentences = [_text(kind, [e for e in known if e.split()[0] == kind]) for kind in kinds]
    return " ".join(f"{each[0].upper()}{each[1:]}." for each in sentences)


def _effect(finding: Finding, location: Location) -> str:
    name = finding.difference.name if "-field-" in finding.rule.id else ""
    path = f"{location.path}.{name}".strip(".") if name else location.path
    if location.operation is None:
        return ""
    if location.is_error:
        return _effect_on_error(location, path.rpartition(".")[2])
    if not location.part.startswith("response 2"):
        return ""
    return ABSENCE.get(location.operation.id, {}).get(path, "")


def _effect_on_error(location: Location, name: str) -> str:
    # Who wrote a refusal is told by its body: see the table in protocol/responses.
    if name in ("code", "message") and location.is_refusal_of_write:
        return f"proof Refused.{name}"
    return f"told Refused.{name}" if name in ("code", "message", "details") else ""


def _text(kind: str, effects: Iterable[str]) -> str:
    names = dict.fromkeys(name for effect in effects for name in effect.split()[1:])
    listed = ", ".join(f"`{name}`" for name in names) or "its value"
    return _TEXTS[kind].format(names=listed)
