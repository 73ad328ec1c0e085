"""Every place of every answer: what the contract does not say there is counted, once and by name.

Walks the documents, not the derived table: each object gets a field nobody knows, each enum a
member nobody knows, each required field is taken away, one at a time.
"""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from operations_bound import CONTRACTS, EVERY, calls_of, documented, resolved, schema_of

from kalshi_ext.errors import KalshiError
from kalshi_ext.protocol.deviations import find_deviations, is_documented
from kalshi_ext.protocol.messages import Call, DeviationCounter, Reply
from kalshi_ext.protocol.responses import decode

ROWS = {(name, id_): row for name in CONTRACTS for id_, _, _, row in documented(name)}
SECRET = "a-value-nobody-may-log"
Place = tuple[Any, ...]


def answer_schema(name: str, id_: str) -> dict[str, Any] | None:
    status = str(min(CONTRACTS[name].operations[id_].success))
    return schema_of(name, ROWS[name, id_]["responses"][status])


ANSWERED = [pair for pair in EVERY if answer_schema(*pair) is not None]


def sample(name: str, schema: dict[str, Any], key: str = "") -> Any:
    """One full answer, of plain data."""
    schema = single(name, schema)
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "array":
        return [sample(name, schema["items"], key)]
    if kind == "object":
        fields = schema.get("properties", {}).items()
        return {each: sample(name, inner, each) for each, inner in fields if each != "error"}
    if kind in ("integer", "boolean"):
        return kind == "boolean" or 1
    is_time = schema.get("format") == "date-time" or key.endswith(("_time", "_ts", "_datetime"))
    return "2026-11-22T12:00:00Z" if is_time else "0.50"


def single(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    schema = resolved(name, schema)
    for word in ("allOf", "anyOf", "oneOf"):
        if schema.get(word):
            return single(name, schema[word][0])
    return schema


def places(name: str, schema: dict[str, Any], at: Place = ()) -> Iterator[tuple[str, Place]]:
    """Walk every object, enum and required field of an answer."""
    schema = single(name, schema)
    if "enum" in schema:
        yield "unknown_member", at
    elif schema.get("type") == "array":
        yield from places(name, schema["items"], (*at, 0))
    elif schema.get("type") == "object" and "additionalProperties" not in schema:
        yield "unknown_field", at
        for key, inner in schema.get("properties", {}).items():
            if key != "error":
                if key in schema.get("required", ()):
                    yield "missing_field", (*at, key)
                yield from places(name, inner, (*at, key))


def changed(document: Any, kind: str, at: Place) -> Any:
    """The answer with one surprise in it."""
    copy = json.loads(json.dumps(document))
    *way, last = (*at, "moon_phase") if kind == "unknown_field" else at
    inside = copy
    for step in way:
        inside = inside[step]
    if kind == "missing_field":
        del inside[last]
    else:
        inside[last] = SECRET
    return copy


def counted(call: Call[Any], document: Any) -> dict[tuple[str, str, str], int]:
    watch = DeviationCounter()
    status = min(call.operation.success)
    with contextlib.suppress(KalshiError):  # what cannot be read is still counted
        decode(call, Reply(status, {}, json.dumps(document).encode()), watch)
    return watch.counts


@pytest.mark.parametrize(("name", "id_"), ANSWERED)
def test_one_surprise_anywhere_is_counted_once_under_its_operation_without_its_value(
    name: str, id_: str, caplog: pytest.LogCaptureFixture
) -> None:
    schema = answer_schema(name, id_)
    assert schema is not None
    whole = sample(name, schema)
    tried = 0
    for call in calls_of(name, id_):
        assert counted(call, whole) == {}
        for kind, at in places(name, schema):
            caplog.clear()
            with caplog.at_level(logging.WARNING, "kalshi_ext.drift"):
                found = counted(call, changed(whole, kind, at))
            field = "moon_phase" if kind == "unknown_field" else at[-1]
            hits = [key for key in found if key[1] == kind]
            assert {key[0] for key in hits} == {id_}, (kind, at, found)
            # A reader that stumbles names its row, the table names the object inside it.
            assert len(hits) == 1 or (kind == "missing_field" and len(at) > 2)
            assert {found[key] for key in hits} == {1}
            assert kind == "unknown_member" or hits[0][2].endswith(f".{field}")
            assert SECRET not in repr(found) + caplog.text
            assert sum(kind in line for line in caplog.messages) == len(hits)
            tried += 1
    assert tried or whole == {}


def test_the_same_surprise_in_many_rows_is_counted_and_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    (call,) = calls_of("current", "GetFills")
    schema = answer_schema("current", "GetFills")
    assert schema is not None
    page = sample("current", schema)
    page["fills"] = [page["fills"][0] | {"moon_phase": n} for n in range(5)]
    watch = DeviationCounter()
    body = json.dumps(page).encode()
    with caplog.at_level(logging.WARNING, "kalshi_ext.drift"):
        for _ in range(3):
            decode(call, Reply(200, {}, body), watch)
    assert set(watch.counts) == {("GetFills", "unknown_field", "Fill.moon_phase")}
    assert watch.counts["GetFills", "unknown_field", "Fill.moon_phase"] >= 3
    assert len(caplog.messages) == 1


@pytest.mark.parametrize("junk", [None, [], "text", 1, True, {"fills": 3}, {"fills": [None, 1]}])
def test_an_answer_of_another_shape_is_no_crash(junk: Any) -> None:
    assert {kind for kind, _ in find_deviations("GetFills", junk)} <= {"missing_field"}
    assert find_deviations("NoSuchOperation", junk) == []


@pytest.mark.parametrize(("name", "id_"), EVERY)
def test_the_statuses_of_an_operation_are_those_of_its_document(name: str, id_: str) -> None:
    listed = set(ROWS[name, id_]["responses"])
    for status in range(200, 600):
        named = str(status) in listed or f"{status // 100}XX" in listed
        assert is_documented(id_, status) is named, status
