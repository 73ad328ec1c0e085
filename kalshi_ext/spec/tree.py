"""JSON trees to a type checker: what a mapping and a list of a document are."""

from __future__ import annotations

from typing import Any, TypeGuard


def is_mapping(value: object) -> TypeGuard[dict[str, Any]]:
    """Say whether the value is a mapping; its keys are text, as load() made them."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[Any]]:
    """Say whether the value is a list."""
    return isinstance(value, list)


def children(value: object) -> list[Any]:
    """Give the values directly inside a mapping or a list."""
    if is_mapping(value):
        return list(value.values())
    return value if is_list(value) else []
