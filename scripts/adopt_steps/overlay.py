"""Apply the overlay to a new contract, and name every action that no longer fits it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from attrs import frozen

from adopt_steps.stopped import Stopped

WORDS = frozenset({"description", "summary"})


@frozen
class Misfit:
    """An action of the overlay that does not fit: its number, line, and what is wrong."""

    number: int
    line: int
    target: str
    why: str
    only_words: bool

    def __str__(self) -> str:
        kind = "only words" if self.only_words else "a correction"
        return f"openapi/overlay.yaml:{self.line}: {self.target} {self.why} ({kind})"


def misfits(upstream: dict[str, Any], file: Path) -> list[Misfit]:
    """List every action that matches nothing or changes nothing, not only the first."""
    from contract.overlay import OverlayError, apply_overlay

    from kalshi_ext.drift.load import load

    overlay, found = load(file), list[Misfit]()
    lines = _lines(file.read_text(encoding="utf-8"))
    document = upstream
    for number, action in enumerate(overlay.get("actions", []), 1):
        try:
            document = apply_overlay(document, {**overlay, "actions": [action]})
        except OverlayError as error:
            line = lines[number - 1] if number <= len(lines) else 0
            why = str(error).rpartition(": ")[2]
            found.append(Misfit(number, line, str(action.get("target")), why, _only_words(action)))
    return found


def _only_words(action: dict[str, Any]) -> bool:
    update = action.get("update")
    return isinstance(update, dict) and set(update) <= WORDS


def _lines(text: str) -> list[int]:
    """Give the line each action begins at; they stand in the first column."""
    return [text.count("\n", 0, match.start()) + 1 for match in _ACTION.finditer(text)]


_ACTION = re.compile(r"^- target:", re.MULTILINE)


def drop(file: Path, gone: list[Misfit]) -> None:
    """Take actions out of the file, and leave every other line as it is."""
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    for misfit in sorted(gone, key=lambda each: -each.line):
        end = misfit.line
        while end < len(lines) and not lines[end].startswith(("- ", "#")):
            end += 1
        del lines[misfit.line - 1 : end]
    file.write_text("".join(lines), encoding="utf-8", newline="\n")


def fit(upstream: dict[str, Any], file: Path, *, drop_words: bool) -> list[Misfit]:
    """Make sure the overlay fits; returns the words that were dropped. Raises Stopped."""
    found = misfits(upstream, file)
    dropped = [misfit for misfit in found if misfit.only_words and drop_words]
    drop(file, dropped)
    left = [misfit for misfit in found if misfit not in dropped]
    if left:
        lines = "".join(f"\n  {misfit}" for misfit in left)
        raise Stopped(
            "overlay",
            f"{len(left)} of its actions no longer fit:{lines}",
            "the exchange moved: correct or delete the actions named"
            " (--drop-words deletes those that are only words)",
        )
    return dropped
