"""Derive kalshi_ext/contract/fields.py: the fields of every answer of both contracts, as data."""

from __future__ import annotations

import json
from typing import Any

from contract_operations import METHODS, answer_of, is_object, object_of

HEADER = '''\
"""The fields of every object that an answer of either contract holds.

Derived by `make generate` from openapi/portfolio.yaml and openapi/classic.yaml; do not edit.
"""

from __future__ import annotations

from typing import Final

'''
FIELDS = """\
# By contract and object: each field, whether it must be there, and the object or enum it holds.
FIELDS: Final[dict[str, dict[str, dict[str, tuple[bool, str]]]]] = {
"""


def fields_module(documents: dict[str, dict[str, Any]]) -> str:
    """Derive the module from the documents of the contracts, by contract name."""
    fields = "".join(_contract_fields(name, document) for name, document in documents.items())
    return f"{HEADER}{FIELDS}{fields}}}\n"


def _operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [item[each] for item in document["paths"].values() for each in METHODS if each in item]


def _contract_fields(name: str, document: dict[str, Any]) -> str:
    schemas = document["components"]["schemas"]
    lines = "".join(
        _object(key, schemas[key], schemas)
        for key in sorted(_answer_components(document))
        if is_object(schemas[key])
    )
    return f"    {_quoted(name)}: {{\n{lines}    }},\n"


def _answer_components(document: dict[str, Any]) -> set[str]:
    """Collect the components that some answer holds."""
    schemas = document["components"]["schemas"]
    reached = set[str]()
    pending = {answer_of(document, each) for each in _operations(document)}
    while pending - {""} - reached:
        reached |= pending - {""}
        inner = (schemas[name].get("properties", {}).values() for name in reached)
        pending = {object_of(schema, schemas) for each in inner for schema in each}
    return reached


def _object(name: str, schema: dict[str, Any], schemas: dict[str, Any]) -> str:
    required = set(schema.get("required", ()))
    lines = "".join(
        f"            {_quoted(key)}: ({key in required}, {_quoted(object_of(inner, schemas))}),\n"
        for key, inner in schema.get("properties", {}).items()
    )
    return f"        {_quoted(name)}: {{\n{lines}        }},\n" if lines else _empty(name)


def _empty(name: str) -> str:
    return f"        {_quoted(name)}: {{}},\n"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
