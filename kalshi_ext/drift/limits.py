"""The tree of a document: its JSON types, how large it may be, and the errors of reading it.

A document of somebody else is hostile until it is read. The exchange's full document has about 120
operations in half a megabyte, some 20,000 values at a depth of 20. The limits leave several times
that; YAML at the limits takes about ten seconds.
"""

from __future__ import annotations

from typing import Any, Final, TypeGuard

from kalshi_ext.errors import KalshiError

MAX_BYTES: Final = 4 * 1024 * 1024
MAX_NODES: Final = 200_000
MAX_DEPTH: Final = 100


class SpecError(KalshiError):
    """An OpenAPI document cannot be used as it stands; the message names the place and the rule."""


class Unreadable(SpecError):
    """A document is not text we can read, or is too large, too deep or repeats a key."""


def is_mapping(value: object) -> TypeGuard[dict[str, Any]]:
    """Tell a JSON object, to type checkers too; its keys are text, as load() made them."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[Any]]:
    """Tell a JSON array, to type checkers too."""
    return isinstance(value, list)


def children(value: object) -> list[Any]:
    """List the values directly inside a mapping or a list; a scalar has none."""
    if is_mapping(value):
        return list(value.values())
    return value if is_list(value) else []


def check_bounds(value: Any, name: str) -> None:
    """Raise Unreadable for a tree of too many values or levels."""
    # Level by level instead of recursion: a hostile tree would exhaust Python's own stack.
    level, count = [value], 0
    for _ in range(MAX_DEPTH):
        count += len(level)
        if count > MAX_NODES:
            raise Unreadable(f"{name}: more than {MAX_NODES} values")
        level = [child for node in level for child in children(node)]
        if not level:
            return
    raise Unreadable(f"{name}: nested deeper than {MAX_DEPTH} levels")
