"""The parts of an OpenAPI document: which keyword holds which kind of thing.

The order of the keywords here is the order in which documents are written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from kalshi_ext.spec.errors import SpecError
from kalshi_ext.spec.tree import is_mapping

# keyword -> (shape, kind); a keyword with None holds a plain value.
Child = tuple[str, str] | None
Change = Callable[[str, dict[str, Any]], dict[str, Any]]

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


# Keywords with a plain value, and what it has to be; others may hold anything.
_TEXT: Final = ("$ref", "name", "in", "operationId", "url", "format", "pattern", "scheme")
_FLAG: Final = ("nullable", "deprecated", "readOnly", "writeOnly", "explode", "allowReserved")
_LIST: Final = ("enum", "security", "tags")
VALUES: Final[dict[str, type]] = {
    **dict.fromkeys(_TEXT, str),
    **dict.fromkeys(_FLAG, bool),
    **dict.fromkeys(_LIST, list),
}


def rewrite(node: Any, kind: str, change: Change, at: str = "") -> Any:
    """Rebuild a tree from its leaves up, giving every typed mapping to change(kind, mapping)."""
    if not is_mapping(node):
        # Schemas may be `true`, `false`; anything else in place of a mapping is an error.
        if kind == "schema" and isinstance(node, bool):
            return node
        raise SpecError(f"{at or '/'}: a {kind} must be a mapping, not {type(node).__name__}")
    children = GRAMMAR[kind]
    new = {
        key: _rewrite_child(key, value, children.get(key), change, f"{at}/{escape(key)}")
        for key, value in node.items()
    }
    return change(kind, new)


def _rewrite_child(key: str, value: Any, child: Child, change: Change, at: str) -> Any:
    if child is None:
        return expect(value, VALUES[key], at) if key in VALUES else value
    shape, kind = child
    if shape == "one":
        return rewrite(value, kind, change, at)
    if shape == "list":
        return [
            rewrite(item, kind, change, f"{at}/{index}")
            for index, item in enumerate(expect(value, list, at))
        ]
    return {
        name: rewrite(item, kind, change, f"{at}/{escape(name)}")
        for name, item in expect(value, dict, at).items()
    }


def expect(value: Any, kind: type, at: str) -> Any:
    """Give the value back when it has the type the place needs; else raise SpecError."""
    if not isinstance(value, kind):
        raise SpecError(f"{at}: must be a {kind.__name__}, not {type(value).__name__}")
    return value


def escape(key: str) -> str:
    """Write a key as a JSON Pointer token."""
    return key.replace("~", "~0").replace("/", "~1")
