"""Say a finding in words: what changed, whom it touches, what it means and what to do.

Names and values come from a document that anybody may have written, so control characters,
which could steer a terminal or a log, are replaced before they are shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

from kalshi_ext.drift.arguments import argument
from kalshi_ext.drift.facade import Call
from kalshi_ext.drift.finding import Finding, Use

Quote = Callable[[str], str]
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_SHOWN: Final = 160


def plain(text: str) -> str:
    """Take away what a terminal or a log would obey instead of showing."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def backticks(text: str) -> str:
    """Show a name as code."""
    return f"`{text.replace('`', chr(39))}`"


def asis(text: str) -> str:
    """Show a value as it is."""
    return text


def title(finding: Finding, *, value: Quote = asis) -> str:
    """Say what changed, in one sentence."""
    difference, use = finding.difference, finding.uses[0]
    words = {
        "subject": _subject(use),
        "name": backticks(_clip(difference.name)),
        "field": backticks(_clip(_inside(use.path, difference.name))),
        "before": value(_clip(difference.before)),
        "after": value(_clip(difference.after)),
    }
    return finding.rule.title.format_map(words)


def _clip(text: str) -> str:
    clean = plain(text)
    return clean if len(clean) <= _SHOWN else clean[: _SHOWN - 1] + "…"


def _inside(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _subject(use: Use) -> str:
    return backticks(_clip(use.path)) if use.path else f"the {use.part}"


def touched(finding: Finding) -> list[str]:
    """List whom a finding touches: the call of the facade, the model or the argument."""
    return list(dict.fromkeys(plain(_touched(finding, use)) for use in finding.uses))


def _touched(finding: Finding, use: Use) -> str:
    if use.operation is None:
        return "every call"
    call = use.call
    who = call.name if call else f"{use.operation.label}, which has no facade call"
    return f"{who}{_piece(finding, use, call)}"


def _piece(finding: Finding, use: Use, call: Call | None) -> str:
    name = finding.difference.name if "-field-" in finding.rule.id else ""
    path = _inside(use.path, name) if name else use.path
    if use.part.endswith("parameter") or use.part == "request body":
        if "-added-" in finding.rule.id:
            return f", which has no argument for {backticks(path)} yet" if path else ""
        return _argument(use.part, path, call) if path else ", its arguments"
    if use.part.startswith("response 2"):
        what = f", model {call.model}" if call and call.model else ", its answer"
        return f"{what}, field {backticks(path)}" if path else what
    if use.part.startswith("response"):
        return f", its exception on {use.part.removeprefix('response ')}"
    return ""


def _argument(part: str, path: str, call: Call | None) -> str:
    word = argument(call.name.removeprefix("client."), part, path) if call else path
    if not word:
        return f", which says {backticks(path)} by itself"
    sent = "" if word == path else f" (sent as {backticks(path)})"
    return f", argument {backticks(word)}{sent}"


def meaning(finding: Finding) -> str:
    """Say what it means to somebody who uses the facade."""
    return f"{shortened(touched(finding))}: {finding.rule.reason}"


def shortened(names: Iterable[str], limit: int = 4) -> str:
    """List some names, and count the rest."""
    listed = list(names)
    more = len(listed) - limit
    return "; ".join(listed[:limit]) + (f"; and {more} more" if more > 0 else "")
