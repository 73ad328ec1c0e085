"""The derived types: both contracts in one module, whatever names the exchange uses."""

from __future__ import annotations

import copy
import pickle
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import contract_types as derive  # the script, as make generate uses it
import pytest
from documents_for_spec import ROOT
from hypothesis import given
from hypothesis import strategies as st

from kalshi_ext.contract import types
from kalshi_ext.drift.documents import document
from kalshi_ext.values.enums import OpenEnum

BOTH = [document("current"), document("classic")]


def schemas(**named: Any) -> dict[str, Any]:
    return {"components": {"schemas": named}}


def test_the_committed_module_is_the_derived_one() -> None:
    path = ROOT / "kalshi_ext" / "contract" / "types.py"
    assert derive.types_module(BOTH) == path.read_text(encoding="utf-8")


def test_every_schema_of_both_contracts_has_its_type() -> None:
    for contract in BOTH:
        for name, schema in contract["components"]["schemas"].items():
            if schema.get("type") == "object":
                fields = getattr(types, name).__annotations__
                assert set(schema.get("properties", {})) <= set(fields)
            elif "enum" in schema:
                values = {member.value for member in getattr(types, name)}
                assert set(schema["enum"]) <= values


def test_all_types_resolve() -> None:
    for name, value in vars(types).items():
        if isinstance(value, type) and value.__module__ == types.__name__:
            assert typing.get_type_hints(value) is not None, name


def test_a_field_both_contracts_have_takes_the_types_of_both() -> None:
    one = schemas(Order={"type": "object", "properties": {"count": {"type": "integer"}}})
    two = schemas(Order={"type": "object", "properties": {"count": {"type": "string"}}})
    assert "    count: str | int\n" in derive.types_module([one, two])


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({"type": "string"}, "str"),
        ({"type": "string", "format": "date-time"}, "str"),
        ({"type": "string", "nullable": True}, "str | None"),
        ({"type": "integer"}, "int"),
        ({"type": "number"}, "int | Decimal"),
        ({"type": "boolean"}, "bool"),
        ({"$ref": "#/components/schemas/Side"}, "str"),
        ({"$ref": "#/components/schemas/Other"}, "Other"),
        ({"allOf": [{"$ref": "#/components/schemas/Other"}], "nullable": True}, "Other | None"),
        ({"anyOf": [{"$ref": "#/components/schemas/Side"}, {"type": "string"}]}, "str"),
        ({"anyOf": [{"$ref": "#/components/schemas/Other"}, {"type": "string"}]}, "Other | str"),
        ({"type": "array", "items": {"type": "integer"}}, "list[int]"),
        ({"type": "array", "items": {"$ref": "#/components/schemas/Other"}}, "list[Other]"),
        ({"type": "array"}, "list[object]"),
        ({"type": "object"}, "dict[str, object]"),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, "dict[str, int]"),
        ({"nullable": True}, "object | None"),
        ({}, "object"),
    ],
)
def test_a_schema_has_the_type_of_its_decoded_json(schema: dict[str, Any], kind: str) -> None:
    side = {"type": "string", "enum": ["yes"]}
    named = schemas(
        Answer={"type": "object", "properties": {"p": schema}}, Side=side, Other={"type": "object"}
    )
    assert f"    p: {kind}\n" in derive.types_module([named])


NAMES = st.text(max_size=8) | st.sampled_from(
    [
        "class",
        "str",
        "list",
        "a b",
        "ﬁ",
        "__x",
        "",
        "é",
        '"',
        "\\",
        "p: int\n    import os",
        "None",
        "__x__",
    ]
)


@given(st.dictionaries(NAMES, st.just({"type": "integer"}), max_size=3), st.lists(NAMES))
def test_any_name_of_a_field_or_member_is_data_and_never_code(
    fields: dict[str, Any], members: list[str]
) -> None:
    enum = {"type": "string", "enum": [f"{n}{member}" for n, member in enumerate(members)]}
    text = derive.types_module(
        [schemas(Answer={"type": "object", "properties": fields}, Enum=enum)]
    )
    names: dict[str, Any] = {"__name__": "derived"}
    exec(compile(text, "derived", "exec"), names)
    assert set(names["Answer"].__annotations__) == set(fields)
    if members:
        assert [member.value for member in names["Enum"]] == sorted(enum["enum"])


def test_the_check_finds_a_hand_edit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert derive.main(["--check"]) == 0
    (tmp_path / "openapi").symlink_to(ROOT / "openapi")
    (tmp_path / "kalshi_ext" / "contract").mkdir(parents=True)
    edited = tmp_path / "kalshi_ext" / "contract" / "types.py"
    edited.write_text("# by hand\n")
    monkeypatch.setattr(derive, "ROOT", tmp_path)
    assert derive.main(["--check"]) == 1
    assert edited.read_text() == "# by hand\n"
    assert derive.main([]) == 0
    assert edited.read_text(encoding="utf-8") == derive.types_module(BOTH)


class Colour(OpenEnum):
    RED = "red"
    NONE = "none"


def same(value: Colour) -> Colour:
    return value


def pickled(value: Colour) -> Colour:
    found: Colour = pickle.loads(pickle.dumps(value))
    return found


@pytest.mark.parametrize("through", [same, pickled, copy.copy, copy.deepcopy])
@given(text=st.text() | st.sampled_from(["red", "none", "RED", ""]))
def test_an_open_enum_holds_any_text(through: Callable[[Colour], Colour], text: str) -> None:
    value = through(Colour(text))
    assert isinstance(value, Colour)
    assert value.value == text
    assert str(value) == text
    assert value == text == value
    assert hash(value) == hash(text)
    assert value == Colour(text)
    assert {value: 1}[Colour(text)] == 1
    assert value.known is (text in ("red", "none"))
    assert (value is Colour.RED) is (text == "red")


def test_an_unknown_member_is_no_member_of_the_class() -> None:
    value = Colour("blue")
    assert list(Colour) == [Colour.RED, Colour.NONE]
    assert value.name == ""
    assert value != Colour.RED
    assert repr(value) == "<Colour.unknown: 'blue'>"
    assert repr(Colour.RED) == "<Colour.RED: 'red'>"
    assert f"{value}" == "blue"


@pytest.mark.parametrize("value", [None, 1, b"red", ["red"], Ellipsis])
def test_what_is_not_text_is_no_member(value: Any) -> None:
    with pytest.raises(ValueError, match="is not a valid Colour"):
        Colour(value)


def test_members_of_two_enums_are_equal_by_text_as_strings_are() -> None:
    class Other(OpenEnum):
        RED = "red"

    assert Colour.RED == Other.RED == "red"
