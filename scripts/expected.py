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


def expected(documents: dict[str, dict[str, Any]]) -> str:
    """Write the module for the documents of the contracts, by their names."""
    fields = "".join(_contract(name, document) for name, document in documents.items())
    answers = "".join(
        f"    {_quoted(operation['operationId'])}: (\n        {_quoted(name)},\n"
        f"        {_quoted(_answer(document, operation))},\n"
        f"        {_quoted(' '.join(operation['responses']))},\n    ),\n"
        for name, document in documents.items()
        for operation in _operations(document)
    )
    return f"{HEADER}{FIELDS}{fields}}}\n\n{ANSWERS}{answers}}}\n"


def _operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [item[each] for item in document["paths"].values() for each in METHODS if each in item]


def _contract(name: str, document: dict[str, Any]) -> str:
    schemas = document["components"]["schemas"]
    lines = "".join(
        _object(key, schemas[key], schemas)
        for key in sorted(_answered(document))
        if _is_object(schemas[key])
    )
    return f"    {_quoted(name)}: {{\n{lines}    }},\n"


def _answered(document: dict[str, Any]) -> set[str]:
    """Name every component that is inside some answer."""
    schemas = document["components"]["schemas"]
    found, waiting = set[str](), {_answer(document, each) for each in _operations(document)}
    while waiting - {""} - found:
        found |= waiting - {""}
        inner = (schemas[name].get("properties", {}).values() for name in found)
        waiting = {_held(schema, schemas) for each in inner for schema in each}
    return found


def _is_object(schema: dict[str, Any]) -> bool:
    """Tell an object, also one without fields, from a map of whatever keys."""
    return schema.get("type") == "object" and "additionalProperties" not in schema


def _object(name: str, schema: dict[str, Any], schemas: dict[str, Any]) -> str:
    required = set(schema.get("required", ()))
    lines = "".join(
        f"            {_quoted(key)}: ({key in required}, {_quoted(_held(inner, schemas))}),\n"
        for key, inner in schema.get("properties", {}).items()
    )
    return f"        {_quoted(name)}: {{\n{lines}        }},\n" if lines else _empty(name)


def _empty(name: str) -> str:
    return f"        {_quoted(name)}: {{}},\n"


def _held(schema: dict[str, Any], schemas: dict[str, Any]) -> str:
    """Name the object or enum a value, or each value of a list, is; "" for none."""
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        known = schemas[name]
        return name if "enum" in known or _is_object(known) else _held(known, schemas)
    for word in ("allOf", "anyOf", "oneOf"):
        for part in schema.get(word, ()):
            if held := _held(part, schemas):
                return held
    inner = schema.get("items")
    return _held(inner, schemas) if isinstance(inner, dict) else ""


def _answer(document: dict[str, Any], operation: dict[str, Any]) -> str:
    for status, response in operation["responses"].items():
        if status.startswith("2"):
            if "$ref" in response:
                name = response["$ref"].rpartition("/")[2]
                response = document["components"]["responses"][name]
            schema = response.get("content", {}).get("application/json", {}).get("schema", {})
            return _held(schema, document["components"]["schemas"])
    return ""


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
