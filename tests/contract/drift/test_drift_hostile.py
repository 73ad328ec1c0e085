"""Documents that are broken or hostile: one clear line, status 3, bounded time and memory."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from case_samples import examples
from driftsuite.bounded_process import run
from driftsuite.small_contract import files, small
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kalshi_ext.drift.check import check
from kalshi_ext.drift.compare import compare
from kalshi_ext.drift.errors import CannotCompare
from kalshi_ext.drift.limits import MAX_BYTES

START = "openapi: 3.0.0\ninfo: {title: t, version: '1'}\n"
BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
)

BROKEN: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "not a mapping"),
    "text": (b"hello", "not a mapping"),
    "a list": (b"[]", "not a mapping"),
    "not yaml": (b"a: [1, 2", "not YAML"),
    "not json": (b'{"a": }', "not JSON"),
    "a page": (b"<html><body>404</body></html>", ""),
    "not utf-8": (b"openapi: \xff\xfe", "not UTF-8 at byte 9"),
    "a key twice": (b"a: 1\na: 2\n", "twice"),
    "python in yaml": (b"a: !!python/object/apply:os.system [id]", "tag"),
    "an alias bomb": (BOMB.encode(), "more than"),
    "a deep list": (b"a: " + b"[" * 5000, "deep"),
    "deep json": (b'{"a":' + b"[" * 200_000, "deep"),
    "a huge file": (b"a: '" + b"x" * MAX_BYTES + b"'", f"larger than {MAX_BYTES} bytes"),
    "swagger 2": (b"swagger: '2.0'\npaths: {}\n", "Swagger 2"),
    "no version": (b"paths: {}\n", "must say an OpenAPI version"),
    "openapi 4": (b"openapi: 4.0.0\npaths: {}\n", "must say an OpenAPI version"),
    "no paths": (START.encode(), "/paths: must be a mapping"),
    "paths as a list": ((START + "paths: []\n").encode(), "/paths: must be a mapping"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_is_no_contract_is_refused_with_its_name(name: str, tmp_path: Path) -> None:
    text, message = BROKEN[name]
    base, _ = files(tmp_path)
    bad = tmp_path / "bad.yaml"
    bad.write_bytes(text)
    for pair in ((base, str(bad)), (str(bad), base)):
        with pytest.raises(CannotCompare, match=r"bad\.yaml") as error:
            check(*pair)
        assert message in str(error.value)
        assert len(str(error.value)) < 600


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    base, _ = files(tmp_path)
    for missing in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(CannotCompare, match=missing.name):
            check(base, str(missing))


Edit = Callable[[dict[str, Any]], object]


def _get(new: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = new["paths"]["/portfolio/fills"]["get"]
    return operation


def _fill(new: dict[str, Any]) -> dict[str, Any]:
    fill: dict[str, Any] = new["components"]["schemas"]["Fill"]
    return fill


def _loop(new: dict[str, Any]) -> None:
    new["components"]["schemas"] |= {
        "Fill": {"$ref": "#/components/schemas/A"},
        "A": {"$ref": "#/components/schemas/Fill"},
    }


def _made_of_itself(new: dict[str, Any]) -> None:
    new["components"]["schemas"]["Fill"] = {"allOf": [{"$ref": "#/components/schemas/Fill"}]}


def _ref(to: Any) -> Edit:
    return lambda new: new["components"]["schemas"].update(Fill={"$ref": to})


WRONG: dict[str, tuple[Edit, str]] = {
    "a reference in a circle": (_loop, "made of itself"),
    "a schema made of itself": (_made_of_itself, "made of itself"),
    "a reference to nothing": (_ref("#/components/schemas/None"), "which is not there"),
    "a reference to a file": (_ref("file:///etc/passwd"), "refers outside the document"),
    "a reference to the web": (_ref("https://e.example/x#/a"), "refers outside the document"),
    "a reference that is a number": (_ref(5), "Fill/$ref: must be text"),
    "a path that is text": (lambda new: new["paths"].update({"/portfolio/x": "y"}), "a mapping"),
    "an operation that is a list": (
        lambda new: new["paths"]["/portfolio/fills"].update(get=[]), "a mapping"),
    "parameters as a mapping": (lambda new: _get(new).update(parameters={"a": 1}), "a list"),
    "a parameter without a name": (
        lambda new: _get(new).update(parameters=[{"in": "query"}]), "needs a name"),
    "responses as a list": (lambda new: _get(new).update(responses=[]), "a mapping"),
    "a response that is text": (lambda new: _get(new).update(responses={"200": "ok"}), "a mapping"),
    "security as text": (lambda new: _get(new).update(security="key"), "a list"),
    "a scheme that is not there": (lambda new: _get(new).update(security=[{"no": []}]), "not there"),
    "servers as text": (lambda new: new.update(servers="https://x.example"), "a list"),
    "a schema that is text": (lambda new: new["components"]["schemas"].update(Fill="x"), "a mapping"),
    "properties as a list": (lambda new: _fill(new).update(properties=[]), "a mapping"),
    "required as text": (lambda new: _fill(new).update(required="count"), "a list"),
    "an enum that is text": (
        lambda new: _fill(new)["properties"]["side"].update(enum="yes"), "a list"),
    "a bound that is text": (
        lambda new: _fill(new)["properties"]["count"].update(maximum="ten"), "a number"),
    "an operationId that is a list": (lambda new: _get(new).update(operationId=[1]), "text"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_contract_with_a_wrong_part_is_refused_with_the_place(name: str) -> None:
    edit, message = WRONG[name]
    bad = small()
    edit(bad)
    for pair in ((small(), bad), (bad, small())):
        with pytest.raises(CannotCompare) as error:
            compare(*pair, names=("one.yaml", "other.yaml"))
        assert message in str(error.value)
        assert ".yaml: /" in str(error.value)


def _make_recursive(new: dict[str, Any]) -> None:
    """A schema that holds itself, in three ways: legal, and without end when written out."""
    itself = {"$ref": "#/components/schemas/Fill"}
    _fill(new)["properties"] |= {"a": itself, "b": {"type": "array", "items": itself},
                                 "c": {"anyOf": [itself, {"type": "string"}]}}  # fmt: skip


def test_recursion_that_is_legal_is_compared() -> None:
    base, new = small(), small()
    _make_recursive(base)
    _make_recursive(new)
    assert compare(base, new).findings == ()
    _fill(new)["properties"]["count"]["type"] = "string"
    assert [each.rule.id for each in compare(base, new).findings] == ["response-type-changed"]


def _make_exponential(new: dict[str, Any]) -> None:
    """Two ways at each of 60 steps: 2^60 schemas when written out."""
    schemas = new["components"]["schemas"]
    for n in range(60):
        to = {"$ref": f"#/components/schemas/S{n + 1}"}
        schemas[f"S{n}"] = {"properties": {"a": to, "b": to}}
        schemas[f"T{n}"] = {"allOf": [{"$ref": f"#/components/schemas/T{n + 1}"}] * 2}
        schemas[f"U{n}"] = {"oneOf": [{"$ref": f"#/components/schemas/U{n + 1}"}, to]}
    schemas |= {"S60": {"type": "string"}, "T60": {"type": "string"}, "U60": {"type": "string"}}
    _fill(new)["properties"] |= {
        name: {"$ref": f"#/components/schemas/{name.upper()}0"} for name in "stu"
    }


def test_a_document_that_explodes_when_written_out_is_compared_within_bounds(
    tmp_path: Path,
) -> None:
    new = small()
    _make_exponential(new)
    base = files(tmp_path)[0]
    grown = tmp_path / "ladder.json"
    grown.write_text(json.dumps(new), "utf-8")
    process = run(base, str(grown))
    assert (process.returncode, process.stderr) == (1, "")
    again = run(str(grown), str(grown))
    assert (again.returncode, again.stderr) == (0, "")


@pytest.mark.parametrize("name", ["an alias bomb", "deep json", "a huge file", "python in yaml"])
def test_a_bomb_ends_with_one_line_and_status_3(name: str, tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_bytes(BROKEN[name][0])
    process = run(files(tmp_path)[0], str(bad))
    assert (process.returncode, process.stdout) == (3, "")
    assert process.stderr.startswith("drift: cannot compare: bad.yaml: ")
    assert process.stderr.count("\n") == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["$ref", "type", "properties", "items", "allOf", "enum", "required", "a"]),
        inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
PLACES: list[Callable[[dict[str, Any], Any], object]] = [
    lambda new, value: new.update(servers=value),
    lambda new, value: new.update(security=value),
    lambda new, value: new.update(components=value),
    lambda new, value: new["paths"].update({"/portfolio/fills": value}),
    lambda new, value: _get(new).update(parameters=value),
    lambda new, value: _get(new).update(requestBody=value),
    lambda new, value: _get(new).update(responses=value),
    lambda new, value: _get(new).update(security=value),
    lambda new, value: _get(new)["parameters"][0].update(schema=value),
    lambda new, value: new["components"]["schemas"].update(Fill=value),
    lambda new, value: _fill(new)["properties"].update(side=value),
    lambda new, value: _fill(new).update(additionalProperties=value),
]


@given(place=st.sampled_from(PLACES), value=JSON)
@settings(max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_json_anywhere_gives_findings_or_a_clear_refusal(place: Any, value: Any) -> None:
    new = small()
    place(new, value)
    for pair in ((small(), new), (new, small()), (new, json.loads(json.dumps(new)))):
        with contextlib.suppress(CannotCompare):
            compare(*pair)


SCHEMA = "/components/schemas/Fill"
LIMIT = "/paths/~1portfolio~1fills/get/parameters/0"


def _schema(**keywords: Any) -> Any:
    return lambda new: new["components"]["schemas"]["Fill"].update(keywords)


def _limit(**keywords: Any) -> Any:
    return lambda new: _get(new)["parameters"][0].update(keywords)


@pytest.mark.parametrize(
    ("edit", "at"),
    [
        (_limit(required="true"), f"{LIMIT}/required"),
        (_limit(required=1), f"{LIMIT}/required"),
        (_limit(deprecated="yes"), f"{LIMIT}/deprecated"),
        (_limit(explode="false"), f"{LIMIT}/explode"),
        (_limit(style=1), f"{LIMIT}/style"),
        (_limit(**{"in": "qeury"}), f"{LIMIT}/in"),
        (_limit(**{"in": "body"}), f"{LIMIT}/in"),
        (_limit(schema=[]), f"{LIMIT}/schema"),
        (_limit(schema="integer"), f"{LIMIT}/schema"),
        (lambda new: _get(new).update(deprecated="true"), "/paths/~1portfolio~1fills/get/deprecat"),
        (lambda new: _get(new).update(requestBody={"required": "false"}), "/requestBody/required"),
        (_schema(nullable="true"), f"{SCHEMA}/nullable"),
        (_schema(nullable=None), f"{SCHEMA}/nullable"),
        (_schema(type=5), f"{SCHEMA}/type"),
        (_schema(type=None), f"{SCHEMA}/type"),
        (_schema(type={}), f"{SCHEMA}/type"),
        (_schema(type=[]), f"{SCHEMA}/type"),
        (_schema(type="strnig"), f"{SCHEMA}/type"),
        (_schema(type=["string", 5]), f"{SCHEMA}/type"),
        (_schema(required=True), f"{SCHEMA}/required"),
        (_schema(required="count"), f"{SCHEMA}/required"),
        (_schema(required=[5]), f"{SCHEMA}/required"),
        (_schema(enum="yes"), f"{SCHEMA}/enum"),
        (_schema(enum={"a": 1}), f"{SCHEMA}/enum"),
        (_schema(format=7), f"{SCHEMA}/format"),
        (_schema(pattern=7), f"{SCHEMA}/pattern"),
        (_schema(minimum="0"), f"{SCHEMA}/minimum"),
        (_schema(maximum=True), f"{SCHEMA}/maximum"),
        (_schema(exclusiveMinimum="true"), f"{SCHEMA}/exclusiveMinimum"),
        (_schema(multipleOf=0), f"{SCHEMA}/multipleOf"),
        (_schema(maxLength=-1), f"{SCHEMA}/maxLength"),
        (_schema(minItems=1.5), f"{SCHEMA}/minItems"),
        (_schema(uniqueItems="true"), f"{SCHEMA}/uniqueItems"),
        (_schema(readOnly="true"), f"{SCHEMA}/readOnly"),
        (_schema(writeOnly=0), f"{SCHEMA}/writeOnly"),
        (_schema(properties=["count"]), f"{SCHEMA}/properties"),
        (_schema(properties={"count": 5}), f"{SCHEMA}/properties/count"),
        (_schema(items=[{}]), f"{SCHEMA}/items"),
        (_schema(allOf={}), f"{SCHEMA}/allOf"),
        (_schema(anyOf=["string"]), f"{SCHEMA}/anyOf/0"),
        (_schema(additionalProperties="false"), f"{SCHEMA}/additionalProperties"),
        (_schema(discriminator="kind"), f"{SCHEMA}/discriminator"),
    ],
)  # fmt: skip
def test_a_keyword_of_the_wrong_json_type_is_no_verdict_and_named_by_its_pointer(
    edit: Any, at: str
) -> None:
    bad = small()
    edit(bad)
    for pair in ((small(), bad), (bad, small())):
        with pytest.raises(CannotCompare, match=re.escape(at)):
            compare(*pair)


def test_a_field_may_be_called_like_a_keyword() -> None:
    new = small()
    names = ("required", "type", "nullable", "enum", "properties", "$ref")
    fields = new["components"]["schemas"]["Fill"]["properties"]
    fields.update({name: {"type": "string"} for name in names})
    assert len(compare(small(), new).findings) == len(names)
