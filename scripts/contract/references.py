"""Follow the $refs of a document, drop the components that nothing refers to, list operations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from contract.grammar import METHODS, expect
from kalshi_ext.drift.limits import SpecError, children, is_mapping


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """List (method, path, operation) of a document, in its order."""
    return [
        (method, path, item[method])
        for path, item in document.get("paths", {}).items()
        for method in METHODS
        if method in item
    ]


def references(node: Any) -> Iterator[str]:
    """Iterate over every $ref of a tree."""
    pending = [node]
    while pending:
        item = pending.pop()
        if is_mapping(item) and isinstance(item.get("$ref"), str):
            yield item["$ref"]
        pending.extend(children(item))


def split_reference(reference: str) -> tuple[str, str]:
    """Split '#/components/schemas/Order' into ('schemas', 'Order'); raises SpecError."""
    parts = reference.split("/")
    # A reference to another file would be a second document to fetch and to trust.
    if len(parts) != 4 or parts[:2] != ["#", "components"]:
        raise SpecError(f"$ref {reference!r}: only #/components/<section>/<name> is understood")
    return parts[2], parts[3].replace("~1", "/").replace("~0", "~")


def dereference(document: dict[str, Any], reference: str) -> Any:
    """Find the component that a $ref names; a dangling one raises SpecError."""
    section, name = split_reference(reference)
    try:
        return document["components"][section][name]
    except (KeyError, TypeError):
        raise SpecError(f"$ref {reference!r} names nothing in this document") from None


def prune(document: dict[str, Any]) -> dict[str, Any]:
    """Drop components that no path reaches; a $ref to nothing raises SpecError."""
    return with_used_schemes(reachable(document))


def reachable(document: dict[str, Any]) -> dict[str, Any]:
    """Keep of the components those that the paths reach, and every security scheme."""
    components = expect(document.get("components", {}), dict, "/components")
    reached = _reached_components(document)
    kept = {
        section: {name: item for name, item in items.items() if (section, name) in reached}
        for section, items in components.items()
        if is_mapping(items) and section != "securitySchemes"
    }
    # Operations name schemes in `security`, not by $ref: see with_used_schemes.
    kept["securitySchemes"] = components.get("securitySchemes", {})
    return {**document, "components": {key: value for key, value in kept.items() if value}}


def _reached_components(document: dict[str, Any]) -> set[tuple[str, str]]:
    reached: set[tuple[str, str]] = set()
    pending: list[Any] = [document.get("paths", {})]
    while pending:
        for reference in references(pending.pop()):
            key = split_reference(reference)
            # Schemas may refer to themselves: each component is walked once.
            if key not in reached:
                reached.add(key)
                pending.append(dereference(document, reference))
    return reached


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
