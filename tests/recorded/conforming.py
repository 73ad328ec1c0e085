"""Hold recordings against a contract, strictly: what the contract does not name is a problem too.

Knows the contract's document only, nothing of the client, so that a contract can be judged which
the client does not speak yet.
"""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from contract.conformance import Conformance, json_schema
from contract.grammar import rewrite
from contract.references import dereference, operations

PREFIX = "/trade-api/v2"


def interactions(file: Path) -> list[dict[str, Any]]:
    """Return what a cassette holds."""
    yaml = import_module("ruamel.yaml").YAML(typ="safe")
    found: list[dict[str, Any]] = yaml.load(file.read_text(encoding="utf-8"))["interactions"]
    return found


class Contract:
    """One contract's document, ready to judge recordings."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = rewrite(document, "document", _closed)
        self.checker = Conformance(self.document)
        self.components = json_schema(self.document)["components"]
        # A path without placeholders goes before one with: /orders/batched is no order id.
        self.operations = sorted(operations(self.document), key=lambda each: each[1].count("{"))

    def problems(self, file: Path) -> list[str]:
        """List what is wrong with a cassette, each with operation, place and reason."""
        return [words for each in interactions(file) for words in self.judge(each)]

    def judge(self, interaction: dict[str, Any]) -> list[str]:
        """List what is wrong with one request and its answer."""
        request, response = interaction["request"], interaction["response"]
        operation = self.operation_of(request)
        if operation is None:
            path = urlsplit(request["uri"]).path.removeprefix(PREFIX)
            return [f"{request['method']} {path} is no operation of the contract"]
        # What was refused as a bad request was recorded because it is one.
        refused = response["status"]["code"] == 400
        found = [] if refused else self._request(operation, request)
        return found + self._answer(operation["operationId"], response)

    def _request(self, operation: dict[str, Any], request: dict[str, Any]) -> list[str]:
        name, body = operation["operationId"], (request["body"] or "").encode()
        found = self._query(operation, request["uri"])
        if body and "requestBody" not in operation:
            found.append(f"{name}: the request has a body and may not")
        return found + self.checker.request_problems(name, "application/json", body)

    def _answer(self, name: str, response: dict[str, Any]) -> list[str]:
        kind = (response["headers"].get("content-type") or [None])[0]
        if (kind or "").startswith("text/html"):
            return []  # a proxy's page is no part of the contract
        raw = (response["body"]["string"] or "").encode()
        return self.checker.response_problems(name, response["status"]["code"], kind, raw)

    def operation_of(self, request: dict[str, Any]) -> dict[str, Any] | None:
        """Find the operation a request is."""
        path = urlsplit(request["uri"]).path.removeprefix(PREFIX)
        for method, template, operation in self.operations:
            pattern = re.sub(r"\{[^}]+\}", "[^/]+", template)
            if method.upper() == request["method"] and re.fullmatch(pattern, path):
                return operation
        return None

    def _query(self, operation: dict[str, Any], uri: str) -> list[str]:
        listed = [
            dereference(self.document, one["$ref"]) if "$ref" in one else one
            for one in operation.get("parameters", ())
        ]
        known = {one["name"]: one for one in listed if one["in"] == "query"}
        said = parse_qsl(urlsplit(uri).query, keep_blank_values=True)
        name = operation["operationId"]
        missing = [
            key for key, one in known.items() if one.get("required") and key not in dict(said)
        ]
        found = [f"{name}: query parameter {key} is required and not sent" for key in missing]
        for key, text in said:
            if key not in known:
                found.append(f"{name}: query parameter {key} is not in the contract")
            else:
                found += self._value(f"{name}: query parameter {key}", known[key]["schema"], text)
        return found

    def _value(self, where: str, schema: dict[str, Any], text: str) -> list[str]:
        library = import_module("jsonschema")
        whole = {**schema, "components": self.components}
        checker = library.Draft202012Validator(whole)
        values = [text, *([int(text)] if re.fullmatch(r"-?\d+", text) else [])]
        values += [text == "true"] if text in ("true", "false") else []
        problems = [[error.message for error in checker.iter_errors(value)] for value in values]
        return [] if [] in problems else [f"{where}: {problems[-1][0]}"[:300]]


def _closed(kind: str, node: dict[str, Any]) -> dict[str, Any]:
    """Refuse properties an object's schema does not name: recorded ones are from its contract."""
    if kind == "schema" and node.get("properties") and "additionalProperties" not in node:
        return {**node, "additionalProperties": False}
    return node
