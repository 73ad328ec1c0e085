"""The messages of a finding: what changed, whom it touches, what it means.

Names and values come from a document that anybody may have written, so control characters,
which could steer a terminal or a log, are replaced before they are shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

from kalshi_ext.drift.absence import absence_reason
from kalshi_ext.drift.facade import FacadeCall, argument_name
from kalshi_ext.drift.finding import Finding, Location
from kalshi_ext.drift.rules import NOTHING, Reader, then_adopt

# Rules whose text `after` names what stands in for what is gone.
NAMING: Final = frozenset({
    "operation-deprecated", "operation-removed", "parameter-removed-optional",
    "parameter-removed-required", "request-field-removed-optional",
    "request-field-removed-required", "response-field-removed-optional",
    "response-field-removed-required",
})  # fmt: skip
Quote = Callable[[str], str]
# C0 and C1 controls, line separators, bidirectional overrides, the byte order mark, surrogates.
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_LISTED: Final = 4  # names of a list that are written out
_MAX_LENGTH: Final = 160


def printable(text: str) -> str:
    """Replace the characters that a terminal or a log would obey instead of showing."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def code_span(text: str) -> str:
    """Put a name between backticks; its own become apostrophes, so that it cannot leave."""
    return f"`{text.replace('`', chr(39))}`"


def verbatim(text: str) -> str:
    """Quote nothing."""
    return text


def title(finding: Finding, *, quote: Quote = verbatim) -> str:
    """Say what changed, in one sentence; `quote` is for the values before and after."""
    difference, location = finding.difference, finding.locations[0]
    texts = {
        "subject": _subject(location),
        "name": code_span(_clipped(difference.name)),
        "field": code_span(_clipped(_field_path(location.path, difference.name))),
        "before": quote(_clipped(difference.before)),
        "after": quote(_clipped(difference.after)),
    }
    return finding.rule.title.format_map(texts) + _beside(finding)


def _beside(finding: Finding) -> str:
    """Name what stands in for something that is gone: a twin, or a successor."""
    names = finding.difference.after if finding.rule.id in NAMING else ""
    return f"; beside it is {code_span(_clipped(names))}" if names else ""


def advice(finding: Finding, reader: Reader) -> str:
    """Say what to do, to a user of the package or to who keeps a checkout."""
    if finding.is_kept:
        return NOTHING.to(reader)
    if _beside(finding):
        successor = code_span(_clipped(finding.difference.after))
        return then_adopt(f"move to {successor}").to(reader)
    return finding.rule.advice.to(reader)


def reason(finding: Finding) -> str:
    """Say what it means to a caller."""
    if finding.is_kept:
        return "The client keeps to it already: its own contract is corrected there."
    return absence_reason(finding) or finding.rule.reason


def _clipped(text: str) -> str:
    clean = printable(text)
    return clean if len(clean) <= _MAX_LENGTH else clean[: _MAX_LENGTH - 1] + "…"


def _field_path(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _subject(location: Location) -> str:
    return code_span(_clipped(location.path)) if location.path else f"the {location.part}"


def affected(finding: Finding) -> list[str]:
    """List what a finding touches: the call of the facade, and the model or the argument."""
    texts = (printable(_affected(finding, location)) for location in finding.locations)
    return list(dict.fromkeys(texts))


def _affected(finding: Finding, location: Location) -> str:
    if location.operation is None:
        return "every call"
    call = location.call
    who = call.name if call else f"{location.operation.label}, which has no facade call"
    return f"{who}{_affected_part(finding, location, call)}"


def _affected_part(finding: Finding, location: Location, call: FacadeCall | None) -> str:
    # The rules of a field are met at its object: the difference names the field.
    name = finding.difference.name if "-field-" in finding.rule.id else ""
    path = _field_path(location.path, name) if name else location.path
    part = location.part
    if part.endswith("parameter") or part == "request body":
        if "-added-" in finding.rule.id:
            return f", which has no argument for {code_span(path)} yet" if path else ""
        return _argument(part, path, call) if path else ", its arguments"
    # The model is read from a success, the exception from anything else.
    if part.startswith("response 2"):
        model = f", model {call.model}" if call and call.model else ", its answer"
        return f"{model}, field {code_span(path)}" if path else model
    if part.startswith("response"):
        return f", its exception on {part.removeprefix('response ')}"
    return ""


def _argument(part: str, path: str, call: FacadeCall | None) -> str:
    name = argument_name(call.name.removeprefix("client."), part, path) if call else path
    if not name:
        return f", which says {code_span(path)} by itself"
    sent = "" if name == path else f" (sent as {code_span(path)})"
    return f", argument {code_span(name)}{sent}"


def meaning(finding: Finding) -> str:
    """Say what it means to somebody who uses the facade."""
    return f"{abbreviated(affected(finding))}: {reason(finding)}"


def abbreviated(names: Iterable[str]) -> str:
    """List the first names, and count the rest."""
    listed = list(names)
    more = len(listed) - _LISTED
    return "; ".join(listed[:_LISTED]) + (f"; and {more} more" if more > 0 else "")
