"""Every place of every answer: what the contract does not say there is counted, once and by name.

Walks the documents, not the derived table: each object gets a field nobody knows, each enum a
member nobody knows, each required field is taken away, one at a time.
"""

from __future__ import annotations

import contextlib
import json
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from operations_bound import CONTRACTS, EVERY, calls_of, documented, resolved, schema_of

from kalshi_ext.errors import KalshiError
from kalshi_ext.protocol.deviations import (
    MAX_NAME,
    MAX_NAMES,
    OTHERS,
    DeviationCounter,
    find_deviations,
    is_documented,
)
from kalshi_ext.protocol.messages import Call, Reply
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
    """Return the answer with one deviation in it."""
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
    counter = DeviationCounter()
    status = min(call.operation.success)
    with contextlib.suppress(KalshiError):  # what cannot be read is still counted
        decode(call, Reply(status, {}, json.dumps(document).encode()), counter)
    return counter.counts


@pytest.mark.parametrize(("name", "id_"), ANSWERED)
def test_one_deviation_anywhere_is_counted_once_under_its_operation_without_its_value(
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
            assert len(hits) == 1, (kind, at, found)
            assert {found[key] for key in hits} == {1}
            assert kind == "unknown_member" or hits[0][2].endswith(f".{field}")
            assert SECRET not in repr(found) + caplog.text
            assert sum(kind in line for line in caplog.messages) == len(hits)
            tried += 1
    assert tried or whole == {}


def test_a_deviation_counts_once_an_answer_however_many_rows_share_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    (call,) = calls_of("current", "GetFills")
    schema = answer_schema("current", "GetFills")
    assert schema is not None
    page = sample("current", schema)
    page["fills"] = [page["fills"][0] | {"moon_phase": n} for n in range(5)]
    counter = DeviationCounter()
    body = json.dumps(page).encode()
    with caplog.at_level(logging.WARNING, "kalshi_ext.drift"):
        for _ in range(3):
            decode(call, Reply(200, {}, body), counter)
    assert counter.counts == {("GetFills", "unknown_field", "Fill.moon_phase"): 3}
    assert len(caplog.messages) == 1


@pytest.mark.parametrize("junk", [None, [], "text", 1, True, {"fills": 3}, {"fills": [None, 1]}])
def test_an_answer_of_another_shape_is_no_crash(junk: Any) -> None:
    assert {kind for kind, _ in find_deviations("GetFills", junk)} <= {"missing_field"}
    assert find_deviations("NoSuchOperation", junk) == set()


def test_a_field_too_many_and_a_field_missing_from_the_same_rows_count_alike() -> None:
    (call,) = calls_of("current", "GetFills")
    schema = answer_schema("current", "GetFills")
    assert schema is not None
    page = sample("current", schema)
    row = {key: value for key, value in page["fills"][0].items() if key != "count_fp"}
    page["fills"] = [row | {"moon_phase": 1}, row | {"moon_phase": 2}]
    assert counted(call, page) == {
        ("GetFills", "unknown_field", "Fill.moon_phase"): 1,
        ("GetFills", "missing_field", "Fill.count_fp"): 1,
        ("GetFills", "invalid_row", "Fill"): 1,
    }


def test_names_from_the_wire_are_bounded_in_number_whatever_a_hostile_exchange_sends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    counter = DeviationCounter()
    with caplog.at_level(logging.WARNING, "kalshi_ext.drift"):
        for turn in range(200):
            names = {f"field_{turn}_{number}": 1 for number in range(1000)}
            counter.add("GetFills", find_deviations("GetFills", {"fills": [names]}))
    assert len(counter.counts) <= MAX_NAMES + 2  # and one for the others of each kind
    assert len(caplog.messages) <= MAX_NAMES + 2
    assert counter.counts["GetFills", "unknown_field", OTHERS] > 100
    assert sum(len(where) for _, _, where in counter.counts) <= (MAX_NAMES + 2) * MAX_NAME


@pytest.mark.parametrize(
    "name",
    [
        "x\n2026-01-01 WARNING forged",
        "\x1b[2J\x1b[31mred",
        "\u202etxt.exe",
        "\ud800",
        "\x00",
        "a" * 10_000_000,
        "-----BEGIN PRIVATE KEY-----" + "A" * 64,
        "Bearer eyJhbGciOiJIUzI1NiJ9.x",
    ],
    ids=["line", "escape", "bidi", "surrogate", "NUL", "10 MB", "key", "token"],
)
def test_a_name_from_the_wire_cannot_forge_a_log_line_or_carry_a_secret(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    counter = DeviationCounter()
    with caplog.at_level(logging.WARNING, "kalshi_ext.drift"):
        counter.add("GetFills", find_deviations("GetFills", {"fills": [{name: 1}]}))
    found = [where for _, kind, where in counter.counts if kind == "unknown_field"]
    assert len(found) == 1
    assert found[0].isprintable()
    assert len(found[0]) <= MAX_NAME + len("[redacted]")
    assert all(line.isprintable() and len(line) < 200 for line in caplog.messages)
    assert "AAAA" not in caplog.text
    assert "eyJ" not in caplog.text


def test_threads_that_meet_the_same_deviation_lose_no_count() -> None:
    counter = DeviationCounter()

    def meet() -> None:
        for _ in range(2000):
            counter.add("GetFills", [("unknown_field", "Fill.moon_phase")])

    threads = [threading.Thread(target=meet) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter.counts == {("GetFills", "unknown_field", "Fill.moon_phase"): 8000}


@pytest.mark.parametrize(("name", "id_"), EVERY)
def test_the_statuses_of_an_operation_are_those_of_its_document(name: str, id_: str) -> None:
    listed = set(ROWS[name, id_]["responses"])
    for status in range(200, 600):
        named = str(status) in listed or f"{status // 100}XX" in listed
        assert is_documented(id_, status) is named, status
