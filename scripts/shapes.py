#!/usr/bin/env python3
"""Derive kalshi_ext/_shapes.py: the received JSON of both contracts as TypedDicts and open enums."""

from __future__ import annotations

import argparse
import keyword
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
HEADER = '''\
"""The exchange's JSON as types, both contracts together.

Derived by `make generate` from openapi/portfolio.yaml and openapi/classic.yaml; do not edit.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TypedDict

from kalshi_ext.enums import OpenEnum
'''
_SCALARS = {
    "string": ("str",),
    "integer": ("int",),
    "number": ("int", "Decimal"),
    "boolean": ("bool",),
}
_ORDER = ("str", "int", "Decimal", "bool")


def shapes(documents: list[dict[str, Any]]) -> str:
    """Write the module for the schemas of the documents; equal names are merged."""
    named = [document["components"]["schemas"] for document in documents]
    names = sorted({name for schemas in named for name in schemas})
    blocks = [HEADER]
    for name in names:
        if members := _members([schemas[name] for schemas in named if name in schemas]):
            blocks.append(_enum(name, members))
    for name in names:
        if any(_is_object(schemas.get(name)) for schemas in named):
            blocks.append(_typed_dict(name, named))
    return "\n\n".join(blocks)


def _members(schemas: list[dict[str, Any]]) -> list[str]:
    found = {member for schema in schemas for member in schema.get("enum", ())}
    return sorted(str(member) for member in found if member is not None)


def _is_object(schema: dict[str, Any] | None) -> bool:
    return schema is not None and (schema.get("type") == "object" or "properties" in schema)


def _enum(name: str, members: list[str]) -> str:
    lines = [f'    {_constant(member)} = "{member}"' for member in members]
    return "\n".join([f"class {name}(OpenEnum):", *lines]) + "\n"


def _constant(member: str) -> str:
    text = "".join(letter if letter.isalnum() else "_" for letter in member).upper()
    return text if text.isidentifier() else f"VALUE_{text}"


def _typed_dict(name: str, named: list[dict[str, Any]]) -> str:
    types: dict[str, list[str]] = {}
    for schemas in named:
        for key, schema in schemas.get(name, {}).get("properties", {}).items():
            types.setdefault(key, []).extend(_types(schema, schemas))
    fields = {key: " | ".join(_sorted(found)) for key, found in sorted(types.items())}
    if any(not key.isidentifier() or keyword.iskeyword(key) for key in fields):
        pairs = ", ".join(f'"{key}": "{kind}"' for key, kind in fields.items())
        return f'{name} = TypedDict("{name}", {{{pairs}}}, total=False)\n'
    lines = [f"    {key}: {kind}" for key, kind in fields.items()] or ["    pass"]
    return "\n".join([f"class {name}(TypedDict, total=False):", *lines]) + "\n"


def _types(schema: dict[str, Any], schemas: dict[str, Any]) -> list[str]:
    """List the Python types a value of this schema can have in decoded JSON."""
    found = ["None"] if schema.get("nullable") else []
    if "$ref" in schema:
        return found + _referenced(schema["$ref"].rsplit("/", 1)[1], schemas)
    for key in ("allOf", "anyOf", "oneOf"):
        for part in schema.get(key, ()):
            found += _types(part, schemas)
    kind = schema.get("type")
    if kind == "array":
        found.append(f"list[{_joined(schema.get('items', {}), schemas)}]")
    elif kind == "object":
        found.append(f"dict[str, {_values(schema, schemas)}]")
    else:
        found += _SCALARS.get(str(kind), ())
    return found or ["object"]


def _referenced(name: str, schemas: dict[str, Any]) -> list[str]:
    return [name] if _is_object(schemas[name]) else _types(schemas[name], schemas)


def _values(schema: dict[str, Any], schemas: dict[str, Any]) -> str:
    values = schema.get("additionalProperties")
    return _joined(values, schemas) if isinstance(values, dict) else "object"


def _joined(schema: dict[str, Any], schemas: dict[str, Any]) -> str:
    return " | ".join(_sorted(_types(schema, schemas)))


def _sorted(types: list[str]) -> list[str]:
    rank = {name: index for index, name in enumerate(_ORDER)}
    return sorted(set(types), key=lambda name: (name == "None", rank.get(name, -1), name))


def main(arguments: list[str] | None = None) -> int:
    """Write the module, or with --check say whether it is as it would be written."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if it differs")
    options = parser.parse_args(arguments)
    sys.path.insert(0, str(ROOT))
    from kalshi_ext.spec.load import load

    documents = [load(ROOT / "openapi" / name) for name in ("portfolio.yaml", "classic.yaml")]
    text, path = shapes(documents), ROOT / "kalshi_ext" / "_shapes.py"
    same = path.exists() and path.read_text(encoding="utf-8") == text
    if not same and not options.check:
        path.write_text(text, encoding="utf-8", newline="\n")
    if not same and options.check:
        print(f"{path.name} is not what the contract says: run make generate", file=sys.stderr)
    return int(options.check and not same)


if __name__ == "__main__":
    sys.exit(main())
