"""JSON types and values, compared as JSON compares them: 1 is 1.0, and neither is true."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from kalshi_ext.drift.json_types import is_list, is_mapping
from kalshi_ext.drift.leaves import Leaf

Types = frozenset[str] | None  # the JSON types a value may have; None is any
_INFERRED: Final = (
    ("properties", "object"),
    ("additionalProperties", "object"),
    ("required", "object"),
    ("items", "array"),
)


def canonical(value: Any) -> str:
    """Write a JSON value so that equal values have equal texts and others do not."""
    return json.dumps(_plain(value), sort_keys=True, default=str)


def types_of(leaf: Leaf) -> Types:
    """List the types a statement allows, without null; what it implies when it names none."""
    said = leaf.words.get("type")
    if said is not None:
        return _plainly({str(t) for t in said} if is_list(said) else {str(said)})
    if is_list(leaf.words.get("enum")) or "const" in leaf.words:
        values = leaf.words.get("enum") or [leaf.words.get("const")]
        return _plainly({_type_name(value) for value in values})
    implied = {name for word, name in _INFERRED if word in leaf.words}
    return frozenset(implied) if len(implied) == 1 else None


def null_vote(leaf: Leaf) -> bool | None:
    """Say yes, no, or nothing about null: an enum or a list of types decides."""
    said, enum = leaf.words.get("type"), leaf.words.get("enum")
    if is_list(enum) or "const" in leaf.words:
        return None in (enum or [leaf.words.get("const")])
    if said is None:
        return False if types_of(leaf) else None
    return "null" in said if is_list(said) else said == "null"


def meet(all_types: Iterable[Types]) -> Types:
    """Intersect lists of types; an integer is a number."""
    found: Types = None
    for types in all_types:
        if types is not None:
            found = types if found is None else _both(found, types)
    return found


def covers(wide: Types, narrow: Types) -> bool:
    """Tell whether everything of the narrow types is also of the wide ones."""
    if wide is None:
        return True
    return narrow is not None and all(t in wide or _is_whole(t, wide) for t in narrow)


def _both(left: frozenset[str], right: frozenset[str]) -> frozenset[str]:
    shared = {t for t in left if t in right or _is_whole(t, right)}
    return frozenset(shared | {t for t in right if _is_whole(t, left)})


def _is_whole(name: str, types: frozenset[str]) -> bool:
    return name == "integer" and "number" in types


def _plainly(names: set[str]) -> frozenset[str]:
    spare = {"null", "integer"} if "number" in names else {"null"}
    return frozenset(names - spare)


def _type_name(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number" if isinstance(value, float) and not value.is_integer() else "integer"
    if isinstance(value, str):
        return "string"
    return "array" if is_list(value) else "object"


def _plain(value: Any) -> Any:
    if is_mapping(value):
        return {str(key): _plain(item) for key, item in value.items()}
    if is_list(value):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
