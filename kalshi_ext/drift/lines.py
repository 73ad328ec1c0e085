"""Find the line of a document where a pointer stands, for annotations in a review."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from attrs import define, field

from kalshi_ext.drift.pointers import join, steps


def line_numbers(path: Path, pointers: Collection[str]) -> dict[str, int]:
    """Find lines, counted from 1; a pointer that is not there gets its nearest ancestor's."""
    known = _all_lines(path)
    return {pointer: _nearest(pointer, known) for pointer in pointers}


def _nearest(pointer: str, known: dict[str, int]) -> int:
    found = steps(pointer)
    for size in range(len(found), 0, -1):
        line = known.get(join("", *found[:size]))
        if line is not None:
            return line
    return 1


def _all_lines(path: Path) -> dict[str, int]:
    """Read where every value of a YAML or JSON file begins; unreadable means nowhere."""
    try:
        from ruamel.yaml import YAML
        from ruamel.yaml.error import YAMLError
    except ImportError:
        return {}
    tracker = _Tracker()
    try:
        parser: Any = YAML(typ="safe", pure=True)
        for event in parser.parse(path.read_text("utf-8")):
            tracker.take(type(event).__name__, event)
    except (YAMLError, OSError, UnicodeDecodeError):
        return tracker.lines
    return tracker.lines


@define
class _Level:
    pointer: str
    index: int | None
    key: str | None = None


@define
class _Tracker:
    lines: dict[str, int] = field(factory=dict[str, int])
    levels: list[_Level] = field(factory=list[_Level])

    def take(self, kind: str, event: Any) -> None:
        """Follow one parser event."""
        if kind in ("MappingEndEvent", "SequenceEndEvent"):
            self.levels.pop()
            self._finish()
        elif kind in ("MappingStartEvent", "SequenceStartEvent"):
            pointer = self._place(event)
            self.levels.append(_Level(pointer, None if kind[0] == "M" else 0))
        elif kind in ("ScalarEvent", "AliasEvent"):
            self._leaf(kind, event)

    def _leaf(self, kind: str, event: Any) -> None:
        level = self.levels[-1] if self.levels else None
        if level and level.index is None and level.key is None:
            level.key = str(event.value) if kind == "ScalarEvent" else ""
            self.lines[join(level.pointer, level.key)] = event.start_mark.line + 1
        else:
            self._place(event)
            self._finish()

    def _place(self, event: Any) -> str:
        """Note the line of a value; a keyed one already has the line of its key."""
        if not self.levels:
            return ""
        level = self.levels[-1]
        pointer = join(level.pointer, level.key if level.index is None else level.index)
        self.lines.setdefault(pointer, event.start_mark.line + 1)
        return pointer

    def _finish(self) -> None:
        if self.levels:
            level = self.levels[-1]
            level.key = None
            level.index = None if level.index is None else level.index + 1
