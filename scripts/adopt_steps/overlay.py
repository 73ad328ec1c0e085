"""Apply the overlay to a new contract, and name every action that no longer fits it.

An action that only sets descriptions may be dropped (--drop-words): the text belongs to something
that is gone. An action that corrects the contract stops the adoption, for people to look at; so
does one that would set a looser bound than the exchange has now. An action of several targets that
lost one of them still fits, and is named.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from attrs import frozen

from adopt_steps.workspace import AdoptionStopped

PROSE = frozenset({"description", "summary"})


@frozen
class Misfit:
    """An overlay action that matches nothing or changes nothing; `line` is where it begins."""

    number: int
    line: int
    target: str
    reason: str
    only_prose: bool

    def __str__(self) -> str:
        kind = "only words" if self.only_prose else "a correction"
        return f"openapi/overlay.yaml:{self.line}: {self.target} {self.reason} ({kind})"


def misfits(upstream: dict[str, Any], file: Path) -> list[Misfit]:
    """List every action that matches nothing or changes nothing, not only the first."""
    from contract.overlay import OverlayError, apply_overlay

    from kalshi_ext.drift.load import load

    # One action at a time: apply_overlay stops at the first that does not fit.
    overlay, misfitting = load(file), list[Misfit]()
    lines = _lines(file.read_text(encoding="utf-8"))
    document = upstream
    for number, action in enumerate(overlay.get("actions", []), 1):
        line = lines[number - 1] if number <= len(lines) else 0
        target, is_prose = str(action.get("target")), _is_prose(action)
        try:
            loosened = _loosened(document, action)
            document = apply_overlay(document, {**overlay, "actions": [action]})
        except OverlayError as error:
            # The error begins with the number and target, which the Misfit has of its own.
            loosened = [str(error).rpartition(": ")[2]]
        misfitting += [Misfit(number, line, target, reason, is_prose) for reason in loosened[:1]]
    return misfitting


# Keywords whose smaller number is the tighter bound, and those whose greater is.
_UPPER = frozenset({"maximum", "maxLength", "maxItems", "maxProperties"})
_LOWER = frozenset({"minimum", "minLength", "minItems", "minProperties"})


def _loosened(document: dict[str, Any], action: dict[str, Any]) -> list[str]:
    """List the bounds that an update would set looser than they are published."""
    from contract.overlay import selected

    update = action.get("update")
    nodes = selected(document, action) if isinstance(update, dict) else []
    return [
        f"would loosen {keyword} from {node[keyword]} to {bound}"
        for node in nodes
        if isinstance(node, dict)
        for keyword, bound in (update or {}).items()
        if (keyword in _UPPER and node.get(keyword, bound) < bound)
        or (keyword in _LOWER and node.get(keyword, bound) > bound)
    ]


def lost_targets(before: dict[str, Any], after: dict[str, Any], file: Path) -> list[str]:
    """Name every action that selects fewer nodes of the new document than of the one before.

    Standing rules are left out: they hold for whatever there is.
    """
    from contract.overlay import is_standing

    from kalshi_ext.drift.load import load

    overlay = load(file)
    lines = _lines(file.read_text(encoding="utf-8"))
    lost: list[str] = []
    documents = before, after
    for number, action in enumerate(overlay.get("actions", []), 1):
        selections = [_targets(document, action) for document in documents]
        gone = [path for path in selections[0] if path not in selections[1]]
        if gone and selections[1] and not is_standing(action):
            line = lines[number - 1] if number <= len(lines) else 0
            lost.append(f"openapi/overlay.yaml:{line}: {action['target']} lost {', '.join(gone)}")
        documents = _applied(documents[0], action), _applied(documents[1], action)
    return lost


def _targets(document: dict[str, Any], action: dict[str, Any]) -> list[str]:
    from contract.overlay import targets

    return targets(document, action)


def _applied(document: dict[str, Any], action: dict[str, Any]) -> dict[str, Any]:
    """Apply an action where it fits; misfits() names where it does not."""
    from contract.overlay import OverlayError, apply_overlay

    try:
        return apply_overlay(document, {"overlay": "1.0.0", "actions": [action]})
    except OverlayError:
        return document


def _is_prose(action: dict[str, Any]) -> bool:
    update = action.get("update")
    return isinstance(update, dict) and set(update) <= PROSE


def _lines(text: str) -> list[int]:
    """List the lines that the actions begin at; each begins in the first column."""
    return [text.count("\n", 0, match.start()) + 1 for match in _ACTION.finditer(text)]


_ACTION = re.compile(r"^- target:", re.MULTILINE)


def drop_actions(file: Path, dropped: list[Misfit]) -> None:
    """Delete actions from the file, and leave every other line as it is."""
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    # From the end, so that the lines of the other actions stay right.
    for misfit in sorted(dropped, key=lambda each: -each.line):
        # An action ends at the next, or at a comment, which belongs to the next.
        end = misfit.line
        while end < len(lines) and not lines[end].startswith(("- ", "#")):
            end += 1
        del lines[misfit.line - 1 : end]
    file.write_text("".join(lines), encoding="utf-8", newline="\n")


def fit_overlay(upstream: dict[str, Any], file: Path, *, drop_words: bool) -> list[Misfit]:
    """Make sure the overlay fits; return the actions dropped. Raises AdoptionStopped."""
    misfitting = misfits(upstream, file)
    dropped = [misfit for misfit in misfitting if misfit.only_prose and drop_words]
    drop_actions(file, dropped)
    remaining = [misfit for misfit in misfitting if misfit not in dropped]
    if remaining:
        lines = "".join(f"\n  {misfit}" for misfit in remaining)
        raise AdoptionStopped(
            "overlay",
            f"{len(remaining)} of its actions no longer fit:{lines}",
            "the exchange moved: correct or delete the actions named"
            " (--drop-words deletes those that are only words)",
        )
    return dropped
