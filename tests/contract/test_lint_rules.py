"""Lint finds each trap of the generator, and nothing in a good document."""

from __future__ import annotations

from typing import Any

import pytest
from contract.lint import lint, lint_text
from contract.naming import snake
from documents_for_spec import small

from kalshi_ext.drift.documents import document

ERROR = {"description": "no", "content": {"application/json": {"schema": {"type": "object"}}}}
GOOD: dict[str, Any] = {"type": "object", "description": "An answer."}
COLOUR: dict[str, Any] = {"type": "string", "enum": ["red"], "description": "A colour."}


def with_schema(schema: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A document with nothing to find but what the schema brings."""
    source = small(Answer={"description": "An answer.", **schema}, **more)
    operation = source["paths"]["/portfolio/thing"]["get"]
    operation |= {"summary": "Read a thing", "description": "It is a thing."}
    operation["responses"]["400"] = ERROR
    return source


def with_property(schema: dict[str, Any], name: str = "p", **more: Any) -> dict[str, Any]:
    props = {name: {"description": "A word.", **schema}}
    return with_schema({"type": "object", "properties": props}, **more)


def with_operation(**changes: Any) -> dict[str, Any]:
    source = with_schema({"type": "object"})
    source["paths"]["/portfolio/thing"]["get"] |= changes
    return source


def with_parameter(**changes: Any) -> dict[str, Any]:
    parameter = {"name": "q", "in": "query", "description": "A word.", "schema": {"type": "string"}}
    return with_operation(parameters=[parameter | changes])


def enum_of(*members: Any, **more: Any) -> dict[str, Any]:
    return with_schema({"type": "object"}, Colour={**COLOUR, "enum": list(members), **more})


REF = {"$ref": "#/components/schemas/Text"}
TEXT = {"type": "string", "description": "Text."}

TRAPS: list[tuple[str, dict[str, Any]]] = [
    ("ref-siblings", with_property(REF, Text=TEXT)),
    ("ref-siblings", with_schema({**REF, "nullable": True}, Text=TEXT)),
    ("inline-enum", with_property({"type": "string", "enum": ["a"]})),
    ("inline-enum", with_parameter(schema={"type": "string", "enum": ["a"]})),
    ("nullable-enum", enum_of("red", nullable=True)),
    ("nullable-enum", enum_of("red", None)),
    ("enum-members", enum_of("red", "Red")),
    ("enum-members", enum_of("a-b", "a_b")),
    ("enum-members", enum_of(1.5, 2.5)),
    ("enum-members", enum_of("a", 1)),
    ("title", with_property({"type": "string", "title": "Word"})),
    ("title", with_schema({"type": "object", "title": "Other"})),
    ("property-name", with_property({"type": "string"}, name="d")),
    ("property-name", with_property({"type": "string"}, name="cls")),
    ("property-name", with_property({"type": "string"}, name="additional_properties")),
    ("required-unknown", with_schema({"type": "object", "required": ["x"], "properties": {}})),
    ("untyped", with_property({})),
    ("untyped", with_property({"nullable": True})),
    ("nullable-untyped", with_property({"nullable": True})),
    ("default", with_property({"type": "integer", "default": 0})),
    ("default", with_parameter(schema={"type": "integer", "default": 100})),
    ("float", with_property({"type": "number"})),
    ("inline-object", with_property({"type": "object", "properties": {"a": TEXT}})),
    ("array-items", with_property({"type": "array"})),
    ("undescribed", with_property({"type": "string", "description": " "})),
    ("undescribed", with_schema({"type": "object", "description": ""})),
    ("undescribed", with_operation(summary="")),
    ("undescribed", with_operation(description="")),
    ("undescribed", with_parameter(description="")),
    ("vendor-extension", with_property({"type": "string", "x-enum-varnames": ["A"]})),
    ("operation-id", with_operation(operationId="")),
    ("tag", with_operation(tags=[])),
    ("tag", with_operation(tags=["a", "b"])),
    ("error-body", with_operation(responses={"404": {"description": "gone"}})),
    ("error-body", with_operation(responses={"5XX": {"description": "gone"}})),
    ("error-body", with_operation(responses={"404": {**ERROR, "description": ""}})),
    ("explode", with_parameter(schema={"type": "array", "items": TEXT}, explode=False)),
    ("explode", with_parameter(schema={"type": "array", "items": TEXT}, style="pipeDelimited")),
    ("name-clash", with_schema({"type": "object"}, Order_V2=GOOD, OrderV2=GOOD)),
]


@pytest.mark.parametrize(("rule", "trap"), TRAPS, ids=[f"{i}-{t[0]}" for i, t in enumerate(TRAPS)])
def test_a_trap_is_found_and_nothing_else(rule: str, trap: dict[str, Any]) -> None:
    rules = {finding.rule for finding in lint(trap)}
    allowed = {rule, "untyped"} if rule == "nullable-untyped" else {rule}
    if rule == "untyped":
        allowed.add("nullable-untyped")
    assert rule in rules
    assert rules <= allowed


def test_every_rule_has_a_trap_here() -> None:
    from contract.lint import OPERATION_RULES, PARAMETER_RULES, SCHEMA_RULES

    rules = {*OPERATION_RULES, *PARAMETER_RULES, *SCHEMA_RULES, "vendor-extension", "name-clash"}
    assert rules == {rule for rule, _ in TRAPS}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "nullable": True},
        {"allOf": [REF], "nullable": True},
        {"anyOf": [REF, {"type": "string"}]},
        {"type": "array", "items": REF},
        {"type": "string", "deprecated": True},
    ],
)
def test_a_sound_property_is_no_finding(schema: dict[str, Any]) -> None:
    assert lint(with_property(schema, Text=TEXT)) == []


def test_a_sound_document_is_no_finding() -> None:
    assert lint(with_schema({"type": "object"}, Colour=COLOUR)) == []
    assert lint(with_parameter(schema={"type": "array", "items": {"type": "string"}})) == []


def test_a_finding_says_where() -> None:
    [finding] = lint(with_property({"type": "number"}))
    assert str(finding) == (
        "/components/schemas/Answer/properties/p: "
        "type number is a float: use integer, or decimal text [float]"
    )


def test_two_operations_that_become_one_module_are_found() -> None:
    source = with_schema({"type": "object"})
    twin = dict(source["paths"]["/portfolio/thing"]["get"], operationId="get_thing")
    source["paths"]["/portfolio/other"] = {"get": twin}
    assert [finding.rule for finding in lint(source)] == ["name-clash"]


def test_the_exchanges_own_document_has_traps_that_the_overlay_takes_out() -> None:
    rules = {finding.rule for finding in lint(document("upstream"))}
    assert {"default", "error-body", "undescribed"} <= rules
    assert not {"ref-siblings", "inline-enum", "inline-object", "title", "vendor-extension"} & rules


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("a: 2026-11-22", ["2026-11-22"]),
        ("a: [yes, 'no', \"on\", Off]", ["yes", "Off"]),
        ("200: ok", []),
        ("no: 1", ["no"]),
        ("a: 012", ["012"]),
        ("a: 1_000", ["1_000"]),
        ("a: 12:30", ["12:30"]),
        ("a: 0x1F\nb: 3\nc: 1.5\nd: true\ne: ~\nf: some words", []),
    ],
)
def test_a_scalar_that_old_readers_misread_must_be_quoted(text: str, quoted: list[str]) -> None:
    messages = [finding.message for finding in lint_text(text)]
    assert messages == [f"quote {word!r}" for word in quoted]


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("CreateOrderV2", "create_order_v2"),
        ("getOrder", "get_order"),
        ("GetAccountApiLimits", "get_account_api_limits"),
        ("order-groups", "order_groups"),
        ("HTTPError", "http_error"),
    ],
)
def test_names_become_modules_as_the_generator_makes_them(name: str, module: str) -> None:
    assert snake(name) == module
