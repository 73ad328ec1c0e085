"""Keep what the kept paths reach, drop the rest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kalshi_ext.spec.errors import SpecError
from kalshi_ext.spec.grammar import METHODS


def prune(document: dict[str, Any]) -> dict[str, Any]:
    """Drop components that no path reaches; a $ref to nothing raises SpecError."""
    components = document.get("components", {})
    reached = _reach(document)
    kept = {
        section: {name: item for name, item in items.items() if (section, name) in reached}
        for section, items in components.items()
        if section != "securitySchemes"
    }
    kept["securitySchemes"] = _schemes(document)
    return {**document, "components": {key: value for key, value in kept.items() if value}}


def _reach(document: dict[str, Any]) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    todo: list[Any] = [document.get("paths", {})]
    while todo:
        for reference in references(todo.pop()):
            key = split(reference)
            if key not in found:
                found.add(key)
                todo.append(target(document, reference))
    return found


def references(node: Any) -> Iterator[str]:
    """Give every $ref of a tree."""
    todo = [node]
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            if isinstance(item.get("$ref"), str):
                yield item["$ref"]
            todo.extend(item.values())
        elif isinstance(item, list):
            todo.extend(item)


def split(reference: str) -> tuple[str, str]:
    """Take '#/components/schemas/Order' apart: ('schemas', 'Order')."""
    parts = reference.split("/")
    if len(parts) != 4 or parts[:2] != ["#", "components"]:
        raise SpecError(f"$ref {reference!r}: only #/components/<section>/<name> is understood")
    return parts[2], parts[3].replace("~1", "/").replace("~0", "~")


def target(document: dict[str, Any], reference: str) -> Any:
    """Find what a $ref names."""
    section, name = split(reference)
    try:
        return document["components"][section][name]
    except (KeyError, TypeError):
        raise SpecError(f"$ref {reference!r} names nothing in this document") from None


def _schemes(document: dict[str, Any]) -> dict[str, Any]:
    used = {
        name
        for item in document.get("paths", {}).values()
        for method, operation in item.items()
        if method in METHODS
        for requirement in operation.get("security", [])
        for name in requirement
    }
    schemes = document.get("components", {}).get("securitySchemes", {})
    return {name: scheme for name, scheme in schemes.items() if name in used}
