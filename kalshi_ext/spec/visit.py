"""Walk a document and say of every mapping in it what it is and where."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from attrs import frozen

from kalshi_ext.spec.grammar import GRAMMAR
from kalshi_ext.spec.tree import is_list, is_mapping


@frozen
class Place:
    """A mapping of a known kind: `path` holds the keys that lead to it."""

    kind: str
    path: tuple[str, ...]
    node: dict[str, Any]

    def pointer(self, *more: str) -> str:
        """Write where it is, or something inside it, as a JSON Pointer."""
        keys = (*self.path, *more)
        return "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in keys) or "/"

    @property
    def component(self) -> str | None:
        """Give the name when this is a named schema, and not a part of one."""
        is_root = len(self.path) == 3 and self.path[:2] == ("components", "schemas")
        return self.path[2] if is_root else None

    @property
    def property(self) -> str | None:
        """Give the name when this is the schema of a property."""
        return self.path[-1] if len(self.path) > 1 and self.path[-2] == "properties" else None


def visit(node: Any, kind: str = "document", path: tuple[str, ...] = ()) -> Iterator[Place]:
    """Give every typed mapping, outer ones first; what has the wrong shape is passed over."""
    if not is_mapping(node):
        return
    yield Place(kind, path, node)
    for key, child in GRAMMAR[kind].items():
        if key in node and child is not None:
            yield from _inside(node[key], child, (*path, key))


def _inside(value: Any, child: tuple[str, str], path: tuple[str, ...]) -> Iterator[Place]:
    shape, kind = child
    if shape == "one":
        yield from visit(value, kind, path)
    elif shape == "list" and is_list(value):
        for index, item in enumerate(value):
            yield from visit(item, kind, (*path, str(index)))
    elif shape == "map" and is_mapping(value):
        for key, item in value.items():
            yield from visit(item, kind, (*path, key))
