"""Check answers against the maintained OpenAPI documents."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import yaml
from attrs import field, frozen
from openapi_schema_validator import OAS30Validator, oas30_format_checker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

from kalshi_ext.sandbox import LoggedRequest

OPENAPI = Path(__file__).parents[3] / "openapi"
_URI = "urn:contract"


@frozen
class Contract:
    """One OpenAPI document."""

    document: dict[str, Any]
    operations: dict[str, dict[str, Any]]
    registry: Any
    validators: dict[int, Any] = field(factory=dict)
    """By the identity of a schema, which lives as long as the document."""

    def violations(self, operation: str, status: int, body: bytes) -> list[str]:
        """List how an answer breaks the contract; []: it keeps it."""
        response = self._response(operation, status)
        if response is None:
            return [f"{operation}: status {status} is not in the contract"]
        content = response.get("content", {})
        if "application/json" not in content:
            return []
        if not body:
            return [f"{operation} {status}: a body is promised and none came"]
        schema = content["application/json"]["schema"]
        return [f"{operation} {status}: {text}" for text in self._mismatches(schema, body)]

    def _response(self, operation: str, status: int) -> dict[str, Any] | None:
        responses = self.operations[operation]["responses"]
        response = responses.get(str(status)) or responses.get(f"{status // 100}XX")
        if response and "$ref" in response:
            response = self.document["components"]["responses"][response["$ref"].rpartition("/")[2]]
        return response

    def _mismatches(self, schema: dict[str, Any], body: bytes) -> Iterable[str]:
        key = id(schema)
        if key not in self.validators:
            self.validators[key] = OAS30Validator(
                _with_absolute_refs(schema),
                registry=self.registry,
                format_checker=oas30_format_checker,
            )
        for error in self.validators[key].iter_errors(json.loads(body)):
            yield f"{error.json_path}: {error.message}"


@cache
def contract(name: str) -> Contract:
    """Load portfolio or classic."""
    document = yaml.safe_load((OPENAPI / f"{name}.yaml").read_text())
    operations = {
        operation["operationId"]: operation
        for path in document["paths"].values()
        for operation in path.values()
        if isinstance(operation, dict) and "operationId" in operation
    }
    resource = Resource(_with_absolute_refs(document), DRAFT4)
    return Contract(document, operations, Registry().with_resource(_URI, resource))


def traffic_violations(requests: Iterable[LoggedRequest]) -> list[str]:
    """Check every recorded answer that no fault touched."""
    violations: list[str] = []
    for entry in requests:
        if entry.operation is None or entry.fault is not None or entry.status is None:
            continue
        for name in ("portfolio", "classic"):
            if entry.operation in contract(name).operations:
                violations += _violations_of(name, entry.operation, entry.status, entry.answer)
    return violations


TALLY = [0, 0]
"""Answers judged and violations found by check_and_count in this process."""


def check_and_count(requests: Iterable[LoggedRequest]) -> list[str]:
    """Check a sandbox's whole request log, and add to TALLY."""
    entries = list(requests)
    violations = traffic_violations(entries)
    TALLY[0] += sum(entry.operation is not None and entry.fault is None for entry in entries)
    TALLY[1] += len(violations)
    return violations


@lru_cache(maxsize=4096)
def _violations_of(name: str, operation: str, status: int, body: bytes) -> list[str]:
    return contract(name).violations(operation, status, body)


def _with_absolute_refs(node: Any) -> Any:
    if isinstance(node, dict):
        return {
            key: _URI + value
            if key == "$ref" and value.startswith("#")
            else _with_absolute_refs(value)
            for key, value in node.items()
        }
    return [_with_absolute_refs(item) for item in node] if isinstance(node, list) else node
