"""Follow references inside a document."""

from __future__ import annotations

from typing import Any


def dereference(document: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    """Follow $refs, also one that names another, to the node they name."""
    while "$ref" in node:
        target: Any = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node
