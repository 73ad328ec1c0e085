#!/usr/bin/env python3
"""Derive kalshi_ext/contract: the JSON of both contracts as types, and its fields as data."""

from __future__ import annotations

import argparse
import json
import keyword
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = ("portfolio.yaml", "classic.yaml")
HEADER = '''\
"""The exchange's JSON as types, both contracts together.

Derived by `make generate` from openapi/portfolio.yaml and openapi/classic.yaml; do not edit.
"""

from __future__ import annotations

{imports}from kalshi_ext.values.enums import OpenEnum
from kalshi_ext.values.shapes import TypedDict
'''
DECIMAL = "from decimal import Decimal\n\n"
_SCALARS = {
    "string": ("str",),
    "integer": ("int",),
    "number": ("int", "Decimal"),
    "boolean": ("bool",),
}
# A property of such a name would shadow the type in the annotations of its class body.
_SHADOWING = frozenset({"str", "int", "bool", "list", "dict", "object", "Decimal"})
_ORDER = ("str", "int", "Decimal", "bool")


def derived_modules(documents: list[dict[str, Any]], facade: dict[str, Any]) -> dict[str, str]:
    """Derive the modules, by their path in kalshi_ext; `facade` is openapi/facade.yaml."""
    from contract_fields import fields_module
    from contract_operations import operations_module
    from contract_pages import page_sizes_module

    by_contract = dict(zip(("current", "classic"), documents, strict=True))
    return {
        "contract/types.py": types_module(documents),
        "contract/fields.py": fields_module(by_contract),
        "contract/operations.py": operations_module(by_contract, facade),
        "contract/page_sizes.py": page_sizes_module(by_contract),
    }


def types_module(documents: list[dict[str, Any]]) -> str:
    """Derive the module of types; a schema of both documents gets the properties of both."""
    schemas_by_contract = [document["components"]["schemas"] for document in documents]
    names = sorted({name for schemas in schemas_by_contract for name in schemas})
    enums = [
        _enum(name, members) for name in names if (members := _members(name, schemas_by_contract))
    ]
    objects = [
        _typed_dict(name, schemas_by_contract)
        for name in names
        if any(_is_object(schemas.get(name)) for schemas in schemas_by_contract)
    ]
    imports = DECIMAL if any("Decimal" in block for block in objects) else ""
    return "\n\n".join([HEADER.replace("{imports}", imports), *enums, *objects])


def _members(name: str, schemas_by_contract: list[dict[str, Any]]) -> list[str]:
    members = {
        member
        for schemas in schemas_by_contract
        for member in schemas.get(name, {}).get("enum", ())
    }
    return sorted(str(member) for member in members if member is not None)


def _is_object(schema: dict[str, Any] | None) -> bool:
    return schema is not None and (schema.get("type") == "object" or "properties" in schema)


def _enum(name: str, members: list[str]) -> str:
    lines = [f"    {_constant(member)} = {_quoted(member)}" for member in members]
    return "\n".join([f"class {_class_name(name)}(OpenEnum):", *lines]) + "\n"


def _class_name(name: str) -> str:
    """Turn the name of a component, which may hold any character, into a class name."""
    text = re.sub(r"[^0-9A-Za-z_]", "_", name)
    return text if text.isidentifier() and not keyword.iskeyword(text) else f"Shape{text}"


def _constant(member: str) -> str:
    text = re.sub(r"[^0-9A-Za-z]", "_", member).upper()
    return text if text[:1].isalpha() else f"VALUE_{text}"


def _typed_dict(name: str, schemas_by_contract: list[dict[str, Any]]) -> str:
    types: dict[str, list[str]] = {}
    for schemas in schemas_by_contract:
        for key, schema in schemas.get(name, {}).get("properties", {}).items():
            types.setdefault(key, []).extend(_types(schema, schemas))
    class_name = _class_name(name)
    fields = {key: " | ".join(_sorted(kinds)) for key, kinds in sorted(types.items())}
    if not all(_is_class_field(key) for key in fields):
        pairs = [f'    {_quoted(key)}: "{kind}",' for key, kind in fields.items()]
        return (
            "\n".join([f'{class_name} = TypedDict("{class_name}", {{', *pairs, "}, total=False)"])
            + "\n"
        )
    lines = [f"    {key}: {kind}" for key, kind in fields.items()] or ["    pass"]
    return "\n".join([f"class {class_name}(TypedDict, total=False):", *lines]) + "\n"


def _is_class_field(key: str) -> bool:
    """Tell whether a property can be an annotated name of a class body."""
    is_name = key.isascii() and key.isidentifier() and not keyword.iskeyword(key)
    # Python mangles a name of two underscores inside a class.
    return is_name and not key.startswith("__") and key not in _SHADOWING


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _types(schema: dict[str, Any], schemas: dict[str, Any]) -> list[str]:
    """List the Python types of decoded JSON of this schema."""
    null = ["None"] if schema.get("nullable") else []
    if "$ref" in schema:
        return null + _referenced_types(schema["$ref"].rsplit("/", 1)[1], schemas)
    alternatives: list[str] = []
    for key in ("allOf", "anyOf", "oneOf"):
        for part in schema.get(key, ()):
            alternatives += _types(part, schemas)
    kind = schema.get("type")
    if kind == "array":
        alternatives.append(f"list[{_union(schema.get('items', {}), schemas)}]")
    elif kind == "object":
        alternatives.append(f"dict[str, {_value_types(schema, schemas)}]")
    else:
        alternatives += _SCALARS.get(str(kind), ())
    return null + (alternatives or ["object"])


def _referenced_types(name: str, schemas: dict[str, Any]) -> list[str]:
    return [_class_name(name)] if _is_object(schemas[name]) else _types(schemas[name], schemas)


def _value_types(schema: dict[str, Any], schemas: dict[str, Any]) -> str:
    values = schema.get("additionalProperties")
    return _union(values, schemas) if isinstance(values, dict) else "object"


def _union(schema: dict[str, Any], schemas: dict[str, Any]) -> str:
    return " | ".join(_sorted(_types(schema, schemas)))


def _sorted(types: list[str]) -> list[str]:
    rank = {name: index for index, name in enumerate(_ORDER)}
    return sorted(set(types), key=lambda name: (name == "None", rank.get(name, -1), name))


def main(arguments: list[str] | None = None) -> int:
    """Write the modules; with --check return 1 if one of them differs from what it should be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if it differs")
    options = parser.parse_args(arguments)
    from generate import import_without_client

    import_without_client()
    from kalshi_ext.drift.load import load

    documents = [load(ROOT / "openapi" / name) for name in DOCUMENTS]
    derived = derived_modules(documents, load(ROOT / "openapi" / "facade.yaml"))
    stale = [name for name, text in derived.items() if _is_stale(name, text)]
    for name in stale if options.check else ():
        print(f"{name} is not what the contract says: run make generate", file=sys.stderr)
    for name in () if options.check else stale:
        path = ROOT / "kalshi_ext" / name
        path.write_text(derived[name], encoding="utf-8", newline="\n")
    return int(options.check and bool(stale))


def _is_stale(name: str, text: str) -> bool:
    path = ROOT / "kalshi_ext" / name
    return not path.exists() or path.read_text(encoding="utf-8") != text


if __name__ == "__main__":
    sys.exit(main())
