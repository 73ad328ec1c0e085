"""The contracts that tests compare and mutate: the two real ones and two made up.

The synthetic contract has the constructs that neither real contract has today. The full-size
document is as large as the exchange's whole one: our part, and as much again that is not ours.
"""

from __future__ import annotations

import copy
from typing import Any

from kalshi_ext.drift.documents import document

TEXT = {"type": "string"}
CODE = {"type": "string", "minLength": 2, "maxLength": 8, "pattern": "^[a-z]+$"}
CAT = {
    "type": "object",
    "required": ["kind", "lives"],
    "properties": {"kind": TEXT, "lives": {"type": "integer", "format": "int32"}},
}
DOG = {
    "type": "object",
    "required": ["kind", "tricks"],
    "properties": {"kind": TEXT, "tricks": {"type": "array", "items": TEXT}},
}
BIRD = {
    "type": "object",
    "required": ["kind", "wings"],
    "properties": {"kind": TEXT, "wings": {"type": "boolean"}},
}
PET = {"oneOf": [{"$ref": f"#/components/schemas/{name}"} for name in ("Cat", "Dog", "Bird")]}
THING = {
    "type": "object",
    "required": ["id", "codes"],
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "codes": {"type": "array", "minItems": 1, "maxItems": 9, "items": CODE},
        "share": {"type": "number", "minimum": 0, "maximum": 1, "exclusiveMaximum": True},
        "step": {"type": "integer", "format": "int32", "multipleOf": 5, "minimum": 5},
        "note": {"type": "string", "nullable": True, "deprecated": True},
        "size": {"type": "string", "enum": ["small", "large"], "default": "small"},
        "extra": {"type": "object", "additionalProperties": {"type": "integer"}},
        "strict": {"type": "object", "additionalProperties": False, "properties": {"a": TEXT}},
        "pet": PET,
    },
}


def _query(name: str, schema: Any, **words: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": schema, **words}


def _content(schema: Any) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def synthetic() -> dict[str, Any]:
    """Give the document anew."""
    thing = {"$ref": "#/components/schemas/Thing"}
    texts = {"type": "array", "items": TEXT}
    limits = {"X-Left": {"required": True, "schema": {"type": "integer"}},
              "X-Note": {"schema": TEXT}}  # fmt: skip
    get = {
        "operationId": "ListThings",
        "deprecated": True,
        "parameters": [
            _query("names", texts, style="form", explode=False),
            _query("codes", texts, deprecated=True),
            _query("kind", {"type": "string", "default": "any"}, required=True),
            _query("blank", TEXT, allowEmptyValue=True),
        ],
        "responses": {
            "200": {"description": "", "headers": limits, "content": _content(thing)},
            "302": {"description": ""},
            "4XX": {"description": "", "content": _content({"type": "object"})},
        },
        "security": [{"key": []}, {"oauth": ["read", "trade"]}],
    }
    post = {
        "operationId": "MakeThing",
        "parameters": [{"name": "owner", "in": "path", "required": True, "schema": TEXT}],
        "requestBody": {"content": _content(thing)},
        "responses": {"201": {"description": "", "content": _content(thing)}},
        "security": [{"key": [], "oauth": ["trade"]}],
        "callbacks": {"made": {"{$request.body#/id}": {"post": {"responses": {}}}}},
    }
    return {
        "openapi": "3.0.3",
        "info": {"title": "synthetic", "version": "1"},
        "servers": [{"url": "https://a.example/v1"}, {"url": "https://b.example/v1"}],
        "paths": {"/things": {"get": get}, "/things/{owner}": {
            "post": post}},
        "components": {
            "schemas": {"Thing": THING, "Cat": CAT, "Dog": DOG, "Bird": BIRD},
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "X-KEY"},
                "oauth": {"type": "oauth2", "flows": {"implicit": {
                    "authorizationUrl": "https://a.example/in",
                    "scopes": {"read": "", "trade": ""}}}},
            },
        },
    }  # fmt: skip


def contract(name: str) -> dict[str, Any]:
    """Give one of the contracts that are mutated: current, classic or synthetic."""
    if name == "synthetic":
        return synthetic()
    return document("current" if name == "current" else "classic")


FOREIGN_OPERATIONS = 80
_METHODS = ("get", "post", "put", "delete")
_SUBJECTS = ("markets", "events", "series", "milestones", "communications/quotes", "collections")


def full_size_document() -> dict[str, Any]:
    """Give 51 operations of ours and 80 of others, some sharing components, all with prose."""
    whole = document("upstream")
    for number in range(FOREIGN_OPERATIONS):
        path = f"/{_SUBJECTS[number % len(_SUBJECTS)]}/kind_{number}/{{ticker}}"
        whole["paths"][path] = {_METHODS[number % 4]: _foreign_operation(whole, number)}
        whole["components"]["schemas"][f"Thing{number}"] = _foreign_schema(whole, number)
    whole["paths"]["/historical/markets/{ticker}"] = {
        "get": _foreign_operation(whole, FOREIGN_OPERATIONS)
    }
    whole["components"]["schemas"][f"Thing{FOREIGN_OPERATIONS}"] = _foreign_schema(
        whole, FOREIGN_OPERATIONS
    )
    return whole


def _foreign_operation(whole: dict[str, Any], number: int) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/Thing{number}"}
    errors = copy.deepcopy(whole["paths"]["/portfolio/orders"]["get"]["responses"])
    fine = {"description": "OK", "content": {"application/json": {"schema": schema}}}
    ticker = {"name": "ticker", "in": "path", "required": True, "schema": {"type": "string"}}
    return {
        "operationId": f"Thing{number}",
        "summary": f"The thing number {number}.",
        "description": "Words about it. " * 20,
        "parameters": [ticker],
        "responses": {**errors, "200": fine},
    }


def _foreign_schema(whole: dict[str, Any], number: int) -> dict[str, Any]:
    fields = copy.deepcopy(whole["components"]["schemas"]["Order"]["properties"])
    for name, inner in fields.items():
        if "$ref" not in inner:
            inner["description"] = f"What {name} says of the thing number {number}."
    before = {"$ref": f"#/components/schemas/Thing{max(number - 1, 0)}"}
    return {"type": "object", "properties": {**fields, "before": before}}
