"""Mutations of a schema itself, with the expected verdicts for the sender and the reader.

The reasoning is from the wire: a client keeps sending what BASE allowed and keeps reading what
BASE promised. B breaking, R risky, C compatible, D deprecation, N note, None nothing at all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import frozen

from .editing import updated, without
from .sites import Site

B, R, C, D, N = "breaking", "risky", "compatible", "deprecation", "note"
Schema = dict[str, Any]


@frozen
class SchemaMutation:
    """A mutation of one schema and the severity for who sends and for who receives the value."""

    name: str
    applies: Callable[[Schema, Site], bool]
    edit: Callable[[Schema], Schema]
    sent: str | None
    received: str | None


def _type(*names: str) -> Callable[[Schema, Site], bool]:
    return lambda schema, site: schema.get("type") in names


def _plain(name: str, *without_words: str) -> Callable[[Schema, Site], bool]:
    """Apply to schemas of a type that do not already say some words."""
    words = (*without_words, "enum")
    return lambda schema, site: schema.get("type") == name and not set(words) & set(schema)


def _has(word: str, *values: Any) -> Callable[[Schema, Site], bool]:
    return lambda schema, site: word in schema and (not values or schema[word] in values)


def _set(**items: Any) -> Callable[[Schema], Schema]:
    return lambda schema: updated(schema, items)


def _drop(*words: str) -> Callable[[Schema], Schema]:
    return lambda schema: without(schema, *words)


_NUMBERS = ("integer", "number")


def _other_type(schema: Schema) -> Schema:
    kept = {word: schema[word] for word in ("nullable", "deprecated") if word in schema}
    return {**kept, "type": "boolean" if schema["type"] in _NUMBERS else "integer"}


def _admits_null(schema: Schema) -> bool:
    inner = [*schema.get("allOf", []), *schema.get("anyOf", []), *schema.get("oneOf", [])]
    return schema.get("nullable") is True or any(_admits_null(each) for each in inner)


def _has_keyword(schema: Schema, word: str) -> bool:
    return word in schema or any(_has_keyword(each, word) for each in schema.get("allOf", []))


def _can_become_null(schema: Schema, site: Site) -> bool:
    typed = "type" in schema or "anyOf" in schema
    return typed and not site.null_above and not _admits_null(schema)


def _null_can_go(schema: Schema, site: Site) -> bool:
    rest = without(schema, "nullable")
    return schema.get("nullable") is True and not site.null_above and not _admits_null(rest)


def _no_default(schema: Schema, site: Site) -> bool:
    known = site.default_above or _has_keyword(schema, "default") or site.in_union
    return schema.get("type") in ("string", "integer", "boolean") and not known


def _not_deprecated(schema: Schema, site: Site) -> bool:
    return not site.deprecated_above and not _has_keyword(schema, "deprecated")


def _outside_union(schema: Schema, site: Site) -> bool:
    """Apply outside unions, where a form would be taken for another."""
    return "type" in schema and not site.in_union


def _members(count: int) -> Callable[[Schema, Site], bool]:
    return lambda schema, site: len(schema.get("enum", [])) >= count


def _open_object(schema: Schema, site: Site) -> bool:
    return schema.get("type") == "object" and "additionalProperties" not in schema


def _tighter(word: str) -> Callable[[Schema], Schema]:
    step = 1 if word.startswith("min") else -1
    return lambda schema: updated(schema, {word: schema[word] + step})


def _looser(word: str) -> Callable[[Schema], Schema]:
    step = -1 if word.startswith("min") else 1
    return lambda schema: updated(schema, {word: schema[word] + step})


def _with_another_variant(schema: Schema) -> Schema:
    return {"oneOf": [schema, {"type": "object", "required": ["k"], "properties": {"k": {}}}]}


def _wrapped(**items: Any) -> Callable[[Schema], Schema]:
    return lambda schema: {"allOf": [schema], **items}


_SCALARS = ("string", "integer", "number", "boolean")
_BOUND_WORDS = ("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems")

SCHEMA_MUTATIONS: tuple[SchemaMutation, ...] = (
    # Another JSON type: every value sent is wrong, no value received is right.
    SchemaMutation("type replaced", _type(*_SCALARS, "array", "object"), _other_type, B, B),
    SchemaMutation("integer became number", _type("integer"), _set(type="number"), C, B),
    SchemaMutation("list became its element", lambda s, _: s.get("type") == "array" and
              s["items"].get("type") != "array", lambda s: s["items"], B, B),
    SchemaMutation("another form beside it", lambda s, site: _outside_union(s, site) and
              not {"default", "deprecated"} & set(s), _with_another_variant, C, B),
    # Null: a reader never met it before; a sender who never sends it does not care.
    SchemaMutation("null allowed", _can_become_null, _set(nullable=True), C, B),
    SchemaMutation("null allowed, as a list of types", lambda s, site: isinstance(s.get("type"), str)
              and "enum" not in s and _can_become_null(s, site),
              lambda s: updated(s, {"type": [s["type"], "null"]}), C, B),
    SchemaMutation("null forbidden", _null_can_go, _drop("nullable"), B, C),
    # Formats: readers parse by them, senders must obey them.
    SchemaMutation("text format removed", _has("format", "date-time", "uuid"), _drop("format"), C, B),
    SchemaMutation("text format changed", _has("format", "date-time"), _set(format="date"), B, B),
    SchemaMutation("text format demanded", _plain("string", "format"), _set(format="uuid"), B, C),
    SchemaMutation("size halved", _has("format", "int64"), _set(format="int32"), B, C),
    SchemaMutation("size doubled", _has("format", "int32"), _set(format="int64"), C, R),
    SchemaMutation("usual size no longer stated", _has("format", "int64"), _drop("format"), N, N),
    SchemaMutation("usual size stated", _plain("integer", "format"), _set(format="int64"), N, N),
    # Enums: a new answer falls through a match, a lost member can no longer be sent.
    SchemaMutation("enum grew", _members(1),
              lambda s: updated(s, {"enum": [*s["enum"], "brand_new"]}), C, R),
    SchemaMutation("enum shrank", _members(2), lambda s: updated(s, {"enum": s["enum"][1:]}), B, C),
    SchemaMutation("enum member renamed", _members(1),
              lambda s: updated(s, {"enum": ["brand_new", *s["enum"][1:]]}), B, R),
    SchemaMutation("enum opened", _members(1), _drop("enum"), C, R),
    SchemaMutation("enum closed", _plain("string", "format"), _set(enum=["a", "b"]), B, C),
    # Bounds: a sender may be beyond a tighter one, a reader beyond a looser one.
    SchemaMutation("length limited", _plain("string", "maxLength"), _set(maxLength=5), B, C),
    SchemaMutation("emptiness forbidden", _plain("string", "minLength"), _set(minLength=1), B, C),
    SchemaMutation("pattern demanded", _plain("string", "pattern"), _set(pattern="^[A-Z]+$"), B, C),
    SchemaMutation("maximum set", _plain("integer", "maximum"), _set(maximum=7), B, C),
    SchemaMutation("minimum set", _plain("integer", "minimum"), _set(minimum=7), B, C),
    SchemaMutation("step set", _plain("integer", "multipleOf"), _set(multipleOf=5), B, C),
    SchemaMutation("list shortened", _plain("array", "maxItems"), _set(maxItems=3), B, C),
    SchemaMutation("list must have something", _plain("array", "minItems"), _set(minItems=1), B, C),
    SchemaMutation("list without repeats", _plain("array", "uniqueItems"), _set(uniqueItems=True), B, C),
    SchemaMutation("object must have something", _plain("object", "minProperties"),
              _set(minProperties=1), B, C),
    *(SchemaMutation(f"{w} removed", _has(w), _drop(w), C, R) for w in _BOUND_WORDS),
    *(SchemaMutation(f"{w} tightened", _has(w), _tighter(w), B, C) for w in _BOUND_WORDS),
    *(SchemaMutation(f"{w} loosened", _has(w), _looser(w), C, R) for w in _BOUND_WORDS),
    SchemaMutation("minimum made exclusive", _has("minimum"), _set(exclusiveMinimum=True), B, C),
    SchemaMutation("pattern changed", _has("pattern"), _set(pattern="^other$"), B, R),
    # Defaults: leaving a value out means something else; nothing of it is sent back.
    SchemaMutation("default set", _no_default, lambda s: updated(s, {"default": _sample_value(s)}), R, N),
    SchemaMutation("default changed", lambda s, site: "default" in s and not site.default_above,
              lambda s: updated(s, {"default": _other_value(s["default"])}), R, N),
    SchemaMutation("default removed", lambda s, site: "default" in s and not site.default_above,
              _drop("default"), R, N),
    SchemaMutation("deprecated", _not_deprecated, _set(deprecated=True), D, D),
    SchemaMutation("deprecated by a wrapper", lambda s, site: _not_deprecated(s, site) and _outside_union(s, site),
              _wrapped(deprecated=True), D, D),
    SchemaMutation("no longer deprecated", lambda s, site: s.get("deprecated") is True
              and not site.deprecated_above, _drop("deprecated"), N, N),
    # Unnamed fields: nobody documents them, so nobody may count on them.
    SchemaMutation("unnamed fields refused", _open_object, _set(additionalProperties=False), R, C),
    SchemaMutation("unnamed fields of one type", _open_object,
              _set(additionalProperties={"type": "string"}), B, C),
    SchemaMutation("map closed", lambda s, _: isinstance(s.get("additionalProperties"), dict)
              and bool(s["additionalProperties"]), _set(additionalProperties=False), B, B),
    SchemaMutation("closed object became a map", _has("additionalProperties", False),
              _set(additionalProperties={"type": "string"}), C, R),
    SchemaMutation("map may hold anything", lambda s, _: isinstance(s.get("additionalProperties"), dict)
              and bool(s["additionalProperties"]), _drop("additionalProperties"), C, B),
    # A word that nobody here judges must at least be seen.
    SchemaMutation("unknown word", lambda s, site: _outside_union(s, site) and s["type"] == "object",
              _set(patternProperties={"^x": {"type": "string"}}), R, R),
    SchemaMutation("forms may overlap", _has("oneOf"),
              lambda s: {**without(s, "oneOf"), "anyOf": s["oneOf"]}, R, R),
    SchemaMutation("form gone", lambda s, site: len(s.get("oneOf", [])) > 1,
              lambda s: updated(s, {"oneOf": s["oneOf"][:-1]}), B, C),
    SchemaMutation("form added", _has("anyOf"),
              lambda s: updated(s, {"anyOf": [*s["anyOf"], {"type": "array", "items": {}}]}), C, B),
)  # fmt: skip


def _sample_value(schema: Schema) -> Any:
    first = schema["enum"][0] if schema.get("enum") else None
    return first or {"string": "x", "integer": 3, "boolean": True}[schema["type"]]


def _other_value(value: Any) -> Any:
    return value + 1 if isinstance(value, int) and not isinstance(value, bool) else "something else"
