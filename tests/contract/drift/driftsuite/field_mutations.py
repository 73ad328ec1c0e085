"""Mutations of a field of an object, and of parameters, with their reasoned verdicts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import frozen

from .editing import updated, without
from .schema_mutations import B, C, D, N, R

Schema = dict[str, Any]


@frozen
class FieldMutation:
    """A mutation of one field of an object schema."""

    name: str
    applies: Callable[[Schema, str], bool]
    edit: Callable[[Schema, str], Schema]
    sent: str | None
    received: str | None


def _is_required(owner: Schema, name: str) -> bool:
    return name in owner.get("required", [])


def _fields(owner: Schema, fields: dict[str, Any]) -> Schema:
    return updated(owner, {"properties": fields})


def _require(owner: Schema, names: list[str]) -> Schema:
    return updated(owner, {"required": names}) if names else without(owner, "required")


def _removed(owner: Schema, name: str) -> Schema:
    left = _fields(owner, without(owner["properties"], name))
    return _require(left, [each for each in owner.get("required", []) if each != name])


def _replaced(owner: Schema, name: str) -> Schema:
    """An integer gives way to a fixed-point string under a new name, as happened in 2026."""
    return _added(_removed(owner, name), f"{name}_fp", required=_is_required(owner, name))


def _added(owner: Schema, name: str, *, required: bool) -> Schema:
    more = _fields(owner, {**owner["properties"], name: {"type": "string"}})
    return _require(more, [*owner.get("required", []), *([name] if required else [])])


def _renamed(owner: Schema, name: str) -> Schema:
    fields = {f"{k}_x" if k == name else k: v for k, v in owner["properties"].items()}
    names = [f"{k}_x" if k == name else k for k in owner.get("required", [])]
    return _require(_fields(owner, fields), names)


def _marked(word: str) -> Callable[[Schema, str], Schema]:
    def edit(owner: Schema, name: str) -> Schema:
        marked = {"allOf": [owner["properties"][name]], word: True}
        return _fields(owner, {**owner["properties"], name: marked})

    return edit


def _everywhere(owner: Schema, name: str) -> bool:
    return True


def _unmarked(owner: Schema, name: str) -> bool:
    return "deprecated" not in str(owner["properties"][name])


FIELD_MUTATIONS: tuple[FieldMutation, ...] = (
    FieldMutation("field removed", _everywhere, _removed, B, B),
    FieldMutation("field renamed", _everywhere, _renamed, B, B),
    FieldMutation("field replaced by a fixed-point string", _everywhere, _replaced, B, B),
    FieldMutation("field became required", lambda o, n: not _is_required(o, n),
              lambda o, n: _require(o, [*o.get("required", []), n]), B, C),
    FieldMutation("field became optional", _is_required,
              lambda o, n: _require(o, [each for each in o["required"] if each != n]), C, B),
    FieldMutation("optional field added", _everywhere,
              lambda o, n: _added(o, f"{n}_new", required=False), C, C),
    FieldMutation("required field added", _everywhere,
              lambda o, n: _added(o, f"{n}_new", required=True), B, C),
    FieldMutation("field deprecated", _unmarked, _marked("deprecated"), D, D),
    # What nobody may send any more is gone for the sender, and stays for the reader.
    FieldMutation("field only in answers", _everywhere, _marked("readOnly"), B, None),
    FieldMutation("field only in requests", _everywhere, _marked("writeOnly"), None, B),
)  # fmt: skip


@frozen
class ParameterMutation:
    """A mutation of one parameter; `edit` may give none (removed) or several."""

    name: str
    applies: Callable[[Schema], bool]
    edit: Callable[[Schema], list[Schema]]
    sent: str | None


def _query(parameter: Schema) -> bool:
    return parameter["in"] == "query"


def _is_list(parameter: Schema) -> bool:
    return parameter["schema"].get("type") == "array"


def _set(**items: Any) -> Callable[[Schema], list[Schema]]:
    return lambda parameter: [updated(parameter, items)]


def _is_optional(parameter: Schema) -> bool:
    return not parameter.get("required")


def _beside(**items: Any) -> Callable[[Schema], list[Schema]]:
    new = {"name": "brand_new", "in": "query", "schema": {"type": "string"}, **items}
    return lambda parameter: [parameter, new]


def _as_content(parameter: Schema) -> list[Schema]:
    content = {"application/json": {"schema": parameter["schema"]}}
    return [{**without(parameter, "schema"), "content": content}]


def _as_list(parameter: Schema) -> list[Schema]:
    return [updated(parameter, {"schema": {"type": "array", "items": parameter["schema"]}})]


PARAMETER_MUTATIONS: tuple[ParameterMutation, ...] = (
    ParameterMutation("parameter removed", _query, lambda p: [], B),
    ParameterMutation("parameter renamed", _query, lambda p: [updated(p, {"name": p["name"] + "_x"})], B),
    ParameterMutation("parameter moved to a header", _query, _set(**{"in": "header"}), B),
    ParameterMutation("parameter became required", lambda p: _query(p) and _is_optional(p),
                  _set(required=True), B),
    ParameterMutation("parameter became optional", lambda p: _query(p) and not _is_optional(p),
                  _set(required=False), C),
    ParameterMutation("optional parameter added", lambda p: True, _beside(), C),
    ParameterMutation("required parameter added", lambda p: True, _beside(required=True), B),
    ParameterMutation("parameter deprecated", lambda p: not p.get("deprecated"),
                  _set(deprecated=True), D),
    ParameterMutation("parameter written as JSON", lambda p: True, _as_content, B),
    ParameterMutation("parameter became a list", _query, _as_list, B),
    ParameterMutation("parameter no longer deprecated", lambda p: p.get("deprecated") is True,
                  _set(deprecated=False), N),
    # One value is written the same in every style, several are not.
    ParameterMutation("style of a single value", lambda p: _query(p) and not _is_list(p),
                  _set(style="form", explode=False), N),
    ParameterMutation("style of a list", lambda p: _query(p) and _is_list(p),
                  lambda p: [updated(p, {"style": "form", "explode": not p.get("explode", True)})], B),
    ParameterMutation("empty value allowed", lambda p: _query(p) and not p.get("allowEmptyValue"),
                  _set(allowEmptyValue=True), C),
    ParameterMutation("empty value refused", lambda p: p.get("allowEmptyValue") is True,
                  _set(allowEmptyValue=False), B),
    ParameterMutation("escaping changed", _query, _set(allowReserved=True), R),
)  # fmt: skip
