"""Compare how two schemas are made: fields, elements, unnamed properties, forms of a union."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

from kalshi_ext.drift.difference import REQUEST, Difference
from kalshi_ext.drift.facets import compare_outside, compare_values
from kalshi_ext.drift.forms import compare_forms
from kalshi_ext.drift.schema import Field, Schema, anything


@frozen(eq=False)
class Child:
    """A pair of inner schemas to compare, and the step that leads to it from outside."""

    step: str
    base: Schema
    new: Schema


@frozen(eq=False)
class Comparison:
    """What differs between two schemas themselves, and what is inside them."""

    differences: tuple[Difference, ...]
    children: tuple[Child, ...]


def compare_schemas(base: Schema, new: Schema, direction: str) -> Comparison:
    """Compare two schemas, one level deep, as sent (request) or as received (response)."""
    apart = _one_is_a_union(base, new)
    values = list((compare_outside if apart else compare_values)(base, new))
    if any(found.rule == "type-changed" for found in values):
        return Comparison(tuple(_directed(values, direction)), ())
    parts = [] if apart else list(_parts(base, new, direction))
    forms, pairs = compare_forms(base, new)
    parts += forms
    parts += [Child("", b.form, n.form) if apart else Child("", b, n) for b, n in pairs]
    found = values + [part for part in parts if isinstance(part, Difference)]
    children = tuple(part for part in parts if isinstance(part, Child))
    return Comparison(tuple(_directed(found, direction)), children)


def _one_is_a_union(base: Schema, new: Schema) -> bool:
    """Tell whether a plain schema stands against a union, to be compared with its forms."""
    return (base.is_only_a_union and not new.unions) or (new.is_only_a_union and not base.unions)


def _parts(base: Schema, new: Schema, direction: str) -> Iterator[Difference | Child]:
    yield from _fields(base, new, direction)
    yield from _items(base, new)
    yield from _extras(base, new)


def _directed(found: list[Difference], direction: str) -> Iterator[Difference]:
    for each in found:
        yield Difference(
            f"{direction}-{each.rule}", each.base, each.new, each.name, each.before, each.after
        )


def _fields(base: Schema, new: Schema, direction: str) -> Iterator[Difference | Child]:
    mine, theirs = _travelling(base, direction), _travelling(new, direction)
    for name in dict.fromkeys([*mine, *theirs]):
        before, after = mine.get(name), theirs.get(name)
        if before and after:
            yield from _field_pair(name, before, after)
        elif before:
            at = new.where("properties")
            yield _field_alone("field-removed", name, before, before.pointer, at)
        elif after:
            at = base.where("properties")
            yield _field_alone("field-added", name, after, at, after.pointer)


def _travelling(schema: Schema, direction: str) -> dict[str, Field]:
    """List the fields that go this way: nobody sends readOnly or receives writeOnly ones."""
    kept_back = "readOnly" if direction == REQUEST else "writeOnly"
    return {n: each for n, each in schema.fields.items() if not each.schema.flag(kept_back)}


def _field_alone(rule: str, name: str, field: Field, base: str, new: str) -> Difference:
    kind = "required" if field.required else "optional"
    return Difference(f"{rule}-{kind}", base, new, name)


def _field_pair(name: str, before: Field, after: Field) -> Iterator[Difference | Child]:
    if before.required != after.required:
        rule = "field-became-required" if after.required else "field-became-optional"
        yield Difference(rule, before.pointer, after.pointer, name)
    yield Child(f".{name}", before.schema, after.schema)


def _items(base: Schema, new: Schema) -> Iterator[Child]:
    if base.items or new.items:
        yield Child("[]", base.items or anything(base), new.items or anything(new))


def _extras(base: Schema, new: Schema) -> Iterator[Difference | Child]:
    before, after = base.extras, new.extras
    if isinstance(before, Schema) and isinstance(after, Schema):
        yield Child("{}", before, after)
        return
    rule = f"extras-{_openness(before)}-{_openness(after)}"
    if _openness(before) != _openness(after):
        words = ("additionalProperties", "unevaluatedProperties")
        yield Difference(rule, base.where(*words), new.where(*words))


def _openness(extras: Schema | bool) -> str:
    return "typed" if isinstance(extras, Schema) else "open" if extras else "closed"
