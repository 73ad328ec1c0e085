"""What requests carry against the documents: every parameter and property, none invented."""

from __future__ import annotations

import json
import urllib.parse
from typing import Any

import pytest
from operations_bound import EVERY, calls_of, documented, resolved, schema_of

ROWS = {(name, id_): row for name in ("current", "classic") for id_, _, _, row in documented(name)}

# Said by nobody, with the reason.
NEVER_SENT = {
    "cursor": "the walk over pages sends it",
    "getPositions.count_up": "counts positions by a rule nobody documents",
    "getPositions.count_down": "counts positions by a rule nobody documents",
    "CreateOrderGroup.contracts_limit": "the fixed-point twin says parts of a contract too",
    "UpdateOrderGroupLimit.contracts_limit": "the fixed-point twin says parts of a contract too",
}


def never(id_: str, field: str) -> bool:
    return field in NEVER_SENT or f"{id_}.{field}" in NEVER_SENT


def query_of(name: str, id_: str) -> dict[str, list[str]]:
    """Give every query parameter the calls of an operation send, with the values."""
    found: dict[str, list[str]] = {}
    for call in calls_of(name, id_):
        for field, value in call.request.query:
            found.setdefault(field, []).append(value)
    return found


def bodies_of(name: str, id_: str) -> list[dict[str, Any]]:
    return [json.loads(call.request.body) for call in calls_of(name, id_) if call.request.body]


def object_of(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Give the schema of an object with references and single allOf followed."""
    schema = resolved(name, schema)
    if len(schema.get("allOf", ())) == 1:
        return object_of(name, schema["allOf"][0])
    return schema


@pytest.mark.parametrize(("name", "id_"), EVERY)
def test_every_query_parameter_can_be_said_and_none_is_invented(name: str, id_: str) -> None:
    listed = {one["name"]: one for one in ROWS[name, id_]["parameters"] if one["in"] == "query"}
    sent = query_of(name, id_)
    assert set(sent) <= set(listed)
    assert {field for field in listed if field not in sent and not never(id_, field)} == set()


@pytest.mark.parametrize(("name", "id_"), EVERY)
def test_values_of_query_parameters_have_the_documented_types(name: str, id_: str) -> None:
    sent = query_of(name, id_)
    for one in ROWS[name, id_]["parameters"]:
        kind = resolved(name, one["schema"]).get("type")
        for value in sent.get(one["name"], ()):
            assert value.isascii()
            if kind == "integer":
                assert str(int(value)) == value
            known = resolved(name, one["schema"]).get("enum")
            assert known is None or value in known


def check(name: str, id_: str, schema: dict[str, Any], sent: list[Any]) -> None:
    """Hold objects sent against their schema, all the way down."""
    schema = object_of(name, schema)
    if schema.get("type") == "array":
        check(name, id_, schema["items"], [entry for one in sent for entry in one])
    elif "properties" in schema:
        known = schema["properties"]
        for one in sent:
            assert set(schema.get("required", ())) <= set(one) <= set(known)
        for field, inner in known.items():
            values = [one[field] for one in sent if field in one]
            assert values or never(id_, field), f"{id_}: {field} is never sent"
            check(name, id_, inner, values)
    else:
        kinds = {"string": str, "integer": int, "boolean": bool}
        for one in sent:
            assert type(one) is kinds.get(schema.get("type", ""), type(one)), f"{id_}: {one!r}"
            assert one in schema.get("enum", [one])


@pytest.mark.parametrize(("name", "id_"), EVERY)
def test_every_property_of_a_request_can_be_said_and_none_is_invented(name: str, id_: str) -> None:
    body = ROWS[name, id_].get("requestBody")
    sent = bodies_of(name, id_)
    if body is None:
        assert sent == []
        return
    schema = schema_of(name, body)
    assert schema is not None
    assert sent, "an empty body is refused as invalid_content_type: at least {} goes"
    check(name, id_, schema, sent)


@pytest.mark.parametrize(("name", "id_"), EVERY)
def test_bodies_are_compact_json_without_floats(name: str, id_: str) -> None:
    for call in calls_of(name, id_):
        body = call.request.body
        if body is not None:
            seen: list[str] = []
            document = json.loads(body, parse_float=seen.append)
            assert seen == []
            assert json.dumps(document, separators=(",", ":")).encode() == body


@pytest.mark.parametrize(("name", "id_"), EVERY)
def test_paths_are_plain_and_complete(name: str, id_: str) -> None:
    for call in calls_of(name, id_):
        path = call.request.path
        assert urllib.parse.unquote(path) == path
        assert "{" not in path
        assert not path.endswith("/")
