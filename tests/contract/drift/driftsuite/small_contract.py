"""A small contract and ways to compare it with an edited copy of itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kalshi_ext.drift.compare import compare
from kalshi_ext.drift.finding import Finding

Edit = Callable[[dict[str, Any]], object]


def small() -> dict[str, Any]:
    """One list of fills of ours: a parameter, an enum, two fields."""
    fill = {
        "type": "object",
        "required": ["count"],
        "properties": {
            "count": {"type": "integer"},
            "side": {"type": "string", "enum": ["yes", "no"]},
        },
    }
    answer = {"type": "array", "items": {"$ref": "#/components/schemas/Fill"}}
    limit = {"name": "limit", "in": "query", "schema": {"type": "integer", "maximum": 1000}}
    operation = {
        "operationId": "GetFills",
        "parameters": [limit],
        "responses": {"200": {"description": "", "content": {"application/json": {
            "schema": {"type": "object", "properties": {"fills": answer}}}}}},
    }  # fmt: skip
    return {
        "openapi": "3.0.0",
        "info": {"title": "small", "version": "1"},
        "servers": [{"url": "https://a.example"}],
        "paths": {"/portfolio/fills": {"get": operation}},
        "components": {"schemas": {"Fill": fill}},
    }


def drop_count(new: dict[str, Any]) -> None:
    """Break: a field is gone."""
    del new["components"]["schemas"]["Fill"]["properties"]["count"]
    del new["components"]["schemas"]["Fill"]["required"]


def grow_side(new: dict[str, Any]) -> None:
    """Risk: an enum in answers grows."""
    new["components"]["schemas"]["Fill"]["properties"]["side"]["enum"].append("both")


def add_fee(new: dict[str, Any]) -> None:
    """Nothing breaks: a field is new."""
    new["components"]["schemas"]["Fill"]["properties"]["fee"] = {"type": "string"}


def deprecate(new: dict[str, Any]) -> None:
    """Announce the end of an operation."""
    new["paths"]["/portfolio/fills"]["get"]["deprecated"] = True


def rename_operation(new: dict[str, Any]) -> None:
    """Change nothing on the wire."""
    new["paths"]["/portfolio/fills"]["get"]["operationId"] = "ListFills"


def edited(*edits: Edit) -> dict[str, Any]:
    """Give the small contract after some edits."""
    new = small()
    for edit in edits:
        edit(new)
    return new


def findings(*edits: Edit) -> list[Finding]:
    """List the findings of some edits."""
    return list(compare(small(), edited(*edits)).findings)


def files(folder: Path, *edits: Edit) -> tuple[str, str]:
    """Write the contract and its edited copy to files; give their paths."""
    base, new = folder / "base.json", folder / "new.json"
    base.write_text(json.dumps(small(), indent=1), "utf-8")
    new.write_text(json.dumps(edited(*edits), indent=1), "utf-8")
    return str(base), str(new)
