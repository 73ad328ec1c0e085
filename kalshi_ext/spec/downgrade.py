"""Say in OpenAPI 3.0 what a 3.1 document says: one form to compare and to generate from."""

from __future__ import annotations

from typing import Any

from kalshi_ext.spec.tree import is_list, is_mapping

_NULL = {"type": "null"}


def downgraded(schema: dict[str, Any]) -> dict[str, Any]:
    """Rewrite one schema: null types, const and numeric exclusive bounds have 3.0 words."""
    new = dict(schema)
    if "const" in new:
        new["enum"] = [new.pop("const")]
    for key in ("anyOf", "oneOf"):
        if is_list(new.get(key)):
            new = _without_null_part(new, key)
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        limit = new.get(exclusive)
        if isinstance(limit, int | float) and not isinstance(limit, bool):
            new[bound], new[exclusive] = limit, True
    return _without_type_list(new)


def _without_null_part(schema: dict[str, Any], key: str) -> dict[str, Any]:
    parts = [part for part in schema[key] if part != _NULL]
    if len(parts) == len(schema[key]):
        return schema
    rest = {name: value for name, value in schema.items() if name != key}
    rest["nullable"] = True
    if len(parts) != 1:
        return {**rest, key: parts}
    if is_mapping(parts[0]) and "$ref" not in parts[0]:
        return {**parts[0], **rest}
    return {**rest, "allOf": parts}


def _without_type_list(schema: dict[str, Any]) -> dict[str, Any]:
    types = schema.get("type")
    if not is_list(types):
        return schema
    rest = {key: value for key, value in schema.items() if key != "type"}
    kinds = [kind for kind in types if kind != "null"]
    if len(kinds) < len(types):
        rest["nullable"] = True
    if len(kinds) == 1:
        return {"type": kinds[0], **rest}
    return {**rest, "anyOf": [{"type": kind} for kind in kinds]} if kinds else rest
