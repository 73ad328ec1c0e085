"""Derive kalshi_ext/contract/fields.py: the fields of every answer of both contracts, as data."""

from __future__ import annotations

import json
from typing import Any

HEADER = '''\
"""What the answers of both contracts hold: objects, fields, statuses.

Derived by `make generate` from openapi/portfolio.yaml and openapi/classic.yaml; do not edit.
"""

from __future__ import annotations

from typing import Final

'''
FIELDS = """\
# By contract and object: each field, whether it must be there, and the object or enum it holds.
FIELDS: Final[dict[str, dict[str, dict[str, tuple[bool, str]]]]] = {
"""
ANSWERS = """\
# By operation: its contract, the object a success holds, and the documented statuses.
ANSWERS: Final[dict[str, tuple[str, str, str]]] = {
"""
METHODS = ("get", "put", "post", "delete", "patch")


def fields_module(documents: dict[str, dict[str, Any]]) -> str:
    """Derive the module from the documents of the contracts, by contract name."""
    fields = "".join(_contract_fields(name, document) for name, document in documents.items())
    answers = "".join(
        f"    {_quoted(operation['operationId'])}: (\n        {_quoted(name)},\n"
        f"        {_quoted(_answer_component(document, operation))},\n"
        f"        {_quoted(' '.join(operation['responses']))},\n    ),\n"
        for name, document in documents.items()
        for operation in _operations(document)
    )
    return f"{HEADER}{FIELDS}{fields}}}\n\n{ANSWERS}{answers}}}\n"


def _operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [item[each] for item in document["paths"].values() for each in METHODS if each in item]


def _contract_fields(name: str, document: dict[str, Any]) -> str:
    schemas = document["components"]["schemas"]
    lines = "".join(
        _object(key, schemas[key], schemas)
        for key in sorted(_answer_components(document))
        if _is_object(schemas[key])
    )
    return f"    {_quoted(name)}: {{\n{lines}    }},\n"


def _answer_components(document: dict[str, Any]) -> set[str]:
    """Collect the components that some answer holds."""
    schemas = document["components"]["schemas"]
    reached = set[str]()
    pending = {_answer_component(document, each) for each in _operations(document)}
    while pending - {""} - reached:
        reached |= pending - {""}
        inner = (schemas[name].get("properties", {}).values() for name in reached)
        pending = {_component(schema, schemas) for each in inner for schema in each}
    return reached


def _is_object(schema: dict[str, Any]) -> bool:
    """Tell an object, also one without fields, from a map with arbitrary keys."""
    return schema.get("type") == "object" and "additionalProperties" not in schema


def _object(name: str, schema: dict[str, Any], schemas: dict[str, Any]) -> str:
    required = set(schema.get("required", ()))
    lines = "".join(
        f"            {_quoted(key)}: ({key in required}, {_quoted(_component(inner, schemas))}),\n"
        for key, inner in schema.get("properties", {}).items()
    )
    return f"        {_quoted(name)}: {{\n{lines}        }},\n" if lines else _empty(name)


def _empty(name: str) -> str:
    return f"        {_quoted(name)}: {{}},\n"


def _component(schema: dict[str, Any], schemas: dict[str, Any]) -> str:
    """Name the component of a value, or of the values of a list; "" for a plain value."""
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        known = schemas[name]
        return name if "enum" in known or _is_object(known) else _component(known, schemas)
    for word in ("allOf", "anyOf", "oneOf"):
        for part in schema.get(word, ()):
            if component := _component(part, schemas):
                return component
    inner = schema.get("items")
    return _component(inner, schemas) if isinstance(inner, dict) else ""


def _answer_component(document: dict[str, Any], operation: dict[str, Any]) -> str:
    for status, response in operation["responses"].items():
        if status.startswith("2"):
            if "$ref" in response:
                name = response["$ref"].rpartition("/")[2]
                response = document["components"]["responses"][name]
            schema = response.get("content", {}).get("application/json", {}).get("schema", {})
            return _component(schema, document["components"]["schemas"])
    return ""


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
