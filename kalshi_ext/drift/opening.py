"""Open a document, and check that its keywords have the JSON types that OpenAPI gives them.

`required: "true"` is not true to a parser and not false to a person: a document that says it has
no one meaning, so there is no verdict. Every object that a comparison may read is walked, by what
it is: in a schema's `properties` the key `required` is a field's name and no keyword.

    KEYWORDS[kind][keyword]   a checker of scalars, or how to go on to inner objects

A keyword that is not listed may be anything: vendor keys, annotations, words of newer versions.
A list or mapping that is null has no members, as people write `properties:` and leave it empty.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, Final

from kalshi_ext.drift.document import Document, Node
from kalshi_ext.drift.errors import CannotCompare
from kalshi_ext.drift.limits import SpecError, check_bounds, is_list, is_mapping

Inner = Iterator[tuple[Node, str]]
# Raises CannotCompare for a value of the wrong type, and lists inner nodes with their kinds.
Checker = Callable[[Node], Inner]

_JSON_TYPES: Final = ("array", "boolean", "integer", "null", "number", "object", "string")
_PLACES: Final = ("query", "header", "path", "cookie")


def open_document(value: object, name: str) -> Document:
    """Check that a loaded value is an OpenAPI 3 document of bounded size.

    A Document is returned as it is: its caches serve the next comparison too.
    """
    if isinstance(value, Document):
        return value
    try:
        check_bounds(value, name)
    except SpecError as error:
        raise CannotCompare(str(error)) from error
    if not is_mapping(value):
        raise CannotCompare(f"{name}: not an OpenAPI document but a {type(value).__name__}")
    document = Document(value, name)
    _check_openapi_3(document)
    check_keywords(document)
    return document


def _check_openapi_3(document: Document) -> None:
    if "swagger" in document.root:
        raise document.error("/swagger", "Swagger 2 is not compared, only OpenAPI 3")
    version = str(document.root.get("openapi", ""))
    if not version.startswith("3."):
        raise document.error("/openapi", f"must say an OpenAPI version 3.x, not {version!r}")
    if not is_mapping(document.root.get("paths")):
        raise document.error("/paths", "must be a mapping of paths")


def check_keywords(document: Document) -> None:
    """Walk a document; raises CannotCompare with the pointer of the first wrong value."""
    # A stack instead of recursion, and references are not followed: each object is met once.
    pending = [(document.at(""), "document")]
    while pending:
        node, kind = pending.pop()
        if kind == "schema" and isinstance(node.value, bool):
            continue  # JSON Schema: true accepts every value, false none
        for keyword, checker in KEYWORDS[kind].items():
            value = node.mapping().get(keyword)
            if value is not None:
                pending += checker(value)


def _scalar(described: str, accepts: Callable[[Any], bool]) -> Checker:
    def check(node: Node) -> Inner:
        if not accepts(node.value):
            raise node.error(f"must be {described}, not {_shown(node.value)}")
        return iter(())

    return check


def _shown(value: Any) -> str:
    if is_mapping(value) or is_list(value):
        return "a mapping" if is_mapping(value) else "a list"
    return f"{type(value).__name__} {str(value)[:40]!r}"


def _is_number(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value)


def _is_size(value: Any) -> bool:
    return _is_number(value) and value >= 0 and value == int(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_types(value: Any) -> bool:
    names = value if is_list(value) else [value]
    return bool(names) and all(_is_text(name) and name in _JSON_TYPES for name in names)


_FLAG: Final = _scalar("true or false", lambda value: isinstance(value, bool))
_TEXT: Final = _scalar("text", _is_text)
_NUMBER: Final = _scalar("a number", _is_number)
_STEP: Final = _scalar("a number above 0", lambda value: _is_number(value) and value > 0)
_SIZE: Final = _scalar("a whole number of at least 0", _is_size)
_LIST: Final = _scalar("a list", is_list)
_TEXTS: Final = _scalar("a list of texts", lambda v: is_list(v) and all(map(_is_text, v)))
_PLACE: Final = _scalar(f"one of {', '.join(_PLACES)}", lambda v: _is_text(v) and v in _PLACES)
_TYPES: Final = _scalar(f"one of {', '.join(_JSON_TYPES)} or a list of them", _is_types)
# OpenAPI 3.0 writes a flag beside the limit, 3.1 the limit itself.
_EXCLUSIVE: Final = _scalar("true, false or a number",
                            lambda v: isinstance(v, bool) or _is_number(v))  # fmt: skip


def _one(kind: str) -> Checker:
    return lambda node: iter([] if node.value is None else [(_object(node, kind), kind)])


def _each(kind: str) -> Checker:
    def check(node: Node) -> Inner:
        if not (node.value is None or is_list(node.value)):
            raise node.error(f"must be a list, not {_shown(node.value)}")
        return ((_object(each, kind), kind) for each in node.children().values())

    return check


def _named(kind: str) -> Checker:
    def check(node: Node) -> Inner:
        if not (node.value is None or is_mapping(node.value)):
            raise node.error(f"must be a mapping, not {_shown(node.value)}")
        return ((_object(each, kind), kind) for each in _members(node))

    return check


def _members(node: Node) -> Iterator[Node]:
    return (each for key, each in node.children().items() if not key.startswith("x-"))


def _object(node: Node, kind: str) -> Node:
    is_boolean_schema = kind == "schema" and isinstance(node.value, bool)
    if not (is_mapping(node.value) or is_boolean_schema):
        raise node.error(f"must be a mapping, not {_shown(node.value)}")
    return node


_METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_PARAMETER: Final[dict[str, Checker]] = {
    "$ref": _TEXT, "name": _TEXT, "in": _PLACE, "required": _FLAG, "deprecated": _FLAG,
    "allowEmptyValue": _FLAG, "allowReserved": _FLAG, "explode": _FLAG, "style": _TEXT,
    "schema": _one("schema"), "content": _named("media"),
}  # fmt: skip
KEYWORDS: Final[dict[str, dict[str, Checker]]] = {
    "document": {
        "paths": _named("path"), "components": _one("components"), "servers": _each("server"),
        "security": _LIST,
    },
    "components": {
        "schemas": _named("schema"), "parameters": _named("parameter"),
        "headers": _named("header"), "responses": _named("response"),
        "requestBodies": _named("body"), "securitySchemes": _named("scheme"),
    },
    "path": {
        "$ref": _TEXT, "parameters": _each("parameter"), "servers": _each("server"),
        **{method: _one("operation") for method in _METHODS},
    },
    "operation": {
        "operationId": _TEXT, "deprecated": _FLAG, "parameters": _each("parameter"),
        "requestBody": _one("body"), "responses": _named("response"), "security": _LIST,
        "servers": _each("server"), "tags": _TEXTS,
    },
    "parameter": _PARAMETER,
    "header": _PARAMETER,
    "body": {"$ref": _TEXT, "required": _FLAG, "content": _named("media")},
    "response": {"$ref": _TEXT, "content": _named("media"), "headers": _named("header")},
    "media": {"schema": _one("schema")},
    "server": {"url": _TEXT},
    "scheme": {"$ref": _TEXT, "type": _TEXT, "scheme": _TEXT, "in": _TEXT, "name": _TEXT},
    "schema": {
        "$ref": _TEXT, "type": _TYPES, "nullable": _FLAG, "format": _TEXT, "pattern": _TEXT,
        "enum": _LIST, "required": _TEXTS, "deprecated": _FLAG, "readOnly": _FLAG,
        "writeOnly": _FLAG, "uniqueItems": _FLAG, "minimum": _NUMBER, "maximum": _NUMBER,
        "exclusiveMinimum": _EXCLUSIVE, "exclusiveMaximum": _EXCLUSIVE, "multipleOf": _STEP,
        **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems", "minProperties",
                         "maxProperties"), _SIZE),
        "properties": _named("schema"), "items": _one("schema"),
        **dict.fromkeys(("allOf", "anyOf", "oneOf"), _each("schema")),
        "additionalProperties": _one("schema"), "unevaluatedProperties": _one("schema"),
        "discriminator": _one("discriminator"),
    },
    "discriminator": {"propertyName": _TEXT},
}  # fmt: skip
