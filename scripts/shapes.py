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

{imports}from typing import TypedDict

from kalshi_ext.values.enums import OpenEnum
'''
DECIMAL = "from decimal import Decimal\n"
_SCALARS = {
    "string": ("str",),
    "integer": ("int",),
    "number": ("int", "Decimal"),
    "boolean": ("bool",),
}
# A property of such a name would hide the type from the properties around it.
_HIDING = frozenset({"str", "int", "bool", "list", "dict", "object", "Decimal"})
_ORDER = ("str", "int", "Decimal", "bool")


def modules(documents: list[dict[str, Any]]) -> dict[str, str]:
    """Write the derived modules of kalshi_ext, by file name."""
    from expected import expected

    named = dict(zip(("current", "classic"), documents, strict=True))
    return {"contract/types.py": shapes(documents), "contract/fields.py": expected(named)}


def shapes(documents: list[dict[str, Any]]) -> str:
    """Write the module for the schemas of the documents; equal names are merged."""
    named = [document["components"]["schemas"] for document in documents]
    names = sorted({name for schemas in named for name in schemas})
    enums = [_enum(name, found) for name in names if (found := _members(name, named))]
    objects = [
        _typed_dict(name, named)
        for name in names
        if any(_is_object(schemas.get(name)) for schemas in named)
    ]
    imports = DECIMAL if any("Decimal" in block for block in objects) else ""
    return "\n\n".join([HEADER.replace("{imports}", imports), *enums, *objects])


def _members(name: str, named: list[dict[str, Any]]) -> list[str]:
    found = {member for schemas in named for member in schemas.get(name, {}).get("enum", ())}
    return sorted(str(member) for member in found if member is not None)


def _is_object(schema: dict[str, Any] | None) -> bool:
    return schema is not None and (schema.get("type") == "object" or "properties" in schema)


def _enum(name: str, members: list[str]) -> str:
    lines = [f"    {_constant(member)} = {_quoted(member)}" for member in members]
    return "\n".join([f"class {_class(name)}(OpenEnum):", *lines]) + "\n"


def _class(name: str) -> str:
    """Make a class name of a component's; the document is not ours, so anything may be in it."""
    text = re.sub(r"[^0-9A-Za-z_]", "_", name)
    return text if text.isidentifier() and not keyword.iskeyword(text) else f"Shape{text}"


def _constant(member: str) -> str:
    text = re.sub(r"[^0-9A-Za-z]", "_", member).upper()
    return text if text[:1].isalpha() else f"VALUE_{text}"


def _typed_dict(name: str, named: list[dict[str, Any]]) -> str:
    types: dict[str, list[str]] = {}
    for schemas in named:
        for key, schema in schemas.get(name, {}).get("properties", {}).items():
            types.setdefault(key, []).extend(_types(schema, schemas))
    shape = _class(name)
    fields = {key: " | ".join(_sorted(found)) for key, found in sorted(types.items())}
    if not all(_can_be_a_line(key) for key in fields):
        pairs = [f'    {_quoted(key)}: "{kind}",' for key, kind in fields.items()]
        return "\n".join([f'{shape} = TypedDict("{shape}", {{', *pairs, "}, total=False)"]) + "\n"
    lines = [f"    {key}: {kind}" for key, kind in fields.items()] or ["    pass"]
    return "\n".join([f"class {shape}(TypedDict, total=False):", *lines]) + "\n"


def _can_be_a_line(key: str) -> bool:
    """Say whether a property can stand in a class body and be itself there."""
    is_name = key.isascii() and key.isidentifier() and not keyword.iskeyword(key)
    return is_name and not key.startswith("__") and key not in _HIDING


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _types(schema: dict[str, Any], schemas: dict[str, Any]) -> list[str]:
    """List the Python types a value of this schema can have in decoded JSON."""
    null = ["None"] if schema.get("nullable") else []
    if "$ref" in schema:
        return null + _referenced(schema["$ref"].rsplit("/", 1)[1], schemas)
    found: list[str] = []
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
    return null + (found or ["object"])


def _referenced(name: str, schemas: dict[str, Any]) -> list[str]:
    return [_class(name)] if _is_object(schemas[name]) else _types(schemas[name], schemas)


def _values(schema: dict[str, Any], schemas: dict[str, Any]) -> str:
    values = schema.get("additionalProperties")
    return _joined(values, schemas) if isinstance(values, dict) else "object"


def _joined(schema: dict[str, Any], schemas: dict[str, Any]) -> str:
    return " | ".join(_sorted(_types(schema, schemas)))


def _sorted(types: list[str]) -> list[str]:
    rank = {name: index for index, name in enumerate(_ORDER)}
    return sorted(set(types), key=lambda name: (name == "None", rank.get(name, -1), name))


def main(arguments: list[str] | None = None) -> int:
    """Write the modules, or with --check say whether they are as they would be written."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if it differs")
    options = parser.parse_args(arguments)
    from generate import import_spec_alone

    import_spec_alone()
    from kalshi_ext.drift.load import load

    documents = [load(ROOT / "openapi" / name) for name in DOCUMENTS]
    stale = [name for name, text in modules(documents).items() if _differs(name, text)]
    for name in stale if options.check else ():
        print(f"{name} is not what the contract says: run make generate", file=sys.stderr)
    for name in () if options.check else stale:
        path = ROOT / "kalshi_ext" / name
        path.write_text(modules(documents)[name], encoding="utf-8", newline="\n")
    return int(options.check and bool(stale))


def _differs(name: str, text: str) -> bool:
    path = ROOT / "kalshi_ext" / name
    return not path.exists() or path.read_text(encoding="utf-8") != text


if __name__ == "__main__":
    sys.exit(main())
