"""Check the engine's answers against the OpenAPI documents: status listed, body as its schema."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

OPENAPI = Path(__file__).parents[3] / "openapi"


@lru_cache(maxsize=2)
def openapi_document(name: str) -> dict[str, Any]:
    text = (OPENAPI / f"{name}.yaml").read_text()
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


@lru_cache(maxsize=2)
def contract_operations(name: str) -> dict[str, dict[str, Any]]:
    return {
        operation["operationId"]: operation
        for path in openapi_document(name)["paths"].values()
        for method, operation in path.items()
        if method in ("get", "post", "put", "delete")
    }


def dereference(name: str, node: dict[str, Any]) -> dict[str, Any]:
    """Follow a $ref."""
    while "$ref" in node:
        target: Any = openapi_document(name)
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def to_json_schema(name: str, node: Any) -> Any:
    """Write an OpenAPI 3.0 schema as JSON Schema: nullable becomes a choice, refs are filled in."""
    if isinstance(node, list):
        return [to_json_schema(name, part) for part in node]
    if not isinstance(node, dict):
        return node
    node = dereference(name, node)
    schema = {key: to_json_schema(name, value) for key, value in node.items() if key != "nullable"}
    return {"anyOf": [schema, {"type": "null"}]} if node.get("nullable") else schema


@lru_cache(maxsize=400)
def response_validator(name: str, operation: str, status: int) -> Draft202012Validator | None:
    responses = contract_operations(name)[operation]["responses"]
    keys = (str(status), f"{status // 100}XX", "default")
    response = next((responses[key] for key in keys if key in responses), None)
    assert response is not None, f"{operation}: status {status} is not in the contract"
    content = dereference(name, response).get("content", {}).get("application/json")
    return Draft202012Validator(to_json_schema(name, content["schema"])) if content else None


class CheckedAnswers:
    """Count over all runs, for the report."""

    count = 0


def check_against_contract(operation: str, status: int, body: Any) -> None:
    """Fail when an answer breaks the contract."""
    CheckedAnswers.count += 1
    name = "classic" if operation[0].islower() else "portfolio"
    schema = response_validator(name, operation, status)
    if schema is None:
        assert body is None, f"{operation} {status} has no body in the contract"
        return
    errors = [f"{error.json_path}: {error.message}" for error in schema.iter_errors(body)]
    assert not errors, f"{operation} {status}: {errors}"
