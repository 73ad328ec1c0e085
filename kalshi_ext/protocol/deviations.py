"""What an answer holds beyond its contract, wherever it stands: by the derived table, no values."""

from __future__ import annotations

import functools
from typing import Any, TypeGuard

from attrs import frozen

from kalshi_ext.contract import types
from kalshi_ext.contract.fields import ANSWERS, FIELDS
from kalshi_ext.values.enums import OpenEnum

Deviation = tuple[str, str]  # kind and place, as `Watch.note` takes them


@frozen
class ObjectSpec:
    """One object of a contract, ready to be compared: `inner` are fields that hold more."""

    name: str
    known: frozenset[str]
    required: frozenset[str]
    inner: tuple[tuple[str, ObjectSpec], ...]
    members: tuple[tuple[str, str, frozenset[str]], ...]


@functools.cache
def _object_spec(contract: str, name: str) -> ObjectSpec:
    fields = FIELDS[contract][name]
    held = {key: kind for key, (_, kind) in fields.items() if kind}
    objects = {key: kind for key, kind in held.items() if kind in FIELDS[contract]}
    return ObjectSpec(
        name,
        frozenset(fields),
        frozenset(key for key, (required, _) in fields.items() if required),
        tuple((key, _object_spec(contract, kind)) for key, kind in objects.items()),
        tuple((key, kind, _members(kind)) for key, kind in held.items() if key not in objects),
    )


def _members(name: str) -> frozenset[str]:
    kind: type[OpenEnum] = getattr(types, name)
    return frozenset(member.value for member in kind)


def find_deviations(operation: str, document: Any) -> list[Deviation]:
    """List what a success of this operation should not hold, or lacks; repeats stay."""
    contract, name, _ = ANSWERS.get(operation, ("", "", ""))
    if not name or not _is_object(document) or name not in FIELDS[contract]:
        return []
    found: list[Deviation] = []
    _walk(_object_spec(contract, name), document, found)
    return found


def _walk(shape: ObjectSpec, row: dict[str, Any], found: list[Deviation]) -> None:
    keys = row.keys()
    if not keys <= shape.known:
        found += [("unknown_field", f"{shape.name}.{key}") for key in keys - shape.known]
    if not shape.required <= keys:
        found += [("missing_field", f"{shape.name}.{key}") for key in shape.required - keys]
    for key, kind, members in shape.members:
        value = row.get(key)
        # Absent, null and "" say that there is nothing to say.
        if value and type(value) is str and value not in members:
            found.append(("unknown_member", kind))
    for key, inner in shape.inner:
        for one in _as_list(row.get(key)):
            if _is_object(one):
                _walk(inner, one, found)


def _as_list(value: Any) -> list[Any]:
    return value if _is_list(value) else [value]


def _is_list(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def _is_object(value: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def is_documented(operation: str, status: int) -> bool:
    """Say whether the contract names this status, or its range, for an operation it knows."""
    _, _, statuses = ANSWERS.get(operation, ("", "", ""))
    named = statuses.split()
    return not named or str(status) in named or f"{status // 100}XX" in named
