"""The parts of an OpenAPI document: which keyword holds which kind of element.

GRAMMAR[kind] names the keywords of a kind, in the order in which documents are written, and what
each holds: `("one", "schema")` a schema, `("list", "parameter")` a list of parameters,
`("map", "response")` responses by name, None a plain value. `rewrite` and `visit` walk a document
by this table, so that a property named "description" is never taken for prose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from attrs import frozen

from kalshi_ext.drift.limits import SpecError, is_list, is_mapping

Child = tuple[str, str] | None
Transform = Callable[[str, dict[str, Any]], dict[str, Any]]

_SCHEMA: Final[dict[str, Child]] = {
    "$ref": None,
    "title": None,
    "description": None,
    "type": None,
    "format": None,
    "enum": None,
    "const": None,
    "allOf": ("list", "schema"),
    "anyOf": ("list", "schema"),
    "oneOf": ("list", "schema"),
    "not": ("one", "schema"),
    "discriminator": None,
    "nullable": None,
    "deprecated": None,
    "readOnly": None,
    "writeOnly": None,
    "default": None,
    "multipleOf": None,
    "minimum": None,
    "exclusiveMinimum": None,
    "maximum": None,
    "exclusiveMaximum": None,
    "minLength": None,
    "maxLength": None,
    "pattern": None,
    "minItems": None,
    "maxItems": None,
    "uniqueItems": None,
    "minProperties": None,
    "maxProperties": None,
    "required": None,
    "properties": ("map", "schema"),
    "additionalProperties": ("one", "schema"),
    "items": ("one", "schema"),
}
_OPERATION: Final[dict[str, Child]] = {
    "tags": None,
    "operationId": None,
    "summary": None,
    "description": None,
    "deprecated": None,
    "parameters": ("list", "parameter"),
    "requestBody": ("one", "body"),
    "responses": ("map", "response"),
    "security": None,
    "servers": None,
}
_PARAMETER: Final[dict[str, Child]] = {
    "$ref": None,
    "name": None,
    "in": None,
    "description": None,
    "required": None,
    "deprecated": None,
    "allowEmptyValue": None,
    "style": None,
    "explode": None,
    "allowReserved": None,
    "schema": ("one", "schema"),
    "content": ("map", "media"),
}
METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")

GRAMMAR: Final[dict[str, dict[str, Child]]] = {
    "document": {
        "openapi": None,
        "info": ("one", "info"),
        "servers": ("list", "server"),
        "security": None,
        "tags": None,
        "paths": ("map", "path"),
        "components": ("one", "components"),
    },
    "info": {"title": None, "description": None, "version": None},
    "server": {"url": None, "description": None, "variables": None},
    "path": {
        "$ref": None,
        "parameters": ("list", "parameter"),
        **dict.fromkeys(METHODS, ("one", "operation")),
    },
    "operation": _OPERATION,
    "parameter": _PARAMETER,
    "header": _PARAMETER,
    "body": {
        "$ref": None,
        "description": None,
        "required": None,
        "content": ("map", "media"),
    },
    "response": {
        "$ref": None,
        "description": None,
        "headers": ("map", "header"),
        "content": ("map", "media"),
        "links": None,
    },
    "media": {"schema": ("one", "schema"), "encoding": None},
    "schema": _SCHEMA,
    "components": {
        "schemas": ("map", "schema"),
        "responses": ("map", "response"),
        "parameters": ("map", "parameter"),
        "requestBodies": ("map", "body"),
        "headers": ("map", "header"),
        "securitySchemes": ("map", "security"),
    },
    "security": {
        "type": None,
        "description": None,
        "in": None,
        "name": None,
        "scheme": None,
        "bearerFormat": None,
        "flows": None,
        "openIdConnectUrl": None,
    },
}


# Keywords whose plain value must have one type. A document with another type there would fail
# somewhere later, without its pointer.
_TEXT: Final = ("$ref", "name", "in", "operationId", "url", "format", "pattern", "scheme")
_FLAG: Final = ("nullable", "deprecated", "readOnly", "writeOnly", "explode", "allowReserved")
_LIST: Final = ("enum", "security", "tags")
VALUE_TYPES: Final[dict[str, type]] = {
    **dict.fromkeys(_TEXT, str),
    **dict.fromkeys(_FLAG, bool),
    **dict.fromkeys(_LIST, list),
}


def rewrite(node: Any, kind: str, transform: Transform, pointer: str = "") -> Any:
    """Rebuild a tree from its leaves up, giving every element to transform(kind, mapping).

    Raises SpecError with a JSON Pointer where the tree has the wrong shape.
    """
    if not is_mapping(node):
        # A schema may be `true` or `false`; anything else in place of a mapping is an error.
        if kind == "schema" and isinstance(node, bool):
            return node
        raise SpecError(f"{pointer or '/'}: a {kind} must be a mapping, not {type(node).__name__}")
    children = GRAMMAR[kind]
    rebuilt = {
        key: _rewrite_child(key, value, children.get(key), transform, f"{pointer}/{escape(key)}")
        for key, value in node.items()
    }
    return transform(kind, rebuilt)


def _rewrite_child(key: str, value: Any, child: Child, transform: Transform, pointer: str) -> Any:
    if child is None:
        return expect(value, VALUE_TYPES[key], pointer) if key in VALUE_TYPES else value
    shape, kind = child
    if shape == "one":
        return rewrite(value, kind, transform, pointer)
    if shape == "list":
        return [
            rewrite(item, kind, transform, f"{pointer}/{index}")
            for index, item in enumerate(expect(value, list, pointer))
        ]
    return {
        name: rewrite(item, kind, transform, f"{pointer}/{escape(name)}")
        for name, item in expect(value, dict, pointer).items()
    }


def expect(value: Any, kind: type, pointer: str) -> Any:
    """Give the value back when it has the type its place needs; else raise SpecError."""
    if not isinstance(value, kind):
        raise SpecError(f"{pointer}: must be a {kind.__name__}, not {type(value).__name__}")
    return value


def escape(key: str) -> str:
    """Write a key as a JSON Pointer token (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1")


@frozen
class Element:
    """A mapping of a known kind: `path` holds the keys that lead to it."""

    kind: str
    path: tuple[str, ...]
    node: dict[str, Any]

    def pointer(self, *more: str) -> str:
        """Write the JSON Pointer of the element, or of something inside it."""
        return "".join("/" + escape(key) for key in (*self.path, *more)) or "/"

    @property
    def component(self) -> str | None:
        """The name of a named schema; None for a schema inside another."""
        is_root = len(self.path) == 3 and self.path[:2] == ("components", "schemas")
        return self.path[2] if is_root else None

    @property
    def property(self) -> str | None:
        """The name of the property whose schema this is, if it is one."""
        return self.path[-1] if len(self.path) > 1 and self.path[-2] == "properties" else None


def visit(node: Any, kind: str = "document", path: tuple[str, ...] = ()) -> Iterator[Element]:
    """Iterate over every element, outer ones first; what has the wrong shape is passed over."""
    if not is_mapping(node):
        return
    yield Element(kind, path, node)
    for key, child in GRAMMAR[kind].items():
        if key in node and child is not None:
            yield from _visit_child(node[key], child, (*path, key))


def _visit_child(value: Any, child: tuple[str, str], path: tuple[str, ...]) -> Iterator[Element]:
    shape, kind = child
    if shape == "one":
        yield from visit(value, kind, path)
    elif shape == "list" and is_list(value):
        for index, item in enumerate(value):
            yield from visit(item, kind, (*path, str(index)))
    elif shape == "map" and is_mapping(value):
        for key, item in value.items():
            yield from visit(item, kind, (*path, key))
