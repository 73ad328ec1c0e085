"""JSON Pointers (RFC 6901): where in a document a thing stands."""

from __future__ import annotations


def join(pointer: str, *steps: object) -> str:
    """Append steps to a pointer, escaping `~` and `/`."""
    for step in steps:
        pointer += "/" + _escape(str(step))
    return pointer


def steps(pointer: str) -> list[str]:
    """Split a pointer into its unescaped steps; the root has none."""
    return [_unescape(step) for step in pointer.split("/")[1:]]


def last(pointer: str) -> str:
    """Name the last step of a pointer, or nothing for the root."""
    return _unescape(pointer.rpartition("/")[2])


def _escape(step: str) -> str:
    return step.replace("~", "~0").replace("/", "~1") if "~" in step or "/" in step else step


def _unescape(step: str) -> str:
    return step.replace("~1", "/").replace("~0", "~") if "~" in step else step
