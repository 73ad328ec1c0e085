"""Map the pointers of a document to lines of its file, for annotations in a review."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import urlsplit

from attrs import define, field

from kalshi_ext.drift.document import join, steps


def local_file(name: str) -> Path | None:
    """Find the file of a document; None for a URL."""
    path = Path(name)
    return None if "://" in name or not path.is_file() else path.resolve()


def is_in_working_directory(name: str) -> bool:
    """Tell whether a document is a file that a review of this directory knows."""
    file = local_file(name)
    return file is not None and file.is_relative_to(Path.cwd().resolve())


def stable_name(name: str) -> str:
    """Name a document alike on every machine, and never by an absolute path.

    A review knows files by their path below the working directory, which CI checks out and works
    in. The contracts of this package are `openapi/...`; any other file goes by its own name, and a
    URL by the last part of its path.
    """
    file, directory = local_file(name), Path.cwd().resolve()
    if file is not None and file.is_relative_to(directory):
        return file.relative_to(directory).as_posix()
    if file is not None and file.parent.name == "openapi":
        return f"openapi/{file.name}"
    path = urlsplit(name).path if "://" in name else name
    return PurePath(path).name or "document"


def line_numbers(path: Path, pointers: Collection[str]) -> dict[str, int]:
    """Find lines, counted from 1; a pointer that is absent gets its nearest ancestor's."""
    lines = _all_lines(path)
    return {pointer: _nearest(pointer, lines) for pointer in pointers}


def _nearest(pointer: str, lines: dict[str, int]) -> int:
    path = steps(pointer)
    for size in range(len(path), 0, -1):
        line = lines.get(join("", *path[:size]))
        if line is not None:
            return line
    return 1


def _all_lines(path: Path) -> dict[str, int]:
    """Map every pointer of a YAML or JSON file to its line, as far as the file is readable.

    Lines are a help and no verdict: without the parser, or on a broken file, fewer are known.
    """
    try:
        from ruamel.yaml import YAML
        from ruamel.yaml.error import YAMLError
    except ImportError:
        return {}
    lines = _LineRecorder()
    try:
        # One parser for both: JSON is YAML.
        parser: Any = YAML(typ="safe", pure=True)
        for event in parser.parse(path.read_text("utf-8")):
            lines.take(type(event).__name__, event)
    except (YAMLError, OSError, UnicodeDecodeError):
        return lines.by_pointer
    return lines.by_pointer


@define
class _Container:
    """An open mapping (`key` is the one being read) or list (`index` is the next element)."""

    pointer: str
    index: int | None
    key: str | None = None


@define
class _LineRecorder:
    """Follows a parser's events with a stack of open containers."""

    by_pointer: dict[str, int] = field(factory=dict[str, int])
    stack: list[_Container] = field(factory=list[_Container])

    def take(self, kind: str, event: Any) -> None:
        """Take one parser event; `kind` is the name of its class."""
        if kind in ("MappingEndEvent", "SequenceEndEvent"):
            self.stack.pop()
            self._advance()
        elif kind in ("MappingStartEvent", "SequenceStartEvent"):
            pointer = self._record(event)
            self.stack.append(_Container(pointer, None if kind == "MappingStartEvent" else 0))
        elif kind in ("ScalarEvent", "AliasEvent"):
            self._take_scalar(kind, event)

    def _take_scalar(self, kind: str, event: Any) -> None:
        container = self.stack[-1] if self.stack else None
        # In a mapping, a scalar while no key is pending is a key.
        if container and container.index is None and container.key is None:
            container.key = str(event.value) if kind == "ScalarEvent" else ""
            pointer = join(container.pointer, container.key)
            self.by_pointer[pointer] = event.start_mark.line + 1
        else:
            self._record(event)
            self._advance()

    def _record(self, event: Any) -> str:
        """Record the line of a value; a value with a key keeps the line of its key."""
        if not self.stack:
            return ""
        container = self.stack[-1]
        step = container.key if container.index is None else container.index
        pointer = join(container.pointer, step)
        self.by_pointer.setdefault(pointer, event.start_mark.line + 1)
        return pointer

    def _advance(self) -> None:
        """Go on to the next key or element of the innermost container."""
        if self.stack:
            container = self.stack[-1]
            container.key = None
            container.index = None if container.index is None else container.index + 1
