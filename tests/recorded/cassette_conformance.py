"""Check recordings against a contract, strictly: what the contract does not name is a problem too.

Knows the contract's document only, nothing of the client, so that a contract can be judged which
the client does not support yet.
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


def read_interactions(file: Path) -> list[dict[str, Any]]:
    """Read the requests of a cassette with their answers."""
    yaml = import_module("ruamel.yaml").YAML(typ="safe")
    loaded: list[dict[str, Any]] = yaml.load(file.read_text(encoding="utf-8"))["interactions"]
    return loaded


class Contract:
    """One contract's document, ready to judge recordings."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = rewrite(document, "document", closed)
        self.checker = Conformance(self.document)
        self.components = json_schema(self.document)["components"]
        # A path without placeholders goes before one with: /orders/batched is no order id.
        self.operations = sorted(operations(self.document), key=lambda each: each[1].count("{"))

    def problems(self, file: Path) -> list[str]:
        """List what is wrong with a cassette, each with operation, place and reason."""
        return [problem for each in read_interactions(file) for problem in self.judge(each)]

    def judge(self, interaction: dict[str, Any]) -> list[str]:
        """List what is wrong with one request and its answer."""
        request, response = interaction["request"], interaction["response"]
        operation = self.operation_of(request)
        if operation is None:
            path = urlsplit(request["uri"]).path.removeprefix(PREFIX)
            return [f"{request['method']} {path} is no operation of the contract"]
        # What was refused as a bad request was recorded because it is one.
        refused = response["status"]["code"] == 400
        problems = [] if refused else self._request_problems(operation, request)
        return problems + self._answer_problems(operation["operationId"], response)

    def _request_problems(self, operation: dict[str, Any], request: dict[str, Any]) -> list[str]:
        name, body = operation["operationId"], (request["body"] or "").encode()
        problems = self._query_problems(operation, request["uri"])
        if body and "requestBody" not in operation:
            problems.append(f"{name}: the request has a body and may not")
        return problems + self.checker.request_problems(name, "application/json", body)

    def _answer_problems(self, name: str, response: dict[str, Any]) -> list[str]:
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

    def _query_problems(self, operation: dict[str, Any], uri: str) -> list[str]:
        parameters = [
            dereference(self.document, parameter["$ref"]) if "$ref" in parameter else parameter
            for parameter in operation.get("parameters", ())
        ]
        allowed = {each["name"]: each for each in parameters if each["in"] == "query"}
        sent = parse_qsl(urlsplit(uri).query, keep_blank_values=True)
        required = [key for key, each in allowed.items() if each.get("required")]
        missing = [key for key in required if key not in dict(sent)]
        name = f"{operation['operationId']}: query parameter"
        problems = [f"{name} {key} is required and not sent" for key in missing]
        for key, text in sent:
            if key not in allowed:
                problems.append(f"{name} {key} is not in the contract")
            else:
                problems += self._value_problems(f"{name} {key}", allowed[key]["schema"], text)
        return problems

    def _value_problems(self, where: str, schema: dict[str, Any], text: str) -> list[str]:
        library = import_module("jsonschema")
        checker = library.Draft202012Validator({**schema, "components": self.components})
        # A query has text only: it fits when any reading of it does.
        values = [text, *([int(text)] if re.fullmatch(r"-?\d+", text) else [])]
        values += [text == "true"] if text in ("true", "false") else []
        problems = [[error.message for error in checker.iter_errors(value)] for value in values]
        return [] if [] in problems else [f"{where}: {problems[-1][0]}"[:300]]


def closed(kind: str, node: dict[str, Any]) -> dict[str, Any]:
    """Refuse properties that an object's schema does not name."""
    if kind == "schema" and node.get("properties") and "additionalProperties" not in node:
        return {**node, "additionalProperties": False}
    return node
