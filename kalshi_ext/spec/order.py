"""Put every key, parameter and member in one fixed order."""

from __future__ import annotations

from typing import Any

from kalshi_ext.spec.grammar import GRAMMAR, METHODS, rewrite
from kalshi_ext.spec.prune import target
from kalshi_ext.spec.tree import is_list

_PLACES = ("path", "query", "header", "cookie")


def ordered(document: dict[str, Any]) -> dict[str, Any]:
    """Sort a document: keywords as the grammar lists them, names by alphabet.

    The order of the source says nothing: a document and its reordered copy give equal text.
    """

    def change(kind: str, node: dict[str, Any]) -> dict[str, Any]:
        return _sorted_node(document, kind, node)

    result: dict[str, Any] = rewrite(document, "document", change)
    return result


def _sorted_node(document: dict[str, Any], kind: str, node: dict[str, Any]) -> dict[str, Any]:
    known = list(GRAMMAR[kind])
    rank = {key: index for index, key in enumerate(known)}
    keys = sorted(node, key=lambda key: (rank.get(key, len(known)), key))
    new = {key: node[key] for key in keys}
    for key, child in GRAMMAR[kind].items():
        if key in new and child is not None and child[0] == "map":
            new[key] = dict(sorted(new[key].items()))
    if kind == "schema":
        _sort_schema(new)
    if kind == "operation":
        _sort_operation(document, new)
    return new


def _sort_schema(schema: dict[str, Any]) -> None:
    if is_list(schema.get("required")):
        schema["required"] = sorted({str(name) for name in schema["required"]})
    if is_list(schema.get("enum")):
        schema["enum"] = sorted(schema["enum"], key=_member_key)


def _member_key(member: object) -> tuple[str, str]:
    return type(member).__name__, str(member)


def _sort_operation(document: dict[str, Any], operation: dict[str, Any]) -> None:
    if "parameters" in operation:
        operation["parameters"] = sorted(
            operation["parameters"], key=lambda each: _parameter_key(document, each)
        )
    if "security" in operation:
        operation["security"] = [dict(sorted(each.items())) for each in operation["security"]]


def _parameter_key(document: dict[str, Any], parameter: dict[str, Any]) -> tuple[int, str]:
    if "$ref" in parameter:
        parameter = target(document, parameter["$ref"])
    place, name = str(parameter.get("in")), str(parameter.get("name"))
    return (_PLACES.index(place) if place in _PLACES else len(_PLACES), name)


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """List (method, path, operation) of a document, in its order."""
    return [
        (method, path, item[method])
        for path, item in document.get("paths", {}).items()
        for method in METHODS
        if method in item
    ]
