"""Rules for operations and parameters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final

from kalshi_ext.spec.naming import snake
from kalshi_ext.spec.order import operations
from kalshi_ext.spec.prune import target
from kalshi_ext.spec.visit import Place

OperationRule = Callable[[dict[str, Any], Place], Iterator[str]]


def names_clash(document: dict[str, Any]) -> Iterator[str]:
    """Find names that become one module: operations of a tag, and schemas."""
    ids = Counter(
        (str(tag), snake(str(operation.get("operationId"))))
        for _, _, operation in operations(document)
        for tag in operation.get("tags", ["default"])
    )
    schemas = Counter(snake(name) for name in document.get("components", {}).get("schemas", {}))
    for name, count in [*ids.items(), *schemas.items()]:
        if count > 1:
            yield f"{count} things become the module {name}"


def has_id(_document: dict[str, Any], place: Place) -> Iterator[str]:
    """Find operations that would be named after their path."""
    if not place.node.get("operationId"):
        yield "no operationId"


def has_one_tag(_document: dict[str, Any], place: Place) -> Iterator[str]:
    """Find operations without a room, or with several: the generator takes the first."""
    if len(place.node.get("tags", [])) != 1:
        yield "needs exactly one tag"


def is_described(_document: dict[str, Any], place: Place) -> Iterator[str]:
    """Find operations that nobody explains."""
    for key in ("summary", "description"):
        if not str(place.node.get(key, "")).strip():
            yield f"no {key}"


def error_bodies(document: dict[str, Any], place: Place) -> Iterator[str]:
    """Find errors without a body: the client would drop what the exchange said."""
    for status, response in place.node.get("responses", {}).items():
        found = target(document, response["$ref"]) if "$ref" in response else response
        if status[:1] in ("4", "5") and not found.get("content"):
            yield f"{status} has no body"
        if not str(found.get("description", "")).strip():
            yield f"{status} has no description"


OPERATION_RULES: Final[dict[str, OperationRule]] = {
    "operation-id": has_id,
    "tag": has_one_tag,
    "undescribed": is_described,
    "error-body": error_bodies,
}


def explode(place: Place) -> Iterator[str]:
    """Find lists in the query that are not repeated keys: the generator repeats them anyway."""
    schema = place.node.get("schema", {})
    if schema.get("type") != "array" or place.node.get("in") != "query":
        return
    if place.node.get("explode") is False or place.node.get("style", "form") != "form":
        yield "explode: false is ignored: make it text with commas"


def parameter_described(place: Place) -> Iterator[str]:
    """Find parameters that nobody explains."""
    if "$ref" not in place.node and not str(place.node.get("description", "")).strip():
        yield "no description"


PARAMETER_RULES: Final[dict[str, Callable[[Place], Iterator[str]]]] = {
    "explode": explode,
    "undescribed": parameter_described,
}
