"""A contract of nobody, with the constructs that neither real contract has today."""

from __future__ import annotations

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


def workshop() -> dict[str, Any]:
    """Give the document anew."""
    thing = {"$ref": "#/components/schemas/Thing"}
    listed = {"type": "array", "items": TEXT}
    limits = {"X-Left": {"required": True, "schema": {"type": "integer"}},
              "X-Note": {"schema": TEXT}}  # fmt: skip
    get = {
        "operationId": "ListThings",
        "deprecated": True,
        "parameters": [
            _query("names", listed, style="form", explode=False),
            _query("codes", listed, deprecated=True),
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
        "info": {"title": "workshop", "version": "1"},
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
    """Give one of the contracts that are mutated: current, classic or workshop."""
    if name == "workshop":
        return workshop()
    return document("current" if name == "current" else "classic")
