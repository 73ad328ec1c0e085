"""A document as large as the exchange's whole one: our part, and as much again that is not ours."""

from __future__ import annotations

import copy
from typing import Any

from kalshi_ext.drift.documents import document

OTHERS = 80
_METHODS = ("get", "post", "put", "delete")
_SUBJECTS = ("markets", "events", "series", "milestones", "communications/quotes", "collections")


def whole_document() -> dict[str, Any]:
    """Give 47 operations of ours and 80 of others, some sharing components, all with prose."""
    found = document("upstream")
    for number in range(OTHERS):
        path = f"/{_SUBJECTS[number % len(_SUBJECTS)]}/kind_{number}/{{ticker}}"
        found["paths"][path] = {_METHODS[number % 4]: _operation(found, number)}
        found["components"]["schemas"][f"Thing{number}"] = _schema(found, number)
    found["paths"]["/historical/markets/{ticker}"] = {"get": _operation(found, OTHERS)}
    found["components"]["schemas"][f"Thing{OTHERS}"] = _schema(found, OTHERS)
    return found


def _operation(found: dict[str, Any], number: int) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/Thing{number}"}
    errors = copy.deepcopy(found["paths"]["/portfolio/orders"]["get"]["responses"])
    fine = {"description": "OK", "content": {"application/json": {"schema": schema}}}
    ticker = {"name": "ticker", "in": "path", "required": True, "schema": {"type": "string"}}
    return {
        "operationId": f"Thing{number}",
        "summary": f"The thing number {number}.",
        "description": "Words about it. " * 20,
        "parameters": [ticker],
        "responses": {**errors, "200": fine},
    }


def _schema(found: dict[str, Any], number: int) -> dict[str, Any]:
    fields = copy.deepcopy(found["components"]["schemas"]["Order"]["properties"])
    for name, inner in fields.items():
        if "$ref" not in inner:
            inner["description"] = f"What {name} says of the thing number {number}."
    before = {"$ref": f"#/components/schemas/Thing{max(number - 1, 0)}"}
    return {"type": "object", "properties": {**fields, "before": before}}
