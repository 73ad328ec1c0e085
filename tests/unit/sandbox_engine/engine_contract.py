"""Judge the engine's answers by the OpenAPI documents: status known, body as the schema says."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

OPENAPI = Path(__file__).parents[3] / "openapi"


@lru_cache(maxsize=2)
def document(name: str) -> dict[str, Any]:
    text = (OPENAPI / f"{name}.yaml").read_text()
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


@lru_cache(maxsize=2)
def operations(name: str) -> dict[str, dict[str, Any]]:
    return {
        operation["operationId"]: operation
        for path in document(name)["paths"].values()
        for method, operation in path.items()
        if method in ("get", "post", "put", "delete")
    }


def resolved(name: str, node: dict[str, Any]) -> dict[str, Any]:
    """Follow a $ref."""
    while "$ref" in node:
        target: Any = document(name)
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def plain(name: str, node: Any) -> Any:
    """Write an OpenAPI 3.0 schema as JSON Schema: nullable becomes a choice, refs are filled in."""
    if isinstance(node, list):
        return [plain(name, part) for part in node]
    if not isinstance(node, dict):
        return node
    node = resolved(name, node)
    schema = {key: plain(name, value) for key, value in node.items() if key != "nullable"}
    return {"anyOf": [schema, {"type": "null"}]} if node.get("nullable") else schema


@lru_cache(maxsize=400)
def validator(name: str, operation: str, status: int) -> Draft202012Validator | None:
    responses = operations(name)[operation]["responses"]
    keys = (str(status), f"{status // 100}XX", "default")
    response = next((responses[key] for key in keys if key in responses), None)
    assert response is not None, f"{operation}: status {status} is not in the contract"
    content = resolved(name, response).get("content", {}).get("application/json")
    return Draft202012Validator(plain(name, content["schema"])) if content else None


class Judged:
    """Count over all runs, for the report."""

    answers = 0


def judge(operation: str, status: int, body: Any) -> None:
    """Fail when an answer breaks the contract."""
    Judged.answers += 1
    name = "classic" if operation[0].islower() else "portfolio"
    known = validator(name, operation, status)
    if known is None:
        assert body is None, f"{operation} {status} has no body in the contract"
        return
    faults = [f"{error.json_path}: {error.message}" for error in known.iter_errors(body)]
    assert not faults, f"{operation} {status}: {faults}"
