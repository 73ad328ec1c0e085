"""Keep what the kept paths reach, drop the rest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kalshi_ext.spec.errors import SpecError
from kalshi_ext.spec.grammar import METHODS, expect
from kalshi_ext.spec.tree import children, is_mapping


def prune(document: dict[str, Any]) -> dict[str, Any]:
    """Drop components that no path reaches; a $ref to nothing raises SpecError."""
    return with_used_schemes(reachable(document))


def reachable(document: dict[str, Any]) -> dict[str, Any]:
    """Keep of the components what the paths reach, and every security scheme."""
    components = expect(document.get("components", {}), dict, "/components")
    reached = _reach(document)
    kept = {
        section: {name: item for name, item in items.items() if (section, name) in reached}
        for section, items in components.items()
        if is_mapping(items) and section != "securitySchemes"
    }
    kept["securitySchemes"] = components.get("securitySchemes", {})
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
        if is_mapping(item) and isinstance(item.get("$ref"), str):
            yield item["$ref"]
        todo.extend(children(item))


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


def with_used_schemes(document: dict[str, Any]) -> dict[str, Any]:
    """Drop the security schemes that no operation asks for."""
    used = {
        name
        for item in document["paths"].values()
        for method, operation in item.items()
        if method in METHODS
        for requirement in operation.get("security", [])
        for name in requirement
    }
    components = dict(document.get("components", {}))
    schemes = components.pop("securitySchemes", {})
    kept = {name: scheme for name, scheme in schemes.items() if name in used}
    if kept:
        components["securitySchemes"] = kept
    return {**document, "components": components}
