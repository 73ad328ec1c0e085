"""Validate the bodies of requests and responses against a contract.

OpenAPI 3.0 schemas are rewritten as JSON Schema 2020-12 and given to `jsonschema`:

    {"type": "string", "nullable": True}            {"type": ["string", "null"]}
    {"minimum": 0, "exclusiveMinimum": True}        {"exclusiveMinimum": 0}
"""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any

from attrs import define, field

from contract.grammar import rewrite
from contract.references import dereference, operations


def json_schema(document: dict[str, Any]) -> dict[str, Any]:
    """Rewrite the schemas of a document as JSON Schema.

    The result keeps the layout of the document, so a $ref into components still resolves.
    """
    result: dict[str, Any] = rewrite(document, "document", _json_schema)
    return result


def _json_schema(kind: str, node: dict[str, Any]) -> dict[str, Any]:
    if kind != "schema":
        return node
    new = {key: value for key, value in node.items() if key not in ("nullable", "description")}
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(new.get(exclusive), bool) and new.pop(exclusive) and bound in new:
            new[exclusive] = new.pop(bound)
    if not node.get("nullable"):
        return new
    if isinstance(new.get("type"), str) and "enum" not in new:
        return {**new, "type": [new["type"], "null"]}
    return {"anyOf": [new, {"type": "null"}]}


@define
class Conformance:
    """Validates bodies of requests and responses against one contract; needs `jsonschema`."""

    document: dict[str, Any]
    _schemas: dict[str, Any] = field(init=False)
    _operations: dict[str, dict[str, Any]] = field(init=False)
    _validators: dict[str, Any] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._schemas = json_schema(self.document)
        self._validators = {}
        self._operations = {each["operationId"]: each for *_, each in operations(self._schemas)}

    def response_problems(
        self, operation_id: str, status: int, content_type: str | None, body: bytes
    ) -> list[str]:
        """List what is wrong with a response: an undocumented status, content type or shape."""
        response = self._response(operation_id, status)
        if response is None:
            return [f"{operation_id}: {status} is not in the contract"]
        return self._problems(f"{operation_id} {status}", response, content_type, body)

    def request_problems(
        self, operation_id: str, content_type: str | None, body: bytes
    ) -> list[str]:
        """List what is wrong with the body of a request."""
        holder = self._operations[operation_id].get("requestBody", {})
        if not body and not holder.get("required"):
            return []
        return self._problems(operation_id, holder, content_type, body)

    def _response(self, operation_id: str, status: int) -> dict[str, Any] | None:
        responses = self._operations[operation_id]["responses"]
        for key in (str(status), f"{status // 100}XX", "default"):
            if key in responses:
                response: dict[str, Any] = responses[key]
                if "$ref" in response:
                    response = dereference(self._schemas, response["$ref"])
                return response
        return None

    def _problems(
        self, name: str, holder: dict[str, Any], content_type: str | None, body: bytes
    ) -> list[str]:
        content = holder.get("content")
        if not content:
            return [f"{name}: has a body, {body[:80]!r}"] if body.strip() else []
        kind = (content_type or "").partition(";")[0].strip().lower()
        if kind not in content:
            return [f"{name}: content type {content_type!r} is not one of {sorted(content)}"]
        if kind != "application/json":
            return []
        try:
            value = json.loads(body)
        except ValueError as error:
            return [f"{name}: not JSON: {error}"]
        return [f"{name}: {error}" for error in self._schema_errors(name, content[kind], value)]

    def _schema_errors(self, name: str, media: dict[str, Any], value: object) -> list[str]:
        library = import_module("jsonschema")
        if name not in self._validators:
            schema = {**media["schema"], "components": self._schemas["components"]}
            checker = library.FormatChecker()
            self._validators[name] = library.Draft202012Validator(schema, format_checker=checker)
        errors = self._validators[name].iter_errors(value)
        # Of an anyOf the error inside the closest part, not "is not valid under any of them".
        causes = [library.exceptions.best_match([error]) for error in errors]
        return [f"{cause.json_path}: {cause.message}"[:300] for cause in causes]
