"""Derive kalshi_ext/contract/operations.py: the operations of both contracts, as plain data.

Joins the documents (method, path, parameters, statuses) with openapi/facade.yaml, the one table
that a person writes (the facade's word, the model, how safe a repeat is). A contract must be
adoptable before somebody has edited that table: an operation that it does not know gets a row
without a word, and one that no document has any more gets none. A test names both.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

HEADER = '''\
"""The operations of both contracts, as data: what the documents and the facade's table say.

Derived by `make generate` from openapi/portfolio.yaml, openapi/classic.yaml and
openapi/facade.yaml; do not edit.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class OperationRow(NamedTuple):
    """One operation of one contract.

    `path` is below the base URL, with placeholders. `body` is "", "optional" or "required".
    `success` are the statuses whose body is the answer, `statuses` all that are documented, also
    ranges ("5XX"), with spaces between them. `answer` is the object an answer holds, "" for none.
    `facade` is the word after `client.`, "" for none yet, `returns` its model; `repeat` is a member
    of `Repeat`, by name.
    """

    contract: str
    id: str
    method: str
    path: str
    path_parameters: tuple[str, ...]
    query_parameters: tuple[str, ...]
    body: str
    success: tuple[int, ...]
    statuses: str
    public: bool
    answer: str
    facade: str
    returns: str
    repeat: str


class RetryRow(NamedTuple):
    """How often a write may be sent, by word of the facade; openapi/facade.yaml explains each."""

    repeat: str
    immediately: bool
    when_absent: bool
    resolved_by: str
    reason: str


'''
WIDTH = 100
METHODS = ("get", "put", "post", "delete", "patch")
RETRY = ("repeat", "immediately", "when_absent", "resolved_by", "reason")
UNNAMED = {"facade": "", "returns": "", "repeat": "unkeyed", "success": {}}


def operations_module(
    documents: dict[str, dict[str, Any]], facade: dict[str, dict[str, Any]]
) -> str:
    """Write the module; `documents` by contract, `facade` the parsed table by word."""
    named = {
        id_: {**UNNAMED, **row, "facade": word}
        for word, row in facade.items()
        for id_ in row["operations"]
    }
    rows = [
        _row(contract, document, path, method, named)
        for contract, document in documents.items()
        for path, method in _places(document)
    ]
    # In the order of the table, as a reader looks for words; what has none yet comes last.
    place = {word: index for index, word in enumerate(facade)}
    rows.sort(key=lambda row: place.get(row["facade"], len(place)))
    listed = "".join(f"    {_literal(row['id'])}: {_call('OperationRow', row)},\n" for row in rows)
    policy = "".join(
        f"    {_literal(word)}: {_call('RetryRow', {name: row[name] for name in RETRY})},\n"
        for word, row in facade.items()
        if row["repeat"] != "read"
    )
    return (
        f"{HEADER}OPERATIONS: Final[dict[str, OperationRow]] = {{\n{listed}}}\n\n"
        f"RETRY_POLICY: Final[dict[str, RetryRow]] = {{\n{policy}}}\n"
    )


def _places(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for path, item in document["paths"].items():
        yield from ((path, method) for method in METHODS if method in item)


def _row(
    contract: str,
    document: dict[str, Any],
    path: str,
    method: str,
    named: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    item = document["paths"][path]
    operation = item[method]
    parameters = [
        resolved_part(document, parameter)
        for parameter in (*item.get("parameters", ()), *operation.get("parameters", ()))
    ]
    id_ = operation["operationId"]
    table = named.get(id_, UNNAMED)
    answer = answer_of(document, operation)
    body = operation.get("requestBody")
    return {
        "contract": contract,
        "id": id_,
        "method": method.upper(),
        "path": path,
        "path_parameters": _names(parameters, "path"),
        "query_parameters": _names(parameters, "query"),
        "body": "" if body is None else "required" if body.get("required") else "optional",
        "success": _success(document, operation, answer, table["success"].get(id_, ())),
        "statuses": " ".join(operation["responses"]),
        "public": not operation.get("security", document.get("security")),
        "answer": answer,
        "facade": table["facade"],
        "returns": table["returns"],
        "repeat": table["repeat"],
    }


def _names(parameters: list[dict[str, Any]], place: str) -> tuple[str, ...]:
    return tuple(parameter["name"] for parameter in parameters if parameter["in"] == place)


def resolved_part(document: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """Follow references to a part of the components."""
    while "$ref" in part:
        _, section, kind, name = part["$ref"].split("/")
        part = document[section][kind][name]
    return part


def _success(
    document: dict[str, Any], operation: dict[str, Any], answer: str, beside: tuple[int, ...]
) -> tuple[int, ...]:
    """Return the 2xx and every other status that carries the same object (exchange status)."""
    found = {
        int(status)
        for status, response in operation["responses"].items()
        if status.isdigit()
        and (status.startswith("2") or (answer and _object_in(document, response) == answer))
    }
    return tuple(sorted(found | set(beside)))


def answer_of(document: dict[str, Any], operation: dict[str, Any]) -> str:
    """Name the object that a success holds; "" where it holds none."""
    for status, response in operation["responses"].items():
        if status.startswith("2"):
            return _object_in(document, response)
    return ""


def _object_in(document: dict[str, Any], response: dict[str, Any]) -> str:
    content = resolved_part(document, response).get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    return object_of(schema, document["components"]["schemas"])


def object_of(schema: dict[str, Any], schemas: dict[str, Any]) -> str:
    """Name the object or enum that a value, or each value of a list, is; "" for none."""
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        known = schemas[name]
        return name if "enum" in known or is_object(known) else object_of(known, schemas)
    for word in ("allOf", "anyOf", "oneOf"):
        for part in schema.get(word, ()):
            if name := object_of(part, schemas):
                return name
    inner = schema.get("items")
    return object_of(inner, schemas) if isinstance(inner, dict) else ""


def is_object(schema: dict[str, Any]) -> bool:
    """Tell an object, also one without fields, from a map of whatever keys."""
    return schema.get("type") == "object" and "additionalProperties" not in schema


def _call(name: str, values: dict[str, Any]) -> str:
    lines = (_line(f"        {key}=", value) for key, value in values.items())
    return f"{name}(\n{''.join(lines)}    )"


def _line(start: str, value: Any) -> str:
    """Write one argument as the formatter would: a long tuple has one member a line."""
    line = f"{start}{_literal(value)},\n"
    if len(line) <= WIDTH + 1 or not isinstance(value, tuple):
        return line
    members = "".join(f"            {_literal(each)},\n" for each in value)
    return f"{start}(\n{members}        ),\n"


def _literal(value: Any) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(map(_literal, value))}{',' if len(value) == 1 else ''})"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
